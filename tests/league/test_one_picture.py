from dataclasses import replace

import pytest

from ensir.comparison import compare
from ensir.errors import InputError
from ensir.fitting import fit_statistics
from ensir.league.contestants import BASELINE, CANDIDATE, ORACLE, TABLE
from ensir.league.one_picture import placed_on
from ensir.metrics import psnr
from tests.conftest import make_pictures, make_statistics

CANDIDATES, TRUTH = make_pictures(seed=3, members=3, height=40, width=36, contrast=20)
PICTURES = dict(zip("ABC", CANDIDATES, strict=True))
REFERENCE = make_statistics(make_pictures(seed=4, members=3, height=60, width=60, contrast=20), 16)


def test_everyone_is_scored_as_the_engine_scores_and_the_best_comes_first() -> None:
    comparison = compare(PICTURES, truth=TRUTH, reference=REFERENCE, bin_width=32)
    placed = placed_on(comparison)
    psnrs = [one.scores.psnr_rgb for one in placed]
    assert psnrs == sorted(psnrs, reverse=True)
    assert {one.contestant.kind for one in placed} == {CANDIDATE, BASELINE, ORACLE, TABLE}
    by_title = {one.contestant.title: one for one in placed}
    assert by_title["A"].scores.psnr_rgb == psnr(PICTURES["A"], TRUTH)
    assert by_title["average"].over_average == 0
    for title, method, trust in (
        ("EnsIR", "em", None),
        ("EnsIR, as released", "published", None),
        ("least squares, trust 1", "least-squares", 1.0),
        ("least squares, trust 0.5", "least-squares", 0.5),
    ):
        table = fit_statistics(REFERENCE, 32, method, trust=trust).table
        assert by_title[title].scores.psnr_rgb == psnr(table.fuse(PICTURES).image, TRUTH)


def test_nobody_is_better_than_the_oracle_of_pixels() -> None:
    best = placed_on(compare(PICTURES, truth=TRUTH, reference=REFERENCE))[0]
    assert best.contestant.kind == ORACLE


def test_without_statistics_there_are_no_tables() -> None:
    placed = placed_on(compare(PICTURES, truth=TRUTH))
    assert TABLE not in {one.contestant.kind for one in placed}


def test_a_ground_truth_is_needed() -> None:
    comparison = replace(compare(PICTURES, truth=TRUTH), truth=None)
    with pytest.raises(InputError, match="add one first"):
        placed_on(comparison)
