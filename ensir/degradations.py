"""What harms an image, seeded: for trying restorers and for training them."""

import numpy as np
import torch
from torch import Tensor

from ensir.errors import InputError
from ensir.limits import MOST_NOISE
from ensir.metrics import rounded


def gaussian_noise(image: Tensor, sigma: float, seed: int) -> Tensor:
    """An image with white noise of `sigma` levels, rounded half up: uint8 (C, H, W) to the same.

    The same seed and size give the same noise. Clamping to 0..255 makes the noise weaker where
    the image is nearly black or white.

    Raises InputError unless 0 <= sigma <= 100 and seed >= 0.
    """
    if not 0 <= sigma <= MOST_NOISE:  # false for NaN, too
        raise InputError(f"the noise is 0 to {MOST_NOISE} levels strong, got {sigma}")
    if seed < 0:
        raise InputError(f"a seed is 0 or more, got {seed}")
    noise = np.random.default_rng(seed).standard_normal(tuple(image.shape))
    return rounded(image.cpu().double() + sigma * torch.from_numpy(noise))
