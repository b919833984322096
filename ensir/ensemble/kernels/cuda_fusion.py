"""Fusion compiled for GPUs: one pass over the pixels, whatever the bin width.

The definition is `fuse` of `ensir.ensemble.lookup_table`. Every value is read once and only the
fused picture is written. Two weights stand in a word and the last is what the others leave of 1, so
that one look-up serves three candidates. Sums are float32, within 1e-4 levels of the definition.
"""

from __future__ import annotations

import torch
import triton  # noqa: TID253 - a module of compiled kernels
import triton.language as tl  # noqa: TID253
from torch import Tensor

from ensir.limits import LEVEL_OF_16_BITS

BLOCK = tl.constexpr(2048)  # pixels of 4 warps: 16 bytes of an 8-bit picture for each thread
# level // width is level * reciprocal >> 16 for levels below 256 and widths up to 256.
RECIPROCAL_BITS = tl.constexpr(16)
PER_LEVEL = tl.constexpr(LEVEL_OF_16_BITS)
# Halves go up, and the float32 sum of one may come out just below it.
HALF = tl.constexpr(0.5 + 2**-16)


def packed(weights: Tensor) -> Tensor:
    """Weights (C, S, M) as pairs of float32 in int64, without the last candidate's.

    (C, S, max(1, M // 2)); the first of a pair is the lower half.
    """
    channels, rows, members = weights.shape
    halves = weights.new_zeros(channels, rows, max(1, members // 2) * 2, dtype=torch.float32)
    halves[..., : members - 1] = weights[..., : members - 1]
    return halves.view(torch.int64)


@triton.jit
def fuse_planes(
    pictures: tl.tuple,  # M of (C, N)
    channel_steps: tl.tuple,  # M, values from channel to channel in memory
    pixel_steps: tl.tuple,  # M, from pixel to pixel
    words: tl.tensor,  # (C, rows, M // 2)
    starts: tl.tensor,  # (rows,) first bin set of each row; not read where dense
    fused: tl.tensor,  # (C, N) written
    pixels: int,  # N
    rows: int,  # of the table
    halvings: int,  # of the rows, until one is left
    reciprocal: int,  # of the bin width, times 2**16
    per_candidate: int,
    dense: tl.constexpr,
) -> None:
    """Fuses a block of pixels of one channel."""
    members: tl.constexpr = len(pictures)
    begin = tl.program_id(0).to(tl.int64) * BLOCK
    channel = tl.program_id(1).to(tl.int64)
    place = tl.arange(0, BLOCK)
    inside = place < pixels - begin
    index = tl.full((BLOCK,), 0, tl.int32 if dense else tl.int64)
    values: tl.tuple = ()
    for member in tl.static_range(members):
        first = pictures[member] + channel * channel_steps[member] + begin * pixel_steps[member]
        value = tl.load(first + place * pixel_steps[member], mask=inside, other=0)
        index = index * per_candidate + (nearest_level(value) * reciprocal >> RECIPROCAL_BITS)
        values = values + (value.to(tl.float32),)  # noqa: RUF005 - Triton unpacks no tuples
    row = index if dense else _row(index, starts, rows, halvings)
    cell = words + channel * rows * (members // 2) + row * (members // 2)
    last = values[members - 1]
    change = tl.full((BLOCK,), 0.0, tl.float32)
    for pair in tl.static_range(members // 2):
        word = tl.load(cell + pair)  # without a mask: values outside are 0, whose row there is
        weight = word.to(tl.int32).to(tl.float32, bitcast=True)
        change += weight * (values[2 * pair] - last)
        if 2 * pair + 1 < members - 1:
            weight = (word >> 32).to(tl.int32).to(tl.float32, bitcast=True)
            change += weight * (values[2 * pair + 1] - last)
    given: tl.constexpr = pictures[0].dtype.element_ty
    wanted: tl.constexpr = fused.dtype.element_ty
    result = last + change
    if given != wanted or given == tl.float32:  # else rounding brings it back into the range
        lowest, highest = last, last
        for member in tl.static_range(members - 1):
            lowest = tl.minimum(lowest, values[member])
            highest = tl.maximum(highest, values[member])
        result = tl.minimum(tl.maximum(result, lowest), highest)
    if given == tl.uint16 and wanted != tl.uint16:
        result = result * (1 / PER_LEVEL)
    if given != tl.uint16 and wanted == tl.uint16:
        result = result * PER_LEVEL
    if wanted != tl.float32:
        result = (result + HALF).to(tl.int32)  # cut, which is down: nothing is below 0
    tl.store(fused + channel * pixels + begin + place, result.to(wanted), mask=inside)


@triton.jit
def nearest_level(value: tl.tensor) -> tl.tensor:
    """The nearest 8-bit levels of values of any type, halves up, as int32."""
    if value.dtype == tl.uint8:
        level = value.to(tl.int32)
    elif value.dtype == tl.uint16:
        level = (value.to(tl.int32) + PER_LEVEL // 2) // PER_LEVEL
    else:  # a half added to the float32 just below a half would round up to one
        level = tl.floor(value).to(tl.int32)
        level += (value - tl.floor(value) >= 0.5).to(tl.int32)
    return level


@triton.jit
def _row(index: tl.tensor, starts: tl.tensor, rows: int, halvings: int) -> tl.tensor:
    """The last row that starts at or before each bin set, by bisection."""
    low = tl.full((BLOCK,), 0, tl.int32)
    high = low + rows
    for _ in range(halvings):
        middle = (low + high) >> 1
        before = tl.load(starts + middle) <= index
        low = tl.where(before, middle, low)
        high = tl.where(before, high, middle)
    return low
