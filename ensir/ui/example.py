"""The finished example that the page opens on."""

from __future__ import annotations

import atexit
import functools
import json
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from ensir.comparison import Comparison, compare
from ensir.ensemble import kernels
from ensir.images import read_image
from ensir.limits import EXIT_SECONDS
from ensir.tasks import TASKS, clean, degraded
from ensir.ui.pictures import shown
from ensir.ui.reference import SAMPLE, reference_for, tolerance_for

ASSETS = Path(__file__).parents[2] / "assets"
PICTURE = ASSETS / "rocket.png"
NO_EXAMPLE = "screenshot"  # what the names of pictures of the app begin with
TASK = "deraining"
SEED = 1
FAMILIES = ("MPRNet", "NAFNet", "Restormer")
RESTORERS = tuple(f"small {family} {TASK}" for family in FAMILIES)
# What they make of the example, for no visitor is to wait for that.
STORED = {
    name: ASSETS / "example" / f"{TASK}-{family.lower()}.png"
    for name, family in zip(RESTORERS, FAMILIES, strict=True)
}
# The SHA-256 of the weights that made them, by file, and what all pictures of the example score.
ABOUT_STORED = ASSETS / "example" / "about.json"
BIN_WIDTH = 16
METHOD = "em"
# The steps of the slider that are nearest, the nearest first.
WIDTHS = (BIN_WIDTH, 24, 8, 32, 40, 48, 56, 64)
LATER = 60  # seconds after the start, where no visitor comes
TURN = 1e-4  # seconds that a thread of Python has for itself while the example is made
PAUSE = 0.3  # seconds for whoever looks at the page meanwhile

_making = threading.Lock()
_opened = threading.Event()
_over = threading.Event()  # Python ends


def example_files() -> list[Path]:
    """The pictures to try, by name."""
    return sorted(path for path in ASSETS.glob("*.png") if not path.name.startswith(NO_EXAMPLE))


def example_pictures(path: Path, task: str, strength: float) -> tuple[str, str]:
    """An example degraded for a task, and its ground truth: the paths of what is shown."""
    truth = clean(read_image(path), task)
    return shown(degraded(truth, task, strength, SEED)), shown(truth)


def rainy_picture() -> Tensor:
    """What the example's restorers are given, (3, H, W) uint8."""
    return degraded(read_image(PICTURE), TASK, TASKS[TASK].usual, SEED)


def compare_example(candidates: Mapping[str, Tensor]) -> Comparison:
    """These candidates of the example, (3, H, W) uint8 by name, fused as the page begins."""
    truth = read_image(PICTURE)
    reference, _ = reference_for(SAMPLE, candidates, truth, None, BIN_WIDTH)
    return compare(
        candidates,
        degraded=rainy_picture(),
        truth=truth,
        reference=reference,
        bin_width=BIN_WIDTH,
        method=METHOD,
    )


def example() -> Comparison:
    """A photograph in the rain, restored and fused; made once, in half a second."""
    with _making:  # who comes while it is being made waits for it
        return _made()


def begin_example() -> None:
    """Begins to make the example, for whoever asks for it next, and later what goes with it.

    Torch makes it, in less time than the compiled kernels take to load.
    """
    loading = kernels.warm(_page_came)
    making = threading.Thread(target=_make_beside, name="ensir-example", daemon=True)
    warming = threading.Thread(target=warm_up, args=[loading], name="ensir-warm-up", daemon=True)
    making.start()
    warming.start()
    atexit.register(_end, making, loading, warming)


def _make_beside() -> None:
    """Makes the example while Gradio is imported.

    Python lets a thread that works keep its lock from others for 5 milliseconds; a fit of some
    thousand small steps would wait that long at each.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(TURN)
    try:
        example()
    finally:
        sys.setswitchinterval(usual)


def page_is_open() -> None:
    """Says that a visitor has the page: now begins what took no part in it."""
    _opened.set()


def _page_came() -> bool:
    """Waits until a page is open and its pictures are drawn; False where Python ends instead."""
    _opened.wait(LATER)
    return not _over.wait(PAUSE)


def _end(*threads: threading.Thread) -> None:
    """Lets them come to an end: Python aborts where one is in torch while it is taken apart."""
    _over.set()
    _opened.set()
    for thread in threads:
        if thread.is_alive():
            thread.join(EXIT_SECONDS)


@functools.cache
def _made() -> Comparison:
    made = compare_example({name: read_image(path) for name, path in STORED.items()})
    known = json.loads(ABOUT_STORED.read_bytes())["scores"]
    made.known_scores.update({name: tuple(said) for name, said in known.items()})
    return made


def warm_up(loading: threading.Thread) -> None:
    """Works out what a refit of the example is held against, after the kernels are loaded.

    None then waits for either.
    """
    loading.join()
    for width in WIDTHS:
        if _over.wait(PAUSE):
            return
        tolerance_for(SAMPLE, RESTORERS, None, width)
