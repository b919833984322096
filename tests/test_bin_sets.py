"""Lists of bin sets against NumPy's own counting of each pixel's tuple of bins."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from ensir.bin_sets import (
    FAINTEST,
    SORTED_BY,
    THUMBNAIL_SIDE,
    bin_sets,
    levels_in,
    occurring,
    pixels_of,
    shares_in_one_bin,
    sortable_by,
    thumbnails,
)
from ensir.comparison import Comparison, compare, fuse_again, statistics_of_truth
from ensir.ensemble.levels import in_depth
from ensir.ensemble.lookup_table import Origin
from ensir.errors import InputError
from ensir.inspection import inspect_pixel, origin_words
from tests.conftest import make_pictures, make_statistics

CANDIDATES, GROUND_TRUTH = make_pictures(seed=31, members=3, height=70, width=50, contrast=25)
ABC = dict(zip("ABC", CANDIDATES, strict=True))
REFERENCE = make_statistics(make_pictures(seed=32, members=3, height=70, width=50, contrast=25), 16)
WIDTH = 32


@pytest.fixture(scope="module")
def compared() -> Comparison:
    return compare(ABC, truth=GROUND_TRUTH, reference=REFERENCE, bin_width=WIDTH)


@pytest.fixture(params=["counted at once", "sorted"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of counting, in bands of a few rows."""
    monkeypatch.setattr("ensir.comparison.PIXELS_AT_ONCE", 9 * 50)
    if request.param == "sorted":
        monkeypatch.setattr("ensir.bin_sets.COUNTED_DIRECTLY", 0)


def numbers_of(channel: int) -> np.ndarray:
    """The number of each pixel's bin set, (H, W)."""
    bins = CANDIDATES[:, channel].numpy().astype(np.int64) // WIDTH
    return (bins[0] * 8 + bins[1]) * 8 + bins[2]


@pytest.mark.usefixtures("way")
def test_the_bin_sets_are_those_that_numpy_counts(compared: Comparison) -> None:
    for channel in range(3):
        numbers = numbers_of(channel)
        sets, pixels = np.unique(numbers, return_counts=True)
        found = occurring(compared, channel)
        assert np.array_equal(found.sets.numpy(), sets)
        assert np.array_equal(found.pixels.numpy(), pixels)
        squares = (compared.fusion.image[channel].double() - GROUND_TRUTH[channel]).numpy() ** 2
        assert found.squared_error is not None
        for number, total in zip(sets, found.squared_error.tolist(), strict=True):
            assert total == pytest.approx(squares[numbers == number].sum(), rel=1e-9)


@pytest.mark.usefixtures("way")
def test_every_bin_set_is_described_by_its_pixels_and_its_cell(compared: Comparison) -> None:
    table = compared.table
    assert table is not None and table.expected_error is not None
    everything = bin_sets(compared, most=10_000)
    assert sum(one.pixels for one in everything) == 3 * 70 * 50
    origins = set()
    for one in everything:
        inside = numbers_of(one.channel) == one.number
        assert one.pixels == inside.sum()
        difference = compared.fusion.image[one.channel].double() - GROUND_TRUTH[one.channel]
        squared = (difference.numpy()[inside] ** 2).mean()
        assert one.error == pytest.approx(math.sqrt(squared), rel=1e-9)
        assert one.squared_error == pytest.approx(squared * one.pixels, rel=1e-9)
        weights = table.weights[one.channel, one.number].tolist()
        assert one.weights == tuple(weights)
        assert one.contrast == max(weights) - min(weights)
        assert one.count == int(table.count[one.channel, one.number])
        expected = float(table.expected_error[one.channel, one.number])
        assert one.expected_error == (None if one.count == 0 else expected)
        origin = Origin(int(table.origin[one.channel, one.number]))
        assert one.origin == origin_words(origin, "em")
        origins.add(origin)
        values = CANDIDATES[:, one.channel][:, torch.from_numpy(inside)]
        for (first, last), value in zip(one.ranges, values, strict=True):
            assert last - first == WIDTH - 1
            assert first <= int(value.min()) and int(value.max()) <= last
    assert origins == set(Origin)


@pytest.mark.parametrize("channel", [None, 0, 2])
@pytest.mark.parametrize("sort_by", list(SORTED_BY))
def test_a_list_begins_with_the_largest(
    compared: Comparison, sort_by: str, channel: int | None
) -> None:
    key = {
        "pixels": lambda one: one.pixels,
        "reference pixels": lambda one: one.count,
        "error": lambda one: one.error,
        "share of the error": lambda one: one.squared_error,
        "expected error": lambda one: one.expected_error or 0,
        "weight contrast": lambda one: one.contrast,
    }[sort_by]
    everything = bin_sets(compared, channel, sort_by, most=10_000)
    found = [key(one) for one in everything]
    # Sums are squares; a root and its square are off by a rounding.
    assert all(one >= other * (1 - 1e-12) for one, other in itertools.pairwise(found))
    assert bin_sets(compared, channel, sort_by, most=5) == everything[:5]
    assert {one.channel for one in everything} == ({0, 1, 2} if channel is None else {channel})


def test_of_equal_bin_sets_the_lower_channel_and_number_comes_first(compared: Comparison) -> None:
    found = bin_sets(compared, most=10_000)
    for one, other in itertools.pairwise(found):
        if one.pixels == other.pixels:
            assert (one.channel, one.number) < (other.channel, other.number)


@pytest.mark.usefixtures("way")
def test_the_pixels_of_a_bin_set_are_where_its_bins_are(compared: Comparison) -> None:
    for one in bin_sets(compared, most=6):
        inside = pixels_of(compared, one.channel, one.number)
        assert inside.dtype == torch.bool
        assert np.array_equal(inside.numpy(), numbers_of(one.channel) == one.number)
    assert not pixels_of(compared, 0, 511).any()


@pytest.mark.parametrize("depth", [torch.uint8, torch.uint16])
def test_the_levels_of_the_candidates_in_a_bin_set_are_those_that_numpy_counts(
    depth: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {name: in_depth(one, depth) for name, one in ABC.items()}
    compared = compare(named, reference=REFERENCE, bin_width=WIDTH)
    monkeypatch.setattr("ensir.comparison.PIXELS_AT_ONCE", 9 * 50)
    for channel in (0, 2):
        numbers = numbers_of(channel)
        for number in (*np.unique(numbers)[::5].tolist(), 8**3 - 1):  # the last one is empty here
            found = levels_in(compared, channel, number)
            assert list(found) == list("ABC")
            for counts, candidate in zip(found.values(), CANDIDATES, strict=True):
                inside = candidate[channel].numpy()[numbers == number]
                assert np.array_equal(counts.numpy(), np.bincount(inside, minlength=256))


def test_the_last_bin_of_a_width_that_does_not_divide_256_has_all_its_levels() -> None:
    white = {name: torch.full((3, 4, 4), 255, dtype=torch.uint8) for name in "AB"}
    by_truth = statistics_of_truth(white, white["A"], 96)
    compared = compare(white, reference=by_truth, bin_width=96)
    number = inspect_pixel(compared, 0, 0).bin_sets[0].number
    assert all(counts[255] == 16 for counts in levels_in(compared, 0, number).values())


def test_the_only_bin_of_width_256_has_all_levels() -> None:
    every = torch.arange(256).to(torch.uint8).reshape(1, 16, 16).expand(3, -1, -1)
    pictures = {"A": every, "B": every.flip(2)}
    whole = compare(pictures, reference=statistics_of_truth(pictures, every, 256), bin_width=256)
    assert all(bool((counts == 1).all()) for counts in levels_in(whole, 0, 0).values())


def test_a_list_is_sorted_by_what_is_known_and_by_cost_first(compared: Comparison) -> None:
    assert sortable_by(compared) == list(SORTED_BY)
    assert sortable_by(compared)[0] == "share of the error"
    blind = sortable_by(replace(compared, truth=None))
    assert blind[0] == "pixels" and not {"error", "share of the error"} & set(blind)
    assert compared.table is not None
    silent = replace(
        compared.table, count=torch.full_like(compared.table.count, -1), expected_error=None
    )
    by_table = fuse_again(compared, reference=silent, bin_width=WIDTH, method="em")
    left_out = {"reference pixels", "expected error"}
    assert set(sortable_by(by_table)) == set(SORTED_BY) - left_out
    assert all(bin_sets(by_table, 0, key, most=1) for key in sortable_by(by_table))


def test_a_small_picture_is_its_own_thumbnail(compared: Comparison) -> None:
    listed = [one.number for one in bin_sets(compared, 1, most=4)]
    small = thumbnails(compared, 1, [listed[2], listed[0], 511, listed[2]])
    for shown, number in zip(small, (listed[2], listed[0], 511, listed[2]), strict=True):
        assert torch.equal(shown, pixels_of(compared, 1, number).to(torch.uint8) * 255)
    assert thumbnails(compared, 1, []).shape == (0, 70, 50)


def test_a_thumbnail_shows_the_share_of_each_block_and_every_single_pixel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ensir.comparison.PIXELS_AT_ONCE", 11 * 250)
    candidates, truth = make_pictures(seed=4, members=2, height=130, width=250, contrast=25)
    named = dict(zip("AB", candidates, strict=True))
    large = compare(named, reference=make_statistics((candidates, truth), 32), bin_width=32)
    found = bin_sets(large, 0, most=10_000)
    assert found[-1].pixels < 9  # a block of 3 × 3
    numbers = [found[0].number, found[-1].number]
    small = thumbnails(large, 0, numbers)
    assert small.shape == (2, 44, 84) and max(small.shape) <= THUMBNAIL_SIDE
    for shown, number in zip(small, numbers, strict=True):
        mask = pixels_of(large, 0, number).double().numpy()
        for row, column in np.ndindex(44, 84):
            share = mask[3 * row : 3 * row + 3, 3 * column : 3 * column + 3].mean()
            expected = 0 if not share else FAINTEST + share * (255 - FAINTEST)
            assert abs(int(shown[row, column]) - expected) <= 0.5 + 1e-9


def test_sparse_tables_are_listed_alike() -> None:
    candidates, truth = make_pictures(seed=5, members=5, height=40, width=40, contrast=20)
    named = dict(zip("ABCDE", candidates, strict=True))
    reference = make_statistics(make_pictures(seed=6, members=5, contrast=20), 16)
    sparse = compare(named, truth=truth, reference=reference, bin_width=16)
    assert sparse.table is not None and not sparse.table.dense
    bins = candidates[:, 0].numpy().astype(np.int64) // 16
    tuples, pixels = np.unique(bins.reshape(5, -1).T, axis=0, return_counts=True)
    found = {
        tuple(first // 16 for first, _ in one.ranges): one
        for one in bin_sets(sparse, 0, most=10_000)
    }
    assert len(found) == len(tuples)
    for place, count in zip(tuples.tolist(), pixels.tolist(), strict=True):
        one = found[tuple(place)]
        assert one.pixels == count
        if one.count == 0:
            assert one.origin == origin_words(Origin.EMPTY, "em")


def test_without_a_truth_errors_are_not_known_but_expected(compared: Comparison) -> None:
    unknown = replace(compared, truth=None)
    for one in bin_sets(unknown, 0):
        assert one.error is one.squared_error is None
    assert bin_sets(unknown, 0, "expected error")[0].expected_error > 0
    for sort_by in ("error", "share of the error"):
        with pytest.raises(InputError, match="errors need a ground truth"):
            bin_sets(unknown, 0, sort_by)


@pytest.mark.usefixtures("way")
def test_what_bin_sets_of_one_bin_hold_and_bring_is_what_numpy_finds(compared: Comparison) -> None:
    finer = fuse_again(compared, reference=REFERENCE, bin_width=16, method="em")
    bins = CANDIDATES.numpy() // 16
    same = (bins == bins[:1]).all(0)
    truth = GROUND_TRUTH.numpy().astype(np.float64)
    of_average = (CANDIDATES.numpy().astype(np.float64).mean(0) - truth) ** 2
    gain = of_average - (finer.fusion.image.double().numpy() - truth) ** 2
    brought = gain[same].sum() / gain.sum()
    assert 0.1 < same.mean() < 0.9 and 0.1 < brought < 0.9
    # The average is a float32 picture there: its rounding is a millionth of a level and more.
    assert shares_in_one_bin(finer) == pytest.approx((same.mean(), brought), rel=1e-4)
    unknown = fuse_again(compare(ABC), reference=REFERENCE, bin_width=16, method="em")
    with pytest.raises(InputError, match="errors need a ground truth"):
        shares_in_one_bin(unknown)
    with pytest.raises(InputError, match="the candidates are averaged"):
        shares_in_one_bin(compare(ABC))


def test_a_table_that_says_no_counts_and_errors_is_listed_too(compared: Comparison) -> None:
    assert compared.table is not None
    silent = replace(
        compared.table, count=torch.full_like(compared.table.count, -1), expected_error=None
    )
    by_table = fuse_again(compared, reference=silent, bin_width=WIDTH, method="em")
    first = bin_sets(by_table, 0)[0]
    assert first.count is first.expected_error is None
    with pytest.raises(InputError, match="does not say what error to expect"):
        bin_sets(by_table, 0, "expected error")


def test_what_there_is_not_is_refused(compared: Comparison) -> None:
    with pytest.raises(
        InputError, match=r"sorted by share of the error, .*; got 'name': choose one"
    ):
        bin_sets(compared, 0, "name")
    with pytest.raises(InputError, match=r"got \['pixels'\]"):
        bin_sets(compared, 0, ["pixels"])
    with pytest.raises(InputError, match="the candidates are averaged"):
        bin_sets(compare(ABC))
    for ask in (bin_sets, occurring):
        with pytest.raises(InputError, match="a channel is 0 to 2, got 3"):
            ask(compared, 3)
    with pytest.raises(InputError, match="a channel is 0 to 2"):
        pixels_of(compared, -1, 0)
    with pytest.raises(InputError, match="a channel is 0 to 2"):
        levels_in(compared, 3, 0)
    with pytest.raises(InputError, match="the candidates are averaged"):
        levels_in(compare(ABC), 0, 0)
    with pytest.raises(InputError, match="the candidates are averaged"):
        sortable_by(compare(ABC))
    with pytest.raises(InputError, match="a channel is 0 to 2"):
        thumbnails(compared, 5, [1])
