"""The bin sets that occur in one picture: how many pixels, how good, and where they lie."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ensir.comparison import AVERAGE, CHANNELS, FUSED, Comparison
from ensir.ensemble.levels import levels_of
from ensir.ensemble.lookup_table import LookupTable, Origin
from ensir.errors import InputError
from ensir.inspection import origin_words
from ensir.limits import LEVELS
from ensir.maps.band import Band

THUMBNAIL_SIDE = 96  # pixels, of the longer side
FAINTEST = 64  # the level of a thumbnail's pixel that stands for a single one of the picture
# Bin sets that are counted all at once, 8 MB of counts; above it the pixels' numbers are sorted.
COUNTED_DIRECTLY = 2**20


@dataclass(frozen=True)
class BinSet:
    """One channel's bin set in a picture."""

    channel: int
    number: int
    ranges: tuple[tuple[int, int], ...]  # by candidate, the first and last level of its bin
    weights: tuple[float, ...]  # by candidate
    pixels: int  # of the picture
    count: int | None  # pixels of the reference set; None where the table does not say
    origin: str  # of the weights, in words
    # Roots of the mean squared error in levels: of the fused picture there, None without a truth;
    # and of the reference set, None where the table does not say.
    error: float | None
    expected_error: float | None
    contrast: float  # the largest weight less the smallest

    @property
    def squared_error(self) -> float | None:
        """Its part in the squared error of the picture, levels squared, all pixels together."""
        return None if self.error is None else self.error**2 * self.pixels


@dataclass(frozen=True, eq=False)
class Occurring:
    """The bin sets of one channel of a picture as columns, in the order of their numbers."""

    sets: Tensor  # (n,) int64
    pixels: Tensor  # (n,) int64
    squared_error: Tensor | None  # (n,) float64, sums over the pixels; None without a truth


# What a list can be sorted by, the largest first; what is not known comes last.
SORTED_BY: dict[str, Callable[[Occurring, LookupTable, int], Tensor]] = {
    "share of the error": lambda found, table, channel: _squared_errors(found),
    "pixels": lambda found, table, channel: found.pixels,
    "reference pixels": lambda found, table, channel: _of_rows(table.count, table, found, channel),
    "error": lambda found, table, channel: _squared_errors(found) / found.pixels,
    "expected error": lambda found, table, channel: _of_rows(
        _expected_errors(table), table, found, channel
    ),
    "weight contrast": lambda found, table, channel: _of_rows(
        table.weights.amax(-1) - table.weights.amin(-1), table, found, channel
    ),
}


def occurring(comparison: Comparison, channel: int) -> Occurring:
    """The bin sets of a channel that have a pixel in the picture, in one pass over it."""
    table = _table(comparison)
    _check_channel(channel)
    parts = []
    for rows in comparison.bands():
        band = Band(comparison, rows)
        index = band.bin_sets(channel).flatten()
        squares = None
        if comparison.truth is not None:
            squares = band.errors(FUSED, channel).square_().flatten()
        parts.append(_counted(index, squares, table))
    sets, place = torch.unique(torch.cat([part.sets for part in parts]), return_inverse=True)
    squared = [part.squared_error for part in parts if part.squared_error is not None]
    zeros = torch.zeros(len(sets), dtype=torch.float64)
    return Occurring(
        sets,
        torch.zeros_like(sets).index_add_(0, place, torch.cat([part.pixels for part in parts])),
        zeros.index_add_(0, place, torch.cat(squared)) if squared else None,
    )


def bin_sets(
    comparison: Comparison, channel: int | None = None, sort_by: str = "pixels", most: int = 24
) -> tuple[BinSet, ...]:
    """The bin sets of one channel, or of all, the first `most` by a key of SORTED_BY.

    Of equal ones the lower channel and number comes first.
    """
    table = _table(comparison)
    if sort_by not in tuple(SORTED_BY):  # a list is no key, but can be compared
        raise InputError(
            f"bin sets are sorted by {', '.join(SORTED_BY)}; got {sort_by!r:.80}: choose one"
        )
    channels = range(len(CHANNELS)) if channel is None else [channel]
    chosen = []
    for one in channels:
        found = occurring(comparison, one)
        keys = SORTED_BY[sort_by](found, table, one).double().nan_to_num(nan=-1)
        for place in keys.argsort(descending=True, stable=True)[:most].tolist():
            chosen.append((-float(keys[place]), one, place, found))
    chosen.sort(key=lambda entry: entry[:3])
    return tuple(_described(table, found, one, place) for _, one, place, found in chosen[:most])


def pixels_of(comparison: Comparison, channel: int, number: int) -> Tensor:
    """Where a bin set lies, (H, W) bool."""
    _check_channel(channel)
    bands = (Band(comparison, rows) for rows in comparison.bands())
    return torch.cat([band.bin_sets(channel) == number for band in bands])


def levels_in(comparison: Comparison, channel: int, number: int) -> dict[str, Tensor]:
    """How many pixels of a bin set have each level in each candidate, by name, (256,) int64."""
    table = _table(comparison)
    _check_channel(channel)
    ranges = table.bins.ranges(number)
    counts = {name: torch.zeros(LEVELS, dtype=torch.int64) for name in comparison.candidates}
    for rows in comparison.bands():
        # NumPy: on levels several times as fast as torch.
        planes = [levels_of(one[channel, rows]).numpy() for one in comparison.candidates.values()]
        # Each level against its bin: many times as fast as the numbers of all bin sets. Levels
        # below it wrap around, and lie above.
        inside = np.logical_and.reduce(
            [
                plane - np.uint8(first) <= last - first
                for plane, (first, last) in zip(planes, ranges, strict=True)
            ]
        )
        places = np.flatnonzero(inside)
        for of_candidate, plane in zip(counts.values(), planes, strict=True):
            found = torch.from_numpy(plane.ravel()[places])
            of_candidate += torch.bincount(found, minlength=LEVELS)
    return counts


def shares_in_one_bin(comparison: Comparison) -> tuple[float, float]:
    """The share of the picture's values whose candidates share a bin, and what it brings.

    That is its share of the squared error that the average makes and the fused picture does not.
    Raises InputError without a table or a truth.
    """
    table = _table(comparison)
    values, gain, gain_there = 0, 0.0, 0.0
    for rows in comparison.bands():
        band = Band(comparison, rows)
        for channel in range(len(CHANNELS)):
            bins = table.bins.bins_of(band.bin_sets(channel))
            same = (bins == bins[..., :1]).all(-1)
            gains = band.errors(AVERAGE, channel)[0] ** 2 - band.errors(FUSED, channel)[0] ** 2
            values += int(same.sum())
            gain, gain_there = gain + float(gains.sum()), gain_there + float(gains[same].sum())
    width, height = comparison.size
    return values / (len(CHANNELS) * width * height), gain_there / gain


def sortable_by(comparison: Comparison) -> list[str]:
    """The keys of SORTED_BY that there are numbers for; the first is what costs most."""
    table = _table(comparison)
    is_missing = {
        "error": comparison.truth is None,
        "share of the error": comparison.truth is None,
        "reference pixels": bool((table.count < 0).all()),
        "expected error": table.expected_error is None,
    }
    return [key for key in SORTED_BY if not is_missing.get(key)]


def thumbnails(comparison: Comparison, channel: int, numbers: Sequence[int]) -> Tensor:
    """Where bin sets lie, small, (n, h, w) uint8: 0 for no pixel there, 255 for nothing else.

    Made in one pass; the longer side has at most THUMBNAIL_SIDE pixels, and a single pixel shows.
    """
    _check_channel(channel)
    width, height = comparison.size
    step = -(-max(width, height) // THUMBNAIL_SIDE)  # rounded up
    small_height, small_width = -(-height // step), -(-width // step)
    wanted = torch.tensor(list(numbers), dtype=torch.int64)
    listed, order = torch.unique(wanted, return_inverse=True)
    blocks = small_height * small_width
    counts = torch.zeros(len(listed) * blocks, dtype=torch.int64)
    column = torch.arange(width) // step
    for rows in comparison.bands() if len(listed) else ():
        index = Band(comparison, rows).bin_sets(channel)
        place = torch.searchsorted(listed, index).clamp_(max=len(listed) - 1)
        inside = listed[place] == index
        block = (torch.arange(rows.start, rows.stop) // step)[:, None] * small_width + column
        counts += torch.bincount((place * blocks + block)[inside], minlength=len(counts))
    sizes = torch.bincount(
        ((torch.arange(height) // step)[:, None] * small_width + column).flatten()
    )
    share = counts.reshape(-1, blocks) / sizes
    shown = (FAINTEST + share * (255 - FAINTEST)).round() * (share > 0)
    return shown.to(torch.uint8)[order].reshape(-1, small_height, small_width)


def _counted(index: Tensor, squares: Tensor | None, table: LookupTable) -> Occurring:
    """The bin sets of some pixels (P,), and the sums of their squared errors (P,)."""
    if table.bins.sets <= COUNTED_DIRECTLY:
        pixels = torch.bincount(index)
        sets = pixels.nonzero().flatten()
        if squares is None:
            return Occurring(sets, pixels[sets], None)
        return Occurring(sets, pixels[sets], torch.bincount(index, squares)[sets])
    sets, place, pixels = torch.unique(index, return_inverse=True, return_counts=True)
    return Occurring(sets, pixels, None if squares is None else torch.bincount(place, squares))


def _described(table: LookupTable, found: Occurring, channel: int, place: int) -> BinSet:
    number, pixels = int(found.sets[place]), int(found.pixels[place])
    row = int(table.rows_of(found.sets[place]))
    weights = table.weights[channel, row].tolist()
    count = int(table.count[channel, row])
    squared, errors = found.squared_error, table.expected_error
    expected = None if errors is None else float(errors[channel, row])
    return BinSet(
        channel,
        number,
        table.bins.ranges(number),
        tuple(weights),
        pixels,
        None if count < 0 else count,
        origin_words(Origin(int(table.origin[channel, row])), table.provenance.method),
        None if squared is None else math.sqrt(float(squared[place]) / pixels),
        None if expected is None or math.isnan(expected) else expected,
        max(weights) - min(weights),
    )


def _of_rows(of_cells: Tensor, table: LookupTable, found: Occurring, channel: int) -> Tensor:
    """What a table (C, S) says of the bin sets found."""
    return of_cells[channel][table.rows_of(found.sets)]


def _squared_errors(found: Occurring) -> Tensor:
    if found.squared_error is None:
        raise InputError("errors need a ground truth: add one first")
    return found.squared_error


def _expected_errors(table: LookupTable) -> Tensor:
    if table.expected_error is None:
        raise InputError("this table does not say what error to expect: fit it again")
    return table.expected_error


def _table(comparison: Comparison) -> LookupTable:
    if comparison.table is None:
        raise InputError("the candidates are averaged: there are no bin sets to list")
    return comparison.table


def _check_channel(channel: int) -> None:
    if channel not in range(len(CHANNELS)):
        raise InputError(f"a channel is 0 to {len(CHANNELS) - 1}, got {channel!r:.40}")
