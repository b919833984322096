"""How pixel values are cut into bins, and the bin set that a pixel falls into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ensir.errors import InputError
from ensir.limits import DENSE_BIN_SETS, LEVELS, MOST_BIN_SETS

PLACES = 16  # binary, of a reciprocal: enough to divide 256 levels by any width


@dataclass(frozen=True)
class Bins:
    """Cuts the 256 levels of `candidates` pictures into bins of `width` levels (Eq. 3).

    A bin set is one bin for each candidate. Its number has the bins as digits to the base
    `per_candidate`, the first candidate's the highest; the last bin may be narrower.

    Raises InputError when the width is not 1 to 256, when there is no candidate, and when the
    bin sets are too many to be numbered.
    """

    width: int
    candidates: int

    def __post_init__(self) -> None:
        if not _is_whole(self.width) or not 1 <= self.width <= LEVELS:
            raise InputError(f"a bin is 1 to {LEVELS} levels wide, got {self.width!r:.80}")
        if not _is_whole(self.candidates) or self.candidates < 1:
            raise InputError(f"at least one candidate is needed, got {self.candidates!r:.80}")
        if self.sets > MOST_BIN_SETS:
            raise InputError(
                f"{self.candidates} candidates at bin width {self.width} make "
                f"{self.per_candidate} to the power of {self.candidates} bin sets, the limit is "
                f"{MOST_BIN_SETS:,}: use wider bins or fewer candidates"
            )

    @property
    def per_candidate(self) -> int:
        """Bins of one candidate, T.

        >>> Bins(width=96, candidates=1).per_candidate  # 0..95, 96..191, 192..255
        3
        """
        return -(-LEVELS // self.width)  # rounded up: the last bin may be narrower

    @property
    def sets(self) -> int:
        """All bin sets, S = T ** M, occupied or not."""
        return self.per_candidate**self.candidates

    @property
    def dense(self) -> bool:
        """Whether a table of these bins holds every bin set, or only the occupied ones."""
        return self.sets <= DENSE_BIN_SETS

    def index(self, levels: Tensor) -> Tensor:
        """The number of each pixel's bin set: levels (M, ...) uint8 -> (...) int64.

        >>> pixel = torch.tensor([40, 7, 255], dtype=torch.uint8)
        >>> Bins(width=32, candidates=3).index(pixel).item()  # bins 1, 0, 7 of 8
        71
        """
        small = self.sets <= torch.iinfo(torch.int32).max
        dtype = torch.int32 if small else torch.int64
        # Multiplying and shifting gives what dividing gives, in a fraction of the time.
        reciprocal = -(-(1 << PLACES) // self.width)

        def bin_of(candidate: Tensor) -> Tensor:
            return candidate.to(dtype, copy=True).mul_(reciprocal).bitwise_right_shift_(PLACES)

        index = bin_of(levels[0])
        for candidate in levels[1:]:
            index.mul_(self.per_candidate).add_(bin_of(candidate))
        return index.long()

    def bins_of(self, sets: Tensor) -> Tensor:
        """The bins of bin sets, one for each candidate: (...) int64 -> (..., M) int64.

        >>> Bins(width=32, candidates=3).bins_of(torch.tensor(71))
        tensor([1, 0, 7])
        """
        place = [self.per_candidate**power for power in reversed(range(self.candidates))]
        return torch.stack([sets // step % self.per_candidate for step in place], dim=-1)

    def ranges(self, number: int) -> tuple[tuple[int, int], ...]:
        """The first and last level of each candidate's bin in the bin set `number`.

        >>> Bins(width=96, candidates=2).ranges(5)  # bins 1 and 2 of 3
        ((96, 191), (192, 255))
        """
        lower = (self.bins_of(torch.tensor(number)) * self.width).tolist()
        return tuple((low, min(low + self.width, LEVELS) - 1) for low in lower)

    def number(self, bins: Tensor) -> Tensor:
        """The numbers of bin sets given by their bins: (..., M) int64 -> (...) int64."""
        number = torch.zeros_like(bins[..., 0])
        for candidate in range(self.candidates):
            number = number * self.per_candidate + bins[..., candidate]
        return number

    def coarser(self, width: int) -> Bins:
        """The same candidates in bins `width` wide, each a run of whole bins of these.

        Raises InputError when `width` is not a multiple of the present one.
        """
        if not _is_whole(width) or width < self.width or width % self.width:
            raise InputError(
                f"bins of width {self.width} join to multiples of {self.width} only, "
                f"got {width!r:.80}"
            )
        return Bins(width=width, candidates=self.candidates)

    def of_candidates(self, kept: Sequence[int]) -> Bins:
        """The same cut for the candidates at the places `kept`."""
        return Bins(width=self.width, candidates=len(kept))


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
