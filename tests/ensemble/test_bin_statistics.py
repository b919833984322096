from collections import defaultdict
from collections.abc import Callable
from itertools import chain, permutations
from random import Random
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ensir.ensemble import bin_statistics, kernels
from ensir.ensemble.bin_statistics import BinStatistics, gather_statistics
from ensir.ensemble.bins import Bins
from ensir.errors import InputError
from tests.conftest import ADVERSARIAL, make_pictures

FIELDS = ("sets", "sums", "products", "truth_products", "histogram")


def same(one: BinStatistics, other: BinStatistics) -> bool:
    """Whether two statistics are equal to the bit."""
    return one.bins == other.bins and all(
        getattr(one, name).dtype == getattr(other, name).dtype == torch.int64
        and torch.equal(getattr(one, name).cpu(), getattr(other, name).cpu())
        for name in FIELDS
    )


def slow_sums(
    candidates: Tensor, truth: Tensor, width: int
) -> dict[tuple[int, tuple[int, ...]], list[Any]]:
    """Count, sums, products, truth products and histogram of each cell, pixel by pixel."""
    members = len(candidates)
    cells = defaultdict(
        lambda: [
            0,
            [0] * members,
            [[0] * members for _ in range(members)],
            [0] * members,
            defaultdict(int),
        ]
    )
    for channel, plane in enumerate(truth.tolist()):
        pixels = zip(
            *[candidates[m, channel].flatten().tolist() for m in range(members)], strict=True
        )
        for values, level in zip(pixels, chain.from_iterable(plane), strict=True):
            cell = cells[channel, tuple(value // width for value in values)]
            cell[0] += 1
            cell[4][level] += 1
            for m, value in enumerate(values):
                cell[1][m] += value
                cell[3][m] += value * level
                for k, other in enumerate(values):
                    cell[2][m][k] += value * other
    return cells


def assert_are_slow_sums(statistics: BinStatistics, candidates: Tensor, truth: Tensor) -> None:
    bins = statistics.bins
    cells = slow_sums(candidates, truth, bins.width)
    digits = [tuple(row) for row in bins.bins_of(statistics.sets).tolist()]
    assert {key for _, key in cells} == set(digits)
    rows = defaultdict(dict)
    for channel, number, level, count in statistics.histogram.tolist():
        rows[channel, number][level] = count
    for channel in range(truth.shape[0]):
        for place, key in enumerate(digits):
            at = (channel, place)
            count, sums, products, truth_products, histogram = cells.get(
                (channel, key),
                [
                    0,
                    [0] * bins.candidates,
                    [[0] * bins.candidates] * bins.candidates,
                    [0] * bins.candidates,
                    {},
                ],
            )
            assert statistics.count[at].item() == count
            assert statistics.sums[at].tolist() == sums
            assert statistics.products[at].tolist() == products
            assert statistics.truth_products[at].tolist() == truth_products
            assert rows[channel, int(statistics.sets[place])] == dict(histogram)
    assert statistics.pixels == truth[0].numel()
    assert statistics.are_sums_of_pixels()


def parts(candidates: Tensor, truth: Tensor, number: int, seed: int) -> list[tuple[Tensor, Tensor]]:
    """A picture cut into `number` pictures of pixels drawn by chance."""
    random = torch.Generator().manual_seed(seed)
    pixels = truth[0].numel()
    order = torch.randperm(pixels, generator=random)
    members, channels = candidates.shape[:2]
    flat = candidates.reshape(members, channels, 1, pixels)
    return [
        (flat[..., place], truth.reshape(channels, 1, pixels)[..., place])
        for place in order.tensor_split(number)
    ]


@pytest.mark.parametrize(
    "width, members", [(1, 2), (7, 3), (32, 3), (64, 4), (96, 6), (256, 5), (32, 1)]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_statistics_are_the_sums_over_pixels(
    device: str, width: int, members: int, channels: int
) -> None:
    candidates, truth = make_pictures(width, members, channels=channels)
    statistics = gather_statistics(
        candidates.to(device), truth.to(device), Bins(width, members)
    ).to("cpu")
    assert_are_slow_sums(statistics, candidates, truth)


@pytest.mark.parametrize("kind", ADVERSARIAL)
def test_statistics_of_odd_pictures_are_the_sums_over_pixels(kind: str) -> None:
    candidates, truth = ADVERSARIAL[kind](3, 3)
    assert_are_slow_sums(gather_statistics(candidates, truth, Bins(24, 3)), candidates, truth)


@pytest.mark.parametrize("width", [32, 16])
def test_statistics_of_eight_candidates_are_the_sums_over_pixels(width: int) -> None:
    candidates, truth = make_pictures(8, 8, height=20, width=20)
    assert_are_slow_sums(gather_statistics(candidates, truth, Bins(width, 8)), candidates, truth)


@given(st.integers(0, 999), st.integers(1, 5), st.integers(1, 256), st.sampled_from([0, 50, 2**24]))
def test_counting_and_sorting_give_the_same_statistics(
    seed: int, members: int, width: int, limit: int
) -> None:
    candidates, truth = make_pictures(seed, members, height=9, width=13)
    counted = gather_statistics(candidates, truth, Bins(width, members))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "compiled", lambda device: None)
        patch.setattr(bin_statistics, "DENSE_KEYS", limit)
        assert same(gather_statistics(candidates, truth, Bins(width, members)), counted)


@given(st.integers(0, 999), st.integers(1, 5), st.integers(1, 256), st.integers(2, 6), st.randoms())
def test_any_order_and_split_gives_the_same_statistics(
    seed: int, members: int, width: int, number: int, random: Random
) -> None:
    candidates, truth = make_pictures(seed, members, height=11, width=10)
    bins = Bins(width, members)
    left = [gather_statistics(*part, bins) for part in parts(candidates, truth, number, seed)]
    while len(left) > 1:
        random.shuffle(left)
        left.append(left.pop() + left.pop())
    assert same(left[0], gather_statistics(candidates, truth, bins))


def test_statistics_of_three_pictures_add_up_alike_in_every_order() -> None:
    bins = Bins(24, 3)
    several = [gather_statistics(*make_pictures(seed, 3), bins) for seed in range(3)]
    sums = [one + two + three for one, two, three in permutations(several)]
    sums += [one + (two + three) for one, two, three in permutations(several)]
    assert all(same(total, sums[0]) for total in sums)


@given(st.integers(0, 999), st.integers(1, 4), st.integers(1, 256))
def test_what_is_added_can_be_taken_out_again(seed: int, members: int, width: int) -> None:
    bins = Bins(width, members)
    one = gather_statistics(*make_pictures(seed, members, height=8, width=9), bins)
    two = gather_statistics(*make_pictures(seed + 1, members, height=8, width=9), bins)
    assert same(one + two - two, one)
    assert same(one + two - one, two)


def test_what_is_not_in_the_statistics_cannot_be_taken_out() -> None:
    bins = Bins(32, 3)
    one, two = (gather_statistics(*make_pictures(seed, 3), bins) for seed in (1, 2))
    with pytest.raises(InputError, match=r"not part of the statistics"):
        one - two
    with pytest.raises(InputError, match=r"not part of the statistics"):
        one - (one + two)


def test_statistics_without_any_picture_are_empty() -> None:
    one = gather_statistics(*make_pictures(1, 3), Bins(32, 3))
    nothing = one - one
    assert nothing.pixels == 0 and len(nothing.sets) == 0 and len(nothing.histogram) == 0
    assert same(nothing + one, one) and same(one - nothing, one)
    assert len(nothing.coarser(64).sets) == 0


@given(st.integers(0, 999), st.integers(1, 5), st.sampled_from([1, 2, 3, 5, 8, 24, 31]), st.data())
def test_wide_bins_hold_what_narrow_ones_held(
    seed: int, members: int, width: int, data: st.DataObject
) -> None:
    candidates, truth = make_pictures(seed, members, height=10, width=12)
    factor = data.draw(st.integers(1, 256 // width))
    narrow = gather_statistics(candidates, truth, Bins(width, members))
    direct = gather_statistics(candidates, truth, Bins(width * factor, members))
    assert same(narrow.coarser(width * factor), direct)


@pytest.mark.parametrize("chain", [(8, 16, 32, 64, 128, 256), (8, 24, 48, 96, 192), (1, 3, 9, 27)])
def test_bins_may_be_joined_in_several_steps(chain: tuple[int, ...]) -> None:
    candidates, truth = make_pictures(4, 3)
    statistics = gather_statistics(candidates, truth, Bins(chain[0], 3))
    for width in chain[1:]:
        statistics = statistics.coarser(width)
        assert same(statistics, gather_statistics(candidates, truth, Bins(width, 3)))


@pytest.mark.parametrize("kept", [[0], [2, 0], [3, 1, 2], [0, 1, 2, 3], [3, 2, 1, 0]])
@pytest.mark.parametrize("width", [1, 32, 100])
def test_statistics_of_some_candidates_are_those_gathered_without_the_others(
    kept: list[int], width: int
) -> None:
    candidates, truth = make_pictures(5, 4)
    all_of_them = gather_statistics(candidates, truth, Bins(width, 4))
    direct = gather_statistics(candidates[kept], truth, Bins(width, len(kept)))
    assert same(all_of_them.of_candidates(kept), direct)


def test_leaving_out_candidates_and_joining_bins_commute() -> None:
    statistics = gather_statistics(*make_pictures(6, 4), Bins(8, 4))
    one = statistics.of_candidates([2, 1]).coarser(32)
    assert same(one, statistics.coarser(32).of_candidates([2, 1]))


def test_histograms_of_cells_are_their_rows() -> None:
    candidates, truth = make_pictures(7, 3)
    statistics = gather_statistics(candidates, truth, Bins(32, 3))
    cells = (statistics.count.flatten() >= 5).nonzero().flatten()
    histogram = statistics.histograms(cells)
    assert torch.equal(histogram.sum(1), statistics.count.flatten()[cells])
    index = statistics.bins.index(candidates)
    for row, cell in zip(histogram, cells.tolist(), strict=True):
        channel, place = divmod(cell, len(statistics.sets))
        inside = index[channel] == statistics.sets[place]
        expected = torch.bincount(truth[channel][inside].int(), minlength=256)
        assert torch.equal(row, expected)


def test_histograms_of_no_cells_are_none() -> None:
    statistics = gather_statistics(*make_pictures(7, 3), Bins(32, 3))
    assert statistics.histograms(torch.tensor([], dtype=torch.int64)).shape == (0, 256)


@pytest.mark.parametrize("bins, channels", [(Bins(64, 3), 3), (Bins(32, 2), 3), (Bins(32, 3), 1)])
def test_only_statistics_of_one_kind_are_combined(bins: Bins, channels: int) -> None:
    statistics = gather_statistics(*make_pictures(1, 3), Bins(32, 3))
    other = gather_statistics(*make_pictures(1, bins.candidates, channels=channels), bins)
    with pytest.raises(InputError, match=r"cannot be combined"):
        statistics + other
    with pytest.raises(InputError, match=r"cannot be combined"):
        statistics - other


@pytest.mark.parametrize(
    "change, sentence",
    [
        (lambda c, t: (c.float(), t), r"8-bit pictures"),
        (lambda c, t: (c, t.int()), r"8-bit pictures"),
        (lambda c, t: (c[:2], t), r"bins are for 3 candidates, got 2"),
        (lambda c, t: (c, t[:, :-1]), r"candidates are \(M, C, H, W\)"),
        (lambda c, t: (c[0], t), r"candidates are \(M, C, H, W\)"),
        (lambda c, t: (c[..., :0], t[..., :0]), r"candidates are \(M, C, H, W\)"),
    ],
)
def test_pictures_of_another_kind_are_refused(
    sample: tuple[Tensor, Tensor], change: Callable[..., Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        gather_statistics(*change(*sample), Bins(32, 3))


def test_sums_that_do_not_fit_are_refused_with_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bin_statistics, "MOST_STATISTICS_BYTES", 2**14)
    with pytest.raises(
        InputError, match=r"3 candidates at bin width 8 occupy [\d,]+ bin sets.* GB"
    ):
        gather_statistics(*make_pictures(1, 3), Bins(8, 3))


def change(statistics: BinStatistics, name: str, place: object, by: int) -> BinStatistics:
    fields = {field: getattr(statistics, field).clone() for field in FIELDS}
    fields[name][place] += by
    return BinStatistics(statistics.bins, **fields)


@pytest.mark.parametrize(
    "name, place, by",
    [
        ("sets", 0, -1),
        ("sets", -1, 10**6),
        ("sums", (0, 0, 0), 10**9),
        ("sums", (0, 0, 0), -(10**9)),
        ("products", (0, 0, 0, 1), 10**9),
        ("truth_products", (0, 0, 0), -(10**9)),
        ("histogram", (0, 0), 3),
        ("histogram", (0, 1), 1),
        ("histogram", (0, 2), 256),
        ("histogram", (0, 3), 1),
        ("histogram", (0, 3), -(10**6)),
        ("histogram", (0, 3), 2**62),
    ],
)
def test_sums_of_no_pixels_are_found_out(name: str, place: object, by: int) -> None:
    statistics = gather_statistics(*make_pictures(1, 3), Bins(32, 3))
    assert statistics.are_sums_of_pixels()
    assert not change(statistics, name, place, by).are_sums_of_pixels()


def test_counts_beyond_what_int64_sums_hold_are_found_out() -> None:
    one = torch.full((1, 3, 1, 1), 200, dtype=torch.uint8)
    statistics = gather_statistics(one, one[0], Bins(256, 1))
    for count in (2**60, 2**62):  # times 255 squared they wrap around
        rows = statistics.histogram.clone()
        rows[:, 3] = count
        huge = BinStatistics(
            statistics.bins,
            statistics.sets,
            statistics.sums,
            statistics.products,
            statistics.truth_products,
            rows,
        )
        assert not huge.are_sums_of_pixels()


@pytest.mark.parametrize("values", [1, 100, 2000])
def test_a_picture_summed_in_bands_gives_the_same_bits(
    values: int, sample: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = gather_statistics(*sample, Bins(16, 3))
    monkeypatch.setattr(kernels, "compiled", lambda device: None)
    monkeypatch.setattr(bin_statistics, "VALUES_AT_ONCE", values)
    assert same(gather_statistics(*sample, Bins(16, 3)), whole)
