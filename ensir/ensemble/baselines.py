"""The ensembles to beat: one weight vector for a whole picture, no reference set."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ensir.ensemble import kernels
from ensir.ensemble.fusion import (
    Fusion,
    Pictures,
    Place,
    check_result_type,
    checked_candidates,
    fuse_pictures,
)
from ensir.ensemble.levels import values_of
from ensir.limits import LEVELS

# Levels squared, added before inverting: the published value (ZZPM, NTIRE 2023).
ZZPM_EPSILON = 1e-3


def average(candidates: Pictures, *, dtype: torch.dtype = torch.float32) -> Fusion:
    """The mean of the candidates."""
    pictures = checked_candidates(candidates, names=None)
    share = torch.full((len(pictures),), 1 / len(pictures), dtype=torch.float64)
    return _fused(pictures, share, dtype)


def zzpm(candidates: Pictures, *, dtype: torch.dtype = torch.float32) -> Fusion:
    """ZZPM as its released code has it: softmax over m of 1 / (1e-3 + MSE to the average)."""
    pictures = checked_candidates(candidates, names=None)
    return _fused(pictures, torch.softmax(_closeness(pictures), dim=0), dtype)


def inverse_mse(candidates: Pictures, *, dtype: torch.dtype = torch.float32) -> Fusion:
    """ZZPM as its paper describes it: weights in proportion to 1 / (1e-3 + MSE to the average)."""
    pictures = checked_candidates(candidates, names=None)
    closeness = _closeness(pictures)
    return _fused(pictures, closeness / closeness.sum(), dtype)


BASELINES: dict[str, Callable[..., Fusion]] = {
    "average": average,
    "zzpm": zzpm,
    "inverse-mse": inverse_mse,
}


def _closeness(pictures: list[Tensor]) -> Tensor:
    """1 / (1e-3 + mean squared difference to the average), (M,) float64, levels squared."""
    values = torch.stack([values_of(picture) for picture in pictures])
    squared_error = (values - values.mean(0)).square().flatten(1).mean(1)
    return 1 / (ZZPM_EPSILON + squared_error)


def _fused(pictures: list[Tensor], share: Tensor, dtype: torch.dtype) -> Fusion:
    share = share.to(pictures[0].device)

    def weights_at(rows: Place, columns: Place) -> Tensor:
        part = pictures[0][:, rows, columns]
        return share.reshape(-1, *[1] * part.ndim).expand(-1, *part.shape)

    check_result_type(dtype)
    makers = kernels.compiled(share.device)
    if makers is not None:  # a table of one bin set, which every pixel falls into
        row = makers.packed_weights(share.expand(len(pictures[0]), 1, -1))
        starts = torch.empty(0, dtype=torch.int64, device=share.device)
        return Fusion(makers.fuse_pictures(pictures, row, starts, LEVELS, 1, dtype), weights_at)
    return fuse_pictures(pictures, weights_at, dtype)
