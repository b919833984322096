"""The base models: an image in, a candidate out."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ensir.errors import InputError
from ensir.progress import IsCancelled, OnProgress
from ensir.restorers.classical import CLASSICAL
from ensir.restorers.contract import Restorer

__all__ = ["RESTORERS", "Restorer", "restore_with"]

RESTORERS: dict[str, Restorer] = {restorer.name: restorer for restorer in CLASSICAL}


def restore_with(
    names: Sequence[str], image: Tensor, on_progress: OnProgress, cancelled: IsCancelled
) -> dict[str, Tensor]:
    """The candidates that the restorers of these names make of an image, uint8 (3, H, W).

    Progress is counted over all of them. Raises InputError for an unknown name and Cancelled when
    the user stops the work.
    """
    unknown = [name for name in names if name not in RESTORERS]
    if unknown:
        raise InputError(f"no restorer {unknown[0]!r}: there are {', '.join(RESTORERS)}")
    candidates = {}
    for place, name in enumerate(names):

        def on_part(done: int, total: int, before: int = place) -> None:
            on_progress(before * total + done, len(names) * total)

        candidates[name] = RESTORERS[name].restore(image, on_part, cancelled)
    return candidates
