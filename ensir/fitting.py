"""From a reference set to a lookup table: sums, mixtures, weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ensir import __version__
from ensir.ensemble.bin_statistics import BinStatistics, gather_statistics
from ensir.ensemble.bins import Bins
from ensir.ensemble.lookup_table import LookupTable, Origin, Provenance, table_rows
from ensir.ensemble.mixture import (
    CELLS_AT_ONCE,
    EM,
    EmRule,
    Mixture,
    candidate_moments,
    fit_mixtures,
    released_weights,
)
from ensir.ensemble.published import PUBLISHED, inherited
from ensir.errors import Cancelled, InputError
from ensir.progress import IsCancelled, OnProgress
from ensir.reference_set import ReferenceSet, ReferenceStatistics
from ensir.statistics_files import statistics_digest

ENOUGH_PIXELS = 100  # a cell with fewer is not fitted, as the paper says
FIRST_WEIGHTS = ("released", "uniform")


@dataclass(frozen=True)
class Method:
    """How mixtures become a table."""

    rule: EmRule
    keeps_first_weights: bool  # cells that are not fitted: the first weights, else the prior
    empties_inherit: bool  # empty cells: the weights of the cell visited before, else the prior


METHODS: dict[str, Method] = {
    "em": Method(EM, keeps_first_weights=False, empties_inherit=False),
    "published": Method(PUBLISHED, keeps_first_weights=True, empties_inherit=True),
}


@dataclass(frozen=True, eq=False)
class BinSetFits:
    """The mixtures of every occupied bin set, before and after EM, and the table they make."""

    statistics: BinStatistics
    first: Mixture  # (C, K, M) the candidates' moments and the first weights
    fitted: Mixture  # (C, K, M) as `first` where EM did not run
    score: Tensor  # (C, K) float64, mean log-likelihood in nats; NaN where EM did not finish
    steps: Tensor  # (C, K) int64, EM steps made, 0 where EM did not run
    table: LookupTable


def fit_lookup_table(
    reference_set: ReferenceSet,
    bin_width: int = 32,
    method: str = "em",
    prior: Sequence[float] | None = None,
    device: str = "cpu",
    on_progress: OnProgress | None = None,
    *,
    first_weights: str = "released",
) -> LookupTable:
    """Fits a table to a reference set: `gather_reference_set`, then `fit_statistics`."""
    check_choices(method, prior, first_weights, len(reference_set.candidate_names))
    gathered = gather_reference_set(reference_set, bin_width, device, on_progress)
    return fit_statistics(gathered, method=method, prior=prior, first_weights=first_weights).table


def gather_reference_set(
    reference_set: ReferenceSet,
    bin_width: int = 32,
    device: str = "cpu",
    on_progress: OnProgress | None = None,
    cancelled: IsCancelled | None = None,
) -> ReferenceStatistics:
    """Reads every picture and adds up its statistics; raises Cancelled when asked to stop."""
    bins = Bins(bin_width, len(reference_set.candidate_names))
    total: BinStatistics | None = None
    for place in range(len(reference_set)):
        if cancelled is not None and cancelled():
            raise Cancelled
        candidates, truth = reference_set[place]
        one = gather_statistics(candidates.to(device), truth.to(device), bins)
        total = one if total is None else total + one
        if on_progress is not None:
            on_progress(place + 1, len(reference_set))
    if total is None:
        raise InputError("a reference set needs at least one picture, got none: add one")
    return ReferenceStatistics(
        total, reference_set.candidate_names, (reference_set.name,), len(reference_set)
    )


def fit_statistics(
    gathered: ReferenceStatistics,
    bin_width: int | None = None,
    method: str = "em",
    prior: Sequence[float] | None = None,
    *,
    first_weights: str = "released",
    on_progress: OnProgress | None = None,
) -> BinSetFits:
    """Fits the mixture of every bin set, at the statistics' width or a multiple of it.

    `method` is "em", the paper's equations 9 to 13, or "published", the released code with its
    quirks. EM starts from the released code's label-free weights (`first_weights="released"`), from
    "uniform" ones, or from the `prior`, M numbers of at least 0 that add up to 1. With "em", cells
    of fewer than 100 pixels and empty ones take the prior, else the average. Progress counts cells.
    """
    names = gathered.candidate_names
    check_choices(method, prior, first_weights, len(names))
    sha256 = statistics_digest(gathered)
    if bin_width is not None and bin_width != gathered.statistics.bins.width:
        gathered = gathered.coarser(bin_width)
    statistics = gathered.statistics
    start = _first_mixture(statistics, prior, first_weights)
    report = on_progress or (lambda done, total: None)
    fitted, score, steps = _fit_cells(statistics, start, METHODS[method].rule, report)
    provenance = Provenance(
        method=method,
        first_weights=first_weights if prior is None else "prior",
        prior=None if prior is None else tuple(float(weight) for weight in prior),
        reference_set=" + ".join(gathered.reference_sets),
        pictures=gathered.pictures,
        pixels=statistics.pixels,
        statistics_sha256=sha256,
        software=f"ensir {__version__}",
    )
    table = _table(
        statistics, start.weight, fitted.weight, score, METHODS[method], names, provenance
    )
    return BinSetFits(statistics, start, fitted, score, steps, table)


def _first_mixture(
    statistics: BinStatistics, prior: Sequence[float] | None, first_weights: str
) -> Mixture:
    mean, variance = candidate_moments(statistics)
    if prior is not None:
        weight = mean.new_tensor(prior).expand_as(mean)
    elif first_weights == "uniform":
        weight = torch.full_like(mean, 1 / mean.shape[-1])
    else:
        weight = released_weights(statistics)
    return Mixture(weight, mean, variance)


def _fit_cells(
    statistics: BinStatistics, start: Mixture, rule: EmRule, on_progress: OnProgress
) -> tuple[Mixture, Tensor, Tensor]:
    """EM in every cell with enough pixels: mixtures (C, K, M), scores and steps (C, K)."""
    members = statistics.bins.candidates
    shape = statistics.count.shape
    weight = start.weight.reshape(-1, members).clone()
    mean = start.mean.reshape(-1, members)
    variance = start.variance.clamp(min=rule.least_variance).reshape(-1, members).clone()
    score = weight.new_full((len(weight),), torch.nan)
    steps = torch.zeros_like(score, dtype=torch.int64)
    enough = (statistics.count.flatten() >= ENOUGH_PIXELS).nonzero().flatten()
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
        )
        score[cells], steps[cells] = fits.score, fits.steps
        whole = ~fits.score.isnan()
        weight[cells[whole]] = fits.mixture.weight[whole]
        variance[cells[whole]] = fits.mixture.variance[whole]
        done += len(cells)
        on_progress(done, len(enough))
    fitted = Mixture(*(part.reshape(*shape, members) for part in (weight, mean, variance)))
    return fitted, score.reshape(shape), steps.reshape(shape)


def _table(
    statistics: BinStatistics,
    first: Tensor,
    fitted: Tensor,
    score: Tensor,
    method: Method,
    names: tuple[str, ...],
    provenance: Provenance,
) -> LookupTable:
    """The table: weights of the occupied bin sets (C, K, M), and what fills the other cells."""
    members = statistics.bins.candidates
    given = first.new_tensor(provenance.prior or [1 / members] * members)
    is_fitted = ~score.isnan()
    weights = torch.where(
        is_fitted.unsqueeze(-1), fitted, first if method.keeps_first_weights else given
    )
    starts = table_rows(statistics.bins, statistics.sets)
    place = torch.searchsorted(starts, statistics.sets)
    shape = (statistics.channels, len(starts))
    count = place.new_zeros(shape)
    count[:, place] = statistics.count
    origin = torch.full(shape, int(Origin.PRIOR), dtype=torch.uint8, device=place.device)
    origin[:, place] = torch.where(is_fitted, Origin.FITTED, Origin.PRIOR).to(torch.uint8)
    occupied = count > 0
    origin[~occupied] = int(Origin.EMPTY)
    table = given.expand(*shape, members).clone()
    table[:, place] = weights
    table = (
        inherited(table, occupied)
        if method.empties_inherit
        else torch.where(occupied.unsqueeze(-1), table, given)
    )
    return LookupTable(
        bins=statistics.bins,
        weights=table / table.sum(-1, keepdim=True),
        origin=origin,
        count=count,
        candidate_names=names,
        provenance=provenance,
        starts=starts,
    )


def check_choices(
    method: str, prior: Sequence[float] | None, first_weights: str, members: int
) -> None:
    """Raises InputError for choices that no fit of so many candidates can use."""
    if method not in tuple(METHODS):  # a list is no key, but can be compared
        raise InputError(f"a method is {' or '.join(METHODS)}, got {method!r:.80}")
    if first_weights not in FIRST_WEIGHTS:
        raise InputError(
            f"first weights are {' or '.join(FIRST_WEIGHTS)}, got {first_weights!r:.80}"
        )
    if method == "published" and first_weights != "released":
        raise InputError("the published method starts from the released weights: use em instead")
    if prior is None:
        return
    numbers = [float(weight) for weight in prior]
    if len(numbers) != members or not all(weight >= 0 for weight in numbers):
        raise InputError(
            f"a prior has {members} numbers of at least 0, one for each candidate; "
            f"got {numbers!r:.80}"
        )
    if abs(sum(numbers) - 1) > 1e-6:
        raise InputError(f"the weights of a prior add up to 1, got {sum(numbers):g}")
