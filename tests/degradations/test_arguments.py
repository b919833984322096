"""What all degradations ask of their arguments, and how they go over an image."""

import math

import pytest
import torch

from ensir.degradations.arguments import by_channel, generator, is_within
from ensir.errors import InputError


@pytest.mark.parametrize("value", [math.nan, math.inf, -0.1, 5.1, "3", None, True, [1]])
def test_what_is_no_number_in_range_is_not_within(value: object) -> None:
    assert not is_within(value, 0, 5)


def test_the_ends_are_within() -> None:
    assert is_within(0, 0, 5) and is_within(5.0, 0, 5)


def test_a_seed_gives_its_numbers_and_a_negative_one_is_refused() -> None:
    assert generator(7).random() == generator(7).random() != generator(8).random()
    with pytest.raises(InputError, match="a seed is 0 or more, got -1"):
        generator(-1)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16])
def test_values_are_shown_from_0_to_255_and_rounded_back(dtype: torch.dtype) -> None:
    most = torch.iinfo(dtype).max
    image = torch.tensor([0, most // 2, most]).to(dtype).reshape(1, 1, 3).repeat(2, 1, 1)
    assert torch.equal(by_channel(image, lambda values: values), image)
    brighter = by_channel(image, lambda values: values + 300)
    assert brighter.dtype == dtype and (brighter == most).all()
    assert by_channel(image, lambda values: values[:, :2]).shape == (2, 1, 2)
