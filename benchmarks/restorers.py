"""Seconds per megapixel of each small network as a restorer, and against the network alone.

    python benchmarks/restorers.py [--side 512] [--large] [--repeats 5] [--network nafnet]

Alone is the network as its paper's code would run it: float32, the whole picture at once, no
gradients. The restorer does the same and all around it, from levels to levels. Weights are drawn:
time does not depend on them. With --large each network restores 4000 × 3000 pixels in a process
of its own, whose memory is measured. A Markdown table is printed.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from ensir.restorers.architectures import ARCHITECTURES
from ensir.restorers.network import NetworkRestorer

LARGE = 3000, 4000
GIB = 2**20  # the kernel counts KiB


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, default=512, help="of the picture, in pixels")
    parser.add_argument("--repeats", type=int, default=5, help="the median of so many is shown")
    parser.add_argument("--network", nargs="+", choices=ARCHITECTURES, default=list(ARCHITECTURES))
    parser.add_argument("--large", action="store_true", help="also 4000 × 3000 pixels")
    parser.add_argument("--only-large", choices=ARCHITECTURES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only_large:
        seconds = restored_in(given.only_large, picture(*LARGE))
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / GIB
        print(f"| {given.only_large} | {seconds:.0f} s | {most:.1f} GB |")
        return 0
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads of {os.cpu_count()}\n")
    print(
        f"| network | parameters | alone, {given.side} × {given.side} | restorer | times faster |"
    )
    print("|---|---|---|---|---|")
    image = picture(given.side, given.side)
    for architecture in given.network:
        network = small(architecture)
        count = sum(it.numel() for it in network.parameters())
        alone, ours = compared(architecture, network, image, given.repeats)
        megapixel = ours / (given.side**2 / 1e6)
        print(
            f"| {architecture} | {count:,} | {alone:.2f} s | {ours:.2f} s, {megapixel:.2f} s a "
            f"megapixel | {alone / ours:.2f} |",
            flush=True,
        )
    if given.large:
        print("\n| network | 4000 × 3000 | most memory |\n|---|---|---|", flush=True)
        for architecture in given.network:
            subprocess.run([sys.executable, __file__, "--only-large", architecture], check=True)
    return 0


def picture(height: int, width: int) -> Tensor:
    """A picture of noise, uint8 (3, H, W)."""
    draw = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (3, height, width), generator=draw, dtype=torch.uint8)


def small(architecture: str) -> nn.Module:
    torch.manual_seed(0)
    return ARCHITECTURES[architecture].network(ARCHITECTURES[architecture].small).eval()


def compared(
    architecture: str, network: nn.Module, image: Tensor, repeats: int
) -> tuple[float, float]:
    """Seconds of the network alone and of the restorer; they take turns, so that neither has the
    quieter machine.
    """
    values = image[None].float() / 255
    restorer = NetworkRestorer(architecture, "", "", 0, 0, partial(small, architecture))

    def alone() -> None:
        with torch.no_grad():
            network(values)

    def ours() -> None:
        restorer.restore(image, lambda done, total: None, lambda: False)

    taken: dict[Callable[[], None], list[float]] = {alone: [], ours: []}
    for one in taken:
        one()  # warm
    for _ in range(repeats):
        for one, seconds in taken.items():
            start = time.perf_counter()
            one()
            seconds.append(time.perf_counter() - start)
    return statistics.median(taken[alone]), statistics.median(taken[ours])


def restored_in(architecture: str, image: Tensor) -> float:
    restorer = NetworkRestorer(architecture, "", "", 0, 0, partial(small, architecture))
    start = time.perf_counter()
    restorer.restore(image, lambda done, total: None, lambda: False)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
