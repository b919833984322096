"""Any restorer on any size of picture, in memory that one tile needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise, product

import torch
from torch import Tensor

from ensir.errors import Cancelled, InputError
from ensir.progress import IsCancelled, OnProgress


@dataclass(frozen=True, eq=False)
class Stretch:
    """One side of a tile: what is read, what of that is kept, and how much each pixel counts."""

    read: slice  # of the picture
    kept: slice  # of the picture, within `read`
    share: Tensor  # (kept,) float32 in [0, 1]; over all stretches a pixel's shares add up to 1

    @property
    def kept_of_read(self) -> slice:
        """Where in what was read the kept part lies."""
        return slice(self.kept.start - self.read.start, self.kept.stop - self.read.start)


def restore_in_tiles(
    image: Tensor,
    restore_tile: Callable[[Tensor], Tensor],
    *,
    tile: int,
    halo: int,
    blend: int = 0,
    step: int = 1,
    scale: int = 1,
    on_progress: OnProgress,
    cancelled: IsCancelled,
) -> Tensor:
    """What `restore_tile` makes of `image`, tile by tile: (C, H, W) -> (C, scale H, scale W).

    `restore_tile` gets at most (C, tile + 2 halo, tile + 2 halo) and returns `scale` times that
    size, in the type that the whole is to have; of its result the tile and `blend` pixels around it
    are kept. The halo is the picture around the tile and ends with it. So if `restore_tile` looks
    no further than `halo - blend`, the whole comes out as if done at once.

    Where two tiles meet, one fades into the other over 2 `blend` pixels, linearly; that takes
    floating point. Tiles are of about one size, and each begins at a multiple of `step`, as does
    its halo: what works on blocks of pixels finds the blocks of the whole.

    Calls `on_progress` after each tile. Raises Cancelled before a tile if `cancelled()`.
    """
    if tile < 1 or halo < 0:
        raise InputError(f"tiles are at least 1 wide with a halo of 0 or more, got {tile}, {halo}")
    if not 0 <= blend <= halo or step < 1 or tile % step or halo % step:
        raise InputError(
            f"tiles blend within their halo, and tile and halo are multiples of the step, got "
            f"tile {tile}, halo {halo}, blend {blend}, step {step}"
        )
    height, width = image.shape[-2:]
    read = [stretches(side, tile, halo, blend, step) for side in (height, width)]
    made = [
        stretches(scale * side, scale * tile, scale * halo, scale * blend, scale * step)
        for side in (height, width)
    ]
    tiles = list(zip(product(*read), product(*made), strict=True))
    restored = torch.empty(0)
    for done, ((above, left), (row, column)) in enumerate(tiles, start=1):
        if cancelled():
            raise Cancelled
        candidate = restore_tile(image[:, above.read, left.read])
        if done == 1:
            size = (image.shape[0], scale * height, scale * width)
            restored = torch.zeros(size, dtype=candidate.dtype)
        kept = candidate[:, row.kept_of_read, column.kept_of_read]
        share = row.share[:, None] * column.share
        restored[:, row.kept, column.kept] += kept * share.to(kept.dtype)
        on_progress(done, len(tiles))
    return restored


def stretches(side: int, tile: int, halo: int, blend: int, step: int) -> list[Stretch]:
    """One side of a picture cut into as few stretches as reach, of about one length.

    >>> [(one.read.start, one.read.stop) for one in stretches(20, 8, halo=2, blend=0, step=1)]
    [(0, 9), (5, 16), (12, 20)]
    """
    count = max(1, -(-side // tile))
    # Rounded up to whole steps: none is longer than `tile`, and the last has at least one pixel.
    cuts = [-(-side * place // (count * step)) * step for place in range(count)] + [side]
    found = []
    for start, end in pairwise(cuts):
        kept = slice(max(start - blend, 0), min(end + blend, side))
        pixel = torch.arange(kept.start, kept.stop) + 0.5
        share = torch.ones(len(pixel))
        # What has risen at the start has not yet at the end: shares of neighbours add up to 1.
        if start > 0:
            share = _risen(pixel, start, blend)
        if end < side:
            share = share - _risen(pixel, end, blend)
        read = slice(max(start - halo, 0), min(end + halo, side))
        found.append(Stretch(read, kept, share))
    return found


def _risen(pixel: Tensor, cut: int, blend: int) -> Tensor:
    """0 before a cut and 1 behind it, rising in a line over `blend` pixels on both sides."""
    if not blend:
        return (pixel > cut).float()
    return ((pixel - cut + blend) / (2 * blend)).clamp(0, 1)
