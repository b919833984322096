"""The base models: an image in, a candidate out."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from ensir.ensemble.levels import levels_of
from ensir.errors import InputError, in_short
from ensir.progress import IsCancelled, OnProgress
from ensir.restorers.candidate_cache import CandidateCache
from ensir.restorers.classical import CLASSICAL
from ensir.restorers.contract import Restorer
from ensir.restorers.weights_folder import network_restorers

__all__ = [
    "RESTORERS",
    "Restorer",
    "depth_notes",
    "estimated_seconds",
    "find_restorers",
    "restore_with",
]

# The filters, then the networks whose weights are here.
RESTORERS: dict[str, Restorer] = {}

_KEPT = CandidateCache()


def find_restorers() -> None:
    """Fills RESTORERS: again, when weights have come or gone."""
    networks = network_restorers()
    RESTORERS.clear()
    RESTORERS.update({restorer.name: restorer for restorer in CLASSICAL})
    RESTORERS.update(networks)


find_restorers()


def restore_with(
    names: Sequence[str],
    image: Tensor,
    on_progress: OnProgress,
    cancelled: IsCancelled,
    among: Mapping[str, Restorer] = RESTORERS,
) -> dict[str, Tensor]:
    """The candidates that the restorers of these names make of an image, uint8 (3, H, W).

    The image may have 16 bits; they get 8. Progress is counted over all of them. What a network
    makes of a picture is kept for a while, and made once.

    Raises InputError for a name that is unknown or given twice and for restorers of different
    scales, and Cancelled when the user stops the work.
    """
    unknown = [name for name in names if name not in among]
    if unknown:
        raise InputError(f"no restorer {unknown[0]!r}: there are {in_short(among)}")
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise InputError(f"{twice[0]} is named twice: name each restorer once")
    scales = {among[name].scale: name for name in names}
    if len(scales) > 1:
        said = " and ".join(f"{name} {scale} times" for scale, name in sorted(scales.items()))
        raise InputError(f"{said} enlarge a picture differently: choose restorers of one scale")
    candidates = {}
    levels = levels_of(image)
    for place, name in enumerate(names):
        heard: list[int] = []

        def on_part(done: int, total: int, before: int = place, heard: list[int] = heard) -> None:
            heard.append(done)
            on_progress(before * total + done, len(names) * total)

        restorer = among[name]
        make = partial(restorer.restore, levels, on_part, cancelled)
        # A filter takes hardly longer than looking it up.
        if restorer.parameters and isinstance(restorer, Hashable):
            candidates[name] = _KEPT.candidate(restorer, levels, make)
        else:
            candidates[name] = make()
        if not heard:  # it was kept from before
            on_progress(place + 1, len(names))
    return candidates


def estimated_seconds(
    names: Sequence[str], image: Tensor, among: Mapping[str, Restorer] = RESTORERS
) -> float:
    """What `restore_with` takes on two CPU cores, more or less; unknown names take no time."""
    megapixels = image.shape[-1] * image.shape[-2] / 1e6
    known = [among[name] for name in names if name in among]
    return megapixels * sum(restorer.seconds_per_megapixel for restorer in known)


def depth_notes(image: Tensor) -> tuple[str, ...]:
    """What to say of an image that has more bits than the restorers work in."""
    if image.dtype != torch.uint16:
        return ()
    return ("The base models see 8 of the 16 bits a colour",)
