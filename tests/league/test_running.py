from pathlib import Path
from statistics import fmean

import pytest

from ensir import InputError, ReferenceSet, average, fit_lookup_table
from ensir.errors import Cancelled
from ensir.league.gathered import gathered_pictures
from ensir.league.regressors import REGRESSORS, fit_regressor
from ensir.league.running import candidate_folders, run_league
from ensir.league.standings import League
from ensir.metrics import luma, psnr
from ensir.scoring import score_reference_set
from tests.league.conftest import NAMES, make_reference_set
from tests.zips import NAMES as ZIPPED
from tests.zips import put_zip, reference_files

QUICK = ["em", "published", "zzpm"]


@pytest.mark.parametrize("method", ["em", "published", "least-squares"])
def test_tables_left_out_have_the_gains_that_scoring_gives_them(
    method: str, league: League, reference_set: ReferenceSet
) -> None:
    standing = league.standing(("table", "least-squares-half" if method[0] == "l" else method))
    assert standing is not None
    gains, gains_y = [], []
    for place, (candidates, truth) in enumerate(reference_set):
        others = reference_set[:]
        others.names = tuple(name for name in others.names if name != reference_set.names[place])
        fused = fit_lookup_table(others, 32, method).fuse(candidates).image
        averaged = average(candidates).image
        gains.append(psnr(fused, truth) - psnr(averaged, truth))
        gains_y.append(psnr(luma(fused), luma(truth)) - psnr(luma(averaged), luma(truth)))
    # Exact: the sums are whole numbers, and the same table gives the same picture.
    assert standing.over_average.gain.pictures == tuple(gains)
    assert standing.over_average_y.gain.pictures == tuple(gains_y)
    assert standing.over_average.gain.mean == pytest.approx(fmean(gains), abs=1e-12)
    assert standing.over_average.gain.won == sum(gain > 0 for gain in gains)


def test_fitted_to_one_set_and_judged_on_another_the_scores_are_those_of_score(
    reference_set: ReferenceSet, tmp_path: Path
) -> None:
    other = ReferenceSet(make_reference_set(tmp_path / "other", {"x": 9, "y": 3}), NAMES)
    held = run_league(reference_set, other, QUICK)
    table = fit_lookup_table(reference_set, 32)
    expected = score_reference_set(other, {"em": table})
    for one in expected:
        standing = held.standing((one.kind, one.name))
        if standing is not None:
            assert standing.scores == one
    assert held.standing(("table", "em")) is not None
    assert held.judged == "other" and held.fitted_pictures == 3
    assert len(held.standings[0].fit_seconds) == 1


def test_a_regressor_sees_the_other_pictures_alone(
    league: League, reference_set: ReferenceSet
) -> None:
    parts = list(gathered_pictures(reference_set, 32, 150, seed=0))
    name = "gradient-boosting"
    fuse = fit_regressor(REGRESSORS[name], parts[0] + parts[2], 0, lambda: False)
    candidates, truth = reference_set[1]
    standing = league.standing(("regressor", name))
    assert standing is not None and league.pixels == 300
    assert standing.scores.pictures[1].exact.psnr_rgb == psnr(fuse(candidates), truth)


def test_a_second_run_gives_the_same_scores(reference_set: ReferenceSet, league: League) -> None:
    again = run_league(reference_set, contestants=["random-forest"], pixels=300)
    one = again.standing(("regressor", "random-forest"))
    before = league.standing(("regressor", "random-forest"))
    assert one is not None and before is not None
    assert one.scores == before.scores and one.over_average == before.over_average


def test_progress_rises_to_its_total_and_stopping_stops(reference_set: ReferenceSet) -> None:
    seen: list[tuple[int, int]] = []
    run_league(
        reference_set,
        contestants=QUICK,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    total = 3 + 3 * 7  # pictures gathered; three models, averaging and three more on each
    assert seen == [(done, total) for done in range(1, total + 1)]
    seen.clear()
    with pytest.raises(Cancelled):
        run_league(
            reference_set,
            contestants=QUICK,
            on_progress=lambda done, total: seen.append((done, total)),
            cancelled=lambda: len(seen) >= 5,
        )
    assert len(seen) == 5


def test_folders_of_candidates_are_all_but_truth_and_inputs(reference_folder: Path) -> None:
    assert candidate_folders(reference_folder) == NAMES
    zipped = put_zip(reference_folder.parent / "set.zip", reference_files(1))
    assert candidate_folders(zipped) == ZIPPED
    with pytest.raises(InputError, match="no folder gone"):
        candidate_folders(reference_folder / "gone")


def test_what_cannot_be_a_league_is_refused(reference_set: ReferenceSet) -> None:
    with pytest.raises(InputError, match="fits to one picture and judges another, got 1"):
        run_league(reference_set[:1])
    swapped = ReferenceSet(reference_set.folder, ["B", "A", "C"])
    with pytest.raises(InputError, match="fits to A, B, C cannot be judged on B, A, C"):
        run_league(reference_set, swapped)
    with pytest.raises(InputError, match="at least one picture, got none"):
        run_league(reference_set, reference_set[:0])
    with pytest.raises(InputError, match="at least one pixel of each of 2 pictures, got 1"):
        run_league(reference_set, pixels=1)
    with pytest.raises(InputError, match="got median"):
        run_league(reference_set, contestants=["median"])
