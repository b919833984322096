"""Tiles join without a seam, and the work between them can be watched and stopped."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from ensir.errors import Cancelled, InputError
from ensir.restorers.tiling import restore_in_tiles, stretches

Restore = Callable[[Tensor], Tensor]


def brightest_near(radius: int) -> Restore:
    """A restorer that looks `radius` pixels far, and no further."""

    def restore_tile(tile: Tensor) -> Tensor:
        near = max_pool2d(tile[None].float(), 2 * radius + 1, stride=1, padding=radius)
        return near[0].to(tile.dtype)

    return restore_tile


def sample(height: int, width: int) -> Tensor:
    draw = torch.Generator().manual_seed(height * 1000 + width)
    return torch.randint(0, 256, (3, height, width), generator=draw, dtype=torch.uint8)


def in_tiles(image: Tensor, restore_tile: Restore, *, tile: int, halo: int) -> Tensor:
    return restore_in_tiles(
        image,
        restore_tile,
        tile=tile,
        halo=halo,
        on_progress=lambda done, total: None,
        cancelled=lambda: False,
    )


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (31, 17), (32, 32), (33, 8), (40, 41)])
@pytest.mark.parametrize(("tile", "radius"), [(1, 2), (8, 3), (16, 20), (100, 3)])
def test_tiles_agree_with_the_whole_where_the_halo_is_the_reach(
    size: tuple[int, int], tile: int, radius: int
) -> None:
    image = sample(*size)
    restore_tile = brightest_near(radius)
    assert torch.equal(in_tiles(image, restore_tile, tile=tile, halo=radius), restore_tile(image))


def test_a_halo_shorter_than_the_reach_is_seen() -> None:
    image, restore_tile = sample(40, 40), brightest_near(3)
    assert not torch.equal(in_tiles(image, restore_tile, tile=8, halo=2), restore_tile(image))


def test_no_piece_is_larger_than_a_tile_with_its_halo() -> None:
    pieces = []

    def look(tile: Tensor) -> Tensor:
        pieces.append(tuple(tile.shape))
        return tile

    image = sample(50, 70)
    assert torch.equal(in_tiles(image, look, tile=16, halo=4), image)
    assert len(pieces) == 4 * 5
    assert all(height <= 24 and width <= 24 for _, height, width in pieces)


def test_progress_counts_every_tile_once() -> None:
    steps = []
    restore_in_tiles(
        sample(20, 30),
        lambda tile: tile,
        tile=10,
        halo=0,
        on_progress=lambda done, total: steps.append((done, total)),
        cancelled=lambda: False,
    )
    assert steps == [(done, 6) for done in range(1, 7)]


def test_a_stop_is_honoured_before_the_next_tile() -> None:
    steps = []
    with pytest.raises(Cancelled):
        restore_in_tiles(
            sample(20, 30),
            lambda tile: tile,
            tile=10,
            halo=0,
            on_progress=lambda done, total: steps.append(done),
            cancelled=lambda: len(steps) == 2,
        )
    assert steps == [1, 2]


@pytest.mark.parametrize(("tile", "halo"), [(0, 1), (8, -1)])
def test_impossible_tiles_are_refused(tile: int, halo: int) -> None:
    with pytest.raises(InputError, match="tiles are at least 1 wide"):
        in_tiles(sample(4, 4), lambda piece: piece, tile=tile, halo=halo)


def test_blended_tiles_of_one_picture_are_that_picture() -> None:
    # Shares of neighbours add up to 1 within the rounding of float32.
    image = sample(70, 90).float()
    blended = restore_in_tiles(
        image,
        lambda piece: piece,
        tile=16,
        halo=8,
        blend=8,
        step=8,
        on_progress=lambda done, total: None,
        cancelled=lambda: False,
    )
    assert (blended - image).abs().max() < 1e-3


@pytest.mark.parametrize("side", [1, 8, 39, 40, 41, 44, 257, 1000])
@pytest.mark.parametrize(
    ("tile", "halo", "blend", "step"), [(8, 0, 0, 1), (16, 8, 3, 8), (64, 32, 32, 16), (7, 7, 7, 7)]
)
def test_stretches_cover_a_side_in_whole_steps_with_shares_that_add_up_to_one(
    side: int, tile: int, halo: int, blend: int, step: int
) -> None:
    total = torch.zeros(side)
    found = stretches(side, tile, halo, blend, step)
    assert len(found) == -(-side // tile)
    for one in found:
        assert one.read.start % step == 0
        assert one.read.stop % step == 0 or one.read.stop == side
        assert 0 < one.read.stop - one.read.start <= tile + 2 * halo
        assert one.read.start <= one.kept.start < one.kept.stop <= one.read.stop
        assert one.share.min() >= 0
        total[one.kept] += one.share
    assert (total - 1).abs().max() < 1e-6


def test_where_two_tiles_meet_one_fades_into_the_other_in_a_line() -> None:
    first, second = stretches(16, tile=8, halo=4, blend=2, step=4)
    assert second.kept == slice(6, 16)
    assert second.share.tolist() == [0.125, 0.375, 0.625, 0.875, 1, 1, 1, 1, 1, 1]
    assert first.share[6:].tolist() == [0.875, 0.625, 0.375, 0.125]
    assert second.kept_of_read == slice(2, 12)


@pytest.mark.parametrize(
    ("tile", "halo", "blend", "step"),
    [(8, 2, 3, 1), (8, 2, -1, 1), (9, 8, 1, 8), (8, 9, 1, 8), (8, 8, 1, 0)],
)
def test_tiles_that_cannot_blend_are_refused(tile: int, halo: int, blend: int, step: int) -> None:
    with pytest.raises(InputError, match="tiles blend within their halo"):
        restore_in_tiles(
            sample(4, 4),
            lambda piece: piece,
            tile=tile,
            halo=halo,
            blend=blend,
            step=step,
            on_progress=lambda done, total: None,
            cancelled=lambda: False,
        )
