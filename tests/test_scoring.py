from pathlib import Path
from statistics import fmean

import pytest
import torch

from ensir import BASELINES, InputError, ReferenceSet, average, fit_lookup_table
from ensir.ensemble.levels import levels_of
from ensir.images import write_image
from ensir.metrics import luma, psnr, ssim
from ensir.scoring import score_reference_set
from tests.conftest import make_pictures

NAMES = ("A", "B", "C")
PICTURES = ("one", "three", "two")  # as they are visited: by name


@pytest.fixture(scope="module")
def reference_set(tmp_path_factory: pytest.TempPathFactory) -> ReferenceSet:
    """Three pictures of three candidates, one with much more noise than the others."""
    folder = tmp_path_factory.mktemp("reference") / "rain"
    for seed, (picture, noise) in enumerate(zip(PICTURES, (4, 6, 20), strict=True)):
        candidates, truth = make_pictures(seed, 3, height=40, width=32, noise=noise)
        for name, image in zip((*NAMES, "gt"), (*candidates, truth), strict=True):
            (folder / name).mkdir(parents=True, exist_ok=True)
            write_image(folder / name / f"{picture}.png", image)
    return ReferenceSet(folder, NAMES)


def test_every_candidate_baseline_and_table_is_scored_in_order(reference_set: ReferenceSet) -> None:
    table = fit_lookup_table(reference_set, 64)
    scores = score_reference_set(reference_set, {"fitted": table})
    assert [(one.kind, one.name) for one in scores] == [
        *(("candidate", name) for name in NAMES),
        *(("baseline", name) for name in BASELINES),
        ("table", "fitted"),
    ]
    assert all(tuple(picture.picture for picture in one.pictures) == PICTURES for one in scores)


def test_a_mean_is_the_mean_of_the_pictures_scores(reference_set: ReferenceSet) -> None:
    table = fit_lookup_table(reference_set, 64)
    *_, scored = score_reference_set(reference_set, {"fitted": table}, [])
    expected = []
    for place in range(len(reference_set)):
        candidates, truth = reference_set[place]
        image = table.fuse(candidates).image
        expected.append((psnr(image, truth), ssim(image, truth), psnr(luma(image), luma(truth))))
    for place, field in enumerate(("psnr_rgb", "ssim_rgb", "psnr_y")):
        values = [one[place] for one in expected]
        assert [getattr(one.exact, field) for one in scored.pictures] == values
        assert getattr(scored.exact, field) == pytest.approx(fmean(values), abs=1e-12)


def test_rounded_scores_are_those_of_the_picture_that_is_saved(
    reference_set: ReferenceSet,
) -> None:
    *candidates, averaged = score_reference_set(reference_set, {}, ["average"])
    pictures, truth = reference_set[0]
    image = average(pictures).image
    assert averaged.pictures[0].exact.psnr_rgb == psnr(image, truth)
    assert averaged.pictures[0].rounded.psnr_rgb == psnr(levels_of(image), truth)
    assert all(one.exact == one.rounded for one in candidates)  # 8 bits already


def test_a_gain_is_the_difference_to_averaging_whether_averaging_is_listed_or_not(
    reference_set: ReferenceSet,
) -> None:
    first, *_, averaged = score_reference_set(reference_set, {}, ["average"])
    assert averaged.gain_rgb.pictures == averaged.gain_y.pictures == (0, 0, 0)
    assert (averaged.gain_rgb.won, averaged.gain_rgb.lost) == (0, 0)
    expected = [
        one.exact.psnr_rgb - mean.exact.psnr_rgb
        for one, mean in zip(first.pictures, averaged.pictures, strict=True)
    ]
    assert first.gain_rgb.pictures == tuple(expected)
    assert first.gain_rgb.mean == pytest.approx(fmean(expected), abs=1e-12)
    assert first.gain_rgb.won + first.gain_rgb.lost == 3
    assert score_reference_set(reference_set, {}, [])[0] == first


def test_perfect_candidates_gain_nothing_over_their_average(tmp_path: Path) -> None:
    _, truth = make_pictures(0, 2)
    for name in ("A", "B", "gt"):
        (tmp_path / name).mkdir()
        write_image(tmp_path / name / "x.png", truth)
    scores = score_reference_set(ReferenceSet(tmp_path, ["A", "B"]), {}, ["average"])
    assert all(one.exact.psnr_rgb == torch.inf and one.gain_rgb.mean == 0 for one in scores)


def test_pictures_too_small_for_ssim_have_none(tmp_path: Path) -> None:
    candidates, truth = make_pictures(0, 1, height=10, width=10)
    for name, image in (("A", candidates[0]), ("gt", truth)):
        (tmp_path / name).mkdir()
        write_image(tmp_path / name / "x.png", image)
    (scored,) = score_reference_set(ReferenceSet(tmp_path, ["A"]), {}, [])
    assert scored.exact.ssim_rgb is None and scored.exact.psnr_rgb > 0


def test_progress_rises_to_its_total(reference_set: ReferenceSet) -> None:
    seen: list[tuple[int, int]] = []
    score_reference_set(reference_set, {}, [], lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_what_cannot_be_scored_is_refused_by_name(reference_set: ReferenceSet) -> None:
    swapped = fit_lookup_table(ReferenceSet(reference_set.folder, ["B", "A", "C"]), 64)
    with pytest.raises(InputError, match="mine was fitted for B, A, C in this order; got A, B, C"):
        score_reference_set(reference_set, {"mine": swapped})
    with pytest.raises(InputError, match="got median"):
        score_reference_set(reference_set, {}, ["median"])
    with pytest.raises(InputError, match="at least one picture"):
        score_reference_set(reference_set[:0], {})
