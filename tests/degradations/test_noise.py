"""Noise is seeded, of the strength asked for, and stays within levels."""

import math

import pytest
import torch

from ensir.degradations import gaussian_noise, poisson_gaussian_noise, poisson_noise
from ensir.errors import InputError

GREY = torch.full((3, 200, 200), 128, dtype=torch.uint8)
NO_NUMBERS = ["much", "x" * 5000, None, [1], True, 1j]


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


def test_the_same_seed_gives_the_same_photons_and_another_seed_others() -> None:
    assert torch.equal(poisson_noise(GREY, 30, seed=4), poisson_noise(GREY, 30, seed=4))
    assert not torch.equal(poisson_noise(GREY, 30, seed=4), poisson_noise(GREY, 30, seed=5))


@pytest.mark.parametrize("level, peak", [(128, 100), (64, 100), (20, 2000), (200, 2000)])
def test_photons_keep_the_level_and_spread_by_its_root(level: int, peak: float) -> None:
    image = torch.full((3, 200, 200), level, dtype=torch.uint8)
    noise = poisson_noise(image, peak, seed=0).double() - level
    variance = 255 * level / peak + 1 / 12  # rounding adds the second part
    # Four standard errors; half up shifts the mean by up to half a level where the levels of few
    # photons lie coarsely.
    assert abs(noise.mean().item()) < 4 * math.sqrt(variance / noise.numel()) + 0.05
    assert abs(noise.var().item() / variance - 1) < 0.05


def test_photons_come_in_whole_numbers() -> None:
    noisy = poisson_noise(torch.full((1, 99, 99), 90, dtype=torch.uint8), 10, seed=1)
    photons = noisy.unique().double() * 10 / 255
    # Rounding to levels moves a count by up to 0.5 / 25.5 photons; the last is clamped.
    assert (photons - photons.round()).abs().max().item() < 0.02
    assert photons.round().tolist() == list(range(len(photons)))


def test_black_has_no_photons_and_white_is_clamped() -> None:
    black, white = (torch.full((3, 99, 99), level, dtype=torch.uint8) for level in (0, 255))
    assert torch.equal(poisson_noise(black, 5, seed=1), black)
    noisy = poisson_noise(white, 5, seed=1)
    assert noisy.dtype == torch.uint8 and noisy.shape == white.shape
    # A Poisson count of mean 5 is 5 or more in 56 % of the draws: all of these are white.
    assert abs((noisy == 255).double().mean().item() - 0.5595) < 0.02


def test_channels_and_neighbours_get_photons_of_their_own() -> None:
    noise = poisson_noise(GREY, 100, seed=0).double() - 128
    for other in (noise.roll(1, 0), noise.roll(1, 1), noise.roll(1, 2)):
        correlation = (noise * other).mean() / noise.square().mean()
        assert abs(correlation.item()) < 4 / math.sqrt(noise.numel())


def test_very_much_light_leaves_nearly_no_noise() -> None:
    noisy = poisson_noise(GREY, 1_000_000, seed=0)
    assert (noisy.int() - 128).abs().max().item() <= 1


@pytest.mark.parametrize("peak", [-1, 0, 0.5, 1_000_001, math.inf, math.nan, *NO_NUMBERS])
def test_a_number_of_photons_out_of_range_is_refused(peak: object) -> None:
    with pytest.raises(InputError, match=r"1 to 1,000,000 photons bright, got .{1,80}$"):
        poisson_noise(GREY, peak, seed=0)


@pytest.mark.parametrize("sigma", [-1, 100.5, math.inf, math.nan, *NO_NUMBERS])
def test_a_strength_out_of_range_is_refused(sigma: object) -> None:
    with pytest.raises(InputError, match=r"0 to 100 levels strong, got .{1,80}$"):
        gaussian_noise(GREY, sigma, seed=0)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(InputError, match="a seed is 0 or more, got -1"):
        gaussian_noise(GREY, 25, seed=-1)
    with pytest.raises(InputError, match="a seed is 0 or more, got -1"):
        poisson_noise(GREY, 25, seed=-1)


@pytest.mark.parametrize(("level", "peak", "sigma"), [(128, 100, 10), (40, 1000, 4)])
def test_counting_and_reading_spread_by_the_sum_of_their_variances(
    level: int, peak: float, sigma: float
) -> None:
    image = torch.full((3, 200, 200), level, dtype=torch.uint8)
    noise = poisson_gaussian_noise(image, peak, sigma, seed=0).double() - level
    variance = 255 * level / peak + sigma**2 + 1 / 12  # rounding adds the last part
    assert abs(noise.mean().item()) < 4 * math.sqrt(variance / noise.numel()) + 0.05
    # Four standard errors of the variance of 120,000 draws are 1.6 %.
    assert abs(noise.var().item() / variance - 1) < 0.02


def test_without_reading_noise_only_photons_are_counted() -> None:
    assert torch.equal(poisson_gaussian_noise(GREY, 30, 0, seed=4), poisson_noise(GREY, 30, seed=4))
    read = poisson_gaussian_noise(GREY, 30, 5, seed=4)
    assert not torch.equal(read, poisson_noise(GREY, 30, seed=4))
    assert torch.equal(read, poisson_gaussian_noise(GREY, 30, 5, seed=4))


@pytest.mark.parametrize(("peak", "sigma"), [(0.5, 5), (30, 101), (30, -1), (30, math.nan)])
def test_reading_noise_out_of_range_is_refused(peak: float, sigma: float) -> None:
    with pytest.raises(InputError, match=r"photons bright|levels strong"):
        poisson_gaussian_noise(GREY, peak, sigma, seed=0)
