"""How far a restored picture is from the truth, as training counts it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

SMOOTHING = 1e-3  # of values in [0, 1]: a quarter of a level
FREQUENCY_WEIGHT = 0.1  # Cho et al. (below)


def charbonnier(restored: Tensor, truth: Tensor) -> Tensor:
    """The mean of sqrt(difference² + SMOOTHING²): the absolute error, round at zero, ().

    Charbonnier et al., ICIP 1994.
    """
    return ((restored - truth).square() + SMOOTHING**2).sqrt().mean()


def frequency_error(restored: Tensor, truth: Tensor) -> Tensor:
    """The mean absolute difference of the Fourier coefficients of (..., H, W), ().

    Cho et al., "Rethinking Coarse-to-Fine Approach in Single Image Deblurring", ICCV 2021, Eq. 7;
    with the orthonormal transform, so that it does not grow with the size of the crop.
    """
    return torch.fft.rfft2(restored - truth, norm="ortho").abs().mean()


def restoration_loss(outputs: Tensor | Sequence[Tensor], truth: Tensor) -> Tensor:
    """What training makes small, for one output or the mean over those of several stages, ()."""
    stages = [outputs] if isinstance(outputs, Tensor) else outputs
    losses = [
        charbonnier(stage, truth) + FREQUENCY_WEIGHT * frequency_error(stage, truth)
        for stage in stages
    ]
    return torch.stack(losses).mean()
