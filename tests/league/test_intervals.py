import math
from statistics import fmean

import numpy as np
import pytest

from ensir.league.intervals import bootstrap_interval, paired

DIFFERENCES = (0.31, 0.19, 0.19, 0.35, -0.52)


def test_an_interval_is_the_one_computed_draw_by_draw() -> None:
    random = np.random.default_rng(7)
    means = sorted(
        fmean(DIFFERENCES[place] for place in draw)
        for draw in random.integers(len(DIFFERENCES), size=(2000, len(DIFFERENCES)))
    )

    def quantile(share: float) -> float:  # linear between order statistics, as numpy has it
        place = share * (len(means) - 1)
        low = math.floor(place)
        return means[low] + (place - low) * (means[min(low + 1, len(means) - 1)] - means[low])

    interval = bootstrap_interval(DIFFERENCES, resamples=2000, seed=7)
    assert interval is not None
    # The order of additions differs: rounding errors of float64.
    assert interval.low == pytest.approx(quantile(0.025), abs=1e-12)
    assert interval.high == pytest.approx(quantile(0.975), abs=1e-12)


def test_an_interval_of_many_pictures_is_that_of_the_normal_approximation() -> None:
    differences = np.random.default_rng(0).normal(0.1, 0.2, 400)
    interval = bootstrap_interval(differences.tolist())
    half = 1.96 * differences.std() / math.sqrt(len(differences))
    assert interval is not None
    # 10,000 draws leave some 2 % of noise in a quantile, the skew of 400 values adds little.
    assert interval.low == pytest.approx(differences.mean() - half, abs=0.1 * half)
    assert interval.high == pytest.approx(differences.mean() + half, abs=0.1 * half)


def test_an_interval_is_the_same_each_time_and_moves_with_its_data() -> None:
    interval = bootstrap_interval(DIFFERENCES)
    assert interval == bootstrap_interval(DIFFERENCES)
    shifted = bootstrap_interval([one + 1 for one in DIFFERENCES])
    assert interval is not None and shifted is not None
    assert shifted.low == pytest.approx(interval.low + 1, abs=1e-12)
    assert shifted.high == pytest.approx(interval.high + 1, abs=1e-12)


def test_one_picture_or_a_perfect_one_has_no_interval() -> None:
    assert bootstrap_interval([0.3]) is None
    assert bootstrap_interval([0.3, math.inf]) is None


def test_pairs_are_differences_picture_by_picture() -> None:
    over = paired([30.0, 31.0, math.inf], [29.5, 31.5, math.inf])
    assert over.gain.pictures == (0.5, -0.5, 0.0)
    assert (over.gain.won, over.gain.lost) == (1, 1)
    assert over.interval is not None and over.interval.low <= 0 <= over.interval.high
