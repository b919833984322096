"""How close an image is to its ground truth.

Values are levels, 0 to 255: the range is never guessed from the image. All is computed in float64.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ensir.errors import InputError

PEAK = 255.0
SMALLEST_SSIM_SIDE = 11  # taps of the gaussian window


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
    image, truth = _pair(image, truth, crop)
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
    image, truth = _pair(image, truth, crop)
    mean_squared_error = float((image - truth).square().mean())
    if math.isnan(mean_squared_error):
        raise InputError("an image to score has values that are not numbers: restore it again")
    if mean_squared_error == 0:
        return math.inf
    return 10 * math.log10(PEAK**2 / mean_squared_error)


def ssim(image: Tensor, truth: Tensor, *, crop: int = 0) -> float:
    """Structural similarity, up to 1: the mean over channels and over whole 11 × 11 windows.

    Gaussian window of sigma 1.5, constants 0.01 and 0.03, population covariance, as in Wang et al.
    (2004), without their down-sampling. Both (C, H, W), 0 to 255, any type, at least 11 × 11 after
    `crop` pixels are left out on each side.
    """
    from skimage.metrics import structural_similarity

    image, truth = _pair(image, truth, crop)
    height, width = truth.shape[1:]
    if min(height, width) < SMALLEST_SSIM_SIDE:
        raise InputError(
            f"SSIM needs at least {SMALLEST_SSIM_SIDE} × {SMALLEST_SSIM_SIDE} pixels, "
            f"got {width} × {height}: choose a larger picture"
        )
    similarity = structural_similarity(
        image.numpy(),
        truth.numpy(),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=PEAK,
        channel_axis=0,
    )
    return float(similarity)


def luma(image: Tensor) -> Tensor:
    """The luma of BT.601 as MATLAB has it: (3, H, W), 0 to 255 -> (1, H, W) float64, 16 to 235.

    Not rounded.

    >>> luma(torch.full((3, 1, 1), 255)).item()
    235.0
    """
    if image.shape[0] != 3:
        raise InputError(f"luma needs red, green and blue, got {image.shape[0]} channels")
    red, green, blue = image.double()
    return ((65.481 * red + 128.553 * green + 24.966 * blue) / PEAK + 16).unsqueeze(0)


def rounded(image: Tensor) -> Tensor:
    """The nearest levels, halves up and clamped to 0..255: any type -> uint8, same shape.

    >>> rounded(torch.tensor([-3.0, 0.49, 0.5, 2.5, 300.0]))
    tensor([  0,   0,   1,   3, 255], dtype=torch.uint8)
    """
    if image.dtype == torch.uint8:
        return image
    # In float64, where adding a half to the float32 just below a half does not round up to one.
    return (image.double() + 0.5).floor().clamp(0, PEAK).to(torch.uint8)


def _pair(image: Tensor, truth: Tensor, crop: int) -> tuple[Tensor, Tensor]:
    """Both as float64 (C, H, W) on the CPU, without `crop` pixels on each side."""
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
    return image[inside].double().cpu(), truth[inside].double().cpu()


def _size(image: Tensor) -> str:
    channels, height, width = image.shape
    return f"{width} × {height} with {channels} channel{'s' if channels != 1 else ''}"
