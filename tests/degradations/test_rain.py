"""Rain has the density, direction, length and veil asked for."""

import math

import numpy as np
import pytest
import torch

from ensir.degradations.rain import FAINTEST, SKY, Rain, rainy, streak, streaks
from ensir.errors import InputError

BLACK = torch.zeros(3, 120, 160, dtype=torch.uint8)


def test_the_same_seed_gives_the_same_rain_and_another_seed_other_rain() -> None:
    rain = Rain(density=0.1)
    assert torch.equal(rainy(BLACK, rain, seed=4), rainy(BLACK, rain, seed=4))
    assert not torch.equal(rainy(BLACK, rain, seed=4), rainy(BLACK, rain, seed=5))


def test_streaks_are_grey_and_only_add_light() -> None:
    image = torch.full((3, 60, 60), 90, dtype=torch.uint8)
    wet = rainy(image, Rain(density=0.1), seed=0)
    assert torch.equal(wet[0], wet[1]) and torch.equal(wet[0], wet[2])
    assert (wet >= image).all() and (wet > image).any()


@pytest.mark.parametrize("density", [0.02, 0.1, 0.3])
def test_the_light_added_is_the_density_times_the_mean_of_a_streak(density: float) -> None:
    rain = Rain(density=density, length=12, width=2, brightness=100)
    light = streaks(400, 400, rain, np.random.default_rng(1))
    wanted = density * 100 * (FAINTEST + 1) / 2
    drops = 400 * 400 * density / (12 * 2)
    # Four standard errors of the number of drops, whose brightness varies by less than itself.
    assert light.mean() == pytest.approx(wanted, rel=4 * 1.2 / math.sqrt(drops))


@pytest.mark.parametrize("angle", [-60, 0, 35])
def test_streaks_run_in_the_direction_asked_for(angle: float) -> None:
    light = streaks(300, 300, Rain(0.05, length=30, angle=angle, width=3), np.random.default_rng(0))
    # The gradient is steepest across the streaks: the structure tensor's weak axis is theirs.
    down, right = np.gradient(light)
    tensor = np.cov(np.stack([down.ravel(), right.ravel()]))
    along = np.linalg.eigh(tensor)[1][:, 0]
    found = math.degrees(math.atan2(along[1], along[0]))
    assert (found - angle + 90) % 180 - 90 == pytest.approx(0, abs=5)


def test_a_streak_has_the_length_and_width_asked_for() -> None:
    for length, width, angle in ((20, 1.5, 0), (20, 1.5, 30), (9.5, 3, -70), (1, 1, 0)):
        shape = streak(length, width, angle)
        side = len(shape)
        assert shape.shape == (side, side) and side % 2 == 1
        assert shape.min() >= 0 and shape.max() <= 1
        assert shape.sum() == pytest.approx(length * width, rel=0.15)
        assert np.allclose(shape, shape[::-1, ::-1])
        # Nothing is cut off.
        assert not shape[0].any() or angle == 0 or length == 1


def test_the_veil_moves_everything_towards_the_sky() -> None:
    image = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16).repeat(3, 1, 1)
    wet = rainy(image, Rain(density=0, veil=0.25), seed=0)
    wanted = (0.75 * image.double() + 0.25 * SKY + 0.5).floor()
    assert torch.equal(wet.double(), wanted)
    assert (rainy(image, Rain(density=0.2, veil=1), seed=0) == round(SKY)).all()


def test_no_rain_changes_nothing() -> None:
    image = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16).repeat(3, 1, 1)
    assert torch.equal(rainy(image, Rain(density=0), seed=0), image)
    deep = (image.int() * 257).to(torch.uint16)
    assert torch.equal(rainy(deep, Rain(density=0), seed=0), deep)


def test_the_edge_is_as_wet_as_the_middle() -> None:
    light = np.mean(
        [
            streaks(40, 40, Rain(0.2, length=15, angle=20), np.random.default_rng(seed))
            for seed in range(60)
        ],
        axis=0,
    )
    edge = np.concatenate([light[:3].ravel(), light[-3:].ravel(), light[:, :3].ravel()])
    # 60 pictures of about 20 drops at the edge: within four standard errors of the whole.
    assert edge.mean() == pytest.approx(light.mean(), rel=4 * 1.2 / math.sqrt(60 * 20))


@pytest.mark.parametrize(
    "fields",
    [
        {"density": 1.1},
        {"density": math.nan},
        {"length": 0},
        {"angle": 91},
        {"width": 0.5},
        {"brightness": 256},
        {"veil": -0.1},
    ],
    ids=str,
)
def test_rain_out_of_range_is_refused(fields: dict[str, float]) -> None:
    with pytest.raises(InputError, match="rain has a density and a veil of 0 to 1"):
        Rain(**{"density": 0.1, **fields})


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(InputError, match="a seed is 0 or more"):
        rainy(BLACK, Rain(0.1), seed=-1)
