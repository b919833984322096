import pytest
import torch

from ensir.comparison import Comparison
from ensir.errors import InputError
from ensir.maps.blend import blended, blended_bar, in_grey


def test_a_blend_goes_from_the_picture_to_the_map(compared: Comparison) -> None:
    over, under = compared.candidates["A"], compared.candidates["B"]
    assert torch.equal(blended(over, under, 0), under)
    assert torch.equal(blended(over, under, 1), over)
    half = blended(over, under, 0.5).double()
    expected = (over.double() + under.double()) / 2
    # Opacity is one of 256 levels and the result is rounded: half a level each.
    assert (half - expected).abs().max() <= 1
    with pytest.raises(InputError, match=r"from 0 to 1, got 1\.5"):
        blended(over, under, 1.5)
    with pytest.raises(InputError, match="of one size"):
        blended(over, under[:, 1:], 0.5)


def test_a_grey_picture_is_its_own_grey_and_a_coloured_one_has_its_luma() -> None:
    greys = torch.arange(256, dtype=torch.uint8).expand(3, 1, -1)
    assert torch.equal(in_grey(greys), greys)
    generator = torch.Generator().manual_seed(1)
    picture = torch.randint(0, 256, (3, 20, 30), generator=generator, dtype=torch.uint8)
    luma = torch.einsum("c,chw->hw", torch.tensor([0.299, 0.587, 0.114]), picture.float())
    found = in_grey(picture)
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])
    # 256ths instead of thousandths are off by 0.5 at most, and so is rounding.
    assert (found[0] - luma).abs().max() <= 1


def test_a_bar_shows_each_colour_over_every_grey_from_white_to_black() -> None:
    colours = torch.tensor([[255, 0], [0, 0], [0, 255]], dtype=torch.uint8)
    bar = blended_bar(colours, 0.4, 9)
    assert bar.shape == (3, 9, 2)
    for row, grey in ((0, 255), (4, 128), (8, 0)):
        under = torch.full((3, 1, 2), grey, dtype=torch.uint8)
        assert torch.equal(bar[:, row : row + 1], blended(colours[:, None], under, 0.4))
    assert torch.equal(blended_bar(colours, 1, 9), colours[:, None].expand(3, 9, 2))
