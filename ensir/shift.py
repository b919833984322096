"""Whether a picture is like those that a table was fitted to, and the reference set like itself.

What is seen of a picture never proves that the weights suit it; a warning says that they may not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ensir.disagreement import DIFFERS, disagreement
from ensir.ensemble.bin_statistics import BinStatistics
from ensir.ensemble.bins import Bins
from ensir.ensemble.errors_about_average import errors_about_average
from ensir.ensemble.lookup_table import LookupTable
from ensir.grain import DIFFERS_BESIDE, Grain
from ensir.seen import Seen
from ensir.tolerance import FIXED, Tolerance
from ensir.truth_detail import TruthDetail
from ensir.truth_doubts import UNLIKE, doubt, doubts_of_sum
from ensir.truth_fit import TruthFit, truth_fit
from ensir.usual import times_the_limit, usual

if TYPE_CHECKING:
    from ensir.comparison import Comparison

IN_WORDS = {**DIFFERS, **DIFFERS_BESIDE}


@dataclass(frozen=True)
class Shift:
    """How far a picture lies from what a reference set covers; None where it cannot be known."""

    unseen: float | None = None  # share of its values in cells without a reference pixel
    distance: float | None = None  # of the candidates' disagreement, over the limit: above 1 is far
    differs: str | None = None  # in what most, a name in IN_WORDS
    tolerance: Tolerance = FIXED
    error: float | None = None  # of the table in the picture, over what the reference expects
    truth: TruthFit | None = None  # of the picture
    detail: TruthDetail | None = None  # the same, pixel beside pixel
    doubts: tuple[str, ...] = ()  # of the truth of the reference set

    @property
    def warnings(self) -> tuple[str, ...]:
        """What speaks against the table's weights in this picture, a sentence each."""
        said = []
        if self.unseen is not None and self.unseen > self.tolerance.unseen:
            said.append(
                f"The reference set has no pixel like {self.unseen:.1%} of this picture's: there "
                "the weights are not fitted"
            )
        if self.distance is not None and self.differs is not None and self.distance > 1:
            said.append(
                "The candidates differ from each other otherwise than in the reference set, most "
                f"of all in {IN_WORDS[self.differs]}{times_the_limit(self.distance)}: weights for "
                "another task, other models or other damage may do worse than the average"
            )
        if self.error is not None and self.error > self.tolerance.error:
            said.append(
                f"The error in this picture is {self.error:.1f} times what the reference set "
                "expects: it is harder than those pictures, or unlike them"
            )
        return (*said, *(self.doubts or self._doubts_here()))

    def _doubts_here(self) -> tuple[str, ...]:
        """Of the truth of this picture; that of the reference set says it all."""
        if self.truth is None:
            return ()
        there = self.tolerance.truth
        far = None if there is None else there.distance(self.truth.values)
        is_usual = far is not None and far * UNLIKE <= 1
        alone = doubt(self.truth, "this picture", detail=self.detail, is_usual=is_usual)
        if alone is not None:
            return (alone,)
        if far is None or far <= 1:
            return ()
        return (
            "The ground truth lies otherwise to the candidates in this picture than in the "
            f"reference set{times_the_limit(far)}: the truth, here or there, may not fit them",
        )


def shift(
    picture: BinStatistics,
    table: LookupTable | None = None,
    reference: BinStatistics | None = None,
    tolerance: Tolerance = FIXED,
    *,
    has_truth: bool,
    in_reference_bins: BinStatistics | None = None,
    detail: TruthDetail | None = None,
    beside: Grain | None = None,
) -> Shift:
    """How far a picture lies from what a table was fitted to, and from its reference set.

    The picture's statistics are in the table's bins, where there is one, and of the reference's
    candidates. Without a ground truth (`has_truth` False) anything may stand in its place. Where
    the bins of the reference, or of the tolerance, are others, the picture is needed in these too.
    The `detail` of its truth, and how its candidates differ pixel `beside` pixel, are known where
    its pixels are at hand.
    """
    distance, differs = _distance(in_reference_bins or picture, reference, tolerance, beside)
    doubts = tolerance.doubts
    if not doubts and tolerance.disagreement is None and reference is not None:
        doubts = doubts_of_sum(reference, (table and table.provenance.pictures) or 1)
    return Shift(
        unseen=None if table is None else _unseen(picture, table),
        distance=distance,
        differs=differs,
        tolerance=tolerance,
        error=_error(picture, table) if has_truth and table is not None else None,
        truth=truth_fit(in_reference_bins or picture) if has_truth else None,
        detail=detail,
        doubts=doubts,
    )


def shift_of(
    seen: Seen,
    table: LookupTable,
    reference: BinStatistics | None = None,
    tolerance: Tolerance = FIXED,
) -> Shift:
    """As `shift`, of a picture whose candidates are in the table's order."""
    bins = Bins(table.bins.width, len(seen.candidates))
    bins_alike = tolerance.bins or (bins if reference is None else reference.bins)
    picture, alike = seen.in_bins(bins, bins_alike)
    return shift(
        picture,
        table.to("cpu"),
        reference,
        tolerance,
        has_truth=seen.truth is not None,
        in_reference_bins=alike,
        detail=seen.detail,
        beside=None if tolerance.grain is None else seen.beside,
    )


def shift_notes(comparison: Comparison) -> tuple[str, ...]:
    """What speaks against the table of a comparison in its picture, a sentence each.

    Nothing where the candidates are averaged. A table without its statistics says less.
    """
    table, fits = comparison.table, comparison.fits
    if table is None:
        return ()
    reference = None if fits is None else fits.statistics
    return shift_of(comparison.seen, table, reference, comparison.tolerance).warnings


def _distance(
    picture: BinStatistics,
    reference: BinStatistics | None,
    tolerance: Tolerance,
    beside: Grain | None,
) -> tuple[float | None, str | None]:
    """From the pictures of the reference set, or from their sum, and by what most.

    By bin sets or pixel beside pixel, by whichever it is farther.
    """
    there = tolerance.disagreement
    if there is None:
        if reference is None:
            return None, None
        there = usual(disagreement(reference).values[None])
    return max(
        (usual_there.distance(here.values), usual_there.farthest(here.values, here.groups))
        for usual_there, here in ((there, disagreement(picture)), (tolerance.grain, beside))
        if usual_there is not None and here is not None
    )


def _unseen(picture: BinStatistics, table: LookupTable) -> float | None:
    """The share of values in cells without a reference pixel; None where the table is silent."""
    count = table.count[:, table.rows_of(picture.sets)]
    if (table.count < 0).any():
        return None
    return float(picture.count[count == 0].sum() / picture.count.sum())


def _error(picture: BinStatistics, table: LookupTable) -> float | None:
    """Root of the squared error of the table's weights over what was expected of them.

    Of the cells where the reference set has pixels.
    """
    if table.expected_error is None:
        return None
    rows = table.rows_of(picture.sets)
    expected = table.expected_error[:, rows].double().square() * picture.count
    known = ~expected.isnan()
    total = float(expected[known].sum())
    made = float(errors_about_average(picture).of(table.weights[:, rows])[known].sum())
    return (made / total) ** 0.5 if total else None
