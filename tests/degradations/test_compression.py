"""JPEG loses a little, more at a lower quality, and colours before brightness."""

import math

import pytest
import torch
from torch import Tensor

from ensir.degradations import jpeg
from ensir.errors import InputError
from ensir.metrics import psnr


def photo_like(height: int = 45, width: int = 61) -> Tensor:
    row, column = torch.arange(height)[:, None], torch.arange(width)
    waves = [torch.sin(row / 5 + k) * torch.cos(column / (3 + k)) for k in range(3)]
    return (128 + 90 * torch.stack(waves)).to(torch.uint8)


def test_a_lower_quality_loses_more() -> None:
    scores = [psnr(jpeg(photo_like(), quality), photo_like()) for quality in (5, 30, 60, 90)]
    assert scores == sorted(scores) and scores[0] > 15 and scores[-1] > 30


def test_size_type_and_place_stay() -> None:
    stored = jpeg(photo_like(), 80)
    assert stored.dtype == torch.uint8 and stored.shape == photo_like().shape
    grey = torch.full((3, 9, 17), 128, dtype=torch.uint8)
    assert torch.equal(jpeg(grey, 50), grey)


def test_stored_again_and_again_it_is_the_same() -> None:
    assert torch.equal(jpeg(photo_like(), 40), jpeg(photo_like(), 40))


def test_blocks_of_eight_pixels_do_not_touch_one_another() -> None:
    image = photo_like(32, 32).float().mean(0).round().to(torch.uint8).repeat(3, 1, 1)
    other = image.clone()
    other[:, :16, :16] = 255 - other[:, :16, :16]
    # Grey, so that only brightness is stored: what is outside the changed blocks stays.
    one, two = jpeg(image, 30), jpeg(other, 30)
    assert torch.equal(one[:, 16:], two[:, 16:]) and torch.equal(one[:, :, 16:], two[:, :, 16:])
    assert not torch.equal(one[:, :16, :16], two[:, :16, :16])


def test_16_bit_pictures_lose_their_lower_bits() -> None:
    deep = (photo_like().int() * 257).to(torch.uint16)
    stored = jpeg(deep, 80)
    assert stored.dtype == torch.uint16
    assert torch.equal(stored.int(), jpeg(photo_like(), 80).int() * 257)


@pytest.mark.parametrize("quality", [0, 101, 50.5, math.nan, "90", True])
def test_other_qualities_are_refused(quality: object) -> None:
    with pytest.raises(InputError, match="the quality of a JPEG is 1 to 100"):
        jpeg(photo_like(), quality)
