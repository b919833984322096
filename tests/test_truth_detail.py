"""How a truth lies to its candidates, pixel beside pixel: each measure of what was done to it."""

import pytest
import torch
from torch import Tensor

from ensir.degradations import gaussian_noise
from ensir.degradations.compression import jpeg
from ensir.truth_detail import LEAST, MOST, TruthDetail, truth_detail
from ensir.truth_doubts import SHARP

PERFECT = TruthDetail(displaced=0.0, sharp=1.0, noise=0.0, blocks=0.0)


def soft(picture: Tensor, times: int = 1) -> Tensor:
    """Averaged over 3 x 3 pixels, so many times."""
    for _ in range(times):
        padded = torch.nn.functional.pad(picture[None], (1, 1, 1, 1), mode="reflect")
        picture = torch.nn.functional.avg_pool2d(padded, 3, 1)[0]
    return picture


def made(seed: int = 0, height: int = 160, width: int = 136) -> tuple[Tensor, Tensor]:
    """Two candidates that miss some of the finest detail, and their truth: patches with edges."""
    random = torch.Generator().manual_seed(seed)
    rough = torch.rand(1, 1, height // 32 + 2, width // 32 + 2, generator=random)
    waves = torch.nn.functional.interpolate(rough, scale_factor=32, mode="bicubic")[0]
    patches = (waves[..., :height, :width] * 4).floor() * 50 + 25
    truth = soft(patches).expand(3, -1, -1)
    bent = 3 * soft(torch.randn(2, *truth.shape, generator=random)[0], 4)
    return levels(torch.stack([soft(truth) + bent, soft(truth) - bent])), levels(truth)


def levels(picture: Tensor) -> Tensor:
    return picture.round().clamp(0, 255).to(torch.uint8)


def detail_of(truth: Tensor, candidates: Tensor | None = None) -> TruthDetail:
    found = truth_detail(made()[0] if candidates is None else candidates, truth)
    assert found is not None
    return found


def test_a_right_truth_has_nothing_beside_the_average_but_finer_detail() -> None:
    found = detail_of(made()[1])
    assert found.displaced < 0.05 and found.noise < 1 and found.blocks < 0.01
    assert 1 < found.sharp < 2


def test_of_the_candidates_themselves_all_is_perfect() -> None:
    _, truth = made()
    assert detail_of(truth, truth[None]) == PERFECT


@pytest.mark.parametrize("by", [(1, 0), (0, 1), (1, 1), (2, 0)])
def test_a_displaced_truth_is_as_far_off_as_it_was_moved(by: tuple[int, int]) -> None:
    """To first order: two pixels are taken for some more or less."""
    found = detail_of(made()[1].roll(by, (1, 2)))
    assert found.displaced == pytest.approx(sum(one**2 for one in by) ** 0.5, rel=0.25)


def test_a_truth_between_two_pixels_is_displaced_by_a_part_of_one() -> None:
    _, truth = made()
    half = levels((truth.float() + truth.roll(1, 2)) / 2)
    assert detail_of(half).displaced == pytest.approx(0.5, abs=0.1)


def test_a_blurred_truth_has_softer_edges() -> None:
    _, truth = made()
    slopes = [detail_of(levels(soft(truth.float(), times))).sharp for times in (0, 3, 6)]
    assert slopes == sorted(slopes, reverse=True) and slopes[0] > 1 and slopes[1] < 0.93


@pytest.mark.parametrize("sigma", [5, 10])
def test_noise_on_the_truth_is_as_strong_as_it_was_made(sigma: int) -> None:
    """In the smoothest of its blocks, which have somewhat less."""
    found = detail_of(gaussian_noise(made()[1], sigma, 3))
    assert 0.7 * sigma < found.noise < 1.1 * sigma
    assert found.sharp > 1  # noise does not pass for edges, nor as blur


def test_noise_of_the_candidates_is_none_of_the_truth() -> None:
    candidates, truth = made()
    noisy = torch.stack([gaussian_noise(one, 20, 4) for one in candidates])
    assert detail_of(truth, noisy).noise < 1


def test_slight_noise_and_streaks_in_the_candidates_are_no_blur_of_the_truth() -> None:
    candidates, truth = made()
    streaks = torch.rand(truth.shape[1:], generator=torch.Generator().manual_seed(5)) < 0.01
    streaked = levels(candidates + 50 * streaks.float())
    noisy = torch.stack([gaussian_noise(one, 4, 4) for one in candidates])
    for worse in (streaked, noisy):
        assert detail_of(truth, worse).sharp > SHARP


@pytest.mark.parametrize("cropped", [(0, 0), (5, 3)])
def test_a_truth_saved_as_jpeg_has_borders_of_blocks_wherever_it_was_cropped(
    cropped: tuple[int, int],
) -> None:
    _, truth = made()
    top, left = cropped
    padded = torch.nn.functional.pad(truth.float(), (left, 0, top, 0), mode="replicate")
    saved = jpeg(levels(padded), 20)[:, top:, left:].contiguous()
    assert detail_of(saved).blocks > 0.13


def test_candidates_that_were_enlarged_have_no_blocks() -> None:
    """Their own steps, every fourth pixel, are at two places of eight."""
    _, truth = made()
    small = torch.nn.functional.avg_pool2d(truth.float(), 4)[None]
    size = tuple(truth.shape[1:])
    large = torch.nn.functional.interpolate(small, size=size, mode="bilinear")
    assert detail_of(truth, levels(large)).blocks < 0.05


def test_of_large_pictures_the_middle_is_looked_at() -> None:
    candidates, truth = made(height=MOST + 32, width=MOST + 64)
    middle = slice(16, 16 + MOST), slice(32, 32 + MOST)
    found = truth_detail(candidates, truth)
    assert found == truth_detail(candidates[..., *middle], truth[:, *middle])


def test_the_depth_of_the_pictures_does_not_matter() -> None:
    candidates, truth = made()
    deep = [(257 * one.int()).to(torch.uint16) for one in (*candidates, truth)]
    assert truth_detail(deep[:-1], deep[-1]) == truth_detail(candidates, truth)


def test_a_grey_picture_has_one_channel_and_a_flat_one_no_noise() -> None:
    candidates, truth = made()
    assert detail_of(truth[1:2], candidates[:, 1:2]) == detail_of(truth)
    flat = torch.full_like(truth, 255)  # where all is clipped
    assert detail_of(flat, flat[None]) == PERFECT


def test_of_a_picture_smaller_than_three_blocks_nothing_is_said() -> None:
    candidates, truth = made(height=LEAST - 1)
    assert truth_detail(candidates, truth) is None


@pytest.mark.parametrize("slope", [0.1, 0.3, 1.0])
def test_a_smooth_truth_that_is_brighter_or_of_noisy_candidates_is_not_displaced_nor_soft(
    slope: float,
) -> None:
    random = torch.Generator().manual_seed(1)
    ramp = (100 + slope * torch.arange(128.0)).expand(3, 128, 128)
    noise = torch.randn(3, *ramp.shape, generator=random)
    found = detail_of(levels(ramp + 1), levels(ramp + noise))
    assert found.displaced < 0.1 and found.sharp > SHARP
