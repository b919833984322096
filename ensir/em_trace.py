"""EM on one bin set, step by step, as it is replayed on the screen.

A trace keeps the mixtures alone, for the responsibilities follow from them: at every level y

    r_m(y) = w_m N(y; mu_m, v_m) / sum over k of w_k N(y; mu_k, v_k)          (Eq. 9)
    N(y; mu, v) = exp(-(y - mu)**2 / (2 v)) / sqrt(2 pi v)

with w the weights, mu the means and v the variances before the step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor

from ensir.ensemble.bin_statistics import BinStatistics
from ensir.ensemble.mixture import (
    EM,
    LEAST_GAIN,
    EmRule,
    Mixture,
    Observed,
    candidate_moments,
    e_step,
    released_weights,
)
from ensir.ensemble.published import PUBLISHED
from ensir.errors import InputError

RULES: dict[str, EmRule] = {"em": EM, "published": PUBLISHED}
FIRST_WEIGHTS = ("released", "uniform")
MOVED = 0.1  # a weight that EM moves by less stays about where it started


class Stop(StrEnum):
    """Why EM made no further step."""

    SMALL_GAIN = "small gain"  # the score rose by less than LEAST_GAIN
    BREAKDOWN = "breakdown"  # the score is not a number: the table keeps the first weights
    MOST_STEPS = "most steps"


@dataclass(frozen=True, eq=False)
class EmTrace:
    """The mixtures of one bin set before the first of N steps and after each."""

    histogram: Tensor  # (L,) int64, pixels of the ground truth at each level
    mixture: Mixture  # (N + 1, M)
    score: Tensor  # (N + 1,) float64, mean log-likelihood of a pixel in nats
    stop: Stop

    @property
    def steps(self) -> int:
        return len(self.score) - 1

    @property
    def pixels(self) -> int:
        return int(self.histogram.sum())

    @property
    def apart(self) -> float:
        """Levels between the lowest mean and the highest."""
        mean = self.mixture.mean[0]
        return float(mean.max() - mean.min())

    @property
    def deviation(self) -> float:
        """The candidates' mean standard deviation before EM, in levels."""
        return float(self.mixture.variance[0].sqrt().mean())

    @property
    def moved(self) -> float:
        """By how much EM changes the weight that it changes most."""
        return float((self.mixture.weight[-1] - self.mixture.weight[0]).abs().max())

    @property
    def tells_apart(self) -> bool:
        """Whether the means lie so far apart that a pixel's level says whose it is."""
        return self.apart >= self.deviation

    @property
    def stays(self) -> bool:
        """Whether EM ends about where it started."""
        return self.moved < MOVED


def trace_em(first: Mixture, histogram: Tensor, rule: EmRule = EM) -> EmTrace:
    """EM from `first` (M,) on a histogram (L,) with at least one pixel, as `fit_mixtures` does it.

    The last mixture and score are those that `fit_mixtures` returns for this bin set.
    """
    if not bool((histogram > 0).any()):
        raise InputError("EM needs a bin set with pixels, this one is empty: choose another")
    mixture = Mixture(*(part[None] for part in (first.weight, first.mean, first.variance)))
    observed = Observed.of_occupied(histogram[None], mixture.mean)
    share = observed.count / observed.count.sum(-1, keepdim=True)
    responsibility, likelihood = e_step(mixture, observed)
    mixtures, scores = [mixture], [(likelihood * share).sum(-1)]
    stop = Stop.MOST_STEPS
    for step in range(1, rule.most_steps + 1):
        mixture = rule.m_step(mixture, responsibility, observed)
        responsibility, likelihood = e_step(mixture, observed)
        mixtures.append(mixture)
        scores.append((likelihood * share).sum(-1))
        if scores[-1].isnan():
            stop = Stop.BREAKDOWN
            break
        if scores[-1] - scores[-2] < LEAST_GAIN and step >= rule.least_steps:
            stop = Stop.SMALL_GAIN
            break
    whole = Mixture(
        torch.cat([one.weight for one in mixtures]),
        torch.cat([one.mean for one in mixtures]),
        torch.cat([one.variance for one in mixtures]),
    )
    return EmTrace(histogram, whole, torch.cat(scores), stop)


def trace_bin_set(
    statistics: BinStatistics,
    channel: int,
    number: int,
    rule: EmRule = EM,
    weights: str | Sequence[float] = "released",
) -> EmTrace:
    """EM on the bin set `number` of a channel, from its candidates' moments (Eq. 12, 13).

    The first weights are "released", those of the released code; "uniform"; or M numbers of at
    least 0 that add up to 1. Raises InputError for others, and for a bin set without pixels.
    """
    place = _place(statistics, channel, number)
    mean, variance = (part[channel, place] for part in candidate_moments(statistics))
    first = Mixture(
        _first_weights(statistics, channel, place, weights),
        mean,
        variance.clamp(min=rule.least_variance),
    )
    cell = torch.tensor([channel * len(statistics.sets) + place])
    return trace_em(first, statistics.histograms(cell)[0], rule)


def _place(statistics: BinStatistics, channel: int, number: int) -> int:
    """The place of a bin set among those listed."""
    if 0 <= channel < statistics.channels:
        found = (statistics.sets == number) & (statistics.count[channel] > 0)
        if found.any():
            return int(found.nonzero()[0])
    raise InputError(f"no pixel fell into bin set {number} of channel {channel}: choose another")


def _first_weights(
    statistics: BinStatistics, channel: int, place: int, weights: str | Sequence[float]
) -> Tensor:
    members = statistics.bins.candidates
    if weights == "released":
        return released_weights(statistics)[channel, place]
    if weights == "uniform":
        return torch.full((members,), 1 / members, dtype=torch.float64)
    if isinstance(weights, str):
        raise InputError(f"first weights are {' or '.join(FIRST_WEIGHTS)}, got {weights!r:.80}")
    if not all(type(weight) in (int, float) for weight in weights):
        raise InputError(f"first weights are numbers, got {list(weights)!r:.80}")
    chosen = torch.tensor(weights, dtype=torch.float64)
    if chosen.shape != (members,) or not bool((chosen >= 0).all()):
        raise InputError(
            f"first weights are {members} numbers of at least 0, one for each candidate; "
            f"got {chosen.tolist()!r:.80}"
        )
    if abs(float(chosen.sum()) - 1) > 1e-6:
        raise InputError(f"first weights add up to 1, got {float(chosen.sum()):g}")
    return chosen / chosen.sum()
