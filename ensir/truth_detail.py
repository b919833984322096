"""How a truth lies to its candidates, pixel beside pixel: displaced, blurred, noisy, in blocks.

The average of the candidates shows where the truth's edges and its fine detail should be. Sums over
bin sets do not hold how pixels lie beside each other: this is looked at while they are at hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ensir.ensemble.levels import levels_of

Plane = NDArray[np.floating[Any]]  # (H, W), levels

BLOCK = 8  # pixels, the side of a block of JPEG, and of those that noise is looked for in
LEAST, MOST = 3 * BLOCK, 512  # pixels: the shortest side that says anything; the longest looked at
EDGE, ALIGNED = 4.0, 0.9  # times the mean product of slopes; cosine of the angle between them
SMOOTHEST = 0.05  # of the blocks; one in twenty of nearly any picture is sky, wall or shade
CLIPPED = 16  # levels from black and white, where noise is cut off
LEAST_SLOPE = 1.0  # levels a pixel, squared: what is flatter says little of where it lies
TENTH = 0.1  # levels: steps and slopes below are rounding


@dataclass(frozen=True, order=True)
class TruthDetail:
    """How a truth lies to the average of its candidates, in the middle one of the channels."""

    displaced: float  # pixels
    sharp: float  # slope of the truth's edges over that of the average's, where both have one
    noise: float  # levels, of fine detail that the average lacks, where there is least of it
    blocks: float  # steps at the borders of blocks above all others, of which the average has none


def truth_detail(candidates: Iterable[Tensor], truth: Tensor) -> TruthDetail | None:
    """Of M candidates and their truth, (C, H, W) of any depth; None where they are too small.

    Of large pictures the middle is looked at; rounded to what the order of sums hardly changes.
    """
    channels, height, width = truth.shape
    if min(height, width) < LEAST:
        return None
    top, left = (max(side - MOST, 0) // 2 for side in (height, width))
    middle = channels // 2, slice(top, top + MOST), slice(left, left + MOST)
    # NumPy: for many small steps torch would wait for all its threads each time.
    target = _plane(truth[middle])
    average = np.mean([_plane(one[middle]) for one in candidates], axis=0)
    return TruthDetail(
        displaced=round(_displaced(average, target), 3),
        sharp=round(_sharp(average, target), 3),
        noise=round(_noise(average, target), 3),
        blocks=round(_blocks(average, target), 3),
    )


def _plane(values: Tensor) -> Plane:
    return levels_of(values).cpu().numpy().astype(np.float32)


def _displaced(average: Plane, target: Plane) -> float:
    """The shift that explains most of their difference, to first order (Lucas and Kanade, 1981).

    Least squares over the picture, of slopes half way between the two, after slight smoothing. That
    one is brighter is no shift, so both are taken without their means.
    """
    one, other = _smoothed(average), _smoothed(target)
    slopes = np.stack([slope.ravel() for slope in _slopes((one + other) / 2)])
    difference = (one - other)[1:-1, 1:-1].ravel()
    slopes -= slopes.mean(1, keepdims=True)
    normal = slopes @ slopes.T + LEAST_SLOPE * difference.size * np.eye(2)
    return float(np.linalg.norm(np.linalg.solve(normal, slopes @ (difference - difference.mean()))))


def _sharp(average: Plane, target: Plane) -> float:
    """Restored edges are softer than true ones, never steeper.

    An edge is where both have one, of one direction: noise, rain and rings of either are few.
    """
    one, other = np.stack(_slopes(average)), np.stack(_slopes(target))
    steep, true, common = (np.sum(pair, 0) for pair in (one * one, other * other, one * other))
    edges = common > EDGE * max(common.mean(), LEAST_SLOPE)
    edges &= common > ALIGNED * np.sqrt(steep * true)
    rounding = TENTH * max(int(edges.sum()), 1)
    return float((true[edges].sum() + rounding) / (steep[edges].sum() + rounding)) ** 0.5


def _noise(average: Plane, target: Plane) -> float:
    """The spread of white noise whose Laplacian is as strong as that of the smoothest blocks.

    In blocks, as Immerkaer's estimate ("Fast Noise Variance Estimation", 1996) is over a picture.
    Of the difference, for texture is no noise, and of the truth, for candidates have noise too.
    """
    level = _in_blocks(average[1:-1, 1:-1]).mean(-1)
    whole = (level >= CLIPPED) & (level <= 255 - CLIPPED)
    if not whole.any():
        whole = ~whole
    fine = (_in_blocks(_laplacian(it))[whole].std(-1) for it in (target - average, target))
    of_white_noise = 1.25**0.5  # of spread 1: the root of 1 + 4 / 16
    return min(float(np.quantile(spread, SMOOTHEST)) for spread in fine) / of_white_noise


def _blocks(average: Plane, target: Plane) -> float:
    """Of rows and columns where it is less: the grain of a picture may lie in one of them."""
    return min(_at_borders(average, target), _at_borders(average.T, target.T))


def _at_borders(average: Plane, target: Plane) -> float:
    """Of columns. A picture may have been cropped: borders are at any one place of eight.

    Candidates that were enlarged have steps of their own, at two of them or more.
    """
    *_, next_to_it, most = np.sort(_steps(target) - _steps(average))
    return float(most - next_to_it)


def _steps(picture: Plane) -> Plane:
    """How much larger steps to the next column are than those beside, by place in a block, (8,)."""
    steps = np.abs(np.diff(picture)).clip(max=2 * BLOCK)  # an edge is no border of a block
    more = (steps[:, 1:-1] - (steps[:, :-2] + steps[:, 2:]) / 2).mean(0)
    by_place = np.stack([more[place::BLOCK].mean() for place in range(BLOCK)])
    return by_place / (steps.mean() + TENTH)


def _slopes(picture: Plane) -> tuple[Plane, Plane]:
    """Along rows and columns, (H - 2, W - 2) each."""
    across = (picture[1:-1, 2:] - picture[1:-1, :-2]) / 2
    return across, (picture[2:, 1:-1] - picture[:-2, 1:-1]) / 2


def _laplacian(picture: Plane) -> Plane:
    beside = picture[:-2, 1:-1] + picture[2:, 1:-1] + picture[1:-1, :-2] + picture[1:-1, 2:]
    return picture[1:-1, 1:-1] - beside / 4


def _smoothed(picture: Plane) -> Plane:
    """By 1, 4, 6, 4, 1 along rows and columns: slopes are straight over a pixel or two then."""
    for _ in range(2):
        picture = (picture[2:] + 2 * picture[1:-1] + picture[:-2]) / 4
        picture = (picture[:, 2:] + 2 * picture[:, 1:-1] + picture[:, :-2]) / 4
    return picture


def _in_blocks(picture: Plane) -> Plane:
    """(H, W) -> (blocks, 64)."""
    height, width = (side // BLOCK * BLOCK for side in picture.shape)
    blocks = picture[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    return blocks.swapaxes(1, 2).reshape(-1, BLOCK * BLOCK)
