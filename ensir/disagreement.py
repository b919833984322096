"""How candidates differ from each other: what can be seen of a picture without a ground truth.

A table knows how candidates err in its reference set. In a picture of another task, or of much more
damage, they differ from each other otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ensir.ensemble.bin_statistics import BinStatistics
from ensir.ensemble.errors_about_average import errors_about_average
from ensir.usual import Units, in_units

BINS = 16  # levels: narrower bins are joined to these
APART = (1, 2, 3)  # bins
ROUNDING = 1 / 12  # variance of a value rounded to a level: what candidates differ by at least

# What is said of a picture whose candidates differ otherwise, and what the pictures of a set
# usually spread by.
DIFFERS = {
    "amount": "how much they differ",
    "shares": "which of them differ",
    "offset": "which are brighter than the others",
    "contrast": "which have more contrast than the others",
    "tail": "how often they differ greatly",
}
UNITS: Units = {
    "amount": 0.35,
    "shares": 0.07,
    "offset": 0.06,
    "contrast": 0.08,
    "tail": (0.15, 0.5, 0.8),
}


@dataclass(frozen=True, eq=False)
class Disagreement:
    """How M candidates differ from their average, whatever the picture shows; float64."""

    # Rounding counts in both: candidates that agree differ by its root mean square, 0.29 levels.
    amount: Tensor  # (1,) log of the root mean square of candidate - average, levels
    shares: Tensor  # (M,) the same of each candidate, less that of all
    offset: Tensor  # (M,) mean of candidate - average, in units of the amount
    contrast: Tensor  # (M,) correlation of candidate - average with the average, in such units
    tail: Tensor  # (3,) log of the shares of the squared disagreement 1, 2 and 3 bins apart or more

    @property
    def values(self) -> Tensor:
        """All in one row (D,), in units of what they spread by in any set."""
        return in_units(vars(self), UNITS)

    @property
    def groups(self) -> tuple[str, ...]:
        """Of each of the values, a name in DIFFERS."""
        return tuple(name for name, one in vars(self).items() for _ in one)


def disagreement(statistics: BinStatistics) -> Disagreement:
    """How the candidates of these pixels differ from their average."""
    apart = _joined(statistics)
    members, pixels, channels = apart.bins.candidates, apart.pixels, apart.channels
    own = errors_about_average(apart).spread.diagonal(dim1=-2, dim2=-1).double() / members**2
    by_candidate = own.sum((0, 1)) / (channels * pixels) + ROUNDING
    amount = by_candidate.mean()
    sums = apart.sums.sum(1).double() / pixels  # (C, M), as all that follow
    products = apart.products.sum(1).double() / pixels
    average = sums.mean(-1, keepdim=True)
    covariance = products.mean(-1) - sums * average
    variance = covariance.mean(-1, keepdim=True)
    # A picture of one level has no contrast, nor have its candidates more or less of it.
    contrast = (covariance - variance) / variance.clamp(min=ROUNDING).sqrt()
    return Disagreement(
        amount=amount.log()[None] / 2,
        shares=(by_candidate / amount).log() / 2,
        offset=(sums - average).mean(0) / amount.sqrt(),
        contrast=contrast.mean(0) / amount.sqrt(),
        tail=_tail(apart, own.sum((0, 2))),
    )


def _tail(statistics: BinStatistics, squared: Tensor) -> Tensor:
    bins = statistics.bins.bins_of(statistics.sets)
    gap = bins.amax(-1) - bins.amin(-1)
    least = 1e-3 * squared.sum() + 1e-9  # candidates that are alike have no tail either
    far = torch.stack([squared[gap >= apart].sum() for apart in APART])
    return ((far + least) / (squared.sum() + least)).log()


def _joined(statistics: BinStatistics) -> BinStatistics:
    """The same pixels in bins of 16 levels, where theirs join to such."""
    width = statistics.bins.width
    return statistics.coarser(BINS) if width < BINS and BINS % width == 0 else statistics
