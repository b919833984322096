"""Fusion and look-up compiled for CPUs: one pass over the pixels, whatever the bin width.

The definition is `fuse` of `ensir.ensemble.lookup_table`. A block of pixels stays in the fastest
cache while it goes through loops that are vector instructions, but for the look-up itself. That
one is short because two weights stand in a word and the last is what the others leave of 1.
Numbers are cut to their 32 bits after every step: Numba takes 64, and a vector holds half as many.
"""

from __future__ import annotations

import numpy as np
from numba import njit  # noqa: TID253 - a module of compiled kernels
from numpy.typing import NDArray

from ensir.ensemble.kernels.row_tree import RowTree

Levels = tuple[NDArray[np.uint8], ...]
Values = tuple[NDArray[np.uint8 | np.uint16 | np.float32], ...]

BLOCK = 512  # pixels: some 10 KB of what is kept of each
WEIGHT_OF_ONE = 2**30  # 1 as a weight; rounding to it moves a value by less than 1e-6 levels
# A level times a weight fits into 32 bits where weights have 24 bits after the point. Each then
# loses less than one of these, and a value at most 2e-5 levels for each candidate but one.
BITS, LOST_BITS = 24, 6
# What is added before a value is cut to a whole level. The definition rounds to float32 first, so
# that half a level less a rounding error goes up, too; here the error of a weight is no larger than
# this where candidates are up to 64 levels apart.
HALF, ROUNDING = 2**BITS // 2, 64
HALF_WORD = 32  # bits
# level // width is level * reciprocal >> 16 for levels below 256 and widths up to 256.
RECIPROCAL_BITS = 16


def packed(weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Weights (C, S, M) two to a word, but for the last candidate's: (C, max(1, M // 2), S)."""
    channels, sets, members = weights.shape
    # Sums are rounded and not the weights, which then never add up to more than 1.
    sums = np.minimum(weights[..., :-1].cumsum(-1), 1)
    whole = np.diff(np.rint(sums * WEIGHT_OF_ONE).astype(np.int64), prepend=0)
    words = np.zeros((channels, max(1, members // 2), sets), np.int64)
    for member in range(members - 1):
        words[:, member // 2] |= whole[..., member] << (HALF_WORD * (member % 2))
    return words


@njit(nogil=True, cache=True, error_model="numpy")
def fuse_levels(
    members: int,
    levels: Levels,  # M of (N,)
    words: NDArray[np.int64],  # (P, S) of this channel
    tree: RowTree,
    width: int,
    per_candidate: int,
    fused: NDArray[np.uint8],  # (N,) written
) -> None:
    """Fuses levels of one channel to levels, all in whole numbers.

    The tuple may hold more than M arrays: what is compiled serves all M that fit.
    """
    row = np.empty(BLOCK, np.uint32)
    word = np.empty(BLOCK, np.int64)
    half = word.view(np.uint32)
    total = np.empty(BLOCK, np.uint32)
    to_round = np.uint32(HALF + ROUNDING * max(members - 1, 2))
    for begin in range(0, len(fused), BLOCK):
        size = min(BLOCK, len(fused) - begin)
        _find_rows(members, levels, begin, size, tree, width, per_candidate, row)
        base = levels[members - 1][begin : begin + size]
        for place in range(size):
            total[place] = np.uint32(base[place]) << np.uint32(BITS)
        for pair in range(len(words)):
            weights = words[pair]
            for place in range(size):
                word[place] = weights[row[place]]
            one = levels[2 * pair][begin : begin + size]
            other = levels[min(2 * pair + 1, members - 1)][begin : begin + size]
            for place in range(size):  # differences below 0 wrap around, and back in the sum
                by_one = np.uint32(np.uint32(one[place]) - np.uint32(base[place]))
                by_other = np.uint32(np.uint32(other[place]) - np.uint32(base[place]))
                weight = np.uint32(half[2 * place] >> np.uint32(LOST_BITS))
                other_weight = np.uint32(half[2 * place + 1] >> np.uint32(LOST_BITS))
                total[place] += np.uint32(
                    np.uint32(weight * by_one) + np.uint32(other_weight * by_other)
                )
        result = fused[begin : begin + size]
        for place in range(size):
            up = np.uint32(total[place] + to_round)
            result[place] = np.uint8(up >> np.uint32(BITS))


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def fuse_values(
    members: int,
    levels: Levels,  # M of (N,), what the bins come from
    values: Values,  # M of (N,), what is fused; the same arrays where they are uint8
    words: NDArray[np.int64],  # (P, S) of this channel
    tree: RowTree,
    width: int,
    per_candidate: int,
    fused: NDArray[np.uint8 | np.float32],  # (N,) written
    rounded: bool,  # to whole levels
    scale: float,  # from values to 0..255
) -> None:
    """Fuses pixels of one channel, whatever their type and that of the result."""
    half = 0.5 if rounded else 0.0
    row = np.empty(BLOCK, np.uint32)
    word = np.empty(BLOCK, np.int64)
    total = np.empty(BLOCK, np.float64)
    lowest = np.empty(BLOCK, values[0].dtype)
    highest = np.empty(BLOCK, values[0].dtype)
    for begin in range(0, len(fused), BLOCK):
        size = min(BLOCK, len(fused) - begin)
        _find_rows(members, levels, begin, size, tree, width, per_candidate, row)
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


@njit(nogil=True, cache=True, error_model="numpy")
def look_up(
    members: int,
    levels: Levels,  # M of (N,)
    weights: NDArray[np.float64],  # (S, M) of this channel
    tree: RowTree,
    width: int,
    per_candidate: int,
    found: NDArray[np.float64],  # (M, N) written
) -> None:
    """The weights of the pixels of one channel, as they stand in the table."""
    row = np.empty(BLOCK, np.uint32)
    pixels = found.shape[1]
    for begin in range(0, pixels, BLOCK):
        size = min(BLOCK, pixels - begin)
        _find_rows(members, levels, begin, size, tree, width, per_candidate, row)
        for member in range(members):
            plane = found[member, begin : begin + size]
            for place in range(size):
                plane[place] = weights[row[place], member]


@njit(nogil=True, error_model="numpy")
def _find_rows(
    members: int,
    levels: Levels,
    begin: int,
    size: int,
    tree: RowTree,
    width: int,
    per_candidate: int,
    row: NDArray[np.uint32],
) -> None:
    """The row of each pixel of a block."""
    base = np.uint32(per_candidate)
    reciprocal = np.uint32(-(-(1 << RECIPROCAL_BITS) // width))
    level = levels[0][begin : begin + size]
    for place in range(size):
        row[place] = _bin_of(level[place], reciprocal)
    for member in range(1, tree.leading):
        level = levels[member][begin : begin + size]
        for place in range(size):
            row[place] = np.uint32(row[place] * base) + _bin_of(level[place], reciprocal)
    if len(tree.roots):
        for place in range(size):
            row[place] = tree.roots[row[place]]
    for member in range(tree.leading, members):
        level = levels[member][begin : begin + size]
        for place in range(size):
            row[place] = np.uint32(row[place] * base) + _bin_of(level[place], reciprocal)
        for place in range(size):
            row[place] = tree.children[row[place]]


@njit(inline="always", error_model="numpy")
def _bin_of(level: np.uint8, reciprocal: np.uint32) -> np.uint32:
    return np.uint32(np.uint32(np.uint32(level) * reciprocal) >> np.uint32(RECIPROCAL_BITS))
