from pathlib import Path

import torch

from ensir.images import read_image
from ensir.made_reference_sets import write_reference_set
from ensir.reference_set import DEGRADED, ReferenceSet
from ensir.restorers import restore_with
from ensir.tasks import clean, degraded
from tests.conftest import make_pictures

NAMES = ["median", "bilateral"]


def test_a_made_set_holds_the_photographs_and_what_the_restorers_make_of_them(
    tmp_path: Path,
) -> None:
    photos = {f"photo {n}": make_pictures(seed=n, members=1)[1] for n in range(2)}
    steps: list[tuple[int, int]] = []
    write_reference_set(tmp_path, photos, "denoising", 20, NAMES, lambda *step: steps.append(step))
    made = ReferenceSet(tmp_path, NAMES)
    assert made.names == tuple(photos) and steps == [(1, 2), (2, 2)]
    for seed, (name, photo) in enumerate(photos.items()):
        candidates, truth = made[seed]
        noisy = degraded(photo, "denoising", 20, seed)
        wanted = restore_with(NAMES, noisy, lambda done, total: None, lambda: False)
        assert torch.equal(truth, photo)
        assert torch.equal(read_image(tmp_path / DEGRADED / f"{name}.png"), noisy)
        assert torch.equal(candidates, torch.stack(list(wanted.values())))


def test_what_a_scale_does_not_divide_is_cut_off(tmp_path: Path) -> None:
    photo = make_pictures(seed=3, members=1, height=22, width=24)[1]
    write_reference_set(tmp_path, {"a": photo}, "super-resolution", 0, [])
    truth = read_image(tmp_path / "gt" / "a.png")
    assert torch.equal(truth, clean(photo, "super-resolution")) and truth.shape == (3, 20, 24)
    assert read_image(tmp_path / DEGRADED / "a.png").shape == (3, 5, 6)
