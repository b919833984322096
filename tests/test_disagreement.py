"""What is said of how candidates differ, against the pixels."""

import math

import pytest
import torch
from torch import Tensor

from ensir.disagreement import DIFFERS, ROUNDING, UNITS, disagreement
from ensir.ensemble.bin_statistics import gather_statistics
from ensir.ensemble.bins import Bins
from tests.conftest import make_pictures


def test_disagreement_is_that_of_the_pixels() -> None:
    candidates, truth = make_pictures(3, 3, bias=10)
    found = disagreement(gather_statistics(candidates, truth, Bins(16, 3)))
    values = candidates.double().flatten(2)  # (M, C, pixels)
    average = values.mean(0)
    difference = values - average
    by_candidate = difference.square().mean((1, 2)) + ROUNDING
    amount = by_candidate.mean().sqrt()
    assert found.amount == pytest.approx(float(amount.log()), rel=1e-12)
    assert torch.allclose(found.shares, (by_candidate.sqrt() / amount).log())
    assert torch.allclose(found.offset, difference.mean((1, 2)) / amount)
    centred = average - average.mean(-1, keepdim=True)
    slope = (difference * centred).mean(-1) / centred.square().mean(-1).sqrt()
    assert torch.allclose(found.contrast, slope.mean(1) / amount)
    apart = candidates.flatten(1) // 16
    gap = apart.amax(0).int() - apart.amin(0).int()
    squared = difference.square().sum(0).flatten()
    shares = torch.stack([squared[gap >= bins].sum() for bins in (1, 2, 3)]) / squared.sum()
    assert torch.allclose(found.tail.exp(), shares, atol=2e-3)


def test_narrow_bins_tell_the_same_as_wide_ones(sample: tuple[Tensor, Tensor]) -> None:
    narrow = disagreement(gather_statistics(*sample, Bins(8, 3)))
    wide = disagreement(gather_statistics(*sample, Bins(16, 3)))
    assert torch.equal(narrow.values, wide.values)


def test_every_value_has_its_group_and_every_group_its_words(
    sample: tuple[Tensor, Tensor],
) -> None:
    found = disagreement(gather_statistics(*sample, Bins(16, 3)))
    assert len(found.groups) == len(found.values) == 1 + 3 * 3 + 3
    assert set(found.groups) == set(DIFFERS) == set(UNITS)


def test_candidates_that_are_alike_differ_by_nothing() -> None:
    candidates, truth = make_pictures(3, 1)
    alike = gather_statistics(candidates.repeat(3, 1, 1, 1), truth, Bins(16, 3))
    found = disagreement(alike)
    assert found.amount.item() == pytest.approx(math.log(ROUNDING) / 2)
    assert found.values[1:].abs().max() < 1e-9  # of floating-point sums


def test_a_picture_of_one_level_has_finite_values() -> None:
    flat = torch.full((2, 3, 8, 8), 7, dtype=torch.uint8)
    flat[1] += 2
    found = disagreement(gather_statistics(flat, flat[0], Bins(16, 2)))
    assert found.values.isfinite().all()
