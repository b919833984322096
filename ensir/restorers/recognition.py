"""Which network the weights in a file are for, told by their names and shapes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import torch
from torch import Tensor

from ensir.checkpoints import require_names
from ensir.errors import InputError
from ensir.restorers import mprnet, nafnet, restormer
from ensir.restorers.architectures import ARCHITECTURES, Settings
from ensir.restorers.mprnet_weights import state_dict_for
from ensir.restorers.registry import TITLES

PUBLISHED: dict[str, Mapping[str, Settings]] = {
    "mprnet": mprnet.PUBLISHED,
    "nafnet": nafnet.PUBLISHED,
    "restormer": restormer.PUBLISHED,
}


def recognised(tensors: Mapping[str, Tensor], name: str) -> tuple[str, Settings]:
    """The architecture and settings of the known network that has these weights.

    Known are the published settings and our small ones. `name` is what the file is called in the
    sentence. Raises InputError, saying what is missing or too many, when no known network has
    exactly these names and shapes.
    """
    known = [
        (architecture, settings)
        for architecture in ARCHITECTURES
        for settings in dict.fromkeys(
            [*PUBLISHED[architecture].values(), *ARCHITECTURES[architecture].ours]
        )
    ]
    nearest = max(known, key=lambda it: _likeness(tensors, layout(*it)))
    if not tensors.keys() & layout(*nearest).keys():
        raise InputError(
            f"{name} holds no weights of {', '.join(TITLES.values())}: choose a file of one of "
            "these networks"
        )
    fitted(*nearest, tensors, name)
    return nearest


def fitted(
    architecture: str, settings: Settings, tensors: Mapping[str, Tensor], name: str
) -> dict[str, Tensor]:
    """The state dict of a network, float32, made of the weights found in a file.

    Raises InputError, with the `name` of the file, when they are another network's.
    """
    if isinstance(settings, mprnet.MPRNetSettings):
        try:
            tensors = state_dict_for(settings, tensors)
        except InputError as error:
            raise InputError(f"{name} cannot be used: {error}") from None
    else:
        require_names(layout(architecture, settings), tensors, name)
    return {key: tensor.float() for key, tensor in tensors.items()}


@lru_cache(maxsize=32)
def layout(architecture: str, settings: Settings) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all weights of a network; no memory is taken for them."""
    with torch.device("meta"):
        network = ARCHITECTURES[architecture].network(settings)
    return {key: tuple(it.shape) for key, it in network.state_dict().items()}


def tasks_of(architecture: str, settings: Settings) -> list[str]:
    """What the published networks of these settings are for.

    >>> tasks_of("restormer", restormer.WITH_BIAS)
    ['deraining', 'deblurring', 'defocus deblurring']
    """
    names = [name for name, it in PUBLISHED[architecture].items() if it == settings]
    return [name.split(",")[0] for name in names]


def _likeness(tensors: Mapping[str, Tensor], wanted: Mapping[str, tuple[int, ...]]) -> int:
    """How many wanted weights are there, those of their shape twice, less those missing."""
    there = [key for key in wanted if key in tensors]
    alike = sum(tuple(tensors[key].shape) == wanted[key] for key in there)
    return len(there) + alike - (len(wanted) - len(there))
