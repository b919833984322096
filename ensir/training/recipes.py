"""What each task trains on: how a crop is harmed, and how the held-out photographs are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ensir.degradations import Rain, gaussian_noise, larger, motion_blur, rainy, smaller
from ensir.training.data import Crops, Degrade

SCALE = 4  # of super-resolution
LONGEST_SHAKE = 14  # pixels; those of 1280-pixel videos (GoPro), in pictures of 480


@dataclass(frozen=True)
class Recipe:
    """A task: crops are degraded by `degrade`, held-out ones by each of `checks`, named."""

    degrade: Degrade
    checks: Mapping[str, Degrade]
    crops: Crops


def seed_from(random: np.random.Generator) -> int:
    """A seed for a degradation, drawn."""
    return int(random.integers(2**63))


def blind_noise(crop: Tensor, random: np.random.Generator) -> Tensor:
    """Gaussian noise of sigma 5 to 50, the network not being told which."""
    return gaussian_noise(crop, random.uniform(5, 50), seed_from(random))


def noise_of(sigma: float) -> Degrade:
    """Gaussian noise of one strength."""
    return lambda crop, random: gaussian_noise(crop, sigma, seed_from(random))


def any_rain(crop: Tensor, random: np.random.Generator) -> Tensor:
    """Rain from a few faint streaks to many bright ones, as in Rain13K."""
    rain = Rain(
        density=random.uniform(0.01, 0.25),
        length=random.uniform(8, 32),
        angle=random.uniform(-45, 45),
        width=random.uniform(1, 2.5),
        brightness=random.uniform(60, 200),
        veil=random.uniform(0, 0.15),
    )
    return rainy(crop, rain, seed_from(random))


def rain_of(rain: Rain) -> Degrade:
    """Rain of one kind."""
    return lambda crop, random: rainy(crop, rain, seed_from(random))


def any_shake(crop: Tensor, random: np.random.Generator) -> Tensor:
    """The blur of a shaking hand along a path of up to LONGEST_SHAKE pixels, and slight noise."""
    blurred = motion_blur(crop, random.uniform(2, LONGEST_SHAKE), seed_from(random))
    return gaussian_noise(blurred, random.uniform(0, 2), seed_from(random))


def shake_of(length: float, sigma: float = 1) -> Degrade:
    """The blur of paths of one length, and noise of one strength."""
    return lambda crop, random: gaussian_noise(
        motion_blur(crop, length, seed_from(random)), sigma, seed_from(random)
    )


def enlarged_again(crop: Tensor, random: np.random.Generator) -> Tensor:
    """Four times smaller and, by the same kernel, as large as before: super-resolution fills in."""
    return larger(smaller(crop, SCALE), SCALE)


RECIPES: dict[str, Recipe] = {
    "denoising": Recipe(
        blind_noise,
        {f"sigma {sigma}": noise_of(sigma) for sigma in (15, 25, 50)},
        Crops(side=64, count=4),
    ),
    "deraining": Recipe(
        any_rain,
        {
            "light rain": rain_of(Rain(0.06, length=14, angle=12, brightness=110, veil=0.04)),
            "heavy rain": rain_of(
                Rain(0.2, length=24, angle=-20, width=2, brightness=150, veil=0.1)
            ),
        },
        Crops(side=64, count=4),
    ),
    "deblurring": Recipe(
        any_shake,
        {f"path of {length} pixels": shake_of(length) for length in (6, 12)},
        # No point of a path is further from its middle than half the path.
        Crops(side=96, count=2, margin=LONGEST_SHAKE // 2 + 1),
    ),
    # The kernel reaches 8 pixels when it makes smaller, and as far again when it makes larger.
    "super-resolution": Recipe(
        enlarged_again, {f"{SCALE} times": enlarged_again}, Crops(side=64, count=4, margin=16)
    ),
}
