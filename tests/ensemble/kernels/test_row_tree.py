"""The tree of rows against a search for the row."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ensir.ensemble.bins import Bins
from ensir.ensemble.kernels import row_tree as module
from ensir.ensemble.kernels.row_tree import RowTree, row_tree


def rows_of(tree: RowTree, bins: torch.Tensor, per_candidate: int) -> list[int]:
    """The rows of bin sets given by their bins (N, M), step by step."""
    rows = []
    for one in bins.tolist():
        node = 0
        for digit in one[: tree.leading]:
            node = node * per_candidate + digit
        node = int(tree.roots[node])
        for digit in one[tree.leading :]:
            node = int(tree.children[node * per_candidate + digit])
        rows.append(node)
    return rows


@pytest.mark.parametrize("roots", [1, 50, 2**16])
@given(
    st.sampled_from([(8, 8), (32, 4), (32, 10), (100, 16), (64, 6), (128, 1), (1, 6), (256, 3)]),
    st.integers(0, 9999),
    st.integers(1, 300),
)
def test_a_pixel_comes_to_the_row_that_a_search_finds(
    roots: int, cut: tuple[int, int], seed: int, most: int
) -> None:
    bins = Bins(*cut)
    random = torch.Generator().manual_seed(seed)
    some = torch.randint(0, bins.sets, (most,), generator=random)
    starts = torch.cat([some, some + 1, torch.zeros(1).long()]).clamp(max=bins.sets - 1).unique()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_ROOTS", roots)
        tree = row_tree(starts, bins.per_candidate, bins.candidates)
    any_set = torch.randint(0, bins.sets, (50,), generator=random)
    sets = torch.cat([starts, (starts - 1).clamp(min=0), any_set])
    defined = torch.searchsorted(starts, sets, right=True) - 1
    assert rows_of(tree, bins.bins_of(sets), bins.per_candidate) == defined.tolist()
