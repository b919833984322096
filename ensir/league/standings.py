"""How everyone did: scores, gains with their intervals, times; the best first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ensir.league.contestants import (
    AVERAGE,
    BASELINE,
    CANDIDATE,
    REGRESSOR,
    TABLE,
    Contestant,
)
from ensir.league.exhibits import Exhibit
from ensir.league.intervals import Paired, paired
from ensir.league.judging import Result
from ensir.scoring import EnsembleScores, Who, ensemble_scores

RIVALS = (BASELINE, REGRESSOR, TABLE)  # kinds that may win: base models fuse nothing, oracles peek


@dataclass(frozen=True)
class Standing:
    """What a contestant is and how it did."""

    contestant: Contestant
    scores: EnsembleScores
    over_average: Paired  # in RGB
    over_average_y: Paired
    over_best_model: Paired  # in RGB
    fit_seconds: tuple[float, ...]  # one for each fit: reading and gathering included
    fuse_seconds: tuple[float, ...]  # one for each picture

    @property
    def who(self) -> Who:
        return self.scores.kind, self.scores.name

    @property
    def title(self) -> str:
        return self.contestant.title

    @property
    def fitted(self) -> bool:
        """Whether it learns from a reference set."""
        return self.contestant.kind in (REGRESSOR, TABLE)

    @property
    def fuse_time(self) -> float:
        """The median over the pictures, in seconds."""
        return median(self.fuse_seconds)

    @property
    def fit_time(self) -> float:
        """The median over the fits, in seconds."""
        return median(self.fit_seconds)


@dataclass(frozen=True, eq=False)
class League:
    """Who took part on which pictures, the best first, and what they were given."""

    reference_set: str
    judged: str | None  # the set that was judged on; None: each picture by a fit without it
    candidate_names: tuple[str, ...]
    pictures: tuple[str, ...]
    fitted_pictures: int  # that a fit was given
    pixels: int  # of one channel, that a regressor was fitted to
    bin_width: int
    seed: int
    threads: int
    standings: tuple[Standing, ...]
    exhibits: tuple[Exhibit, ...]
    best_model: str

    def standing(self, who: Who) -> Standing | None:
        """That of a contestant by kind and name; None where it took no part."""
        return next((one for one in self.standings if one.who == who), None)

    @property
    def rivals(self) -> tuple[Standing, ...]:
        """The ensembles that may win: no base model, no oracle."""
        return tuple(one for one in self.standings if one.who[0] in RIVALS)

    @property
    def winner(self) -> Standing:
        """The ensemble of the highest mean PSNR in RGB."""
        return self.rivals[0]


def standings_of(
    chosen: Mapping[Who, Contestant],
    results: Mapping[Who, Sequence[Result]],
    fit_seconds: Mapping[Who, Sequence[float]],
) -> tuple[tuple[Standing, ...], str]:
    """Everyone, the highest mean PSNR in RGB first, and the best of the base models."""
    psnrs = {
        who: [(one.scores.exact.psnr_rgb, one.scores.exact.psnr_y) for one in done]
        for who, done in results.items()
    }
    averaged = psnrs[BASELINE, AVERAGE]
    scores = {
        who: ensemble_scores(who, [one.scores for one in done], averaged)
        for who, done in results.items()
    }
    models = [one for (kind, _), one in scores.items() if kind == CANDIDATE]
    best_model = max(models, key=lambda one: one.exact.psnr_rgb).name
    rgb = {who: [pair[0] for pair in pairs] for who, pairs in psnrs.items()}
    y = {who: [pair[1] for pair in pairs] for who, pairs in psnrs.items()}
    standings = [
        Standing(
            contestant=chosen[who],
            scores=scores[who],
            over_average=paired(rgb[who], rgb[BASELINE, AVERAGE]),
            over_average_y=paired(y[who], y[BASELINE, AVERAGE]),
            over_best_model=paired(rgb[who], rgb[CANDIDATE, best_model]),
            fit_seconds=tuple(fit_seconds[who]),
            fuse_seconds=tuple(one.seconds for one in results[who]),
        )
        for who in chosen
    ]
    standings.sort(key=lambda one: one.scores.exact.psnr_rgb, reverse=True)
    return tuple(standings), best_model
