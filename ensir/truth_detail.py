"""How a truth lies to its candidates, pixel beside pixel: displaced, blurred, noisy, in blocks.

The average of the candidates shows where the truth's edges and its fine detail should be. Sums over
bin sets do not hold how pixels lie beside each other: this is looked at while they are at hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from ensir.ensemble.levels import levels_of

BLOCK = 8  # pixels, the side of a block of JPEG, and of those that noise is looked for in
LEAST, MOST = 3 * BLOCK, 512  # pixels: the shortest side that says anything; the longest looked at
EDGE, ALIGNED = 4.0, 0.9  # times the mean product of slopes; cosine of the angle between them
SMOOTHEST = 0.05  # of the blocks; one in twenty of nearly any picture is sky, wall or shade
CLIPPED = 16  # levels from black and white, where noise is cut off
TENTH = 0.1  # levels squared a pixel: slopes below are rounding


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
    target = levels_of(truth[middle]).cpu().float()
    average = torch.stack([levels_of(one[middle]).cpu().float() for one in candidates]).mean(0)
    return TruthDetail(
        displaced=round(_displaced(average, target), 3),
        sharp=round(_sharp(average, target), 3),
        noise=round(_noise(average, target), 3),
        blocks=round(_blocks(average, target), 3),
    )


def _displaced(average: Tensor, target: Tensor) -> float:
    """The shift that explains most of their difference, to first order (Lucas and Kanade, 1981).

    Least squares over the picture, of slopes half way between the two, after slight smoothing.
    """
    one, other = _smoothed(average), _smoothed(target)
    slopes = torch.stack([slope.flatten() for slope in _slopes((one + other) / 2)])
    difference = (one - other)[1:-1, 1:-1].flatten()
    # Without contrast nothing says that a picture is displaced.
    normal = slopes @ slopes.T + TENTH * len(difference) * torch.eye(2)
    return float(torch.linalg.solve(normal, slopes @ difference).norm())


def _sharp(average: Tensor, target: Tensor) -> float:
    """Restored edges are softer than true ones, never steeper.

    An edge is where both have one, of one direction: noise, rain and rings of either are none.
    """
    one, other = torch.stack(_slopes(average)), torch.stack(_slopes(target))
    steep, true, common = (pair.sum(0) for pair in (one * one, other * other, one * other))
    edges = common > EDGE * common.mean().clamp(min=TENTH)
    edges &= common > ALIGNED * (steep * true).sqrt()
    rounding = TENTH * max(int(edges.sum()), 1)
    return (float(true[edges].sum() + rounding) / float(steep[edges].sum() + rounding)) ** 0.5


def _noise(average: Tensor, target: Tensor) -> float:
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
    return min(float(spread.quantile(SMOOTHEST)) for spread in fine) / of_white_noise


def _blocks(average: Tensor, target: Tensor) -> float:
    """Of rows and columns where it is less: the grain of a picture may lie in one of them."""
    return min(_at_borders(average, target), _at_borders(average.T, target.T))


def _at_borders(average: Tensor, target: Tensor) -> float:
    """Of columns. A picture may have been cropped: borders are at any one place of eight.

    Candidates that were enlarged have steps of their own, at two of them or more.
    """
    most, next_to_it = (_steps(target) - _steps(average)).topk(2).values.tolist()
    return float(most - next_to_it)


def _steps(picture: Tensor) -> Tensor:
    """How much larger steps to the next column are than those beside, by place in a block, (8,)."""
    steps = picture.diff(dim=1).abs().clamp(max=2 * BLOCK)  # an edge is no border of a block
    more = (steps[:, 1:-1] - (steps[:, :-2] + steps[:, 2:]) / 2).mean(0)
    by_place = torch.stack([more[place::BLOCK].mean() for place in range(BLOCK)])
    return by_place / (steps.mean() + TENTH)


def _slopes(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Along rows and columns, (H - 2, W - 2) each."""
    across = (picture[1:-1, 2:] - picture[1:-1, :-2]) / 2
    return across, (picture[2:, 1:-1] - picture[:-2, 1:-1]) / 2


def _laplacian(picture: Tensor) -> Tensor:
    beside = picture[:-2, 1:-1] + picture[2:, 1:-1] + picture[1:-1, :-2] + picture[1:-1, 2:]
    return picture[1:-1, 1:-1] - beside / 4


def _smoothed(picture: Tensor) -> Tensor:
    """By 1, 4, 6, 4, 1 along rows and columns: slopes are straight over a pixel or two then."""
    for _ in range(2):
        picture = (picture[2:] + 2 * picture[1:-1] + picture[:-2]) / 4
        picture = (picture[:, 2:] + 2 * picture[:, 1:-1] + picture[:, :-2]) / 4
    return picture


def _in_blocks(picture: Tensor) -> Tensor:
    """(H, W) -> (blocks, 64)."""
    blocks = picture.unfold(0, BLOCK, BLOCK).unfold(1, BLOCK, BLOCK)
    return blocks.flatten(2).flatten(0, 1)
