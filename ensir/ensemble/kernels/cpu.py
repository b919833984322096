"""The kernels for CPUs: tensors in and out around what Numba has compiled, in several threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from ensir.ensemble.kernels.cpu_fusion import fuse_levels, fuse_values, look_up, packed
from ensir.ensemble.kernels.cpu_mixture import fit_cells
from ensir.ensemble.kernels.cpu_statistics import add_up, columns, mark_occupied
from ensir.ensemble.kernels.row_tree import RowTree, no_tree, row_tree
from ensir.ensemble.kernels.rules import CompiledRule
from ensir.ensemble.kernels.threads import share_out
from ensir.ensemble.levels import levels_of
from ensir.limits import LEVEL_OF_16_BITS, LEVELS

CELLS_AT_ONCE = 16  # of a thread; their EM takes some tenths of a millisecond
COMPILED_FOR = 8  # candidates; 9 to 16 and so on take a kernel of their own
PIXELS_AT_ONCE = 2**17  # of a thread; they are fused in some tenths of a millisecond


_trees = WeakTensorKeyDictionary()  # of the first bin sets of tables that are still there


def packed_weights(weights: Tensor) -> Tensor:
    """Weights (C, S, M) of a table as `fuse_pictures` takes them."""
    return torch.from_numpy(packed(weights.numpy()))


def fuse_pictures(
    pictures: Sequence[Tensor],
    weights: Tensor,
    starts: Tensor,
    width: int,
    per_candidate: int,
    dtype: torch.dtype,
) -> Tensor:
    """Fuses M checked pictures (C, H, W) by packed weights to (C, H, W) of `dtype`.

    `starts` are the first bin sets of the rows, empty where each bin set has its row. Weights of a
    cell that miss 1 by some 1e-6 are taken as if the last candidate's made up for it.
    """
    image = torch.empty(pictures[0].shape, dtype=dtype)
    channels, members = len(image), len(pictures)
    planes = [picture.reshape(channels, -1).contiguous().numpy() for picture in pictures]
    words, fused = weights.numpy(), image.reshape(channels, -1).numpy()
    cut = _tree(starts, per_candidate, members), width, per_candidate
    rounded = dtype == torch.uint8
    scale = 1 / LEVEL_OF_16_BITS if pictures[0].dtype == torch.uint16 else 1.0
    pieces = -(-fused.shape[1] // PIXELS_AT_ONCE)

    def fuse_piece(place: int, _: int) -> None:
        channel, piece = divmod(place, pieces)
        here = slice(piece * PIXELS_AT_ONCE, (piece + 1) * PIXELS_AT_ONCE)
        values = [plane[channel, here] for plane in planes]
        table, result = (words[channel], *cut), fused[channel, here]
        if rounded and values[0].dtype == np.uint8:
            fuse_levels(members, _filled(values), *table, result)
        else:
            levels = [levels_of(torch.from_numpy(band)).numpy() for band in values]
            many = _filled(levels), _filled(values)
            fuse_values(members, *many, *table, result, rounded, scale)

    share_out(fuse_piece, channels * pieces, 1)
    return image


def weights_of_pixels(
    pictures: Sequence[Tensor], weights: Tensor, starts: Tensor, width: int, per_candidate: int
) -> Tensor:
    """The weights (C, S, M) float64 of each pixel of M pictures (C, H, W): (M, C, H, W).

    `starts` are the first bin sets of the rows, empty where each bin set has its row.
    """
    members, (channels, *size) = len(pictures), pictures[0].shape
    planes = [picture.reshape(channels, -1).contiguous().numpy() for picture in pictures]
    of_channels, found = weights.contiguous().numpy(), weights.new_empty(members, channels, *size)
    written = found.reshape(members, channels, -1).numpy()
    cut = _tree(starts, per_candidate, members), width, per_candidate
    pieces = -(-written.shape[2] // PIXELS_AT_ONCE)

    def look_up_piece(place: int, _: int) -> None:
        channel, piece = divmod(place, pieces)
        here = slice(piece * PIXELS_AT_ONCE, (piece + 1) * PIXELS_AT_ONCE)
        levels = [levels_of(torch.from_numpy(plane[channel, here])).numpy() for plane in planes]
        look_up(members, _filled(levels), of_channels[channel], *cut, written[:, channel, here])

    share_out(look_up_piece, channels * pieces, 1)
    return found


def _filled(bands: list[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
    """As many arrays as a kernel is compiled for; those after the candidates' are not read."""
    return (*bands, *bands[:1] * (-len(bands) % COMPILED_FOR))


def _tree(starts: Tensor, per_candidate: int, members: int) -> RowTree:
    """The tree of a table's rows, made when the table is first used."""
    if not len(starts):
        return no_tree(members)
    tree = _trees.get(starts)
    if tree is None:
        tree = _trees[starts] = row_tree(starts, per_candidate, members)
    return tree


def occupied_sets(candidates: Tensor, width: int, per_candidate: int) -> Tensor:
    """The bin sets with a pixel in any channel, of (M, C, H, W) uint8, rising (K,) int64."""
    planes = _planes(candidates)
    present = torch.zeros(per_candidate ** len(candidates), dtype=torch.bool)

    def mark(first: int, last: int) -> None:
        for channel in range(first, last):
            mark_occupied(planes[channel], width, per_candidate, present.numpy())

    share_out(mark, len(planes), 1)
    return present.nonzero().flatten()


def sum_by_bin_set(
    candidates: Tensor, truth: Tensor, sets: Tensor, width: int, per_candidate: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Sums over the pixels of (M, C, H, W) and (C, H, W) uint8 in each of the occupied bin sets.

    Histogram (C, K, L), sums (C, K, M), products (C, K, M, M), truth products (C, K, M), int64.
    """
    planes, truths = _planes(candidates), [_flat(plane).numpy() for plane in truth]
    members, pixels = len(candidates), len(truths[0])
    pieces = -(-pixels // PIXELS_AT_ONCE)
    place_of = torch.zeros(per_candidate**members, dtype=torch.int32)
    place_of[sets] = torch.arange(len(sets), dtype=torch.int32)
    free: list[tuple[Tensor, Tensor]] = []  # sums that no thread is adding to at the moment

    def add(place: int, _: int) -> None:
        channel, piece = divmod(place, pieces)
        here = slice(piece * PIXELS_AT_ONCE, (piece + 1) * PIXELS_AT_ONCE)
        try:
            histogram, sums = free.pop()
        except IndexError:
            shape = len(planes), len(sets)
            histogram = torch.zeros(*shape, LEVELS, dtype=torch.int64)
            sums = torch.zeros(*shape, columns(members), dtype=torch.int64)
        levels = tuple(plane[here] for plane in planes[channel])
        cut = width, per_candidate, place_of.numpy()
        totals = histogram[channel].numpy(), sums[channel].numpy()
        add_up(levels, truths[channel][here], *cut, *totals)
        free.append((histogram, sums))

    share_out(add, len(planes) * pieces, 1)
    (histogram, sums), *others = free
    for more_pixels, more_sums in others:
        histogram += more_pixels
        sums += more_sums
    begin = torch.tensor([columns(member) for member in range(members)])
    products = sums.new_zeros(*sums.shape[:2], members, members)
    for one in range(members):
        row = sums[..., columns(one) + 2 : columns(one + 1)]
        products[..., one, : one + 1] = row
        products[..., : one + 1, one] = row
    return histogram, sums[..., begin], products, sums[..., begin + 1]


def _planes(candidates: Tensor) -> list[tuple[NDArray[np.uint8], ...]]:
    """Each channel's pixels of each candidate, one after the other in memory."""
    channels = candidates.shape[1]
    return [
        tuple(_flat(candidate[channel]).numpy() for candidate in candidates)
        for channel in range(channels)
    ]


def _flat(plane: Tensor) -> Tensor:
    """The pixels of a channel one after the other in memory; a copy where they are not."""
    return plane.reshape(-1).contiguous()


def fit_mixtures(
    histogram: Tensor,
    mean: Tensor,
    weight: Tensor,
    variance: Tensor,
    prior: Tensor,
    rule: CompiledRule,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """EM on histograms (K, L) from mixtures (K, M): weight, variance, score, steps, converged."""
    cells = len(histogram)
    weight, variance = weight.contiguous().clone(), variance.contiguous().clone()
    score = weight.new_empty(cells)
    steps = torch.empty(cells, dtype=torch.int64)
    converged = torch.empty(cells, dtype=torch.bool)
    given = [part.contiguous().numpy() for part in (histogram.long(), mean)]
    made = [part.numpy() for part in (weight, variance)]
    back_off = prior.contiguous().numpy()
    written = [part.numpy() for part in (score, steps, converged)]
    share_out(
        lambda first, last: fit_cells(first, last, *given, *made, back_off, rule, *written),
        cells,
        CELLS_AT_ONCE,
    )
    return weight, variance, score, steps, converged


def compile_all() -> None:
    """Calls every kernel on a few pixels, as most calls will be: 8 bits, two or three candidates.

    The others are compiled when first called.
    """
    for members in (2, 3):
        candidates = torch.zeros(members, 1, 1, 1, dtype=torch.uint8)
        truth, cut = candidates[0], (LEVELS, 1)
        sets = occupied_sets(candidates, *cut)
        histogram, *_ = sum_by_bin_set(candidates, truth, sets, *cut)
    ones = torch.ones(1, members, dtype=torch.float64)
    weights = packed_weights(ones[None] / members)
    for dtype in (torch.uint8, torch.float32):
        fuse_pictures(list(candidates), weights, sets[:0], *cut, dtype)
    weights_of_pixels(list(candidates), ones[None], sets[:0], *cut)
    rule = CompiledRule(False, 0.0, 0.0, 1.0, 1, 1, 0.0, 0.0)
    fit_mixtures(histogram[0], ones, ones, ones, ones, rule)
