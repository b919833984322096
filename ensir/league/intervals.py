"""How sure a mean over few pictures is: paired differences and their bootstrap intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ensir.scoring import Gain, gain_over

CONFIDENCE = 0.95
RESAMPLES = 10_000


@dataclass(frozen=True)
class Interval:
    """Where the mean over pictures lies with a confidence of 95 %."""

    low: float
    high: float


@dataclass(frozen=True)
class Paired:
    """PSNR above that of another on the same pictures, in dB."""

    gain: Gain
    interval: Interval | None  # of the mean; None for a single picture


def paired(ours: Sequence[float], others: Sequence[float]) -> Paired:
    """The differences picture by picture, their mean and its interval."""
    gain = gain_over(ours, others)
    return Paired(gain, bootstrap_interval(gain.pictures))


def bootstrap_interval(
    differences: Sequence[float], *, resamples: int = RESAMPLES, seed: int = 0
) -> Interval | None:
    """The 95 % percentile interval of the mean (Efron and Tibshirani 1993, chapter 13).

    Pictures are drawn with replacement, the same ones for every contestant. None for fewer than
    two differences or for one that is not finite.
    """
    if len(differences) < 2 or not all(map(math.isfinite, differences)):
        return None
    random = np.random.default_rng(seed)
    drawn = random.integers(len(differences), size=(resamples, len(differences)))
    means = np.asarray(differences)[drawn].mean(1)
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(means, [tail, 100 - tail])
    return Interval(float(low), float(high))
