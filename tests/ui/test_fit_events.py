import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import torch

from ensir.comparison import Comparison
from ensir.errors import Cancelled
from ensir.judged_fit import HELD_OUT, JudgedFit
from ensir.methods import Choices
from ensir.palettes import ORIGIN_COLOURS
from ensir.progress import IsCancelled, OnProgress
from ensir.reference_set import ReferencePictures
from ensir.statistics_files import read_pictures
from ensir.table_files import read_table
from ensir.ui import fit_events
from ensir.ui.events import OWN
from ensir.ui.fit_events import (
    FUSE_TAB,
    on_chosen,
    on_fit,
    on_fit_again,
    on_use,
    on_zip,
    released_file,
    statistics_file,
    table_file,
)
from ensir.ui.reference import FILE
from tests.zips import NAMES, reference_files, zip_of

pytestmark = pytest.mark.filterwarnings("default")

Upload = Callable[[str, bytes], str]
FILES = reference_files()
FIT, FITTED, LAYOUT, GROUP, VERDICT, SCORES, CELLS = range(7)  # the places of on_fit's outputs


@pytest.fixture
def rain(upload: Upload) -> str:
    return upload("rain.zip", zip_of(FILES))


def fitted(path: str, models: list[str], *choices: Any, told: Any = None) -> tuple[object, ...]:  # noqa: ANN401
    """What the button leads to."""
    progress = told or (lambda *_, **__: None)
    *_, last = on_fit(path, models, *(choices or (32, "em", 1)), progress)
    return last


@pytest.fixture
def fit(rain: str) -> JudgedFit:
    done = fitted(rain, list(NAMES))[FIT]
    assert isinstance(done, JudgedFit)
    return done


def test_what_is_in_a_zip_is_said_and_its_models_are_offered(rain: str) -> None:
    found, models, run = on_zip(rain)
    assert "4 pictures with ground truth, 48 × 40 (1)" in found["value"]
    assert "3 models" in found["value"] and found["visible"]
    assert models["choices"] == models["value"] == list(NAMES) and models["visible"]
    assert run["interactive"]


def test_what_is_left_out_is_said(upload: Upload) -> None:
    files = {path: data for path, data in FILES.items() if path != "Bob/x1.png"}
    found, models, _ = on_zip(upload("x.zip", zip_of({**files, "lq/x0.png": FILES["gt/x0.png"]})))
    assert "Bob is left out: Bob lacks x1 (1 of 4)" in found["value"]
    assert "lq, what the models were given, is not needed" in found["value"]
    assert models["choices"] == ["Ann", "Cyd"]


def test_a_bad_zip_stays_in_sight_as_a_sentence_and_offers_nothing(upload: Upload) -> None:
    found, models, run = on_zip(upload("<b>.zip", zip_of({"<i>/0.png": b"", "x/0.png": b""})))
    assert 'role="alert"' in found["value"]
    assert "&lt;b&gt;.zip has no folder gt" in found["value"] and "<i>" not in found["value"]
    assert models["choices"] == [] and not models["visible"] and not run["interactive"]
    found, models, run = on_zip(None)
    assert not found["visible"] and not models["visible"] and not run["interactive"]


def test_the_button_fits_and_shows_what_is_held_out(rain: str) -> None:
    done = fitted(rain, ["Cyd", "Ann"])  # in the order of a visitor's clicks
    fit = done[FIT]
    assert isinstance(fit, JudgedFit) and fit.table.candidate_names == ("Ann", "Cyd")
    assert done[FITTED] == rain
    assert not done[LAYOUT]["visible"] and done[GROUP]["visible"]
    assert fit.verdict in done[VERDICT]
    scores = done[SCORES]
    assert "rain: bins of 32 levels, em, trust 1" in scores
    assert scores.index(HELD_OUT) < scores.index(">average<") < scores.index(">Ann<")
    for name, values in fit.psnr.items():
        assert f"<td>{fit.mean_psnr[name]:.2f}</td>" in scores
        assert all(f"<td>{value:.2f}</td>" in scores for value in values)
    cells = fit.cells
    assert f"{cells.fitted:,} fitted" in done[CELLS] and f"{cells.empty:,} no pixel" in done[CELLS]
    shown = re.findall(r"flex-grow: (\d+); background: (#\w+)", done[CELLS])
    counts = (cells.fitted, cells.prior, cells.empty)
    assert shown == list(zip(map(str, counts), ORIGIN_COLOURS, strict=True))


def test_a_single_picture_has_no_column_that_misleads(upload: Upload) -> None:
    done = fitted(upload("one.zip", zip_of(reference_files(1))), list(NAMES))
    assert HELD_OUT not in done[SCORES] and "over average" not in done[SCORES]
    assert "cannot be left out" in done[VERDICT]


def test_progress_is_said_by_picture(rain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*given: Any) -> JudgedFit:  # noqa: ANN401
        for done in range(1, 9):
            given[-2](done, 8)
            time.sleep(0.15)
        return fit_reference_set(*given)

    fit_reference_set = fit_events.fit_reference_set
    monkeypatch.setattr(fit_events, "fit_reference_set", slow)
    told: list[tuple[tuple[int, int], str]] = []
    fitted(rain, list(NAMES), told=lambda step, desc, unit: told.append((step, desc)))
    assert {words for _, words in told} == {"Reading", "Fitting without each"}
    assert all(total == 4 and 0 <= done < 4 for (done, total), _ in told)


def test_a_stop_ends_the_work(rain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = threading.Event(), threading.Event()

    def endless(*given: Any) -> JudgedFit:  # noqa: ANN401
        report: OnProgress = given[-2]
        cancelled: IsCancelled = given[-1]
        begun.set()
        while not cancelled():
            report(1, 8)
            time.sleep(0.01)
        ended.set()
        raise Cancelled

    monkeypatch.setattr(fit_events, "fit_reference_set", endless)
    steps = on_fit(rain, list(NAMES), 32, "em", 1, lambda *_, **__: None)
    next(steps)
    assert not begun.is_set()
    next(steps)
    assert begun.wait(10)
    steps.close()
    assert ended.wait(10)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"models": ["Ann"]}, "two or more candidates are needed to fuse, got 1"),
        ({"models": None}, "two or more candidates are needed to fuse, got 0"),
        ({"models": ["Ann", "gt"]}, "'gt' is no model of this reference set"),
        ({"models": [["Ann"], "Bob"]}, "['Ann'] is no model of this reference set"),
        ({"path": None}, "no reference set yet"),
        ({"method": "magic"}, "a method is em, published or least-squares"),
        ({"trust": "much"}, "trust is a number from 0 to 1"),
        ({"bin_width": 12}, "bins of width 8 join to multiples of 8 only"),
    ],
)
def test_what_cannot_be_fitted_is_a_sentence(
    rain: str, given: dict[str, Any], sentence: str
) -> None:
    good = {"path": rain, "models": list(NAMES), "bin_width": 32, "method": "em", "trust": 1}
    values = {**good, **given}
    with pytest.raises(gr.Error) as caught:
        fitted(values["path"], values["models"], *(values[it] for it in list(good)[2:]))
    assert sentence in caught.value.message


def test_other_choices_fit_the_same_statistics_again(fit: JudgedFit, rain: str) -> None:
    Path(rain).unlink()  # nothing is read again
    *_, last = on_fit_again(fit, 64, "least-squares", 0.5, lambda *_, **__: None)
    again = last[FIT]
    assert isinstance(again, JudgedFit) and again.pictures is fit.pictures
    assert (again.bin_width, again.choices) == (64, Choices("least-squares", trust=0.5))
    assert last[FITTED] == gr.skip()
    assert "bins of 64 levels, least-squares, trust 0.5" in last[SCORES]


def test_choices_before_the_first_fit_change_nothing() -> None:
    assert list(on_fit_again(None, 64, "em", 1, lambda *_, **__: None)) == [gr.skip()]


def test_other_models_and_another_set_wait_for_the_button(fit: JudgedFit) -> None:
    assert "Other models" in on_chosen(fit, "rain.zip", "rain.zip", ["Ann", "Bob"])
    assert "Another reference set" in on_chosen(fit, "rain.zip", "snow.zip", list(NAMES))
    for nothing in (
        on_chosen(fit, "rain.zip", "rain.zip", ["Cyd", "Ann", "Bob"]),
        on_chosen(None, None, "rain.zip", ["Ann"]),
        on_chosen(fit, "rain.zip", None, []),
        on_chosen(fit, "rain.zip", "bad.zip", []),
    ):
        assert nothing == ""


def test_statistics_of_other_models_wait_for_candidates_in_the_first_tab(
    fit: JudgedFit, small: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gr, "Info", lambda *_, **__: None)
    tab, start, truth, source, file, width, method, trust, inputs, note = on_use(fit, small, 3, 3)
    assert tab["selected"] == FUSE_TAB and (start, truth, source) == (OWN, None, FILE)
    assert on_use(fit, small, 4, 3)[2] == gr.skip()  # that of candidates which wait already stays
    assert (width, method, trust, inputs) == (32, "em", 1.0, 4)
    assert "Statistics of Ann, Bob, Cyd are in place. Bring a picture" in note
    assert read_pictures(file["value"]).total.candidate_names == NAMES


def test_statistics_of_the_models_there_serve_at_once(
    fit: JudgedFit, small: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gr, "Info", lambda *_, **__: None)
    renamed = [replace(part, candidate_names=tuple("ABC")) for part in fit.pictures.parts]
    pictures = ReferencePictures(fit.pictures.names, tuple(renamed))
    table = replace(fit.table, candidate_names=tuple("ABC"))
    mine = replace(fit, pictures=pictures, table=table)
    _, start, truth, *_, inputs, note = on_use(mine, small, 3, 3)
    assert start == truth == gr.skip() and inputs == 3 and "Bring" not in note


def test_files_hold_what_was_fitted(fit: JudgedFit) -> None:
    table = read_table(table_file(fit))
    assert table.candidate_names == NAMES and torch.equal(table.weights, fit.table.weights)
    found = read_pictures(statistics_file(fit))
    assert found.names == fit.pictures.names
    released = read_table(released_file(fit), NAMES)
    assert torch.allclose(released.weights, fit.table.weights, atol=1e-6)


@pytest.mark.parametrize("make", [table_file, statistics_file, released_file])
def test_nothing_can_be_downloaded_before_a_fit(make: Callable[[None], str]) -> None:
    with pytest.raises(gr.Error, match="nothing is fitted yet"):
        make(None)
