"""Looking at a result: another layer, pixel, map or bin set. Nothing is fused anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from weakref import ref

import gradio as gr
from torch import Tensor

from ensir.bin_set_plot import bin_set_svg
from ensir.bin_sets import pixels_of
from ensir.comparison import CHANNELS, Comparison
from ensir.ensemble.lookup_table import LookupTable
from ensir.errors import InputError
from ensir.inspection import PixelInspection, inspect_bin_set, inspect_pixel, what_if
from ensir.probe import bin_set_words
from ensir.ui import views
from ensir.ui.em_replay import replay_of
from ensir.ui.errors import say_input_errors, told
from ensir.ui.layers import viewer_value
from ensir.ui.lut_explorer import explorer_of
from ensir.ui.viewer import stored_mask

BIN_SETS_TAB, REPLAY_TAB, TABLE_TAB = "Bin sets", "EM replay", "Lookup table"
NO_CANDIDATE = "nothing"  # of the candidates whose value could be another
# Layers that are made at once: six panels, each with a wipe, and what they are held against. All
# maps of a large picture would take gigabytes.
MOST_WANTED = 14
# What a tab shows: of which result and channel, and the number of which bin set.
Traced = Mapping[str, tuple[ref[Comparison], int, int]]


@dataclass(frozen=True)
class Listed:
    """The bin sets in the list on the page."""

    comparison: ref[Comparison]  # which is not kept for a list that no one looks at
    channel: str
    numbers: tuple[int, ...]

    def numbers_for(self, comparison: Comparison, channel: str) -> tuple[int, ...]:
        """Their numbers, if they are of this result and channel."""
        is_of_this = self.comparison() is comparison and self.channel == channel
        return self.numbers if is_of_this else ()


@say_input_errors
def on_want(
    comparison: Comparison,
    map_channel: str,
    opacity: float,
    x: int | None,
    y: int | None,
    highlight: str | None,
    event: gr.EventData,
) -> object:
    """Makes the layers that the viewer shows and has not got."""
    names = getattr(event, "names", None)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError("the viewer asks for layers by name: reload the page")
    if len(names) > MOST_WANTED:
        raise InputError(
            f"at most {MOST_WANTED} layers are looked at at once, got {len(names)}: show fewer"
        )
    value = viewer_value(
        comparison,
        names,
        map_channel=map_channel,
        opacity=opacity,
        pinned=pinned(comparison, x, y),
        highlight=highlight,
    )
    return replace(value, keeps_pin=True)


@say_input_errors
def on_pick(comparison: Comparison, channel: str, event: gr.EventData) -> tuple[object, ...]:
    """Inspects the pixel that was pinned in the viewer."""
    x, y = _typed(getattr(event, "x", None), getattr(event, "y", None))
    return x, y, *inspected(comparison, inspect_pixel(comparison, x, y), channel), NO_CANDIDATE


@say_input_errors
def on_inspect(
    comparison: Comparison,
    map_channel: str,
    opacity: float,
    x: int | None,
    y: int | None,
    channel: str,
    highlight: str | None,
    shown_table: object,
) -> object:
    """Inspects and pins the pixel whose numbers were typed, unless it is the one shown."""
    if views.is_of_pixel(shown_table, x, y):
        return gr.skip()
    pixel = inspect_pixel(comparison, *_typed(x, y))
    value = viewer_value(
        comparison,
        map_channel=map_channel,
        opacity=opacity,
        pinned=pinned(comparison, x, y),
        highlight=highlight,
    )
    return value, *inspected(comparison, pixel, channel), NO_CANDIDATE


@say_input_errors
def on_channel(
    comparison: Comparison, x: int | None, y: int | None, channel: str
) -> tuple[object, ...]:
    """Inspects the pixel in another channel."""
    pixel = inspect_pixel(comparison, *_typed(x, y))
    return *inspected(comparison, pixel, channel), NO_CANDIDATE


@say_input_errors
def on_tab(event: gr.EventData) -> str:
    """The tab that is opened: what it shows is made then, and nothing for those that are closed."""
    (tab,) = told(event, value=str)
    return str(tab)


@say_input_errors
def on_list(comparison: Comparison, channel: str, sort_by: str | None, tab: str) -> object:
    """Lists the bin sets, of another result or channel or in another order, if they are seen."""
    return listed(comparison, channel, sort_by) if tab == BIN_SETS_TAB else gr.skip()


@say_input_errors
def on_changed(
    comparison: Comparison,
    x: int | None,
    y: int | None,
    channel: str,
    changed: str,
    value: float,
) -> tuple[object, ...]:
    """Shows where the bin set and the weights would move if a candidate had another value."""
    x, y = _typed(x, y)
    if changed == NO_CANDIDATE:
        return inspected(comparison, inspect_pixel(comparison, x, y), channel)
    place = place_of(channel)
    pixel = what_if(comparison, x, y, place, {changed: value})
    said = f" if {changed} had {value:g}"
    return (
        views.pixel_table(pixel, place, said),
        views.sentence(pixel, place),
        views.histogram(comparison, pixel, place),
    )


@say_input_errors
def on_maps(
    comparison: Comparison, kind: str, map_channel: str, opacity: float
) -> tuple[object, ...]:
    """Shows maps of another kind."""
    return (
        views.map_items(comparison, kind, map_channel, opacity),
        views.map_legend(comparison, kind, map_channel, opacity),
    )


@say_input_errors
def on_map_look(
    comparison: Comparison,
    kind: str,
    map_channel: str,
    opacity: float,
    x: int | None,
    y: int | None,
    highlight: str | None,
) -> tuple[object, ...]:
    """Shows the maps of another channel or opacity, below and in the viewer."""
    value, items = views.viewer_and_maps(
        comparison,
        kind,
        map_channel,
        opacity,
        pinned=pinned(comparison, x, y),
        highlight=highlight,
    )
    legend = views.map_legend(comparison, kind, map_channel, opacity)
    return items, legend, replace(value, keeps_pin=True)


@say_input_errors
def on_bin_set(
    comparison: Comparison,
    channel: str,
    map_channel: str,
    opacity: float,
    there: Listed | None,
    event: gr.EventData,
) -> tuple[object, ...]:
    """Highlights where a bin set lies, and inspects the first of its pixels."""
    place = place_of(channel)
    (index,) = told(event, index=int)
    numbers = () if there is None else there.numbers_for(comparison, channel)
    if index not in range(len(numbers)):
        raise InputError("this bin set is not in the list any more: choose it again")
    inside = pixels_of(comparison, place, numbers[index])
    return _highlighted(comparison, channel, map_channel, opacity, inside)


@say_input_errors
def on_cell(
    comparison: Comparison,
    map_channel: str,
    opacity: float,
    traced: Traced | None,
    event: gr.EventData,
) -> tuple[object, ...]:
    """Shows a bin set chosen in the table: where it lies, or, where it does not, itself alone.

    The table stands on it already, and keeps the axes that the visitor has chosen.
    """
    channel, number = told(event, channel=int, number=int)
    bin_set = inspect_bin_set(_table(comparison), comparison.fits, channel, number)
    inside = pixels_of(comparison, channel, number)
    if not inside.any():
        sentence = views.notes(f"{bin_set_words(bin_set)} This picture has no pixel in it.")
        unchanged = [gr.skip()] * 6  # the viewer, its highlight, x, y, the channel and the table
        return *unchanged, sentence, bin_set_svg(bin_set), NO_CANDIDATE, gr.skip()
    value, highlight, x, y, *rest = _highlighted(
        comparison, bin_set.channel, map_channel, opacity, inside
    )
    stands = {**(traced or {}), TABLE_TAB: (ref(comparison), channel, number)}
    return value, highlight, x, y, bin_set.channel, *rest, stands


@say_input_errors
def on_replay(
    comparison: Comparison,
    x: int | None,
    y: int | None,
    channel: str,
    tab: str,
    traced: Traced | None,
) -> tuple[object, ...]:
    """EM in the pixel's bin set, replayed, or the plane of the table through it.

    Whichever of the two is open; what is there already stays as the visitor left it.
    """
    if tab not in (REPLAY_TAB, TABLE_TAB):
        return gr.skip(), gr.skip(), gr.skip()
    place = place_of(channel)
    bin_sets = inspect_pixel(comparison, *_typed(x, y)).bin_sets
    number = bin_sets[place].number if bin_sets else 0
    wanted, before = (ref(comparison), place, number), traced or {}
    if before.get(tab) == wanted:
        return gr.skip(), gr.skip(), gr.skip()
    made = (replay_of if tab == REPLAY_TAB else explorer_of)(comparison, place, number)
    shown = (made, gr.skip()) if tab == REPLAY_TAB else (gr.skip(), made)
    return *shown, {**before, tab: wanted}


def inspected(comparison: Comparison, pixel: PixelInspection, channel: str) -> tuple[object, ...]:
    """A pixel's table, its bin set in words, and the histogram of that."""
    place = place_of(channel)
    return (
        views.pixel_table(pixel, place),
        views.sentence(pixel, place),
        views.histogram(comparison, pixel, place),
    )


def listed(
    comparison: Comparison, channel: str, sort_by: str | None
) -> tuple[list[tuple[str, str]], Listed]:
    """The list of bin sets of a channel, and what it is of."""
    place = place_of(channel)
    there = views.listed_bin_sets(comparison, place, sort_by)
    items = views.bin_set_items(comparison, there, place, sort_by)
    return items, Listed(ref(comparison), channel, tuple(it.number for it in there))


def pinned(comparison: Comparison, x: int | None, y: int | None) -> tuple[int, int] | None:
    """The pixel that is marked, if there is one of these numbers."""
    width, height = comparison.size
    if type(x) is not int or type(y) is not int or not (0 <= x < width and 0 <= y < height):
        return None
    return x, y


def place_of(channel: str) -> int:
    """The place of a channel of a pixel. Raises InputError for another."""
    if channel not in CHANNELS:
        raise InputError(f"a channel is red, green or blue, got {channel!r:.80}")
    return CHANNELS.index(channel)


def _typed(x: int | None, y: int | None) -> tuple[int, int]:
    if x is None or y is None:
        raise InputError("a pixel has two whole numbers, x and y: fill in both")
    return x, y


def _highlighted(
    comparison: Comparison, channel: str, map_channel: str, opacity: float, inside: Tensor
) -> tuple[object, ...]:
    """Some pixels (H, W) highlighted, and the first of them inspected."""
    y, x = (int(place) for place in inside.nonzero()[0])
    highlight = stored_mask(inside)
    value = viewer_value(
        comparison, map_channel=map_channel, opacity=opacity, pinned=(x, y), highlight=highlight
    )
    pixel = inspect_pixel(comparison, x, y)
    return value, highlight, x, y, *inspected(comparison, pixel, channel), NO_CANDIDATE


def _table(comparison: Comparison) -> LookupTable:
    if comparison.table is None:
        raise InputError("the candidates are averaged: there are no bin sets to choose")
    return comparison.table
