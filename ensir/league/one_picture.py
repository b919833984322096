"""The ensembles on one picture whose ground truth is known, by what its weights were fitted to."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

import torch

from ensir.comparison import Comparison, statistics_of_truth
from ensir.ensemble.fusion import Fusion
from ensir.ensemble.levels import levels_of
from ensir.errors import InputError
from ensir.league.contestants import (
    AVERAGE,
    BASELINE,
    ORACLE,
    TABLE,
    Contestant,
    all_contestants,
    candidate,
)
from ensir.league.gathered import Gathered
from ensir.limits import LEVELS
from ensir.metrics import Scores, score
from ensir.reference_set import ReferenceStatistics

NO_VALUES = torch.empty(0)


@dataclass(frozen=True)
class Placed:
    """A contestant on the picture."""

    contestant: Contestant
    scores: Scores
    over_average: float  # dB of PSNR in RGB
    seconds: float  # to fuse


def placed_on(comparison: Comparison) -> list[Placed]:
    """Everyone who needs no sample of reference pixels, at 8 bits, the highest PSNR in RGB first.

    Base models, baselines and oracles; and, where the weights came from statistics, every method's
    table fitted to them, in bins as wide as those of the comparison. Regressors need the reference
    pictures themselves: see `running`. Raises InputError without a ground truth.
    """
    truth = comparison.truth
    if truth is None:
        raise InputError("ensembles are compared by a ground truth: add one first")
    pictures = levels_of(torch.stack(list(comparison.candidates.values())))
    gathered = _gathered(comparison)
    kinds = (BASELINE, ORACLE) if comparison.fits is None else (BASELINE, ORACLE, TABLE)
    models = [candidate(name, place) for place, name in enumerate(comparison.candidates)]
    others = [one for one in all_contestants().values() if one.kind in kinds]
    found: list[tuple[Contestant, Scores, float]] = []
    for one in (*models, *others):
        if one.oracle is not None:
            fuse = partial(one.oracle, truth=levels_of(truth))
        else:
            assert one.fit is not None  # a contestant is fitted or knows the truth
            fuse = one.fit(gathered, 0, lambda: False)  # type: ignore[assignment]
        begun = time.perf_counter()
        fused = fuse(pictures)
        seconds = time.perf_counter() - begun
        image = fused.image if isinstance(fused, Fusion) else fused
        found.append((one, score(image, truth), seconds))
    base = next(
        scores.psnr_rgb for one, scores, _ in found if (one.kind, one.title) == (BASELINE, AVERAGE)
    )
    rows = [
        Placed(one, scores, 0.0 if scores.psnr_rgb == base else scores.psnr_rgb - base, seconds)
        for one, scores, seconds in found
    ]
    return sorted(rows, key=lambda row: row.scores.psnr_rgb, reverse=True)


def _gathered(comparison: Comparison) -> Gathered:
    """What tables are fitted to; something as small as can be where none is."""
    names = tuple(comparison.candidates)
    if comparison.fits is None:
        assert comparison.truth is not None  # checked before
        statistics = statistics_of_truth(comparison.candidates, comparison.truth, LEVELS)
    else:
        fitted = comparison.fits.statistics
        statistics = ReferenceStatistics(fitted, names, ("reference set",), 1)
    return Gathered(statistics, NO_VALUES, NO_VALUES, 0.0, 0.0)
