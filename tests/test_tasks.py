import pytest
import torch

from ensir.degradations import gaussian_noise
from ensir.errors import InputError
from ensir.metrics import psnr
from ensir.restorers import RESTORERS
from ensir.tasks import TASKS, degraded
from tests.conftest import make_pictures

_, PICTURE = make_pictures(seed=6, members=1, height=70, width=60)


@pytest.mark.parametrize("name", TASKS)
def test_more_strength_degrades_more_and_none_next_to_nothing(name: str) -> None:
    task = TASKS[name]
    strengths = (task.usual / 3, task.usual, task.strongest)
    scores = [psnr(degraded(PICTURE, name, strength, 1), PICTURE) for strength in strengths]
    assert scores == sorted(scores, reverse=True) and scores[-1] < scores[0] - 3
    assert 0 < task.usual < task.strongest


@pytest.mark.parametrize("name", TASKS)
def test_the_same_seed_is_the_same_degradation(name: str) -> None:
    first, again, other = (degraded(PICTURE, name, TASKS[name].usual, s) for s in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_denoising_is_tried_with_gaussian_noise() -> None:
    assert torch.equal(degraded(PICTURE, "denoising", 25, 3), gaussian_noise(PICTURE, 25, 3))


@pytest.mark.parametrize("strength", [None, "much", [3], float("nan"), -1, True])
@pytest.mark.parametrize("name", TASKS)
def test_a_strength_that_is_none_is_refused(name: str, strength: object) -> None:
    with pytest.raises(InputError):
        degraded(PICTURE, name, strength, 1)


@pytest.mark.parametrize("name", ["dehazing", None, ["denoising"]])
def test_an_unknown_task_is_refused_with_those_there_are(name: object) -> None:
    with pytest.raises(InputError, match="a task is denoising, deraining, deblurring; got"):
        degraded(PICTURE, name, 1, 1)


def test_every_restorer_is_for_a_task_with_a_degradation() -> None:
    assert {restorer.task for restorer in RESTORERS.values() if restorer.scale == 1} <= set(TASKS)
