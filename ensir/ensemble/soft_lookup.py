"""Weights that change smoothly with the candidates' values, where a table's jump from bin to bin.

At the centre of a bin set the table's own weights hold; between centres they are interpolated
linearly in each candidate (multilinear interpolation), so that a smooth ramp has no step at the
edge of a bin. All corners are weights of the table: the result is at least 0 and adds up to 1.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ensir.ensemble.bins import Bins
from ensir.errors import InputError
from ensir.limits import LEVELS

MOST_CANDIDATES = 8  # 256 look-ups a pixel; each candidate more doubles them
# Of each candidate: so few stay in the processor's cache, which makes it three times as fast.
VALUES_AT_ONCE = 2**14


def check_soft(members: int) -> None:
    """Raises InputError for more candidates than can be interpolated between."""
    if members > MOST_CANDIDATES:
        raise InputError(
            f"a soft look-up takes at most {MOST_CANDIDATES} candidates, got {members}: leave some "
            "out, or fuse without it"
        )


def soft_weights(values: Tensor, bins: Bins, weights_of: Callable[[Tensor], Tensor]) -> Tensor:
    """Weights between those of the nearest bin sets: values (M, ...) float64 -> (M, ...) float64.

    Values are 0..255. `weights_of` says the weights of bin sets, (...) int64 -> (M, ...), empty
    ones included. Beyond the first and the last centre theirs hold.
    """
    if values.ndim < 4:
        return _interpolated(values, bins, weights_of)
    rows = max(1, VALUES_AT_ONCE // max(1, values.shape[1] * values.shape[3]))
    parts = values.split(rows, dim=2)
    return torch.cat([_interpolated(part, bins, weights_of) for part in parts], dim=2)


def _interpolated(values: Tensor, bins: Bins, weights_of: Callable[[Tensor], Tensor]) -> Tensor:
    last = bins.per_candidate - 1
    first_centre = (bins.width - 1) / 2
    last_centre = (last * bins.width + LEVELS - 1) / 2  # of a bin that may be narrower
    below = ((values - first_centre) / bins.width).floor_().long().clamp_(0, max(last - 1, 0))
    centre = below * float(bins.width) + first_centre
    gap = torch.where(below == last - 1, last_centre - centre, float(bins.width))
    above_share = ((values - centre) / gap).clamp_(0, 1)  # 1 beyond the last centre
    step = int(last > 0)  # a single bin is its own neighbour
    weights = torch.zeros_like(values)

    def visit(candidate: int, share: Tensor, sets: Tensor) -> None:
        """Adds the corners that have these bins in the candidates before this one."""
        if candidate == bins.candidates:
            weights.add_(weights_of(sets).mul_(share))
            return
        sets = sets * bins.per_candidate + below[candidate]
        above = share * above_share[candidate]
        visit(candidate + 1, share - above, sets)
        visit(candidate + 1, above, sets + step)

    visit(0, torch.ones_like(values[0]), torch.zeros_like(below[0]))
    return weights
