"""Colours of the screen: perceptual maps for quantities, colour-blind-safe ones for candidates."""

from __future__ import annotations

import torch
from torch import Tensor

# Okabe and Ito (2008), told apart with any colour vision; as many as candidates are shown well.
CANDIDATE_COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#E69F00",
    "#8C6D31",
    "#7F7FC4",
)
CANDIDATE_SYMBOLS = (
    "circle",
    "square",
    "diamond",
    "triangle-up",
    "cross",
    "x",
    "pentagon",
    "star-triangle-up",
)


def coloured_weights(levels: Tensor) -> Tensor:
    """Weights as levels, 0 for 0 and 255 for 1, in the viridis map: (H, W) -> (3, H, W) uint8."""
    return _viridis().T[:, levels.long()]


def weight_scale(stops: int) -> list[str]:
    """The colours of weights from 0 to 1 in equal steps, as CSS."""
    places = torch.linspace(0, 255, stops).round().long()
    return ["#{:02x}{:02x}{:02x}".format(*colour) for colour in _viridis()[places].tolist()]


def _viridis() -> Tensor:
    """The 256 colours of viridis (van der Walt and Smith, 2015), (256, 3) uint8 RGB."""
    import cv2
    import numpy as np

    grey = np.arange(256, dtype=np.uint8)[:, None]
    blue_green_red = cv2.applyColorMap(grey, cv2.COLORMAP_VIRIDIS)[:, 0]
    return torch.from_numpy(blue_green_red[:, ::-1].copy())
