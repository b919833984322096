"""Prints what our small networks and their ensembles reach, as the README quotes it.

    python benchmarks/networks.py [PHOTOS] [--other] [--task TASK ...]

PHOTOS are those that the networks were trained on, of which the held-out ones are taken; with
--other they are photographs of another source, and all are taken. Every fifth is a reference
picture that the tables are fitted to, the others are judged. Gains over the best single network
come with 95 % bootstrap intervals over the pictures.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from ensir.league.running import Standing
    from ensir.reference_set import ReferenceSet

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "photos"
REFERENCE_EVERY = 5
ENSEMBLES = ("average", "em", "least-squares-half", "least-squares")
ON_LUMA = ("super-resolution",)  # the field's custom; everything else is judged in RGB


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", nargs="?", type=Path, default=DATA, metavar="PHOTOS")
    parser.add_argument("--other", action="store_true", help="photographs of another source")
    parser.add_argument("--task", nargs="+", metavar="TASK", help="all of them without it")
    given = parser.parse_args()
    from ensir import InputError

    try:
        for line in networks_table(given.photos, given.other, given.task):
            print(line, flush=True)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def networks_table(folder: Path, other: bool, tasks: list[str] | None) -> Iterator[str]:
    """The lines of a markdown table: mean PSNR in dB, and gains with their intervals."""
    from ensir.tasks import TASKS
    from ensir.training.data import read_photos

    trained, held_out = read_photos(folder)
    photos = dict(sorted({**trained, **held_out}.items())) if other else held_out
    photos = {Path(name).stem: photo for name, photo in photos.items()}
    reference = dict(list(photos.items())[::REFERENCE_EVERY])
    judged = {name: photo for name, photo in photos.items() if name not in reference}
    yield f"{len(judged)} photographs judged, {len(reference)} others in the reference set."
    yield ""
    yield (
        "| task | input | networks | average | EnsIR | least squares, trust 0.5 | trust 1 "
        "| average, over the best network | EnsIR, over it | least squares, trust 1, over it |"
    )
    yield "| --- | ---: | --- | ---: | ---: | ---: | ---: | --- | --- | --- |"
    for task in tasks or TASKS:
        yield task_row(task, reference, judged)


def task_row(task: str, reference: dict[str, Tensor], judged: dict[str, Tensor]) -> str:
    """The line of a task."""
    from ensir.league.running import run_league
    from ensir.made_reference_sets import write_reference_set
    from ensir.reference_set import ReferenceSet
    from ensir.restorers.registry import small_networks
    from ensir.tasks import TASKS

    names = small_networks(task)
    with tempfile.TemporaryDirectory() as parent:
        sets = []
        for part, chosen in (("reference", reference), ("judged", judged)):
            path = Path(parent) / part
            write_reference_set(path, chosen, task, TASKS[task].usual, names)
            sets.append(ReferenceSet(path, names))
        league = run_league(*sets, ENSEMBLES)
        came = fmean(input_psnr(sets[1], place, task) for place in range(len(judged)))
    psnrs = {one.who[1]: psnrs_of(one, task) for one in league.standings}
    best = max(names, key=lambda name: fmean(psnrs[name]))
    cells = [
        f"{task}{', luma' * (task in ON_LUMA)}",
        f"{came:.2f}",
        ", ".join(f"{name.split()[1]} {fmean(psnrs[name]):.2f}" for name in names),
        *(f"{fmean(psnrs[name]):.2f}" for name in ENSEMBLES),
        *(over(psnrs[name], psnrs[best]) for name in ("average", "em", "least-squares")),
    ]
    return f"| {' | '.join(cells)} |"


def psnrs_of(standing: Standing, task: str) -> list[float]:
    """Of each picture, before rounding."""
    exact = [one.exact for one in standing.scores.pictures]
    return [one.psnr_y if task in ON_LUMA else one.psnr_rgb for one in exact]


def over(ours: list[float], others: list[float]) -> str:
    """The mean difference with its 95 % interval, and how many pictures gain."""
    from ensir.league.intervals import paired

    result = paired(ours, others)
    said = f"{result.gain.mean:+.2f}"
    if result.interval is not None:
        said += f" ({result.interval.low:+.2f} to {result.interval.high:+.2f})"
    return f"{said}, {result.gain.won} of {len(ours)} pictures"


def input_psnr(judged: ReferenceSet, place: int, task: str) -> float:
    """Of the degraded picture itself, a small one enlarged by bicubic interpolation."""
    from ensir.degradations import larger
    from ensir.images import read_image
    from ensir.metrics import luma, psnr
    from ensir.reference_set import DEGRADED
    from ensir.tasks import TASKS

    _, truth = judged[place]
    picture = read_image(judged.folder / DEGRADED / f"{judged.names[place]}.png")
    if TASKS[task].scale > 1:
        picture = larger(picture, TASKS[task].scale)
    return psnr(luma(picture), luma(truth)) if task in ON_LUMA else psnr(picture, truth)


if __name__ == "__main__":
    sys.exit(main())
