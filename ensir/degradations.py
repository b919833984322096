"""What harms an image, seeded: for trying restorers and for training them."""

import numpy as np
import torch
from torch import Tensor

from ensir.errors import InputError
from ensir.limits import LEVELS, MOST_NOISE, MOST_PHOTONS
from ensir.metrics import rounded

WHITE = LEVELS - 1


def gaussian_noise(image: Tensor, sigma: float, seed: int) -> Tensor:
    """An image with white noise of `sigma` levels, rounded half up: uint8 (C, H, W) to the same.

    The same seed and size give the same noise. Clamping to 0..255 makes the noise weaker where
    the image is nearly black or white.

    Raises InputError unless 0 <= sigma <= 100 and seed >= 0.
    """
    if not 0 <= sigma <= MOST_NOISE:  # false for NaN, too
        raise InputError(f"the noise is 0 to {MOST_NOISE} levels strong, got {sigma}")
    noise = _random(seed).standard_normal(tuple(image.shape))
    return rounded(image.cpu().double() + sigma * torch.from_numpy(noise))


def poisson_noise(image: Tensor, peak: float, seed: int) -> Tensor:
    """An image counted in photons, `peak` of them at level 255: uint8 (C, H, W) to the same.

    A level of x spreads by sqrt(255 x / peak): dark places least, everything more with fewer
    photons. Rounded half up and clamped to 0..255; the same seed and size give the same noise.

    Raises InputError unless 1 <= peak <= 1,000,000 and seed >= 0.
    """
    if not 1 <= peak <= MOST_PHOTONS:  # false for NaN, too
        raise InputError(f"white is 1 to {MOST_PHOTONS:,} photons bright, got {peak}")
    photons_per_level = peak / WHITE
    photons = _random(seed).poisson(image.cpu().double().numpy() * photons_per_level)
    return rounded(torch.from_numpy(photons / photons_per_level))


def _random(seed: int) -> np.random.Generator:
    if seed < 0:
        raise InputError(f"a seed is 0 or more, got {seed}")
    return np.random.default_rng(seed)
