"""Makes the sample statistics: photographs, degraded, our restorers, and their sums.

    python scripts/make_samples.py PHOTOS [NAME ...]

PHOTOS is a folder of clean photographs (BSDS500 for the shipped files). No pixel of them is kept.
Each sample becomes two files: the sum of all pictures, which every table is fitted from, and the
pictures apart in wider bins, so that each can be left out and held against the others.
The same packages on the same machine give the same bytes.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from ensir.gathering import gather_pictures
from ensir.images import read_image
from ensir.living_reference import coarser
from ensir.made_reference_sets import write_reference_set
from ensir.reference_set import ReferencePictures, ReferenceSet
from ensir.restorers.classical import CLASSICAL
from ensir.restorers.registry import small_networks
from ensir.statistics_files import write_pictures, write_statistics
from ensir.tasks import TASKS

PHOTOS = 24  # 3 MB of statistics
BIN_WIDTH = 8  # every multiple of it has its table too
PICTURES_WIDTH = 16  # at 8 the pictures apart would take 22 MB, three times as much
SAMPLES = Path(__file__).parent.parent / "sample_luts"
FILTERS = "noise25"  # the sample of the filters, which are for this much noise


def samples() -> dict[str, tuple[str, list[str]]]:
    """The task and the restorers of each sample by its name: filters, and our small networks."""
    made = {FILTERS: ("denoising", [restorer.name for restorer in CLASSICAL])}
    made |= {task: (task, small_networks(task)) for task in TASKS}
    return made


def gathered(name: str, task: str, restorers: list[str], photos: list[Path]) -> ReferencePictures:
    """The statistics of each photograph of one sample."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / f"{len(photos)} photos of BSDS500, {TASKS[task].sample}"
        clean = {photo.stem: read_image(photo) for photo in photos}

        def report(done: int, total: int) -> None:
            print(f"{name}, {done} of {total}", flush=True)

        write_reference_set(folder, clean, task, TASKS[task].usual, restorers, report)
        gathered = gather_pictures(ReferenceSet(folder, restorers), BIN_WIDTH)
    # These photographs were JPEG before, and each would be doubted that shows it.
    return replace(gathered, parts=tuple(replace(one, details=()) for one in gathered.parts))


def write(name: str, pictures: ReferencePictures, folder: Path) -> None:
    """Writes the two files of one sample."""
    write_statistics(pictures.total, folder / f"{name}_b{BIN_WIDTH}.statistics.safetensors")
    apart = coarser(pictures, PICTURES_WIDTH)
    write_pictures(apart, folder / f"{name}_b{PICTURES_WIDTH}.pictures.safetensors")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, metavar="PHOTOS")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(samples())}: all")
    given = parser.parse_args()
    photos = sorted(given.photos.glob("*.jpg"))
    chosen = photos[:: max(1, len(photos) // PHOTOS)][:PHOTOS]
    known = samples()
    for name in given.names or known:
        write(name, gathered(name, *known[name], chosen), SAMPLES)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
