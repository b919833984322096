"""Makes the sample statistics: photographs, degraded, our restorers, and `ensir fit`.

    python scripts/make_samples.py PHOTOS [NAME ...]

PHOTOS is a folder of clean photographs (BSDS500 for the shipped files). No pixel of them is kept.
The same packages on the same machine give the same bytes.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from ensir.__main__ import main as ensir
from ensir.images import read_image
from ensir.made_reference_sets import write_reference_set
from ensir.restorers.classical import CLASSICAL
from ensir.restorers.registry import small_networks
from ensir.tasks import TASKS

PHOTOS = 24  # 3 MB of statistics
BIN_WIDTH = 8  # every multiple of it has its table too
SAMPLES = Path(__file__).parent.parent / "sample_luts"
FILTERS = "noise25"  # the sample of the filters, which are for this much noise


def samples() -> dict[str, tuple[str, list[str]]]:
    """The task and the restorers of each sample by its name: filters, and our small networks."""
    made = {FILTERS: ("denoising", [restorer.name for restorer in CLASSICAL])}
    made |= {task: (task, small_networks(task)) for task in TASKS}
    return made


def make(name: str, task: str, restorers: list[str], photos: list[Path]) -> int:
    """Writes the statistics of one sample; returns what `ensir fit` does."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / f"{len(photos)} photos of BSDS500, {TASKS[task].sample}"
        clean = {photo.stem: read_image(photo) for photo in photos}

        def report(done: int, total: int) -> None:
            print(f"{name}, {done} of {total}", flush=True)

        write_reference_set(folder, clean, task, TASKS[task].usual, restorers, report)
        table = SAMPLES / f"{name}_b{BIN_WIDTH}.safetensors"
        width = ["--bin-width", str(BIN_WIDTH)]
        done = ensir(["fit", str(folder), "--candidates", *restorers, *width, "-o", str(table)])
        table.unlink(missing_ok=True)  # tables of any width are fitted from the statistics
        return done


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, metavar="PHOTOS")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(samples())}: all")
    given = parser.parse_args()
    photos = sorted(given.photos.glob("*.jpg"))
    chosen = photos[:: max(1, len(photos) // PHOTOS)][:PHOTOS]
    known = samples()
    return max(make(name, *known[name], chosen) for name in given.names or known)


if __name__ == "__main__":
    raise SystemExit(main())
