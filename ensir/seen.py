"""What is seen of a picture whatever the weights: looked at once, however often it is fused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from ensir.ensemble.bin_statistics import BinStatistics, gather_statistics
from ensir.ensemble.bins import Bins
from ensir.ensemble.levels import levels_of
from ensir.grain import Grain, grain
from ensir.limits import MOST_STATISTICS_BYTES
from ensir.truth_detail import TruthDetail, truth_detail

PIXELS = 2**20  # looked at of a picture: rows are left out of a larger one
MOST_KEPT_BYTES = 64 * 2**20  # of a picture's statistics, as long as it is looked at


@dataclass(frozen=True, eq=False)
class Seen:
    """Candidates (C, H, W) of any depth, in an order, their truth, and what was found of them."""

    candidates: Sequence[Tensor]
    truth: Tensor | None
    # As long as the same is wanted: what a reference set is known in seldom changes.
    _alike: list[BinStatistics] = field(default_factory=list, init=False, repr=False)

    def in_bins(self, bins: Bins, alike: Bins) -> tuple[BinStatistics, BinStatistics]:
        """The statistics in a table's bins, and in those that pictures are held together in.

        Of a large picture some rows are looked at; the first candidate stands in for a truth that
        is not known.
        """
        known = [one for one in self._alike if one.bins == alike]
        for wanted in sorted({bins, alike}, key=lambda one: one.width):
            # The finer gives the coarser, where its bins join.
            fine = next((one for one in known if wanted.width % one.bins.width == 0), None)
            if fine is None:
                known.append(gather_statistics(*self._levels(), wanted))
            elif fine.bins != wanted:
                known.append(fine.coarser(wanted.width))
        found = {one.bins: one for one in known}
        self._alike[:] = [found[alike]] if found[alike].nbytes <= MOST_KEPT_BYTES else []
        return found[bins], found[alike]

    @cached_property
    def beside(self) -> Grain | None:
        """How the candidates differ, pixel beside pixel."""
        return grain(self.candidates)

    @cached_property
    def detail(self) -> TruthDetail | None:
        """The same of the truth; None where it is not known."""
        return None if self.truth is None else truth_detail(self.candidates, self.truth)

    def _levels(self) -> tuple[Tensor, Tensor]:
        # With many candidates every value may lie in a bin set of its own, whose sums must fit.
        members = len(self.candidates)
        most = min(PIXELS, MOST_STATISTICS_BYTES // (72 * members * (members + 2)))
        height, width = self.candidates[0].shape[1:]
        step = -(-height // max(1, most // width))
        levels = torch.stack([levels_of(one[:, ::step]) for one in self.candidates]).cpu()
        return levels, levels[0] if self.truth is None else levels_of(self.truth[:, ::step]).cpu()
