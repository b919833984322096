"""A comparison whose cells have every origin, and its arrays for reference computations."""

import pytest

from ensir.comparison import Comparison, compare
from tests.conftest import make_pictures, make_statistics


@pytest.fixture(scope="session")
def compared() -> Comparison:
    """Three candidates A, B and C, 50 × 70, fused by the statistics of another picture."""
    candidates, truth = make_pictures(seed=31, members=3, height=70, width=50, contrast=25)
    elsewhere = make_pictures(seed=32, members=3, height=70, width=50, contrast=25)
    return compare(
        dict(zip("ABC", candidates, strict=True)),
        degraded=candidates[0],
        truth=truth,
        reference=make_statistics(elsewhere, 16),
        bin_width=32,
    )


@pytest.fixture(scope="session")
def averaged(compared: Comparison) -> Comparison:
    """The same candidates without a reference and without a ground truth."""
    return compare(compared.as_given)
