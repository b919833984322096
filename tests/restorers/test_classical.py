"""The classical restorers take noise away, differ from each other, and show no tiles."""

from dataclasses import replace
from itertools import combinations

import pytest
import torch
from skimage import data
from torch import Tensor

from ensir.degradations import gaussian_noise
from ensir.ensemble.levels import levels_of
from ensir.errors import Cancelled, InputError
from ensir.metrics import psnr
from ensir.restorers import RESTORERS
from ensir.restorers.classical import CLASSICAL, TILE, ClassicalRestorer, Pixels
from ensir.restorers.tiling import restore_in_tiles

each = pytest.mark.parametrize("restorer", CLASSICAL, ids=lambda restorer: restorer.name)


@pytest.fixture(scope="module")
def truth() -> Tensor:
    """A photograph that comes with scikit-image, with flat and detailed parts, 210 × 150."""
    return torch.from_numpy(data.astronaut()[:150, 100:310].copy()).permute(2, 0, 1)


@pytest.fixture(scope="module")
def noisy(truth: Tensor) -> Tensor:
    return gaussian_noise(truth, 25, seed=0)


def restore(restorer: ClassicalRestorer, image: Tensor) -> Tensor:
    return restorer.restore(image, lambda done, total: None, lambda: False)


def in_tiles(restorer: ClassicalRestorer, image: Tensor, *, tile: int, halo: int) -> Tensor:
    return restore_in_tiles(
        image,
        restorer._restore_tile,
        tile=tile,
        halo=halo,
        on_progress=lambda done, total: None,
        cancelled=lambda: False,
    )


def test_restorers_are_found_by_their_names() -> None:
    assert list(RESTORERS)[:4] == ["non-local means", "bilateral", "total variation", "median"]
    assert all(name == restorer.name for name, restorer in RESTORERS.items())
    assert {(restorer.task, restorer.scale, restorer.parameters) for restorer in CLASSICAL} == {
        ("denoising", 1, 0)
    }


@each
def test_noise_of_25_levels_is_taken_away(
    restorer: ClassicalRestorer, truth: Tensor, noisy: Tensor
) -> None:
    # The median, the weakest, gains 4.7 dB on the photographs it was tuned on.
    assert psnr(restore(restorer, noisy), truth) > psnr(noisy, truth) + 4


def test_any_two_differ_by_more_than_rounding(noisy: Tensor) -> None:
    candidates = [restore(restorer, noisy).float() for restorer in CLASSICAL]
    for one, other in combinations(candidates, 2):
        assert (one - other).abs().mean() > 2


def test_their_average_is_better_than_the_typical_one(truth: Tensor, noisy: Tensor) -> None:
    candidates = torch.stack([restore(restorer, noisy) for restorer in CLASSICAL])
    average = levels_of(candidates.double().mean(0))
    scores = sorted(psnr(candidate, truth) for candidate in candidates)
    assert psnr(average, truth) > scores[1]


@each
def test_the_same_image_gives_the_same_candidate(
    restorer: ClassicalRestorer, noisy: Tensor
) -> None:
    assert torch.equal(restore(restorer, noisy), restore(restorer, noisy))


@each
def test_tiles_agree_with_the_whole(restorer: ClassicalRestorer, noisy: Tensor) -> None:
    whole = restorer._restore_tile(noisy)
    tiles = in_tiles(restorer, noisy, tile=40, halo=restorer.halo)
    # One level: vector instructions may round the last pixels of a row otherwise.
    assert (whole.int() - tiles.int()).abs().max() <= 1


@pytest.mark.parametrize(
    "restorer",
    [restorer for restorer in CLASSICAL if restorer.name != "total variation"],
    ids=lambda restorer: restorer.name,
)
def test_the_halo_is_no_larger_than_needed(restorer: ClassicalRestorer, noisy: Tensor) -> None:
    whole = restorer._restore_tile(noisy)
    tiles = in_tiles(restorer, noisy, tile=40, halo=restorer.halo - 1)
    assert not torch.equal(whole, tiles)


def test_total_variation_has_no_step_at_tile_borders() -> None:
    # On a noisy plane a seam would show as a larger step across tile borders than elsewhere.
    restorer = RESTORERS["total variation"]
    plane = gaussian_noise(torch.full((3, 160, 160), 128, dtype=torch.uint8), 25, seed=2)
    tiles = in_tiles(restorer, plane, tile=40, halo=restorer.halo).double()
    steps = (tiles[:, :, 1:] - tiles[:, :, :-1]).abs().mean((0, 1))
    across = steps[39::40]
    # Four standard errors of a mean over 480 steps, which are about as spread as large.
    assert (across - steps.mean()).abs().max() < 4 * steps.mean() / (3 * 160) ** 0.5


@each
@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (1, 300), (300, 1), (5, 7)])
def test_any_size_is_restored(restorer: ClassicalRestorer, size: tuple[int, int]) -> None:
    image = torch.full((3, *size), 77, dtype=torch.uint8)
    restored = restore(restorer, image)
    assert restored.dtype == torch.uint8 and restored.shape == image.shape
    # A flat grey stays; the way to Lab and back may cost two levels.
    assert (restored.int() - 77).abs().max() <= 2


@each
def test_the_image_given_is_left_as_it_was(restorer: ClassicalRestorer, noisy: Tensor) -> None:
    before = noisy.clone()
    restore(restorer, noisy)
    assert torch.equal(noisy, before)


@each
def test_a_stop_is_honoured_and_progress_reaches_the_end(
    restorer: ClassicalRestorer, noisy: Tensor
) -> None:
    steps = []
    restorer.restore(noisy, lambda done, total: steps.append((done, total)), lambda: False)
    assert steps[-1][0] == steps[-1][1]
    with pytest.raises(Cancelled):
        restorer.restore(noisy, lambda done, total: None, lambda: True)


@each
def test_a_stop_in_the_middle_is_honoured_within_one_tile(restorer: ClassicalRestorer) -> None:
    filtered = []

    def counted(pixels: Pixels) -> Pixels:
        filtered.append(pixels.shape)
        return restorer.filter(pixels)

    image = torch.zeros(3, 2 * TILE, 3 * TILE, dtype=torch.uint8)
    with pytest.raises(Cancelled):
        # Pressed while the second of six tiles is worked on.
        replace(restorer, filter=counted).restore(
            image, lambda done, total: None, lambda: len(filtered) >= 2
        )
    assert len(filtered) == 2


@each
def test_floats_and_grey_are_refused(restorer: ClassicalRestorer) -> None:
    for image in (torch.zeros(3, 4, 4), torch.zeros(1, 4, 4, dtype=torch.uint8)):
        with pytest.raises(InputError, match=r"restores uint8 \(3, H, W\), got"):
            restore(restorer, image)
