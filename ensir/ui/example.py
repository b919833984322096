"""The finished example that the page opens on."""

from __future__ import annotations

import functools
import threading
import time
from pathlib import Path

from ensir.comparison import Comparison, compare, scores
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
# The steps of the slider that are nearest, the nearest first.
WIDTHS = (BIN_WIDTH, 24, 8, 32, 40, 48, 56, 64)
PAUSE = 0.3  # seconds for whoever looks at the page meanwhile

_making = threading.Lock()


def example_files() -> list[Path]:
    """The pictures to try, by name."""
    return sorted(path for path in ASSETS.glob("*.png") if not path.name.startswith(NO_EXAMPLE))


def example_pictures(path: Path, task: str, strength: float) -> tuple[str, str]:
    """An example degraded for a task, and its ground truth: the paths of what is shown."""
    truth = clean(read_image(path), task)
    return shown(degraded(truth, task, strength, SEED)), shown(truth)


def example() -> Comparison:
    """A photograph in the rain, restored and fused; made once, in some two seconds."""
    with _making:  # who comes while it is being made waits for it
        return _made()


def begin_example() -> None:
    """Begins to make the example, for whoever asks for it next."""
    threading.Thread(target=example, name="ensir-example", daemon=True).start()


@functools.cache
def _made() -> Comparison:
    truth = read_image(PICTURE)
    rainy = degraded(truth, TASK, TASKS[TASK].usual, SEED)
    candidates = restore_with(RESTORERS, rainy, lambda done, total: None, lambda: False)
    reference, _ = reference_for(SAMPLE, candidates, truth, None, BIN_WIDTH)
    made = compare(
        candidates,
        degraded=rainy,
        truth=truth,
        reference=reference,
        bin_width=BIN_WIDTH,
        method=METHOD,
    )
    scores(made)  # it keeps them, and the page shows them first of all
    return made


def warm_up() -> None:
    """Works out what a refit of the example is held against, so that none waits for it."""
    for width in WIDTHS:
        tolerance_for(SAMPLE, RESTORERS, None, width)
        time.sleep(PAUSE)
