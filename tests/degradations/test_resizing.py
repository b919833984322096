"""Resizing against the definition of MATLAB's imresize, written once more as loops."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from ensir.degradations.resizing import larger, smaller, weights
from ensir.errors import InputError


def sample(height: int, width: int, seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (3, height, width), generator=random, dtype=torch.uint8)


def keys(x: float) -> float:
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x <= 2 else 0.0


def line_resized(line: list[float], scale: float) -> list[float]:
    """One line by the documented rules: pixels counted from 1, edges mirrored, weights normed."""
    size = len(line)
    resized = []
    for place in range(1, math.ceil(size * scale - 1e-9) + 1):
        centre = place / scale + 0.5 * (1 - 1 / scale)
        wide = 4 / scale if scale < 1 else 4.0
        total = weight_sum = 0.0
        for index in range(math.floor(centre - wide / 2), math.ceil(centre + wide / 2) + 1):
            distance = centre - index
            weight = scale * keys(scale * distance) if scale < 1 else keys(distance)
            mirrored = index
            while not 1 <= mirrored <= size:
                mirrored = 1 - mirrored if mirrored < 1 else 2 * size + 1 - mirrored
            total += weight * line[mirrored - 1]
            weight_sum += weight
        resized.append(total / weight_sum)
    return resized


def reference(image: Tensor, scale: float) -> Tensor:
    planes = []
    for plane in image.double().tolist():
        columns = [line_resized(list(column), scale) for column in zip(*plane, strict=True)]
        planes.append([line_resized(list(row), scale) for row in zip(*columns, strict=True)])
    return (torch.tensor(planes) + 0.5).floor().clamp(0, 255).to(torch.uint8)


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(12, 24), (13, 9), (1, 5), (3, 2)])
def test_smaller_pictures_are_those_of_the_loops(factor: int, size: tuple[int, int]) -> None:
    image = sample(*size)
    result = smaller(image, factor)
    assert result.shape == (3, math.ceil(size[0] / factor), math.ceil(size[1] / factor))
    # Sums in another order: a half may be rounded the other way.
    assert (result.int() - reference(image, 1 / factor).int()).abs().max() <= 1
    assert (result != reference(image, 1 / factor)).float().mean() < 0.01


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("size", [(6, 5), (1, 3)])
def test_larger_pictures_are_those_of_the_loops(factor: int, size: tuple[int, int]) -> None:
    image = sample(*size)
    result = larger(image, factor)
    assert result.shape == (3, size[0] * factor, size[1] * factor)
    assert (result.int() - reference(image, factor).int()).abs().max() <= 1


def test_the_antialiasing_resize_of_torch_agrees_away_from_the_edge() -> None:
    image = sample(64, 80)
    for factor in (2, 4):
        other = torch.nn.functional.interpolate(
            image[None].double(), scale_factor=1 / factor, mode="bicubic", antialias=True
        )[0]
        difference = smaller(image, factor).double() - other.clamp(0, 255)
        # That one leaves out what is beyond the edge; both are within rounding elsewhere.
        assert difference[:, 3:-3, 3:-3].abs().max() <= 0.51


def test_factor_one_changes_nothing() -> None:
    image = sample(7, 5)
    assert torch.equal(smaller(image, 1), image) and torch.equal(larger(image, 1), image)


def test_what_is_too_fine_becomes_grey_not_coarse() -> None:
    checks = torch.zeros(1, 32, 32, dtype=torch.uint8)
    checks[:, ::2, ::2] = checks[:, 1::2, 1::2] = 255
    assert (smaller(checks, 4).int() - 128).abs().max() <= 4


def test_each_new_pixel_is_a_mean_of_old_ones() -> None:
    for size, new_size, scale in ((40, 10, 0.25), (10, 40, 4.0), (3, 1, 0.25), (1, 2, 2.0)):
        assert np.allclose(weights(size, new_size, scale).sum(1), 1)
    grey = torch.full((3, 9, 9), 77, dtype=torch.uint8)
    assert (smaller(grey, 4) == 77).all() and (larger(grey, 4) == 77).all()


def test_a_mirrored_picture_becomes_the_mirrored_result() -> None:
    image = sample(16, 24)
    # Sums in another order: a half may be rounded the other way.
    for resize in (smaller, larger):
        difference = resize(image.flip(2), 4).int() - resize(image, 4).flip(2).int()
        assert difference.abs().max() <= 1


def test_16_bits_stay_16_bits() -> None:
    image = sample(16, 24)
    deep = (image.int() * 257).to(torch.uint16)
    result = smaller(deep, 2)
    assert result.dtype == torch.uint16
    assert (result.double() / 257 - smaller(image, 2).double()).abs().max() <= 0.51


@pytest.mark.parametrize("factor", [0, 17, -2, 1.5, math.nan])
def test_other_factors_are_refused(factor: float) -> None:
    for resize in (smaller, larger):
        with pytest.raises(InputError, match="a whole factor of 1 to 16"):
            resize(sample(4, 4), factor)
