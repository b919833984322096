from dataclasses import replace

from ensir.league.intervals import Interval, paired
from ensir.league.standings import League
from ensir.league.words import how_fitted, how_to_read, in_paper_order, interval_of, verdict


def test_the_verdict_names_the_best_its_gain_and_whether_it_is_sure(league: League) -> None:
    best = league.winner
    first, second = verdict(league)
    assert best.title in first and f"{best.over_average.gain.mean:+.3f}" in first
    assert f"better on {best.over_average.gain.won} of 3 pictures" in first
    assert league.best_model in second
    unsure = replace(best, over_average=replace(best.over_average, interval=Interval(-0.1, 0.2)))
    standings = tuple(unsure if one is best else one for one in league.standings)
    assert "−0.100 to +0.200, which includes 0" in verdict(replace(league, standings=standings))[0]


def test_how_it_was_fitted_says_what_was_held_out_and_how_much_was_seen(league: League) -> None:
    assert "left out in turn" in how_fitted(league) and "300 pixels" in how_fitted(league)
    elsewhere = how_fitted(replace(league, judged="snow", fitted_pictures=3))
    assert "fitted to the 3 pictures of rain and fuses those of snow" in elsewhere


def test_few_pictures_are_called_few(league: League) -> None:
    assert "With 3 pictures it is rough" in dict(how_to_read(league))["Interval"]
    many = replace(league, pictures=tuple(map(str, range(30))))
    assert "rough" not in dict(how_to_read(many))["Interval"]


def test_the_papers_order_is_models_regressors_baselines_tables(league: League) -> None:
    order = [one.who for one in in_paper_order(league)]
    assert order[:3] == [("candidate", name) for name in league.candidate_names]
    kinds = list(dict.fromkeys(kind for kind, _ in order))
    assert kinds == ["candidate", "regressor", "baseline", "table"]


def test_the_same_scores_have_no_interval_to_speak_of() -> None:
    assert interval_of(paired([30.0, 31.0], [30.0, 31.0])) == "–"
    assert interval_of(paired([30.0], [29.0])) == "–"
    assert interval_of(paired([30.0, 31.0], [29.0, 30.0]), "-") == "+1.000 to +1.000"
