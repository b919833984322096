import os
from pathlib import Path

import pytest
import torch

from ensir.errors import InputError
from ensir.images import read_image
from ensir.ui.pictures import is_kept, shown, shown_places, stored
from tests.conftest import make_pictures

pytestmark = pytest.mark.filterwarnings("default")


@pytest.mark.parametrize("is_map", [False, True])
@pytest.mark.parametrize("colours", [2, 256])
def test_a_shown_picture_reads_back_identical(is_map: bool, colours: int) -> None:
    random = torch.Generator().manual_seed(colours + is_map)  # another file for each
    noise = torch.randint(0, colours, (3, 31, 17), generator=random).to(torch.uint8)
    assert torch.equal(read_image(Path(shown(noise, is_map=is_map))), noise)


@pytest.mark.parametrize("colours", [1, 3, 256])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (31, 17), (1, 300), (300, 1)])
def test_places_in_a_palette_read_back_as_their_colours(
    colours: int, height: int, width: int
) -> None:
    random = torch.Generator().manual_seed(colours)
    palette = torch.randint(0, 256, (colours, 3), generator=random).to(torch.uint8)
    places = torch.randint(0, colours, (height, width), generator=random).to(torch.uint8)
    file = Path(shown_places(places, palette))
    assert torch.equal(read_image(file), palette[places.long()].permute(2, 0, 1))
    assert shown_places(places.clone(), palette) == str(file)
    if colours > 1:  # other colours at the same places are another picture
        assert shown_places(places, palette.flip(0)) != str(file)


def test_what_fails_leaves_nothing_behind_and_is_said(uploads: Path) -> None:
    def half() -> bytes:
        raise OSError(28, "No space left on device")

    before = set(uploads.iterdir())
    with pytest.raises(InputError, match="No space left on device"):
        stored("0" * 64, "png", half)
    assert set(uploads.iterdir()) == before
    assert Path(stored("0" * 64, "png", lambda: b"whole")).read_bytes() == b"whole"
    assert Path(stored("0" * 64, "png", half)).read_bytes() == b"whole"  # it is there already


def test_a_file_that_is_used_again_is_as_new(uploads: Path) -> None:
    file = Path(stored("1" * 64, "png", lambda: b"whole"))
    os.utime(file, (0, 0))
    assert is_kept(str(file)) and file.stat().st_mtime > 0
    file.unlink()
    assert not is_kept(str(file))


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
