import pytest
import torch

from ensir.degradations import gaussian_noise, smaller
from ensir.errors import InputError
from ensir.metrics import psnr
from ensir.restorers import RESTORERS
from ensir.tasks import TASKS, clean, degraded
from tests.conftest import make_pictures

_, PICTURE = make_pictures(seed=6, members=1, height=70, width=60)
WITH_STRENGTH = [name for name, task in TASKS.items() if task.strength is not None]


@pytest.mark.parametrize("name", WITH_STRENGTH)
def test_more_strength_degrades_more_and_none_next_to_nothing(name: str) -> None:
    task = TASKS[name]
    strengths = (task.usual / 3, task.usual, task.strongest)
    scores = [psnr(degraded(PICTURE, name, strength, 1), PICTURE) for strength in strengths]
    assert scores == sorted(scores, reverse=True) and scores[-1] < scores[0] - 3
    assert 0 < task.usual < task.strongest


@pytest.mark.parametrize("name", WITH_STRENGTH)
def test_the_same_seed_is_the_same_degradation(name: str) -> None:
    first, again, other = (degraded(PICTURE, name, TASKS[name].usual, s) for s in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_denoising_is_tried_with_gaussian_noise() -> None:
    assert torch.equal(degraded(PICTURE, "denoising", 25, 3), gaussian_noise(PICTURE, 25, 3))


def test_super_resolution_is_tried_on_a_quarter_of_the_side() -> None:
    truth = clean(PICTURE, "super-resolution")
    assert truth.shape == (3, 68, 60)  # 70 is no multiple of 4
    small = degraded(truth, "super-resolution", 0, seed=1)
    assert torch.equal(small, smaller(truth, 4)) and small.shape == (3, 17, 15)


@pytest.mark.parametrize("name", TASKS)
def test_the_clean_picture_is_the_degraded_one_times_the_scale(name: str) -> None:
    truth = clean(PICTURE, name)
    picture = degraded(truth, name, TASKS[name].usual, seed=1)
    assert [side * TASKS[name].scale for side in picture.shape[1:]] == list(truth.shape[1:])
    assert torch.equal(truth, PICTURE[:, : truth.shape[1], : truth.shape[2]])


def test_a_picture_too_small_for_the_scale_is_refused() -> None:
    with pytest.raises(InputError, match="4 × 4 pixels or more, got 3 × 70"):
        clean(PICTURE[:, :, :3], "super-resolution")


@pytest.mark.parametrize("strength", [None, "much", [3], float("nan"), -1, True])
@pytest.mark.parametrize("name", WITH_STRENGTH)
def test_a_strength_that_is_none_is_refused(name: str, strength: object) -> None:
    with pytest.raises(InputError):
        degraded(PICTURE, name, strength, 1)


@pytest.mark.parametrize("name", ["dehazing", None, ["denoising"]])
def test_an_unknown_task_is_refused_with_those_there_are(name: object) -> None:
    with pytest.raises(
        InputError, match="a task is denoising, deraining, deblurring, super-resolution; got"
    ):
        degraded(PICTURE, name, 1, 1)


def test_every_restorer_is_for_a_task_with_a_degradation() -> None:
    for restorer in RESTORERS.values():
        assert restorer.scale == TASKS[restorer.task].scale
