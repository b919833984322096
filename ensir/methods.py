"""The ways in which statistics become weights: the paper's, its released code's, least squares.

A method is a function of one signature and an entry of METHODS. Each says of every channel and
listed bin set what weights serve it; `table_of` fills the rest of a table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ensir.em_in_cells import em_in_cells, first_mixture, pooled
from ensir.ensemble.bin_statistics import BinStatistics
from ensir.ensemble.errors_about_average import errors_about_average
from ensir.ensemble.least_squares import RIDGE, least_squares_weights, trusted
from ensir.ensemble.lookup_table import LookupTable, Origin, Provenance, table_rows
from ensir.ensemble.mixture import EM, EmRule, Mixture, candidate_moments
from ensir.ensemble.published import PUBLISHED, inherited
from ensir.errors import InputError
from ensir.limits import MOST_PRIOR_PIXELS
from ensir.progress import OnProgress

ENOUGH_PIXELS = 100  # EM does not fit a cell with fewer, as the paper says
AUTO = "auto"  # in place of a number: what does best on pictures left out
FIRST_WEIGHTS = ("released", "uniform")


@dataclass(frozen=True)
class Choices:
    """How statistics are to become a table; None where the method's own number holds."""

    method: str = "em"
    prior: tuple[float, ...] | None = None
    first_weights: str = "released"
    trust: float | None = None  # 0, averaging, to 1, all that the reference set says
    ridge: float | None = None  # of least squares, in pixels
    back_off: float | None = None  # of EM, in pixels; None: fewer than 100 are not fitted

    @staticmethod
    def of(
        method: str,
        prior: Sequence[float] | None,
        first_weights: str,
        trust: float | str | None,
        ridge: float | str | None,
        back_off: float | None,
    ) -> Choices:
        """As a caller says them: the prior any sequence, and 0 for what is to be chosen yet."""
        return Choices(
            method,
            None if prior is None else _numbers(prior),
            first_weights,
            0.0 if trust == AUTO else trust,  # type: ignore[arg-type]  # checked next
            0.0 if ridge == AUTO else ridge,  # type: ignore[arg-type]
            back_off,
        )

    def check(self, members: int) -> None:
        """Raises InputError for choices that no fit of so many candidates can use."""
        if self.method not in tuple(METHODS):  # a list is no key, but can be compared
            raise InputError(f"a method is {_either(METHODS)}, got {self.method!r:.80}")
        if self.first_weights not in FIRST_WEIGHTS:
            raise InputError(
                f"first weights are {_either(FIRST_WEIGHTS)}, got {self.first_weights!r:.80}"
            )
        if self.prior is not None and self.first_weights != "released":
            raise InputError("a prior stands in for the first weights: leave one of them out")
        if self.method != "em" and self.first_weights != "released":
            raise InputError(
                f"the {self.method} method has its own first weights: use em to choose others"
            )
        if self.trust is not None and not _is_between(self.trust, 1):
            raise InputError(f"trust is a number from 0 to 1, got {self.trust!r:.80}")
        for what, value, method in (
            ("ridge", self.ridge, "least-squares"),
            ("back-off", self.back_off, "em"),
        ):
            if value is not None and not _is_between(value, MOST_PRIOR_PIXELS):
                raise InputError(
                    f"a {what} is a number of pixels from 0 to {MOST_PRIOR_PIXELS:,}, "
                    f"got {value!r:.80}"
                )
            if value is not None and self.method != method:
                raise InputError(f"a {what} is for {method}, not for {self.method}: leave it out")
        if self.prior is not None:
            _check_prior(self.prior, members)

    @property
    def said_first_weights(self) -> str | None:
        """Where EM starts, for a table's header; what is drawn towards the prior says so too."""
        if self.prior is not None:
            return "prior"
        return None if self.method == "least-squares" else self.first_weights

    @property
    def own_trust(self) -> float:
        """The trust chosen, else the method's."""
        return METHODS[self.method].trust if self.trust is None else float(self.trust)

    @property
    def own_ridge(self) -> float | None:
        """The ridge chosen, else the method's; None for a method without one."""
        return METHODS[self.method].ridge if self.ridge is None else float(self.ridge)


@dataclass(frozen=True, eq=False)
class CellFits:
    """What a method makes of every channel and listed bin set: a cell each, (C, K)."""

    first: Mixture  # (C, K, M) the candidates' moments and the weights known beforehand
    fitted: Mixture  # (C, K, M) as `first` where nothing was fitted
    score: Tensor  # (C, K) float64, mean log-likelihood in nats; NaN where EM did not finish
    steps: Tensor  # (C, K) int64, EM steps made, 0 where EM did not run
    is_fitted: Tensor  # (C, K) bool
    weights: Tensor  # (C, K, M) float64, at full trust
    elsewhere: Tensor  # (C, M) float64, for the bin sets without a pixel


@dataclass(frozen=True)
class Method:
    """A function from statistics to weights, and the numbers it has where none are chosen."""

    fit: Callable[[BinStatistics, Choices, OnProgress], CellFits]
    trust: float
    ridge: float | None = None
    empties_inherit: bool = False  # empty cells: the weights of the cell visited before


def fit_cells(
    statistics: BinStatistics, choices: Choices, on_progress: OnProgress | None = None
) -> CellFits:
    """What the chosen method makes of statistics; progress counts cells."""
    report = on_progress or (lambda done, total: None)
    return METHODS[choices.method].fit(statistics, choices, report)


def table_of(
    statistics: BinStatistics,
    fits: CellFits,
    choices: Choices,
    names: tuple[str, ...],
    provenance: Provenance,
) -> LookupTable:
    """The table that serves fits at the trust chosen, with what fills the cells without a pixel."""
    starts = table_rows(statistics.bins, statistics.sets)
    place = torch.searchsorted(starts, statistics.sets)
    shape = (statistics.channels, len(starts))
    count = place.new_zeros(shape)
    count[:, place] = statistics.count
    occupied = count > 0
    origin = torch.full(shape, int(Origin.PRIOR), dtype=torch.uint8, device=place.device)
    origin[:, place] = torch.where(fits.is_fitted, Origin.FITTED, Origin.PRIOR).to(torch.uint8)
    origin[~occupied] = int(Origin.EMPTY)
    elsewhere = fits.elsewhere.unsqueeze(1)
    weights = elsewhere.expand(*shape, statistics.bins.candidates).clone()
    weights[:, place] = fits.weights
    if METHODS[choices.method].empties_inherit:
        weights = inherited(weights, occupied)
    else:
        weights = torch.where(occupied.unsqueeze(-1), weights, elsewhere)
    weights = trusted(weights / weights.sum(-1, keepdim=True), choices.own_trust)
    error = weights.new_full(shape, torch.nan)
    error[:, place] = errors_about_average(statistics).of(weights[:, place])
    expected_error = torch.where(occupied, (error / count).sqrt(), torch.nan).float()
    return LookupTable(
        bins=statistics.bins,
        weights=weights,
        origin=origin,
        count=count,
        candidate_names=names,
        provenance=provenance,
        starts=starts,
        expected_error=expected_error,
    )


def _by_em(
    statistics: BinStatistics,
    choices: Choices,
    on_progress: OnProgress,
    *,
    rule: EmRule,
    keeps_first_weights: bool,
) -> CellFits:
    """EM in every cell with enough pixels; the others keep the first weights, or get the prior.

    With a back-off every cell with a pixel is fitted, under a Dirichlet prior of so many pixels on
    the weights of its channel as a whole, which serve the bin sets without a pixel.
    """
    members = statistics.bins.candidates
    first = first_mixture(statistics, choices.prior, choices.first_weights)
    given = first.mean.new_tensor(choices.prior or [1 / members] * members)
    elsewhere = given.expand(statistics.channels, members)
    least, back_off = ENOUGH_PIXELS, choices.back_off
    if back_off is not None:
        whole = pooled(statistics)
        start = first_mixture(whole, choices.prior, choices.first_weights)
        mixture, _, _ = em_in_cells(whole, start, rule, on_progress, 1, start.weight, 0)
        elsewhere, least = mixture.weight.squeeze(1), 1
    prior = elsewhere.unsqueeze(1).expand_as(first.weight)
    fitted, score, steps = em_in_cells(
        statistics, first, rule, on_progress, least, prior, back_off or 0
    )
    is_fitted = ~score.isnan()
    weights = torch.where(
        is_fitted.unsqueeze(-1), fitted.weight, first.weight if keeps_first_weights else prior
    )
    return CellFits(first, fitted, score, steps, is_fitted, weights, elsewhere)


def _by_least_squares(
    statistics: BinStatistics, choices: Choices, on_progress: OnProgress
) -> CellFits:
    """Least squares in every cell; before it stand the weights of its channel as a whole."""
    mean, variance = candidate_moments(statistics)
    root = None if choices.prior is None else mean.new_tensor(choices.prior)
    errors = errors_about_average(statistics)
    ridge = choices.own_ridge
    assert ridge is not None  # the method has one
    weights, channel = least_squares_weights(errors, statistics.pixels, ridge, root)
    first = Mixture(channel.unsqueeze(1).expand_as(mean), mean, variance)
    nothing = torch.zeros_like(statistics.count)
    return CellFits(
        first,
        Mixture(weights, mean, variance),
        score=torch.full_like(mean[..., 0], torch.nan),
        steps=nothing,
        is_fitted=statistics.count > 0,
        weights=weights,
        elsewhere=channel,
    )


METHODS: dict[str, Method] = {
    "em": Method(partial(_by_em, rule=EM, keeps_first_weights=False), trust=1.0),
    "published": Method(
        partial(_by_em, rule=PUBLISHED, keeps_first_weights=True), trust=1.0, empties_inherit=True
    ),
    # Held out on pictures like the reference set's, 1 is best; they cannot say what other pictures
    # need, and half of the way costs little there and risks little elsewhere.
    "least-squares": Method(_by_least_squares, trust=0.5, ridge=RIDGE),
}


def _numbers(prior: Sequence[float]) -> tuple[float, ...]:
    try:
        return tuple(float(weight) for weight in prior)
    except (TypeError, ValueError):
        raise InputError(f"a prior is a list of numbers, got {prior!r:.80}") from None


def _check_prior(prior: tuple[float, ...], members: int) -> None:
    if len(prior) != members or not all(weight >= 0 for weight in prior):
        raise InputError(
            f"a prior has {members} numbers of at least 0, one for each candidate; "
            f"got {list(prior)!r:.80}"
        )
    if abs(sum(prior) - 1) > 1e-6:
        raise InputError(f"the weights of a prior add up to 1, got {sum(prior):g}")


def _is_between(value: object, most: float) -> bool:
    """Whether a value is a number from 0 to `most`."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most


def _either(names: Iterable[str]) -> str:
    """`a, b or c`."""
    *others, last = names
    return f"{', '.join(others)} or {last}"
