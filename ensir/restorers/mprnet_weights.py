"""The weights of an MPRNet as files hold them: with one PReLU slope, once or in all its copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ensir.errors import InputError
from ensir.restorers.mprnet import MPRNet, MPRNetSettings


def state_dict_for(settings: MPRNetSettings, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `MPRNet(settings).load_state_dict` takes, made of weights as they are found in files.

    The one PReLU slope may stand there once or in all its copies. Nothing is copied. Raises
    InputError when names are missing or too many, when a shape is another, and when the copies of
    the slope differ.
    """
    with torch.device("meta"):
        wanted = {name: tuple(it.shape) for name, it in MPRNet(settings).state_dict().items()}
    network = f"an MPRNet of {settings.features} features"
    extra = [name for name in weights if name not in wanted]
    if extra:
        raise InputError(
            f"{network} has {len(wanted)} weights, got {_listed(extra)} besides: choose a file of "
            "the same network"
        )
    for name, tensor in weights.items():
        if tuple(tensor.shape) != wanted[name]:
            raise InputError(
                f"{network} has {name!r} of shape {wanted[name]}, got {tuple(tensor.shape)}: "
                "choose a file of the same network"
            )
    slopes = [name for name, shape in wanted.items() if shape == (1,)]
    found = [weights[name] for name in slopes if name in weights]
    missing = [name for name in wanted if name not in weights and (name not in slopes or not found)]
    if missing:
        raise InputError(
            f"{network} has {len(wanted)} weights, {_listed(missing)} not given: choose a file "
            "that holds the whole network"
        )
    if not all(torch.equal(slope, found[0]) for slope in found):
        raise InputError(
            f"{network} has one PReLU slope in {len(slopes)} equal copies, got "
            f"{len({slope.item() for slope in found})} different ones: choose a file of the "
            "published network"
        )
    return {name: weights.get(name, found[0]) for name in wanted}


def _listed(names: Sequence[str]) -> str:
    return repr(names[0]) + (f" and {len(names) - 1} more" if len(names) > 1 else "")
