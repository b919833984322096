"""The finished example that the page opens on."""

from __future__ import annotations

import functools
from pathlib import Path

from ensir.comparison import Comparison, compare
from ensir.images import read_image
from ensir.restorers import restore_with
from ensir.tasks import TASKS, clean, degraded
from ensir.ui.pictures import shown
from ensir.ui.reference import SAMPLE, reference_for, tolerance_for

ASSETS = Path(__file__).parents[2] / "assets"
PICTURE = ASSETS / "rocket.png"
NO_EXAMPLE = "screenshot"  # what the names of pictures of the app begin with
TASK = "deraining"
SEED = 1
RESTORERS = tuple(f"small {family} {TASK}" for family in ("MPRNet", "NAFNet", "Restormer"))
BIN_WIDTH = 16
METHOD = "em"


def example_files() -> list[Path]:
    """The pictures to try, by name."""
    return sorted(path for path in ASSETS.glob("*.png") if not path.name.startswith(NO_EXAMPLE))


def example_pictures(path: Path, task: str, strength: float) -> tuple[str, str]:
    """An example degraded for a task, and its ground truth: the paths of what is shown."""
    truth = clean(read_image(path), task)
    return shown(degraded(truth, task, strength, SEED)), shown(truth)


@functools.cache
def example() -> Comparison:
    """A photograph in the rain, restored and fused; made once, in some two seconds."""
    truth = read_image(PICTURE)
    rainy = degraded(truth, TASK, TASKS[TASK].usual, SEED)
    candidates = restore_with(RESTORERS, rainy, lambda done, total: None, lambda: False)
    reference, _ = reference_for(SAMPLE, candidates, truth, None, BIN_WIDTH)
    return compare(
        candidates,
        degraded=rainy,
        truth=truth,
        reference=reference,
        bin_width=BIN_WIDTH,
        method=METHOD,
    )


def warm_up() -> None:
    """Reads what the first refit of the example is held against, so that it does not wait."""
    tolerance_for(SAMPLE, RESTORERS, None, BIN_WIDTH)
