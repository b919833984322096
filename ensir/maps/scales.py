"""How the values of a map become colours, and what the colours say: fixed, so that maps compare."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ensir.ensemble.levels import levels_of
from ensir.palettes import (
    CIVIDIS,
    ORIGIN_COLOURS,
    SIGNED,
    VIRIDIS,
    candidate_colours,
    colour_stops,
    colour_table,
    coloured,
    coloured_places,
    levels_of_colours,
)

# Levels at the ends of the scales; what lies beyond is shown as these.
LARGEST_SHOWN_ERROR = 64
LARGEST_SHOWN_GAIN = 16
LARGEST_SHOWN_DISAGREEMENT = 32
MOST_SHOWN_PIXELS = 1_000_000  # of a bin set
LARGEST_SHOWN_WEIGHT_GAIN = 0.5
UNKNOWN = 128  # a grey that is in no colour table
NOBODY = "#B4B4B4"  # lighter than every candidate's colour


@dataclass(frozen=True)
class Scale:
    """Numbers from `low` to `high` in the colours of a table; what lies beyond is cut.

    A signed scale has its zero in the middle. A logarithmic one is that of 1 + value.
    """

    low: float
    high: float
    unit: str
    colours: str  # a name in palettes.COLOUR_TABLES
    ticks: tuple[tuple[float, str], ...]  # values and what to write beside them
    logarithmic: bool = False

    @property
    def first_level(self) -> int:
        """The level of the lowest colour: 1 where one of an odd number lies in the middle."""
        return 1 if self.colours == SIGNED else 0

    def levels(self, values: Tensor) -> Tensor:
        """The place of each value in the colour table: (H, W) float32 -> (H, W) uint8."""
        place = values.double()
        if self.logarithmic:
            place = place.clamp(min=0).log1p()
        low, high = self._end(self.low), self._end(self.high)
        first = self.first_level
        # Added up so that the zero of a signed scale falls on a whole level.
        return levels_of((place - low).mul_((255 - first) / (high - low)).add_(first).clamp_(first))

    def places(self, values: Tensor) -> Tensor | None:
        """The place of each value among `palette`, (H, W) uint8; None where some are NaN."""
        return None if values.isnan().any() else self.levels(values)

    @property
    def palette(self) -> Tensor:
        """All colours there are but that of NaN, (256, 3) uint8."""
        return colour_table(self.colours)

    def picture(self, values: Tensor) -> Tensor:
        """Values in their colours: (H, W) float32 -> (3, H, W) uint8; what is NaN is grey."""
        unknown = values.isnan()
        picture = coloured(self.levels(values.nan_to_num(nan=self.low)), self.colours)
        return picture.masked_fill_(unknown, UNKNOWN) if unknown.any() else picture

    def place(self, value: float) -> float:
        """Where a value lies on the colour bar, 0 at its start and 1 at its end."""
        low, high = self._end(self.low), self._end(self.high)
        return min(max((self._end(value) - low) / (high - low), 0.0), 1.0)

    def stops(self, count: int) -> list[str]:
        """The colours of the bar in equal steps, as CSS."""
        return colour_stops(self.colours, count, self.first_level)

    def _end(self, value: float) -> float:
        return math.log1p(value) if self.logarithmic else value


@dataclass(frozen=True)
class Categories:
    """Whole numbers from 0, each with a name and a colour."""

    names: tuple[str, ...]
    colours: tuple[str, ...]  # as CSS

    def places(self, values: Tensor) -> Tensor | None:
        """The place of each value among `palette`, (H, W) uint8; None where they are mixed."""
        return None if values.ndim == 3 else values.to(torch.uint8)

    @property
    def palette(self) -> Tensor:
        """All colours there are, (K, 3) uint8."""
        return levels_of_colours(self.colours)

    def picture(self, values: Tensor) -> Tensor:
        """Values in their colours: (H, W) float32 -> (3, H, W) uint8.

        Colours mixed already, (3, H, W) float32 from 0 to 255, are rounded to the nearest.
        """
        return levels_of(values) if values.ndim == 3 else coloured_places(values, self.colours)


def of_candidates(names: Sequence[str], undecided: str = "") -> Categories:
    """The candidates in their own colours, and in grey what stands for none of them, if given."""
    last = [(undecided, NOBODY)] if undecided else []
    pairs = [*zip(names, candidate_colours(len(names)), strict=True), *last]
    return Categories(tuple(name for name, _ in pairs), tuple(colour for _, colour in pairs))


def _ends(largest: float, *between: float) -> tuple[tuple[float, str], ...]:
    """Ticks from 0 to the largest value shown, which stands for all beyond."""
    return (*((value, f"{value:g}") for value in (0, *between)), (largest, f"{largest:g} or more"))


def _signed_ends(largest: float) -> tuple[tuple[float, str], ...]:
    half = largest / 2
    return (
        (-largest, f"−{largest:g} or less"),
        (-half, f"−{half:g}"),
        (0, "0"),
        (half, f"+{half:g}"),
        (largest, f"+{largest:g} or more"),
    )


SHARE_TICKS = ((0.0, "0"), (0.25, "0.25"), (0.5, "0.5"), (0.75, "0.75"), (1.0, "1"))
WEIGHT = Scale(0, 1, "mixture weight", VIRIDIS, SHARE_TICKS)
WEIGHT_GAIN = Scale(
    -LARGEST_SHOWN_WEIGHT_GAIN,
    LARGEST_SHOWN_WEIGHT_GAIN,
    "mixture weight",
    SIGNED,
    _signed_ends(LARGEST_SHOWN_WEIGHT_GAIN),
)
ENTROPY = Scale(0, 1, "share of the largest entropy", CIVIDIS, SHARE_TICKS)
LEVELS_APART = Scale(
    0, LARGEST_SHOWN_DISAGREEMENT, "levels", CIVIDIS, _ends(LARGEST_SHOWN_DISAGREEMENT, 8, 16, 24)
)
WIDE_LEVELS_APART = Scale(
    0, LARGEST_SHOWN_ERROR, "levels", CIVIDIS, _ends(LARGEST_SHOWN_ERROR, 16, 32, 48)
)
ERROR = WIDE_LEVELS_APART
SIGNED_ERROR = Scale(
    -LARGEST_SHOWN_ERROR, LARGEST_SHOWN_ERROR, "levels", SIGNED, _signed_ends(LARGEST_SHOWN_ERROR)
)
GAIN = Scale(
    -LARGEST_SHOWN_GAIN, LARGEST_SHOWN_GAIN, "levels", SIGNED, _signed_ends(LARGEST_SHOWN_GAIN)
)
PIXELS = Scale(
    0,
    MOST_SHOWN_PIXELS,
    "pixels",
    CIVIDIS,
    (
        (0, "0"),
        (10, "10"),
        (100, "100"),
        (1_000, "1,000"),
        (10_000, "10,000"),
        (100_000, "100,000"),
        (MOST_SHOWN_PIXELS, "1M or more"),
    ),
    logarithmic=True,
)
COVERAGE = Categories(("fitted", "too few pixels to fit", "empty"), ORIGIN_COLOURS)
