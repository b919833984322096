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

from ensir.ensemble import kernels
from ensir.ensemble.bin_statistics import BinStatistics
from ensir.ensemble.kernels.rules import CompiledRule, CompiledStep

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
        return _log_joint(self, _squared_error(level, self.mean)).exp()


@dataclass(frozen=True, eq=False)
class Observed:
    """The ground truth of each bin set as EM sees it: how many pixels have which level."""

    level: Tensor  # (..., L) float64
    count: Tensor  # (..., L) float64
    squared_error: Tensor  # (..., M, L) of each component's mean: the means stay, so once for all

    @staticmethod
    def of_occupied(histogram: Tensor, mean: Tensor) -> Observed:
        """Of histograms (K, n) over the levels 0 to n - 1, for components of means (K, M).

        Only levels with a pixel, and empty ones to fill up to the fullest bin set, are kept: the
        truth of a bin set covers few of the 256 levels, and EM's cost is theirs.
        """
        occupied = histogram > 0
        widest = int(occupied.sum(-1).max()) if len(histogram) else 1
        place = occupied.byte().argsort(dim=-1, descending=True, stable=True)[:, :widest]
        level = place.double()
        return Observed(level, histogram.gather(-1, place).double(), _squared_error(level, mean))

    def __getitem__(self, cells: Tensor) -> Observed:
        return Observed(self.level[cells], self.count[cells], self.squared_error[cells])


MStep = Callable[[Mixture, Tensor, Observed], Mixture]


@dataclass(frozen=True)
class EmRule:
    """How a fit starts, steps and ends."""

    m_step: MStep
    least_variance: float  # levels squared, of the first mixture
    least_steps: int
    most_steps: int
    compiled: CompiledStep | None = (
        None  # the M step as compiled kernels know it; None: they do not
    )


@dataclass(frozen=True, eq=False)
class FittedMixtures:
    """Mixtures after EM, one for each of the K bin sets, and how the fit went."""

    mixture: Mixture  # (K, M)
    score: Tensor  # (K,) float64, mean log-likelihood of a pixel in nats, penalised where there
    # is a prior; NaN where EM broke down
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


def e_step(mixture: Mixture, observed: Observed) -> tuple[Tensor, Tensor]:
    """Responsibilities (Eq. 9) and log-likelihood of each level: (..., M, L) and (..., L)."""
    joint = _log_joint(mixture, observed.squared_error)
    peak = joint.amax(dim=-2, keepdim=True)  # no underflow, and one exponential for both results
    density = joint.sub_(peak).exp_()
    total = density.sum(dim=-2, keepdim=True)
    return density.div_(total), (peak + total.log()).squeeze(-2)


def m_step(mixture: Mixture, responsibility: Tensor, observed: Observed) -> Mixture:
    """The weights (Eq. 10) and variances (Eq. 11) of highest likelihood; the means stay.

    A component that explains nothing gets weight 0.
    """
    share = responsibility * observed.count.unsqueeze(-2)
    mass = share.sum(-1)
    spread = share.mul_(observed.squared_error).sum(-1)
    return Mixture(
        weight=mass / mass.sum(-1, keepdim=True),
        mean=mixture.mean,
        variance=(spread / mass.clamp(min=torch.finfo(mass.dtype).tiny)).clamp(min=VARIANCE_FLOOR),
    )


EM = EmRule(
    m_step=m_step,
    least_variance=VARIANCE_FLOOR,
    least_steps=1,
    most_steps=MOST_STEPS,
    compiled=CompiledStep(
        about_truth=False, epsilon=0.0, underflow=0.0, variance_floor=VARIANCE_FLOOR
    ),
)


def fit_mixtures(
    start: Mixture,
    histogram: Tensor,
    rule: EmRule = EM,
    prior: Tensor | None = None,
    prior_pixels: float = 0.0,
) -> FittedMixtures:
    """EM from `start` (K, M) on histograms (K, L) with at least one pixel each.

    Each bin set stops by itself: when a step after the least raises its score by less than
    LEAST_GAIN, when the score is not a number, or after the most steps.

    Weights `prior` (K, M), which add up to 1, count as `prior_pixels` pixels more, N of them seen:
    the weights become (sum of responsibilities + prior_pixels * prior) / (N + prior_pixels), the
    M step under a Dirichlet prior. What then never falls, and ends the fit, is the penalised
    score, with prior_pixels / N * sum of prior * log(weight) added to it.
    """
    if prior is None or not prior_pixels:
        prior, prior_pixels = torch.zeros_like(start.weight), 0.0
    makers = kernels.compiled(histogram.device)
    if makers is None or rule.compiled is None:
        return _fit_together(start, histogram, rule, prior, prior_pixels)
    numbers = CompiledRule(
        *rule.compiled, rule.least_steps, rule.most_steps, LEAST_GAIN, prior_pixels
    )
    weight, variance, *how = makers.fit_mixtures(
        histogram, start.mean, start.weight, start.variance, prior, numbers
    )
    return FittedMixtures(Mixture(weight, start.mean, variance), *how)


def _fit_together(
    start: Mixture, histogram: Tensor, rule: EmRule, prior: Tensor, prior_pixels: float
) -> FittedMixtures:
    """The definition: every step of every bin set that goes on is one step of torch."""
    observed = Observed.of_occupied(histogram, start.mean)
    pixels = observed.count.sum(-1, keepdim=True)
    share = observed.count / pixels
    cells = torch.arange(len(histogram), device=histogram.device)
    finished = Mixture(start.weight.clone(), start.mean, start.variance.clone())
    final_score = torch.full_like(share[:, 0], math.nan)
    steps = torch.zeros_like(cells)
    converged = torch.zeros_like(cells, dtype=torch.bool)

    mixture = start
    responsibility, likelihood = e_step(mixture, observed)
    score = _penalised(likelihood * share, mixture, prior, prior_pixels / pixels)
    for step in range(1, rule.most_steps + 1):
        if not len(cells):
            break
        mixture = rule.m_step(mixture, responsibility, observed)
        mixture = _backed_off(mixture, prior, prior_pixels / (pixels + prior_pixels))
        responsibility, likelihood = e_step(mixture, observed)
        before = score
        score = _penalised(likelihood * share, mixture, prior, prior_pixels / pixels)
        small = (score - before < LEAST_GAIN) & (step >= rule.least_steps)
        ended = small | score.isnan() | (step == rule.most_steps)
        if not ended.any():
            continue
        done = cells[ended]
        finished.weight[done] = mixture.weight[ended]
        finished.variance[done] = mixture.variance[ended]
        final_score[done], steps[done], converged[done] = score[ended], step, small[ended]
        left = ~ended
        cells, mixture, score, share = cells[left], mixture[left], score[left], share[left]
        observed, responsibility = observed[left], responsibility[left]
        prior, pixels = prior[left], pixels[left]
    return FittedMixtures(finished, final_score, steps, converged)


def _backed_off(mixture: Mixture, prior: Tensor, share: Tensor) -> Mixture:
    """With the weights moved towards the prior by its share of all pixels, (K, 1)."""
    return Mixture(
        mixture.weight + share * (prior - mixture.weight), mixture.mean, mixture.variance
    )


def _penalised(likelihood: Tensor, mixture: Mixture, prior: Tensor, strength: Tensor) -> Tensor:
    """The mean log-likelihood, given as its terms (K, L), and the prior's on the weights, (K,)."""
    return likelihood.sum(-1) + (strength * torch.xlogy(prior, mixture.weight)).sum(-1)


def _squared_error(level: Tensor, mean: Tensor) -> Tensor:
    """Of levels (..., L) from means (..., M), (..., M, L)."""
    return (level.unsqueeze(-2) - mean.unsqueeze(-1)).square_()


def _log_joint(mixture: Mixture, squared_error: Tensor) -> Tensor:
    """log(weight * normal density) of each component at each level, (..., M, L)."""
    variance = mixture.variance.unsqueeze(-1)
    scale = mixture.weight.unsqueeze(-1).log() - 0.5 * (2 * math.pi * variance).log()
    return torch.addcmul(scale, squared_error, -0.5 / variance)
