"""The squared error of any weights, from the sums that fitting has: no pixel is needed again.

Write every value as its difference from the candidates' average: what weights that add up to one
make of a pixel errs by (truth - average) - sum of weight * (candidate - average). Its square,
summed over pixels, is a parabola in the weights whose coefficients stand here.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ensir.ensemble.bin_statistics import BinStatistics
from ensir.errors import InputError
from ensir.limits import MOST_REFERENCE_PIXELS


@dataclass(frozen=True, eq=False)
class Errors:
    """Second moments about the average of M candidates, in each channel and bin set.

    All are whole numbers, M**2 times the sums they are called after, so that adding and taking
    out pictures is exact.
    """

    spread: Tensor  # (..., M, M) int64, sum of (candidate - average) * (other - average)
    pull: Tensor  # (..., M) int64, sum of (candidate - average) * (truth - average)
    loss: Tensor  # (...) int64, sum of (truth - average) ** 2: the error of averaging

    def of(self, weight: Tensor) -> Tensor:
        """Squared error of weights (..., M) that add up to one, levels squared, (...) float64."""
        gain, cost = self.gain_and_cost(weight)
        return (self.loss_of_average - 2 * gain + cost).clamp(min=0)

    def gain_and_cost(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Of weights (..., M), both (...) float64: their error is loss - 2 gain + cost.

        That of weights so far from the average as a trust t says is loss - 2 t gain + t**2 cost.
        """
        scale = weight.shape[-1] ** 2
        gain = (weight * self.pull.double()).sum(-1)
        cost = (weight * (self.spread.double() @ weight.unsqueeze(-1)).squeeze(-1)).sum(-1)
        return gain / scale, cost / scale

    @property
    def loss_of_average(self) -> Tensor:
        """Squared error of averaging, levels squared, (...) float64."""
        return self.loss.double() / self.pull.shape[-1] ** 2

    def pooled(self) -> Errors:
        """The errors of all bin sets of each channel together: (C, K, ...) to (C, ...)."""
        return Errors(self.spread.sum(1), self.pull.sum(1), self.loss.sum(1))


def errors_about_average(statistics: BinStatistics) -> Errors:
    """The errors of every channel and listed bin set, (C, K, ...), exactly.

    Raises InputError for more pixels than can be summed exactly, 7e13 over M**2.
    """
    members = statistics.bins.candidates
    if 2 * members**2 * statistics.pixels > MOST_REFERENCE_PIXELS:
        raise InputError(
            f"errors of {members} candidates are exact for up to "
            f"{MOST_REFERENCE_PIXELS // (2 * members**2):,} pixels, got {statistics.pixels:,}: "
            "use fewer pictures"
        )
    products, truth_products = statistics.products, statistics.truth_products
    rows = members * products.sum(-1)  # (C, K, M)
    whole = products.sum((-2, -1))  # (C, K)
    spread = (
        members**2 * products - rows.unsqueeze(-1) - rows.unsqueeze(-2) + whole[..., None, None]
    )
    with_truth = truth_products.sum(-1)  # (C, K)
    pull = (
        members**2 * truth_products
        - members * with_truth.unsqueeze(-1)
        - rows
        + whole.unsqueeze(-1)
    )
    loss = members**2 * _truth_squares(statistics) - 2 * members * with_truth + whole
    return Errors(spread, pull, loss)


def _truth_squares(statistics: BinStatistics) -> Tensor:
    """Sum of the squared ground truth in each channel and listed bin set, (C, K) int64."""
    channel, number, level, count = statistics.histogram.T
    place = torch.searchsorted(statistics.sets, number.contiguous())
    shape = (statistics.channels, len(statistics.sets))
    total = statistics.sets.new_zeros(shape)
    return total.index_put_((channel, place), level * level * count, accumulate=True)
