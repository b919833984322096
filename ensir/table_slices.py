"""Planes through a lookup table, to be drawn: two candidates' bins are its axes, the others' fixed.

The bin sets of M candidates are the cells of a cube of M axes of T bins; of two it is a square.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ensir.ensemble.bins import Bins
from ensir.ensemble.levels import levels_of
from ensir.ensemble.lookup_table import LookupTable
from ensir.errors import InputError
from ensir.limits import DENSE_KEYS

MOST_CELLS = 2**17  # of all planes together: what a screen has room for


@dataclass(frozen=True, eq=False)
class TableCells:
    """What a table says of bin sets in one channel, in whatever shape they were asked for."""

    number: Tensor  # (...) int64, the bin sets
    weights: Tensor  # (..., M) float64
    count: Tensor  # (...) int64, pixels of the reference set; -1 where a file does not say
    origin: Tensor  # (...) uint8, an Origin


@dataclass(frozen=True, eq=False)
class PictureCounts:
    """How many pixels of a picture lie in each bin set of one channel; all others have none."""

    number: Tensor  # (U,) int64, rising
    count: Tensor  # (U,) int64, at least 1

    def at(self, number: Tensor) -> Tensor:
        """Pixels in bin sets (...) int64, (...) int64."""
        place = torch.searchsorted(self.number, number).clamp(max=len(self.number) - 1)
        return torch.where(self.number[place] == number, self.count[place], 0)


def plane(bins: Bins, rows: int, columns: int, fixed: Sequence[int]) -> Tensor:
    """The bin sets of a plane, (T, T) int64, by the bins of the candidates `rows` and `columns`.

    `fixed` has a bin for each candidate; those of the two axes do not matter.

    >>> plane(Bins(width=128, candidates=3), rows=0, columns=2, fixed=[0, 1, 0])
    tensor([[2, 3],
            [6, 7]])
    """
    _check_axes(bins, rows, columns)
    whole = len(fixed) == bins.candidates and all(type(one) is int for one in fixed)
    if not whole or not all(0 <= one < bins.per_candidate for one in fixed):
        raise InputError(
            f"a plane is fixed by {bins.candidates} bins from 0 to {bins.per_candidate - 1}, "
            f"got {list(fixed)!r:.80}"
        )
    along = torch.arange(bins.per_candidate)
    places = torch.tensor(fixed).repeat(bins.per_candidate, bins.per_candidate, 1)
    places[..., rows] = along[:, None]
    places[..., columns] = along
    return bins.number(places)


def planes(bins: Bins, rows: int, columns: int) -> Tensor:
    """All planes of three candidates, (T, T, T) int64, by the third one's bin, then as `plane`."""
    _check_axes(bins, rows, columns)
    if bins.candidates != 3 or bins.sets > MOST_CELLS:
        raise InputError(
            f"all planes at once are for 3 candidates and up to {MOST_CELLS:,} bin sets; "
            f"there are {bins.candidates} and {bins.sets:,}: choose one plane"
        )
    return torch.stack([plane(bins, rows, columns, [at] * 3) for at in range(bins.per_candidate)])


def cells_of(table: LookupTable, channel: int, number: Tensor) -> TableCells:
    """What a table says of bin sets (...) int64 in a channel, whether it is dense or sparse."""
    if not 0 <= channel < table.channels:
        raise InputError(f"this table has channels 0 to {table.channels - 1}, got {channel!r:.80}")
    row = table.rows_of(number)
    return TableCells(
        number, table.weights[channel, row], table.count[channel, row], table.origin[channel, row]
    )


def picture_counts(bins: Bins, candidates: Sequence[Tensor], channel: int) -> PictureCounts:
    """Which bin sets a picture occupies: its candidates are (C, H, W), uint8 or uint16."""
    index = bins.index(torch.stack([levels_of(one[channel]) for one in candidates])).flatten()
    if bins.sets > DENSE_KEYS:
        return PictureCounts(*torch.unique(index, return_counts=True))
    count = torch.bincount(index)
    number = count.nonzero().flatten()
    return PictureCounts(number, count[number])


def _check_axes(bins: Bins, rows: int, columns: int) -> None:
    if rows == columns or not {rows, columns} <= set(range(bins.candidates)):
        raise InputError(
            f"the axes are two of the candidates 0 to {bins.candidates - 1}, "
            f"got {rows!r:.20} and {columns!r:.20}"
        )
