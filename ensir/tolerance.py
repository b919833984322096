"""How far a picture may lie from a reference set without a warning: little further than its own.

Each picture of a reference set, held against the others, shows what is usual there. Where only
their sum is known, or few pictures, fixed limits stand in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from ensir.disagreement import LEAST, TOLERATED, Disagreement, Distances, disagreement, tolerated_by
from ensir.ensemble.bin_statistics import BinStatistics
from ensir.ensemble.bins import Bins
from ensir.ensemble.errors_about_average import errors_about_average
from ensir.reference_set import ReferencePictures
from ensir.truth_fit import truth_fit

FEW = 3  # of fewer pictures the largest distance says nothing
MOST_KINDS = 256  # each is held against each
MANY = 10  # so many show of what kinds their disagreements are
# How far beyond the farthest of the reference set's own a picture may lie. Left out of six sets of
# 5 to 24, none of the pictures came as far; of the nearest kinds, none beyond 1.22.
BEYOND, BEYOND_KINDS = 1.45, 1.27
LEAST_UNSEEN, LEAST_ERROR = 0.005, 1.2  # nothing below is called unlike


@dataclass(frozen=True, eq=False)
class Tolerance:
    """What is usual for a reference set; what lies beyond is unlike it."""

    # Of a picture's disagreement from the reference's: from the nearest of its kinds, where known.
    distances: Distances = TOLERATED
    kinds: tuple[Disagreement, ...] = ()  # of each reference picture; empty: only that of their sum
    bins: Bins | None = None  # in which the kinds were looked at
    # Share of values in cells without a reference pixel. Left out, pictures of six reference sets
    # had at most 0.07 % at width 32 and 2.4 % at width 8.
    unseen: float = 0.05
    # Error over what the reference set expects: left out, they had 0.5 to 1.6 times as much.
    error: float = 2.5
    # Least and most of `TruthFit.far`; None where it is not known, which is different for each set.
    truth: tuple[float, float] | None = None


FIXED = Tolerance()


def tolerance_of(pictures: ReferencePictures, bin_width: int) -> Tolerance:
    """What the pictures of a reference set, each held against the others, come to, and some more.

    For tables of `bin_width`. What is unseen and expected depends on it: where the pictures' bins
    do not join to such, the fixed limits hold. So do all of them for fewer than three pictures.
    """
    number = len(pictures.parts)
    if number < FEW:
        return FIXED
    unseen, error = FIXED.unseen, FIXED.error
    if bin_width % pictures.total.statistics.bins.width == 0:
        seen = _left_out(pictures, bin_width)
        unseen = _beyond((share for share, _ in seen), LEAST_UNSEEN)
        error = _beyond((ratio for _, ratio in seen), LEAST_ERROR)
    fits = [truth_fit(part.statistics) for part in pictures.parts]
    far = [fit.far for fit in fits if fit is not None]
    room = _room(number)
    truth = (min(far) / room, max(far) * room) if far else None
    if number < MANY:
        return Tolerance(tolerated_by(pictures), unseen=unseen, error=error, truth=truth)
    some = pictures.parts[:: math.ceil(number / MOST_KINDS)]
    kinds = tuple(disagreement(part.statistics) for part in some)
    bins = pictures.total.statistics.bins
    return Tolerance(_between(kinds), kinds, bins, unseen, error, truth)


def _left_out(pictures: ReferencePictures, bin_width: int) -> list[tuple[float, float | None]]:
    """What of each picture the others have not seen, and its error over what they expect.

    Of averaging, which needs no fit: that of weights is nearly as much larger or smaller.
    """
    total = pictures.total.statistics.coarser(bin_width)
    total_loss = errors_about_average(total).loss_of_average
    return [
        _left_out_of(total, total_loss, part.statistics.coarser(bin_width))
        for part in pictures.parts
    ]


def _left_out_of(
    total: BinStatistics, total_loss: Tensor, part: BinStatistics
) -> tuple[float, float | None]:
    place = torch.searchsorted(total.sets, part.sets)
    others = total.count[:, place] - part.count
    loss = errors_about_average(part).loss_of_average
    known = (others > 0) & (part.count > 0)
    expected = ((total_loss[:, place] - loss) / others * part.count)[known].sum()
    ratio = float(loss[known].sum() / expected) ** 0.5 if expected else None
    return float(part.count[others == 0].sum() / part.count.sum()), ratio


def _between(kinds: tuple[Disagreement, ...]) -> Distances:
    """What a picture may differ by from the nearest of the kinds.

    Their usual distance from each other, by each of its names, times so much that the one that
    stands most alone is well within.
    """
    names = list(vars(LEAST))
    apart = torch.tensor(
        [[list(vars(one.distances(two)).values()) for two in kinds] for one in kinds]
    )
    number = len(kinds)
    pairs = apart[*torch.triu_indices(number, number, offset=1)]
    usual = pairs.median(0).values.maximum(torch.tensor(list(vars(LEAST).values())))
    together = (apart / usual).norm(dim=-1).fill_diagonal_(torch.inf)
    alone = float(together.amin(1).amax())
    return Distances(
        **dict(zip(names, (BEYOND_KINDS * max(alone, 1.0) * usual).tolist(), strict=True))
    )


def _beyond(values: Iterable[float | None], least: float) -> float:
    """More than the largest."""
    known = [value for value in values if value is not None]
    return _room(len(known)) * max([least, *known])


def _room(number: int) -> float:
    """How much more than the farthest of so many pictures is usual: of few, more."""
    return BEYOND + 1.5 / max(number, 1)
