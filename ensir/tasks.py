"""What pictures suffer from, and how a clean one is degraded to try what helps against it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ensir.degradations import Rain, gaussian_noise, motion_blur, rainy
from ensir.errors import InputError

SLIGHT_NOISE = 1  # levels of sigma: no blurred photograph is free of it


@dataclass(frozen=True)
class Task:
    """One degradation, and the strength of it."""

    degrade: Callable[
        [Tensor, float, int], Tensor
    ]  # picture, strength and seed to the degraded one
    strength: str  # what is strong, with its unit
    strongest: int
    usual: int  # what the sample statistics are made with
    degradation: str  # in words


def _rain(picture: Tensor, percent: float, seed: int) -> Tensor:
    if not isinstance(percent, int | float) or isinstance(percent, bool):
        raise InputError(f"rain covers a number of percent, got {percent!r:.80}")
    kind = Rain(percent / 100, length=16, angle=12, brightness=130, veil=0.05)
    return rainy(picture, kind, seed)


def _shake(picture: Tensor, path: float, seed: int) -> Tensor:
    return gaussian_noise(motion_blur(picture, path, seed), SLIGHT_NOISE, seed)


# By the task of the restorers that help against it.
TASKS = {
    "denoising": Task(gaussian_noise, "Sigma, levels", 50, 25, "gaussian noise"),
    "deraining": Task(_rain, "Covered by streaks, %", 25, 10, "rain"),
    "deblurring": Task(_shake, "Path of the camera, pixels", 14, 8, "motion blur, slight noise"),
}


def degraded(picture: Tensor, task: str, strength: float, seed: int) -> Tensor:
    """A clean picture (C, H, W), uint8 or uint16, degraded as the task has it; the same
    seed does the same.

    Raises InputError for an unknown task and for a strength out of range.
    """
    if task not in tuple(TASKS):
        raise InputError(f"a task is {', '.join(TASKS)}; got {task!r:.80}")
    return TASKS[task].degrade(picture, strength, seed)
