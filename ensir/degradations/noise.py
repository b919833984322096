"""Noise of sensors: the same everywhere, or that of counting photons, or both."""

import torch
from torch import Tensor

from ensir.degradations.arguments import by_channel, generator, is_within
from ensir.ensemble.levels import WHITE
from ensir.errors import InputError
from ensir.limits import MOST_NOISE, MOST_PHOTONS


def gaussian_noise(image: Tensor, sigma: float, seed: int) -> Tensor:
    """An image with white noise of `sigma` levels, rounded half up: uint8 or uint16
    (C, H, W) to the same.

    The same seed and size give the same noise. Clamping to 0..255 makes the noise weaker where
    the image is nearly black or white.

    Raises InputError unless 0 <= sigma <= 100 and seed >= 0.
    """
    _check_sigma(sigma)
    random = generator(seed)

    def noisy(values: Tensor) -> Tensor:
        noise = torch.from_numpy(random.standard_normal(tuple(values.shape)))
        return noise.mul_(sigma).add_(values)

    return by_channel(image, noisy)


def poisson_noise(image: Tensor, peak: float, seed: int) -> Tensor:
    """An image counted in photons, `peak` of them at level 255: uint8 or uint16 to the same.

    A level of x spreads by sqrt(255 x / peak): dark places least, everything more with fewer
    photons. Rounded half up and clamped to 0..255; the same seed and size give the same noise.

    Raises InputError unless 1 <= peak <= 1,000,000 and seed >= 0.
    """
    return poisson_gaussian_noise(image, peak, 0, seed)


def poisson_gaussian_noise(image: Tensor, peak: float, sigma: float, seed: int) -> Tensor:
    """An image counted in photons and then read out with white noise of `sigma` levels.

    uint8 or uint16 (C, H, W) to the same. A level of x spreads by sqrt(255 x / peak + sigma²): Foi
    et al., "Practical Poissonian-Gaussian Noise Modeling and Fitting", IEEE TIP 2008, Eq. 2.
    Rounded and clamped once, at the end; the same seed and size give the same noise.

    Raises InputError unless 1 <= peak <= 1,000,000, 0 <= sigma <= 100 and seed >= 0.
    """
    if not is_within(peak, 1, MOST_PHOTONS):
        raise InputError(f"white is 1 to {MOST_PHOTONS:,} photons bright, got {peak!r:.80}")
    _check_sigma(sigma)
    photons_per_level = peak / WHITE
    random = generator(seed)

    def noisy(values: Tensor) -> Tensor:
        photons = random.poisson(values.numpy() * photons_per_level)
        counted = torch.from_numpy(photons / photons_per_level)
        if sigma == 0:
            return counted
        return counted.add_(torch.from_numpy(random.normal(0, sigma, tuple(values.shape))))

    return by_channel(image, noisy)


def _check_sigma(sigma: float) -> None:
    if not is_within(sigma, 0, MOST_NOISE):
        raise InputError(f"the noise is 0 to {MOST_NOISE} levels strong, got {sigma!r:.80}")
