from concurrent.futures import ThreadPoolExecutor

import pytest

from ensir.metrics import psnr
from ensir.ui.example import PICTURE, RESTORERS, begin_example, example, example_files

pytestmark = pytest.mark.filterwarnings("default")


def test_the_example_is_made_once_and_finished() -> None:
    opened = example()
    assert opened is example()
    assert tuple(opened.candidates) == RESTORERS
    assert opened.fits is not None


def test_who_comes_while_the_example_is_made_gets_the_same() -> None:
    begin_example()
    with ThreadPoolExecutor(4) as visitors:
        results = [visitors.submit(example) for _ in range(4)]
        assert all(result.result() is example() for result in results)


def test_in_the_example_the_fusion_beats_the_average_and_every_candidate() -> None:
    opened = example()
    assert opened.truth is not None
    fused = psnr(opened.fusion.image, opened.truth)
    assert fused > psnr(opened.averaged.image, opened.truth)
    assert all(fused > psnr(picture, opened.truth) for picture in opened.candidates.values())


def test_the_examples_are_the_photographs_of_the_assets() -> None:
    files = example_files()
    assert PICTURE in files
    assert not [path for path in files if path.stem.startswith("screenshot")]
    assert all(path.suffix == ".png" for path in files)
