"""Any restorer on any size of picture, in memory that one tile needs."""

from collections.abc import Callable

import torch
from torch import Tensor

from ensir.errors import Cancelled, InputError
from ensir.progress import IsCancelled, OnProgress


def restore_in_tiles(
    image: Tensor,
    restore_tile: Callable[[Tensor], Tensor],
    *,
    tile: int,
    halo: int,
    on_progress: OnProgress,
    cancelled: IsCancelled,
) -> Tensor:
    """What `restore_tile` makes of `image`, tile by tile: (C, H, W) -> the same shape and type.

    `restore_tile` gets at most (C, tile + 2 halo, tile + 2 halo) and returns that size; of its
    result the tile without the halo is kept. The halo is the picture around the tile and ends with
    it. So if `restore_tile` looks no further than `halo`, the whole comes out as if done at once.

    Calls `on_progress` after each tile. Raises Cancelled before a tile if `cancelled()`.
    """
    if tile < 1 or halo < 0:
        raise InputError(f"tiles are at least 1 wide with a halo of 0 or more, got {tile}, {halo}")
    height, width = image.shape[-2:]
    corners = [(top, left) for top in range(0, height, tile) for left in range(0, width, tile)]
    restored = torch.empty_like(image)
    for done, (top, left) in enumerate(corners, start=1):
        if cancelled():
            raise Cancelled
        rows, row_core = _stretch(top, tile, halo, height)
        columns, column_core = _stretch(left, tile, halo, width)
        candidate = restore_tile(image[:, rows, columns])
        kept = candidate[:, row_core, column_core]
        restored[:, top : top + tile, left : left + tile] = kept
        on_progress(done, len(corners))
    return restored


def _stretch(start: int, tile: int, halo: int, side: int) -> tuple[slice, slice]:
    """Where a tile with its halo lies in the picture, and where the tile lies in that."""
    end = min(start + tile, side)
    first = max(start - halo, 0)
    return slice(first, min(end + halo, side)), slice(start - first, end - first)
