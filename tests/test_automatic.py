from itertools import product
from pathlib import Path

import pytest

from benchmarks.automatic import search
from ensir import ReferenceSet, gather_pictures
from ensir.automatic import NARROWEST, RIDGES, WIDTHS, Chosen, choose
from ensir.errors import InputError
from ensir.held_out import leave_one_out
from ensir.living_reference import coarser
from ensir.methods import METHODS, Choices
from ensir.reference_set import ReferencePictures
from ensir.statistics_files import read_pictures
from tests.conftest import make_pictures, make_statistics

MODELS = {
    "deraining": ("MPRNet", "MAXIM", "Restormer"),
    "deblurring": ("MPRNet", "Restormer", "DGUNet"),
}
ALL = ("bin_width", "trust", "ridge")
SAMPLES = Path(__file__).parents[1] / "sample_luts"


def made_pictures(width: int, number: int = 3) -> ReferencePictures:
    parts = [make_statistics(make_pictures(seed, 3, bias=5), width) for seed in range(number)]
    return ReferencePictures(tuple(map(str, range(number))), tuple(parts))


def test_the_best_is_as_good_as_any_setting_there_is() -> None:
    """Every width, ridge and trust tried one by one, apart from the search."""
    pictures = made_pictures(32)
    chosen = choose(pictures, None, Choices("least-squares"), ALL)
    gains = []
    for width, ridge in product(range(32, 257, 32), RIDGES):
        result = leave_one_out(pictures, Choices("least-squares", ridge=ridge), width)
        gains += [result.scores(hundredth / 100).mean_gain for hundredth in range(101)]
    assert chosen.best.gain == max(gains) and chosen.worst.gain == min(gains)
    assert chosen.tried == len(gains) and chosen.pictures == 3


@pytest.mark.parametrize("method", METHODS)
def test_the_default_is_what_holds_where_nothing_is_said(method: str) -> None:
    pictures = made_pictures(16)
    chosen = choose(pictures, None, Choices(method), ("bin_width", "trust"))
    usual = leave_one_out(pictures, Choices(method), 32)
    assert chosen.default.bin_width == 32
    assert chosen.default.gain == usual.scores(METHODS[method].trust).mean_gain
    assert chosen.best.gain >= chosen.default.gain >= chosen.worst.gain


def test_what_is_not_automatic_stays_as_it_is() -> None:
    choices = Choices("least-squares", trust=0.2, ridge=7.0)
    chosen = choose(made_pictures(16), 48, choices, ("trust",))
    assert chosen.best.bin_width == 48 and chosen.best.choices.ridge == 7
    assert chosen.default.choices.trust == 0.5 and chosen.tried == 101
    chosen = choose(made_pictures(16), None, choices, ("ridge",))
    assert chosen.best.bin_width == 16 and chosen.best.choices.trust == 0.2
    assert chosen.tried == len(RIDGES)
    chosen = choose(made_pictures(24), None, choices, ("bin_width",))
    assert chosen.best.choices == choices and chosen.tried == 4  # 24, 48, 96, 192
    assert chosen.default.bin_width == 24


def test_the_sentence_says_what_was_chosen_and_how_much_it_matters() -> None:
    chosen: Chosen = choose(made_pictures(64, 2), None, Choices("least-squares"), ALL)
    assert chosen.sentence.startswith(
        f"bin width {chosen.best.bin_width}, trust {chosen.best.choices.trust:g}, "
        f"ridge {chosen.best.choices.ridge:g} gains {chosen.best.gain:+.3f} dB over averaging, "
        "the mean of 2 pictures each left out"
    )
    assert (
        f"the default, bin width 64, trust 0.5, ridge 20 gains {chosen.default.gain:+.3f} dB"
        in (chosen.sentence)
    )
    assert "of 1,616 tried" in chosen.sentence


def test_progress_counts_pictures_left_out() -> None:
    told: list[tuple[int, int]] = []
    choose(
        made_pictures(64),
        None,
        Choices("least-squares"),
        ALL,
        lambda done, of: told.append((done, of)),
    )
    assert told == [(done, 12) for done in range(1, 13)]  # four widths


def test_a_single_picture_chooses_nothing() -> None:
    with pytest.raises(InputError, match=r"needs at least two, got 1"):
        choose(made_pictures(32, 1), None, Choices(), ("bin_width",))


def test_every_setting_that_was_tried_can_be_asked_for() -> None:
    chosen = choose(made_pictures(32), 96, Choices(), ("bin_width", "trust"))
    result = leave_one_out(made_pictures(32), Choices(), 96)
    assert chosen.gain_of(96, 0.3) == result.scores(0.3).mean_gain
    assert chosen.gain_of(40, 0.3) is None and chosen.gain_of(96, 0.3001) is None


def test_a_width_that_is_given_is_tried_too() -> None:
    chosen = choose(made_pictures(16), 80, Choices(), ("bin_width", "trust"))
    assert chosen.gain_of(80, 1) is not None and chosen.default.bin_width == 32
    odd = choose(made_pictures(16), 24, Choices(), ("bin_width", "trust"))
    assert {one.bin_width for one in odd.settings} == {width for width in WIDTHS if width % 16 == 0}


@pytest.mark.parametrize("method", METHODS)
def test_no_setting_does_much_better_on_made_pictures_held_out(method: str) -> None:
    """Strips of one picture: its models err alike in all of them."""
    candidates, truth = make_pictures(1, 3, height=640, width=200, bias=5)
    strips = [slice(top, top + 80) for top in range(0, 640, 80)]
    parts = [make_statistics((candidates[:, :, rows], truth[:, rows]), 64) for rows in strips]
    pictures = ReferencePictures(tuple("abcdefgh"), tuple(parts))
    assert search(pictures, method).lost <= 0.01


@pytest.mark.parametrize("method", ["em", "least-squares"])
def test_no_setting_does_much_better_on_photographs_held_out(method: str) -> None:
    """Of our own networks, in wide bins, which are quickly searched."""
    pictures = coarser(read_pictures(SAMPLES / "denoising_b16.pictures.safetensors"), 64)
    assert search(pictures, method).lost <= 0.01


@pytest.mark.parametrize("task", MODELS)
def test_choosing_without_a_picture_costs_little_on_that_picture(task: str, shared: Path) -> None:
    """Chosen by four pictures, for the fifth: near the setting that is best for all five."""
    reference_set = ReferenceSet(shared / "ensir_reference" / task, MODELS[task])
    pictures = gather_pictures(reference_set, 4 * NARROWEST)
    best = choose(pictures, None, Choices("least-squares"), ALL).best
    lost = []
    for place in range(len(pictures.names)):
        rest = ReferencePictures(
            pictures.names[:place] + pictures.names[place + 1 :],
            pictures.parts[:place] + pictures.parts[place + 1 :],
        )
        chosen = choose(rest, None, Choices("least-squares"), ALL).best
        for setting, sign in ((best, 1), (chosen, -1)):
            result = leave_one_out(pictures, setting.choices, setting.bin_width)
            lost.append(sign * result.scores(setting.choices.own_trust).gain[place])
    assert sum(lost) / len(pictures.names) <= 0.01
