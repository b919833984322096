import time
from itertools import product

import pytest
import torch

from ensir.ensemble.bins import Bins
from ensir.ensemble.lookup_table import LookupTable, Origin
from ensir.errors import InputError
from ensir.fitting import fit_statistics
from ensir.table_slices import cells_of, picture_counts, plane, planes
from tests.conftest import make_pictures, make_statistics


def table(members: int, width: int) -> LookupTable:
    pictures = make_pictures(seed=5, members=members, height=48, width=48, contrast=30)
    return fit_statistics(make_statistics(pictures, width)).table


@pytest.fixture(scope="module", params=[(2, 16), (3, 32), (3, 4), (4, 32), (5, 16)])
def some_table(request: pytest.FixtureRequest) -> LookupTable:
    """Of two to five candidates; those of many bin sets are sparse."""
    return table(*request.param)


def test_the_tables_here_are_dense_and_sparse() -> None:
    assert table(3, 32).dense and not table(3, 4).dense and not table(5, 16).dense


def test_a_cell_of_a_plane_is_the_bin_set_of_its_bins(some_table: LookupTable) -> None:
    bins = some_table.bins
    last = bins.candidates - 1
    fixed = [at % bins.per_candidate for at in range(3, 3 + bins.candidates)]
    number = plane(bins, 0, last, fixed)
    assert number.shape == (bins.per_candidate, bins.per_candidate)
    for row, column in product((0, 1, bins.per_candidate - 1), repeat=2):
        expected = [row, *fixed[1:-1], column]
        assert bins.bins_of(number[row, column]).tolist() == expected


def test_exchanged_axes_turn_the_plane(some_table: LookupTable) -> None:
    fixed = [1] * some_table.bins.candidates
    one, other = (plane(some_table.bins, *axes, fixed) for axes in ((0, 1), (1, 0)))
    assert torch.equal(one, other.T)


def test_the_planes_of_three_candidates_hold_every_bin_set_once() -> None:
    bins = Bins(width=32, candidates=3)
    for rows, columns in ((0, 1), (2, 0)):
        number = planes(bins, rows, columns)
        assert torch.equal(number.flatten().sort().values, torch.arange(bins.sets))
        assert torch.equal(number[5], plane(bins, rows, columns, [5, 5, 5]))


def test_cells_say_what_the_table_says(some_table: LookupTable) -> None:
    number = plane(some_table.bins, 0, 1, [2] * some_table.bins.candidates)
    occupied = some_table.starts[(some_table.count[1] > 0)]
    for asked in (number, occupied):
        cells = cells_of(some_table, 1, asked)
        assert cells.weights.shape == (*asked.shape, some_table.bins.candidates)
        for place in range(0, asked.numel(), max(1, asked.numel() // 20)):
            row = int(some_table.rows_of(asked.flatten()[place]))
            assert torch.equal(cells.weights.flatten(0, -2)[place], some_table.weights[1, row])
            assert cells.count.flatten()[place] == some_table.count[1, row]
            assert cells.origin.flatten()[place] == some_table.origin[1, row]


def test_no_cell_beside_the_occupied_ones_has_a_count(some_table: LookupTable) -> None:
    occupied = some_table.starts[some_table.count[0] > 0]
    beside = occupied + 1
    beside = beside[~torch.isin(beside, occupied) & (beside < some_table.bins.sets)]
    cells = cells_of(some_table, 0, beside)
    assert (cells.count == 0).all() and (cells.origin == Origin.EMPTY).all()


def test_the_counts_of_a_picture_are_those_of_its_pixels(some_table: LookupTable) -> None:
    members = some_table.bins.candidates
    candidates, _ = make_pictures(seed=8, members=members, height=30, width=20, contrast=30)
    counts = picture_counts(some_table.bins, list(candidates), 2)
    assert int(counts.count.sum()) == 30 * 20
    index = some_table.bins.index(candidates[:, 2]).flatten()
    for pixel in range(0, len(index), 37):
        assert counts.at(index[pixel]) == int((index == index[pixel]).sum())
    absent = torch.tensor([some_table.bins.sets - 1, 1])
    assert counts.at(absent).tolist() == [int((index == one).sum()) for one in absent]


def test_a_plane_of_32_bins_takes_little_of_a_second() -> None:
    big = table(3, 8)
    assert big.bins.per_candidate == 32
    times = []
    for _ in range(5):
        began = time.thread_time()
        cells_of(big, 1, plane(big.bins, 0, 1, [9, 9, 9]))
        times.append(time.thread_time() - began)
    assert min(times) < 0.1  # of the 0.3 s that a visitor waits


@pytest.mark.parametrize(
    ("axes", "fixed", "sentence"),
    [
        ((0, 0), [0, 0, 0], "axes are two of the candidates 0 to 2"),
        ((0, 3), [0, 0, 0], "axes are two of the candidates 0 to 2"),
        ((0, 1), [0, 0], "3 bins from 0 to 7"),
        ((0, 1), [0, 0, 8], "3 bins from 0 to 7"),
        ((0, 1), [0, 0, 1.5], "3 bins from 0 to 7"),
    ],
)
def test_a_plane_that_is_none_is_refused(
    axes: tuple[int, int], fixed: list[int], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        plane(Bins(width=32, candidates=3), *axes, fixed)


def test_all_planes_of_four_candidates_are_refused() -> None:
    with pytest.raises(InputError, match="for 3 candidates"):
        planes(Bins(width=64, candidates=4), 0, 1)


def test_an_unknown_channel_is_refused(some_table: LookupTable) -> None:
    with pytest.raises(InputError, match="channels 0 to 2"):
        cells_of(some_table, 3, torch.tensor([0]))
