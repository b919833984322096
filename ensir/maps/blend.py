"""A map over a picture: the picture in grey, so that every hue that is seen is the map's."""

from __future__ import annotations

import torch
from torch import Tensor

from ensir.ensemble.levels import WHITE
from ensir.errors import InputError

ROWS_AT_ONCE = 256  # of a blend, whose sums take four times the room of the pictures
# Luma of ITU-R BT.601 in 256ths: of integers, so that a grey stays the grey it is.
RED, GREEN, BLUE = 77, 150, 29


def blended(over: Tensor, picture: Tensor, opacity: float) -> Tensor:
    """A map over a picture, both (3, H, W) uint8: the picture at opacity 0, the map at 1.

    >>> map_colour, grey = torch.full((3, 1, 1), 200).byte(), torch.full((3, 1, 1), 100).byte()
    >>> blended(map_colour, grey, opacity=0.25).flatten().tolist()
    [125, 125, 125]
    """
    if over.shape != picture.shape or over.dtype != torch.uint8 or picture.dtype != torch.uint8:
        raise InputError(
            "a map and the picture under it are uint8 (3, H, W) of one size, got "
            f"{over.dtype} {tuple(over.shape)} and {picture.dtype} {tuple(picture.shape)}"
        )
    share = level_of(opacity)  # in integers: several times as fast
    mixed = torch.empty_like(picture)
    for part, map_part, under in zip(
        *(one.split(ROWS_AT_ONCE, dim=1) for one in (mixed, over, picture)), strict=True
    ):
        sums = map_part.int().mul_(share).add_(under.int().mul_(WHITE - share)).add_(WHITE // 2)
        part.copy_(sums.div_(WHITE, rounding_mode="floor"))
    return mixed


def level_of(opacity: float) -> int:
    """An opacity from 0 to 1 as one of 256 levels. Raises InputError for another number."""
    if not 0 <= opacity <= 1:
        raise InputError(f"an opacity is a number from 0 to 1, got {opacity!r:.40}")
    return round(opacity * WHITE)


def in_grey(picture: Tensor) -> Tensor:
    """A picture without its colours: (3, H, W) uint8 -> (3, H, W) uint8, three times its luma.

    >>> in_grey(torch.tensor([[[255, 9]], [[0, 9]], [[0, 9]]], dtype=torch.uint8)).tolist()
    [[[77, 9]], [[77, 9]], [[77, 9]]]
    """
    red, green, blue = picture.int()
    luma = (
        red.mul_(RED)
        .add_(green.mul_(GREEN))
        .add_(blue.mul_(BLUE))
        .add_(128)
        .div_(256, rounding_mode="floor")
    )
    return luma.to(torch.uint8).expand(3, -1, -1)


def blended_bar(colours: Tensor, opacity: float, height: int) -> Tensor:
    """Colours (3, n) uint8 side by side over every grey, white above: (3, height, n) uint8.

    What the bar of a blended map shows: each of its colours over whatever lies beneath.
    """
    greys = torch.linspace(WHITE, 0, height).round().to(torch.uint8)
    shape = (3, height, colours.shape[1])
    return blended(colours[:, None].expand(shape), greys[:, None].expand(shape), opacity)
