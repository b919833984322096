"""Who takes part in a league, as data: what each is, how it is fitted, how it fuses a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from torch import Tensor

from ensir import fitting
from ensir.ensemble.baselines import average, inverse_mse, zzpm
from ensir.ensemble.fusion import Fusion
from ensir.errors import InputError
from ensir.league.gathered import Gathered
from ensir.league.oracles import best_pixels, best_weights
from ensir.league.regressors import REGRESSORS, Regressor, fit_regressor
from ensir.progress import IsCancelled

# Candidates (M, C, H, W) of 8 or 16 bits -> a picture, 0..255, or a fusion that knows its weights.
Fuse = Callable[[Tensor], Tensor | Fusion]
Fit = Callable[[Gathered, int, IsCancelled], Fuse]  # with the seed of what is random

CANDIDATE, BASELINE, REGRESSOR, TABLE, ORACLE = (
    "candidate",
    "baseline",
    "regressor",
    "table",
    "oracle",
)
# In the paper's order, and what each is.
KINDS: dict[str, str] = {
    CANDIDATE: "one model alone",
    REGRESSOR: "scikit-learn, fitted to a sample of the reference set",
    BASELINE: "weights without a reference set",
    TABLE: "weights for each bin set, fitted to the reference set",
    ORACLE: "with sight of the ground truth: no rivals, but bounds",
}
AVERAGE = "average"


class Oracle(Protocol):
    """Fuses candidates (M, C, H, W) by their ground truth (C, H, W) to a picture, 0..255."""

    def __call__(self, candidates: Tensor, truth: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Contestant:
    """A contestant; an oracle is given the ground truth instead of being fitted."""

    title: str
    kind: str  # one of KINDS
    about: str
    fit: Fit | None = None
    oracle: Oracle | None = None


def candidate(name: str, place: int) -> Contestant:
    """A base model by itself."""
    return Contestant(
        name,
        CANDIDATE,
        "A base model: its outputs are what is fused.",
        _always(_one(place)),
    )


def all_contestants() -> dict[str, Contestant]:
    """Everyone but the base models, by the name that chooses them."""
    return {
        **BASELINE_CONTESTANTS,
        **{name: _regressor(one) for name, one in REGRESSORS.items()},
        **_tables(fitting.METHODS),
        **ORACLES,
    }


def chosen_contestants(names: Sequence[str] | None) -> dict[str, Contestant]:
    """Those named, or all; averaging takes part in any case, for gains are over it."""
    everyone = all_contestants()
    if names is None:
        return everyone
    unknown = [name for name in names if name not in everyone]
    if unknown:
        raise InputError(f"a contestant is {', '.join(everyone)}; got {unknown[0]:.80}")
    return {name: one for name, one in everyone.items() if name in {AVERAGE, *names}}


def _always(fuse: Fuse) -> Fit:
    """What needs no fitting."""
    return lambda gathered, seed, cancelled: fuse


def _one(place: int) -> Fuse:
    return lambda candidates: candidates[place]


def _regressor(regressor: Regressor) -> Contestant:
    def fit(gathered: Gathered, seed: int, cancelled: IsCancelled) -> Fuse:
        return fit_regressor(regressor, gathered, seed, cancelled)

    return Contestant(regressor.title, REGRESSOR, regressor.about, fit)


def _tables(methods: Mapping[str, object]) -> dict[str, Contestant]:
    """A contestant for each method, and for each trust of those that take one."""
    found = {}
    for method in methods:
        for name, title, about, options in TABLES.get(method, [(method, method, OTHER_TABLE, {})]):
            found[name] = Contestant(title, TABLE, about, partial(_fit_table, method, options))
    return found


def _fit_table(
    method: str,
    options: Mapping[str, Any],
    gathered: Gathered,
    seed: int,
    cancelled: IsCancelled,
) -> Fuse:
    return fitting.fit_statistics(gathered.statistics, method=method, **options).table.fuse


BASELINE_CONTESTANTS: dict[str, Contestant] = {
    AVERAGE: Contestant(
        "average",
        BASELINE,
        "The mean of the candidates: what every other ensemble is held against.",
        _always(average),
    ),
    "zzpm": Contestant(
        "ZZPM, as released",
        BASELINE,
        "One weight for each candidate and picture, the larger the closer it is to the average; "
        "as the released code has it, with a softmax.",
        _always(zzpm),
    ),
    "inverse-mse": Contestant(
        "ZZPM, as described",
        BASELINE,
        "One weight for each candidate and picture, in proportion to the inverse of its squared "
        "distance to the average, as its paper describes it.",
        _always(inverse_mse),
    ),
}
OTHER_TABLE = "A lookup table of weights for each channel and bin set."
LEAST_SQUARES = (
    "A lookup table whose weights, never negative and adding up to 1, have the least squared error "
    "on the reference set; rare bin sets lean on the whole channel's weights"
)
# Of each method: name, title, a sentence, and what fitting is told besides.
TABLES: dict[str, list[tuple[str, str, str, dict[str, Any]]]] = {
    "published": [
        (
            "published",
            "EnsIR, as released",
            "A lookup table of mixture weights for each bin set, fitted by expectation "
            "maximisation with every rule of the released code.",
            {},
        )
    ],
    "em": [
        (
            "em",
            "EnsIR",
            "A lookup table of mixture weights for each bin set, fitted by expectation "
            "maximisation by the equations of the paper: what this program fits unless told "
            "otherwise.",
            {},
        )
    ],
    "least-squares": [
        (
            "least-squares",
            "least squares, trust 1",
            f"{LEAST_SQUARES}. Trust 1: as fitted.",
            {"trust": 1.0},
        ),
        (
            "least-squares-half",
            "least squares, trust 0.5",
            f"{LEAST_SQUARES}. Trust 0.5: half way between that and the average, which is safer "
            "where the pictures are of another kind than the reference set.",
            {"trust": 0.5},
        ),
    ],
}
ORACLES: dict[str, Contestant] = {
    "oracle-pixels": Contestant(
        "oracle, best pixels",
        ORACLE,
        "Takes in every pixel and channel the candidate closest to the ground truth: no choice "
        "among the candidates can be better.",
        oracle=best_pixels,
    ),
    "oracle-weights": Contestant(
        "oracle, best weights",
        ORACLE,
        "The one weight for each candidate and channel that errs least on the very picture that is "
        "fused: what a single set of weights can reach at best.",
        oracle=best_weights,
    ),
}
