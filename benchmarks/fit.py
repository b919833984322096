"""Times a fit of 1280 × 720 pictures, three candidates: reading, statistics, EM, and refits.

    python benchmarks/fit.py [FOLDER] [--repeats 7] [--threads 2]

FOLDER is a reference set of the candidates that the shared deblurring pictures have; without one
five pictures are drawn. Medians; CPU time is what all threads work together, which a busy machine
changes less than seconds.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import Tensor

from ensir import (
    Bins,
    BinStatistics,
    ReferenceSet,
    ReferenceStatistics,
    fit_statistics,
    gather_statistics,
    read_statistics,
)
from ensir.ensemble import kernels
from ensir.ensemble.mixture import (
    VARIANCE_FLOOR,
    Mixture,
    candidate_moments,
    fit_mixtures,
    released_weights,
)
from ensir.read_ahead import read_ahead

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "ensir_reference" / "deblurring"
CANDIDATES = ("MPRNet", "Restormer", "DGUNet")
SAMPLE = ROOT / "sample_luts" / "deblurring_b8.statistics.safetensors"
PICTURES, HEIGHT, WIDTH = 5, 720, 1280
BIN_WIDTH = 32
ENOUGH_PIXELS = 100

Sample = tuple[Tensor, Tensor]  # candidates (M, 3, H, W) and ground truth, uint8


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=DATA, help="a reference set")
    parser.add_argument("--repeats", type=int, default=7, help="the median of so many is shown")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each step")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    load = f", load before the start {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    files = ReferenceSet(given.folder, CANDIDATES) if given.folder.is_dir() else None
    samples = list(read_ahead(files)) if files is not None else drawn_samples()
    print(
        f"{len(samples)} pictures{'' if files is not None else ', drawn'}, {len(CANDIDATES)} "
        f"candidates, bin width {BIN_WIDTH}; {given.threads} threads, {platform.machine()}, torch "
        f"{torch.__version__}; medians of {given.repeats}{load}\n"
    )
    print("| step | seconds | CPU seconds |\n| --- | ---: | ---: |")
    for name, step in steps(samples, files).items():
        seconds, cpu = median_seconds(step, given.repeats)
        print(f"| {name} | {seconds:.3f} | {cpu:.3f} |", flush=True)
    step = by_torch(lambda: fit_statistics(gathered(samples)))
    seconds, cpu = median_seconds(step, 1)
    print(f"| whole fit from arrays, torch alone | {seconds:.3f} | {cpu:.3f} |")
    return 0


def steps(samples: list[Sample], files: ReferenceSet | None) -> dict[str, Callable[[], object]]:
    sums = gathered(samples)
    problem = largest_cells(sums.statistics)
    named: dict[str, Callable[[], object]] = {
        "statistics from arrays": lambda: gathered(samples),
        "EM alone": lambda: fit_mixtures(*problem),
        "EM and the table": lambda: fit_statistics(sums),
        "whole fit from arrays": lambda: fit_statistics(gathered(samples)),
    }
    if files is not None:
        named["reading the files, two threads"] = lambda: [len(one) for one in read_ahead(files)]
        named["reading the files, one by one"] = lambda: [len(one) for one in in_turn(files)]
        named["whole fit from files"] = lambda: fit_statistics(gathered(read_ahead(files)))
    if SAMPLE.is_file():
        shipped = read_statistics(SAMPLE)
        width = shipped.statistics.bins.width
        named[f"refit from shipped statistics, width {width}"] = lambda: fit_statistics(shipped)
        named["refit from shipped statistics, width 32"] = lambda: fit_statistics(shipped, 32)
    return named


def in_turn(files: ReferenceSet) -> list[Sample]:
    return [files[place] for place in range(len(files))]


def gathered(samples: Iterable[Sample]) -> ReferenceStatistics:
    bins = Bins(BIN_WIDTH, len(CANDIDATES))
    total: BinStatistics | None = None
    number = 0
    for candidates, truth in samples:
        one = gather_statistics(candidates, truth, bins)
        total = one if total is None else total + one
        number += 1
    assert total is not None
    return ReferenceStatistics(total, CANDIDATES, ("benchmark",), number)


def largest_cells(statistics: BinStatistics) -> tuple[Mixture, Tensor]:
    """Where EM starts in the cells that it fits, and what it fits them to."""
    cells = (statistics.count.flatten() >= ENOUGH_PIXELS).nonzero().flatten()
    mean, variance = (part.flatten(0, 1)[cells] for part in candidate_moments(statistics))
    weight = released_weights(statistics).flatten(0, 1)[cells]
    start = Mixture(weight, mean, variance.clamp(min=VARIANCE_FLOOR))
    return start, statistics.histograms(cells)


def by_torch(step: Callable[[], object]) -> Callable[[], object]:
    """The same step without compiled kernels."""

    def work() -> object:
        there, kernels.compiled = kernels.compiled, lambda device: None
        try:
            return step()
        finally:
            kernels.compiled = there

    return work


def median_seconds(step: Callable[[], object], repeats: int) -> tuple[float, float]:
    step()  # the first run compiles, allocates and warms up
    times = []
    for _ in range(repeats):
        begin, cpu_begin = time.perf_counter(), time.process_time()
        step()
        times.append((time.perf_counter() - begin, time.process_time() - cpu_begin))
    return statistics.median(wall for wall, _ in times), statistics.median(cpu for _, cpu in times)


def drawn_samples() -> list[Sample]:
    """Smooth pictures and candidates that miss them by a few levels, as restorers do."""
    random = torch.Generator().manual_seed(0)
    samples = []
    for _ in range(PICTURES):
        small = 255 * torch.rand(1, 3, HEIGHT // 16, WIDTH // 16, generator=random)
        truth = torch.nn.functional.interpolate(small, (HEIGHT, WIDTH), mode="bicubic")[0]
        errors = 4 * torch.randn(len(CANDIDATES), 3, HEIGHT, WIDTH, generator=random)
        candidates = (truth + errors).round().clamp(0, 255).to(torch.uint8)
        samples.append((candidates, truth.round().clamp(0, 255).to(torch.uint8)))
    return samples


if __name__ == "__main__":
    sys.exit(main())
