"""Ensembles that see the ground truth: bounds for those that do not."""

import torch
from torch import Tensor

from ensir.ensemble.bin_statistics import gather_statistics
from ensir.ensemble.bins import Bins
from ensir.ensemble.errors_about_average import errors_about_average
from ensir.ensemble.least_squares import least_squares_weights
from ensir.ensemble.levels import values_of
from ensir.limits import LEVELS


def best_pixels(candidates: Tensor, truth: Tensor) -> Tensor:
    """In every pixel and channel the value of the candidate closest to the truth.

    Candidates (M, C, H, W) and truth (C, H, W), uint8 or uint16 -> (C, H, W) float32, 0..255.
    """
    values = values_of(candidates)
    closest = (values - values_of(truth)).abs().argmin(0, keepdim=True)
    return values.gather(0, closest)[0].float()


def best_weights(candidates: Tensor, truth: Tensor) -> Tensor:
    """Fused by the one weight of each candidate and channel that errs least on this very picture.

    Candidates (M, C, H, W) and truth (C, H, W), uint8 -> (C, H, W) float32, 0..255.
    """
    statistics = gather_statistics(candidates, truth, Bins(LEVELS, len(candidates)))
    _, weights = least_squares_weights(
        errors_about_average(statistics), statistics.pixels, ridge=0.0
    )
    return torch.einsum("cm,mchw->chw", weights, values_of(candidates)).float()
