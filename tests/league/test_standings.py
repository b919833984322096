from statistics import fmean

from ensir import ReferenceSet, average
from ensir.league.contestants import all_contestants
from ensir.league.standings import League
from ensir.metrics import psnr
from tests.league.conftest import NAMES


def test_everyone_is_scored_on_every_picture_the_best_first(league: League) -> None:
    names = [one.scores.name for one in league.standings]
    assert sorted(names) == sorted([*NAMES, *all_contestants()])
    for one in league.standings:
        assert tuple(scores.picture for scores in one.scores.pictures) == league.pictures
        assert len(one.fuse_seconds) == len(one.fit_seconds) == 3
        assert min(one.fuse_seconds) > 0
    means = [one.scores.exact.psnr_rgb for one in league.standings]
    assert means == sorted(means, reverse=True)
    assert league.winner.scores.kind in ("baseline", "regressor", "table")
    assert all(
        league.winner.scores.exact.psnr_rgb >= one.scores.exact.psnr_rgb for one in league.rivals
    )


def test_gains_are_paired_with_averaging_and_with_the_best_model(
    league: League, reference_set: ReferenceSet
) -> None:
    pictures = [reference_set[place] for place in range(3)]
    means = [
        fmean(psnr(candidates[member], truth) for candidates, truth in pictures)
        for member in range(3)
    ]
    best = means.index(max(means))
    assert league.best_model == NAMES[best]
    for one in league.standings:
        for place, scores in enumerate(one.scores.pictures):
            candidates, truth = reference_set[place]
            ours = scores.exact.psnr_rgb
            averaged = psnr(average(candidates).image, truth)
            assert one.over_average.gain.pictures[place] == ours - averaged
            assert one.over_best_model.gain.pictures[place] == ours - psnr(candidates[best], truth)
