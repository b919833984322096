from pathlib import Path

import torch

from ensir import ReferenceSet
from ensir.league.running import run_league
from ensir.league.standings import League
from tests.league.conftest import NAMES, make_reference_set


def test_exhibits_are_of_the_largest_and_the_smallest_gain(
    league: League, reference_set: ReferenceSet
) -> None:
    gains = league.winner.over_average.gain.pictures
    ends = [gains.index(max(gains)), gains.index(min(gains))]
    assert [one.picture for one in league.exhibits] == [league.pictures[place] for place in ends]
    for place, exhibit in zip(ends, league.exhibits, strict=True):
        _, truth = reference_set[place]
        assert torch.equal(exhibit.truth, exhibit.window.of(truth))
        assert exhibit.degraded is not None and exhibit.degraded.shape == exhibit.truth.shape
        assert set(exhibit.images) == {one.who for one in league.standings}
        assert ("table", "em") in exhibit.weights
        assert ("regressor", "bagging") not in exhibit.weights


def test_without_inputs_there_is_nothing_degraded_to_show(tmp_path: Path) -> None:
    folder = make_reference_set(tmp_path / "rain", {"a": 3, "b": 5})
    for path in (folder / "lq").iterdir():
        path.unlink()
    (folder / "lq").rmdir()
    held = run_league(ReferenceSet(folder, NAMES), contestants=[])
    assert all(one.degraded is None for one in held.exhibits)
