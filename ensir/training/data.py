"""Photographs to learn from: those held out for checking, and the crops of each step.

The crops of a step are a function of the seed and the step alone: whoever resumes at a step sees
what an undisturbed run would have seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ensir.errors import InputError
from ensir.files import shown_name
from ensir.images import PICTURE_ENDINGS, read_image

Degrade = Callable[[Tensor, np.random.Generator], Tensor]  # uint8 (3, H, W) to a degraded one

HELD_OUT_EVERY = 8  # of 400 photographs 50, among them all that the sample tables are fitted to
WHITE = 255
WHOLE = 8  # the sides that each of our networks takes are multiples of this


@dataclass(frozen=True)
class Crops:
    """What is cut out of the photographs at each step."""

    side: int  # pixels of the clean crop
    count: int  # in a batch
    margin: int = 0  # pixels around it that are degraded too: what a blur looks at

    @property
    def wide(self) -> int:
        """Pixels a side, with the margin."""
        return self.side + 2 * self.margin

    def require_room(self, photos: Mapping[str, Tensor]) -> None:
        """Raises InputError where a photograph is smaller than a crop with its margin."""
        for name, photo in photos.items():
            height, width = photo.shape[1:]
            if min(height, width) < self.wide:
                raise InputError(
                    f"photographs to train on have {self.wide} pixels or more a side, got {name} "
                    f"of {width} × {height}: leave the small ones out"
                )


def held_out(names: Sequence[str]) -> list[str]:
    """The names never to be trained on: the first, and every eighth after it, in sorted order.

    >>> held_out(["b", "a", *"cdefghijk"])
    ['a', 'i']
    """
    return sorted(names)[::HELD_OUT_EVERY]


def read_photos(folder: Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The photographs of a folder by name, uint8 (3, H, W): to train on, and held out.

    Raises InputError where there is no such folder, or fewer than two photographs in it.
    """
    if not folder.is_dir():
        raise InputError(f"{shown_name(folder)} is not a folder: choose one of photographs")
    paths = {path.name: path for path in folder.iterdir() if path.suffix.lower() in PICTURE_ENDINGS}
    if len(paths) < 2:
        raise InputError(
            f"training takes two photographs or more, got {len(paths)} in {shown_name(folder)}: "
            "choose a folder of photographs"
        )
    kept = held_out(list(paths))
    train = {name: read_image(paths[name]) for name in sorted(set(paths) - set(kept))}
    return train, {name: read_image(paths[name]) for name in kept}


def batch(
    photos: Sequence[Tensor], degrade: Degrade, crops: Crops, seed: int, step: int
) -> tuple[Tensor, Tensor]:
    """Degraded and clean crops of a step, turned and mirrored at random.

    Both (count, 3, side, side) float32 in [0, 1], a function of the seed and the step. The
    photographs have room for them.
    """
    random = np.random.default_rng([seed, step])
    wide = crops.wide
    pairs = []
    for _ in range(crops.count):
        photo = photos[int(random.integers(len(photos)))]
        height, width = photo.shape[1:]
        top, left = random.integers(height - wide + 1), random.integers(width - wide + 1)
        crop = photo[:, top : top + wide, left : left + wide]
        crop = torch.rot90(crop, int(random.integers(4)), (1, 2))
        if random.integers(2):
            crop = crop.flip(2)
        crop = crop.contiguous()
        pairs.append((degrade(crop, random), crop))
    inside = slice(crops.margin, crops.margin + crops.side)
    degraded, clean = (
        torch.stack(part)[..., inside, inside].float().div_(WHITE)
        for part in zip(*pairs, strict=True)
    )
    return degraded, clean


def middle(photo: Tensor, side: int) -> Tensor:
    """The square in the middle, or as much of it as there is, in multiples of WHOLE pixels a side.

    >>> middle(torch.arange(18).expand(3, 12, 18), 16)[0].shape
    torch.Size([8, 16])
    """
    height, width = (min(side, there) // WHOLE * WHOLE for there in photo.shape[1:])
    top, left = (photo.shape[1] - height) // 2, (photo.shape[2] - width) // 2
    return photo[:, top : top + height, left : left + width].contiguous()
