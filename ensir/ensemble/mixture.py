"""Gaussian mixtures with known means, fitted by EM in every bin set at once.

A component is a candidate. The data are ground-truth histograms: a responsibility depends on a
pixel through its level alone, so sums over levels are the sums over pixels of the paper.
Paper: Sun et al., EnsIR, NeurIPS 2024, arXiv 2410.22959; equations by its numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ensir.ensemble.bin_statistics import BinStatistics
from ensir.limits import LEVELS

# Levels squared: rounding alone spreads this much. A bound, not an addend: added, it lets the
# likelihood fall.
VARIANCE_FLOOR = 1 / 12
MOST_STEPS = 1000  # the paper's
LEAST_GAIN = 1e-5  # nats a pixel, the paper's: a smaller rise of the score ends the fit
START_EPSILON = 1e-10  # levels, in the released rule for the first weights
# Bin sets fitted together: more would wait for the slowest, fewer cost a call each; 20 MB or so.
CELLS_AT_ONCE = 2048


@dataclass(frozen=True, eq=False)
class Mixture:
    """One mixture for each bin set; its components are the M candidates."""

    weight: Tensor  # (..., M) float64, at least 0, adds up to 1
    mean: Tensor  # (..., M) float64, levels
    variance: Tensor  # (..., M) float64, levels squared

    def __getitem__(self, cells: Tensor | slice | int) -> Mixture:
        return Mixture(self.weight[cells], self.mean[cells], self.variance[cells])

    def density(self, level: Tensor) -> Tensor:
        """Weighted density of each component at levels (L,): (..., M, L) a level."""
        return _log_joint(self, level).exp()


MStep = Callable[[Mixture, Tensor, Tensor, Tensor | None], Mixture]


@dataclass(frozen=True)
class EmRule:
    """How a fit starts, steps and ends."""

    m_step: MStep
    least_variance: float  # levels squared, of the first mixture
    least_steps: int
    most_steps: int


@dataclass(frozen=True, eq=False)
class FittedMixtures:
    """Mixtures after EM, one for each of the K bin sets, and how the fit went."""

    mixture: Mixture  # (K, M)
    score: Tensor  # (K,) float64, mean log-likelihood of a pixel in nats; NaN where EM broke down
    steps: Tensor  # (K,) int64, steps made
    converged: Tensor  # (K,) bool, ended because the score rose by less than LEAST_GAIN


def candidate_moments(statistics: BinStatistics) -> tuple[Tensor, Tensor]:
    """Mean and population variance of each candidate in each bin set (Eq. 12, 13).

    Both (C, K, M) float64, in levels and levels squared; 0 where the channel has no pixel.
    """
    count = statistics.count.unsqueeze(-1)
    pixels = count.clamp(min=1)
    squares = statistics.products.diagonal(dim1=-2, dim2=-1)
    # About the nearest whole level, in integers: no cancellation, and 0 where values are equal.
    near = (2 * statistics.sums + pixels) // (2 * pixels)
    shifted_sum = statistics.sums - near * count
    shifted_squares = squares - 2 * near * statistics.sums + near * near * count
    shift = shifted_sum.double() / pixels
    return near + shift, (shifted_squares.double() / pixels - shift**2).clamp(min=0)


def released_weights(statistics: BinStatistics) -> Tensor:
    """First weights of the released code, (C, K, M): the more central candidate gets more.

    softmax over m of 1 / (1e-10 + RMS_m), with RMS_m the root of the mean squared difference
    between candidate m and the candidates' average. No ground truth enters.
    """
    members = statistics.bins.candidates
    products = statistics.products
    # members**2 times the squared differences, in integers: ties are exact.
    squares = (
        members**2 * products.diagonal(dim1=-2, dim2=-1)
        - 2 * members * products.sum(-1)
        + products.sum((-2, -1)).unsqueeze(-1)
    )
    pixels = statistics.count.clamp(min=1).unsqueeze(-1)
    distance = (squares.double() / pixels).sqrt() / members
    return torch.softmax(1 / (START_EPSILON + distance), dim=-1)


def e_step(mixture: Mixture, level: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Responsibilities (Eq. 9) and log-likelihood of each level: (..., M, L) and (..., L).

    `level` (..., L) float64 are the levels asked for, all 256 by default.
    """
    joint = _log_joint(mixture, all_levels(mixture.mean) if level is None else level)
    peak = joint.amax(dim=-2, keepdim=True)  # no underflow, and one exponential for both results
    density = (joint - peak).exp_()
    total = density.sum(dim=-2, keepdim=True)
    return density.div_(total), (peak + total.log()).squeeze(-2)


def m_step(
    mixture: Mixture, responsibility: Tensor, histogram: Tensor, level: Tensor | None = None
) -> Mixture:
    """The weights (Eq. 10) and variances (Eq. 11) of highest likelihood; the means stay.

    `histogram` (..., L) float64 counts the pixels of each `level` (..., L), all 256 by default.
    A component that explains nothing gets weight 0.
    """
    level = all_levels(histogram) if level is None else level
    share = responsibility * histogram.unsqueeze(-2)
    mass = share.sum(-1)
    squared_error = (level.unsqueeze(-2) - mixture.mean.unsqueeze(-1)) ** 2
    spread = (share * squared_error).sum(-1) / mass.clamp(min=torch.finfo(mass.dtype).tiny)
    return Mixture(
        weight=mass / mass.sum(-1, keepdim=True),
        mean=mixture.mean,
        variance=spread.clamp(min=VARIANCE_FLOOR),
    )


def all_levels(like: Tensor) -> Tensor:
    """0 to 255, (256,) float64, where `like` is."""
    return torch.arange(LEVELS, dtype=torch.float64, device=like.device)


EM = EmRule(m_step=m_step, least_variance=VARIANCE_FLOOR, least_steps=1, most_steps=MOST_STEPS)


def fit_mixtures(start: Mixture, histogram: Tensor, rule: EmRule = EM) -> FittedMixtures:
    """EM from `start` (K, M) on histograms (K, L) with at least one pixel each.

    Each bin set stops by itself: when a step after the least raises its score by less than
    LEAST_GAIN, when the score is not a number, or after the most steps.
    """
    level, histogram = _occupied_levels(histogram)
    share = histogram / histogram.sum(-1, keepdim=True)
    cells = torch.arange(len(histogram), device=histogram.device)
    finished = Mixture(start.weight.clone(), start.mean, start.variance.clone())
    final_score = torch.full_like(histogram[:, 0], math.nan)
    steps = torch.zeros_like(cells)
    converged = torch.zeros_like(cells, dtype=torch.bool)

    mixture = start
    responsibility, likelihood = e_step(mixture, level)
    score = (likelihood * share).sum(-1)
    for step in range(1, rule.most_steps + 1):
        if not len(cells):
            break
        mixture = rule.m_step(mixture, responsibility, histogram, level)
        responsibility, likelihood = e_step(mixture, level)
        before, score = score, (likelihood * share).sum(-1)
        small = (score - before < LEAST_GAIN) & (step >= rule.least_steps)
        ended = small | score.isnan() | (step == rule.most_steps)
        if not ended.any():
            continue
        done = cells[ended]
        finished.weight[done] = mixture.weight[ended]
        finished.variance[done] = mixture.variance[ended]
        final_score[done], steps[done], converged[done] = score[ended], step, small[ended]
        left = ~ended
        cells, mixture, score, level = cells[left], mixture[left], score[left], level[left]
        histogram, share, responsibility = histogram[left], share[left], responsibility[left]
    return FittedMixtures(finished, final_score, steps, converged)


def _occupied_levels(histogram: Tensor) -> tuple[Tensor, Tensor]:
    """Levels (K, n) and their counts (K, n), float64: those with a pixel, and empty ones to fill.

    The truth of a bin set covers few of the 256 levels, and EM's cost is theirs.
    """
    occupied = histogram > 0
    widest = int(occupied.sum(-1).max()) if len(histogram) else 1
    level = occupied.byte().argsort(dim=-1, descending=True, stable=True)[:, :widest]
    return level.double(), histogram.gather(-1, level).double()


def _log_joint(mixture: Mixture, level: Tensor) -> Tensor:
    """log(weight * normal density) of each component at each level, (..., M, L)."""
    variance = mixture.variance.unsqueeze(-1)
    distance = (level.unsqueeze(-2) - mixture.mean.unsqueeze(-1)) ** 2 / variance
    scale = mixture.weight.unsqueeze(-1).log() - 0.5 * (2 * math.pi * variance).log()
    return scale - 0.5 * distance
