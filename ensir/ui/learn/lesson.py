"""The numbers of the running example, all of them the engine's."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ensir.comparison import AVERAGE, FUSED, TRUTH, Comparison, scores
from ensir.ensemble.levels import levels_of
from ensir.ensemble.lookup_table import LookupTable, Origin
from ensir.fitting import BinSetFits
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
    names = list(comparison.candidates)
    bin_set = pixel.bin_sets[GREEN]
    moved_same, moved_other = _moved(fits)
    last = table.weights[GREEN, table.rows_of(torch.tensor(bin_set.number))]
    said = {name: decibel for name, decibel, *_ in scores(comparison)}
    gains = {name: gain for name, _, gain, _ in scores(comparison)}
    return {
        "names": names,
        "colours": candidate_colours(len(names)),
        "x": x,
        "y": y,
        "values": [round(pixel.values[name][GREEN]) for name in names],
        "truth": round(pixel.values[TRUTH][GREEN]),
        "width": table.bins.width,
        "cells": _cells(table),
        "empty": [1 / len(names)] * len(names),
        "scores": [[name, said[name]] for name in (*names, AVERAGE)],
        "gain": f"fused {said[FUSED]} dB, average {said[AVERAGE]} dB: {gains[FUSED]} dB",
        "cell": f"{bin_set.number} ({bin_set.count} green pixels) EM made {bin_set.steps} steps to "
        f"the weights {', '.join(f'{weight:.3f}' for weight in last)}",
        "diagonal": f"{_share_in_one_bin(comparison, table):.0%}",
        "moved_same": f"{moved_same:.2f}",
        "moved_other": f"{moved_other:.2f}",
    }


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


def _in_one_bin(bins: Tensor) -> Tensor:
    """Whether all candidates share a bin: (..., M) -> (...) bool."""
    return (bins == bins[..., :1]).all(-1)


def _share_in_one_bin(comparison: Comparison, table: LookupTable) -> float:
    levels = torch.stack([levels_of(one) for one in comparison.candidates.values()])
    return float(_in_one_bin(table.bins.bins_of(table.bins.index(levels))).double().mean())


def _moved(fits: BinSetFits) -> tuple[float, float]:
    """By how much EM moves the weight that it moves most: medians over the fitted bin sets.

    Of those where all candidates share a bin, and of the others.
    """
    moved = (fits.fitted.weight - fits.first.weight).abs().amax(-1)
    same = _in_one_bin(fits.statistics.bins.bins_of(fits.statistics.sets)).expand_as(moved)
    ran = fits.steps > 0
    return float(moved[ran & same].median()), float(moved[ran & ~same].median())
