import copy
import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ensir.comparison import (
    AVERAGE,
    FUSED,
    GAIN,
    INPUT,
    LARGEST_WEIGHT,
    TRUTH,
    Comparison,
    check_names,
    compare,
    fuse_again,
    is_same_picture,
    scores,
    statistics_of_truth,
    with_truth,
)
from ensir.ensemble.levels import in_depth, levels_of
from ensir.errors import InputError
from ensir.fitting import fit_statistics
from ensir.limits import MOST_CANDIDATES
from ensir.metrics import psnr, ssim
from tests.conftest import make_pictures, make_statistics

CANDIDATES, GROUND_TRUTH = make_pictures(seed=31, members=3, height=70, width=50, contrast=25)
ABC = dict(zip("ABC", CANDIDATES, strict=True))
REFERENCE = make_statistics(make_pictures(seed=32, members=3, height=70, width=50, contrast=25), 16)
WIDTH = 32
EXACT = 1e-12  # the same sums of float64 in another order


@pytest.fixture(scope="module")
def compared() -> Comparison:
    return compare(
        ABC, degraded=CANDIDATES[0], truth=GROUND_TRUTH, reference=REFERENCE, bin_width=WIDTH
    )


def test_statistics_are_fitted_and_fuse_as_the_engine_does(compared: Comparison) -> None:
    table = fit_statistics(REFERENCE, WIDTH).table
    assert compared.table is not None
    assert torch.equal(compared.table.weights, table.weights)
    assert torch.equal(compared.fusion.image, table.fuse(ABC).image)
    assert torch.equal(compared.fused.values, levels_of(table.fuse(ABC).image))


def test_the_method_is_that_of_the_fit() -> None:
    published = compare(ABC, reference=REFERENCE, bin_width=WIDTH, method="published")
    expected = fit_statistics(REFERENCE, WIDTH, "published").table.fuse(ABC).image
    assert torch.equal(published.fusion.image, expected)


def test_statistics_of_more_candidates_serve_some_of_them_in_any_order() -> None:
    some = {"C": ABC["C"], "A": ABC["A"]}
    expected = fit_statistics(REFERENCE.of_candidates(("C", "A")), WIDTH).table.fuse(some).image
    assert torch.equal(compare(some, reference=REFERENCE, bin_width=WIDTH).fusion.image, expected)


def test_a_table_is_taken_as_it_is_and_its_candidates_by_name(compared: Comparison) -> None:
    shuffled = {name: ABC[name] for name in "BCA"}
    by_table = compare(shuffled, reference=compared.table, bin_width=64)
    assert by_table.table is compared.table
    assert list(by_table.candidates) == list("ABC")
    assert torch.equal(by_table.fusion.image, compared.fusion.image)
    assert by_table.fits is None
    with pytest.raises(InputError, match="fitted for A, B, C in this order; got A, B"):
        compare({name: ABC[name] for name in "AB"}, reference=compared.table)


def test_without_a_reference_the_candidates_are_averaged() -> None:
    averaged = compare(ABC)
    assert averaged.table is None
    assert (averaged.fusion.image - CANDIDATES.float().mean(0)).abs().max() < 1e-4  # float32
    assert torch.equal(averaged.fused.values, levels_of(averaged.pictures[AVERAGE]))


@pytest.mark.parametrize("count", [0, 1])
def test_one_candidate_is_no_ensemble(count: int) -> None:
    with pytest.raises(InputError, match=f"two or more candidates are needed to fuse, got {count}"):
        compare({name: ABC[name] for name in "A"[:count]})


def test_more_candidates_than_memory_is_meant_for_are_refused() -> None:
    names = [f"m{place}" for place in range(MOST_CANDIDATES + 1)]
    check_names(names[:-1])
    with pytest.raises(InputError, match=r"^at most 16 candidates are fused here, got 17: leave"):
        check_names(names)


@pytest.mark.parametrize(
    "name", [FUSED, AVERAGE, INPUT, TRUTH, LARGEST_WEIGHT, GAIN, "weight of B", "error of B"]
)
def test_a_name_of_a_picture_or_map_of_ours_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"cannot be called '{name}' here: rename it"):
        compare({name: ABC["A"], "B": ABC["B"]})


def test_pictures_of_another_size_are_refused_by_name() -> None:
    smaller = CANDIDATES[0][:, 1:]
    with pytest.raises(InputError, match=r"\(A is 50 × 70, B is 50 × 69\)"):
        compare({"A": ABC["A"], "B": smaller})
    with pytest.raises(InputError, match="input is 50 × 69"):
        compare(ABC, degraded=smaller)
    with pytest.raises(InputError, match="ground truth is 50 × 69"):
        compare(ABC, truth=smaller)
    with pytest.raises(InputError, match=r"A is 50 × 70, .*, ground truth is 50 × 69"):
        statistics_of_truth(ABC, smaller, WIDTH)


def test_pictures_are_all_there_are_by_name(compared: Comparison) -> None:
    assert list(compared.pictures) == [FUSED, AVERAGE, "A", "B", "C", INPUT, TRUTH]
    assert list(compare(ABC).pictures) == [FUSED, AVERAGE, "A", "B", "C"]
    assert compared.size == (50, 70)
    assert all(picture.shape == (3, 70, 50) for picture in compared.pictures.values())


def test_16_bits_come_out_with_16_bits_wherever_they_came_in() -> None:
    deep = in_depth(CANDIDATES[0], torch.uint16)
    assert compare(ABC).fused.values.dtype == torch.uint8
    of_input = compare(ABC, degraded=deep)
    assert of_input.fused.values.dtype == torch.uint16
    assert torch.equal(of_input.fused.values, in_depth(of_input.fusion.image, torch.uint16))
    mixed = compare({**ABC, "A": deep})  # exactly the same values, some in 16 bits
    assert torch.equal(mixed.fusion.image, compare(ABC).fusion.image)
    assert torch.equal(mixed.fused.values, of_input.fused.values)
    assert scores(compare(ABC, truth=deep)) == scores(compare(ABC, truth=CANDIDATES[0]))


def test_the_result_is_as_transparent_as_what_came() -> None:
    alpha = torch.arange(70 * 50).reshape(70, 50).remainder(256).to(torch.uint8)
    assert torch.equal(compare(ABC, alpha=alpha).fused.alpha, alpha)
    deep = compare(ABC, degraded=in_depth(CANDIDATES[0], torch.uint16), alpha=alpha).fused
    assert torch.equal(deep.alpha, in_depth(alpha, torch.uint16))
    assert compare(ABC).fused.alpha is None


def test_scores_are_those_of_the_metrics(compared: Comparison) -> None:
    rows = {name: cells for name, *cells in scores(compared)}
    assert list(rows) == [FUSED, AVERAGE, "A", "B", "C", INPUT]
    base = psnr(compared.averaged.image, GROUND_TRUTH)
    exact: dict[str, Tensor] = {FUSED: compared.fusion.image, AVERAGE: compared.averaged.image}
    for name, (decibel, gain, similarity) in rows.items():
        picture = exact.get(name, compared.pictures[name])
        assert decibel == f"{psnr(picture, GROUND_TRUTH):.2f}"
        assert gain == f"{psnr(picture, GROUND_TRUTH) - base:+.3f}".replace("-", "−")
        assert similarity == f"{ssim(picture, GROUND_TRUTH):.4f}"


def test_a_gain_that_rounds_to_nothing_has_no_minus(compared: Comparison) -> None:
    known = dict.fromkeys(compared.scored, (30.0, None)) | {FUSED: (29.9999, None)}
    said = scores(replace(compared, known_scores=known))
    assert said[0] == [FUSED, "30.00", "+0.000", "–"]


def test_fusing_again_is_comparing_again_and_scores_what_changed_only(
    compared: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores(compared)
    asked: list[Tensor] = []

    def counted(picture: Tensor, truth: Tensor) -> float:
        asked.append(picture)
        return psnr(picture, truth)

    monkeypatch.setattr("ensir.comparison.psnr", counted)
    again = fuse_again(compared, reference=None, bin_width=WIDTH, method="em")
    fresh = compare(compared.candidates, degraded=compared.degraded, truth=GROUND_TRUTH)
    assert torch.equal(again.fusion.image, fresh.fusion.image)
    rows = scores(again)
    assert len(asked) == 1 and asked[0] is again.fusion.image
    assert rows == scores(fresh)


def test_fusing_again_keeps_nothing_of_the_order_of_a_table_before() -> None:
    other = fit_statistics(REFERENCE.of_candidates(("C", "A", "B")), WIDTH).table
    by_table = compare(ABC, truth=GROUND_TRUTH, reference=other)
    assert list(by_table.candidates) == list("CAB") and list(by_table.as_given) == list("ABC")
    for name in "ABC":
        assert by_table.as_given[name] is by_table.candidates[name]
    for reference in (REFERENCE, None):
        again = fuse_again(by_table, reference=reference, bin_width=WIDTH, method="em")
        fresh = compare(ABC, reference=reference, bin_width=WIDTH)
        assert list(again.candidates) == list(again.as_given) == list("ABC")
        assert torch.equal(again.fusion.image, fresh.fusion.image)
        assert torch.equal(again.fusion.weights, fresh.fusion.weights)


def test_another_ground_truth_is_scored_anew(compared: Comparison) -> None:
    scores(compared)
    other = with_truth(compared, compared.candidates["A"])
    rows = {name: cells for name, *cells in scores(other)}
    assert rows["A"][0] == "∞" and rows["A"][2] == "1.0000"
    with pytest.raises(InputError, match="different sizes"):
        with_truth(compared, CANDIDATES[0][:, 1:])


def test_without_a_ground_truth_there_are_no_scores() -> None:
    assert scores(compare(ABC)) == []


def test_a_small_picture_has_no_ssim() -> None:
    small = {name: picture[:, :10, :40] for name, picture in ABC.items()}
    rows = scores(compare(small, truth=GROUND_TRUTH[:, :10, :40]))
    assert {row[3] for row in rows} == {"–"}


def test_perfect_pictures_score_infinity_and_gain_nothing() -> None:
    perfect = {"A": GROUND_TRUTH, "B": GROUND_TRUTH.clone()}
    rows = scores(compare(perfect, truth=GROUND_TRUTH))
    assert {(row[1], row[2]) for row in rows} == {("∞", "+0.000")}
    rows = scores(compare({**perfect, "C": ABC["C"]}, truth=GROUND_TRUTH))
    assert {row[0]: row[2] for row in rows}["A"] == "+∞"


def test_statistics_of_the_truth_are_those_of_this_picture_alone() -> None:
    own = statistics_of_truth(ABC, GROUND_TRUTH, WIDTH)
    same = make_statistics((CANDIDATES, GROUND_TRUTH), WIDTH)
    assert torch.equal(own.statistics.histogram, same.statistics.histogram)
    assert torch.equal(own.statistics.products, same.statistics.products)
    assert own.candidate_names == ("A", "B", "C")
    assert (own.pictures, own.statistics.pixels) == (1, 50 * 70)


def test_weights_of_the_fusion_add_up_to_one(compared: Comparison) -> None:
    total = compared.fusion.weights.sum(0)
    assert math.isclose(float(total.min()), 1, abs_tol=EXACT)
    assert math.isclose(float(total.max()), 1, abs_tol=EXACT)


def test_two_results_are_of_one_picture_if_they_share_an_input_a_truth_or_a_candidate() -> None:
    restored = compare(ABC, degraded=CANDIDATES[1], truth=GROUND_TRUTH)
    other = {name: picture.flip(-1) for name, picture in ABC.items()}
    assert is_same_picture(restored, restored)
    assert is_same_picture(restored, compare(other, truth=GROUND_TRUTH.clone()))
    assert is_same_picture(restored, compare(other, degraded=CANDIDATES[1].clone()))
    assert is_same_picture(restored, compare({**other, "B": ABC["B"]}))
    assert not is_same_picture(restored, compare(other, truth=GROUND_TRUTH.flip(-1)))
    assert not is_same_picture(restored, compare({"D": ABC["A"], "E": ABC["B"]}))
    smaller = {name: picture[:, :20] for name, picture in ABC.items()}
    assert not is_same_picture(restored, compare(smaller))
    deep = {name: in_depth(picture, torch.uint16) for name, picture in ABC.items()}
    assert not is_same_picture(restored, compare(deep))


def test_a_copy_of_a_comparison_is_itself(compared: Comparison) -> None:
    assert copy.deepcopy(compared) is compared  # frozen: nobody can tell the difference
    assert copy.deepcopy({"state": compared})["state"] is compared
