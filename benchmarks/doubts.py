"""Prints how often the warnings that a reference set does not fit are right, and wrong.

    python benchmarks/doubts.py SET [SET ...] [--photos PHOTOS]

A SET is a folder of a reference set: gt and a folder for each candidate. With --photos, 12 of them
are degraded by each task and restored by our networks first, which takes minutes, and the sets that
come of it are put into the folders given that are not there: call them denoising, deraining,
deblurring and super-resolution.

Limits are those that ship, and, to be fair to a set that they were chosen by, those that the other
sets alone would give. Deterministic.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ensir.degradations import gaussian_noise
from ensir.degradations.compression import jpeg
from ensir.disagreement import disagreement
from ensir.ensemble.bins import Bins
from ensir.fitting import fit_statistics
from ensir.gathering import statistics_of_picture
from ensir.images import read_image
from ensir.league.running import candidate_folders
from ensir.living_reference import without
from ensir.made_reference_sets import write_reference_set
from ensir.reference_set import ReferencePictures, ReferenceSet, ReferenceStatistics
from ensir.restorers.registry import small_networks
from ensir.shift import shift
from ensir.tasks import TASKS
from ensir.tolerance import tolerance_of
from ensir.truth_doubts import AS_BRIGHT, FAR, doubts, noise_of, typical
from ensir.truth_fit import TruthFit, truth_fit
from ensir.usual import ROOM, left_out, limit_of, usual, without_odd

WIDTH = 16
PHOTOS = 12
MOST = 0.98  # of the pictures left out of other sets lie within the limits that these give
# What shows a measure of the truth that its limit lies between this and a right truth: of sums,
SHOWS = {"unlike": "another's", "brighter": "gamma 1.2", "noise": "noise 10", "smoother": "blur 1"}
# and of pixels beside each other.
SHOWS_IN_DETAIL = {
    **{key: SHOWS[key] for key in ("unlike", "brighter")},
    "displaced": "displaced 0.5",
    "blocks": "JPEG 50",
    "soft": "blur 1",
    "noise": "noise 5",
}


def blurred(truth: Tensor, sigma: float) -> Tensor:
    import cv2

    planes = np.ascontiguousarray(truth.permute(1, 2, 0).numpy())
    soft = cv2.GaussianBlur(planes, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return torch.from_numpy(np.ascontiguousarray(soft.transpose(2, 0, 1)))


def half_displaced(truth: Tensor) -> Tensor:
    return ((truth.int() + truth.roll(1, 2).int() + 1) // 2).to(torch.uint8)


def brighter(truth: Tensor, gamma: float) -> Tensor:
    return (255 * (truth.double() / 255) ** (1 / gamma)).round().to(torch.uint8)


DEGRADED: dict[str, Callable[[Tensor, int], Tensor]] = {
    "right": lambda truth, seed: truth,
    "noise 5": lambda truth, seed: gaussian_noise(truth, 5, seed),
    "noise 10": lambda truth, seed: gaussian_noise(truth, 10, seed),
    "noise 25": lambda truth, seed: gaussian_noise(truth, 25, seed),
    "JPEG 75": lambda truth, seed: jpeg(truth, 75),
    "JPEG 50": lambda truth, seed: jpeg(truth, 50),
    "JPEG 20": lambda truth, seed: jpeg(truth, 20),
    "blur 1": lambda truth, seed: blurred(truth, 1),
    "blur 2": lambda truth, seed: blurred(truth, 2),
    "displaced 0.5": lambda truth, seed: half_displaced(truth),
    "displaced 1": lambda truth, seed: truth.roll(1, 2),
    "displaced 2": lambda truth, seed: truth.roll(2, 2),
    "gamma 1.2": lambda truth, seed: brighter(truth, 1.2),
}
OTHER = "another's"


@dataclass(frozen=True, eq=False)
class Tried:
    """A reference set by what was done to its truth."""

    name: str
    by_kind: dict[str, ReferencePictures]

    @property
    def right(self) -> ReferencePictures:
        return self.by_kind["right"]

    def mixed(self, kind: str, degraded: Sequence[int]) -> ReferencePictures:
        """The set with the truth of some of its pictures degraded."""
        parts = [
            (self.by_kind[kind] if place in degraded else self.right).parts[place]
            for place in range(len(self.right.names))
        ]
        return ReferencePictures(self.right.names, tuple(parts))

    @property
    def of_sums(self) -> Tried:
        """As a file of sums has it: how pixels lie beside each other is forgotten."""
        by_kind = {
            kind: replace(
                one, parts=tuple(replace(part, details=(), grains=()) for part in one.parts)
            )
            for kind, one in self.by_kind.items()
        }
        return replace(self, by_kind=by_kind)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", nargs="+", type=Path, metavar="SET")
    parser.add_argument("--photos", type=Path)
    given = parser.parse_args()
    if len(given.sets) < 2:
        parser.error("two sets or more: limits come from the others")
    if given.photos is not None and (found := len(list(given.photos.glob("*.jpg")))) < PHOTOS:
        parser.error(f"--photos needs {PHOTOS} files *.jpg or more; got {found}")
    for folder in given.sets:
        if given.photos is not None and not folder.exists():
            make(folder, given.photos)
    tried = [gathered(folder) for folder in given.sets]
    of_sums = [one.of_sums for one in tried]
    for lines in (of_other_tasks(tried), of_truths(tried), of_truths(of_sums, ", of sums")):
        for line in lines:
            print(line, flush=True)
        print()
    return 0


def make(folder: Path, photos: Path) -> None:
    """Writes the reference set of a task, which the folder is called after."""
    files = sorted(photos.glob("*.jpg"))
    chosen = {file.stem: read_image(file) for file in files[:: len(files) // PHOTOS][:PHOTOS]}
    task = folder.name
    write_reference_set(folder, chosen, task, TASKS[task].usual, small_networks(task))


def gathered(folder: Path) -> Tried:
    """The statistics of a reference set with every kind of truth."""
    names = tuple(candidate_folders(folder))
    reference = ReferenceSet(folder, names)
    pictures = [reference[place] for place in range(len(reference))]
    truths = [truth for _, truth in pictures]
    by_kind = {}
    for kind in (*DEGRADED, OTHER):
        parts = []
        for place, (candidates, truth) in enumerate(pictures):
            if kind == OTHER:
                target = of_size(truths[(place + 1) % len(truths)], truth)
            else:
                target = DEGRADED[kind](truth, place)
            bins = Bins(WIDTH, len(names))
            parts.append(statistics_of_picture(candidates, target, names, folder.name, bins))
        by_kind[kind] = ReferencePictures(reference.names, tuple(parts))
    return Tried(f"{folder.parent.name}/{folder.name}", by_kind)


def of_size(picture: Tensor, like: Tensor) -> Tensor:
    """A picture turned and repeated to the size of another."""
    if (picture.shape[1] > picture.shape[2]) != (like.shape[1] > like.shape[2]):
        picture = picture.transpose(1, 2)
    times = [-(-wanted // there) for wanted, there in zip(like.shape, picture.shape, strict=True)]
    return picture.repeat(times)[:, : like.shape[1], : like.shape[2]].contiguous()


def of_other_tasks(tried: Sequence[Tried]) -> Iterator[str]:
    """Pictures without truth under the tables of all sets of as many candidates."""
    rows = {one.name: kinds_of(one.right) for one in tried}
    own = {name: over_limit(row) for name, row in rows.items()}
    yield "| table of | pictures of | warned | by limits of other sets |"
    yield "| --- | --- | ---: | ---: |"
    for one in tried:
        fair = float(torch.cat([own[two.name] for two in tried if two is not one]).quantile(MOST))
        for other in tried:
            number = len(other.right.names)
            if other is one:
                warned = sum(warned_left_out(one.right, place) for place in range(number))
                far = int((own[one.name] > fair).sum())
                yield f"| {one.name} | the same, left out | {warned} of {number} | {far} |"
            elif rows[one.name][0].shape[1] == rows[other.name][0].shape[1]:
                table = Calibrated(one.right)
                warned = sum(table.warns(part) for part in other.right.parts)
                pairs = zip(rows[one.name], rows[other.name], strict=True)
                far = int(torch.stack([are_far(*pair, fair) for pair in pairs]).any(0).sum())
                yield f"| {one.name} | {other.name} | {warned} of {number} | {far} |"


def are_far(there: Tensor, here: Tensor, fair: float) -> Tensor:
    """Which of the pictures here lie beyond what is fair, and beyond those there."""
    usual_there = usual(there)
    ratio = usual_there.limit / limit_of(usual_there.number)
    least = max(fair, ROOM * float(over_limit([without_odd(there)]).max()))
    return torch.tensor([usual_there.distance(picture) * ratio > least for picture in here])


def over_limit(rows: Sequence[Tensor]) -> Tensor:
    """How far each picture lies from the others, over the limit, by what it does most."""
    return torch.stack([left_out(row) / limit_of(len(row) - 1) for row in rows]).amax(0)


def kinds_of(pictures: ReferencePictures) -> list[Tensor]:
    """How the candidates of each picture differ: by bin sets, and pixel beside pixel."""
    by_sets = [disagreement(part.statistics).values for part in pictures.parts]
    return [torch.stack(by_sets), torch.stack([one.values for one in pictures.total.grains])]


class Calibrated:
    """A table and what is usual for its reference set."""

    def __init__(self, pictures: ReferencePictures) -> None:
        self.total = pictures.total.statistics
        self.table = fit_statistics(pictures.total, method="least-squares").table
        self.tolerance = tolerance_of(pictures, WIDTH)

    def warns(self, part: ReferenceStatistics, has_truth: bool = False) -> bool:
        picture = part.statistics
        found = shift(
            picture,
            self.table,
            self.total,
            self.tolerance,
            has_truth=has_truth,
            detail=next(iter(part.details), None),
            beside=next(iter(part.grains), None),
        )
        return bool(found.warnings)


def warned_left_out(pictures: ReferencePictures, place: int) -> bool:
    others = without(pictures, [pictures.names[place]])
    return Calibrated(others).warns(pictures.parts[place], has_truth=True)


def of_truths(tried: Sequence[Tried], known: str = "") -> Iterator[str]:
    """What is said of sets by themselves, with the truth of some of their pictures degraded."""
    yield f"| truth{known} | one picture | half | all | all, by limits of other sets | pictures |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    limits = {one.name: limits_by([two for two in tried if two is not one]) for one in tried}
    tables = {one.name: Calibrated(one.right) for one in tried}
    for kind in (*DEGRADED, OTHER):
        single = half = whole = fair = pictures = number = 0
        singles = 0
        for one in tried:
            places = range(len(one.right.names))
            single += sum(bool(doubts(one.mixed(kind, [place]))) for place in places)
            singles += len(places)
            half += bool(doubts(one.mixed(kind, places[::2])))
            whole += bool(doubts(one.by_kind[kind]))
            found = measures(one.by_kind[kind])
            fair += any(found[key] > limit for key, limit in limits[one.name].items())
            # Each picture, its truth degraded, under the table of the set that is right.
            table = tables[one.name]
            pictures += sum(table.warns(part, True) for part in one.by_kind[kind].parts)
            number += len(places)
        yield (
            f"| {kind} | {single} of {singles} | {half} of {len(tried)} | {whole} of {len(tried)} "
            f"| {fair} of {len(tried)} | {pictures} of {number} |"
        )


def measures(pictures: ReferencePictures) -> dict[str, float]:
    """What a set is doubted by, as numbers of which large ones speak against it."""
    total = truth_fit(pictures.total.statistics)
    assert total is not None
    level = {"unlike": 1 - total.alike, "brighter": abs(total.brighter)}
    detail = typical(pictures.total.details, len(pictures.parts))
    if detail is not None:
        return {
            **level,
            "displaced": detail.displaced,
            "blocks": detail.blocks,
            "soft": 1 / detail.sharp,
            "noise": detail.noise,
        }
    fits = [truth_fit(part.statistics) for part in pictures.parts]
    known: list[TruthFit] = [fit for fit in fits if fit is not None]
    noise = min(fit.floor for fit in known) / noise_of(len(known))
    sure = abs(total.brighter) < AS_BRIGHT and total.far > FAR
    return {**level, "noise": noise, "smoother": total.smoother if sure else 0.0}


def limits_by(tried: Sequence[Tried]) -> dict[str, float]:
    """Half way, in the logarithm, from right truths to those degraded, of these sets."""
    limits = {}
    in_detail = bool(tried[0].right.total.details)
    for key, kind in (SHOWS_IN_DETAIL if in_detail else SHOWS).items():
        right = max(measures(one.right)[key] for one in tried)
        wrong = min(
            (found for one in tried if (found := measures(one.by_kind[kind])[key]) > right),
            default=inf,  # of few sets none may show it
        )
        limits[key] = (max(right, 1e-3) * wrong) ** 0.5
    return limits


if __name__ == "__main__":
    sys.exit(main())
