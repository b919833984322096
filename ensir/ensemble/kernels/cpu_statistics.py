"""Statistics compiled for CPUs: one pass that marks the occupied bin sets, one that adds up.

The definition is `gather_statistics` of `ensir.ensemble.bin_statistics`. Every thread adds to sums
of its own; they are integers, so the order does not matter.
"""

from __future__ import annotations

import numpy as np
from numba import njit  # noqa: TID253 - a module of compiled kernels
from numpy.typing import NDArray

Levels = tuple[NDArray[np.uint8], ...]

BLOCK = 512  # pixels, as in fusion
RECIPROCAL_BITS = 16  # level // width is level * reciprocal >> 16 here


@njit(nogil=True, cache=True, error_model="numpy")
def mark_occupied(
    levels: Levels, width: int, per_candidate: int, present: NDArray[np.bool_]
) -> None:
    """Sets `present` (S,) where a pixel falls into the bin set; threads may share it."""
    row = np.empty(BLOCK, np.uint32)
    for begin in range(0, len(levels[0]), BLOCK):
        size = min(BLOCK, len(levels[0]) - begin)
        _index(levels, begin, size, width, per_candidate, row)
        for place in range(size):
            present[row[place]] = True


@njit(nogil=True, cache=True, error_model="numpy")
def add_up(
    levels: Levels,
    truth: NDArray[np.uint8],
    width: int,
    per_candidate: int,
    place_of: NDArray[np.int32],  # (S,) the place of each occupied bin set among them
    histogram: NDArray[np.int64],  # (K, L) added to
    sums: NDArray[np.int64],  # (K, M (M + 5) / 2) added to, in the order of `columns`
) -> None:
    """Adds the pixels of one channel: their sums, truth products and products of pairs.

    The length of a tuple is known when this is compiled, which almost doubles its speed.
    """
    row = np.empty(BLOCK, np.uint32)
    value = np.empty((BLOCK, len(levels)), np.int64)
    for begin in range(0, len(truth), BLOCK):
        size = min(BLOCK, len(truth) - begin)
        _index(levels, begin, size, width, per_candidate, row)
        for member in range(len(levels)):
            level = levels[member][begin : begin + size]
            for place in range(size):
                value[place, member] = level[place]
        for place in range(size):
            cell = place_of[row[place]]
            true = truth[begin + place]
            histogram[cell, true] += 1
            total = sums[cell]
            for one in range(len(levels)):
                column = one * (one + 5) // 2
                here = value[place, one]
                total[column] += here
                total[column + 1] += here * true
                for other in range(one + 1):
                    total[column + 2 + other] += here * value[place, other]


def columns(member: int) -> int:
    """Where a candidate's sums begin: its own, with the truth, with each one up to itself."""
    return member * (member + 5) // 2


@njit(nogil=True, error_model="numpy")
def _index(
    levels: Levels,
    begin: int,
    size: int,
    width: int,
    per_candidate: int,
    row: NDArray[np.uint32],
) -> None:
    """The bin set of each pixel of a block."""
    reciprocal = np.uint32(-(-(1 << RECIPROCAL_BITS) // width))
    base = np.uint32(per_candidate)
    for place in range(size):
        row[place] = 0
    for member in range(len(levels)):
        level = levels[member][begin : begin + size]
        for place in range(size):
            digit = np.uint32(np.uint32(level[place]) * reciprocal) >> np.uint32(RECIPROCAL_BITS)
            row[place] = np.uint32(row[place] * base) + np.uint32(digit)
