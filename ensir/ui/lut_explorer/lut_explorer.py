"""The lookup table as a picture: a plane of its bin sets, coloured by weight, count or origin."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import gradio as gr
import torch
from torch import Tensor

from ensir.comparison import CHANNELS, Comparison
from ensir.ensemble.lookup_table import LookupTable, Origin
from ensir.errors import InputError
from ensir.inspection import origin_words
from ensir.palettes import CIVIDIS, ORIGIN_COLOURS, VIRIDIS, candidate_colours, colour_stops
from ensir.table_slices import (
    MOST_CELLS,
    PictureCounts,
    TableCells,
    cells_of,
    picture_counts,
    plane,
    planes,
)
from ensir.ui.em_replay.scripts import ASKING_JS, joined
from ensir.ui.errors import say_input_errors, told

HERE = Path(__file__).parent
# In this order, as one script.
SCRIPTS = ("cells.js", "colours.js", "drawing.js", "words.js", "lut_explorer.js")
STOPS = 256  # colours of a scale
NO_TABLE = "The candidates are averaged: there is no table. Choose where weights come from."

Value = dict[str, Any]  # what a component's script draws: plain values alone

# Of the pictures that are looked at, by channel; counting a large one takes a second.
_counted: WeakKeyDictionary[Comparison, dict[int, PictureCounts]] = WeakKeyDictionary()


def lut_explorer_panel(comparison: gr.State) -> gr.HTML:
    """The explorer inside the Blocks being built; shows what `explorer_of` returns.

    Its event `pick` has the `channel` and `number` of the bin set that was clicked. Other planes
    are taken from the table of the Comparison that `comparison` holds.
    """
    explorer = gr.HTML(
        html_template=joined(HERE / "lut_explorer.html"),
        css_template=joined(HERE / "lut_explorer.css"),
        js_on_load=joined(ASKING_JS, *(HERE / name for name in SCRIPTS)),
        apply_default_css=False,
        elem_id="lut-explorer",
    )
    explorer.look(
        on_look,
        comparison,
        explorer,
        queue=False,
        trigger_mode="multiple",
        show_progress="hidden",
    )
    return explorer


@say_input_errors
def on_look(comparison: Comparison, event: gr.EventData) -> Value:
    """Another plane of the table that is shown."""
    table = comparison.table
    if table is None:
        return {"note": NO_TABLE}
    rows, columns, channel, bins, everything, asked = told(
        event, rows=int, columns=int, channel=int, bins=list, all=bool, asked=int
    )
    value = _plane_of(comparison, table, channel, (rows, columns), bins, everything)
    return {**value, "asked": asked}  # so that the script knows its answer


def explorer_of(comparison: Comparison, channel: int, number: int) -> Value:
    """What the explorer shows of a comparison's table: the plane through the bin set `number`.

    The first two candidates are its axes.
    """
    table = comparison.table
    if table is None:
        return {"note": NO_TABLE}
    bins = table.bins.bins_of(torch.tensor(number)).tolist()
    return _plane_of(comparison, table, channel, (1, 0), bins, False)


def _plane_of(
    comparison: Comparison,
    table: LookupTable,
    channel: int,
    axes: tuple[int, int],
    bins: list[int],
    everything: bool,
) -> Value:
    counts = _counts(comparison, table, channel)
    shown = cells_of(table, channel, plane(table.bins, *axes, bins))
    has_overview = table.bins.candidates == 3 and table.bins.sets <= MOST_CELLS
    overview = None
    if everything and has_overview:
        every = cells_of(table, channel, planes(table.bins, *axes))
        overview = _packed(every, counts.at(every.number), exact=False)
    names = list(comparison.candidates)
    return {
        "title": _title(table),
        "names": names,
        "colours": candidate_colours(len(names)),
        "scales": {"weight": colour_stops(VIRIDIS, STOPS), "count": colour_stops(CIVIDIS, STOPS)},
        "origins": [origin_words(origin, table.provenance.method) for origin in Origin],
        "origin_colours": ORIGIN_COLOURS,
        "most": max(int(table.count[channel].max()), 1),
        "width": table.bins.width,
        "channels": table.channels,
        "channel": channel,
        "rows": axes[0],
        "columns": axes[1],
        "bins": list(bins),
        "cells": _packed(shown, counts.at(shown.number), exact=True),
        "has_overview": has_overview,
        "overview": overview,
    }


def _counts(comparison: Comparison, table: LookupTable, channel: int) -> PictureCounts:
    if not 0 <= channel < len(CHANNELS):
        raise InputError(f"a channel is red, green or blue, 0 to 2; got {channel!r:.80}")
    known = _counted.setdefault(comparison, {})
    if channel not in known:
        known[channel] = picture_counts(table.bins, list(comparison.candidates.values()), channel)
    return known[channel]


def _packed(cells: TableCells, here: Tensor, *, exact: bool) -> Value:
    """The numbers of cells in base64: exact ones, or weights as levels for small pictures."""
    weights = cells.weights.float() if exact else (cells.weights * 255).round().to(torch.uint8)
    parts = {
        "weights": weights,
        "count": cells.count.double() if exact else cells.count.float(),
        "origin": cells.origin,
        "here": here.double() if exact else (here > 0).to(torch.uint8),
    }
    types = {torch.uint8: "u1", torch.float32: "f4", torch.float64: "f8"}
    return {
        name: {
            "type": types[part.dtype],
            "data": base64.b64encode(part.contiguous().numpy().tobytes()).decode(),
        }
        for name, part in parts.items()
    }


def _title(table: LookupTable) -> str:
    count = table.bins.per_candidate
    shape = " × ".join([str(count)] * table.bins.candidates)
    filled = int((table.count > 0).any(0).sum())
    known = "" if (table.count < 0).any() else f", {filled:,} of them with reference pixels"
    return f"{shape} = {table.bins.sets:,} bin sets of {table.bins.width} levels{known}."
