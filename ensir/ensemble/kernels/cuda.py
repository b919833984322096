"""The kernels for GPUs: tensors in and out around what Triton has compiled.

Pictures are read where they lie, but for those whose rows do not follow each other at the distance
of their pixels, as in a crop: these are copied.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import triton  # noqa: TID253 - a module of compiled kernels
from torch import Tensor

from ensir.ensemble.kernels import cuda_fusion, cuda_statistics
from ensir.ensemble.kernels.cuda_fusion import fuse_planes, packed
from ensir.ensemble.kernels.cuda_mixture import fit_cells
from ensir.ensemble.kernels.cuda_statistics import SPREAD, add_up, mark_occupied
from ensir.ensemble.kernels.rules import CompiledRule
from ensir.limits import LEVELS

# A product and a sum may be made one: asked for by name, for the standard is to change.
FUSED_MULTIPLY_ADD = {"enable_fp_fusion": True}

packed_weights = packed
weights_of_pixels = None  # torch gathers them


def fuse_pictures(
    pictures: Sequence[Tensor],
    weights: Tensor,
    starts: Tensor,
    width: int,
    per_candidate: int,
    dtype: torch.dtype,
) -> Tensor:
    """Fuses M checked pictures (C, H, W) by packed weights to (C, H, W) of `dtype`.

    `starts` are the first bin sets of the rows, empty where each bin set has its row. Nothing but
    the picture is written: the weights of pixels are looked up again by who asks for them.
    """
    image = torch.empty(pictures[0].shape, dtype=dtype, device=pictures[0].device)
    channels, rows, _ = weights.shape
    pixels = image[0].numel()
    reciprocal = -(-(1 << cuda_fusion.RECIPROCAL_BITS.value) // width)
    with torch.cuda.device_of(image):
        fuse_planes[triton.cdiv(pixels, cuda_fusion.BLOCK.value), channels](
            *_planes(pictures),
            weights,
            starts,
            image,
            pixels,
            rows,
            (rows - 1).bit_length(),
            reciprocal,
            per_candidate,
            dense=not len(starts),
            **FUSED_MULTIPLY_ADD,
        )
    return image


def occupied_sets(candidates: Tensor, width: int, per_candidate: int) -> Tensor:
    """The bin sets with a pixel in any channel, of (M, C, H, W) uint8, rising (K,) int64."""
    members, channels, *size = candidates.shape
    present = torch.zeros(per_candidate**members, dtype=torch.bool, device=candidates.device)
    grid = _grid(channels, size)
    with torch.cuda.device_of(present):
        mark_occupied[grid](
            *_planes(candidates),
            present,
            size[0] * size[1],
            width,
            per_candidate,
            **FUSED_MULTIPLY_ADD,
        )
    return present.nonzero().flatten()


def sum_by_bin_set(
    candidates: Tensor, truth: Tensor, sets: Tensor, width: int, per_candidate: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Sums over the pixels of (M, C, H, W) and (C, H, W) uint8 in each of the occupied bin sets.

    Histogram (C, K, L), sums (C, K, M), products (C, K, M, M), truth products (C, K, M), int64.
    """
    members, channels, *size = candidates.shape
    place_of = torch.zeros(per_candidate**members, dtype=torch.int32, device=sets.device)
    place_of[sets] = torch.arange(len(sets), dtype=torch.int32, device=sets.device)
    by_level = sets.new_zeros(channels, len(sets), LEVELS, 1 + members)
    spread = sets.new_zeros(channels, len(sets), SPREAD, members * (members + 1) // 2)
    planes = truth.flatten(1)
    with torch.cuda.device_of(sets):
        add_up[_grid(channels, size)](
            *_planes(candidates),
            planes,
            *planes.stride(),
            place_of,
            by_level,
            spread,
            planes.shape[1],
            len(sets),
            width,
            per_candidate,
            **FUSED_MULTIPLY_ADD,
        )
    histogram, of_level = by_level[..., 0], by_level[..., 1:]
    level = torch.arange(LEVELS, device=sets.device)
    row, column = torch.tril_indices(members, members, device=sets.device)
    products = sets.new_zeros(channels, len(sets), members, members)
    products[..., row, column] = products[..., column, row] = spread.sum(2)
    return histogram, of_level.sum(2), products, (of_level * level[:, None]).sum(2)


def fit_mixtures(
    histogram: Tensor,
    mean: Tensor,
    weight: Tensor,
    variance: Tensor,
    prior: Tensor,
    rule: CompiledRule,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """EM on histograms (K, L) from mixtures (K, M): weight, variance, score, steps, converged."""
    cells, members = weight.shape
    weight, variance = weight.contiguous().clone(), variance.contiguous().clone()
    score = weight.new_empty(cells)
    steps = torch.empty(cells, dtype=torch.int64, device=weight.device)
    converged = torch.empty(cells, dtype=torch.bool, device=weight.device)
    # In a tensor, for what is given by itself becomes float32.
    numbers = weight.new_tensor(
        [rule.epsilon, rule.underflow, rule.variance_floor, rule.least_gain, rule.prior_pixels]
    )
    if cells:
        with torch.cuda.device_of(weight):
            fit_cells[cells,](
                histogram.long().contiguous(),
                mean.contiguous(),
                weight,
                variance,
                prior.contiguous(),
                numbers,
                score,
                steps,
                converged,
                rule.least_steps,
                rule.most_steps,
                about_truth=rule.about_truth,
                members=members,
                places=triton.next_power_of_2(members),
                **FUSED_MULTIPLY_ADD,
            )
    return weight, variance, score, steps, converged


def _grid(channels: int, size: Sequence[int]) -> tuple[int, int]:
    return triton.cdiv(size[0] * size[1], cuda_statistics.BLOCK.value), channels


def _planes(
    pictures: Sequence[Tensor] | Tensor,
) -> tuple[tuple[Tensor, ...], tuple[int, ...], tuple[int, ...]]:
    """Pictures (C, H, W) as (C, N), and their steps from channel to channel and pixel to pixel."""
    flat = tuple(picture.flatten(1) for picture in pictures)
    return flat, tuple(one.stride(0) for one in flat), tuple(one.stride(1) for one in flat)
