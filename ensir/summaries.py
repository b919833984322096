"""What the command line says of tables, statistics and scores, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import torch
from torch import Tensor

from ensir.ensemble.lookup_table import LookupTable, Origin
from ensir.methods import ENOUGH_PIXELS
from ensir.reference_set import ReferenceStatistics
from ensir.scoring import EnsembleScores
from ensir.statistics_files import statistics_digest


def about_table(table: LookupTable) -> dict[str, object]:
    """How a table was made, how full it is, and how much it trusts each candidate."""
    fitted = int((table.origin == Origin.FITTED).sum())
    prior = int((table.origin == Origin.PRIOR).sum())
    cells = table.channels * table.bins.sets  # a cell is a channel and a bin set
    return {
        "candidates": table.candidate_names,
        "bin_width": table.bins.width,
        **asdict(table.provenance),
        "bin_sets": table.bins.sets,
        "stored": "every bin set" if table.dense else "occupied bin sets",
        "cells": {"fitted": fitted, "prior": prior, "empty": cells - fitted - prior},
        "expected_error": expected_error(table),
        "mean_weights": mean_weights(table),
    }


def expected_error(table: LookupTable) -> float | None:
    """Root of the mean squared error of a table on its own reference set, in levels.

    Of all channels together; None where its file does not say, or nothing was seen.
    """
    if table.expected_error is None or not (table.count > 0).any():
        return None
    squares = table.expected_error.double().square().nan_to_num(0) * table.count
    return float((squares.sum() / table.count.sum()).sqrt())


def mean_weights(table: LookupTable) -> list[dict[str, object]]:
    """The mean weight of each candidate, None where there is nothing to take it of.

    Of the cells with pixels; of the pixels, where their number is known; and of those cells where
    all candidates fall into one bin.
    """
    weights = table.weights.cpu()
    occupied = (table.origin != Origin.EMPTY).cpu()
    bins = table.bins.bins_of(table.starts.cpu())
    diagonal = (bins == bins[:, :1]).all(-1)
    pixels = table.count.cpu().clamp(min=0)  # -1: the file does not say

    def mean(share: Tensor) -> Sequence[float | None]:
        if not share.any():
            return [None] * table.bins.candidates
        total = torch.einsum("csm,cs->m", weights, share.double())
        return (total / share.sum()).tolist()

    columns = (mean(occupied), mean(pixels), mean(occupied & diagonal))
    return [
        {"candidate": name, "cells": of_cells, "pixels": of_pixels, "diagonal_cells": of_diagonal}
        for name, of_cells, of_pixels, of_diagonal in zip(
            table.candidate_names, *columns, strict=True
        )
    ]


def about_statistics(gathered: ReferenceStatistics) -> dict[str, object]:
    """What was gathered, and how many cells can be fitted from it."""
    statistics = gathered.statistics
    enough = int((statistics.count >= ENOUGH_PIXELS).sum())
    occupied = int((statistics.count > 0).sum())
    cells = statistics.channels * statistics.bins.sets
    return {
        "candidates": gathered.candidate_names,
        "bin_width": statistics.bins.width,
        "reference_sets": gathered.reference_sets,
        "pictures": gathered.pictures,
        "pixels": statistics.pixels,
        "sha256": statistics_digest(gathered),
        "bin_sets": statistics.bins.sets,
        "cells": {
            "enough_pixels": enough,
            "too_few_pixels": occupied - enough,
            "empty": cells - occupied,
        },
    }


def score_row(scores: EnsembleScores) -> dict[str, object]:
    """The means of an ensemble as a row of the printed table; the gain is that in RGB."""
    return {
        "name": scores.name,
        "PSNR RGB": scores.exact.psnr_rgb,
        "SSIM RGB": scores.exact.ssim_rgb,
        "PSNR Y": scores.exact.psnr_y,
        "SSIM Y": scores.exact.ssim_y,
        "8-bit PSNR RGB": scores.rounded.psnr_rgb,
        "8-bit PSNR Y": scores.rounded.psnr_y,
        "gain": scores.gain_rgb.mean,
        "won": scores.gain_rgb.won,
        "lost": scores.gain_rgb.lost,
    }
