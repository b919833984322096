"""Rain: bright streaks in layers, and the veil of those too far to be seen singly.

The picture is a (B + S₁ + S₂ + ...) + (1 - a) A, as in Yang et al., "Deep Joint Rain Detection and
Removal from a Single Image", CVPR 2017, Eq. 2, where Rain100 was made: B the clean picture, S a
layer of streaks alike in direction and length, A the light of the sky, 1 - a the veil.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ensir.degradations.arguments import by_channel, generator, is_within
from ensir.ensemble.levels import WHITE
from ensir.errors import InputError

LONGEST_STREAK, WIDEST_STREAK = 100, 10  # pixels
SKY = 0.8 * WHITE  # A: an overcast sky is not quite white
LAYERS = ((0.6, -4.0), (1.0, 0.0), (1.4, 4.0))  # of the length asked for; degrees off the angle
FAINTEST = 0.3  # of the brightest streak


@dataclass(frozen=True)
class Rain:
    """How it rains.

    Raises InputError for numbers out of range.
    """

    density: float  # 0 to 1: how much of the picture the streaks would cover, if none overlapped
    length: float = 20  # 1 to 100 pixels
    angle: float = 0  # degrees from straight down, to the right if positive; -90 to 90
    width: float = 1.5  # 1 to 10 pixels
    brightness: float = 150  # 0 to 255 levels that the brightest streak adds
    veil: float = 0  # 0 to 1: how much of the light is the sky's

    def __post_init__(self) -> None:
        in_range = (
            is_within(self.density, 0, 1)
            and is_within(self.length, 1, LONGEST_STREAK)
            and is_within(self.angle, -90, 90)
            and is_within(self.width, 1, WIDEST_STREAK)
            and is_within(self.brightness, 0, WHITE)
            and is_within(self.veil, 0, 1)
        )
        if not in_range:
            raise InputError(
                f"rain has a density and a veil of 0 to 1, streaks 1 to {LONGEST_STREAK} long, 1 "
                f"to {WIDEST_STREAK} wide, -90 to 90 degrees steep and 0 to {WHITE} bright, got "
                f"{self}"
            )


def rainy(image: Tensor, rain: Rain, seed: int) -> Tensor:
    """A picture in the rain, rounded half up: uint8 or uint16 (C, H, W) to the same.

    The streaks are grey. The same rain, seed and size give the same streaks.

    Raises InputError unless seed >= 0.
    """
    height, width = image.shape[1:]
    fallen = torch.from_numpy(streaks(height, width, rain, generator(seed)))

    def wet(values: Tensor) -> Tensor:
        lit = (values + fallen).clamp_(max=WHITE)
        return lit.mul_(1 - rain.veil).add_(rain.veil * SKY)

    return by_channel(image, wet)


def streaks(
    height: int, width: int, rain: Rain, random: np.random.Generator
) -> NDArray[np.float64]:
    """The light that all layers add, in levels, (height, width) float64, 0 or more."""
    import cv2

    light = np.zeros((height, width))
    for share, turn in LAYERS:
        shape = streak(rain.length * share, rain.width, rain.angle + turn)
        # Drops begin outside, too, so that no edge is drier.
        margin = len(shape) // 2
        wide = (height + 2 * margin, width + 2 * margin)
        chance = rain.density / (len(LAYERS) * shape.sum())
        bright = random.uniform(FAINTEST, 1, wide)
        drops = np.where(random.random(wide) < chance, bright, 0.0)
        layer = cv2.filter2D(drops, cv2.CV_64F, shape)
        light += layer[margin : margin + height, margin : margin + width]
    return rain.brightness * light


def streak(length: float, width: float, angle: float) -> NDArray[np.float64]:
    """One streak in the middle of a square, 1 inside and 0 outside, (side, side) float64, side odd.

    The edge has the share of a pixel that the distance to it says.

    >>> streak(2, 1, angle=0)[:, 2]
    array([0. , 0.5, 1. , 0.5, 0. ])
    """
    reach = math.ceil((length + width) / 2)
    row, column = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    turn = math.radians(angle)
    down, right = math.cos(turn), math.sin(turn)
    along = np.abs(row * down + column * right)
    across = np.abs(column * down - row * right)
    ends = np.clip((length + 1) / 2 - along, 0, 1)
    sides = np.clip((width + 1) / 2 - across, 0, 1)
    return ends * sides
