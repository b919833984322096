"""Times fitting on five 1280 × 720 pictures and fusing one, three candidates, bin width 32.

    python benchmarks/fit_and_fuse.py [FOLDER] [--repeats 5]

Seconds differ from machine to machine, so each stands beside its ratio to a yardstick: the mean
of the three candidates of one picture by numpy.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from ensir import ReferenceSet, average, fit_statistics, gather_statistics
from ensir.ensemble.bins import Bins
from ensir.reference_set import ReferenceStatistics

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "ensir_reference" / "deblurring"
CANDIDATES = ("MPRNet", "Restormer", "DGUNet")
PICTURES, HEIGHT, WIDTH = 5, 720, 1280
BIN_WIDTH = 32

Sample = tuple[torch.Tensor, torch.Tensor]  # candidates (M, 3, H, W) and ground truth, uint8


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=DATA, help="a reference set")
    parser.add_argument("--repeats", type=int, default=5, help="the median of so many is shown")
    arguments = parser.parse_args()
    # Other work makes all of this slower, and not evenly.
    others = f"load before the start {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    reading: float | None = None
    if arguments.folder.is_dir():
        begin = time.perf_counter()
        reference_set = ReferenceSet(arguments.folder, CANDIDATES)
        samples = [reference_set[place] for place in range(len(reference_set))]
        reading = time.perf_counter() - begin
        source = f"{len(samples)} pictures of {reference_set.name}"
    else:
        samples = synthetic_samples()
        source = f"{PICTURES} synthetic pictures (there is no folder {arguments.folder.name})"
    height, width = samples[0][1].shape[1:]
    print(
        f"{source}, {width} × {height}, {len(CANDIDATES)} candidates, bin width {BIN_WIDTH}; "
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, {platform.machine()}; "
        f"median of {arguments.repeats}; {others}\n"
    )
    print("| step | seconds | times the yardstick |\n| --- | ---: | ---: |")
    if reading is not None:
        print(f"| read the files (once) | {reading:.3f} | |")
    for line in table(samples, arguments.repeats):
        print(line, flush=True)
    return 0


def table(samples: list[Sample], repeats: int) -> Iterator[str]:
    """The rows of a markdown table, the yardstick's first."""
    gathered = gather(samples)
    lookup_table = fit_statistics(gathered).table
    candidates = samples[0][0]
    arrays = candidates.numpy()
    steps: dict[str, Callable[[], object]] = {
        "mean of one picture by numpy (the yardstick)": lambda: arrays.mean(0, dtype=np.float32),
        "gather the statistics of all pictures": lambda: gather(samples),
        "EM and the table": lambda: fit_statistics(gathered),
        "whole fit, files apart": lambda: fit_statistics(gather(samples)),
        "fuse one picture, float32": lambda: lookup_table.fuse(candidates).image,
        "fuse one picture, uint8": lambda: lookup_table.fuse(candidates, dtype=torch.uint8).image,
        "average one picture, float32": lambda: average(candidates).image,
    }
    yardstick = None
    for name, step in steps.items():
        seconds = median_seconds(step, repeats)
        yardstick = yardstick or seconds
        yield f"| {name} | {seconds:.3f} | {seconds / yardstick:.1f} |"


def gather(samples: list[Sample]) -> ReferenceStatistics:
    bins = Bins(BIN_WIDTH, len(CANDIDATES))
    total = gather_statistics(*samples[0], bins)
    for candidates, truth in samples[1:]:
        total = total + gather_statistics(candidates, truth, bins)
    return ReferenceStatistics(total, CANDIDATES, ("benchmark",), len(samples))


def median_seconds(step: Callable[[], object], repeats: int) -> float:
    step()  # the first run allocates and warms up
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


def synthetic_samples() -> list[Sample]:
    """Smooth pictures and candidates that miss them by a few levels, as restorers do."""
    generator = np.random.default_rng(0)
    samples = []
    for _ in range(PICTURES):
        small = torch.from_numpy(generator.uniform(0, 255, (1, 3, HEIGHT // 16, WIDTH // 16)))
        truth = torch.nn.functional.interpolate(small, (HEIGHT, WIDTH), mode="bicubic")[0]
        errors = torch.from_numpy(generator.normal(0, 4, (len(CANDIDATES), 3, HEIGHT, WIDTH)))
        candidates = (truth + errors).round().clamp(0, 255).to(torch.uint8)
        samples.append((candidates, truth.round().clamp(0, 255).to(torch.uint8)))
    return samples


if __name__ == "__main__":
    sys.exit(main())
