"""Prints how near the automatic choice comes to the best setting, on pictures it has not seen.

    python benchmarks/automatic.py [FOLDER]

Pictures are dealt into parts. For each part the automatic choice is made by all others, and so is
the fit; the exhaustive search knows the scores of the pictures left out, and has one setting for
all parts. Deterministic: integer sums and float64. Takes minutes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import fmean

from ensir.automatic import RIDGES, TRUSTS, Setting, choose
from ensir.gathering import gather_pictures
from ensir.held_out import fitted_elsewhere
from ensir.limits import LEVELS
from ensir.methods import METHODS, Choices
from ensir.reference_set import ReferencePictures, ReferenceSet
from ensir.statistics_files import read_pictures

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "ensir_reference"
CANDIDATES = {
    "deraining": ("MPRNet", "MAXIM", "Restormer"),
    "deblurring": ("MPRNet", "Restormer", "DGUNet"),
}
SAMPLES = ("denoising", "deraining", "deblurring", "super-resolution")  # of our own networks
PARTS = 4  # of many pictures; of five each is a part
FEW = 8


@dataclass(frozen=True)
class Search:
    """Gains over averaging of held-out pictures, the mean, in dB of PSNR in RGB."""

    automatic: float  # each part by the setting that the others chose
    best: Setting  # the one that does best on all parts
    default: float
    tried: int

    @property
    def lost(self) -> float:
        """What the automatic choice gains less than the best, dB; below 0 it gains more."""
        return self.best.gain - self.automatic


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, default=DATA, help="holds deraining and deblurring"
    )
    folder = parser.parse_args().folder
    print(
        "| pictures | method | automatic, dB | best, dB | lost, dB | default, dB | best setting |"
    )
    print("| --- | --- | ---: | ---: | ---: | ---: | --- |")
    for name, pictures in reference_sets(folder):
        for method in ("em", "least-squares"):
            found = search(pictures, method)
            best = found.best
            ridge = "" if best.choices.ridge is None else f", ridge {best.choices.ridge:g}"
            print(
                f"| {name} | {method} | {found.automatic:+.3f} | {best.gain:+.3f} "
                f"| {found.lost:.4f} | {found.default:+.3f} "
                f"| width {best.bin_width}, trust {best.choices.own_trust:g}{ridge} |",
                flush=True,
            )
    return 0


def reference_sets(folder: Path) -> Iterator[tuple[str, ReferencePictures]]:
    """The published reference sets, where they are, and the samples of our networks."""
    for task, candidates in CANDIDATES.items():
        if (folder / task).is_dir():
            pictures = gather_pictures(ReferenceSet(folder / task, candidates))
            yield f"published, {task}", pictures
    for task in SAMPLES:
        path = ROOT / "sample_luts" / f"{task}_b16.pictures.safetensors"
        yield f"our networks, {task}", read_pictures(path)


def search(pictures: ReferencePictures, method: str) -> Search:
    """Every bin width, trust and ridge against the automatic choice of these.

    Tried are all multiples of the pictures' bin width, trusts of TRUSTS and ridges of RIDGES.
    """
    own = pictures.total.statistics.bins.width
    parts = len(pictures.names) if len(pictures.names) < FEW else PARTS
    automatic = ["bin_width", "trust", *(["ridge"] if METHODS[method].ridge is not None else [])]
    ridges: Sequence[float | None] = RIDGES if "ridge" in automatic else (None,)
    grid = [
        (width, Choices(method, ridge=ridge))
        for width, ridge in product(range(own, LEVELS + 1, own), ridges)
    ]
    gains: dict[tuple[int, Choices], list[list[float]]] = {
        one: [[] for _ in TRUSTS] for one in grid
    }
    ours, usual = [], []
    for rest, part in dealt(pictures, parts):
        found = choose(rest, None, Choices(method), automatic)
        for setting, kept in ((found.best, ours), (found.default, usual)):
            scores = fitted_elsewhere(part, rest, setting.choices, setting.bin_width)
            kept += scores.scores(setting.choices.own_trust).gain
        for width, choices in grid:
            result = fitted_elsewhere(part, rest, choices, width)
            for place, trust in enumerate(TRUSTS):
                gains[width, choices][place] += result.scores(trust).gain
    settings = [
        Setting(width, Choices(choices.method, trust=trust, ridge=choices.ridge), fmean(one))
        for (width, choices), each in gains.items()
        for trust, one in zip(TRUSTS, each, strict=True)
    ]
    best = max(settings, key=lambda one: one.gain)
    return Search(fmean(ours), best, fmean(usual), len(settings))


def dealt(
    pictures: ReferencePictures, parts: int
) -> list[tuple[ReferencePictures, ReferencePictures]]:
    """All pictures but those of a part, and these, for each part: every `parts`-th picture."""
    number = len(pictures.names)

    def those(places: list[int]) -> ReferencePictures:
        return ReferencePictures(
            tuple(pictures.names[place] for place in places),
            tuple(pictures.parts[place] for place in places),
        )

    return [
        (
            those([place for place in range(number) if place % parts != part]),
            those(list(range(part, number, parts))),
        )
        for part in range(min(parts, number))
    ]


if __name__ == "__main__":
    sys.exit(main())
