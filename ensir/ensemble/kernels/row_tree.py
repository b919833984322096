"""From the bins of a pixel to its row of a sparse table, one look-up for each bin.

The bin sets that begin alike are a node; where one row serves them all, the node is that row. The
leading candidates are one digit together, as in a dense table, while few enough begin differently.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MOST_ROOTS = 2**16  # 256 KB, and some milliseconds to make


class RowTree(NamedTuple):
    """Nodes are numbered from 0: the rows of the table first, then those with several rows."""

    leading: int  # candidates whose bins make the number of a root
    roots: NDArray[np.int32]  # (T ** leading,) nodes; none: the number is the row
    children: NDArray[np.int32]  # (nodes * T,) nodes; a row's are that row


def no_tree(members: int) -> RowTree:
    """That of a dense table, whose rows are numbered as the bin sets are."""
    nothing = np.empty(0, np.int32)
    return RowTree(members, nothing, nothing)


def row_tree(starts: Tensor, per_candidate: int, members: int) -> RowTree:
    """The tree of rows whose first bin sets are `starts` (S,), rising int64 from 0."""
    leading = 1
    while leading < members and per_candidate ** (leading + 1) <= MOST_ROOTS:
        leading += 1
    span = per_candidate ** (members - leading)  # bin sets of a node
    first_set = torch.arange(per_candidate**leading) * span
    known = len(starts)
    layers = []
    while True:
        first_row, last_row = (
            torch.searchsorted(starts, one, right=True) - 1
            for one in (first_set, first_set + (span - 1))
        )
        several = first_row < last_row
        layers.append(torch.where(several, several.cumsum(0) + (known - 1), first_row))
        known += int(several.sum())
        if span == 1:
            break
        span //= per_candidate
        first_set = (first_set[several, None] + span * torch.arange(per_candidate)).flatten()
    roots, *below = layers
    of_rows = torch.arange(len(starts)).repeat_interleave(per_candidate)
    children = torch.cat([of_rows, *below])
    return RowTree(leading, roots.int().numpy(), children.int().numpy())
