"""Fusion compiled for CPUs: one pass over the pixels, whatever the bin width.

The definition is `fuse` of `ensir.ensemble.lookup_table`. A block of pixels stays in the fastest
cache while it goes through loops that are vector instructions, but for the look-up itself. That
one is short because two weights stand in a word and the last is what the others leave of 1.
"""

from __future__ import annotations

import numpy as np
from numba import njit  # noqa: TID253 - a module of compiled kernels
from numpy.typing import NDArray

Levels = tuple[NDArray[np.uint8], ...]
Values = tuple[NDArray[np.uint8 | np.uint16 | np.float32], ...]

BLOCK = 512  # pixels: some 12 KB of what is kept of each
WEIGHT_OF_ONE = 2**30  # 1 as a weight; rounding to it moves a value by less than 1e-6 levels
HALF_WORD = 32  # bits
# level // width is level * reciprocal >> 16 for levels below 256 and widths up to 256.
RECIPROCAL_BITS = 16


def packed(weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Weights (C, S, M) two to a word, but for the last candidate's: (C, max(1, M // 2), S)."""
    channels, sets, members = weights.shape
    whole = np.rint(weights * WEIGHT_OF_ONE).astype(np.int64)
    words = np.zeros((channels, max(1, members // 2), sets), np.int64)
    for member in range(members - 1):
        words[:, member // 2] |= whole[..., member] << (HALF_WORD * (member % 2))
    return words


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def fuse_plane(
    members: int,
    levels: Levels,  # M of (N,), what the bins come from
    values: Values,  # M of (N,), what is fused; the same arrays where they are uint8
    words: NDArray[np.int64],  # (P, S) of this channel
    starts: NDArray[np.int64],  # (S,) first bin set of each row; empty: a row for each bin set
    width: int,
    per_candidate: int,
    scale: float,  # from values to 0..255
    half: float,  # 0.5 where the result is cut to whole levels, else 0
    fused: NDArray[np.uint8 | np.float32],  # (N,) written
) -> None:
    """Fuses pixels of one channel.

    The tuples may hold more than M arrays: what is compiled serves all M that fit.
    """
    row = np.empty(BLOCK, np.uint32)
    number = np.empty(BLOCK, np.int64)
    word = np.empty(BLOCK, np.int64)
    total = np.empty(BLOCK, np.float64)
    lowest = np.empty(BLOCK, values[0].dtype)
    highest = np.empty(BLOCK, values[0].dtype)
    for begin in range(0, len(fused), BLOCK):
        size = min(BLOCK, len(fused) - begin)
        if len(starts):
            _rows_of_sparse(members, levels, begin, size, starts, width, per_candidate, number, row)
        else:
            _rows_of_dense(members, levels, begin, size, width, per_candidate, row)
        base = values[members - 1][begin : begin + size]
        for place in range(size):
            lowest[place] = highest[place] = base[place]
            total[place] = base[place]
        for member in range(members - 1):
            value = values[member][begin : begin + size]
            for place in range(size):
                lowest[place] = min(lowest[place], value[place])
                highest[place] = max(highest[place], value[place])
        for pair in range(len(words)):
            weights = words[pair]
            for place in range(size):
                word[place] = weights[row[place]]
            one = values[2 * pair][begin : begin + size]
            other = values[min(2 * pair + 1, members - 1)][begin : begin + size]
            for place in range(size):
                both = word[place]
                total[place] += (
                    np.float64(np.int32(both)) * (np.float64(one[place]) - base[place])
                    + np.float64(np.int32(both >> HALF_WORD))
                    * (np.float64(other[place]) - base[place])
                ) / WEIGHT_OF_ONE
        result = fused[begin : begin + size]
        for place in range(size):
            inside = min(max(total[place], np.float64(lowest[place])), np.float64(highest[place]))
            # Of the float32 value, whose ties are free of rounding errors.
            result[place] = np.float64(np.float32(inside * scale)) + half


@njit(nogil=True, error_model="numpy")
def _rows_of_dense(
    members: int,
    levels: Levels,
    begin: int,
    size: int,
    width: int,
    per_candidate: int,
    row: NDArray[np.uint32],
) -> None:
    reciprocal = np.uint32(-(-(1 << RECIPROCAL_BITS) // width))
    base = np.uint32(per_candidate)
    for place in range(size):
        row[place] = 0
    for member in range(members):
        level = levels[member][begin : begin + size]
        for place in range(size):
            digit = np.uint32(np.uint32(level[place]) * reciprocal) >> np.uint32(RECIPROCAL_BITS)
            row[place] = np.uint32(row[place] * base) + np.uint32(digit)


@njit(nogil=True, error_model="numpy")
def _rows_of_sparse(
    members: int,
    levels: Levels,
    begin: int,
    size: int,
    starts: NDArray[np.int64],
    width: int,
    per_candidate: int,
    number: NDArray[np.int64],
    row: NDArray[np.uint32],
) -> None:
    reciprocal = np.int32(-(-(1 << RECIPROCAL_BITS) // width))
    for place in range(size):
        number[place] = 0
    for member in range(members):
        level = levels[member][begin : begin + size]
        for place in range(size):
            digit = np.int32(np.int32(level[place]) * reciprocal) >> RECIPROCAL_BITS
            number[place] = number[place] * per_candidate + digit
    found = 0
    for place in range(size):
        wanted = number[place]
        low, high = 0, len(starts)
        if starts[found] <= wanted and (found + 1 == high or wanted < starts[found + 1]):
            row[place] = found  # as its neighbour: most are
            continue
        while high - low > 1:
            middle = (low + high) // 2
            if starts[middle] <= wanted:
                low = middle
            else:
                high = middle
        found = low
        row[place] = found
