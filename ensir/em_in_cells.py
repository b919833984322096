"""EM in many cells, a channel and a bin set each: where it starts, and the cells it runs in."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ensir.ensemble.bin_statistics import BinStatistics
from ensir.ensemble.bins import Bins
from ensir.ensemble.mixture import (
    CELLS_AT_ONCE,
    EmRule,
    Mixture,
    candidate_moments,
    fit_mixtures,
    released_weights,
)
from ensir.limits import LEVELS
from ensir.progress import OnProgress


def first_mixture(
    statistics: BinStatistics, prior: Sequence[float] | None, first_weights: str
) -> Mixture:
    """What EM starts from, (C, K, M): the candidates' moments with the weights chosen."""
    mean, variance = candidate_moments(statistics)
    if prior is not None:
        weight = mean.new_tensor(prior).expand_as(mean)
    elif first_weights == "uniform":
        weight = torch.full_like(mean, 1 / mean.shape[-1])
    else:
        weight = released_weights(statistics)
    return Mixture(weight, mean, variance)


def em_in_cells(
    statistics: BinStatistics,
    start: Mixture,
    rule: EmRule,
    on_progress: OnProgress,
    least_pixels: int,
    prior: Tensor,
    prior_pixels: float,
) -> tuple[Mixture, Tensor, Tensor]:
    """EM from `start` (C, K, M) in every cell with enough pixels.

    Gives mixtures (C, K, M), scores and steps (C, K); NaN and 0 where EM did not run. Weights
    `prior` (C, K, M) count as `prior_pixels` pixels in every cell.
    """
    members = statistics.bins.candidates
    shape = statistics.count.shape
    weight = start.weight.reshape(-1, members).clone()
    mean = start.mean.reshape(-1, members)
    variance = start.variance.clamp(min=rule.least_variance).reshape(-1, members).clone()
    prior = prior.reshape(-1, members)
    score = weight.new_full((len(weight),), torch.nan)
    steps = torch.zeros_like(score, dtype=torch.int64)
    enough = (statistics.count.flatten() >= least_pixels).nonzero().flatten()
    # Cells of about as many levels together: none waits for another's.
    by_levels = enough[statistics.occupied_levels.flatten()[enough].argsort(stable=True)]
    chunks = by_levels.split(CELLS_AT_ONCE) if len(by_levels) else ()  # nothing is split into one
    done = 0
    for chunk in chunks:
        cells = chunk.sort().values
        fits = fit_mixtures(
            Mixture(weight[cells], mean[cells], variance[cells]),
            statistics.histograms(cells),
            rule,
            prior[cells],
            prior_pixels,
        )
        score[cells], steps[cells] = fits.score, fits.steps
        whole = ~fits.score.isnan()
        weight[cells[whole]] = fits.mixture.weight[whole]
        variance[cells[whole]] = fits.mixture.variance[whole]
        done += len(cells)
        on_progress(done, len(enough))
    fitted = Mixture(*(part.reshape(*shape, members) for part in (weight, mean, variance)))
    return fitted, score.reshape(shape), steps.reshape(shape)


def pooled(statistics: BinStatistics) -> BinStatistics:
    """The same pixels in one bin set, whatever the width."""
    bins = Bins(LEVELS, statistics.bins.candidates)
    channel, _, level, count = statistics.histogram.T
    total = statistics.sets.new_zeros(statistics.channels, LEVELS)
    total.index_put_((channel, level), count, accumulate=True)
    channel, level = total.nonzero().T
    number = torch.zeros_like(channel)
    return BinStatistics(
        bins,
        statistics.sets.new_zeros(1),
        statistics.sums.sum(1, keepdim=True),
        statistics.products.sum(1, keepdim=True),
        statistics.truth_products.sum(1, keepdim=True),
        torch.stack([channel, number, level, total[channel, level]], dim=1),
    )
