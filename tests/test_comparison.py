import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ensir.comparison import (
    AVERAGE,
    CHANNELS,
    FUSED,
    GAIN,
    INPUT,
    LARGEST_SHOWN_ERROR,
    LARGEST_SHOWN_GAIN,
    LARGEST_WEIGHT,
    ORIGIN_WORDS,
    PIXEL_COLUMNS,
    TRUTH,
    Comparison,
    check_names,
    compare,
    error_map,
    fuse_again,
    gain_map,
    inspect_pixel,
    largest_weights,
    mean_error,
    mean_weights,
    most_disputed_pixel,
    scores,
    statistics_of_truth,
    weight_maps,
    with_truth,
)
from ensir.ensemble.levels import in_depth, levels_of
from ensir.ensemble.lookup_table import Origin
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


def some_pixels() -> list[tuple[int, int]]:
    random = torch.Generator().manual_seed(1)
    x = torch.randint(0, 50, (12,), generator=random).tolist()
    y = torch.randint(0, 70, (12,), generator=random).tolist()
    return [*zip(x, y, strict=True), (0, 0), (49, 69)]


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


def test_a_pixel_has_the_values_and_weights_of_the_fusion(compared: Comparison) -> None:
    for x, y in some_pixels():
        pixel = inspect_pixel(compared, x, y)
        assert list(pixel.values) == ["A", "B", "C", FUSED, AVERAGE, INPUT, TRUTH]
        weights = torch.tensor([pixel.weights[name] for name in "ABC"], dtype=torch.float64)
        assert torch.equal(weights, compared.fusion.weights[:, :, y, x])
        values = torch.tensor([pixel.values[name] for name in "ABC"], dtype=torch.float64)
        assert torch.equal(values, CANDIDATES[:, :, y, x].double())
        fused = torch.tensor(pixel.values[FUSED])
        assert torch.equal(fused, compared.fusion.image[:, y, x])
        # Stored as float32: half a step at 255 is 8e-6.
        assert ((weights * values).sum(0) - fused).abs().max() < 1e-5


def test_a_pixel_has_the_bin_set_that_raw_pixels_give(compared: Comparison) -> None:
    candidates, truth = make_pictures(seed=32, members=3, height=70, width=50, contrast=25)
    seen = set()
    for x, y in some_pixels():
        pixel = inspect_pixel(compared, x, y)
        for channel, bin_set in enumerate(pixel.bin_sets):
            bins = CANDIDATES[:, channel, y, x].long() // WIDTH
            same = (candidates[:, channel].long() // WIDTH == bins[:, None, None]).all(0)
            inside = truth[channel][same].long()
            seen.add(bin_set.origin)
            assert bin_set.channel == CHANNELS[channel]
            assert bin_set.number == int(bins @ torch.tensor([64, 8, 1]))
            assert bin_set.count == len(inside)
            for place, name in enumerate("ABC"):
                first = int(bins[place]) * WIDTH
                assert bin_set.ranges[name] == (first, first + WIDTH - 1)
            if not len(inside):
                assert bin_set.origin == ORIGIN_WORDS[Origin.EMPTY]
                assert sum(bin_set.histogram or []) == 0
                assert bin_set.first is bin_set.fitted is None
                continue
            assert bin_set.histogram == torch.bincount(inside, minlength=256).tolist()
            values = candidates[:, channel][:, same].double()
            assert bin_set.first is not None
            assert (bin_set.first.mean - values.mean(1)).abs().max() < 1e-9
            assert (bin_set.first.variance - values.var(1, correction=0)).abs().max() < 1e-9
            fitted = len(inside) >= 100
            assert (bin_set.fitted is not None) == (bin_set.steps is not None) == fitted
            assert bin_set.origin == ORIGIN_WORDS[Origin.FITTED if fitted else Origin.PRIOR]
            if bin_set.fitted is not None:
                weights = torch.tensor([pixel.weights[name][channel] for name in "ABC"])
                assert (bin_set.fitted.weight - weights).abs().max() < 1e-6  # read as float32
    assert len(seen) == len(Origin)


def test_the_last_bin_of_a_width_that_does_not_divide_256_ends_at_255() -> None:
    white = {name: torch.full((3, 4, 4), 255, dtype=torch.uint8) for name in "AB"}
    reference = statistics_of_truth(white, white["A"], 96)
    pixel = inspect_pixel(compare(white, reference=reference, bin_width=96), 0, 0)
    assert pixel.bin_sets[0].ranges["A"] == (192, 255)


def test_rows_say_the_values_the_weights_and_the_mixture(compared: Comparison) -> None:
    pixel = inspect_pixel(compared, 10, 20)
    for channel in range(3):
        rows = {row[0]: row[1:] for row in pixel.rows(channel)}
        assert all(len(cells) == len(PIXEL_COLUMNS) - 1 for cells in rows.values())
        for name in "ABC":
            value, weight, first, bin_range, _ = rows[name]
            assert float(value) == pixel.values[name][channel]
            assert float(weight) == pytest.approx(pixel.weights[name][channel], abs=5e-4)
            assert bin_range == "{}–{}".format(*pixel.bin_sets[channel].ranges[name])
            assert 0 <= float(first) <= 1
        assert rows[FUSED][1:] == [""] * 4
    averaged = inspect_pixel(compare(ABC), 10, 20)
    assert averaged.rows(0)[0][2:] == ["0.333", "", "", ""]


@pytest.mark.parametrize(("x", "y"), [(-1, 0), (50, 0), (0, -1), (0, 70)])
def test_a_pixel_outside_is_refused(compared: Comparison, x: int, y: int) -> None:
    with pytest.raises(InputError, match="whole number from 0 to"):
        inspect_pixel(compared, x, y)


def test_weight_maps_are_the_weights_as_nearest_levels(compared: Comparison) -> None:
    weights = compared.fusion.weights
    for channel in (None, 0, 1, 2):
        maps = weight_maps(compared, channel)
        expected = (weights.mean(1) if channel is None else weights[:, channel]) * 255
        assert list(maps) == list("ABC")
        shown = torch.stack(list(maps.values()))
        assert shown.dtype == torch.uint8
        # Half a level of rounding, and a tie may fall either way.
        assert (shown.double() - expected).abs().max() <= 0.5 + 1e-9


def test_weight_maps_are_the_same_however_many_rows_are_done_at_once(
    compared: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = weight_maps(compared)
    monkeypatch.setattr("ensir.comparison.ROWS_AT_ONCE", 7)
    for name, levels in weight_maps(compared).items():
        assert torch.equal(levels, whole[name])


def with_weights(compared: Comparison, weights: Tensor) -> Comparison:
    """The same with other weights (M, C, H, W)."""
    fusion = replace(compared.fusion, weights_at=lambda rows, columns: weights[:, :, rows, columns])
    return replace(compared, fusion=fusion)


def test_the_largest_weight_is_that_of_the_candidate_shown(compared: Comparison) -> None:
    random = torch.rand(3, 3, 70, 50, generator=torch.Generator().manual_seed(2)).double()
    weights = random / random.sum(0)
    for channel in (None, 0, 1, 2):
        shown = weights.mean(1) if channel is None else weights[:, channel]
        places = largest_weights(with_weights(compared, weights), channel)
        assert places.dtype == torch.uint8
        assert torch.equal(shown.gather(0, places[None].long())[0], shown.amax(0))
        assert places.unique().tolist() == [0, 1, 2]


def test_of_equal_weights_the_first_is_the_largest(compared: Comparison) -> None:
    assert not largest_weights(compare(ABC)).any()
    halves = torch.tensor([0, 0.5, 0.5], dtype=torch.float64).reshape(3, 1, 1, 1)
    tied = with_weights(compared, halves.expand(3, 3, 70, 50))
    assert (largest_weights(tied) == 1).all()


def test_an_error_map_is_the_mean_absolute_error_as_nearest_levels(compared: Comparison) -> None:
    for name in (FUSED, AVERAGE, "A", "C", INPUT):
        picture = compared.scored[name].double()
        error = (picture - GROUND_TRUTH.double()).abs().mean(0)
        expected = (error * 255 / LARGEST_SHOWN_ERROR).clamp(max=255)
        shown = error_map(compared, name)
        assert shown.dtype == torch.uint8
        # Half a level of rounding, and a tie may fall either way.
        assert (shown.double() - expected).abs().max() <= 0.5 + 1e-9
        assert mean_error(compared, name) == pytest.approx(float(error.mean()), abs=EXACT * 255)


def test_errors_beyond_the_scale_are_cut_but_count_in_the_mean() -> None:
    black = torch.zeros(3, 12, 12, dtype=torch.uint8)
    apart = {"A": black, "B": black + 200}
    compared = compare(apart, truth=black)
    assert (error_map(compared, "B") == 255).all()
    assert mean_error(compared, "B") == 200
    assert not error_map(compared, "A").any()


def test_a_gain_is_the_error_of_the_average_less_that_of_the_fused_picture(
    compared: Comparison,
) -> None:
    truth = GROUND_TRUTH.double()
    averaged, fused = (compared.scored[name].double() for name in (AVERAGE, FUSED))
    gain = (averaged - truth).abs().mean(0) - (fused - truth).abs().mean(0)
    expected = 128 + gain.clamp(-LARGEST_SHOWN_GAIN, LARGEST_SHOWN_GAIN) * 127 / LARGEST_SHOWN_GAIN
    shown = gain_map(compared)
    assert (shown.double() - expected).abs().max() <= 0.5 + 1e-9
    assert shown.min() < 128 < shown.max()
    assert (gain_map(compare(ABC, truth=GROUND_TRUTH)) == 128).all()


def test_maps_are_the_same_however_many_rows_are_done_at_once(
    compared: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps = [
        lambda: largest_weights(compared, 1),
        lambda: error_map(compared, FUSED),
        lambda: gain_map(compared),
    ]
    whole = [make() for make in maps]
    monkeypatch.setattr("ensir.comparison.ROWS_AT_ONCE", 7)
    for make, expected in zip(maps, whole, strict=True):
        assert torch.equal(make(), expected)


def test_without_a_ground_truth_there_is_no_error_map() -> None:
    for make in (lambda: error_map(compare(ABC), "A"), lambda: gain_map(compare(ABC))):
        with pytest.raises(InputError, match="errors need a ground truth"):
            make()


def test_mean_weights_add_up_to_one(compared: Comparison) -> None:
    means = mean_weights(weight_maps(compared))
    # Each map is rounded to levels of 1 / 255.
    assert sum(means.values()) == pytest.approx(1, abs=3 * 0.5 / 255)
    expected = compared.fusion.weights.mean(dim=(1, 2, 3)).tolist()
    assert list(means.values()) == pytest.approx(expected, abs=0.5 / 255)
    green = compared.fusion.weights[:, 1].mean(dim=(1, 2)).tolist()
    assert list(mean_weights(weight_maps(compared, 1)).values()) == pytest.approx(
        green, abs=0.5 / 255
    )


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


def test_weights_have_the_names_of_their_candidates_in_the_order_of_any_table() -> None:
    other = fit_statistics(REFERENCE.of_candidates(("C", "A", "B")), WIDTH).table
    compared = fuse_again(compare(ABC), reference=other, bin_width=WIDTH, method="em")
    maps = weight_maps(compared)
    for x, y in some_pixels():
        pixel = inspect_pixel(compared, x, y)
        weights = torch.tensor([pixel.weights[name] for name in ABC], dtype=torch.float64)
        fused = (weights * CANDIDATES[:, :, y, x]).sum(0)
        # Stored as float32: half a step at 255 is 8e-6.
        assert (compared.fusion.image[:, y, x] - fused).abs().max() < 1e-5
        shown = torch.tensor([int(maps[name][y, x]) for name in ABC])
        # Half a level of rounding, and a tie may fall either way.
        assert (shown - 255 * weights.mean(1)).abs().max() <= 0.5 + 1e-9


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


def test_the_most_disputed_pixel_is_where_candidates_lie_furthest_apart(
    compared: Comparison,
) -> None:
    x, y = most_disputed_pixel(compared)
    spread = CANDIDATES.long().amax(0) - CANDIDATES.long().amin(0)
    assert spread.sum(0)[y, x] == spread.sum(0).max()


def test_weights_of_the_fusion_add_up_to_one(compared: Comparison) -> None:
    total = compared.fusion.weights.sum(0)
    assert math.isclose(float(total.min()), 1, abs_tol=EXACT)
    assert math.isclose(float(total.max()), 1, abs_tol=EXACT)
