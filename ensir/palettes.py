"""Colours of the screen: perceptual maps for quantities, colour-blind-safe ones for candidates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

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

# Where the weights of a cell come from: fitted, given beforehand, empty in the reference set; from
# light to dark, so that they stay apart without colour, and none as light or as dark as a page.
ORIGIN_COLOURS = ("#6BAED6", "#C96F00", "#5F5F5F")


@cache
def colour_table(name: str) -> Tensor:
    """The colours of COLOUR_TABLES by name, (256, 3) uint8 RGB, from the lowest to the highest."""
    return COLOUR_TABLES[name]()


def coloured(levels: Tensor, name: str) -> Tensor:
    """Levels in the colours of a table by name: (H, W) uint8 -> (3, H, W) uint8."""
    return _coloured(levels, colour_table(name))


def colour_stops(name: str, stops: int, first: int = 0) -> list[str]:
    """The colours of a table from level `first` to 255 in equal steps, as CSS."""
    return _stops(colour_table(name), stops, first)


def coloured_places(places: Tensor, colours: Sequence[str]) -> Tensor:
    """Whole numbers in the colours at their places: (H, W) -> (3, H, W) uint8."""
    return _coloured(places, levels_of_colours(colours))


def coloured_weights(levels: Tensor) -> Tensor:
    """Weights as levels, 0 for 0 and 255 for 1, in the viridis map: (H, W) -> (3, H, W) uint8."""
    return _coloured(levels, colour_table(VIRIDIS))


def coloured_gains(levels: Tensor) -> Tensor:
    """Gains as levels, 128 for none, red below and blue above: (H, W) -> (3, H, W) uint8."""
    return _coloured(levels, colour_table(SIGNED))


def candidate_colours(count: int) -> list[str]:
    """A colour for each of `count` candidates; they begin again where there are too few."""
    return [CANDIDATE_COLOURS[place % len(CANDIDATE_COLOURS)] for place in range(count)]


def weight_scale(stops: int) -> list[str]:
    """The colours of weights from 0 to 1 in equal steps, as CSS."""
    return _stops(colour_table(VIRIDIS), stops)


def gain_scale() -> list[str]:
    """The colours of gains from the worst to the best shown in equal steps, as CSS."""
    return list(DIVERGING)


def levels_of_colours(colours: Sequence[str]) -> Tensor:
    """(K, 3) uint8 RGB of colours written as in CSS."""
    return torch.tensor([list(bytes.fromhex(colour[1:])) for colour in colours], dtype=torch.uint8)


def _coloured(levels: Tensor, colours: Tensor) -> Tensor:
    """A colour (3,) uint8 of `colours` for each level: (H, W) -> (3, H, W)."""
    # A plane at a time by `take`: several times as fast as an index.
    place = levels.long()
    return torch.stack([plane.take(place) for plane in colours.T.contiguous()])


def _stops(colours: Tensor, stops: int, first: int = 0) -> list[str]:
    places = torch.linspace(first, 255, stops).round().long()
    return ["#{:02x}{:02x}{:02x}".format(*colour) for colour in colours[places].tolist()]


def _diverging() -> Tensor:
    """256 colours between those of DIVERGING, its middle at 128 and its ends at 1 and 255."""
    anchors = levels_of_colours(DIVERGING).double()
    place = ((torch.arange(256) - 1).clamp(min=0) / 254).double() * (len(anchors) - 1)
    before = place.floor().long().clamp(max=len(anchors) - 2)
    share = (place - before)[:, None]
    between = anchors[before] * (1 - share) + anchors[before + 1] * share
    return (between + 0.5).floor().to(torch.uint8)


def _cividis() -> Tensor:
    """Cividis (Nuñez, Anderton and Renslow, 2018)."""
    import cv2

    return _map_of(cv2.COLORMAP_CIVIDIS)


def _viridis() -> Tensor:
    """Viridis (van der Walt and Smith, 2015)."""
    import cv2

    return _map_of(cv2.COLORMAP_VIRIDIS)


def _map_of(number: int) -> Tensor:
    """A colour map of OpenCV, (256, 3) uint8 RGB."""
    import cv2
    import numpy as np

    grey = np.arange(256, dtype=np.uint8)[:, None]
    blue_green_red = cv2.applyColorMap(grey, number)[:, 0]
    return torch.from_numpy(blue_green_red[:, ::-1].copy())


CIVIDIS, SIGNED, VIRIDIS = "cividis", "red to blue", "viridis"
COLOUR_TABLES: dict[str, Callable[[], Tensor]] = {
    CIVIDIS: _cividis,
    SIGNED: _diverging,
    VIRIDIS: _viridis,
}
