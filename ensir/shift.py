"""Whether a picture is like those that a table was fitted to, and the reference set like itself.

What is seen of a picture never proves that the weights suit it; a warning says that they may not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import hypot
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ensir.disagreement import DIFFERS, TOLERATED, Distances, disagreement
from ensir.ensemble.bin_statistics import BinStatistics, gather_statistics
from ensir.ensemble.bins import Bins
from ensir.ensemble.errors_about_average import Errors, errors_about_average
from ensir.ensemble.levels import levels_of
from ensir.ensemble.lookup_table import LookupTable
from ensir.limits import MOST_STATISTICS_BYTES

if TYPE_CHECKING:
    from ensir.comparison import Comparison

# Of values in cells without a reference pixel. Left out, pictures of six reference sets had at most
# 0.07 % at width 32 and 2.4 % at width 8; filters on twice the noise have 1 % and 14 %.
MOST_UNSEEN = 0.05
# Left out, the same pictures had 0.5 to 1.6 times the error that their reference set expects.
MOST_ERROR = 2.5
# The error of averaging over the disagreement of the candidates, both root mean squares: 1.4 to 5.6
# in pictures that match, 7 to 19 in all of them where noise of 20 levels was added to the truth.
MOST_TRUTH = 6.5
PIXELS = 2**20  # looked at of a picture: rows are left out of a larger one


@dataclass(frozen=True)
class Shift:
    """How far a picture lies from what a reference set covers; None where it cannot be known."""

    unseen: float | None = None  # share of its values in cells without a reference pixel
    distances: Distances | None = None  # of the candidates' disagreement from the reference's
    tolerated: Distances = TOLERATED
    error: float | None = None  # of the table in the picture, over what the reference expects
    truth: float | None = None  # error of averaging over disagreement, in the picture
    reference_truth: float | None = None  # the same in the reference set

    @property
    def excess(self) -> dict[str, float]:
        """The distances over what is tolerated, by name."""
        return {} if self.distances is None else self.distances.over(self.tolerated)

    @property
    def distance(self) -> float | None:
        """All distances as one: the root of the sum of squares of `excess`; above 1 it is far."""
        return None if self.distances is None else hypot(*self.excess.values())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What speaks against the table's weights in this picture, a sentence each."""
        said = []
        if self.unseen is not None and self.unseen > MOST_UNSEEN:
            said.append(
                f"The reference set has no pixel like {self.unseen:.1%} of this picture's: there "
                "the weights are not fitted"
            )
        excess = self.excess
        if self.distance is not None and self.distance > 1:
            worst = max(excess, key=lambda name: excess[name])
            said.append(
                "The candidates differ from each other otherwise than in the reference set, most "
                f"of all in {DIFFERS[worst]} ({self.distance:.1f} times the limit): weights for "
                "another task, other models or other damage may do worse than the average"
            )
        if self.error is not None and self.error > MOST_ERROR:
            said.append(
                f"The error in this picture is {self.error:.1f} times what the reference set "
                "expects: it is harder than those pictures, or unlike them"
            )
        whose, ratio = "the reference set", self.reference_truth or 0
        if ratio <= MOST_TRUTH:  # else that says it all
            whose, ratio = "this picture", self.truth or 0
        if ratio > MOST_TRUTH:
            said.append(
                f"In {whose} the average of the candidates is {ratio:.1f} times as far from the "
                "ground truth as they are from it: the truth does not fit them, or all err alike, "
                "and no weights help much"
            )
        return tuple(said)


def shift(
    picture: BinStatistics,
    table: LookupTable | None = None,
    reference: BinStatistics | None = None,
    tolerated: Distances = TOLERATED,
    *,
    has_truth: bool,
    in_reference_bins: BinStatistics | None = None,
) -> Shift:
    """How far a picture lies from what a table was fitted to, and from its reference set.

    The picture's statistics are in the table's bins, where there is one, and of the reference's
    candidates. Without a ground truth (`has_truth` False) anything may stand in its place. Where
    the reference's bins are others, the picture is needed in these too.
    """
    errors = errors_about_average(picture)
    distances = reference_truth = None
    if reference is not None:
        alike = in_reference_bins or picture
        distances = disagreement(reference).distances(disagreement(alike))
        reference_truth = truth_ratio(errors_about_average(reference))
    return Shift(
        unseen=None if table is None else _unseen(picture, table),
        distances=distances,
        tolerated=tolerated,
        error=_error(picture, errors, table) if has_truth and table is not None else None,
        truth=truth_ratio(errors) if has_truth else None,
        reference_truth=reference_truth,
    )


def shift_of(
    candidates: Iterable[Tensor],
    truth: Tensor | None,
    table: LookupTable,
    reference: BinStatistics | None = None,
    tolerated: Distances = TOLERATED,
) -> Shift:
    """As `shift`, of candidates (C, H, W) of any depth in the table's order, and their truth.

    Of a large picture some rows are looked at.
    """
    pictures = list(candidates)
    # With many candidates every value may lie in a bin set of its own, whose sums must fit.
    members = len(pictures)
    most = min(PIXELS, MOST_STATISTICS_BYTES // (72 * members * (members + 2)))
    step = 1 + (pictures[0][0].numel() - 1) // most
    levels = torch.stack([levels_of(picture[:, ::step]) for picture in pictures]).cpu()
    target = levels[0] if truth is None else levels_of(truth[:, ::step]).cpu()
    picture = gather_statistics(levels, target, Bins(table.bins.width, members))
    alike = picture
    if reference is not None and reference.bins != picture.bins:
        alike = gather_statistics(levels, target, reference.bins)
    return shift(
        picture,
        table.to("cpu"),
        reference,
        tolerated,
        has_truth=truth is not None,
        in_reference_bins=alike,
    )


def shift_notes(comparison: Comparison, tolerated: Distances = TOLERATED) -> tuple[str, ...]:
    """What speaks against the table of a comparison in its picture, a sentence each.

    Nothing where the candidates are averaged. A table without its statistics says less.
    """
    table, fits = comparison.table, comparison.fits
    if table is None:
        return ()
    reference = None if fits is None else fits.statistics
    candidates = comparison.candidates.values()
    return shift_of(candidates, comparison.truth, table, reference, tolerated).warnings


def truth_ratio(errors: Errors) -> float | None:
    """Error of averaging over the candidates' disagreement, both root mean squares.

    None where the candidates are alike.
    """
    members = errors.pull.shape[-1]
    squared = float(errors.spread.diagonal(dim1=-2, dim2=-1).sum()) / members**3
    return (float(errors.loss_of_average.sum()) / squared) ** 0.5 if squared else None


def _unseen(picture: BinStatistics, table: LookupTable) -> float | None:
    """The share of values in cells without a reference pixel; None where the table is silent."""
    count = table.count[:, table.rows_of(picture.sets)]
    if (table.count < 0).any():
        return None
    return float(picture.count[count == 0].sum() / picture.count.sum())


def _error(picture: BinStatistics, errors: Errors, table: LookupTable) -> float | None:
    """Root of the squared error of the table's weights over what was expected of them.

    Of the cells where the reference set has pixels.
    """
    if table.expected_error is None:
        return None
    rows = table.rows_of(picture.sets)
    expected = table.expected_error[:, rows].double().square() * picture.count
    known = ~expected.isnan()
    total = float(expected[known].sum())
    made = float(errors.of(table.weights[:, rows])[known].sum())
    return (made / total) ** 0.5 if total else None
