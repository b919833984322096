"""What the components show of a comparison: paths of pictures, captions and small tables."""

from __future__ import annotations

from html import escape

from torch import Tensor

from ensir.comparison import (
    CHANNELS,
    PIXEL_COLUMNS,
    Comparison,
    PixelInspection,
    mean_weights,
    scores,
    weight_maps,
)
from ensir.errors import InputError
from ensir.palettes import CANDIDATE_COLOURS, coloured_weights
from ensir.ui.pictures import shown
from ensir.ui.tables import table_html

WEIGHT_LAYER = "weight of "
SCORE_COLUMNS = ("", "PSNR, dB", "over average", "SSIM")


def layer_names(comparison: Comparison) -> list[str]:
    return [*comparison.layers, *(WEIGHT_LAYER + name for name in comparison.candidates)]


def layer_picture(comparison: Comparison, name: str) -> Tensor:
    if name not in layer_names(comparison):
        raise InputError(f"there is no picture {name!r:.80}: choose one of the list")
    if name in comparison.layers:
        return comparison.layers[name]
    return coloured_weights(weight_maps(comparison)[name.removeprefix(WEIGHT_LAYER)])


def candidate_items(comparison: Comparison) -> list[tuple[str, str]]:
    return [(shown(picture), name) for name, picture in comparison.candidates.items()]


def map_items(comparison: Comparison) -> list[tuple[str, str]]:
    means = mean_weights(comparison)
    return [
        (shown(coloured_weights(levels)), f"{name}, mean {means[name]:.2f}")
        for name, levels in weight_maps(comparison).items()
    ]


def pixel_table(pixel: PixelInspection, channel: int) -> str:
    caption = f"Pixel ({pixel.x}, {pixel.y}), {CHANNELS[channel]}"
    colours = CANDIDATE_COLOURS[: len(pixel.candidate_names)]
    return table_html(caption, PIXEL_COLUMNS, pixel.rows(channel), colours)


def score_table(comparison: Comparison) -> str:
    if comparison.truth is None:
        return "<p>Add a ground truth to see scores.</p>"
    return table_html("Against the ground truth", SCORE_COLUMNS, scores(comparison))


def note(about: str) -> str:
    return f"<p>{escape(about)}</p>"


def sentence(pixel: PixelInspection, channel: int) -> str:
    """What the bin set of the pixel is, in words."""
    if not pixel.bin_sets:
        return "<p>The candidates are averaged: no bin sets, the same weight everywhere.</p>"
    bin_set = pixel.bin_sets[channel]
    count = "" if bin_set.count is None else f"{bin_set.count:,} reference pixels, "
    steps = "" if bin_set.steps is None else f" in {bin_set.steps} steps"
    return f"<p>Bin set {bin_set.number:,}: {count}{bin_set.origin}{steps}.</p>"
