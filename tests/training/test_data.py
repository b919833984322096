"""Held-out photographs stay out, and the crops of a step are always the same."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ensir.errors import InputError
from ensir.images import write_image
from ensir.training.data import Crops, batch, held_out, read_photos


def photo(seed: int, height: int = 40, width: int = 52) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (3, height, width), generator=random, dtype=torch.uint8)


def unchanged(crop: Tensor, random: np.random.Generator) -> Tensor:
    return crop


PHOTOS = [photo(1), photo(2, 33, 47)]


def test_the_held_out_names_depend_on_the_names_alone() -> None:
    names = [f"{number}.jpg" for number in range(100)]
    backwards = held_out(names[::-1])
    assert held_out(names) == backwards and len(backwards) == 13


def test_photos_that_sample_tables_are_fitted_to_are_held_out(shared: Path) -> None:
    names = sorted(path.name for path in (shared / "photos").glob("*.jpg"))
    fitted = names[:: max(1, len(names) // 24)][:24]  # as scripts/make_samples.py chooses them
    kept = held_out(names)
    assert set(fitted) <= set(kept) and len(kept) >= 40


def test_no_photo_is_both_trained_on_and_held_out(tmp_path: Path) -> None:
    for number in range(9):
        write_image(tmp_path / f"{number}.png", photo(number))
    (tmp_path / "notes.txt").write_text("no picture")
    train, kept = read_photos(tmp_path)
    assert list(kept) == ["0.png", "8.png"] and list(train) == [f"{n}.png" for n in range(1, 8)]
    assert torch.equal(train["3.png"], photo(3))


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two photographs or more, got 0"):
        read_photos(tmp_path)
    with pytest.raises(InputError, match="is not a folder"):
        read_photos(tmp_path / "missing")


def test_a_step_has_its_crops_and_another_step_or_seed_others() -> None:
    crops = Crops(side=16, count=3)
    one, again, later, other = (
        batch(PHOTOS, unchanged, crops, seed, step)[1]
        for seed, step in ((5, 7), (5, 7), (5, 8), (6, 7))
    )
    assert one.shape == (3, 3, 16, 16) and one.dtype == torch.float32
    assert torch.equal(one, again)
    assert not torch.equal(one, later) and not torch.equal(one, other)


def test_crops_are_pieces_of_the_photos_turned_or_mirrored() -> None:
    crops = Crops(side=20, count=40)
    _, clean = batch(PHOTOS, unchanged, crops, seed=1, step=0)
    seen = set()
    for crop in clean.mul(255).round().to(torch.uint8):
        for turns in range(8):
            upright = torch.rot90(crop.flip(2) if turns > 3 else crop, turns % 4, (1, 2))
            windows = [it.unfold(1, 20, 1).unfold(2, 20, 1) for it in PHOTOS]
            pieces = [it.permute(1, 2, 0, 3, 4).eq(upright).flatten(2).all(2) for it in windows]
            if any(found.any() for found in pieces):
                seen.add(turns)
                break
        else:
            pytest.fail("a crop lies in no photo")
    assert len(seen) == 8  # all turns come up


def test_the_margin_is_degraded_and_cut_off() -> None:
    def from_the_right(crop: Tensor, random: np.random.Generator) -> Tensor:
        assert crop.shape == (3, 24, 24)
        return crop.roll(-4, 2)

    crops = Crops(side=16, count=2, margin=4)
    degraded, clean = batch(PHOTOS, from_the_right, crops, seed=0, step=0)
    assert degraded.shape == clean.shape == (2, 3, 16, 16)
    assert torch.equal(degraded[..., :12], clean[..., 4:])


def test_a_photo_smaller_than_a_crop_is_refused() -> None:
    crops = Crops(side=32, count=1, margin=8)
    with pytest.raises(InputError, match=r"48 pixels or more a side, got b\.png of 52 × 40"):
        crops.require_room({"a.png": photo(1, 48, 48), "b.png": photo(1)})
