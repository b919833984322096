"""Values of 8 bits, 16 bits and floating point on one scale, 0 to 255."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ensir.limits import LEVEL_OF_16_BITS, LEVELS

WHITE = LEVELS - 1
# Values that a CPU rounds at once: they stay in the cache, and new memory for a large picture takes
# longer to get than the rounding.
AT_ONCE = 2**15


def values_of(pictures: Tensor) -> Tensor:
    """The values as numbers from 0 to 255: (...) of any type -> (...) float64.

    uint16 is taken as 0..65535 and keeps its full precision; the others are on the scale already.
    """
    if pictures.dtype == torch.uint16:
        return pictures.double() / LEVEL_OF_16_BITS
    return pictures.double()


def levels_of(pictures: Tensor) -> Tensor:
    """The nearest 8-bit levels, halves up and clamped to 0..255: (...) of any type -> (...) uint8.

    >>> levels_of(torch.tensor([-3.0, 0.49, 0.5, 2.5, 300.0]))
    tensor([  0,   0,   1,   3, 255], dtype=torch.uint8)
    """
    if pictures.dtype == torch.uint8:
        return pictures
    if pictures.dtype == torch.uint16:
        half = LEVEL_OF_16_BITS // 2  # 257 is odd: no value lies half way
        return ((pictures.int() + half) // LEVEL_OF_16_BITS).to(torch.uint8)
    levels = torch.empty(pictures.shape, dtype=torch.uint8, device=pictures.device)
    at_once = AT_ONCE if pictures.is_cpu else max(1, pictures.numel())
    parts = zip(levels.view(-1).split(at_once), pictures.reshape(-1).split(at_once), strict=True)
    for part, values in parts:
        # In float64, where adding a half to the float32 just below a half does not round up to one.
        part.copy_(values.double().add(0.5).clamp_(0, WHITE))  # cut to whole numbers
    return levels


def in_depth(pictures: Tensor, depth: torch.dtype) -> Tensor:
    """The same pictures with 8 bits a value (torch.uint8) or 16 (torch.uint16).

    Any type is taken. 8-bit levels become 16-bit values exactly, times 257; what has to be rounded
    is rounded half up, and clamped.
    """
    if depth == torch.uint8:
        return levels_of(pictures)
    if pictures.dtype == torch.uint16:
        return pictures
    if pictures.dtype == torch.uint8:
        return (pictures.int() * LEVEL_OF_16_BITS).to(torch.uint16)
    values = pictures.double().clamp(0, WHITE).mul_(LEVEL_OF_16_BITS)
    return values.add_(0.5).floor_().int().to(torch.uint16)


def deepest(pictures: Sequence[Tensor]) -> torch.dtype:
    """torch.uint16 if any of the pictures has 16 bits a value, else torch.uint8."""
    return torch.uint16 if any(one.dtype == torch.uint16 for one in pictures) else torch.uint8
