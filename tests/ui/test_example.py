import pytest

from ensir.metrics import psnr
from ensir.ui.example import RESTORERS, example

pytestmark = pytest.mark.filterwarnings("default")


def test_the_example_is_made_once_and_finished() -> None:
    opened = example()
    assert opened is example()
    assert tuple(opened.candidates) == RESTORERS
    assert opened.fits is not None


def test_in_the_example_the_fusion_beats_the_average_and_every_candidate() -> None:
    opened = example()
    assert opened.truth is not None
    fused = psnr(opened.fusion.image, opened.truth)
    assert fused > psnr(opened.averaged.image, opened.truth)
    assert all(fused > psnr(picture, opened.truth) for picture in opened.candidates.values())
