"""The base models: an image in, a candidate out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ensir.ensemble.levels import levels_of
from ensir.errors import InputError
from ensir.progress import IsCancelled, OnProgress
from ensir.restorers.classical import CLASSICAL
from ensir.restorers.contract import Restorer

__all__ = ["RESTORERS", "Restorer", "depth_notes", "estimated_seconds", "restore_with"]

RESTORERS: dict[str, Restorer] = {restorer.name: restorer for restorer in CLASSICAL}


def restore_with(
    names: Sequence[str], image: Tensor, on_progress: OnProgress, cancelled: IsCancelled
) -> dict[str, Tensor]:
    """The candidates that the restorers of these names make of an image, uint8 (3, H, W).

    The image may have 16 bits; they get 8. Progress is counted over all of them.

    Raises InputError for a name that is unknown or given twice, and Cancelled when the user stops
    the work.
    """
    unknown = [name for name in names if name not in RESTORERS]
    if unknown:
        raise InputError(f"no restorer {unknown[0]!r}: there are {', '.join(RESTORERS)}")
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise InputError(f"{twice[0]} is named twice: name each restorer once")
    candidates = {}
    levels = levels_of(image)
    for place, name in enumerate(names):

        def on_part(done: int, total: int, before: int = place) -> None:
            on_progress(before * total + done, len(names) * total)

        candidates[name] = RESTORERS[name].restore(levels, on_part, cancelled)
    return candidates


def estimated_seconds(names: Sequence[str], image: Tensor) -> float:
    """What `restore_with` takes on two CPU cores, more or less; unknown names take no time."""
    megapixels = image.shape[-1] * image.shape[-2] / 1e6
    known = [RESTORERS[name] for name in names if name in RESTORERS]
    return megapixels * sum(restorer.seconds_per_megapixel for restorer in known)


def depth_notes(image: Tensor) -> tuple[str, ...]:
    """What to say of an image that has more bits than the restorers work in."""
    if image.dtype != torch.uint16:
        return ()
    return ("The base models see 8 of the 16 bits a colour; what they make is fused with 16",)
