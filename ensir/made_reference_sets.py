"""Reference sets made of clean photographs: degraded, restored, and written as folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from ensir.images import write_image
from ensir.progress import OnProgress
from ensir.reference_set import DEGRADED, GROUND_TRUTH
from ensir.restorers import restore_with
from ensir.tasks import clean, degraded


def write_reference_set(
    folder: Path,
    photos: Mapping[str, Tensor],
    task: str,
    strength: float,
    restorers: Sequence[str],
    on_progress: OnProgress = lambda done, total: None,
) -> None:
    """Writes clean photographs by name, uint8 (3, H, W), as a reference set of a task.

    `folder/gt` gets the ground truth, `folder/lq` what is left of it by the degradation, and
    `folder/<restorer>` what each restorer makes of that. The photograph's place is the seed.

    Raises InputError for an unknown task or restorer, and a strength out of range.
    """
    for part in (GROUND_TRUTH, DEGRADED, *restorers):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for seed, (name, photo) in enumerate(photos.items()):
        truth = clean(photo, task)
        picture = degraded(truth, task, strength, seed)
        made = restore_with(restorers, picture, lambda done, total: None, lambda: False)
        for part, one in {GROUND_TRUTH: truth, DEGRADED: picture, **made}.items():
            write_image(folder / part / f"{name}.png", one)
        on_progress(seed + 1, len(photos))
