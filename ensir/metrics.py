"""How close an image is to its ground truth.

Values are levels, 0 to 255, or 16 bits on the same scale: the range is never guessed from the
image. All is computed in float64.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from ensir.ensemble.levels import values_of
from ensir.errors import InputError

PEAK = 255.0
SMALLEST_SSIM_SIDE = 11  # taps of the gaussian window
WINDOW_RADIUS = SMALLEST_SSIM_SIDE // 2
# Rows of a channel that SSIM works on at once: what it needs of them stays in the cache.
ROWS_AT_ONCE = 64


@dataclass(frozen=True)
class Scores:
    """The scores of one image; SSIM is None where a side is shorter than its window."""

    psnr_rgb: float
    ssim_rgb: float | None
    psnr_y: float
    ssim_y: float | None


def score(image: Tensor, truth: Tensor, *, crop: int = 0) -> Scores:
    """All scores of an RGB image against its ground truth, both (3, H, W), 0 to 255.

    `crop` pixels are left out on each side: by custom 4 for super-resolution, else 0.
    """
    image, truth = _inside(image, truth, crop)
    image_y, truth_y = luma(image), luma(truth)
    large_enough = min(truth.shape[1:]) >= SMALLEST_SSIM_SIDE
    return Scores(
        psnr_rgb=psnr(image, truth),
        ssim_rgb=ssim(image, truth) if large_enough else None,
        psnr_y=psnr(image_y, truth_y),
        ssim_y=ssim(image_y, truth_y) if large_enough else None,
    )


def psnr(image: Tensor, truth: Tensor, *, crop: int = 0) -> float:
    """Peak signal-to-noise ratio in dB, 10 log10(255² / mean squared error); equal images: inf.

    Both (C, H, W), 0 to 255, any type; `crop` pixels are left out on each side.

    >>> black = torch.zeros(3, 4, 4)
    >>> round(psnr(black + 25.5, black), 9)  # a tenth of the range
    20.0
    """
    image, truth = _inside(image, truth, crop)
    # Channel by channel: both in float64 at once would be large.
    squared_error = sum(
        float((values_of(one) - values_of(other)).square_().sum())
        for one, other in zip(image, truth, strict=True)
    )
    if math.isnan(squared_error):
        raise InputError("an image to score has values that are not numbers: restore it again")
    if squared_error == 0:
        return math.inf
    return 10 * math.log10(PEAK**2 * truth.numel() / squared_error)


def ssim(image: Tensor, truth: Tensor, *, crop: int = 0) -> float:
    """Structural similarity, up to 1: the mean over channels and over whole 11 × 11 windows.

    Gaussian window of sigma 1.5, constants 0.01 and 0.03, population covariance, as in Wang et al.
    (2004), without their down-sampling. Both (C, H, W), 0 to 255, any type, at least 11 × 11 after
    `crop` pixels are left out on each side.
    """
    image, truth = _inside(image, truth, crop)
    _, height, width = truth.shape
    if min(height, width) < SMALLEST_SSIM_SIDE:
        raise InputError(
            f"SSIM needs at least {SMALLEST_SSIM_SIDE} × {SMALLEST_SSIM_SIDE} pixels, "
            f"got {width} × {height}: choose a larger picture"
        )
    bands = [
        (channel, slice(top, top + ROWS_AT_ONCE + 2 * WINDOW_RADIUS))
        for channel in range(len(truth))
        for top in range(0, height - 2 * WINDOW_RADIUS, ROWS_AT_ONCE)
    ]

    def similarity(band: tuple[int, slice]) -> float:
        return _similarity(image[band], truth[band])

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        total = sum(pool.map(similarity, bands))
    windows = len(truth) * (height - 2 * WINDOW_RADIUS) * (width - 2 * WINDOW_RADIUS)
    return total / windows


def luma(image: Tensor) -> Tensor:
    """The luma of BT.601 as MATLAB has it: (3, H, W), 0 to 255 -> (1, H, W) float64, 16 to 235.

    Not rounded.

    >>> luma(torch.full((3, 1, 1), 255)).item()
    235.0
    """
    if image.shape[0] != 3:
        raise InputError(f"luma needs red, green and blue, got {image.shape[0]} channels")
    red, green, blue = values_of(image)
    return ((65.481 * red + 128.553 * green + 24.966 * blue) / PEAK + 16).unsqueeze(0)


def _similarity(image: Tensor, truth: Tensor) -> float:
    """The sum of the similarities of all whole windows of a part of a channel, (H, W)."""
    from skimage.metrics import structural_similarity

    _, similarities = structural_similarity(
        values_of(image).numpy(),
        values_of(truth).numpy(),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=PEAK,
        full=True,
    )
    whole = slice(WINDOW_RADIUS, -WINDOW_RADIUS)
    return float(similarities[whole, whole].sum())


def _inside(image: Tensor, truth: Tensor, crop: int) -> tuple[Tensor, Tensor]:
    """Both (C, H, W) on the CPU, without `crop` pixels on each side."""
    if image.shape != truth.shape:
        raise InputError(
            f"images to compare must be of one size, got {_size(image)} and {_size(truth)}: "
            "choose the ground truth that belongs to the image"
        )
    height, width = truth.shape[1:]
    if not 0 <= 2 * crop < min(height, width):
        raise InputError(
            f"leaving out {crop} pixels on each side of {_size(truth)} leaves nothing to score: "
            "crop less"
        )
    inside = (..., slice(crop, height - crop), slice(crop, width - crop))
    return image[inside].cpu(), truth[inside].cpu()


def _size(image: Tensor) -> str:
    channels, height, width = image.shape
    return f"{width} × {height} with {channels} channel{'s' if channels != 1 else ''}"
