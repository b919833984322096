"""The numbers of the running example, all of them the engine's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ensir.bin_sets import shares_in_one_bin
from ensir.comparison import AVERAGE, FUSED, TRUTH, Comparison, scores
from ensir.ensemble.lookup_table import LookupTable, Origin
from ensir.inspection import inspect_pixel, most_disputed_pixel, origin_words
from ensir.palettes import candidate_colours

GREEN = 1

Value = dict[str, Any]  # what the walk's script draws: plain values alone


def lesson(comparison: Comparison) -> Value:
    """The numbers of the running example: a pixel, its channel's table, scores and shares."""
    table, fits = comparison.table, comparison.fits
    assert table is not None and fits is not None  # the example has both
    x, y = most_disputed_pixel(comparison)
    pixel = inspect_pixel(comparison, x, y)
    models = list(comparison.candidates)
    names = _short(models)
    bin_set = pixel.bin_sets[GREEN]
    last = table.weights[GREEN, table.rows_of(torch.tensor(bin_set.number))]
    said = {name: decibel for name, decibel, *_ in scores(comparison)}
    gains = {name: gain for name, _, gain, _ in scores(comparison)}
    values, gained = shares_in_one_bin(comparison)
    return {
        "names": names,
        "colours": candidate_colours(len(names)),
        "x": x,
        "y": y,
        "values": [round(pixel.values[model][GREEN]) for model in models],
        "truth": round(pixel.values[TRUTH][GREEN]),
        "width": table.bins.width,
        "cells": _cells(table),
        "empty": [1 / len(names)] * len(names),
        "scores": [
            [name, said[model]]
            for name, model in zip((*names, AVERAGE), (*models, AVERAGE), strict=True)
        ],
        "gain": f"average {said[AVERAGE]} dB, fused {said[FUSED]} dB ({gains[FUSED]} dB)",
        "cell": f"{bin_set.number:,} ({bin_set.count} green pixels) EM made {bin_set.steps} steps "
        f"to the weights {', '.join(f'{weight:.3f}' for weight in last)}",
        "same_values": f"{100 * values:.0f}%",
        "same_gain": f"{100 * gained:.0f}%",
    }


def _short(names: Sequence[str]) -> list[str]:
    """Names without the words that all of them end in.

    >>> _short(["small MPRNet deraining", "small NAFNet deraining"])
    ['small MPRNet', 'small NAFNet']
    """
    words = [name.split() for name in names]
    while len(words) > 1 and min(map(len, words)) > 1 and len({one[-1] for one in words}) == 1:
        words = [one[:-1] for one in words]
    return [" ".join(one) for one in words]


def _cells(table: LookupTable) -> list[Value]:
    """The green bin sets with reference pixels."""
    rows = (table.count[GREEN] > 0).nonzero().flatten()
    bins = table.bins.bins_of(table.starts[rows]).tolist()
    return [
        {
            "bins": bins[place],
            "weights": table.weights[GREEN, row].tolist(),
            "count": int(table.count[GREEN, row]),
            "origin": origin_words(Origin(int(table.origin[GREEN, row])), table.provenance.method),
        }
        for place, row in enumerate(rows.tolist())
    ]
