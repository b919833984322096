"""Whether a ground truth belongs to its candidates, as far as their statistics tell.

Restored pictures err most where they differ most from each other. Of a truth that was degraded, or
is another picture's, they are far, and everywhere alike: where they agree no less than elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from ensir.ensemble.bin_statistics import BinStatistics
from ensir.ensemble.errors_about_average import errors_about_average

# In seven reference sets that match, three of them of networks that err nearly alike, not both were
# reached at once: far was 1.5 to 14, even 0.1 to 0.7. With noise of 20 levels added to the truth
# both were passed in six, and nearly so in that of filters, whose own errors are as large.
MOST_FAR = 6.0
MOST_EVEN = 0.5
AGREE, DIFFER = 0.5, 0.1  # shares of the pixels: the half that agrees best, the tenth that differs


@dataclass(frozen=True)
class TruthFit:
    """How far the truth is from the candidates, and where."""

    far: float  # error of averaging over the candidates' disagreement, both root mean squares
    even: float  # squared error a pixel where candidates agree over that where they differ; or NaN

    @property
    def is_doubtful(self) -> bool:
        """Whether the truth lies far from the candidates even where they agree."""
        return self.far > MOST_FAR and self.even > MOST_EVEN


def truth_fit(statistics: BinStatistics) -> TruthFit | None:
    """Of all pixels and channels together; None where the candidates are alike."""
    errors = errors_about_average(statistics)
    members = statistics.bins.candidates
    occupied = statistics.count > 0
    count = statistics.count[occupied].double()
    loss = errors.loss_of_average[occupied]
    spread = errors.spread.diagonal(dim1=-2, dim2=-1).sum(-1)[occupied].double() / members**3
    if not spread.sum():
        return None
    order = (spread / count).argsort(stable=True)
    up_to = count[order].cumsum(0) / count.sum()
    agree, differ = order[up_to <= AGREE], order[up_to > 1 - DIFFER]
    where_agree = float(loss[agree].sum() / count[agree].sum())  # NaN of no cell
    where_differ = float(loss[differ].sum() / count[differ].sum())
    return TruthFit(
        far=float(loss.sum() / spread.sum()) ** 0.5,
        even=where_agree / where_differ if where_differ else float("nan"),
    )
