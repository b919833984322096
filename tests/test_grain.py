"""How candidates differ, pixel beside pixel: each measure where its value is known beforehand."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad

from ensir.degradations.compression import jpeg
from ensir.grain import DIFFERS_BESIDE, LEAST, MOST, UNITS, Grain, grain

SIZE = 256
SAMPLING = 0.06  # of the logs and the correlation, by the chance of so many pixels


def levels(picture: Tensor) -> Tensor:
    return picture.round().clamp(0, 255).to(torch.uint8)


def noise(seed: int = 0, height: int = SIZE, width: int = SIZE) -> Tensor:
    """White, of unit spread, (3, H, W)."""
    return torch.randn(3, height, width, generator=torch.Generator().manual_seed(seed))


def averaged(picture: Tensor) -> Tensor:
    """Over 3 x 3 pixels."""
    return avg_pool2d(pad(picture[None], (1, 1, 1, 1), mode="reflect"), 3, 1)[0]


def scene(seed: int = 9, height: int = SIZE, width: int = SIZE) -> Tensor:
    """Patches with edges, and some texture."""
    rough = torch.rand(
        1, 3, height // 32 + 2, width // 32 + 2, generator=torch.Generator().manual_seed(seed)
    )
    waves = interpolate(rough, scale_factor=32, mode="bicubic")[0, :, :height, :width]
    return (waves * 4).floor() * 25 + 60 + 3 * averaged(noise(seed + 1, height, width))


def about(average: Tensor, difference: Tensor) -> Tensor:
    """Two candidates that differ from the average by so much, either way."""
    return levels(torch.stack([average + difference, average - difference]))


def grain_of(candidates: Tensor) -> Grain:
    found = grain(candidates)
    assert found is not None
    return found


def near(one: Grain, other: Grain, by: float) -> bool:
    pairs = zip(vars(one).values(), vars(other).values(), strict=True)
    return all(abs(here - there) <= by for here, there in pairs)


def test_white_differences_are_neither_smooth_nor_coarse_nor_at_edges() -> None:
    found = grain_of(about(scene(), 8 * noise()))
    assert abs(found.smooth) < SAMPLING and abs(found.coarse) < SAMPLING
    assert abs(found.edges) < SAMPLING


def test_differences_averaged_over_three_pixels_are_as_smooth_as_those_must_be() -> None:
    """Pixels 1, 2 and 4 apart share two thirds, one third and none of what is averaged."""
    found = grain_of(about(scene(), 40 * averaged(noise())))
    assert found.smooth == pytest.approx(math.log(2), abs=SAMPLING)
    assert found.coarse == pytest.approx(math.log(1.5), abs=SAMPLING)


def test_differences_where_the_picture_is_steep_are_at_edges() -> None:
    average = scene()
    steep = (averaged(average) - average).abs()
    assert grain_of(about(average, noise().sign() * steep)).edges > 0.5


@pytest.mark.parametrize("mode", ["nearest", "bicubic"])
@pytest.mark.parametrize("cropped", [(0, 0), (1, 3)])
def test_candidates_that_were_enlarged_four_times_show_a_grid(
    mode: str, cropped: tuple[int, int]
) -> None:
    small = avg_pool2d(scene()[None], 4)
    large = interpolate(small, scale_factor=4, mode=mode)[0, :, cropped[0] :, cropped[1] :]
    difference = 2 * noise(1)[:, : large.shape[1], : large.shape[2]]
    whole = scene()[:, cropped[0] :, cropped[1] :]
    assert grain_of(about(large, difference)).grid > 0.8
    assert abs(grain_of(about(whole, difference)).grid) < 0.5


@pytest.mark.parametrize("quality", [10, 30, 60])
@pytest.mark.parametrize("cropped", [(0, 0), (5, 3)])
def test_blocks_of_jpeg_are_no_grid_of_four(quality: int, cropped: tuple[int, int]) -> None:
    saved = jpeg(levels(scene()), quality)[:, cropped[0] :, cropped[1] :].float()
    difference = 2 * noise(1)[:, : saved.shape[1], : saved.shape[2]]
    assert grain_of(about(saved, difference)).grid < 0.5


def test_neither_order_nor_brightness_nor_depth_matter() -> None:
    bright = scene() + torch.stack([6 * noise(seed) for seed in range(3)])
    candidates = levels(bright).clamp(min=20)
    found = grain_of(candidates)
    rounding = 0.0011  # to three digits, of sums in another order
    assert near(grain_of(candidates.flip(0)), found, rounding)
    assert near(grain_of(candidates - 20), found, rounding)
    deep = (257 * candidates.int()).to(torch.uint16)
    assert grain_of(deep) == found


@pytest.mark.parametrize("change", ["flipped", "turned", "moved"])
def test_a_picture_flipped_turned_or_moved_has_nearly_the_same_grain(change: str) -> None:
    small = avg_pool2d(scene()[None], 4)
    average = interpolate(small, scale_factor=4, mode="bicubic")[0]
    candidates = about(average, 20 * averaged(noise()))
    other = {
        "flipped": candidates.flip(-1, -2),
        "turned": candidates.mT,
        "moved": candidates[..., 3:, 2:],
    }[change]
    assert near(grain_of(other), grain_of(candidates), 2 * SAMPLING)


def test_candidates_that_are_alike_have_no_differences_and_a_flat_picture_no_grid() -> None:
    alike = grain_of(levels(scene()).expand(3, -1, -1, -1))
    assert (alike.smooth, alike.coarse, alike.edges) == (0, 0, 0)
    flat = torch.full((2, 3, LEAST, LEAST), 7, dtype=torch.uint8)
    flat[1] += 2
    assert grain_of(flat) == Grain(0, 0, 0, 0)


def test_of_large_pictures_the_middle_is_looked_at() -> None:
    candidates = about(scene(2, MOST + 32, MOST + 64), 5 * noise(0, MOST + 32, MOST + 64))
    assert grain(candidates) == grain(candidates[..., 16 : 16 + MOST, 32 : 32 + MOST])


def test_of_a_picture_too_small_nothing_is_said() -> None:
    assert grain(about(scene(), noise())[..., : LEAST - 1]) is None
    assert grain(about(scene(), noise())[..., :LEAST, :LEAST]) is not None


def test_a_grey_picture_has_the_grain_of_its_channel() -> None:
    candidates = about(scene(), 5 * noise())
    assert grain(candidates[:, 1:2]) == grain(candidates)


def test_every_value_has_its_group_its_unit_and_its_words() -> None:
    found = grain_of(about(scene(), 5 * noise()))
    assert found.values.dtype == torch.float64
    assert found.groups == tuple(DIFFERS_BESIDE) == tuple(UNITS)
    assert found.values.tolist() == pytest.approx(
        [value / UNITS[name] for name, value in vars(found).items()], rel=1e-6
    )
