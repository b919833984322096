"""Times the kernels for GPUs: fusion against a copy, statistics and EM against the CPU's kernels.

    python benchmarks/gpu.py [--launches 100] [--members 3] [--width 32]

Needs a GPU, and says so where there is none. Pictures of 3840 × 2160 with 3 channels of 8 bits.
Device events stand around each launch, and medians are shown. Before each a buffer larger than the
second-level cache is zeroed: so pictures are read from memory, and the device is busy until the
launch is there. Fusion moves each value of a candidate and of the result once; its bytes in a
second are held against those that a copy of the pictures moves, read and written.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from types import ModuleType

import torch
from fuse import drawn_table, smooth_candidates
from torch import Tensor

from ensir import Bins
from ensir.ensemble import kernels
from ensir.ensemble.bin_statistics import gather_statistics
from ensir.ensemble.fusion import fuse_pictures
from ensir.ensemble.kernels.rules import CompiledRule
from ensir.ensemble.mixture import candidate_moments, released_weights

ENLARGED = 3  # times, from 1280 × 720
ZEROED = 2**30  # bytes; some 0.3 ms of a large GPU
WARM_UPS = 5
CPU_THREADS, CPU_REPEATS = 2, 5
STEPS = 100  # of EM in every bin set
GIGABYTE = 1e9

Work = Callable[[], object]
Row = tuple[str, float, int, float]  # way, seconds, bytes that must move, the CPU's seconds


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--launches", type=int, default=100, help="the median of so many is shown")
    parser.add_argument("--members", type=int, default=3, help="candidates")
    parser.add_argument("--width", type=int, default=32, help="of the bins")
    given = parser.parse_args()
    if not torch.cuda.is_available():
        print("There is no GPU that torch can use here, so there is nothing to measure.")
        return 0
    makers = kernels.compiled(torch.device("cuda"))
    if makers is None:
        print("Triton is missing or finds no C compiler, so there are no kernels to measure.")
        return 0
    pictures = smooth_candidates(given.members + 1).repeat(1, 1, ENLARGED, ENLARGED)
    candidates, truth = pictures[:-1], pictures[-1]
    about = torch.cuda.get_device_properties(0)
    print(
        f"{truth.shape[2]} × {truth.shape[1]}, 3 channels, 8 bits; {given.members} candidates, "
        f"bins {given.width} wide; {about.name}, second-level cache "
        f"{about.L2_cache_size / 2**20:.0f} MiB; torch {torch.__version__}; the CPU with "
        f"{CPU_THREADS} threads; medians of {given.launches}\n"
    )
    print("| way | ms | GB/s | share of the copy's | times the CPU's speed |")
    print("| --- | ---: | ---: | ---: | ---: |")
    there = pictures.cuda()
    copied = on_device(there.clone, given.launches)
    rate = 2 * there.nbytes / copied
    for way, seconds, moved, by_cpu in (
        ("copy", copied, 2 * there.nbytes, 0.0),
        *fusions(makers, candidates, given.width, given.launches),
        *fits(makers, candidates, truth, given.width, given.launches),
    ):
        speed = f"{moved / seconds / GIGABYTE:.0f}" if moved else ""
        share = f"{moved / seconds / rate:.0%}" if moved else ""
        times = f"{by_cpu / seconds:.0f}" if by_cpu else ""
        print(f"| {way} | {1000 * seconds:.3f} | {speed} | {share} | {times} |")
    return 0


def fusions(makers: ModuleType, candidates: Tensor, width: int, launches: int) -> list[Row]:
    """The kernel alone, then with all that `fuse` does around it, and the definition in torch."""
    table, pictures = drawn_table(width, len(candidates)), list(candidates.cuda())
    here = table.to("cuda:0")
    packed = makers.packed_weights(here.weights)
    starts = here.starts[:0] if here.dense else here.starts
    cut = width, here.bins.per_candidate
    by_cpu = on_cpu(lambda: table.fuse(list(candidates), dtype=torch.uint8))
    rows = []
    for dtype in (torch.uint8, torch.float32):
        fused = makers.fuse_pictures(pictures, packed, starts, *cut, dtype)
        alone = on_device(
            lambda dtype=dtype: makers.fuse_pictures(pictures, packed, starts, *cut, dtype),
            launches,
        )
        said = str(dtype).removeprefix("torch.")
        rows.append((f"fused to {said}", alone, candidates.nbytes + fused.nbytes, 0.0))
    moved = candidates.nbytes + candidates[0].nbytes
    whole = on_device(lambda: here.fuse(pictures, dtype=torch.uint8), launches)
    weights_at = here.fuse(pictures).weights_at
    by_torch = on_device(lambda: fuse_pictures(pictures, weights_at, torch.uint8), launches)
    return [
        *rows,
        ("fused to uint8, with all checks", whole, moved, by_cpu),
        ("fused to uint8 by torch", by_torch, moved, by_cpu),
    ]


def fits(
    makers: ModuleType, candidates: Tensor, truth: Tensor, width: int, launches: int
) -> list[Row]:
    """The statistics of one picture, and so many steps of EM on all its bin sets."""
    bins = Bins(width, len(candidates))
    here, true = candidates.cuda(), truth.cuda()
    gathered = gather_statistics(candidates, truth, bins)
    gathering = (
        "statistics",
        on_device(lambda: gather_statistics(here, true, bins), launches),
        0,
        on_cpu(lambda: gather_statistics(candidates, truth, bins)),
    )
    full = (gathered.count.flatten() > 0).nonzero().flatten()
    mean, variance = (part.flatten(0, 1)[full] for part in candidate_moments(gathered))
    first = released_weights(gathered).flatten(0, 1)[full]
    problem = (gathered.histograms(full), mean, first, variance + 1, torch.zeros_like(first))
    there = [part.cuda() for part in problem]
    rule = CompiledRule(False, 0.0, 0.0, 1 / 12, STEPS, STEPS, 0.0, 0.0)
    by_cpu = kernels.compiled(torch.device("cpu"))
    fitting = (
        f"{STEPS} steps of EM on {len(full):,} bin sets",
        on_device(lambda: makers.fit_mixtures(*there, rule), launches),
        0,
        0.0 if by_cpu is None else on_cpu(lambda: by_cpu.fit_mixtures(*problem, rule)),
    )
    return [gathering, fitting]


def on_device(work: Work, launches: int) -> float:
    """Median seconds between device events around the work."""
    zeroed = torch.empty(ZEROED, dtype=torch.uint8, device="cuda")
    events = []
    for _ in range(WARM_UPS + launches):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        zeroed.zero_()
        begin.record()
        work()
        end.record()
        events.append((begin, end))
    torch.cuda.synchronize()
    return statistics.median(begin.elapsed_time(end) for begin, end in events[WARM_UPS:]) / 1000


def on_cpu(work: Work) -> float:
    """Median seconds with as many threads as are said."""
    before = torch.get_num_threads()
    torch.set_num_threads(CPU_THREADS)
    work()  # the first call compiles
    taken = []
    for _ in range(CPU_REPEATS):
        begin = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begin)
    torch.set_num_threads(before)
    return statistics.median(taken)


if __name__ == "__main__":
    sys.exit(main())
