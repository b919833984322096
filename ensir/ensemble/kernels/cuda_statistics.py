"""Statistics compiled for GPUs: one pass that marks the occupied bin sets, one that adds up.

The definition is `gather_statistics` of `ensir.ensemble.bin_statistics`. Programs add to the same
sums; they are integers, so the order does not matter. What is added stands apart by the level of
the truth: neighbours in a picture fall into few bin sets and would wait for each other.
"""

from __future__ import annotations

import triton  # noqa: TID253 - a module of compiled kernels
import triton.language as tl  # noqa: TID253

from ensir.limits import LEVELS

BLOCK = tl.constexpr(512)  # pixels of 4 warps
TRUTH_LEVELS = tl.constexpr(LEVELS)
SPREAD = 16  # sums of products in a bin set, to be added up later
SPREAD_OF_PRODUCTS = tl.constexpr(SPREAD)


@triton.jit
def mark_occupied(
    candidates: tl.tuple,  # M of (C, N)
    channel_steps: tl.tuple,
    pixel_steps: tl.tuple,
    present: tl.tensor,  # (S,) bool written
    pixels: int,
    width: int,
    per_candidate: int,
) -> None:
    """Sets `present` where a pixel of a block falls into the bin set."""
    begin, channel, place, inside = _pixels(pixels)
    index = tl.full((BLOCK,), 0, tl.int32)
    for member in tl.static_range(len(candidates)):
        first = candidates[member] + channel * channel_steps[member] + begin * pixel_steps[member]
        value = tl.load(first + place * pixel_steps[member], mask=inside, other=0).to(tl.int32)
        index = index * per_candidate + value // width
    tl.store(present + index, tl.full((BLOCK,), True, tl.int1), mask=inside)


@triton.jit
def add_up(
    candidates: tl.tuple,  # M of (C, N)
    channel_steps: tl.tuple,
    pixel_steps: tl.tuple,
    truth: tl.tensor,  # (C, N)
    truth_channel_step: int,
    truth_pixel_step: int,
    place_of: tl.tensor,  # (S,) int32, the place of each occupied bin set among them
    by_level: tl.tensor,  # (C, K, L, 1 + M) int64 added to: pixels, and the sum of each candidate
    products: tl.tensor,  # (C, K, SPREAD, M (M + 1) / 2) int64 added to, pairs as in `pairs`
    pixels: int,
    occupied: int,  # K
    width: int,
    per_candidate: int,
) -> None:
    """Adds up a block of pixels of one channel."""
    members: tl.constexpr = len(candidates)
    begin, channel, place, inside = _pixels(pixels)
    index = tl.full((BLOCK,), 0, tl.int32)
    values: tl.tuple = ()
    for member in tl.static_range(members):
        first = candidates[member] + channel * channel_steps[member] + begin * pixel_steps[member]
        value = tl.load(first + place * pixel_steps[member], mask=inside, other=0).to(tl.int32)
        index = index * per_candidate + value // width
        values = values + (value,)  # noqa: RUF005 - Triton unpacks no tuples
    first = truth + channel * truth_channel_step + begin * truth_pixel_step
    level = tl.load(first + place * truth_pixel_step, mask=inside, other=0).to(tl.int32)
    cell = channel * occupied + tl.load(place_of + index, mask=inside, other=0)
    here = by_level + (cell * TRUTH_LEVELS + level) * (1 + members)
    one = tl.full((BLOCK,), 1, tl.int64)
    tl.atomic_add(here, one, mask=inside, sem="relaxed")
    for member in tl.static_range(members):
        value = values[member].to(tl.int64)
        tl.atomic_add(here + 1 + member, value, mask=inside, sem="relaxed")
    pairs: tl.constexpr = members * (members + 1) // 2
    here = products + (cell * SPREAD_OF_PRODUCTS + level % SPREAD_OF_PRODUCTS) * pairs
    for member in tl.static_range(members):
        for other in tl.static_range(member + 1):
            product = (values[member] * values[other]).to(tl.int64)
            column = member * (member + 1) // 2 + other
            tl.atomic_add(here + column, product, mask=inside, sem="relaxed")


@triton.jit
def _pixels(pixels: int) -> tl.tuple:
    """Where a program's pixels begin, their channel, places and whether they are in the picture."""
    begin = tl.program_id(0).to(tl.int64) * BLOCK
    place = tl.arange(0, BLOCK)
    return begin, tl.program_id(1).to(tl.int64), place, place < pixels - begin
