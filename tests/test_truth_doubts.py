"""When a ground truth is doubted: not where it is right, but where it was degraded."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ensir.degradations import gaussian_noise
from ensir.ensemble.bin_statistics import gather_statistics
from ensir.ensemble.bins import Bins
from ensir.living_reference import coarser
from ensir.reference_set import ReferencePictures, ReferenceSet, ReferenceStatistics
from ensir.statistics_files import read_pictures
from ensir.truth_detail import TruthDetail
from ensir.truth_doubts import doubt, doubtful, doubts
from ensir.truth_fit import TruthFit, truth_fit
from tests.conftest import make_pictures, make_statistics

SAMPLES = Path(__file__).parents[1] / "sample_luts"
TASKS = {
    "deraining": ("MPRNet", "MAXIM", "Restormer"),
    "deblurring": ("MPRNet", "Restormer", "DGUNet"),
}
RIGHT = TruthFit(2.0, 0.2, 1.0, 0.99, 0.0, 0.0, 0.01)
IN_DETAIL = TruthDetail(displaced=0.1, sharp=1.1, noise=1.5, blocks=0.02)

Degrade = Callable[[Tensor, int], Tensor]


@pytest.fixture(scope="module", params=TASKS)
def pixels(request: pytest.FixtureRequest, shared: Path) -> list[tuple[Tensor, Tensor]]:
    """A quarter of every picture of a shared set."""
    reference = ReferenceSet(shared / "ensir_reference" / request.param, TASKS[request.param])
    return [
        (candidates[:, :, ::2, ::2].contiguous(), truth[:, ::2, ::2].contiguous())
        for candidates, truth in (reference[place] for place in range(len(reference)))
    ]


def gathered(
    pixels: list[tuple[Tensor, Tensor]], degrade: Degrade, places: range
) -> ReferencePictures:
    parts = []
    for place, (candidates, truth) in enumerate(pixels):
        target = degrade(truth, place) if place in places else truth
        sums = gather_statistics(candidates, target, Bins(16, 3))
        parts.append(ReferenceStatistics(sums, ("A", "B", "C"), ("made",), 1))
    return ReferencePictures(tuple(map(str, range(len(parts)))), tuple(parts))


def gamma(truth: Tensor, seed: int) -> Tensor:
    return (255 * (truth.double() / 255) ** (1 / 1.2)).round().to(torch.uint8)


def averaged(truth: Tensor, seed: int) -> Tensor:
    return torch.nn.functional.avg_pool2d(truth.double(), 5, 1, 2).round().to(torch.uint8)


def noisy(truth: Tensor, seed: int) -> Tensor:
    return gaussian_noise(truth, 10, seed)


def turned(truth: Tensor, seed: int) -> Tensor:
    return truth.flip(1, 2)


@pytest.mark.parametrize(
    ("degrade", "said"),
    [(gamma, "gamma"), (averaged, "less detail"), (noisy, "noisy"), (turned, "hardly resembles")],
)
def test_a_truth_degraded_in_the_whole_set_is_named(
    pixels: list[tuple[Tensor, Tensor]], degrade: Degrade, said: str
) -> None:
    (found,) = doubts(gathered(pixels, degrade, range(5)))
    assert found.startswith("In the reference set the ground truth") and said in found


def test_a_truth_that_is_right_is_not_doubted(pixels: list[tuple[Tensor, Tensor]]) -> None:
    assert doubts(gathered(pixels, noisy, range(0))) == ()


@pytest.mark.parametrize("degrade", [gamma, turned])
def test_one_picture_of_a_wrong_truth_is_named(
    pixels: list[tuple[Tensor, Tensor]], degrade: Degrade
) -> None:
    (found,) = doubts(gathered(pixels, degrade, range(3, 4)))
    assert found.startswith("The ground truth of 3 (1 of 5 pictures)")


@pytest.mark.parametrize(
    "file", sorted(SAMPLES.glob("*.pictures.safetensors")), ids=lambda f: f.name
)
def test_no_sample_is_doubted_and_another_truth_is(file: Path) -> None:
    pictures = coarser(read_pictures(file), 32)
    for width in (32, 256):
        assert doubts(coarser(pictures, width)) == ()
    total = pictures.total.statistics
    level = torch.full_like(total.histogram[:, 2], 128)
    # Rows of one cell need not be joined for sums over them.
    histogram = torch.stack([*total.histogram.T[:2], level, total.histogram[:, 3]], dim=1)
    grey = replace(total, truth_products=128 * total.sums, histogram=histogram)
    found = truth_fit(grey)
    assert found is not None and "hardly resembles" in str(doubt(found, "it"))


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (replace(RIGHT, alike=0.3), "correlation 0.30"),
        (replace(RIGHT, alike=-0.37), "correlation -0.37"),
        (replace(RIGHT, alike=0.3, floor=25.0), "or very noisy"),
        (replace(RIGHT, brighter=-0.9), "darker"),
        (replace(RIGHT, floor=15.0), "15.0 levels off"),
        (replace(RIGHT, smoother=1.2), "less detail"),
    ],
)
def test_every_doubt_is_one_sentence(found: TruthFit, said: str) -> None:
    sentence = doubt(found, "the reference set", pictures=10)
    assert sentence is not None and said in sentence
    assert sentence.startswith("In the reference set") and not sentence.endswith(".")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (replace(IN_DETAIL, displaced=1.04), "displaced against the candidates by about 1.0 pix"),
        (replace(IN_DETAIL, sharp=0.6), "softer edges than the candidates (60% of their slope)"),
        (
            replace(IN_DETAIL, displaced=3.3),
            "displaced against the candidates by more than a pixel",
        ),
        (replace(IN_DETAIL, noise=9.2), "fine detail of about 9 levels even where it is smoothest"),
        (replace(IN_DETAIL, blocks=0.4), "the borders of 8 × 8 blocks, which the candidates"),
    ],
)
def test_what_pixels_beside_each_other_say_is_one_sentence(found: TruthDetail, said: str) -> None:
    for pictures in (1, 10):
        sentence = doubt(RIGHT, "the reference set", pictures, detail=found)
        assert sentence is not None and said in sentence
        assert sentence.startswith("In the reference set") and not sentence.endswith(".")
    assert doubt(RIGHT, "it", detail=IN_DETAIL) is None


def test_pixels_beside_each_other_are_asked_before_sums() -> None:
    """A truth that is all texture is not noisy, nor blurred where candidates have noise."""
    for found in (replace(RIGHT, floor=40.0), replace(RIGHT, smoother=1.5)):
        assert doubt(found, "it", 10) is not None
        assert doubt(found, "it", 10, detail=IN_DETAIL) is None


def test_blocks_that_a_photograph_may_have_are_doubted_in_several() -> None:
    found = replace(IN_DETAIL, blocks=0.1)
    assert doubt(RIGHT, "it", detail=found) is None
    assert doubt(RIGHT, "it", 10, detail=found) is not None


@pytest.mark.parametrize("wrong", [1, 3, 4])
def test_the_picture_in_the_middle_speaks_for_the_set(wrong: int) -> None:
    """Of seven: most of them make it the set's fault, fewer are named."""
    displaced = replace(IN_DETAIL, displaced=1.0)
    parts = []
    for place in range(7):
        sums = make_statistics(make_pictures(place, 3, noise=4), 16)
        parts.append(replace(sums, details=(displaced if place < wrong else IN_DETAIL,)))
    pictures = ReferencePictures(tuple("abcdefg"), tuple(parts))
    (said,) = doubts(pictures)
    if wrong > 3:
        assert said.startswith("In the reference set the ground truth is displaced")
        assert doubts(pictures.total) == (said,)
    else:
        assert f"({wrong} of 7 pictures)" in said and "(in a its truth is displaced" in said
        assert doubts(pictures.total) == ()


def test_a_few_of_the_truths_do_not_speak_for_those_that_are_not_known_in_detail() -> None:
    """As of older files of reference pictures, to which some are added."""
    displaced = replace(IN_DETAIL, displaced=2.0)
    sums = [make_statistics(make_pictures(place, 3, noise=4), 16) for place in range(7)]
    parts = (*sums[:-1], replace(sums[-1], details=(displaced,)))
    (said,) = doubts(ReferencePictures(tuple("abcdefg"), parts))
    assert "of g (1 of 7 pictures)" in said
    assert doubts(ReferencePictures(tuple("abcdefg"), parts).total) == ()


def test_fine_detail_of_one_picture_may_be_texture() -> None:
    found = replace(IN_DETAIL, noise=6.0)
    assert doubt(RIGHT, "it", detail=found) is None
    assert doubt(RIGHT, "it", 10, detail=found) is not None


def test_strong_noise_is_not_excused_by_what_is_usual() -> None:
    for floor, usual in ((17.0, True), (25.0, False)):
        found = replace(RIGHT, floor=floor)
        assert doubt(found, "it") is not None
        assert (doubt(found, "it", is_usual=True) is None) == usual


def test_a_single_picture_is_given_more_room() -> None:
    for found in (replace(RIGHT, brighter=0.65), replace(RIGHT, smoother=1.5)):
        assert doubt(found, "it", pictures=10) is not None
        assert doubt(found, "it") is None
    assert doubt(RIGHT, "it", pictures=24, floor=4.0) is not None
    assert doubt(RIGHT, "it", pictures=5, floor=4.0) is None


def test_candidates_with_noise_or_rain_of_their_own_have_more_detail_than_a_right_truth() -> None:
    for found in (replace(RIGHT, far=1.2), replace(RIGHT, brighter=-0.3)):
        assert doubt(replace(found, smoother=1.5), "it", 24) is None


def test_of_the_sum_of_pictures_the_same_is_said_with_more_room_for_noise(
    pixels: list[tuple[Tensor, Tensor]],
) -> None:
    assert doubts(gathered(pixels, noisy, range(0)).total) == ()
    for degrade in (gamma, turned):
        wrong = gathered(pixels, degrade, range(5))
        assert doubts(wrong.total) == doubts(wrong)
    assert doubts(gathered(pixels, noisy, range(5)).total) == ()


def test_the_benchmark_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from benchmarks.doubts import main

    for given, said in (
        (["one"], "two sets or more: limits come from the others"),
        (["one", "two", "--photos", str(tmp_path)], "needs 12 files *.jpg or more; got 0"),
    ):
        monkeypatch.setattr("sys.argv", ["doubts.py", *given])
        with pytest.raises(SystemExit):
            main()
        assert said in capsys.readouterr().err


def test_what_is_not_known_is_not_doubted() -> None:
    assert doubt(replace(RIGHT, floor=float("nan"), even=float("nan")), "it", 24) is None


def test_the_picture_unlike_all_others_is_found() -> None:
    fits = {str(place): replace(RIGHT, far=2 + place / 10) for place in range(8)}
    assert doubtful(fits) == {}
    (said,) = doubtful({**fits, "odd": replace(RIGHT, far=40.0, even=4.0)}).items()
    assert said[0] == "odd" and said[1].startswith("its truth lies otherwise to the candidates")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (replace(RIGHT, alike=0.3), "its truth hardly resembles the candidates (correlation 0.30)"),
        (replace(RIGHT, brighter=0.9), "its truth is brighter than the candidates nearly"),
        (replace(RIGHT, floor=20.0, even=4.0), "its truth is 20.0 levels off even where"),
    ],
)
def test_the_reason_said_is_the_reason(wrong: TruthFit, said: str) -> None:
    found = doubtful({"right": RIGHT, "wrong": wrong})
    assert found.keys() == {"wrong"} and found["wrong"].startswith(said)
