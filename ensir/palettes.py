"""Colours of the screen: perceptual maps for quantities, colour-blind-safe ones for candidates."""

from __future__ import annotations

from collections.abc import Sequence

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


# RdBu of ColorBrewer (Brewer, 2013), told apart with any colour vision: from worse by as much as is
# shown, over no difference in the middle, to better.
DIVERGING = (
    "#67001f",
    "#b2182b",
    "#d6604d",
    "#f4a582",
    "#fddbc7",
    "#f7f7f7",
    "#d1e5f0",
    "#92c5de",
    "#4393c3",
    "#2166ac",
    "#053061",
)


def coloured_weights(levels: Tensor) -> Tensor:
    """Weights as levels, 0 for 0 and 255 for 1, in the viridis map: (H, W) -> (3, H, W) uint8."""
    return _coloured(levels, _viridis())


def coloured_errors(levels: Tensor) -> Tensor:
    """Errors as levels, 0 for none, in the inferno map: (H, W) -> (3, H, W) uint8."""
    return _coloured(levels, _inferno())


def coloured_gains(levels: Tensor) -> Tensor:
    """Gains as levels, 128 for none, red below and blue above: (H, W) -> (3, H, W) uint8."""
    return _coloured(levels, _diverging())


def coloured_candidates(places: Tensor) -> Tensor:
    """Places of candidates in the colours of candidates: (H, W) -> (3, H, W) uint8."""
    return _coloured(places.long() % len(CANDIDATE_COLOURS), _levels_of(CANDIDATE_COLOURS))


def candidate_colours(count: int) -> list[str]:
    """A colour for each of `count` candidates; they begin again where there are too few."""
    return [CANDIDATE_COLOURS[place % len(CANDIDATE_COLOURS)] for place in range(count)]


def weight_scale(stops: int) -> list[str]:
    """The colours of weights from 0 to 1 in equal steps, as CSS."""
    return _stops(_viridis(), stops)


def error_scale(stops: int) -> list[str]:
    """The colours of errors from none to the largest shown in equal steps, as CSS."""
    return _stops(_inferno(), stops)


def gain_scale() -> list[str]:
    """The colours of gains from the worst to the best shown in equal steps, as CSS."""
    return list(DIVERGING)


def _coloured(levels: Tensor, colours: Tensor) -> Tensor:
    """A colour (3,) uint8 of `colours` for each level: (H, W) -> (3, H, W)."""
    return colours.T[:, levels.long()]


def _stops(colours: Tensor, stops: int) -> list[str]:
    places = torch.linspace(0, 255, stops).round().long()
    return ["#{:02x}{:02x}{:02x}".format(*colour) for colour in colours[places].tolist()]


def _levels_of(colours: Sequence[str]) -> Tensor:
    """(K, 3) uint8 RGB of colours written as in CSS."""
    return torch.tensor([list(bytes.fromhex(colour[1:])) for colour in colours], dtype=torch.uint8)


def _diverging() -> Tensor:
    """256 colours between those of DIVERGING, its middle at 128 and its ends at 1 and 255."""
    anchors = _levels_of(DIVERGING).double()
    place = ((torch.arange(256) - 1).clamp(min=0) / 254).double() * (len(anchors) - 1)
    before = place.floor().long().clamp(max=len(anchors) - 2)
    share = (place - before)[:, None]
    between = anchors[before] * (1 - share) + anchors[before + 1] * share
    return (between + 0.5).floor().to(torch.uint8)


def _viridis() -> Tensor:
    """The 256 colours of viridis (van der Walt and Smith, 2015), (256, 3) uint8 RGB."""
    import cv2

    return _map_of(cv2.COLORMAP_VIRIDIS)


def _inferno() -> Tensor:
    """The 256 colours of inferno (van der Walt and Smith, 2015), (256, 3) uint8 RGB."""
    import cv2

    return _map_of(cv2.COLORMAP_INFERNO)


def _map_of(number: int) -> Tensor:
    import cv2
    import numpy as np

    grey = np.arange(256, dtype=np.uint8)[:, None]
    blue_green_red = cv2.applyColorMap(grey, number)[:, 0]
    return torch.from_numpy(blue_green_red[:, ::-1].copy())
