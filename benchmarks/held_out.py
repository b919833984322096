"""Prints what a table adds to averaging on pictures it was not fitted on, as the README quotes it.

    python benchmarks/held_out.py [FOLDER]

Each picture is left out in turn, the table fitted on the others, and the error of the picture that
it would fuse computed from that picture's statistics. Deterministic: integer sums and float64.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "ensir_reference"
CANDIDATES = {
    "deraining": ("MPRNet", "MAXIM", "Restormer"),
    "deblurring": ("MPRNet", "Restormer", "DGUNet"),
}
BIN_WIDTHS = (16, 32, 64)
# Method, trust, and pixels of EM's back-off in place of its limit of 100 pixels.
METHODS = (
    ("published", 1.0, None),
    ("em", 1.0, None),
    ("em", 1.0, 20.0),
    ("least-squares", 0.5, None),
    ("least-squares", 1.0, None),
)
NARROWEST = 16  # levels: what all bin widths are multiples of


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, default=DATA, help="holds deraining and deblurring"
    )
    folder = parser.parse_args().folder
    if not folder.is_dir():
        print(
            f"no folder {folder}: name one that holds {' and '.join(CANDIDATES)}, each with gt "
            "and one folder for each candidate",
            file=sys.stderr,
        )
        return 2
    from ensir import InputError

    try:
        for line in held_out_table(folder):
            print(line, flush=True)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def held_out_table(folder: Path) -> Iterator[str]:
    """The lines of a markdown table: PSNR of averaging and gains over it, in dB, RGB."""
    from ensir import Choices, ReferenceSet, gather_pictures, leave_one_out

    yield "| task | method | trust | bin width | mean gain, dB | won | worst | each picture, dB |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |"
    for task, candidates in CANDIDATES.items():
        pictures = gather_pictures(ReferenceSet(folder / task, candidates), NARROWEST)
        averaged = leave_one_out(pictures).scores(0)
        each = ", ".join(f"{one:.3f}" for one in averaged.psnr)
        yield f"| {task} | average | | | {averaged.mean_psnr:.3f} dB | | | {each} |"
        for method, trust, back_off in METHODS:
            choices = Choices(method, trust=trust, back_off=back_off)
            words = f"{method}, back-off {back_off:g}" if back_off else method
            for bin_width in BIN_WIDTHS:
                scores = leave_one_out(pictures, choices, bin_width).scores(trust)
                each = ", ".join(f"{one:+.3f}" for one in scores.gain)
                yield (
                    f"| {task} | {words} | {trust:g} | {bin_width} | {scores.mean_gain:+.3f} "
                    f"| {scores.won} of {len(scores.gain)} | {min(scores.gain):+.3f} | {each} |"
                )


if __name__ == "__main__":
    sys.exit(main())
