from itertools import product
from pathlib import Path
from statistics import fmean

import pytest
import torch

from ensir import ReferenceSet, average, fit_statistics, gather_pictures, psnr
from ensir.errors import InputError
from ensir.held_out import LeftOut, fitted_elsewhere, leave_one_out
from ensir.images import write_image
from ensir.methods import METHODS, Choices
from ensir.reference_set import ReferencePictures
from tests.conftest import make_pictures, make_statistics

SAME = 1e-6  # dB: a fused picture is float32, its held-out error float64
MODELS = {
    "deraining": ("MPRNet", "MAXIM", "Restormer"),
    "deblurring": ("MPRNet", "Restormer", "DGUNet"),
}


@pytest.fixture
def reference_set(tmp_path: Path) -> ReferenceSet:
    for number in range(3):
        candidates, truth = make_pictures(number, 3, height=40, width=44, bias=8)
        for name, picture in zip(("A", "B", "C", "gt"), (*candidates, truth), strict=True):
            (tmp_path / name).mkdir(parents=True, exist_ok=True)
            write_image(tmp_path / name / f"{number}.png", picture)
    return ReferenceSet(tmp_path, ["A", "B", "C"])


def made_pictures(number: int, width: int = 16, members: int = 3) -> ReferencePictures:
    parts = [make_statistics(make_pictures(seed, members), width) for seed in range(number)]
    return ReferencePictures(tuple(map(str, range(number))), tuple(parts))


def check_against_pixels(
    reference_set: ReferenceSet, result: LeftOut, choices: Choices, bin_width: int
) -> None:
    """Really leaves each picture out: fits the files of the others, fuses it, scores it."""
    scores = result.scores(choices.own_trust)
    assert scores.pictures == reference_set.names
    for place, name in enumerate(reference_set.names):
        others = reference_set[:]
        others.names = tuple(other for other in reference_set.names if other != name)
        table = fit_statistics(
            gather_pictures(others, bin_width).total,
            method=choices.method,
            prior=choices.prior,
            trust=choices.trust,
            ridge=choices.ridge,
            back_off=choices.back_off,
        ).table
        candidates, truth = reference_set[place]
        expected = psnr(table.fuse(candidates).image, truth)
        averaged = psnr(average(candidates).image, truth)
        assert abs(scores.psnr[place] - expected) <= SAME
        assert abs(scores.gain[place] - (expected - averaged)) <= SAME
    assert scores.mean_gain == pytest.approx(fmean(scores.gain), abs=1e-12)
    assert scores.mean_psnr == pytest.approx(fmean(scores.psnr), abs=1e-12)


CHOICES = [
    *(Choices(method, trust=trust) for method, trust in product(METHODS, (None, 0.3))),
    Choices("least-squares", trust=1.0, ridge=200.0),
    Choices("least-squares", prior=(0.2, 0.2, 0.6)),
    Choices("em", prior=(0.2, 0.2, 0.6)),
    Choices("em", back_off=20.0),
]


@pytest.mark.parametrize("bin_width", [16, 48, 256])
@pytest.mark.parametrize("choices", CHOICES, ids=str)
def test_the_error_without_pixels_is_that_of_refitting_and_fusing(
    choices: Choices, bin_width: int, reference_set: ReferenceSet
) -> None:
    pictures = gather_pictures(reference_set, 16 if bin_width < 256 else 8)
    result = leave_one_out(pictures, choices, bin_width)
    check_against_pixels(reference_set, result, choices, bin_width)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("task", MODELS)
def test_on_the_shared_reference_sets_too(task: str, method: str, shared: Path) -> None:
    reference_set = ReferenceSet(shared / "ensir_reference" / task, MODELS[task])[:2]
    result = leave_one_out(gather_pictures(reference_set, 32), Choices(method))
    check_against_pixels(reference_set, result, Choices(method), 32)


def test_every_trust_is_in_one_result() -> None:
    pictures = made_pictures(3)
    result = leave_one_out(pictures, Choices("least-squares"))
    for trust in (0.0, 0.25, 1.0):
        other = leave_one_out(pictures, Choices("least-squares", trust=trust)).scores(trust)
        assert result.scores(trust) == other
    assert result.scores(0).gain == (0, 0, 0) and result.scores(0).won == 0


def test_the_order_of_the_pictures_does_not_matter() -> None:
    pictures = made_pictures(4)
    turned = ReferencePictures(pictures.names[::-1], pictures.parts[::-1])
    one, other = (leave_one_out(each, bin_width=32).scores(1) for each in (pictures, turned))
    assert one.psnr == other.psnr[::-1]


def test_bin_sets_that_only_the_picture_left_out_has_are_served() -> None:
    """Pictures far apart share no bin set: least squares gives the weights of the channel."""
    dark, bright = (
        [torch.full((3, 3, 20, 20), level, dtype=torch.uint8) for level in levels]
        for levels in ((20, 25), (220, 225))
    )
    parts = []
    for number, (low, high) in enumerate((dark, bright)):
        candidates = low.clone()
        candidates[number] = high[0]
        parts.append(make_statistics((candidates, low[0]), 16))
    result = leave_one_out(ReferencePictures(("dark", "bright"), tuple(parts)))
    assert result.scores(1).gain == (0, 0)  # em knows nothing there: the average
    fitted = leave_one_out(
        ReferencePictures(("dark", "bright"), tuple(parts)), Choices("least-squares")
    )
    assert fitted.scores(1).psnr != result.scores(1).psnr


def test_a_perfect_average_gains_nothing() -> None:
    flat = torch.full((3, 3, 12, 12), 90, dtype=torch.uint8)
    part = make_statistics((flat, flat[0]), 32)
    scores = leave_one_out(ReferencePictures(("a", "b"), (part, part))).scores(1)
    assert scores.gain == (0, 0) and scores.psnr == (float("inf"), float("inf"))


def test_a_picture_on_its_own_cannot_be_left_out() -> None:
    with pytest.raises(InputError, match=r"leaving one picture out needs at least two, got 1"):
        leave_one_out(made_pictures(1))
    with pytest.raises(InputError, match=r"multiples of 16 only, got 24"):
        leave_one_out(made_pictures(2), bin_width=24)
    with pytest.raises(InputError, match=r"a method is"):
        leave_one_out(made_pictures(2), Choices("magic"))


@pytest.mark.parametrize("method", METHODS)
def test_one_picture_under_a_table_of_the_others_is_that_picture_left_out(method: str) -> None:
    parts = tuple(make_statistics(make_pictures(seed, 3, bias=5), 16) for seed in range(3))
    pictures = ReferencePictures(("a", "b", "c"), parts)
    last, others = ReferencePictures(("c",), parts[2:]), ReferencePictures(("a", "b"), parts[:2])
    found = fitted_elsewhere(last, others, Choices(method), 32)
    expected = leave_one_out(pictures, Choices(method), 32)
    for field in ("values", "loss", "gain", "cost"):
        assert getattr(found, field)[0] == getattr(expected, field)[2]
