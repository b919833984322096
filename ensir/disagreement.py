"""How candidates differ from each other: what can be seen of a picture without a ground truth.

A table knows how candidates err in its reference set. In a picture of another task, or of much more
damage, they differ from each other otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from torch import Tensor

from ensir.ensemble.bin_statistics import BinStatistics
from ensir.ensemble.errors_about_average import errors_about_average
from ensir.reference_set import ReferencePictures

LEVELS_APART = 32  # candidates further apart than this stand in the tail


@dataclass(frozen=True, eq=False)
class Disagreement:
    """How M candidates differ from their average, whatever the picture shows."""

    amount: float  # root mean square of candidate - average, levels
    pattern: Tensor  # (M, M) float64, mean (candidate - average) * (other - average); its trace 1
    offset: Tensor  # (M,) float64, mean of candidate - average, in units of the amount
    tail: float  # share of the squared disagreement in pixels whose candidates lie far apart

    def distances(self, other: Disagreement) -> Distances:
        """How far another disagreement of the same candidates lies from this one."""
        both = max(self.amount, other.amount)
        least = max(min(self.amount, other.amount), both * 1e-6)
        return Distances(
            amount=log(both / least) if both else 0.0,
            pattern=float((self.pattern - other.pattern).norm()),
            offset=float((self.offset - other.offset).norm()),
            tail=abs(self.tail - other.tail),
        )


@dataclass(frozen=True)
class Distances:
    """Between two disagreements, by what they differ in; all at least 0."""

    amount: float  # of the logarithms
    pattern: float  # Frobenius norm
    offset: float  # Euclidean norm
    tail: float  # absolute

    def over(self, usual: Distances) -> dict[str, float]:
        """Each as a multiple of what is usual."""
        return {name: value / getattr(usual, name) for name, value in vars(self).items()}


# What counts as far where only the sum of the reference set is known. Pictures left out came to at
# most 0.99 of it, in six reference sets; all pictures of deblurring to 1.02 or more of deraining's,
# and the other way round. Tasks that differ less than pictures of one do are not told apart.
TOLERATED = Distances(amount=0.9, pattern=0.525, offset=0.85, tail=0.29)
# Below these no distance is called large, however alike the pictures of a reference set are.
LEAST = Distances(amount=0.1, pattern=0.05, offset=0.05, tail=0.05)
DIFFERS = {
    "amount": "how much they differ",
    "pattern": "which of them differ",
    "offset": "which are brighter than the others",
    "tail": "how often they differ greatly",
}


def disagreement(statistics: BinStatistics) -> Disagreement:
    """How the candidates of these pixels differ from their average, in all channels together."""
    members = statistics.bins.candidates
    apart = _with_wide_bins(statistics)
    spread = errors_about_average(apart).spread.sum(0).double() / members**2  # (K, M, M)
    squared = spread.diagonal(dim1=-2, dim2=-1).sum(-1)  # (K,)
    total, count = float(squared.sum()), float(apart.count.sum())
    if not total:
        alike = spread.new_zeros(members, members)
        return Disagreement(0.0, alike, alike[0], 0.0)
    bins = apart.bins.bins_of(apart.sets)
    far = bins.amax(-1) - bins.amin(-1) >= max(2, LEVELS_APART // apart.bins.width)
    amount = (total / count / members) ** 0.5
    mean = apart.sums.sum((0, 1)).double() / count
    return Disagreement(
        amount,
        pattern=spread.sum(0) / total,
        offset=(mean - mean.mean()) / amount,
        tail=float(squared[far].sum()) / total,
    )


def tolerated_by(pictures: ReferencePictures) -> Distances:
    """What a picture may differ by from the reference set: more than its own do when left out.

    The fewer pictures, the less their largest distance says: of five it may be 3 times as much,
    of many 1.6 times. Where there are fewer than three, what is tolerated without knowing them.
    """
    number = len(pictures.parts)
    if number < 3:
        return TOLERATED
    total = _with_wide_bins(pictures.total.statistics)
    left_out = []
    for picture in pictures.parts:
        part = _with_wide_bins(picture.statistics)
        left_out.append(disagreement(part).distances(disagreement(total - part)))
    factor = 1.6 + 7 / number
    return Distances(
        **{
            name: factor * max(least, *(getattr(one, name) for one in left_out))
            for name, least in vars(LEAST).items()
        }
    )


def _with_wide_bins(statistics: BinStatistics) -> BinStatistics:
    """The same pixels in bins of 32 levels, where theirs join to such."""
    width = statistics.bins.width
    fits = width < LEVELS_APART and LEVELS_APART % width == 0
    return statistics.coarser(LEVELS_APART) if fits else statistics
