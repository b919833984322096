"""What is seen of a picture is what its statistics say, and is worked out once."""

from dataclasses import replace

import pytest
import torch

from ensir.comparison import compare, fuse_again, with_truth
from ensir.ensemble.bin_statistics import BinStatistics, gather_statistics
from ensir.ensemble.bins import Bins
from ensir.grain import grain
from ensir.seen import Seen
from ensir.truth_detail import truth_detail
from tests.conftest import make_pictures, make_statistics


def parts_of(statistics: BinStatistics) -> list[torch.Tensor]:
    sums = statistics.sums, statistics.products, statistics.truth_products
    return [statistics.sets, *sums, statistics.histogram]


@pytest.mark.parametrize(("width", "alike"), [(32, 8), (8, 32), (24, 16), (16, 24), (16, 16)])
def test_statistics_are_those_of_the_picture_in_any_bins(width: int, alike: int) -> None:
    candidates, truth = make_pictures(1, 2)
    seen = Seen(tuple(candidates), truth)
    for _ in range(2):  # gathered, and from what is kept of it
        found = seen.in_bins(Bins(width, 2), Bins(alike, 2))
        for one, bins in zip(found, (Bins(width, 2), Bins(alike, 2)), strict=True):
            wanted = parts_of(gather_statistics(candidates, truth, bins))
            assert one.bins == bins
            assert all(map(torch.equal, parts_of(one), wanted))


def test_a_picture_is_gathered_once_for_tables_whose_bins_join(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gathered = []

    def counted(*given: object) -> BinStatistics:
        gathered.append(given)
        return gather_statistics(*given)

    monkeypatch.setattr("ensir.seen.gather_statistics", counted)
    candidates, truth = make_pictures(1, 2)
    seen = Seen(tuple(candidates), truth)
    for width in (16, 32, 48):
        seen.in_bins(Bins(width, 2), Bins(16, 2))
    assert len(gathered) == 1
    seen.in_bins(Bins(24, 2), Bins(16, 2))
    assert len(gathered) == 2


def test_large_sums_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    candidates, truth = make_pictures(1, 2)
    bins = Bins(16, 2)
    kept, dropped = (Seen(tuple(candidates), truth) for _ in range(2))
    _, sums = kept.in_bins(bins, bins)
    monkeypatch.setattr("ensir.seen.MOST_KEPT_BYTES", sums.nbytes - 1)
    dropped.in_bins(bins, bins)
    assert kept.in_bins(bins, bins)[1] is sums
    assert dropped.in_bins(bins, bins)[1] is not dropped.in_bins(bins, bins)[1]


def test_pixels_beside_pixels_are_those_of_the_candidates_and_of_the_truth_if_known() -> None:
    candidates, truth = make_pictures(1, 2, height=60, width=60)
    seen, unknown = Seen(tuple(candidates), truth), Seen(tuple(candidates), None)
    assert seen.beside == grain(candidates) and seen.detail == truth_detail(candidates, truth)
    assert unknown.detail is None and unknown.beside == seen.beside


def test_what_was_seen_stays_with_other_weights_and_goes_with_another_truth_or_order() -> None:
    candidates, truth = make_pictures(1, 2)
    statistics = make_statistics((candidates, truth), 32)
    first = compare(dict(zip("AB", candidates, strict=True)), truth=truth, reference=statistics)
    weights = {"reference": statistics, "bin_width": 64, "method": "em"}
    assert fuse_again(first, **weights).seen is first.seen
    turned = replace(first, candidates=dict(reversed(first.candidates.items())))
    assert turned.seen is not first.seen
    assert all(map(torch.equal, turned.seen.candidates, reversed(first.seen.candidates)))
    other = with_truth(first, truth.flip(1))
    assert other.seen is not first.seen and torch.equal(other.seen.truth, truth.flip(1))
