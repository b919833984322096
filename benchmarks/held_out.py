"""Prints what a table adds to averaging on pictures it was not fitted on, as the README quotes it.

    python benchmarks/held_out.py [FOLDER]

Each picture is left out in turn, the table fitted on the others, and the picture fused by it.
Deterministic: integer sums and float64.
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
METHODS = ("em", "published")


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
    """The lines of a markdown table: gains in PSNR over averaging, in dB, RGB."""
    from ensir import ReferenceSet
    from ensir.scoring import held_out

    yield "| task | method | bin width | mean gain, dB | won | lost | each picture, dB |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | --- |"
    for task, candidates in CANDIDATES.items():
        reference_set = ReferenceSet(folder / task, candidates)
        for result in held_out(reference_set, BIN_WIDTHS, METHODS):
            gain = result.gain_rgb
            each = ", ".join(f"{one:+.3f}" for one in gain.pictures)
            yield (
                f"| {task} | {result.method} | {result.bin_width} | {gain.mean:+.3f} "
                f"| {gain.won} | {gain.lost} | {each} |"
            )


if __name__ == "__main__":
    sys.exit(main())
