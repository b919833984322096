"""Times fusion against averaging and a plain copy, 1280 × 720 pixels, 8 bits in and out.

    python benchmarks/fuse.py [--repeats 15] [--threads 2]

Seconds differ from machine to machine and with what else it does, so the ways take turns, medians
are shown, and each stands beside its ratio to the average of three pictures by OpenCV: two calls
of `addWeighted`, the quickest that it has for 8 bits. Pixels interleaved for OpenCV, planar for us.
CPU time is what all threads work together; of the two it is what a busy machine changes less.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable

import cv2
import torch
from torch import Tensor

from ensir import Bins, LookupTable, Origin, Provenance
from ensir.ensemble import kernels
from ensir.ensemble.fusion import fuse_pictures
from ensir.ensemble.lookup_table import table_rows

HEIGHT, WIDTH = 720, 1280
WIDTHS = (8, 16, 32, 64, 128)  # of bins
MEMBERS = (2, 3, 4, 5, 6, 7, 8)
# Seconds before each way: torch's threads go on for up to 7 ms after their work, waiting for more,
# on a core that the next way needs.
PAUSE = 0.02

Work = Callable[[], object]
Way = tuple[str, int, int | None]  # its name, candidates, bin width


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=15, help="the median of so many is shown")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each way")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    cv2.setNumThreads(given.threads)
    load = f", load before the start {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(
        f"{WIDTH} × {HEIGHT}, 3 channels, 8 bits in and out; {given.threads} threads, "
        f"{platform.machine()}, torch {torch.__version__}, OpenCV {cv2.__version__}; medians of "
        f"{given.repeats}{load}\n"
    )
    print("| way | candidates | bin width | ms | × OpenCV's average | CPU ms | × OpenCV's |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    ways = all_ways()
    taken = medians(ways, given.repeats)
    yardstick, cpu_yardstick = taken[next(iter(ways))]
    for (way, members, width), (seconds, cpu) in taken.items():
        print(
            f"| {way} | {members} | {width or ''} | {1000 * seconds:.2f} "
            f"| {seconds / yardstick:.2f} | {1000 * cpu:.2f} | {cpu / cpu_yardstick:.2f} |"
        )
    return 0


def all_ways() -> dict[Way, Work]:
    """What is timed, by its name, candidates and bin width; OpenCV's average first."""
    candidates = smooth_candidates(max(MEMBERS))
    three = candidates[:3]
    interleaved = [picture.permute(1, 2, 0).contiguous().numpy() for picture in three]
    ways: dict[Way, Work] = {
        ("average by OpenCV", 3, None): lambda: opencv_average(*interleaved),
        ("average by torch", 3, None): lambda: torch_average(three),
        ("copy of the pictures", 3, None): lambda: three.clone(),
        ("copy of one picture", 1, None): lambda: three[0].clone(),
    }
    for width in WIDTHS:
        ways["fused, compiled", 3, width] = fusing(three, width)
    for members in MEMBERS:
        if members != 3:
            ways["fused, compiled", members, 32] = fusing(candidates[:members], 32)
    table = drawn_table(32, 3)
    weights_at = table.fuse(three).weights_at
    ways["fused, torch", 3, 32] = lambda: fuse_pictures(list(three), weights_at, torch.uint8)
    return ways


def opencv_average(one: object, two: object, three: object) -> object:
    return cv2.addWeighted(cv2.addWeighted(one, 0.5, two, 0.5, 0), 2 / 3, three, 1 / 3, 0)


def torch_average(pictures: Tensor) -> Tensor:
    return pictures.float().mean(0).add_(0.5).to(torch.uint8)


def fusing(candidates: Tensor, width: int) -> Work:
    table = drawn_table(width, len(candidates))
    pictures = list(candidates)
    return lambda: table.fuse(pictures, dtype=torch.uint8)


def drawn_table(width: int, members: int) -> LookupTable:
    """Weights by chance for every bin set that smooth pictures have: time depends on no weight."""
    bins = Bins(width, members)
    digits = torch.arange(bins.per_candidate).unsqueeze(-1).expand(-1, members)
    starts = table_rows(bins, bins.number(digits))
    random = torch.Generator().manual_seed(0)
    weights = torch.rand(3, len(starts), members, generator=random, dtype=torch.float64)
    shape = weights.shape[:2]
    return LookupTable(
        bins,
        weights / weights.sum(-1, keepdim=True),
        torch.full(shape, int(Origin.FITTED), dtype=torch.uint8),
        torch.ones(shape, dtype=torch.int64),
        tuple("ABCDEFGH"[:members]),
        Provenance("em"),
        starts,
    )


def smooth_candidates(members: int) -> Tensor:
    """A smooth picture and what models make of it, (M, 3, H, W) uint8."""
    random = torch.Generator().manual_seed(0)
    small = 255 * torch.rand(1, 3, HEIGHT // 16, WIDTH // 16, generator=random)
    truth = torch.nn.functional.interpolate(small, (HEIGHT, WIDTH), mode="bicubic")
    common = 4 * torch.randn(3, HEIGHT, WIDTH, generator=random)  # models err alike for the most
    own = 1.5 * torch.randn(members, 3, HEIGHT, WIDTH, generator=random)
    return (truth + common + own).round().clamp(0, 255).to(torch.uint8)


def medians(ways: dict[Way, Work], repeats: int) -> dict[Way, tuple[float, float]]:
    """Median seconds and CPU seconds; the ways take turns, so that none has the quieter machine."""
    taken: dict[Way, list[tuple[float, float]]] = {name: [] for name in ways}
    for work in ways.values():
        work()  # the first call compiles, allocates and warms up
    for _ in range(repeats):
        for name, work in ways.items():
            time.sleep(PAUSE)
            begin, cpu_begin = time.perf_counter(), time.process_time()
            work()
            taken[name].append((time.perf_counter() - begin, time.process_time() - cpu_begin))
    return {
        name: (statistics.median(wall for wall, _ in times), statistics.median(c for _, c in times))
        for name, times in taken.items()
    }


if __name__ == "__main__":
    if kernels.compiled(torch.device("cpu")) is None:
        print("without Numba nothing is compiled: torch is what is timed", file=sys.stderr)
    sys.exit(main())
