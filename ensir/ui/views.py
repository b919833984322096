"""What the components show of a comparison: paths of pictures, captions and small tables."""

from __future__ import annotations

from html import escape

from torch import Tensor

from ensir.comparison import (
    AVERAGE,
    CHANNELS,
    ERROR_OF,
    FUSED,
    GAIN,
    INPUT,
    LARGEST_WEIGHT,
    PIXEL_COLUMNS,
    WEIGHT_OF,
    Comparison,
    PixelInspection,
    error_map,
    gain_map,
    largest_weights,
    mean_error,
    mean_weights,
    scores,
    weight_maps,
)
from ensir.ensemble.levels import levels_of
from ensir.errors import InputError
from ensir.images import on_white
from ensir.palettes import (
    candidate_colours,
    coloured_candidates,
    coloured_errors,
    coloured_gains,
    coloured_weights,
)
from ensir.ui.pictures import shown
from ensir.ui.tables import table_html
from ensir.ui.theme import error_scale_html, gain_scale_html, names_html, weight_scale_html

SCORE_COLUMNS = ("", "PSNR, dB", "over average", "SSIM")

MEAN = "mean"
MAP_CHANNELS = (MEAN, *CHANNELS)
WEIGHTS, ERRORS = "weights", "errors"
MAP_KINDS = (WEIGHTS, ERRORS)


def layer_names(comparison: Comparison) -> list[str]:
    """Every picture and map there is."""
    names = [*comparison.pictures, *(WEIGHT_OF + name for name in comparison.candidates)]
    names.append(LARGEST_WEIGHT)
    if comparison.truth is not None:
        names += [GAIN, *(ERROR_OF + name for name in comparison.scored)]
    return names


def layer_picture(comparison: Comparison, name: str, map_channel: str = MEAN) -> Tensor:
    """A picture, on white, or map by name, (3, H, W) uint8; `map_channel` is the weights'."""
    if name not in layer_names(comparison):
        raise InputError(f"there is no picture {name!r:.80}: choose one of the list")
    if name in comparison.pictures:
        return on_white(levels_of(comparison.pictures[name]), comparison.alpha)
    if name == LARGEST_WEIGHT:
        return coloured_candidates(largest_weights(comparison, _place(map_channel)))
    if name == GAIN:
        return coloured_gains(gain_map(comparison))
    if name.startswith(ERROR_OF):
        return coloured_errors(error_map(comparison, name.removeprefix(ERROR_OF)))
    maps = weight_maps(comparison, _place(map_channel))
    return coloured_weights(maps[name.removeprefix(WEIGHT_OF)])


def layer_legend(comparison: Comparison, name: str, map_channel: str = MEAN) -> str:
    """What the colours of a map mean; empty for a picture."""
    if name in comparison.pictures:
        return ""
    if name == LARGEST_WEIGHT:
        channel = "mean of the three channels" if map_channel == MEAN else map_channel
        ties = f"The model with the largest weight, {channel}; of equal ones the first."
        return names_html(list(comparison.candidates), ties)
    if name == GAIN:
        return gain_scale_html()
    return error_scale_html() if name.startswith(ERROR_OF) else weight_scale_html()


def wiped_names(comparison: Comparison, left: str, right: str) -> tuple[str, str]:
    """Two layers to compare: those asked for, or what stands in for one that is gone."""
    names = layer_names(comparison)
    first = INPUT if INPUT in names else AVERAGE
    return (left if left in names else first), (right if right in names else FUSED)


def wiped_pictures(
    comparison: Comparison, left: str, right: str, map_channel: str = MEAN
) -> tuple[str, str]:
    return (
        shown(layer_picture(comparison, left, map_channel)),
        shown(layer_picture(comparison, right, map_channel)),
    )


def wiped_legend(comparison: Comparison, left: str, right: str, map_channel: str = MEAN) -> str:
    """What the colours of the compared maps mean, each once."""
    legends = [layer_legend(comparison, name, map_channel) for name in (left, right)]
    return "".join(dict.fromkeys(legends))


def candidate_items(comparison: Comparison) -> list[tuple[str, str]]:
    return [(shown(layer_picture(comparison, name)), name) for name in comparison.candidates]


def map_items(
    comparison: Comparison, kind: str = WEIGHTS, map_channel: str = MEAN
) -> list[tuple[str, str]]:
    """The maps of a kind with their means: weights of every candidate, or errors of every layer."""
    if kind == ERRORS:
        names = [] if comparison.truth is None else list(comparison.scored)
        return [
            (
                shown(coloured_errors(error_map(comparison, name))),
                f"{name}, mean {mean_error(comparison, name):.2f}",
            )
            for name in names
        ]
    maps = weight_maps(comparison, _place(map_channel))
    means = mean_weights(maps)
    return [
        (shown(coloured_weights(levels)), f"{name}, mean {means[name]:.2f}")
        for name, levels in maps.items()
    ]


def map_legend(comparison: Comparison, kind: str) -> str:
    if kind == ERRORS:
        return (
            notes("Add a ground truth to see errors.")
            if comparison.truth is None
            else (error_scale_html())
        )
    return weight_scale_html()


def _place(map_channel: str) -> int | None:
    """The channel of a weight map; None for the mean."""
    if map_channel not in MAP_CHANNELS:
        raise InputError(f"maps are of {', '.join(MAP_CHANNELS)}; got {map_channel!r:.80}")
    return None if map_channel == MEAN else CHANNELS.index(map_channel)


def pixel_table(pixel: PixelInspection, channel: int) -> str:
    caption = f"Pixel ({pixel.x}, {pixel.y}), {CHANNELS[channel]}"
    colours = candidate_colours(len(pixel.candidate_names))
    return table_html(caption, PIXEL_COLUMNS, pixel.rows(channel), colours)


def score_table(comparison: Comparison) -> str:
    if comparison.truth is None:
        return "<p>Add a ground truth to see scores.</p>"
    return table_html("Against the ground truth", SCORE_COLUMNS, scores(comparison))


def notes(*sentences: str) -> str:
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)


def sentence(pixel: PixelInspection, channel: int) -> str:
    """What the bin set of the pixel is, in words."""
    if not pixel.bin_sets:
        return "<p>The candidates are averaged: no bin sets, the same weight everywhere.</p>"
    bin_set = pixel.bin_sets[channel]
    count = "" if bin_set.count is None else f"{bin_set.count:,} reference pixels, "
    steps = "" if bin_set.steps is None else f" in {bin_set.steps} steps"
    return f"<p>Bin set {bin_set.number:,}: {count}{bin_set.origin}{steps}.</p>"
