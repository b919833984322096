"""What fitting needs to know of a reference set, as integer sums.

Sums add up: over images, over devices, over machines, in any order, to the same bits.
Ground truth has 256 levels, so its histogram in a bin set stands for all its pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType

import torch
from torch import Tensor

from ensir.ensemble import kernels
from ensir.ensemble.bins import Bins
from ensir.errors import InputError
from ensir.limits import DENSE_KEYS, LEVELS, MOST_REFERENCE_PIXELS, MOST_STATISTICS_BYTES

# Values of one candidate summed at once: some 60 MB of indices and float64 with 3 candidates.
VALUES_AT_ONCE = 2**20
# Of more possible keys for each that is given, sorting them takes less time than a sum for each.
SPARSE = 8


@dataclass(frozen=True, eq=False)
class BinStatistics:
    """Integer sums over the pixels of each channel and occupied bin set.

    A bin set is listed when any channel has a pixel in it: K of the S there are. All sums are
    exact in int64 up to 1.4e14 pixels a bin set.
    """

    bins: Bins
    sets: Tensor  # (K,) int64, numbers of the occupied bin sets, rising
    sums: Tensor  # (C, K, M) int64, sum of the candidates
    products: Tensor  # (C, K, M, M) int64, sum of the products of candidate pairs
    truth_products: Tensor  # (C, K, M) int64, sum of candidate times ground truth
    histogram: Tensor  # (R, 4) int64, rows of channel, bin set, level, count > 0, in rising order

    @property
    def channels(self) -> int:
        return self.sums.shape[0]

    @cached_property
    def count(self) -> Tensor:
        """Pixels in each channel and listed bin set, (C, K) int64."""
        total = self.sets.new_zeros(self.channels * len(self.sets))
        total.index_add_(0, self._cell_of_row, self.histogram[:, 3])
        return total.reshape(self.channels, -1)

    @cached_property
    def truth_sum(self) -> Tensor:
        """Sum of the ground truth in each channel and listed bin set, (C, K) int64."""
        total = self.sets.new_zeros(self.channels * len(self.sets))
        total.index_add_(0, self._cell_of_row, self.histogram[:, 2] * self.histogram[:, 3])
        return total.reshape(self.channels, -1)

    @cached_property
    def occupied_levels(self) -> Tensor:
        """How many levels the truth has in each channel and listed bin set, (C, K) int64."""
        cells = self.channels * len(self.sets)
        return torch.bincount(self._cell_of_row, minlength=cells).reshape(self.channels, -1)

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the sums take."""
        sums = self.sums, self.products, self.truth_products
        return sum(one.nbytes for one in (self.sets, *sums, self.histogram))

    @property
    def pixels(self) -> int:
        """Pixels of the reference set, counted once for all channels."""
        return int(self.histogram[:, 3].sum()) // self.channels

    def histograms(self, cells: Tensor) -> Tensor:
        """Histograms of the ground truth in n cells, given in rising order, (n, L) int64.

        A cell is a channel and a listed bin set, number `channel * K + place in sets`.
        """
        if not len(cells):
            return cells.new_zeros(0, LEVELS)
        ends = torch.stack([cells[0], cells[-1] + 1])
        first, last = torch.searchsorted(self._cell_of_row, ends).tolist()
        cell_of_row, rows = self._cell_of_row[first:last], self.histogram[first:last]
        place = torch.searchsorted(cells, cell_of_row)
        wanted = cells[place] == cell_of_row
        histogram = cells.new_zeros(len(cells), LEVELS)
        histogram[place[wanted], rows[wanted, 2]] = rows[wanted, 3]
        return histogram

    def has_rows_of_pixels(self) -> bool:
        """Whether the histogram could be that of some pixels in the listed bin sets."""
        channel, sets, level, count = self.histogram.T
        key = (channel * self.bins.sets + sets) * LEVELS + level
        if not len(key) or not bool((self.sets.diff() > 0).all() and (key.diff() > 0).all()):
            return False
        in_range = (
            (channel >= 0)
            & (channel < self.channels)
            & torch.isin(sets, self.sets)
            & (level >= 0)
            & (level < LEVELS)
            & (count > 0)
        )
        if count.double().sum() > MOST_REFERENCE_PIXELS:
            return False
        if not in_range.all() or self.sets[0] < 0 or self.sets[-1] >= self.bins.sets:
            return False
        total = self.count.sum(1)
        return bool((self.count.sum(0) > 0).all() and (total == total[0]).all())

    def are_sums_of_pixels(self) -> bool:
        """Whether these could be the sums of some pixels: rows in order, values in their bins."""
        if not self.has_rows_of_pixels():
            return False
        number = self.count.unsqueeze(-1)
        lower = self.bins.bins_of(self.sets) * self.bins.width
        upper = (lower + self.bins.width - 1).clamp(max=LEVELS - 1)
        pairs = number.unsqueeze(-1)
        lowest = pairs * lower.unsqueeze(-1) * lower.unsqueeze(-2)
        highest = pairs * upper.unsqueeze(-1) * upper.unsqueeze(-2)
        # Cauchy-Schwarz, with room for rounding: the squares of values are not less than this.
        squares = self.products.diagonal(dim1=-2, dim2=-1).double() * number
        if (squares * (1 + 1e-9) < self.sums.double() ** 2).any():
            return False
        truth_sum = self.truth_sum.unsqueeze(-1)
        return all(
            bool(((low <= value) & (value <= high)).all())
            for low, value, high in (
                (number * lower, self.sums, number * upper),
                (lowest, self.products, highest),
                (truth_sum * lower, self.truth_products, truth_sum * upper),
            )
        )

    def __add__(self, other: BinStatistics) -> BinStatistics:
        return _combined(self, other, sign=1)

    def __sub__(self, other: BinStatistics) -> BinStatistics:
        """These statistics without the images of `other`, which must be among them."""
        return _combined(self, other, sign=-1)

    def coarser(self, width: int) -> BinStatistics:
        """The same pixels in wider bins, exactly; `width` is a multiple of the present one."""
        bins = self.bins.coarser(width)
        step = width // self.bins.width
        return _summed(bins, (self, bins.number(self.bins.bins_of(self.sets) // step), 1))

    def of_candidates(self, kept: Sequence[int]) -> BinStatistics:
        """The same pixels seen by the candidates at the places `kept` alone, exactly."""
        if len(set(kept)) < len(kept) or not set(kept) <= set(range(self.bins.candidates)):
            raise InputError(
                f"candidates have places 0 to {self.bins.candidates - 1}, each once; got {kept}"
            )
        places = torch.tensor(list(kept), device=self.sets.device)
        bins = self.bins.of_candidates(kept)
        fewer = BinStatistics(
            self.bins,
            self.sets,
            self.sums[..., places],
            self.products[..., places, :][..., places],
            self.truth_products[..., places],
            self.histogram,
        )
        return _summed(bins, (fewer, bins.number(self.bins.bins_of(self.sets)[..., places]), 1))

    def to(self, device: str | torch.device) -> BinStatistics:
        """The same statistics on `device`."""
        return BinStatistics(
            self.bins,
            self.sets.to(device),
            self.sums.to(device),
            self.products.to(device),
            self.truth_products.to(device),
            self.histogram.to(device),
        )

    @cached_property
    def _cell_of_row(self) -> Tensor:
        place = torch.searchsorted(self.sets, self.histogram[:, 1].contiguous())
        return self.histogram[:, 0] * len(self.sets) + place


def _combined(one: BinStatistics, other: BinStatistics, sign: int) -> BinStatistics:
    if (one.bins, one.channels) != (other.bins, other.channels):
        raise InputError(
            f"statistics of {one.bins.candidates} candidates, bin width {one.bins.width} and "
            f"{one.channels} channels cannot be combined with those of "
            f"{other.bins.candidates}, {other.bins.width} and {other.channels}: gather both alike"
        )
    return _summed(one.bins, (one, one.sets, 1), (other, other.sets, sign))


def _summed(bins: Bins, *parts: tuple[BinStatistics, Tensor, int]) -> BinStatistics:
    """The sum of statistics, each with the new numbers (K,) of its bin sets and its sign.

    Bin sets of one number become one, and those that are left without a pixel go.
    """
    numbers = [number for _, number, _ in parts]
    sets, place_of = torch.unique(torch.cat(numbers), return_inverse=True)
    channels = parts[0][0].channels
    _check_size(bins, channels, len(sets))
    places = place_of.split([len(number) for number in numbers])
    keys, counts = [], []
    for (part, _, sign), place in zip(parts, places, strict=True):
        channel, _, level, count = part.histogram.T
        row_place = place[part._cell_of_row % max(len(place), 1)]
        keys.append((channel * len(sets) + row_place) * LEVELS + level)
        counts.append(sign * count)
    key, count = _sum_by_key(torch.cat(keys), torch.cat(counts), channels * len(sets) * LEVELS)
    if (count < 0).any():
        raise InputError("these images are not part of the statistics: nothing to take out")
    key, count = key[count > 0], count[count > 0]
    cell = key // LEVELS
    row_set = sets[cell % max(len(sets), 1)]
    left = torch.unique(row_set)
    kept = torch.searchsorted(sets, left)

    def added(values_of: Callable[[BinStatistics], Tensor]) -> Tensor:
        shape = values_of(parts[0][0]).shape[2:]
        total = cell.new_zeros(channels, len(sets), *shape)
        for (part, _, sign), place in zip(parts, places, strict=True):
            total.index_add_(1, place, values_of(part), alpha=sign)
        return total if len(kept) == len(sets) else total[:, kept]

    return BinStatistics(
        bins,
        left,
        added(lambda part: part.sums),
        added(lambda part: part.products),
        added(lambda part: part.truth_products),
        torch.stack([cell // max(len(sets), 1), row_set, key % LEVELS, count], dim=1),
    )


def gather_statistics(candidates: Tensor, truth: Tensor, bins: Bins) -> BinStatistics:
    """The statistics of one image: candidates (M, C, H, W) and truth (C, H, W), uint8.

    Large pictures are summed band by band, so that memory stays bounded.

    Raises InputError for other types, shapes that differ, and sums that would not fit.
    """
    _check_image(candidates, truth, bins)
    makers = kernels.compiled(truth.device)
    if makers is not None and bins.sets <= DENSE_KEYS:
        sets = makers.occupied_sets(candidates, bins.width, bins.per_candidate)
        _check_size(bins, truth.shape[0], len(sets))
        # Each thread has sums of its own.
        if truth.shape[0] * len(sets) * LEVELS <= DENSE_KEYS // torch.get_num_threads():
            return _gather_compiled(makers, candidates, truth, bins, sets)
    channels, height, width = truth.shape
    band = max(1, VALUES_AT_ONCE // (channels * width))
    total = _gather_band(candidates[:, :, :band], truth[:, :band], bins)
    for top in range(band, height, band):
        rows = slice(top, top + band)
        total = total + _gather_band(candidates[:, :, rows], truth[:, rows], bins)
    return total


def _gather_compiled(
    makers: ModuleType, candidates: Tensor, truth: Tensor, bins: Bins, sets: Tensor
) -> BinStatistics:
    histogram, sums, products, truth_products = makers.sum_by_bin_set(
        candidates, truth, sets, bins.width, bins.per_candidate
    )
    channel, place, level = histogram.nonzero(as_tuple=True)
    rows = torch.stack([channel, sets[place], level, histogram[channel, place, level]], dim=1)
    return BinStatistics(bins, sets, sums, products, truth_products, rows)


def _gather_band(candidates: Tensor, truth: Tensor, bins: Bins) -> BinStatistics:
    channels = truth.shape[0]
    pixels = candidates.flatten(2)  # (M, C, H W)
    sets, place = _occupied(bins.index(pixels), bins)
    _check_size(bins, channels, len(sets))
    cell = (place + len(sets) * torch.arange(channels, device=place.device)[:, None]).flatten()
    key, count = _count_keys(cell * LEVELS + truth.flatten(), channels * len(sets) * LEVELS)

    values = pixels.flatten(1).double()  # whole numbers below 2**53: float sums are exact
    truth_value = truth.flatten().double()

    def sum_in_cells(value: Tensor) -> Tensor:
        total = torch.bincount(cell, weights=value, minlength=channels * len(sets))
        return total.long().reshape(channels, -1)

    members = range(bins.candidates)
    products = cell.new_zeros(channels, len(sets), bins.candidates, bins.candidates)
    for one in members:
        for other in range(one + 1):
            products[..., one, other] = sum_in_cells(values[one] * values[other])
            products[..., other, one] = products[..., one, other]
    cell_of_row = key // LEVELS
    return BinStatistics(
        bins,
        sets,
        torch.stack([sum_in_cells(values[one]) for one in members], dim=-1),
        products,
        torch.stack([sum_in_cells(values[one] * truth_value) for one in members], dim=-1),
        torch.stack(
            [cell_of_row // len(sets), sets[cell_of_row % len(sets)], key % LEVELS, count], dim=1
        ),
    )


def _check_image(candidates: Tensor, truth: Tensor, bins: Bins) -> None:
    if candidates.dtype != torch.uint8 or truth.dtype != torch.uint8:
        raise InputError(
            "a reference set has 8-bit pictures (uint8), "
            f"got {candidates.dtype} candidates and {truth.dtype} ground truth"
        )
    if candidates.ndim != 4 or candidates.shape[1:] != truth.shape or not truth.numel():
        raise InputError(
            "candidates are (M, C, H, W) and their ground truth (C, H, W), "
            f"got {tuple(candidates.shape)} and {tuple(truth.shape)}"
        )
    if len(candidates) != bins.candidates:
        raise InputError(f"the bins are for {bins.candidates} candidates, got {len(candidates)}")


def _check_size(bins: Bins, channels: int, occupied: int) -> None:
    members = bins.candidates
    size = 8 * channels * occupied * (members * members + 2 * members)
    if size > MOST_STATISTICS_BYTES:
        raise InputError(
            f"{members} candidates at bin width {bins.width} occupy {occupied:,} bin sets, whose "
            f"sums take {size / 2**30:.1f} GB; the limit is {MOST_STATISTICS_BYTES / 2**30:.0f} "
            "GB: use wider bins or fewer candidates"
        )


def _occupied(index: Tensor, bins: Bins) -> tuple[Tensor, Tensor]:
    """The distinct numbers in `index`, rising, and the place of each pixel's among them."""
    if bins.sets > DENSE_KEYS:
        sets, place = torch.unique(index, return_inverse=True)
        return sets, place
    present = torch.zeros(bins.sets, dtype=torch.bool, device=index.device)
    present[index.flatten()] = True
    return present.nonzero().flatten(), (present.cumsum(0) - 1)[index]


def _count_keys(key: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The distinct keys, rising, of 0..size-1, and how often each occurs."""
    if size > DENSE_KEYS:
        distinct, count = torch.unique(key, return_counts=True)
        return distinct, count
    count = torch.bincount(key, minlength=size)
    distinct = count.nonzero().flatten()
    return distinct, count[distinct]


def _sum_by_key(key: Tensor, value: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Distinct keys, rising, of 0..size-1, and the sum of the values of each.

    A key whose values add up to 0 may be left out.
    """
    if size > SPARSE * len(key):
        distinct, place = torch.unique(key, return_inverse=True)
        return distinct, torch.zeros_like(distinct).index_add_(0, place, value)
    total = key.new_zeros(size).index_add_(0, key, value)
    distinct = total.nonzero().flatten()
    return distinct, total[distinct]
