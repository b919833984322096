import re

import pytest

from ensir.league.chart import Axis, axis, chart
from ensir.league.standings import League


def test_the_axis_shows_every_gain_and_no_more_loss_than_gain(league: League) -> None:
    shown = axis(league)
    gains = [gain for one in league.rivals for gain in one.over_average.gain.pictures]
    assert shown.high == max(gains) and shown.low >= -shown.high
    assert all(shown.shows(gain) for gain in gains if gain >= shown.low)


@pytest.mark.parametrize("ends", [(-0.05, 0.05), (-0.5, 0.52), (-0.07, 2.3), (-3.0, 11.0)])
def test_ticks_are_round_few_and_hold_zero(ends: tuple[float, float]) -> None:
    ticks = Axis(*ends).ticks()
    assert 3 <= len(ticks) <= 8
    assert 0 in ticks and all(ends[0] <= tick <= ends[1] for tick in ticks)
    step = ticks[1] - ticks[0]
    assert f"{step:.1g}"[-1] in "125" and float(f"{step:.1g}") == pytest.approx(step)
    assert all(tick / step == pytest.approx(round(tick / step)) for tick in ticks)


def test_places_rise_within_the_width() -> None:
    shown = Axis(-1, 3)
    places = [shown.place(gain) for gain in (-1, 0, 3)]
    assert places == sorted(places) and places[0] > 0 and places[2] < 100
    assert shown.place(1) == pytest.approx(50)


def test_every_contestant_has_a_line_with_a_dot_at_its_mean_or_an_arrow(league: League) -> None:
    lines = re.findall(r'<div class="line (\w+)(?: winner)?" role.*?</div>', chart(league), re.S)
    assert lines == [one.who[0] for one in league.standings]
    shown = axis(league)
    drawn = chart(league)
    for one in league.standings:
        mean = one.over_average.gain.mean
        if shown.shows(mean):
            assert f'class="mean" cx="{shown.place(mean):.2f}%"' in drawn
    beyond = sum(not shown.shows(one.over_average.gain.mean) for one in league.standings)
    assert drawn.count('class="beyond"') == beyond
