from pathlib import Path

import pytest
import torch

from ensir.images import read_image
from ensir.ui.pictures import shown
from tests.conftest import make_pictures

pytestmark = pytest.mark.filterwarnings("default")


def test_a_shown_picture_reads_back_identical() -> None:
    random = torch.Generator().manual_seed(1)
    noise = torch.randint(0, 256, (3, 31, 17), generator=random).to(torch.uint8)
    assert torch.equal(read_image(Path(shown(noise))), noise)


def test_one_picture_is_one_file_and_another_another(uploads: Path) -> None:
    candidates, _ = make_pictures(seed=5, members=2)
    first = shown(candidates[0])
    written = Path(first).stat().st_ino
    assert shown(candidates[0].clone()) == first
    assert Path(first).stat().st_ino == written  # a file written again is another one
    assert shown(candidates[1]) != first
    turned = candidates[0].reshape(3, 12, 48)  # the same bytes in another shape
    assert shown(turned) != first
    assert Path(first).parent == uploads
