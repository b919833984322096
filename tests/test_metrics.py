"""Scores agree with slow computations from their definitions and with stored values."""

import json
import math
from dataclasses import astuple

import numpy as np
import pytest
import torch
from torch import Tensor

from ensir.ensemble.levels import in_depth, levels_of
from ensir.errors import InputError
from ensir.images import read_image
from ensir.metrics import Scores, luma, psnr, score, ssim
from tests.conftest import SHARED

GOLDEN = SHARED / "golden" / "metrics.json"


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    """A seeded image, uint8, and a noisy one, float32, (3, 17, 14)."""
    draw = torch.Generator().manual_seed(3)
    truth = torch.randint(0, 256, (3, 17, 14), generator=draw, dtype=torch.uint8)
    noise = 20 * torch.randn(truth.shape, generator=draw)
    return (truth + noise).clamp(0, 255), truth


def slow_psnr(image: Tensor, truth: Tensor) -> float:
    errors = [
        (float(a) - float(b)) ** 2 for a, b in zip(image.flatten(), truth.flatten(), strict=True)
    ]
    return 20 * math.log10(255) - 10 * math.log10(math.fsum(errors) / len(errors))


def slow_ssim(image: Tensor, truth: Tensor) -> float:
    """Window by window, from the formula of Wang et al. (2004)."""
    tap = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window = np.outer(tap, tap) / tap.sum() ** 2
    similarities = []
    for x, y in zip(image.double().numpy(), truth.double().numpy(), strict=True):
        for top in range(x.shape[0] - 10):
            for left in range(x.shape[1] - 10):
                a = x[top : top + 11, left : left + 11]
                b = y[top : top + 11, left : left + 11]
                mean_a, mean_b = (window * a).sum(), (window * b).sum()
                variance_a = (window * (a - mean_a) ** 2).sum()
                variance_b = (window * (b - mean_b) ** 2).sum()
                covariance = (window * (a - mean_a) * (b - mean_b)).sum()
                c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
                alike = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
                scale = (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
                similarities.append(alike / scale)
    return math.fsum(similarities) / len(similarities)


def test_psnr_is_its_definition_pixel_by_pixel(pair: tuple[Tensor, Tensor]) -> None:
    assert psnr(*pair) == pytest.approx(slow_psnr(*pair), abs=1e-9)


def test_ssim_is_its_definition_window_by_window(pair: tuple[Tensor, Tensor]) -> None:
    # 1e-9: scikit-image takes variances as differences of squares, which cancel in float64.
    assert ssim(*pair) == pytest.approx(slow_ssim(*pair), abs=1e-9)


@pytest.mark.parametrize("height", [73, 74, 75, 138, 139])  # bands are 64 rows of windows
def test_bands_of_a_larger_image_make_one_score(height: int) -> None:
    draw = torch.Generator().manual_seed(5)
    truth = torch.randint(0, 256, (2, height, 12), generator=draw, dtype=torch.uint8)
    image = (truth + 30 * torch.randn(truth.shape, generator=draw)).clamp(0, 255)
    assert ssim(image, truth) == pytest.approx(slow_ssim(image, truth), abs=1e-9)


def test_16_bits_are_scored_on_the_same_scale(pair: tuple[Tensor, Tensor]) -> None:
    image, truth = pair
    deep = in_depth(truth, torch.uint16)
    assert score(image, deep) == score(image, truth)


def test_equal_images_score_without_end(pair: tuple[Tensor, Tensor]) -> None:
    _, truth = pair
    assert astuple(score(truth, truth)) == pytest.approx((math.inf, 1, math.inf, 1))


def test_the_range_is_levels_even_where_an_image_is_nearly_black() -> None:
    # The published code takes an image of at most 1 for [0, 1] and scores this with 24 dB.
    black, nearly = torch.zeros(3, 8, 8), torch.zeros(3, 8, 8)
    nearly[0, 0, 0] = 1
    assert psnr(nearly, black) == pytest.approx(20 * math.log10(255) + 10 * math.log10(192))


def test_levels_and_equal_floats_score_alike(pair: tuple[Tensor, Tensor]) -> None:
    image, truth = pair
    levels = levels_of(image)
    assert score(levels, truth) == score(levels.float(), truth.double())


def test_a_crop_leaves_out_the_border_of_both(pair: tuple[Tensor, Tensor]) -> None:
    image, truth = pair
    assert psnr(image, truth, crop=1) == psnr(image[:, 1:-1, 1:-1], truth[:, 1:-1, 1:-1])
    assert ssim(image, truth, crop=1) == ssim(image[:, 1:-1, 1:-1], truth[:, 1:-1, 1:-1])
    assert score(image, truth, crop=1) == score(image[:, 1:-1, 1:-1], truth[:, 1:-1, 1:-1])


def test_scores_are_those_of_the_colours_and_of_the_luma(pair: tuple[Tensor, Tensor]) -> None:
    image, truth = pair
    assert score(image, truth) == Scores(
        psnr_rgb=psnr(image, truth),
        ssim_rgb=ssim(image, truth),
        psnr_y=psnr(luma(image), luma(truth)),
        ssim_y=ssim(luma(image), luma(truth)),
    )


def test_a_picture_smaller_than_the_window_has_no_ssim(pair: tuple[Tensor, Tensor]) -> None:
    image, truth = (picture[:, :10] for picture in pair)
    scores = score(image, truth)
    assert scores.ssim_rgb is None and scores.ssim_y is None
    assert scores.psnr_rgb == psnr(image, truth)
    with pytest.raises(InputError, match="SSIM needs at least 11 × 11 pixels, got 14 × 10"):
        ssim(image, truth)


def test_luma_runs_from_16_to_235_and_is_not_rounded() -> None:
    corners = torch.tensor([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]])
    image = corners.T.reshape(3, 1, 5).to(torch.uint8)
    wanted = torch.tensor([16, 235, 81.481, 144.553, 40.966], dtype=torch.float64)
    torch.testing.assert_close(luma(image), wanted.reshape(1, 1, 5), rtol=0, atol=1e-12)


def test_images_of_different_sizes_are_refused_with_both() -> None:
    with pytest.raises(InputError, match=r"got 5 × 4 with 3 channels and 6 × 4 with 1 channel:"):
        psnr(torch.zeros(3, 4, 5), torch.zeros(1, 4, 6))


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(InputError, match="not numbers"):
        psnr(torch.full((3, 4, 4), math.nan), torch.zeros(3, 4, 4))


@pytest.mark.parametrize("crop", [-1, 2])
def test_a_crop_that_leaves_nothing_is_refused(crop: int) -> None:
    with pytest.raises(InputError, match="leaves nothing to score"):
        psnr(torch.zeros(3, 4, 9), torch.zeros(3, 4, 9), crop=crop)


def test_luma_of_grey_is_refused() -> None:
    with pytest.raises(InputError, match="got 1 channels"):
        luma(torch.zeros(1, 2, 2))


@pytest.mark.skipif(not GOLDEN.is_file(), reason="the stored scores are not beside this project")
def test_scores_are_the_stored_ones() -> None:
    values = json.loads(GOLDEN.read_text())["values"]
    assert values
    for task, image in sorted({(value["task"], value["image"]) for value in values}):
        folder = SHARED / "ensir_reference" / task
        wanted = {
            value["candidate"]: value
            for value in values
            if (value["task"], value["image"]) == (task, image)
        }
        pictures = {
            name: read_image(next((folder / name).glob(f"{image}.*")))
            for name in wanted
            if not name.startswith("average")
        }
        candidates = [picture.double() for name, picture in pictures.items() if name != "lq"]
        assert len(candidates) == 3
        average = sum(candidates) / 3
        pictures |= {"average": average, "average_rounded": levels_of(average)}
        truth = read_image(next((folder / "gt").glob(f"{image}.*")))
        for name, value in wanted.items():
            scores = score(pictures[name], truth)
            assert scores.psnr_rgb == pytest.approx(value["rgb"]["psnr"], rel=0, abs=1e-9)
            assert scores.psnr_y == pytest.approx(value["y"]["psnr"], rel=0, abs=1e-9)
            stored = value["rgb"]["ssim_float64_window"], value["y"]["ssim_float64_window"]
            assert (scores.ssim_rgb, scores.ssim_y) == pytest.approx(stored, rel=0, abs=1e-9)
