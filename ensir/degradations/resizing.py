"""Bicubic resizing as MATLAB's imresize does it: what super-resolution is measured against.

The kernel of Keys (IEEE ASSP 1981) with a = -1/2; made wider when the picture gets smaller, so that
what is too fine to be shown does not turn up as something coarse (antialiasing).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ensir.degradations.arguments import by_channel, is_within
from ensir.errors import InputError

REACH = 2  # pixels: where the kernel ends
LARGEST_FACTOR = 16


def smaller(image: Tensor, factor: int) -> Tensor:
    """A picture down-sampled by a whole factor, with antialiasing: uint8 or uint16 (C, H, W) to
    the same (C, ceil(H / factor), ceil(W / factor)), rounded half up.

    Raises InputError unless the factor is 1 to 16.
    """
    _check(factor)
    height, width = (math.ceil(side / factor) for side in image.shape[1:])
    return _resized(image, height, width, 1 / factor)


def larger(image: Tensor, factor: int) -> Tensor:
    """A picture interpolated: uint8 or uint16 (C, H, W) to the same (C, factor H, factor W),
    rounded half up.

    Raises InputError unless the factor is 1 to 16.
    """
    _check(factor)
    height, width = (side * factor for side in image.shape[1:])
    return _resized(image, height, width, factor)


def cubic(distance: Tensor) -> Tensor:
    """The weight of a pixel at a distance, in pixels (Keys, Eq. 15): 1 at 0, 0 from 2 on.

    >>> cubic(torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0]))
    tensor([ 1.0000,  0.5625,  0.0000, -0.0625,  0.0000])
    """
    x = distance.abs()
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x <= REACH, far, 0))


def weights(size: int, new_size: int, scale: float) -> Tensor:
    """What each old pixel gives to each new one, along one side: (new_size, size) float64.

    A row adds up to 1. The picture goes on mirrored beyond its edges, the edge pixel twice.

    >>> weights(4, 2, 0.5)[0]
    tensor([ 0.5469,  0.3984,  0.1016, -0.0469], dtype=torch.float64)
    """
    shrink = min(scale, 1)  # the kernel is wider by its inverse
    span = math.ceil(2 * REACH / shrink) + 2  # old pixels that a new one may look at
    # The middle of each new pixel, counted in old ones, whose middles are whole numbers.
    middle = (torch.arange(new_size, dtype=torch.float64) + 0.5) / scale - 0.5
    first = (middle - REACH / shrink).floor()
    place = first[:, None] + torch.arange(span)
    weight = cubic(shrink * (middle[:, None] - place))
    weight /= weight.sum(1, keepdim=True)
    mirrored = place.long() % (2 * size)
    mirrored = torch.minimum(mirrored, 2 * size - 1 - mirrored)
    return torch.zeros(new_size, size, dtype=torch.float64).scatter_add_(1, mirrored, weight)


def _resized(image: Tensor, height: int, width: int, scale: float) -> Tensor:
    by_row = weights(image.shape[1], height, scale)
    by_column = weights(image.shape[2], width, scale)
    return by_channel(image, lambda values: by_row @ values @ by_column.T)


def _check(factor: int) -> None:
    if not is_within(factor, 1, LARGEST_FACTOR) or factor != int(factor):
        raise InputError(
            f"pictures are resized by a whole factor of 1 to {LARGEST_FACTOR}, got {factor!r:.80}"
        )
