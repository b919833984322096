"""What a league says, as sentences and numbers that every form of its report uses."""

from __future__ import annotations

import math

from ensir.league.contestants import AVERAGE, BASELINE, CANDIDATE, KINDS, ORACLE, all_contestants
from ensir.league.intervals import Paired
from ensir.league.standings import League, Standing

NOTHING = "–"


def title(league: League) -> str:
    """What was compared on what."""
    return f"A league of ensembles on {league.judged or league.reference_set}"


def verdict(league: League) -> list[str]:
    """Who is best, by how much, and whether that is sure: a sentence each."""
    best = league.winner
    if best.who == (BASELINE, AVERAGE):
        return ["No ensemble beats averaging the candidates on these pictures."]
    gain, count = best.over_average.gain, len(league.pictures)
    said = [
        f"The best ensemble is {best.title}: {decibels(gain.mean)} dB over averaging in RGB"
        f"{_within(best.over_average)}, better on {gain.won} of {count} pictures."
    ]
    over = best.over_best_model
    if over.gain.mean > 0:
        said.append(
            f"Over {league.best_model}, the best single model, it gains "
            f"{decibels(over.gain.mean)} dB{_within(over)}."
        )
    else:
        said.append(
            f"{league.best_model} alone is better than every ensemble, by "
            f"{decibels(-over.gain.mean)} dB{_within(over, -1)}."
        )
    return said


def how_fitted(league: League) -> str:
    """What was fitted to what, and how much of it regressors saw."""
    pictures = _pictures(league.fitted_pictures)
    if league.judged is None:
        given = (
            "Each picture is left out in turn: everything is fitted to the other "
            f"{pictures} and then fuses the one left out, which it has never seen. Pictures that "
            "are alike, as frames of one scene are, flatter all that is fitted."
        )
    else:
        given = (
            f"Everything is fitted to the {pictures} of {league.reference_set} and fuses those of "
            f"{league.judged}."
        )
    return (
        f"{given} Tables see every pixel, in bins of {league.bin_width} levels; regressors see "
        f"{league.pixels:,} pixels of one channel, drawn at random with seed {league.seed} and as "
        "many from each picture, and have scikit-learn's default settings."
    )


def how_to_read(league: League) -> list[tuple[str, str]]:
    """Each thing that a number means, and what it means."""
    count = len(league.pictures)
    few = f" With {count} pictures it is rough." if 1 < count < 10 else ""
    return [
        (
            "Candidates",
            f"what {', '.join(league.candidate_names)} made of the same degraded picture. An "
            "ensemble fuses them into one.",
        ),
        (
            "PSNR and SSIM",
            "how close a picture is to its ground truth; more is better. PSNR is in dB: 0.1 dB "
            "less means 2 % more squared error. SSIM is at most 1. Both of red, green and blue "
            "(RGB) and of luma (Y); a mean is that of the pictures' scores.",
        ),
        (
            "Gain",
            "PSNR above that of plain averaging on the same picture. Below 0, fusing did harm.",
        ),
        (
            "Interval",
            "where the mean gain lies with 95 % confidence if other pictures like these were "
            f"drawn (bootstrap over pictures).{few} Where it includes 0, these pictures do not "
            "decide.",
        ),
        (
            f"Over {league.best_model}",
            f"PSNR above that of {league.best_model}, the best single model on these very "
            "pictures, which nobody knows beforehand.",
        ),
        (
            "8 bit",
            "the score after rounding to the 256 levels of a saved picture. Models' outputs "
            "come rounded already, so these are the columns to compare them with ensembles by.",
        ),
        (
            "Oracles",
            "see the ground truth. They show how much there is to gain, and are not rivals.",
        ),
        (
            "Seconds",
            f"on this machine, with {league.threads} thread{'s' * (league.threads != 1)} where a "
            "method can use several: the median of one measurement a picture to fuse, and a fit to "
            "fit, reading the pictures included. Regressors predict each distinct combination of "
            "values once.",
        ),
    ]


def in_paper_order(league: League) -> list[Standing]:
    """Base models, then regressors, baselines and tables, as the paper lists them; no oracles."""
    kinds, names = list(KINDS), [*league.candidate_names, *all_contestants()]
    return sorted(
        (one for one in league.standings if one.who[0] != ORACLE),
        key=lambda one: (kinds.index(one.who[0]), names.index(one.who[1])),
    )


def decibels(value: float, minus: str = "−") -> str:
    """A difference with its sign and three digits.

    >>> decibels(0.25), decibels(-0.25, "-"), decibels(-0.0001), decibels(float("inf"))
    ('+0.250', '-0.250', '+0.000', '+∞')
    """
    if math.isinf(value):
        return "+∞" if value > 0 else f"{minus}∞"
    return f"{value:+z.3f}".replace("-", minus)


def score_of(value: float | None, digits: int) -> str:
    """A score with so many digits.

    >>> score_of(36.3731, 3), score_of(None, 4), score_of(float("inf"), 3)
    ('36.373', '–', '∞')
    """
    if value is None:
        return NOTHING
    return "∞" if math.isinf(value) else f"{value:.{digits}f}"


def seconds_of(value: float) -> str:
    """A time with two digits that count.

    >>> seconds_of(0), seconds_of(0.00123), seconds_of(0.123), seconds_of(12.3)
    ('0', '0.0012', '0.12', '12')
    """
    if value < 1e-4:
        return "0"
    return f"{value:,.0f}" if value >= 10 else f"{value:.{1 - math.floor(math.log10(value))}f}"


def interval_of(paired: Paired, minus: str = "−") -> str:
    """The interval of a mean gain, if it has one."""
    if paired.interval is None or not any(paired.gain.pictures):
        return NOTHING
    return f"{decibels(paired.interval.low, minus)} to {decibels(paired.interval.high, minus)}"


def fuse_seconds(standing: Standing) -> str:
    """The time to fuse a picture, nothing for a base model, which fuses none."""
    return NOTHING if standing.who[0] == CANDIDATE else seconds_of(standing.fuse_time)


def fit_seconds(standing: Standing) -> str:
    """The time of a fit, nothing for what is not fitted."""
    return seconds_of(standing.fit_time) if standing.fitted else NOTHING


def plural(kind: str) -> str:
    """The heading of a kind of contestant."""
    return f"{kind.capitalize()}s"


def _within(paired: Paired, sign: int = 1) -> str:
    if paired.interval is None:
        return ""
    low, high = sorted((sign * paired.interval.low, sign * paired.interval.high))
    unsure = ", which includes 0" if low <= 0 <= high else ""
    return f" (95 % interval {decibels(low)} to {decibels(high)}{unsure})"


def _pictures(count: int) -> str:
    return f"{count} picture{'s' * (count != 1)}"
