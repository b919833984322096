import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ensir.ensemble import bins as bins_module
from ensir.ensemble.bins import Bins
from ensir.errors import InputError
from ensir.limits import MOST_BIN_SETS


@pytest.mark.parametrize("width", range(1, 257))
def test_a_bin_is_the_floor_of_level_over_width(width: int) -> None:
    bins = Bins(width, 1)
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16)
    expected = [level // width for level in range(256)]
    assert bins.index(levels).flatten().tolist() == expected
    assert bins.per_candidate == expected[-1] + 1 == bins.sets


@pytest.mark.parametrize("members", range(1, 7))
@pytest.mark.parametrize("width", range(1, 257))
def test_bins_are_the_digits_of_the_index_the_first_candidate_highest(
    width: int, members: int
) -> None:
    bins = Bins(width, members)
    levels = np.random.default_rng(width).integers(0, 256, (members, 1, 40), dtype=np.uint8)
    levels[:, 0, 0], levels[:, 0, 1] = 0, 255
    expected = np.zeros((1, 40), dtype=np.int64)
    for level in levels:
        expected = expected * bins.per_candidate + level.astype(np.int64) // width
    index = bins.index(torch.from_numpy(levels))
    assert index.dtype == torch.int64
    assert index.numpy().tolist() == expected.tolist()
    assert index.max() == bins.sets - 1
    digits = bins.bins_of(index)
    assert digits.movedim(-1, 0).tolist() == [
        (level.astype(int) // width).tolist() for level in levels
    ]
    assert torch.equal(bins.number(digits), index)


@pytest.mark.parametrize("width", range(1, 257))
def test_the_ranges_of_a_bin_set_are_the_levels_that_fall_into_its_bins(width: int) -> None:
    bins = Bins(width, 2)
    levels = np.arange(256)
    pixels = torch.tensor([[0, 77, 255], [255, 130, 0]], dtype=torch.uint8)
    for place, number in enumerate(bins.index(pixels).tolist()):
        for (first, last), level in zip(
            bins.ranges(number), pixels[:, place].tolist(), strict=True
        ):
            inside = levels[levels // width == level // width]
            assert (first, last) == (inside[0], inside[-1])


@given(st.integers(1, 256), st.integers(1, 6), st.data())
def test_coarser_bins_join_whole_bins(width: int, members: int, data: st.DataObject) -> None:
    factor = data.draw(st.integers(1, 256 // width))
    fine, wide = Bins(width, members), Bins(width, members).coarser(width * factor)
    random = np.random.default_rng(data.draw(st.integers(0, 999)))
    levels = torch.from_numpy(random.integers(0, 256, (members, 50), dtype=np.uint8))
    joined = wide.number(fine.bins_of(fine.index(levels)) // factor)
    assert torch.equal(joined, wide.index(levels))


def test_the_index_is_the_same_on_each_device(device: str, sample: tuple[Tensor, Tensor]) -> None:
    bins = Bins(32, 3)
    assert torch.equal(bins.index(sample[0].to(device)).cpu(), bins.index(sample[0]))


def test_the_index_leaves_whole_numbers_of_any_kind_as_they_were() -> None:
    levels = torch.tensor([[40], [7]], dtype=torch.int32)
    assert Bins(32, 2).index(levels).tolist() == [8]
    assert levels.tolist() == [[40], [7]]


def test_the_index_leaves_the_pictures_as_they_were(sample: tuple[Tensor, Tensor]) -> None:
    before = sample[0].clone()
    Bins(32, 3).index(sample[0])
    assert torch.equal(sample[0], before)


@pytest.mark.parametrize("width", [0, -1, 257, 32.0, True, "32", None])
def test_a_width_that_is_no_whole_number_from_1_to_256_is_refused(width: object) -> None:
    with pytest.raises(InputError, match=r"1 to 256 levels wide"):
        Bins(width, 3)


def test_a_sentence_repeats_80_letters_of_a_width_at_most() -> None:
    for refuse in (lambda: Bins("x" * 5000, 3), lambda: Bins(32, 3).coarser("x" * 5000)):
        with pytest.raises(InputError, match=r"got .{80}$"):
            refuse()


@pytest.mark.parametrize("candidates", [0, -1, 2.0, True, None])
def test_less_than_one_candidate_is_refused(candidates: object) -> None:
    with pytest.raises(InputError, match=r"at least one candidate"):
        Bins(32, candidates)


def test_too_many_bin_sets_are_refused_with_their_number() -> None:
    assert Bins(1, 6).sets == 256**6 <= MOST_BIN_SETS
    with pytest.raises(InputError, match=r"7 candidates at bin width 1 make .*bin sets"):
        Bins(1, 7)


@pytest.mark.parametrize("candidates", [129, 1000, 100_000])
def test_bin_sets_beyond_the_range_of_floats_are_refused_too(candidates: object) -> None:
    with pytest.raises(InputError, match=r"use wider bins or fewer candidates"):
        Bins(1, candidates)


def test_the_index_of_the_most_bin_sets_fits_with_channels_and_levels() -> None:
    bins = Bins(1, 6)
    highest = torch.full((6, 1), 255, dtype=torch.uint8)
    assert bins.index(highest).item() == 256**6 - 1
    assert 3 * MOST_BIN_SETS * 256 < 2**63


@pytest.mark.parametrize("width", [16, 32, 33, 48.0, 250])
def test_bins_join_to_multiples_only(width: float) -> None:
    if width == 48.0 or width % 24:
        with pytest.raises(InputError, match=r"multiples of 24 only"):
            Bins(24, 2).coarser(width)


def test_bin_sets_are_dense_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Bins(1, 2).dense and not Bins(1, 3).dense and not Bins(32, 8).dense
    monkeypatch.setattr(bins_module, "DENSE_BIN_SETS", 8)
    assert Bins(32, 1).dense and not Bins(31, 1).dense


def test_fewer_candidates_keep_the_width() -> None:
    assert Bins(24, 5).of_candidates([0, 3]) == Bins(24, 2)
