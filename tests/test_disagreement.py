"""What is said of how candidates differ, against the pixels and among pictures."""

import pytest
import torch
from torch import Tensor

from ensir.disagreement import LEAST, TOLERATED, Distances, disagreement, tolerated_by
from ensir.ensemble.bin_statistics import gather_statistics
from ensir.ensemble.bins import Bins
from ensir.reference_set import ReferencePictures
from tests.conftest import make_pictures, make_statistics


def made(seeds: range, **how: float) -> ReferencePictures:
    parts = tuple(
        make_statistics(make_pictures(seed, 3, height=60, width=60, **how), 32) for seed in seeds
    )
    return ReferencePictures(tuple(map(str, seeds)), parts)


def test_disagreement_is_that_of_the_pixels() -> None:
    candidates, truth = make_pictures(3, 3, bias=10)
    found = disagreement(gather_statistics(candidates, truth, Bins(32, 3)))
    values = candidates.double().flatten(1)
    difference = values - values.mean(0)
    assert found.amount == pytest.approx(float(difference.square().mean().sqrt()), rel=1e-12)
    pattern = difference @ difference.T
    assert torch.allclose(found.pattern, pattern / pattern.trace())
    offset = difference.mean(1) / found.amount
    assert torch.allclose(found.offset, offset)
    apart = candidates.flatten(1) // 32
    far = apart.amax(0).int() - apart.amin(0).int() >= 2
    squared = difference.square().sum(0)
    assert found.tail == pytest.approx(float(squared[far].sum() / squared.sum()), rel=1e-9)


def test_narrow_bins_tell_the_same_as_wide_ones(sample: tuple[Tensor, Tensor]) -> None:
    narrow = disagreement(gather_statistics(*sample, Bins(8, 3)))
    wide = disagreement(gather_statistics(*sample, Bins(32, 3)))
    assert narrow.distances(wide) == Distances(0.0, 0.0, 0.0, 0.0)


def test_distances_are_the_same_both_ways_and_none_to_itself() -> None:
    one, other = (disagreement(part.statistics) for part in made(range(2), bias=20).parts)
    assert one.distances(other) == other.distances(one)
    assert one.distances(one) == Distances(0.0, 0.0, 0.0, 0.0)


def test_what_is_tolerated_follows_the_pictures_of_the_reference_set() -> None:
    alike = tolerated_by(made(range(6)))
    unlike = tolerated_by(
        ReferencePictures(
            tuple("abcdef"), (*made(range(3)).parts, *made(range(3, 6), bias=40).parts)
        )
    )
    assert all(getattr(unlike, name) >= getattr(alike, name) for name in vars(alike))
    assert unlike.offset > 3 * alike.offset
    assert all(getattr(alike, name) >= 2.5 * least for name, least in vars(LEAST).items())


def test_two_pictures_say_too_little_of_what_is_usual() -> None:
    assert tolerated_by(made(range(2))) == TOLERATED
