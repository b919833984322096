"""What the components show of a comparison: paths of pictures, captions and small tables."""

from __future__ import annotations

from html import escape

from ensir.bin_set_plot import pixel_svg
from ensir.bin_sets import BinSet, bin_sets, thumbnails
from ensir.comparison import CHANNELS, TRUTH, Comparison, scores
from ensir.errors import InputError
from ensir.inspection import PixelInspection
from ensir.maps import MAPS, Layer, layers, map_picture, map_values, missing, summary
from ensir.maps.kinds import Of
from ensir.palettes import CIVIDIS, candidate_colours, coloured
from ensir.probe import probe
from ensir.ui.layers import ALL, layer_picture, legend_of, place_of
from ensir.ui.pictures import shown
from ensir.ui.tables import table_html
from ensir.ui.theme import legend_html

SCORE_COLUMNS = ("", "PSNR, dB", "over average", "SSIM")
MOST_BIN_SETS = 24  # listed at once
LARGEST_ERROR = "share of the error"  # what a list is sorted by where the truth is known
MOST_PIXELS = "pixels"


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


def map_items(comparison: Comparison, kind: str, map_channel: str = ALL) -> list[tuple[str, str]]:
    """The maps of a kind, each with what it says in short."""
    there = maps_of(comparison, kind, map_channel)
    items = []
    for layer, values in zip(there, map_values(comparison, *there), strict=True):
        said = [layer.of or layer.title, summary(comparison, layer, values)]
        picture = shown(map_picture(comparison, layer, values))
        items.append((picture, ", ".join(filter(None, said))))
    return items


def map_legend(comparison: Comparison, kind: str, map_channel: str = ALL) -> str:
    """What the colours of a kind of map mean."""
    return legend_html(legend_of(comparison, maps_of(comparison, kind, map_channel)[0]))


def pixel_table(pixel: PixelInspection, channel: int, what_if: str = "") -> str:
    """A pixel in one channel: every picture's value, and each model's part in the fused one."""
    table = probe(pixel, channel)
    at = f"responsibility at the level of {table.responsible_at}"
    caption = f"Pixel ({pixel.x}, {pixel.y}), {CHANNELS[channel]}{what_if}; {at}"
    colours = candidate_colours(len(pixel.candidate_names))
    return table_html(caption, table.columns, table.cells, colours)


def sentence(pixel: PixelInspection, channel: int) -> str:
    """What the bin set of the pixel is, in words."""
    return notes(probe(pixel, channel).bin_set)


def histogram(pixel: PixelInspection, channel: int) -> str:
    """The bin set of the pixel: ground truth, mixture, and the pixel's own values."""
    return pixel_svg(pixel, channel)


def score_table(comparison: Comparison) -> str:
    """PSNR and SSIM of every picture against the ground truth."""
    if comparison.truth is None:
        return notes("Add a ground truth to see scores.")
    return table_html(f"Against the {TRUTH}", SCORE_COLUMNS, scores(comparison))


def listed_bin_sets(comparison: Comparison, channel: int) -> tuple[BinSet, ...]:
    """The bin sets that a list shows: those that cost most, or hold most pixels."""
    if comparison.table is None:
        return ()
    key = MOST_PIXELS if comparison.truth is None else LARGEST_ERROR
    return bin_sets(comparison, channel, key, MOST_BIN_SETS)


def bin_set_items(
    comparison: Comparison, there: tuple[BinSet, ...], channel: int
) -> list[tuple[str, str]]:
    """Where bin sets lie, small, and their numbers in words."""
    small = thumbnails(comparison, channel, [it.number for it in there])
    return [
        (shown(coloured(levels, CIVIDIS)), _bin_set_words(it))
        for it, levels in zip(there, small, strict=True)
    ]


def notes(*sentences: str) -> str:
    """Sentences, each a paragraph."""
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)


def _bin_set_words(bin_set: BinSet) -> str:
    error = "" if bin_set.error is None else f", error {bin_set.error:.1f}"
    return f"{bin_set.pixels:,} pixels{error}"
