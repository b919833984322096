"""What is tolerated of a picture: more than its own kind comes to, less than another."""

import functools
import gc
import weakref
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ensir.disagreement import disagreement
from ensir.ensemble.errors_about_average import errors_about_average
from ensir.fitting import fit_statistics
from ensir.grain import Grain
from ensir.held_out import leave_one_out
from ensir.living_reference import coarser, without
from ensir.methods import Choices
from ensir.reference_set import ReferencePictures
from ensir.shift import Shift, shift
from ensir.statistics_files import read_pictures
from ensir.tolerance import FIXED, Tolerance, _beyond, tolerance_of
from ensir.truth_doubts import doubts
from ensir.truth_fit import truth_fit
from ensir.usual import Usual, usual
from tests.conftest import make_pictures, make_statistics

SAMPLES = Path(__file__).parents[1] / "sample_luts"
NETWORKS = ("denoising", "deraining", "deblurring", "super-resolution")


def made(number: int, width: int = 32, **how: float) -> ReferencePictures:
    parts = [make_statistics(make_pictures(seed, 3, **how), width) for seed in range(number)]
    return ReferencePictures(tuple(map(str, range(number))), tuple(parts))


@functools.cache
def sample(task: str, width: int = 32) -> ReferencePictures:
    if width > 16:
        return coarser(sample(task, 16), width)
    return read_pictures(SAMPLES / f"{task}_b16.pictures.safetensors")


def test_of_two_pictures_nothing_is_learnt() -> None:
    assert tolerance_of(made(2), 32) is FIXED


def test_no_picture_of_a_set_is_unlike_it() -> None:
    pictures = made(4)
    found = tolerance_of(pictures, 32)
    assert found.disagreement is not None and found.disagreement.number == 4
    assert found.truth is not None and found.bins == pictures.total.statistics.bins
    for part in pictures.parts:
        assert found.disagreement.distance(disagreement(part.statistics).values) < 1
        fit = truth_fit(part.statistics)
        assert fit is not None and found.truth.distance(fit.values) < 1


def test_how_most_of_the_pictures_differ_beside_each_other_is_usual() -> None:
    """Of at least three."""
    sums = made(7).parts
    grains = [Grain(0.5 + place / 20, 0.2, 0.1, 0.0) for place in range(7)]

    def found(of: int, known: int) -> Usual | None:
        parts = (
            *(
                replace(part, grains=(own,))
                for part, own in zip(sums[:known], grains, strict=False)
            ),
            *sums[known:of],
        )
        return tolerance_of(ReferencePictures(tuple("abcdefg"[:of]), parts), 32).grain

    usual_there = found(7, 7)
    assert usual_there is not None and usual_there.number == 7
    for own in grains:
        assert usual_there.distance(own.values) < 1
    assert usual_there.distance(replace(grains[0], grid=1.5).values) > 1
    assert found(7, 4) is not None and found(3, 3) is not None
    assert found(7, 3) is None and found(4, 2) is None and found(7, 0) is None


def test_bins_that_the_pictures_do_not_join_to_leave_two_limits_fixed() -> None:
    pictures = made(4, 24)
    found = tolerance_of(pictures, 32)
    assert (found.unseen, found.error) == (FIXED.unseen, FIXED.error)
    assert found.truth is not None and found.disagreement is not None
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


@pytest.mark.parametrize("odd", [1, 2])
def test_odd_pictures_do_not_widen_what_is_tolerated(odd: int) -> None:
    """Up to a quarter of the pictures."""
    pictures = made(8, noise=4)
    far = [make_statistics(make_pictures(90, 3, noise=60, contrast=90), 32) for _ in range(odd)]
    names = tuple(map(str, range(8 + odd)))
    mixed = tolerance_of(ReferencePictures(names, (*pictures.parts, *far)), 32)
    alone = tolerance_of(pictures, 32)
    assert mixed.error < 1.3 * alone.error  # what is expected of the others is more with them


def test_of_what_more_than_a_quarter_are_like_nothing_is_odd() -> None:
    assert _beyond([1.0, 1.1, 1.2, 1.3, 9.0, 9.0], 1) == pytest.approx((1.45 + 1.5 / 6) * 9)
    assert _beyond([1.0, 1.1, 1.2, 1.3, 9.0], 1) == pytest.approx((1.45 + 1.5 / 4) * 1.3)
    assert _beyond([1.0, 1.1, 9.0], 1) == pytest.approx((1.45 + 1.5 / 3) * 9)  # too few to say
    assert _beyond([0.1, None, 0.3], 1.2) == pytest.approx((1.45 + 1.5 / 2) * 1.2)
    assert _beyond([], 1.2) == pytest.approx((1.45 + 1.5) * 1.2)


@pytest.mark.parametrize("task", NETWORKS)
def test_no_picture_of_a_sample_is_unlike_the_others(task: str) -> None:
    """With its truth; each ninth one, for it takes a fit each. Of all 96 it is said of one."""
    pictures = sample(task)
    for place in range(0, len(pictures.names), 9):
        reference = without(pictures, [pictures.names[place]])
        fits = fit_statistics(reference.total, method="least-squares")
        picture = pictures.parts[place]
        tolerance = tolerance_of(reference, 32)
        found = shift(
            picture.statistics,
            fits.table,
            fits.statistics,
            tolerance,
            has_truth=True,
            beside=next(iter(picture.grains), None),
        )
        assert found.warnings == ()


def test_most_pictures_of_other_tasks_are_unlike_a_sample() -> None:
    """Of all pairs together: a picture without texture may say little of its task."""
    far = []
    for task in NETWORKS:
        reference = sample(task)
        total = reference.total.statistics
        tolerance = tolerance_of(reference, 32)
        for other in set(NETWORKS) - {task}:
            for part in sample(other).parts:
                beside = next(iter(part.grains), None)
                found = shift(
                    part.statistics, None, total, tolerance, has_truth=False, beside=beside
                )
                far.append(bool(found.warnings))
    assert sum(far) > 0.95 * len(far)  # with the networks of now all 288


@pytest.mark.parametrize("task", NETWORKS)
def test_a_picture_of_another_task_in_a_sample_does_not_hide_its_like(task: str) -> None:
    """Of denoising, or of deraining among denoised ones: without it all of them are unlike."""
    reference = sample(task, 16)
    other = sample("deraining" if task == "denoising" else "denoising", 16)
    for place in (0, 7, 15):
        parts = (*reference.parts[:3], other.parts[place], *reference.parts[4:])
        there = usual(torch.stack([disagreement(part.statistics).values for part in parts]))
        far = [there.distance(disagreement(part.statistics).values) for part in other.parts]
        assert sum(distance > 1 for distance in far) > 0.8 * len(far)


def noisy(truth: torch.Tensor, seed: int) -> torch.Tensor:
    noise = 25 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(seed))
    return (truth + noise).round().clamp(0, 255).to(torch.uint8)


def test_a_truth_unlike_those_of_the_reference_pictures_is_doubted() -> None:
    pictures = made(6, noise=4)
    tolerance = Tolerance(truth=tolerance_of(pictures, 32).truth)
    own = truth_fit(pictures.parts[0].statistics)
    assert own is not None
    assert Shift(tolerance=tolerance, truth=own).warnings == ()
    assert Shift(tolerance=tolerance, truth=replace(own, far=2 * own.far)).warnings == ()
    unlike = replace(own, far=20 * own.far, by_level=0.3)
    (said,) = Shift(tolerance=tolerance, truth=unlike).warnings
    assert said.startswith("The ground truth lies otherwise") and "times the limit" in said


def test_the_doubts_of_a_reference_set_are_said_once_and_of_every_picture() -> None:
    parts = []
    for seed in range(6):
        candidates, truth = make_pictures(seed, 3, noise=3, contrast=20, height=60, width=60)
        parts.append(make_statistics((candidates, noisy(truth, seed)), 32))
    tolerance = tolerance_of(ReferencePictures(tuple("abcdef"), tuple(parts)), 32)
    assert len(tolerance.doubts) == 1 and "noisy" in tolerance.doubts[0]
    for has_truth in (False, True):
        picture = parts[0].statistics
        assert shift(picture, tolerance=tolerance, has_truth=has_truth).warnings == tolerance.doubts


def test_what_no_width_changes_is_found_once_and_forgotten_with_the_pictures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def counted(pictures: ReferencePictures) -> tuple[str, ...]:
        asked.append(len(pictures.names))
        return doubts(pictures)

    monkeypatch.setattr("ensir.tolerance.doubts", counted)
    pictures = made(4)
    one, other = tolerance_of(pictures, 32), tolerance_of(pictures.of_candidates("ABC"), 64)
    assert asked == [4] and one.disagreement is other.disagreement
    held = weakref.ref(pictures)
    del pictures
    gc.collect()
    assert held() is None


def test_the_error_of_averaging_stands_for_that_of_the_tables() -> None:
    """What a picture left out errs by under its table is nearly what it errs by averaged."""
    pictures = sample("denoising")
    left_out = leave_one_out(pictures, Choices("least-squares"))
    ratio = (left_out.squared_error(0.5) / left_out.loss).sqrt()
    assert (ratio - 1).abs().max() < 0.1
