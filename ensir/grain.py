"""How candidates differ, pixel beside pixel: what sums over bin sets do not hold of it.

The differences of one task are fine, of another in patches, at edges, or in a grid that the models
leave behind. No ground truth is needed; it is looked at while the pixels are at hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ensir.disagreement import ROUNDING
from ensir.ensemble.levels import levels_of
from ensir.usual import Units, in_units

Plane = NDArray[np.floating[Any]]  # (H, W), levels

LEAST, MOST = 24, 512  # pixels: the shortest side that says anything; the longest looked at
EVERY = 3  # rows, of which differences are looked at in one; odd, so that it meets no grid
PERIOD = 8  # pixels: of the blocks of JPEG; of models that enlarge 4 times, half as many
EDGE = 8.0  # levels: steps from pixel to pixel count for no more, or a few edges say it all
TENTH = 0.1  # levels: smaller steps are rounding
CHANCE = 0.01  # of the mean step: any picture has columns that differ by this

# What is said of a picture whose candidates differ otherwise, and what the pictures of a set
# usually spread by.
DIFFERS_BESIDE = {
    "smooth": "how smooth their differences are from pixel to pixel",
    "coarse": "how wide the patches are in which they differ",
    "edges": "how much more they differ at edges",
    "grid": "how clearly they show a grid of four pixels",
}
UNITS: Units = {"smooth": 0.15, "coarse": 0.15, "edges": 0.12, "grid": 0.4}


@dataclass(frozen=True, order=True)
class Grain:
    """How M candidates differ from their average, in the middle one of the channels."""

    smooth: float  # log of the mean squared change of candidate - average, 2 pixels over 1 apart
    coarse: float  # the same, 4 pixels over 2 apart
    edges: float  # correlation of the mean difference, its sign left out, with the average's slope
    grid: float  # log of the strength of period 4 in the average, over what blocks of 8 explain

    @property
    def values(self) -> Tensor:
        """All in one row (4,), float64, in units of what they spread by in any set."""
        return in_units({name: torch.tensor([one]) for name, one in vars(self).items()}, UNITS)

    @property
    def groups(self) -> tuple[str, ...]:
        """Of each of the values, a name in DIFFERS_BESIDE."""
        return tuple(vars(self))


def grain(candidates: Iterable[Tensor]) -> Grain | None:
    """Of M candidates (C, H, W) of any depth, in any order; None where they are too small.

    Of large pictures the middle is looked at; rounded to what the order of sums hardly changes.
    """
    pictures = list(candidates)
    channels, height, width = pictures[0].shape
    if min(height, width) < LEAST:
        return None
    top, left = (max(side - MOST, 0) // 2 for side in (height, width))
    middle = channels // 2, slice(top, top + MOST), slice(left, left + MOST)
    # NumPy: for many small steps torch would wait for all its threads each time.
    planes = [levels_of(one[middle]).cpu().numpy().astype(np.float32) for one in pictures]
    average = sum(planes[1:], start=planes[0]) / len(planes)
    for plane in planes:
        plane -= average
    one, two, four = (_change(planes, apart) for apart in (1, 2, 4))
    return Grain(
        smooth=round(float(np.log(two / one)), 3),
        coarse=round(float(np.log(four / two)), 3),
        edges=round(_edges(planes, average), 3),
        grid=round(_grid(average), 3),
    )


def _change(differences: Sequence[Plane], apart: int) -> float:
    """Mean squared change along rows and columns; candidates that agree differ by rounding."""
    total = 2 * ROUNDING
    for one in differences:
        across = one[::EVERY, apart:] - one[::EVERY, :-apart]
        down = one[apart::EVERY] - one[:-apart:EVERY]
        total += (_mean_square(across) + _mean_square(down)) / (2 * len(differences))
    return total


def _edges(differences: Sequence[Plane], average: Plane) -> float:
    slope = np.abs(average[1:-1:EVERY, 2:] - average[1:-1:EVERY, :-2])
    slope += np.abs(average[2::EVERY, 1:-1] - average[:-2:EVERY, 1:-1])
    amount = np.zeros_like(slope)
    for one in differences:
        amount += np.abs(one[1:-1:EVERY, 1:-1]) / len(differences)
    slope -= slope.mean()
    amount -= amount.mean()
    spread = (_mean_square(slope) + TENTH**2) * (_mean_square(amount) + TENTH**2)
    return float(np.vdot(slope, amount)) / slope.size / spread**0.5


def _grid(average: Plane) -> float:
    """Blocks of 8 have steps at one place of eight, and so as much of period 4 as of 8 and 8/3."""
    strengths = _periods(average) + _periods(average.T) + CHANCE**2
    return float(np.log(2 * strengths[2] / (strengths[1] + strengths[3]))) / 2


def _periods(picture: Plane) -> NDArray[np.floating[Any]]:
    """Squared Fourier coefficients of the mean step to the next column by place, over all: (5,)."""
    steps = np.diff(picture)
    np.clip(steps, -EDGE, EDGE, out=steps)
    by_column = np.abs(steps, out=steps).mean(0)
    by_place = np.stack([by_column[place::PERIOD].mean() for place in range(PERIOD)])
    return np.abs(np.fft.rfft(by_place) / PERIOD / (by_column.mean() + TENTH)) ** 2


def _mean_square(values: Plane) -> float:
    return float(np.vdot(values, values)) / values.size
