"""What all degradations have in common: numbers in range, seeds, and work channel by channel."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real

import numpy as np
import torch
from torch import Tensor

from ensir.ensemble.levels import in_depth, values_of
from ensir.errors import InputError


def is_within(value: object, low: float, high: float) -> bool:
    """Whether something is a number, and one from `low` to `high`; NaN is in no range.

    >>> is_within(3, 0, 5), is_within(7, 0, 5), is_within("3", 0, 5), is_within(True, 0, 5)
    (True, False, False, False)
    """
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    return low <= float(value) <= high


def generator(seed: int) -> np.random.Generator:
    """Random numbers, the same for the same seed; raises InputError for a negative one."""
    if seed < 0:
        raise InputError(f"a seed is 0 or more, got {seed}")
    return np.random.default_rng(seed)


def by_channel(image: Tensor, degrade: Callable[[Tensor], Tensor]) -> Tensor:
    """A degradation of values, 0 to 255 as (H, W) float64, applied to each channel of an image.

    uint8 or uint16 (C, H, W) to the same, on the CPU, rounded half up and clamped; the size may
    change. All channels at once would be large.
    """
    planes = [in_depth(degrade(values_of(channel.cpu())), image.dtype) for channel in image]
    return torch.stack(planes)
