"""Four filters against noise that need no weights, and that fail in different ways.

Non-local means averages places that look alike, the bilateral filter neighbours of like colour,
total variation prefers flat areas with sharp edges, the median drops what stands out: so an
ensemble of them has something to choose from.

All are tuned for white gaussian noise of about 25 levels, by PSNR on six photographs of the
Berkeley set (noisy input 20.48 dB; see each entry). Less noise they smooth too much.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ensir.errors import InputError
from ensir.progress import IsCancelled, OnProgress
from ensir.restorers.tiling import restore_in_tiles

Pixels = NDArray[np.uint8]  # (H, W, 3)

# 256 x 256 pixels take non-local means, the slowest, about 0.05 s: a stop is honoured at once.
TILE = 256

NON_LOCAL_PATCH = 3
NON_LOCAL_SEARCH = 11
BILATERAL_RADIUS = 4
TOTAL_VARIATION_STEPS = 20
MEDIAN_SIDE = 3


def non_local_means(pixels: Pixels) -> Pixels:
    """Average of patches alike, lightness and colour apart (Buades et al., 2005); 27.7 dB."""
    import cv2

    # Small patches and a near search: for this much noise better than OpenCV's 7 and 21
    # (26.2 dB), and in a third of the time.
    return _pixels(
        cv2.fastNlMeansDenoisingColored(
            pixels,
            None,
            h=15,
            hColor=19,
            templateWindowSize=NON_LOCAL_PATCH,
            searchWindowSize=NON_LOCAL_SEARCH,
        )
    )


def bilateral(pixels: Pixels) -> Pixels:
    """Average of near neighbours of like colour (Tomasi and Manduchi, 1998); 28.4 dB."""
    import cv2

    # OpenCV sums the difference over the channels: 100 is about 33 levels in each.
    return _pixels(
        cv2.bilateralFilter(pixels, d=2 * BILATERAL_RADIUS + 1, sigmaColor=100, sigmaSpace=2)
    )


def total_variation(pixels: Pixels) -> Pixels:
    """The near picture of least variation, each channel apart (Chambolle, 2004); 27.6 dB."""
    from skimage.restoration import denoise_tv_chambolle

    # A fixed number of steps instead of a test of convergence: each step looks one pixel further,
    # so tiles agree with the whole. At this weight more steps change less than 0.01 dB.
    smooth = denoise_tv_chambolle(
        pixels.astype(np.float32),
        weight=18,
        eps=0,
        max_num_iter=TOTAL_VARIATION_STEPS,
        channel_axis=-1,
    )
    return _pixels(np.floor(smooth + 0.5).clip(0, 255).astype(np.uint8))


def median(pixels: Pixels) -> Pixels:
    """The middle one of 3 × 3 levels, each channel apart; 25.2 dB."""
    import cv2

    return _pixels(cv2.medianBlur(pixels, MEDIAN_SIDE))


@dataclass(frozen=True)
class ClassicalRestorer:
    """A filter as a restorer: works in tiles, has learned nothing, keeps the size."""

    name: str
    licence: str
    halo: int  # how many pixels away the filter looks
    filter: Callable[[Pixels], Pixels]
    seconds_per_megapixel: float
    task: str = "denoising"
    scale: int = 1
    parameters: int = 0
    uses_gpu: bool = False

    def restore(self, image: Tensor, on_progress: OnProgress, cancelled: IsCancelled) -> Tensor:
        """The filtered image: uint8 (3, H, W), H and W from 1 on -> the same.

        Raises InputError for anything else and Cancelled when the user stops the work.
        """
        if image.dtype != torch.uint8 or image.ndim != 3 or image.shape[0] != 3:
            raise InputError(
                f"{self.name} restores uint8 (3, H, W), got {image.dtype} {tuple(image.shape)}"
            )
        return restore_in_tiles(
            image,
            self._restore_tile,
            tile=TILE,
            halo=self.halo,
            on_progress=on_progress,
            cancelled=cancelled,
        )

    def _restore_tile(self, tile: Tensor) -> Tensor:
        pixels = np.ascontiguousarray(tile.permute(1, 2, 0).cpu().numpy())
        return torch.from_numpy(self.filter(pixels)).permute(2, 0, 1)


def _pixels(pixels: object) -> Pixels:
    """What an untyped library returned, with its type."""
    return np.asarray(pixels, dtype=np.uint8)


CLASSICAL = (
    ClassicalRestorer(
        name="non-local means",
        licence="Apache-2.0 (OpenCV)",
        halo=NON_LOCAL_SEARCH // 2 + NON_LOCAL_PATCH // 2,
        filter=non_local_means,
        seconds_per_megapixel=0.7,
    ),
    ClassicalRestorer(
        name="bilateral",
        licence="Apache-2.0 (OpenCV)",
        halo=BILATERAL_RADIUS,
        filter=bilateral,
        seconds_per_megapixel=0.1,
    ),
    ClassicalRestorer(
        name="total variation",
        licence="BSD-3-Clause (scikit-image)",
        halo=TOTAL_VARIATION_STEPS,
        filter=total_variation,
        seconds_per_megapixel=0.35,
    ),
    ClassicalRestorer(
        name="median",
        licence="Apache-2.0 (OpenCV)",
        halo=MEDIAN_SIDE // 2,
        filter=median,
        seconds_per_megapixel=0.01,
    ),
)
