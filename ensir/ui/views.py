"""What the components show of a comparison: paths of pictures, captions and small tables."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from torch import Tensor

from ensir.bin_set_plot import pixel_svg
from ensir.bin_sets import BinSet, bin_sets, levels_in, sortable_by, thumbnails
from ensir.candidates_plot import candidates_svg
from ensir.comparison import CHANNELS, TRUTH, Comparison, scores
from ensir.errors import InputError
from ensir.inspection import PixelInspection
from ensir.looks import Look
from ensir.maps import MAPS, Layer, layers, missing, summary
from ensir.maps.kinds import Of
from ensir.palettes import CIVIDIS, candidate_colours, colour_table
from ensir.probe import probe
from ensir.ui.layers import (
    ALL,
    SOLID,
    first_panels,
    layer_picture,
    legend_of,
    map_shown,
    maps_in_panels,
    picture_layers,
    place_of,
    share_of,
    values_of_maps,
    viewer_value,
)
from ensir.ui.pictures import shown, shown_places
from ensir.ui.side_by_side import side_by_side
from ensir.ui.tables import table_html
from ensir.ui.theme import legend_html
from ensir.ui.viewer import ViewerValue

SCORE_COLUMNS = ("", "PSNR, dB", "over average", "SSIM")
MOST_BIN_SETS = 24  # listed at once
# What a list of bin sets can be sorted by, in words; the first that there are numbers for is taken.
SORTED_BY = {
    "share of the error": "share of the whole error",
    "pixels": "pixels of this picture",
    "error": "error",
    "weight contrast": "contrast of the weights",
}
BIN_SETS_HELP = (
    "Bin sets of the channel above: where they lie, how many pixels of this picture they hold, and "
    "the root of their mean squared error in levels where the ground truth is known. Choose one to "
    "see it in the viewer, and why it has its weights."
)
NO_BIN_SETS = (
    "The candidates are averaged: every pixel has the same weights, so there are no bin sets. "
    "Choose where the weights come from to see some."
)


def candidate_items(comparison: Comparison) -> list[tuple[str, str]]:
    """The candidates with their names."""
    return [(shown(layer_picture(comparison, name)), name) for name in comparison.candidates]


def map_kinds(comparison: Comparison) -> list[tuple[str, str]]:
    """What there are maps of: words for the list, and the kind."""
    of = {Of.WHOLE: "", Of.CANDIDATE: "each model", Of.PICTURE: "each picture"}
    return [
        (kind.title.format(of=of[kind.of]), name)
        for name, kind in MAPS.items()
        if not missing(comparison, kind)
    ]


def maps_of(comparison: Comparison, kind: str, map_channel: str = ALL) -> list[Layer]:
    """The maps of a kind. Raises InputError where there are none, saying what is missing."""
    if kind not in tuple(MAPS):  # a list is no key, but can be compared
        raise InputError(f"there is no map {kind!r:.80}: choose one of {', '.join(MAPS)}")
    if sentence := missing(comparison, MAPS[kind]):
        raise InputError(sentence)
    return [it for it in layers(comparison, place_of(map_channel)) if it.kind == kind]


def map_items(
    comparison: Comparison,
    kind: str,
    map_channel: str = ALL,
    opacity: float = SOLID,
    known: Mapping[Layer, Tensor] | None = None,
) -> list[tuple[str, str]]:
    """The maps of a kind, each with what it says in short; their opacity is in percent.

    `known` are the values of maps that were worked out already.
    """
    share = share_of(opacity)
    there = maps_of(comparison, kind, map_channel)
    values = values_of_maps(comparison, there, known)
    items = []
    for layer in there:
        said = [layer.of or MAPS[kind].title, summary(comparison, layer, values[layer])]
        picture = map_shown(comparison, layer, values[layer], share)
        items.append((picture, ", ".join(filter(None, said))))
    return items


def viewer_and_maps(
    comparison: Comparison,
    kind: str,
    map_channel: str,
    opacity: float,
    *,
    pinned: tuple[int, int] | None,
    highlight: str | None = None,
    look: Look | None = None,
) -> tuple[ViewerValue, list[tuple[str, str]]]:
    """`viewer_value` and `map_items`: what both need of the weights is worked out once."""
    there = [*maps_in_panels(comparison, map_channel), *maps_of(comparison, kind, map_channel)]
    known, _ = side_by_side(
        lambda: values_of_maps(comparison, there),
        lambda: picture_layers(comparison, first_panels(comparison)),
    )
    in_viewer, items = side_by_side(
        lambda: viewer_value(
            comparison,
            map_channel=map_channel,
            opacity=opacity,
            pinned=pinned,
            highlight=highlight,
            look=look,
            known=known,
        ),
        lambda: map_items(comparison, kind, map_channel, opacity, known),
    )
    return in_viewer, items


def map_legend(
    comparison: Comparison, kind: str, map_channel: str = ALL, opacity: float = SOLID
) -> str:
    """What the colours of a kind of map mean."""
    (first, *_) = maps_of(comparison, kind, map_channel)
    return legend_html(legend_of(comparison, first, share_of(opacity)))


def pixel_table(pixel: PixelInspection, channel: int, what_if: str = "") -> str:
    """A pixel in one channel: every picture's value, and each model's part in the fused one."""
    table = probe(pixel, channel)
    at = f"responsibility at the level of {table.responsible_at}"
    caption = f"{_pixel_words(pixel.x, pixel.y)} {CHANNELS[channel]}{what_if}; {at}"
    colours = candidate_colours(len(pixel.candidate_names))
    return table_html(caption, table.columns, table.cells, colours)


def is_of_pixel(table: object, x: int | None, y: int | None) -> bool:
    """Whether a `pixel_table` is of this pixel, in any channel and with any value changed."""
    return isinstance(table, str) and f"<caption>{_pixel_words(x, y)}" in table


def sentence(pixel: PixelInspection, channel: int) -> str:
    """What the bin set of the pixel is, in words."""
    return notes(probe(pixel, channel).bin_set)


def histogram(comparison: Comparison, pixel: PixelInspection, channel: int) -> str:
    """The bin set of the pixel: ground truth, mixture, and the pixel's own values.

    Below it what the candidates have there in this picture.
    """
    drawn = pixel_svg(pixel, channel)
    if not pixel.bin_sets:
        return drawn
    bin_set = pixel.bin_sets[channel]
    return drawn + candidates_svg(bin_set, levels_in(comparison, channel, bin_set.number))


def score_table(comparison: Comparison) -> str:
    """PSNR and SSIM of every picture against the ground truth."""
    if comparison.truth is None:
        return notes("Add a ground truth to see scores.")
    return table_html(f"Against the {TRUTH}", SCORE_COLUMNS, scores(comparison))


def sort_keys(comparison: Comparison) -> list[tuple[str, str]]:
    """What bin sets can be sorted by: words for the list, and the key. None for an average."""
    there = [] if comparison.table is None else sortable_by(comparison)
    return [(words, key) for key, words in SORTED_BY.items() if key in there]


def sort_key(comparison: Comparison, wanted: str | None = None) -> str | None:
    """The key that is wanted, if there is such a one, else the first; None for an average."""
    there = [key for _, key in sort_keys(comparison)]
    return wanted if wanted in there else next(iter(there), None)


def listed_bin_sets(
    comparison: Comparison, channel: int, sort_by: str | None = None
) -> tuple[BinSet, ...]:
    """The bin sets that a list shows, by a key of `sort_keys`, else by its first."""
    key = sort_key(comparison, sort_by)
    return () if key is None else bin_sets(comparison, channel, key, MOST_BIN_SETS)


def bin_sets_help(comparison: Comparison) -> str:
    """What a list of bin sets shows, or why it is empty."""
    words = NO_BIN_SETS if comparison.table is None else BIN_SETS_HELP
    return f'<p class="help">{escape(words)}</p>'


def bin_set_items(
    comparison: Comparison, there: tuple[BinSet, ...], channel: int, sort_by: str | None = None
) -> list[tuple[str, str]]:
    """Where bin sets lie, small, and their numbers in words: those they are sorted by, too."""
    small = thumbnails(comparison, channel, [it.number for it in there])
    return [
        (shown_places(levels, colour_table(CIVIDIS)), _bin_set_words(it, sort_by))
        for it, levels in zip(there, small, strict=True)
    ]


def notes(*sentences: str) -> str:
    """Sentences, each a paragraph."""
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)


def _bin_set_words(bin_set: BinSet, sort_by: str | None) -> str:
    if sort_by == "weight contrast":
        return f"{bin_set.pixels:,} pixels, contrast {bin_set.contrast:.2f}"
    error = "" if bin_set.error is None else f", error {bin_set.error:.1f}"
    return f"{bin_set.pixels:,} pixels{error}"


def _pixel_words(x: int | None, y: int | None) -> str:
    return f"Pixel ({x}, {y}),"
