"""Whether a ground truth belongs to its candidates, as far as their statistics tell.

The average of restored pictures is near the truth: it has the truth's levels and no more detail,
and errs most where the candidates differ most. A truth that was made brighter, smoother or noisy,
or that is another picture's, breaks one of these. How its pixels lie beside each other is in no
statistics: a truth displaced by a pixel looks like larger errors. `truth_detail` looks at pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan, log, nan

import torch
from torch import Tensor

from ensir.ensemble.bin_statistics import BinStatistics
from ensir.ensemble.errors_about_average import errors_about_average
from ensir.usual import in_units

AGREE, DIFFER = 0.5, 0.1  # shares of the pixels: the half that agrees best, the tenth that differs
BEST, ENOUGH = 0.1, 100  # the tenth that agrees best, in cells of so many pixels
FINE = 32  # levels: pixels of wider bins agree and differ in one cell
TWICE = 4.0  # an error up to twice the disagreement is no wonder
# Levels squared. Contrast below two levels is mostly noise and an error below one mostly rounding:
# neither says that a truth is another's, or brighter.
CONTRAST, LEVEL = 4.0, 1.0

# What the pictures of a set usually spread by, and numbers for `log` of what may be none.
UNITS = {"far": 0.3, "even": 0.6, "smoother": 0.4, "brighter": 0.1, "by_level": 0.1}
NONE = 0.01


@dataclass(frozen=True)
class TruthFit:
    """How far the truth is from the average of the candidates, and in what way."""

    far: float  # error of averaging over the candidates' disagreement, both root mean squares
    even: float  # squared error a pixel where candidates agree over that where they differ; or NaN
    floor: float  # levels, the error beyond twice the disagreement where they agree best; or NaN
    alike: float  # correlation of truth and average, with two levels of contrast that they share
    smoother: float  # contrast the truth lacks: variance less covariance, in squared errors
    brighter: float  # mean of truth - average, in root mean squared errors and a level
    by_level: float  # share of the squared error that follows from the level alone

    @property
    def values(self) -> Tensor:
        """In one row (5,), in units of what the pictures of any set spread by."""
        even = 1.0 if isnan(self.even) else self.even
        row = {
            "far": log(self.far + NONE),
            "even": log(even + NONE),
            "smoother": self.smoother,
            "brighter": self.brighter,
            "by_level": self.by_level**0.5,
        }
        return in_units({name: torch.tensor([value]) for name, value in row.items()}, UNITS)


def truth_fit(statistics: BinStatistics) -> TruthFit | None:
    """Of all pixels and channels together; None where the candidates are alike."""
    errors = errors_about_average(statistics)
    members = statistics.bins.candidates
    occupied = statistics.count > 0
    count = statistics.count[occupied].double()
    loss = errors.loss_of_average[occupied]
    spread = errors.spread.diagonal(dim1=-2, dim2=-1).sum(-1)[occupied].double() / members**3
    if not spread.sum():
        return None
    order = (spread / count).argsort(stable=True)
    up_to = count[order].cumsum(0) / count.sum()
    where_agree = _mean(loss, count, order[up_to <= AGREE])
    where_differ = _mean(loss, count, order[up_to > 1 - DIFFER])
    return TruthFit(
        far=float(loss.sum() / spread.sum()) ** 0.5,
        even=where_agree / where_differ if where_differ else nan,
        floor=_floor(loss, spread, count, order) if statistics.bins.width <= FINE else nan,
        **_moments(statistics, float(loss.sum())),
        by_level=_by_level(statistics, float(loss.sum())),
    )


def _mean(loss: Tensor, count: Tensor, cells: Tensor) -> float:
    """Squared error a pixel in these cells; NaN of none."""
    return float(loss[cells].sum() / count[cells].sum())


def _floor(loss: Tensor, spread: Tensor, count: Tensor, order: Tensor) -> float:
    """Root of the squared error a pixel that disagreement does not account for, or 0."""
    order = order[count[order] >= ENOUGH]
    up_to = count[order].cumsum(0)
    best = order[up_to <= max(BEST * float(count.sum()), *up_to[:1].tolist(), 0.0)]
    beyond = float((loss - TWICE * spread)[best].sum() / count[best].sum())
    return beyond if isnan(beyond) else max(beyond, 0.0) ** 0.5


def _moments(statistics: BinStatistics, loss: float) -> dict[str, float]:
    """What the first and second moments of truth and average say, within each channel."""
    pixels = statistics.pixels
    average = statistics.sums.double().mean(-1).sum(1) / pixels  # (C,), as all that follow
    truth = statistics.truth_sum.sum(1).double() / pixels
    variance = statistics.products.double().mean((-2, -1)).sum(1) / pixels - average**2
    covariance = statistics.truth_products.double().mean(-1).sum(1) / pixels - average * truth
    error = loss / pixels
    within = error - float(((truth - average) ** 2).sum())  # about the mean of each channel
    varies = float(variance.sum())
    covaries = float(covariance.sum())
    of_truth = within + 2 * covaries - varies
    shared = CONTRAST * len(truth)
    return {
        "alike": (covaries + shared) / ((varies + shared) * (max(of_truth, 0.0) + shared)) ** 0.5,
        "smoother": (varies - covaries) / within if within > 0 else 0.0,
        "brighter": float((truth - average).mean()) / (error / len(truth) + LEVEL) ** 0.5,
    }


def _by_level(statistics: BinStatistics, loss: float) -> float:
    """Share of the squared error that a curve of levels would remove, where candidates agree."""
    bins = statistics.bins.bins_of(statistics.sets)
    same = (bins == bins[:, :1]).all(-1)
    off = statistics.truth_sum - statistics.sums.double().mean(-1)  # (C, K)
    count = statistics.count[:, same]
    removed = off[:, same] ** 2 / count.clamp(min=1)
    return float(removed.sum()) / loss if loss else 0.0
