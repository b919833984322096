"""From a reference set to a lookup table: its sums, the weights they give, and what made them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ensir import __version__
from ensir.automatic import NARROWEST, Chosen, choose
from ensir.ensemble.bin_statistics import BinStatistics
from ensir.ensemble.lookup_table import LookupTable, Provenance
from ensir.ensemble.mixture import Mixture
from ensir.errors import InputError
from ensir.gathering import gather_pictures, gather_reference_set
from ensir.methods import AUTO, ENOUGH_PIXELS, METHODS, Choices, fit_cells, table_of
from ensir.progress import OnProgress
from ensir.reference_set import ReferencePictures, ReferenceSet, ReferenceStatistics
from ensir.statistics_files import statistics_digest

__all__ = [
    "AUTO",
    "ENOUGH_PIXELS",
    "METHODS",
    "BinSetFits",
    "fit_lookup_table",
    "fit_pictures",
    "fit_statistics",
]


@dataclass(frozen=True, eq=False)
class BinSetFits:
    """What was fitted in every occupied bin set, and the table it makes.

    For least squares the mixtures are the candidates' moments, with the weights of the channel as
    a whole before, and those of the bin set after.
    """

    statistics: BinStatistics
    first: Mixture  # (C, K, M) the candidates' moments and the first weights
    fitted: Mixture  # (C, K, M) at full trust; as `first` where nothing was fitted
    score: Tensor  # (C, K) float64, mean log-likelihood in nats; NaN where EM did not finish
    steps: Tensor  # (C, K) int64, EM steps made, 0 where EM did not run
    table: LookupTable
    chosen: Chosen | None = None  # what "auto" chose


def fit_lookup_table(
    reference_set: ReferenceSet,
    bin_width: int | str = 32,
    method: str = "em",
    prior: Sequence[float] | None = None,
    device: str = "cpu",
    on_progress: OnProgress | None = None,
    *,
    first_weights: str = "released",
    trust: float | str | None = None,
    ridge: float | str | None = None,
    back_off: float | None = None,
) -> LookupTable:
    """Fits a table to a reference set: `gather_reference_set`, then `fit_statistics`.

    With anything "auto", `gather_pictures` and `fit_pictures`.
    """
    choices = Choices.of(method, prior, first_weights, trust, ridge, back_off)
    choices.check(len(reference_set.candidate_names))
    if AUTO not in (bin_width, trust, ridge):
        gathered = gather_reference_set(reference_set, _whole(bin_width), device, on_progress)
        return _fitted(gathered, choices).table
    width = NARROWEST if bin_width == AUTO else _whole(bin_width)
    pictures = gather_pictures(reference_set, width, device, on_progress)
    return fit_pictures(
        pictures,
        bin_width,
        method,
        prior,
        first_weights=first_weights,
        trust=trust,
        ridge=ridge,
        back_off=back_off,
        on_progress=on_progress,
    ).table


def fit_statistics(
    gathered: ReferenceStatistics,
    bin_width: int | None = None,
    method: str = "em",
    prior: Sequence[float] | None = None,
    *,
    first_weights: str = "released",
    trust: float | None = None,
    ridge: float | None = None,
    back_off: float | None = None,
    on_progress: OnProgress | None = None,
) -> BinSetFits:
    """Fits every bin set, at the statistics' width or a multiple of it.

    `method` is "em", the paper's equations 9 to 13, "published", the released code with its
    quirks, or "least-squares", the weights of least squared error on the reference set.

    EM starts from the released code's label-free weights (`first_weights="released"`), from
    "uniform" ones, or from the `prior`, M numbers of at least 0 that add up to 1. With "em", cells
    of fewer than 100 pixels and empty ones take the prior, else the average. A `back_off`, in
    pixels, fits them too, drawn towards the weights of their channel as a whole, which the empty
    ones take. Least squares does that always, by a `ridge` in pixels (20); there the prior stands
    in for the average, towards which the channel's weights are drawn.

    `trust` is how far the weights go from the average, 0, to what was fitted, 1: the number of EM,
    and 0.5 that of least squares. Progress counts cells.
    """
    choices = Choices.of(method, prior, first_weights, trust, ridge, back_off)
    for name, value in (("bin width", bin_width), ("trust", trust), ("ridge", ridge)):
        if value == AUTO:
            raise InputError(
                f"an automatic {name} leaves out one picture at a time, which statistics have "
                "added up: fit the pictures themselves, or give a number"
            )
    choices.check(len(gathered.candidate_names))
    return _fitted(gathered, choices, bin_width, on_progress)


def fit_pictures(
    pictures: ReferencePictures,
    bin_width: int | str | None = None,
    method: str = "em",
    prior: Sequence[float] | None = None,
    *,
    first_weights: str = "released",
    trust: float | str | None = None,
    ridge: float | str | None = None,
    back_off: float | None = None,
    on_progress: OnProgress | None = None,
) -> BinSetFits:
    """As `fit_statistics` with all pictures together, where "auto" is a number too.

    An automatic bin width, trust or ridge is the one whose tables do best on pictures left out of
    the fit, by PSNR in RGB, as `ensir.automatic.choose` finds it: `chosen` says which.

    Raises InputError for fewer than two pictures where something is automatic.
    """
    given = {"bin_width": bin_width, "trust": trust, "ridge": ridge}
    automatic = [name for name, value in given.items() if value == AUTO]
    choices = Choices.of(method, prior, first_weights, trust, ridge, back_off)
    choices.check(len(pictures.total.candidate_names))
    width = None if bin_width is None or bin_width == AUTO else _whole(bin_width)
    if not automatic:
        return _fitted(pictures.total, choices, width, on_progress)
    chosen = choose(pictures, width, choices, automatic, on_progress)
    return _fitted(pictures.total, chosen.best.choices, chosen.best.bin_width, chosen=chosen)


def _fitted(
    gathered: ReferenceStatistics,
    choices: Choices,
    bin_width: int | None = None,
    on_progress: OnProgress | None = None,
    chosen: Chosen | None = None,
) -> BinSetFits:
    sha256 = statistics_digest(gathered)
    if bin_width is not None and bin_width != gathered.statistics.bins.width:
        gathered = gathered.coarser(bin_width)
    statistics = gathered.statistics
    fits = fit_cells(statistics, choices, on_progress)
    provenance = Provenance(
        method=choices.method,
        first_weights=choices.said_first_weights,
        prior=choices.prior,
        trust=choices.own_trust,
        ridge=choices.own_ridge,
        back_off=choices.back_off,
        chosen=None if chosen is None else chosen.sentence,
        reference_set=" + ".join(gathered.reference_sets),
        pictures=gathered.pictures,
        pixels=statistics.pixels,
        statistics_sha256=sha256,
        software=f"ensir {__version__}",
    )
    table = table_of(statistics, fits, choices, gathered.candidate_names, provenance)
    return BinSetFits(statistics, fits.first, fits.fitted, fits.score, fits.steps, table, chosen)


def _whole(bin_width: int | str) -> int:
    if isinstance(bin_width, str):
        raise InputError(f"a bin width is a whole number or {AUTO}, got {bin_width!r:.80}")
    return bin_width
