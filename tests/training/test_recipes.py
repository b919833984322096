"""Each recipe harms a crop as its task says, and the held-out photographs always alike."""

import numpy as np
import pytest
import torch

from ensir.metrics import psnr
from ensir.training.data import batch
from ensir.training.recipes import RECIPES, blind_noise, seed_from

CROP = torch.full((3, 96, 96), 128, dtype=torch.uint8)
CROP[:, 20:70, 30:60] = 60


@pytest.mark.parametrize("task", RECIPES)
def test_a_recipe_is_a_function_of_the_random_numbers(task: str) -> None:
    degrade = RECIPES[task].degrade
    one, again, other = (degrade(CROP, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.dtype == torch.uint8 and one.shape == CROP.shape
    assert torch.equal(one, again) and not torch.equal(one, CROP)
    assert torch.equal(one, other) == (task == "super-resolution")  # nothing there is by chance


@pytest.mark.parametrize("task", RECIPES)
def test_checks_go_from_light_to_heavy(task: str) -> None:
    scores = [
        np.mean([psnr(check(CROP, np.random.default_rng(seed)), CROP) for seed in range(10)])
        for check in RECIPES[task].checks.values()
    ]
    assert scores and scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("task", RECIPES)
def test_a_batch_can_be_made_of_photos_that_just_hold_a_crop(task: str) -> None:
    recipe = RECIPES[task]
    wide = recipe.crops.side + 2 * recipe.crops.margin
    photo = CROP.repeat(1, 2, 2)[:, :wide, :wide]
    degraded, clean = batch([photo], recipe.degrade, recipe.crops, seed=0, step=0)
    assert clean.shape == (recipe.crops.count, 3, recipe.crops.side, recipe.crops.side)
    assert degraded.shape == clean.shape and not torch.equal(degraded, clean)


def test_blind_noise_has_every_strength_from_5_to_50() -> None:
    grey = torch.full((3, 64, 64), 128, dtype=torch.uint8)
    spreads = [
        (blind_noise(grey, np.random.default_rng(seed)).double() - 128).std().item()
        for seed in range(200)
    ]
    assert 4.8 < min(spreads) < 8
    # At 50 the noise is clamped now and then, which makes it a little weaker.
    assert 45 < max(spreads) < 50.5
    assert 25 < np.mean(spreads) < 30


def test_drawn_seeds_are_seeds() -> None:
    random = np.random.default_rng(0)
    seeds = [seed_from(random) for _ in range(100)]
    assert len(set(seeds)) == 100 and min(seeds) >= 0 and all(type(seed) is int for seed in seeds)


def test_super_resolution_starts_from_the_enlarged_picture() -> None:
    enlarged = RECIPES["super-resolution"].degrade(CROP, np.random.default_rng(0))
    # Flat places stay; edges become soft.
    assert (enlarged[:, 82:, 82:] == 128).all()
    assert (enlarged[:, 36:54, 40:50].int() - 60).abs().max() < 8
    assert not torch.equal(enlarged, CROP)
