import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ensir.ensemble.levels import deepest, in_depth, levels_of, values_of

EVERY_16_BIT_VALUE = torch.arange(65536, dtype=torch.int32).to(torch.uint16)
EVERY_LEVEL = torch.arange(256).to(torch.uint8)


def test_16_bit_values_round_to_the_nearest_8_bit_level() -> None:
    nearest = (EVERY_16_BIT_VALUE.double() / 257).round()  # 257 is odd: there are no ties
    assert torch.equal(levels_of(EVERY_16_BIT_VALUE).double(), nearest)


@given(st.floats(-1000, 1000))
def test_rounding_takes_the_nearest_level_and_halves_up(value: float) -> None:
    wanted = min(max(math.floor(value + 0.5), 0), 255)
    assert levels_of(torch.tensor([value], dtype=torch.float64)).item() == wanted


def test_the_float_just_below_a_half_rounds_down() -> None:
    below = torch.nextafter(torch.tensor([0.5]), torch.tensor([0.0]))
    assert levels_of(below).tolist() == [0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_large_pictures_of_any_layout_are_rounded_alike_and_stay_as_they_are(
    dtype: torch.dtype,
) -> None:
    values = 300 * torch.rand(3, 150, 120, generator=torch.Generator().manual_seed(0)).to(dtype)
    for picture in (values, values.transpose(1, 2), values[:, ::2], values[:0]):
        before = picture.clone()
        wanted = np.clip(np.floor(picture.double().numpy() + 0.5), 0, 255).astype(np.uint8)
        assert np.array_equal(levels_of(picture).numpy(), wanted)
        assert torch.equal(picture, before)


def test_levels_of_8_bit_values_are_the_values(sample: tuple[Tensor, Tensor]) -> None:
    assert torch.equal(levels_of(sample[0]), sample[0])


def test_16_bit_values_keep_their_precision() -> None:
    assert torch.equal(values_of(EVERY_16_BIT_VALUE), torch.arange(65536).double() / 257)


def test_every_value_survives_the_way_through_numbers_and_back() -> None:
    assert torch.equal(in_depth(values_of(EVERY_16_BIT_VALUE), torch.uint16), EVERY_16_BIT_VALUE)
    assert torch.equal(in_depth(values_of(EVERY_LEVEL), torch.uint8), EVERY_LEVEL)
    deeper = in_depth(EVERY_LEVEL, torch.uint16)
    assert torch.equal(values_of(deeper), values_of(EVERY_LEVEL))
    assert torch.equal(in_depth(deeper, torch.uint8), EVERY_LEVEL)


def test_16_bits_round_half_up_and_are_clamped() -> None:
    values = torch.tensor([-1.0, 0.0, 0.5 / 257, 1.0, 254.999, 255.0, 300.0], dtype=torch.float64)
    assert in_depth(values, torch.uint16).tolist() == [0, 0, 1, 257, 65535, 65535, 65535]


def test_one_16_bit_picture_makes_all_deep() -> None:
    assert deepest([EVERY_LEVEL, EVERY_LEVEL]) == torch.uint8
    assert deepest([EVERY_LEVEL, EVERY_16_BIT_VALUE]) == torch.uint16
