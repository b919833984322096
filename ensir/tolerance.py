"""How far a picture may lie from a reference set without a warning: little further than its own.

Each picture of a reference set, held against the others, shows what is usual there. Where only
their sum is known, what is usual in any set stands in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from ensir.disagreement import disagreement
from ensir.ensemble.bin_statistics import BinStatistics
from ensir.ensemble.bins import Bins
from ensir.ensemble.errors_about_average import errors_about_average
from ensir.reference_set import ReferencePictures
from ensir.truth_doubts import UNLIKE, doubts
from ensir.truth_fit import truth_fit
from ensir.usual import Usual, usual

FEW = 3  # of fewer pictures the largest distance says nothing
# How far beyond the farthest of the reference set's own a picture may lie in what is unseen of it
# and in its error. Left out of six sets of 5 to 24, none of the pictures came as far.
BEYOND = 1.45
LEAST_UNSEEN, LEAST_ERROR = 0.005, 1.2  # nothing below is called unlike


@dataclass(frozen=True, eq=False)
class Tolerance:
    """What is usual for a reference set; what lies beyond is unlike it."""

    disagreement: Usual | None = None  # of its pictures; None: only their sum is known
    bins: Bins | None = None  # in which these were looked at
    grain: Usual | None = None  # the same, pixel beside pixel; None: not known of most
    # Share of values in cells without a reference pixel. Left out, pictures of six reference sets
    # had at most 0.07 % at width 32 and 2.4 % at width 8.
    unseen: float = 0.05
    # Error over what the reference set expects: left out, they had 0.5 to 1.6 times as much.
    error: float = 2.5
    truth: Usual | None = None  # how the truth lies to the candidates; None: not known
    doubts: tuple[str, ...] = ()  # of the truths of the reference set


FIXED = Tolerance()


def tolerance_of(pictures: ReferencePictures, bin_width: int) -> Tolerance:
    """What the pictures of a reference set, each held against the others, come to, and some more.

    For tables of `bin_width`. What is unseen and expected depends on it: where the pictures' bins
    do not join to such, the fixed limits hold. So do all of them for fewer than three pictures.
    """
    usual_there = _known.get(pictures)
    if usual_there is None:
        usual_there = _known[pictures] = _at_any_width(pictures)
    width = pictures.total.statistics.bins.width
    if len(pictures.parts) < FEW or bin_width % width:
        return usual_there
    seen = _left_out(pictures, bin_width)
    return replace(
        usual_there,
        unseen=_beyond((share for share, _ in seen), LEAST_UNSEEN),
        error=_beyond((ratio for _, ratio in seen), LEAST_ERROR),
    )


# Most of the work, and the same whatever the width: as long as the pictures are held elsewhere.
_known: WeakKeyDictionary[ReferencePictures, Tolerance] = WeakKeyDictionary()


def _at_any_width(pictures: ReferencePictures) -> Tolerance:
    said = doubts(pictures)
    if len(pictures.parts) < FEW:
        return Tolerance(doubts=said) if said else FIXED
    differ = torch.stack([disagreement(part.statistics).values for part in pictures.parts])
    grains = [one.values for one in pictures.total.grains]
    of_most = len(grains) >= FEW and 2 * len(grains) > len(pictures.parts)
    fits = [truth_fit(part.statistics) for part in pictures.parts]
    near = [fit.values for fit in fits if fit is not None]
    return Tolerance(
        usual(differ),
        pictures.total.statistics.bins,
        grain=usual(torch.stack(grains)) if of_most else None,
        truth=usual(torch.stack(near), room=UNLIKE) if len(near) >= FEW else None,
        doubts=said,
    )


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


def _beyond(values: Iterable[float | None], least: float) -> float:
    """More than the largest; of few, more still.

    Of up to a quarter of them that lie beyond what the others give nothing is learnt: they are odd.
    """
    known = sorted(value for value in values if value is not None)
    for near in range(max(len(known) - len(known) // 4, FEW), len(known)):
        limit = _beyond_all(known[:near], least)
        if known[near] > limit:
            return limit
    return _beyond_all(known, least)


def _beyond_all(rising: Sequence[float], least: float) -> float:
    return (BEYOND + 1.5 / max(len(rising), 1)) * max([least, *rising[-1:]])
