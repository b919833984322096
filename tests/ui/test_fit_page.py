from collections.abc import Iterator
from inspect import signature
from typing import Any

import gradio as gr
import pytest

from ensir.automatic import BIN_WIDTH, NARROWEST
from ensir.methods import METHODS
from ensir.ui.app import build_app
from ensir.ui.fit_events import DOWNLOADS, FUSE_TAB, on_fit, on_fit_again

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def app() -> Iterator[gr.Blocks]:
    app = build_app()
    yield app
    app.close()


def named(app: gr.Blocks, elem_id: str) -> Any:  # noqa: ANN401
    (found,) = [block for block in app.blocks.values() if block.elem_id == elem_id]
    return found


def events(app: gr.Blocks, name: str) -> list[Any]:
    found = [event for event in app.fns.values() if event.name == name]
    assert found, name
    return found


def test_the_tab_stands_between_the_others(app: gr.Blocks) -> None:
    tabs = [block for block in app.blocks.values() if isinstance(block, gr.Tab)]
    pages = [tab.label for tab in tabs if tab.parent is named(app, "pages")]
    assert pages == ["Fuse and inspect", "Fit", "Learn"]
    assert next(tab for tab in tabs if tab.label == pages[0]).id == FUSE_TAB


def test_it_opens_with_how_a_zip_is_laid_out_and_nothing_to_press(app: gr.Blocks) -> None:
    assert "gt/" in named(app, "fit-layout").value
    assert not named(app, "run-fit").interactive and not named(app, "stop-fit").interactive
    assert not named(app, "fit-models").visible
    assert named(app, "fit-zip").file_types == [".zip"]
    assert type(named(app, "fit-zip")).__module__ == "ensir.ui.inputs"


def test_choices_are_those_of_the_engine(app: gr.Blocks) -> None:
    width = named(app, "fit-bin-width")
    assert (width.value, width.minimum, width.step) == (BIN_WIDTH, NARROWEST, NARROWEST)
    method = named(app, "fit-method")
    assert [value for _, value in method.choices] == list(METHODS)
    assert named(app, "fit-trust").value == METHODS[method.value].trust


@pytest.mark.parametrize("event", [on_fit, on_fit_again])
def test_events_take_the_fields_that_the_tab_has(app: gr.Blocks, event: Any) -> None:  # noqa: ANN401
    wanted = [name for name in signature(event).parameters if name != "progress"]
    for wired in events(app, event.__name__):
        assert len(wired.inputs) == len(wanted)
        fields = [named(app, f"fit-{name}") for name in ("bin-width", "method", "trust")]
        assert wired.inputs[-3:] == fields


def test_of_methods_chosen_in_a_row_the_last_one_counts(app: gr.Blocks) -> None:
    method = named(app, "fit-method")
    (chosen,) = [
        event for event in events(app, "on_method") if (method._id, "input") in event.targets
    ]
    assert chosen.trigger_mode == "always_last"


def test_a_fit_and_what_follows_can_be_stopped(app: gr.Blocks) -> None:
    stop = named(app, "stop-fit")
    (pressed,) = [
        event
        for event in app.fns.values()
        if event.cancels and (stop._id, "click") in event.targets
    ]
    jobs = {event._id for name in ("on_fit", "on_fit_again") for event in events(app, name)}
    assert jobs <= set(pressed.cancels)


def test_every_fit_and_choice_says_what_waits_for_the_button(app: gr.Blocks) -> None:
    said = events(app, "on_chosen")
    assert all(event.outputs == [named(app, "fit-note")] for event in said)
    after = {event.trigger_after for event in said}
    for name in ("on_zip", "on_fit", "on_fit_again"):
        assert {event._id for event in events(app, name)} <= after
    models = named(app, "fit-models")
    assert (models._id, "input") in [target for event in said for target in event.targets]


def test_every_file_has_a_button_of_its_own(app: gr.Blocks) -> None:
    labels = [block.value for block in app.blocks.values() if isinstance(block, gr.Button)]
    assert all(labels.count(label) >= 1 for label in DOWNLOADS)
