"""A pixel as a table: what each picture has there, and what each model's part in it is."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ensir.comparison import FUSED, TRUTH
from ensir.ensemble.levels import levels_of
from ensir.ensemble.mixture import Mixture, Observed, e_step
from ensir.inspection import BinSetInspection, PixelInspection

NOTHING = ""  # in a table, where there is no such number
LEAST_VARIANCE = 1e-6  # levels squared: a Gaussian of no width has no density


@dataclass(frozen=True)
class ProbeRow:
    """One picture at one pixel, in one channel; None where there is no such number."""

    name: str
    value: float  # 0..255
    error: float | None  # less the ground truth
    weight: float | None = None  # of a candidate, as are all that follow
    bin_range: tuple[int, int] | None = None  # first and last level
    first_weight: float | None = None  # before anything was fitted
    mean: float | None = None  # of its Gaussian
    deviation: float | None = None
    responsibility: float | None = None  # its share of the density at the level named by the probe


@dataclass(frozen=True)
class Probe:
    """One channel of a pixel: the candidates first, then the other pictures."""

    x: int
    y: int
    channel: int
    rows: tuple[ProbeRow, ...]
    responsible_at: str  # FUSED or TRUTH: at whose level the responsibilities are
    bin_set: str  # what the bin set is, in a sentence

    @property
    def columns(self) -> tuple[str, ...]:
        """The heads of the table."""
        return (
            "",
            "value",
            "error",
            "weight",
            "before",
            "bin",
            "mean",
            "σ",
            "responsibility",
        )

    @property
    def cells(self) -> list[list[str]]:
        """The table in words, a row for each picture."""
        return [
            [
                row.name,
                _said(row.value, "{:.2f}").rstrip("0").rstrip("."),
                _said(row.error, "{:+z.2f}"),
                _said(row.weight, "{:.3f}"),
                _said(row.first_weight, "{:.3f}"),
                NOTHING if row.bin_range is None else "{}–{}".format(*row.bin_range),
                _said(row.mean, "{:.1f}"),
                _said(row.deviation, "{:.1f}"),
                _said(row.responsibility, "{:.3f}"),
            ]
            for row in self.rows
        ]


def probe(pixel: PixelInspection, channel: int) -> Probe:
    """One channel of a pixel as a table.

    Responsibilities (Eq. 9) are those of the fitted mixture at the level of the ground truth, where
    it is known, else at that of the fused value.
    """
    truth = pixel.values.get(TRUTH)
    at = FUSED if truth is None else TRUTH
    bin_set = pixel.bin_sets[channel] if pixel.bin_sets else None
    first = None if bin_set is None else bin_set.first
    mixture = None if bin_set is None else bin_set.fitted or first
    responsible = None
    if bin_set is not None and bin_set.fitted is not None:
        responsible = _responsibilities(bin_set.fitted, pixel.values[at][channel])
    rows = []
    for name, values in pixel.values.items():
        error = None if truth is None or name == TRUTH else values[channel] - truth[channel]
        if name not in pixel.candidate_names:
            rows.append(ProbeRow(name, values[channel], error))
            continue
        place = pixel.candidate_names.index(name)
        rows.append(
            ProbeRow(
                name,
                values[channel],
                error,
                pixel.weights[name][channel],
                None if bin_set is None else bin_set.ranges[name],
                None if first is None else float(first.weight[place]),
                None if mixture is None else float(mixture.mean[place]),
                None if mixture is None else float(mixture.variance[place].sqrt()),
                None if responsible is None else responsible[place],
            )
        )
    return Probe(pixel.x, pixel.y, channel, tuple(rows), at, bin_set_words(bin_set))


def bin_set_words(bin_set: BinSetInspection | None) -> str:
    """What a bin set is, in a sentence; None is that of an average."""
    if bin_set is None:
        return "The candidates are averaged: no bin sets, the same weight everywhere."
    count = "" if bin_set.count is None else f"{bin_set.count:,} reference pixels, "
    steps = "" if bin_set.steps is None else f" in {bin_set.steps} steps"
    return f"Bin set {bin_set.number:,}: {count}{bin_set.origin}{steps}."


def _responsibilities(mixture: Mixture, value: float) -> list[float]:
    """Of each component (M,) for the level of a value: what EM gives a pixel of that level."""
    level = levels_of(torch.tensor([value])).double()
    squared_error = (level - mixture.mean.unsqueeze(-1)) ** 2
    variance = mixture.variance.clamp(min=LEAST_VARIANCE)
    mixture = Mixture(mixture.weight, mixture.mean, variance)
    responsibility, _ = e_step(mixture, Observed(level, torch.ones_like(level), squared_error))
    return responsibility[:, 0].tolist()


def _said(number: float | None, form: str) -> str:
    return NOTHING if number is None else form.format(number).replace("-", "−")
