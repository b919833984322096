"""Noise is seeded, of the strength asked for, and stays within levels."""

import math

import pytest
import torch

from ensir.degradations import gaussian_noise
from ensir.errors import InputError

GREY = torch.full((3, 200, 200), 128, dtype=torch.uint8)


def test_the_same_seed_gives_the_same_noise_and_another_seed_another() -> None:
    assert torch.equal(gaussian_noise(GREY, 25, seed=4), gaussian_noise(GREY, 25, seed=4))
    assert not torch.equal(gaussian_noise(GREY, 25, seed=4), gaussian_noise(GREY, 25, seed=5))


def test_noise_on_grey_has_the_mean_and_spread_asked_for() -> None:
    noise = gaussian_noise(GREY, 25, seed=0).double() - 128
    # Four standard errors of 120,000 draws; rounding adds 1/12 to the variance.
    assert abs(noise.mean().item()) < 4 * 25 / math.sqrt(noise.numel())
    wanted = math.sqrt(25**2 + 1 / 12)
    assert abs(noise.std().item() - wanted) < 4 * 25 / math.sqrt(2 * noise.numel())


def test_channels_and_neighbours_get_noise_of_their_own() -> None:
    noise = gaussian_noise(GREY, 25, seed=0).double() - 128
    for other in (noise.roll(1, 0), noise.roll(1, 1), noise.roll(1, 2)):
        correlation = (noise * other).mean() / noise.square().mean()
        assert abs(correlation.item()) < 4 / math.sqrt(noise.numel())


def test_black_and_white_stay_levels_under_the_strongest_noise() -> None:
    for level in (0, 255):
        noisy = gaussian_noise(torch.full((1, 9, 9), level, dtype=torch.uint8), 100, seed=1)
        assert noisy.dtype == torch.uint8 and noisy.shape == (1, 9, 9)
        # Nothing wraps around: about half is clamped to where it was.
        assert (noisy == level).sum() > 20


def test_no_noise_changes_nothing() -> None:
    assert torch.equal(gaussian_noise(GREY, 0, seed=0), GREY)


@pytest.mark.parametrize("sigma", [-1, 100.5, math.inf, math.nan])
def test_a_strength_out_of_range_is_refused(sigma: float) -> None:
    with pytest.raises(InputError, match="0 to 100 levels strong, got"):
        gaussian_noise(GREY, sigma, seed=0)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(InputError, match="a seed is 0 or more, got -1"):
        gaussian_noise(GREY, 25, seed=-1)
