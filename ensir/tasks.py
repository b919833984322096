"""What pictures suffer from, and how a clean one is degraded to try what helps against it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ensir.degradations import Rain, gaussian_noise, motion_blur, rainy, smaller
from ensir.errors import InputError

SLIGHT_NOISE = 1  # levels of sigma: no blurred photograph is free of it
SCALE = 4  # of super-resolution


@dataclass(frozen=True)
class Task:
    """One degradation, and the strength of it."""

    degrade: Callable[
        [Tensor, float, int], Tensor
    ]  # picture, strength and seed to the degraded one
    degradation: str  # in words
    sample: str  # the same, as strong as the sample statistics are made with
    strength: str | None = None  # what is strong, with its unit; None where there is no choice
    strongest: int = 0
    usual: int = 0  # what the sample statistics are made with
    scale: int = 1  # how many times smaller the degraded picture is


def _rain(picture: Tensor, percent: float, seed: int) -> Tensor:
    if not isinstance(percent, int | float) or isinstance(percent, bool):
        raise InputError(f"rain covers a number of percent, got {percent!r:.80}")
    kind = Rain(percent / 100, length=16, angle=12, brightness=130, veil=0.05)
    return rainy(picture, kind, seed)


def _four_times_smaller(picture: Tensor, strength: float, seed: int) -> Tensor:
    return smaller(picture, SCALE)


def _shake(picture: Tensor, path: float, seed: int) -> Tensor:
    return gaussian_noise(motion_blur(picture, path, seed), SLIGHT_NOISE, seed)


# By the task of the restorers that help against it.
TASKS = {
    "denoising": Task(
        gaussian_noise, "gaussian noise", "gaussian noise of sigma 25", "Sigma, levels", 50, 25
    ),
    "deraining": Task(
        _rain, "rain", "rain over 10 % of the picture", "Covered by streaks, %", 25, 10
    ),
    "deblurring": Task(
        _shake,
        "motion blur, slight noise",
        "motion blur along 8 pixels, slight noise",
        "Path of the camera, pixels",
        14,
        8,
    ),
    "super-resolution": Task(
        _four_times_smaller,
        "bicubic down-sampling to a quarter of the side",
        "bicubic down-sampling to a quarter of the side",
        scale=SCALE,
    ),
}


def task_of(name: str) -> Task:
    """The task of a name. Raises InputError where there is none."""
    if name not in tuple(TASKS):  # a list is no key, but can be compared
        raise InputError(f"a task is {', '.join(TASKS)}; got {name!r:.80}")
    return TASKS[name]


def clean(picture: Tensor, task: str) -> Tensor:
    """As much of a picture (C, H, W), from the top left, as its degraded self can be held against:
    sides that are multiples of the task's scale.

    Raises InputError for an unknown task, and for a picture smaller than the scale.
    """
    scale = task_of(task).scale
    height, width = (side - side % scale for side in picture.shape[1:])
    if not height or not width:
        raise InputError(
            f"{task} takes pictures of {scale} × {scale} pixels or more, got "
            f"{picture.shape[2]} × {picture.shape[1]}: choose a larger one"
        )
    return picture[:, :height, :width].contiguous()


def degraded(picture: Tensor, task: str, strength: float, seed: int) -> Tensor:
    """A clean picture (C, H, W), uint8 or uint16, degraded as the task has it; the same
    seed does the same. It is as many times smaller as the task's scale says.

    Raises InputError for an unknown task and for a strength out of range.
    """
    return task_of(task).degrade(picture, strength, seed)
