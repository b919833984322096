import itertools
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gradio as gr
import pytest

from ensir.automatic import choose
from ensir.comparison import Comparison, compare
from ensir.errors import Cancelled
from ensir.methods import Choices
from ensir.published_tables import published_bytes
from ensir.reference_set import ReferencePictures
from ensir.statistics_files import pictures_bytes, statistics_bytes
from ensir.ui.choosing import (
    AUTOMATIC,
    HELP,
    NOT_APART,
    chosen_words,
    on_choosable,
    on_choose,
    on_ended,
)
from ensir.ui.reference import FILE, NONE, OWN_TRUTH, SAMPLE
from tests.conftest import make_pictures, make_statistics

pytestmark = pytest.mark.filterwarnings("default")

Upload = Callable[[str, bytes], str]


def made(number: int = 3, width: int = 32) -> ReferencePictures:
    parts = [make_statistics(make_pictures(seed, 3, bias=5), width) for seed in range(number)]
    return ReferencePictures(tuple(map(str, range(number))), tuple(parts))


def chosen(
    comparison: Comparison,
    source: str,
    file: str | None = None,
    bin_width: int = 64,
    method: str = "least-squares",
    trust: float = 0.5,
    waiting: bool = False,
) -> Any:  # noqa: ANN401 - what Gradio lays into the components
    steps = list(on_choose(comparison, 1 + waiting, 1, source, file, bin_width, method, trust))
    assert all(step == gr.skip() for step in steps[:-1])
    return steps[-1]


def test_what_is_chosen_is_what_the_engine_chooses(small: Comparison, upload: Upload) -> None:
    pictures = made()
    file = upload("mine.safetensors", pictures_bytes(pictures))
    width, trust, note = chosen(small, FILE, file)
    found = choose(pictures, 64, Choices("least-squares"), AUTOMATIC)
    assert (width, trust) == (found.best.bin_width, found.best.choices.own_trust)
    assert chosen_words(found, 64, 0.5) in note


def test_candidates_are_those_of_the_result_in_its_order(upload: Upload) -> None:
    file = upload("mine.safetensors", pictures_bytes(made()))
    candidates, _ = make_pictures(9, 2)
    two = compare({"C": candidates[0], "A": candidates[1]})
    width, trust, _ = chosen(two, FILE, file)
    seen = made().of_candidates(["C", "A"])
    best = choose(seen, 64, Choices("least-squares"), AUTOMATIC).best
    assert (width, trust) == (best.bin_width, best.choices.own_trust)


def test_the_words_say_how_much_the_choice_matters() -> None:
    found = choose(made(), 64, Choices(), AUTOMATIC)
    best, before = found.best, found.gain_of(64, 0.5)
    assert before is not None
    said = chosen_words(found, 64, 0.5)
    assert said.startswith(f"Bin width {best.bin_width}, trust {best.choices.own_trust:g}: ")
    assert f"{best.gain:+.3f} dB over averaging".replace("-", "−") in said
    assert f"{best.gain - before:+.3f} dB over bin width 64, trust 0.5" in said
    assert "3 reference pictures, each left out" in said
    assert "as it was" in chosen_words(found, best.bin_width, best.choices.own_trust)
    assert "over bin width" not in chosen_words(found, 24, 0.5)  # their bins do not join to it


def test_the_sample_chooses_for_its_models(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = made()
    asked: list[list[str]] = []

    def pictures_for(source: str, names: Any, file: str | None) -> ReferencePictures:  # noqa: ANN401
        asked.append(list(names))
        return replace(pictures, parts=pictures.parts)

    monkeypatch.setattr("ensir.ui.choosing.pictures_for", pictures_for)
    candidates, _ = make_pictures(9, 3)
    three = compare(dict(zip(("median", "bilateral", "x"), candidates, strict=True)))
    assert chosen(three, SAMPLE)[0] in (32, 64, 96, 128, 160, 192, 224, 256)
    assert asked == [["median", "bilateral", "x"]]


@pytest.mark.parametrize("source", [OWN_TRUTH, NONE, SAMPLE])
def test_where_no_pictures_are_apart_choosing_is_a_sentence(small: Comparison, source: str) -> None:
    with pytest.raises(gr.Error, match="only a sample, or a file of reference pictures"):
        chosen(small, source)  # its candidates are of no sample


def test_new_input_is_fused_before_anything_is_chosen(small: Comparison) -> None:
    with pytest.raises(gr.Error, match="not fused yet"):
        chosen(small, SAMPLE, waiting=True)


def test_a_single_picture_and_an_unknown_method_are_a_sentence(
    small: Comparison, upload: Upload
) -> None:
    one = upload("one.safetensors", pictures_bytes(made(1)))
    with pytest.raises(gr.Error, match="needs at least two"):
        chosen(small, FILE, one)
    with pytest.raises(gr.Error, match="a method is"):
        chosen(small, FILE, upload("x.safetensors", pictures_bytes(made())), method="nothing")


def test_a_choice_that_is_stopped_fits_no_more(
    small: Comparison, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits: list[int] = []

    first, ended = threading.Event(), threading.Event()

    def endless(*arguments: Any) -> None:  # noqa: ANN401
        try:
            for done in itertools.count():
                fits.append(done)
                first.set()
                arguments[-1](done, 10)
        except Cancelled:
            ended.set()
            raise

    monkeypatch.setattr("ensir.ui.choosing.choose", endless)
    file = upload("mine.safetensors", pictures_bytes(made()))
    steps = on_choose(small, 1, 1, FILE, file, 32, "em", 1.0)
    next(steps)
    assert not fits
    next(steps)
    assert first.wait(10)
    steps.close()
    assert ended.wait(10) and fits


def test_the_button_is_there_where_pictures_are_apart(small: Comparison, upload: Upload) -> None:
    apart = upload("apart.safetensors", pictures_bytes(made()))
    added = upload("added.safetensors", statistics_bytes(made().total))
    assert small.table is not None
    released = upload("weight_x_A_B_C_b32_rgb.pth", published_bytes(small.table))
    for source, file, can in (
        *((SAMPLE, None, True), (FILE, apart, True)),
        *((FILE, None, False), (FILE, added, False), (FILE, released, False)),
        *((OWN_TRUTH, None, False), (NONE, None, False)),
    ):
        button, stop, note = on_choosable(source, file)
        assert button["interactive"] is can and not stop["visible"]
        assert on_ended(source, file) == (button, stop)
        assert (HELP if can else NOT_APART) in note
