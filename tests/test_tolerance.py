"""What is tolerated of a picture: more than its own kind comes to, less than another."""

from math import hypot
from pathlib import Path

import pytest
import torch

from ensir.disagreement import LEAST, disagreement, tolerated_by
from ensir.ensemble.errors_about_average import errors_about_average
from ensir.fitting import fit_statistics
from ensir.held_out import leave_one_out
from ensir.living_reference import coarser, without
from ensir.methods import Choices
from ensir.reference_set import ReferencePictures
from ensir.shift import Shift, shift
from ensir.statistics_files import read_pictures
from ensir.tolerance import FIXED, MANY, Tolerance, tolerance_of
from tests.conftest import make_pictures, make_statistics

SAMPLES = Path(__file__).parents[1] / "sample_luts"
NETWORKS = ("denoising", "deraining", "deblurring", "super-resolution")


def made(number: int, width: int = 32, **how: float) -> ReferencePictures:
    parts = [make_statistics(make_pictures(seed, 3, **how), width) for seed in range(number)]
    return ReferencePictures(tuple(map(str, range(number))), tuple(parts))


def sample(task: str) -> ReferencePictures:
    pictures = read_pictures(SAMPLES / f"{task}_b16.pictures.safetensors")
    return coarser(pictures, 32)


def lies(part: int, pictures: ReferencePictures, reference: ReferencePictures) -> Shift:
    """A picture without its truth, under the calibrated tolerance."""
    table = fit_statistics(reference.total, method="least-squares").table
    tolerance = tolerance_of(reference, 32)
    picture = pictures.parts[part].statistics
    return shift(picture, table, reference.total.statistics, tolerance, has_truth=False)


def test_of_two_pictures_nothing_is_learnt() -> None:
    assert tolerance_of(made(2), 32) is FIXED


def test_few_pictures_are_held_against_their_sum_and_many_against_each_other() -> None:
    few, many = made(4), made(MANY)
    assert tolerance_of(few, 32).kinds == ()
    assert tolerance_of(few, 32).distances == tolerated_by(few)
    found = tolerance_of(many, 32)
    assert len(found.kinds) == MANY and found.bins == many.total.statistics.bins
    for place, kind in enumerate(found.kinds):
        others = [other for at, other in enumerate(found.kinds) if at != place]
        nearest = min(hypot(*it.distances(kind).over(found.distances).values()) for it in others)
        assert nearest < 1
    for name, least in vars(LEAST).items():
        assert getattr(found.distances, name) >= least


def test_bins_that_the_pictures_do_not_join_to_leave_two_limits_fixed() -> None:
    pictures = made(4, 24)
    found = tolerance_of(pictures, 32)
    assert (found.unseen, found.error) == (FIXED.unseen, FIXED.error)
    assert found.truth is not None and found.distances == tolerated_by(pictures)
    assert tolerance_of(pictures, 48).error != FIXED.error


def test_the_usual_error_is_that_of_averaging_pictures_left_out() -> None:
    """By the slow way: the others' mean error in each cell is what a picture's is held against."""
    pictures = made(3, 64, bias=10)
    ratios = []
    for place, part in enumerate(pictures.parts):
        others = without(pictures, [pictures.names[place]]).total.statistics
        expected = errors_about_average(others).loss_of_average / others.count
        made_of = errors_about_average(part.statistics).loss_of_average
        there = {int(number): at for at, number in enumerate(others.sets)}
        wanted = got = 0.0
        for channel in range(3):
            for at, number in enumerate(part.statistics.sets.tolist()):
                count = int(part.statistics.count[channel, at])
                known = number in there and int(others.count[channel, there[number]]) > 0
                if count and known:
                    wanted += count * float(expected[channel, there[number]])
                    got += float(made_of[channel, at])
        ratios.append((got / wanted) ** 0.5)
    found = tolerance_of(pictures, 64)
    assert found.error == pytest.approx((1.45 + 1.5 / 3) * max(1.2, *ratios), rel=1e-9)


@pytest.mark.parametrize("task", NETWORKS)
def test_no_picture_of_a_sample_is_unlike_the_others(task: str) -> None:
    """With its truth; each third one, for it takes a fit each."""
    pictures = sample(task)
    for place in range(0, len(pictures.names), 3):
        reference = without(pictures, [pictures.names[place]])
        fits = fit_statistics(reference.total, method="least-squares")
        picture = pictures.parts[place].statistics
        tolerance = tolerance_of(reference, 32)
        found = shift(picture, fits.table, fits.statistics, tolerance, has_truth=True)
        assert found.warnings == ()


def test_most_pictures_of_other_tasks_are_unlike_a_sample() -> None:
    """Of all pairs together: networks whose candidates disagree alike are not told apart."""
    far = []
    for task in NETWORKS:
        reference = sample(task)
        total = reference.total.statistics
        table = fit_statistics(reference.total, method="least-squares").table
        tolerance = tolerance_of(reference, 32)
        for other in set(NETWORKS) - {task}:
            for part in sample(other).parts:
                found = shift(part.statistics, table, total, tolerance, has_truth=False)
                far.append(bool(found.warnings))
    assert sum(far) > len(far) / 2  # with the networks of now 173 of 288


def test_a_truth_unlike_those_of_the_reference_pictures_is_doubted() -> None:
    reference = made(MANY, noise=4)
    tolerance = tolerance_of(reference, 32)
    candidates, truth = make_pictures(0, 3, noise=4)
    noise = 25 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(2))
    noisy = (truth + noise).round().clamp(0, 255).to(torch.uint8)
    right, wrong = (make_statistics((candidates, one), 32).statistics for one in (truth, noisy))
    assert shift(right, tolerance=tolerance, has_truth=True).warnings == ()
    (said,) = shift(wrong, tolerance=tolerance, has_truth=True).warnings
    assert said.startswith("In this picture the average") and "is usual here" in said


def test_a_reference_set_of_degraded_truth_is_told_by_a_picture_with_a_good_one() -> None:
    parts = []
    for seed in range(4):
        candidates, truth = make_pictures(seed, 3, noise=8)
        noise = 25 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(seed))
        noisy = (truth + noise).round().clamp(0, 255).to(torch.uint8)
        parts.append(make_statistics((candidates, noisy), 32))
    tolerance = tolerance_of(ReferencePictures(tuple("abcd"), tuple(parts)), 32)
    good = make_statistics(make_pictures(50, 3, noise=8), 32).statistics
    (said,) = shift(good, tolerance=tolerance, has_truth=True).warnings
    assert "the truth there may not fit the candidates" in said


def test_kinds_are_those_of_the_pictures() -> None:
    pictures = made(MANY)
    found: Tolerance = tolerance_of(pictures, 32)
    for kind, part in zip(found.kinds, pictures.parts, strict=True):
        assert kind.amount == disagreement(part.statistics).amount


def test_the_error_of_averaging_stands_for_that_of_the_tables() -> None:
    """What a picture left out errs by under its table is nearly what it errs by averaged."""
    pictures = sample("denoising")
    left_out = leave_one_out(pictures, Choices("least-squares"))
    ratio = (left_out.squared_error(0.5) / left_out.loss).sqrt()
    assert (ratio - 1).abs().max() < 0.1
