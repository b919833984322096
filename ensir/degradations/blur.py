"""Blur of a hand that shakes: the path of a point of light while the shutter is open.

The path is that of a body with inertia that is pulled to the middle, pushed at random and jerked
now and then: Boracchi and Foi, "Modeling the Performance of Image Restoration from Motion Blur",
IEEE TIP 2012; so were the kernels of DeblurGAN made (Kupyn et al., CVPR 2018).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ensir.degradations.arguments import by_channel, generator, is_within
from ensir.errors import InputError

LONGEST_PATH = 64  # pixels
POINTS_PER_PIXEL = 8  # of the path, so that the kernel has no gaps
# Of the speed, in one pixel of the path: drawn once for each path, from none to the most.
MOST_PUSH = 0.3  # standard deviation of the random pushes
MOST_PULL = 0.05  # towards where the path began, for each pixel away from it
MOST_JERKS = 0.05  # how likely the direction turns to anywhere


def motion_blur(image: Tensor, length: float, seed: int) -> Tensor:
    """A picture blurred by a shaking hand: uint8 or uint16 (C, H, W) to the same, rounded half up.

    The values are blurred as they are stored, not in linear light; beyond its edges the picture
    goes on mirrored. `length` is that of the path in pixels; the same length and seed blur by the
    same path.

    Raises InputError unless 0 <= length <= 64 and seed >= 0.
    """
    import cv2

    kernel = shake_kernel(length, seed)[::-1, ::-1]  # turned round, for filter2D correlates

    def blurred(values: Tensor) -> Tensor:
        plane = np.ascontiguousarray(values.numpy())
        spread = cv2.filter2D(plane, cv2.CV_64F, kernel, borderType=cv2.BORDER_REFLECT)
        return torch.from_numpy(spread)

    return by_channel(image, blurred)


def shake_kernel(length: float, seed: int) -> NDArray[np.float64]:
    """What one point becomes: (side, side) float64, side odd, not negative, of sum 1, its centre
    of mass in the middle.

    Raises InputError unless 0 <= length <= 64 and seed >= 0.

    >>> shake_kernel(0, seed=1)
    array([[1.]])
    """
    if not is_within(length, 0, LONGEST_PATH):
        raise InputError(f"a path is 0 to {LONGEST_PATH} pixels long, got {length!r:.80}")
    path = shake_path(length, generator(seed))
    path = path - path.mean()
    # No point is further from the mean than half the length, and each is shared by its neighbours.
    reach = math.ceil(length / 2)
    side = 2 * reach + 1
    kernel = np.zeros((side + 1, side + 1))
    rows, columns = path.imag + reach, path.real + reach
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, right = rows - top, columns - left
    for row, column, share in (
        (top, left, (1 - down) * (1 - right)),
        (top, left + 1, (1 - down) * right),
        (top + 1, left, down * (1 - right)),
        (top + 1, left + 1, down * right),
    ):
        np.add.at(kernel, (row, column), share)
    kernel = kernel[:side, :side]
    return kernel / kernel.sum()


def shake_path(length: float, random: np.random.Generator) -> NDArray[np.complex128]:
    """Points at even steps along a path of `length` pixels, (points,), as x + iy, from 0 on."""
    steps = math.ceil(length * POINTS_PER_PIXEL)
    if steps == 0:
        return np.zeros(1, np.complex128)
    stride = length / steps
    push, pull, jerks = random.uniform(0, (MOST_PUSH, MOST_PULL, MOST_JERKS))
    direction = _anywhere(random)
    path = [0j]
    for _ in range(steps):
        path.append(path[-1] + stride * direction)
        shove = complex(*random.normal(0, push, 2)) * math.sqrt(stride) - pull * stride * path[-1]
        direction += shove
        if random.random() < jerks * stride:
            direction += 2 * abs(direction) * _anywhere(random)
        direction /= abs(direction)
    return np.array(path)


def _anywhere(random: np.random.Generator) -> complex:
    angle = random.uniform(0, 2 * math.pi)
    return complex(math.cos(angle), math.sin(angle))
