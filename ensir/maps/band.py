"""Some rows of a picture, and what several maps need of them, worked out once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from ensir.comparison import TRUTH, Comparison
from ensir.ensemble.fusion import EVERYTHING
from ensir.ensemble.levels import levels_of, values_of
from ensir.ensemble.lookup_table import LookupTable
from ensir.errors import InputError


@dataclass(frozen=True, eq=False)
class Band:
    """Rows of a comparison, c channels of them: one, or all where the channel is None."""

    comparison: Comparison
    rows: slice
    _bin_sets: dict[int, Tensor] = field(default_factory=dict)  # by channel
    _mean_weights: dict[int | None, list[Tensor]] = field(default_factory=dict)  # by channel

    @cached_property
    def weights(self) -> Tensor:
        """The mixture weights, (M, C, rows, W) float64."""
        return self.comparison.fusion.weights_at(self.rows, EVERYTHING)

    def weights_of(self, channel: int | None) -> list[Tensor]:
        """The weights of each candidate, M of (c, rows, W) float64."""
        return [weights[_channels(channel)] for weights in self.weights]

    def mean_weights(self, channel: int | None) -> list[Tensor]:
        """The mean over the channels of each candidate's weights, M of (rows, W) float64."""
        if channel not in self._mean_weights:
            self._mean_weights[channel] = [one.mean(0) for one in self.weights_of(channel)]
        return self._mean_weights[channel]

    def candidates(self, channel: int | None) -> list[Tensor]:
        """The values of each candidate, M of (c, rows, W) float64, 0..255."""
        return [self.values(name, channel) for name in self.comparison.candidates]

    def bin_sets(self, channel: int) -> Tensor:
        """The number of each pixel's bin set, (rows, W) int64."""
        if channel not in self._bin_sets:
            pictures = self.comparison.candidates.values()
            levels = torch.stack([levels_of(one[channel, self.rows]) for one in pictures])
            self._bin_sets[channel] = self.table.bins.index(levels)
        return self._bin_sets[channel]

    @property
    def table(self) -> LookupTable:
        if self.comparison.table is None:
            raise InputError("this needs a lookup table: choose where the weights come from")
        return self.comparison.table

    def place(self, name: str) -> int:
        """The place of a candidate among the weights."""
        return list(self.comparison.candidates).index(name)

    def values(self, name: str, channel: int | None) -> Tensor:
        """The values of a picture, (c, rows, W) float64, 0..255."""
        return values_of(self.comparison.pictures[name][_channels(channel), self.rows])

    def errors(self, name: str, channel: int | None) -> Tensor:
        """A picture less the ground truth, (c, rows, W) float64 in levels."""
        if self.comparison.truth is None:
            raise InputError("errors need a ground truth: add one first")
        return self.values(name, channel) - self.values(TRUTH, channel)

    def cell_values(self, of_cells: Tensor, channel: int | None) -> list[Tensor]:
        """What a table (C, S) says of the cell of each pixel: (rows, W), of one channel or all."""
        channels = range(len(of_cells)) if channel is None else [channel]
        return [of_cells[one].take(self.table.rows_of(self.bin_sets(one))) for one in channels]


def _channels(channel: int | None) -> slice:
    return EVERYTHING if channel is None else slice(channel, channel + 1)
