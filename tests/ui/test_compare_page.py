from collections.abc import Iterator
from inspect import Parameter, signature
from typing import Any

import gradio as gr
import pytest

from ensir.comparison import Comparison
from ensir.ui import events, inspecting
from ensir.ui.app import WAITING, build_app
from ensir.ui.compare_page import _shown_fields, _shown_groups
from ensir.ui.events import OWN, RESTORE, WORKSPACE
from ensir.ui.reference import FILE, OWN_TRUTH, SAMPLE

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def app() -> Iterator[gr.Blocks]:
    app = build_app()
    yield app
    app.close()


@pytest.fixture(scope="module")
def blocks(app: gr.Blocks) -> list[Any]:
    return list(app.blocks.values())


def wired(app: gr.Blocks, name: str) -> list[Any]:
    """The events that call a function of this name."""
    found = [event for event in app.fns.values() if event.name == name]
    assert found, name
    return found


def is_of_comparison(state: gr.State) -> bool:
    """Whether a state begins with a comparison."""
    return callable(state.value) and isinstance(state.value(), Comparison)


def test_every_component_that_shows_pictures_is_lossless(blocks: list[Any]) -> None:
    formats = {
        f"{type(block).__name__} {block.elem_id}": block.format
        for block in blocks
        if hasattr(block, "format")
    }
    assert set(formats.values()) == {"png"}
    # Two inputs, the examples, and the galleries of maps, candidates and bin sets; the viewer
    # shows files as they are.
    assert len(formats) >= 6


def test_every_file_field_is_one_of_ours(blocks: list[Any]) -> None:
    takes_files = [
        block
        for block in blocks
        if isinstance(block, gr.Image | gr.ImageSlider | gr.Gallery | gr.File | gr.UploadButton)
        and getattr(block, "interactive", None) is not False
    ]
    ids = {block.elem_id for block in takes_files}
    assert {"picture", "own-candidates", "truth", "table-file", "fit-zip"} <= ids
    assert all(type(block).__module__ == "ensir.ui.inputs" for block in takes_files)


def test_the_opened_comparison_is_kept_while_the_page_is_open(blocks: list[Any]) -> None:
    # Gradio puts the first value, the example, in the place of a state that expired.
    states = [block for block in blocks if isinstance(block, gr.State)]
    assert len([state for state in states if is_of_comparison(state)]) == 1
    assert all(state.time_to_live in (None, float("inf")) for state in states)


HANDLERS = [
    *(name for name in vars(events) if name.startswith("on_")),
    *(name for name in vars(inspecting) if name.startswith("on_")),
]


@pytest.mark.parametrize("name", HANDLERS)
def test_every_handler_is_wired_with_as_many_values_as_it_takes(app: gr.Blocks, name: str) -> None:
    handler = getattr(events, name, None) or getattr(inspecting, name)
    parameters = signature(handler).parameters.values()
    filled_by_gradio = {"gr.EventData", "gr.SelectData", "gr.Progress"}
    plain = [it for it in parameters if str(it.annotation) not in filled_by_gradio]
    named = [it for it in plain if it.kind != Parameter.VAR_POSITIONAL]
    for event in wired(app, name):
        if len(named) == len(plain):
            assert len(event.inputs) == len(named)
        else:  # the weights and the view, as a run takes them
            assert len(event.inputs) == len(named) + (7 if name == "on_viewed" else 13)


def test_what_the_page_settles_after_a_run_is_of_the_fields_it_names(app: gr.Blocks) -> None:
    for event in wired(app, "on_settled"):
        _, _, _, _, drawn, truth = event.inputs[:6]
        assert drawn is event.outputs[16] and truth.elem_id == "truth"


def test_eight_views_leave_the_ground_truth_alone(app: gr.Blocks, blocks: list[Any]) -> None:
    (ticked,) = wired(app, "on_eightfold")
    (eightfold,) = (block for block in blocks if block.elem_id == "eightfold")
    assert ticked.targets == [(eightfold._id, "input")]
    assert [it.elem_id for it in ticked.outputs] == [None, None, "note"]
    for event in wired(app, "on_new_input"):
        assert (eightfold._id, "input") not in event.targets
        assert event.inputs == ticked.inputs and ticked.outputs[1] is event.inputs[2]
        assert [it.elem_id for it in event.outputs] == [None, "truth", "note"]


def test_what_shows_another_value_in_the_viewer_has_ended_when_a_run_settles(
    app: gr.Blocks,
) -> None:
    for name in ("on_want", "on_inspect", "on_map_look", "on_bin_set", "on_cell", "on_settled"):
        for event in wired(app, name):
            assert "viewer" in [it.elem_id for it in event.outputs]
            assert event.concurrency_id == "result" and event.concurrency_limit in (1, "default")


def test_a_choice_that_comes_while_the_one_before_is_under_way_counts(app: gr.Blocks) -> None:
    modes = {"on_method": "always_last", "on_tab": "multiple"}
    for name, mode in modes.items():
        assert {event.trigger_mode for event in wired(app, name)} == {mode}


def test_a_task_is_counted_before_its_base_models_are_offered(
    app: gr.Blocks, blocks: list[Any]
) -> None:
    (task,) = (block for block in blocks if block.elem_id == "task")
    (counted,) = (it for it in wired(app, "on_new_input") if it.targets == [(task._id, "input")])
    (offering,) = wired(app, "on_task")
    assert counted.trigger_mode == offering.trigger_mode == "always_last"
    assert offering.trigger_after == counted._id


def test_what_a_new_result_changes_goes_to_where_it_belongs(app: gr.Blocks) -> None:
    """In the order of `events.fused_outputs`; on_run adds three, on_refit the candidates."""
    expected = [
        *(None, "viewer", None, "map-kind", "maps", "map-legend", "scores", "note"),
        *(None, None, "pixel-table", "sentence", "histogram", "changed"),
        *("sort-by", "bin-sets-help", None),
    ]
    for name, more in (
        *(("on_run", ["candidates", None, None]), ("on_viewed", [])),
        *((name, ["candidates"]) for name in ("on_refit", "on_settled", "on_truth")),
    ):
        for event in wired(app, name):
            outputs = event.outputs
            assert [it.elem_id for it in outputs] == [*expected, *more]
            assert [outputs[place].label for place in (8, 9)] == ["x", "y"]
            assert is_of_comparison(outputs[0])
            assert all(isinstance(outputs[place], gr.State) for place in (0, 2, 16))
            assert all(isinstance(it, gr.State) for it in outputs[18:])


def test_what_is_looked_at_goes_to_where_it_belongs(app: gr.Blocks) -> None:
    inspected = ["pixel-table", "sentence", "histogram"]
    for name, expected in (
        ("on_want", ["viewer"]),
        ("on_pick", [None, None, *inspected, "changed"]),
        ("on_inspect", ["viewer", *inspected, "changed"]),
        ("on_channel", [*inspected, "changed"]),
        ("on_replay", ["em-replay", "lut-explorer", None]),
        ("on_changed", inspected),
        ("on_maps", ["maps", "map-legend"]),
        ("on_map_look", ["maps", "map-legend", "viewer"]),
        ("on_list", ["bin-sets", None]),
        ("on_bin_set", ["viewer", None, None, None, *inspected, "changed"]),
    ):
        for event in wired(app, name):
            assert [it.elem_id for it in event.outputs] == expected
            assert is_of_comparison(event.inputs[0])
            assert event.show_progress == "hidden"  # no veil over what is looked at


def test_what_a_tab_shows_is_filled_when_it_is_opened_and_then_kept_up(app: gr.Blocks) -> None:
    (opening,), (listing,), (replay,) = (
        wired(app, name) for name in ("on_tab", "on_list", "on_replay")
    )
    (tab,) = opening.outputs
    assert [event for _, event in opening.targets] == ["select"]
    assert tab in listing.inputs and tab in replay.inputs
    assert {(listing.inputs[0]._id, "change"), (tab._id, "change")} <= {*listing.targets}
    assert {(replay.inputs[0]._id, "change"), (tab._id, "change")} <= {*replay.targets}


def test_nothing_of_the_page_is_offered_as_an_api(app: gr.Blocks) -> None:
    for name in HANDLERS:
        assert all(event.api_visibility == "private" for event in wired(app, name))


def test_the_choice_of_start_shows_its_fields_and_names_the_button() -> None:
    for start, label in ((RESTORE, "Restore and fuse"), (OWN, "Fuse")):
        *groups, run, run_row, crop, truth = _shown_groups(start)
        assert [it["visible"] for it in groups] == [start == RESTORE, start == OWN, False]
        assert run["value"] == label
        assert all(it["visible"] for it in (run_row, crop, truth))


def test_a_workspace_needs_no_button() -> None:
    *groups, _, run_row, crop, truth = _shown_groups(WORKSPACE)
    assert [it["visible"] for it in (*groups, run_row, crop, truth)] == [
        *(False, False, True),
        *(False, False, False),
    ]


def test_a_workspace_and_a_link_fill_what_a_run_does_and_the_fields(app: gr.Blocks) -> None:
    (run, *_) = wired(app, "on_run")
    settings = ["task", "strength", "degrade", "restorers", "eightfold", "source", "bin-width"]
    settings += ["method", "trust", "soft", "map-channel", "map-opacity"]
    filled = len(run.outputs)
    (opened,) = wired(app, "on_open")
    assert opened.outputs[:filled] == run.outputs
    assert [it.elem_id for it in opened.outputs[filled:]] == [
        *("start", "picture", "truth", "own-candidates", "workspace", "table-file", "channel"),
        *settings,
    ]
    (linked,) = wired(app, "on_linked")
    assert linked.outputs[:filled] == run.outputs
    assert [it.elem_id for it in linked.outputs[filled:]] == ["channel"]
    (arrived,) = wired(app, "on_arrive")
    assert [it.elem_id for it in arrived.outputs] == [
        *(None, "link-note", "note", None, "start", "picture", "truth"),
        *("map-kind", None, None, "sort-by", *settings),
    ]
    assert arrived.queue is not False  # else the page would not hear of the link
    assert arrived.outputs[0] is linked.inputs[0]


def test_a_workspace_and_a_link_keep_what_the_page_has(app: gr.Blocks) -> None:
    (run, *_) = wired(app, "on_run")
    (copied,), (saved,) = wired(app, "on_copy"), wired(app, "workspace_file")
    weights_and_view = copied.inputs[5:]
    assert [it.elem_id for it in copied.inputs[:5]] == [
        *("picture", "task", "strength", "restorers", "eightfold")
    ]
    assert weights_and_view == run.inputs[-1 - len(weights_and_view) : -1]
    assert is_of_comparison(saved.inputs[0])
    assert isinstance(saved.inputs[1], gr.Textbox) and not saved.inputs[1].visible
    assert saved.js and "look()" in saved.js  # which fills it
    assert saved.inputs[2:] == copied.inputs[1:]


def test_what_makes_a_result_is_looked_at_as_was_chosen_meanwhile(app: gr.Blocks) -> None:
    viewed = {event.trigger_after for event in wired(app, "on_viewed")}
    for name in ("on_refit", "on_settled", "on_truth"):
        assert {event._id for event in wired(app, name)} <= viewed
    runs = {event._id for name in ("on_run", "on_linked") for event in wired(app, name)}
    assert runs == {event.trigger_after for event in wired(app, "on_settled")}


def test_another_result_ends_the_choosing_before_it_is_made(app: gr.Blocks) -> None:
    (job,) = wired(app, "on_choose")
    ending = [event for event in app.fns.values() if job._id in event.cancels]
    (ends,) = [event for event in ending if len(event.targets) > 1]  # the other one is its stop
    for name in ("on_run", "on_example", "on_open", "on_linked"):
        for event in wired(app, name):
            if event.trigger_after is None:  # an example is run after it was taken
                assert set(event.targets) <= set(ends.targets)
                assert ends._id < event._id  # the page sends them in this order


def test_a_workspace_that_is_refused_leaves_its_field(app: gr.Blocks) -> None:
    (opened,) = wired(app, "on_open")
    after = [event for event in app.fns.values() if event.trigger_after == opened._id]
    (after,) = [event for event in after if event.trigger_only_on_failure]
    assert after.fn() is None
    assert [it.elem_id for it in after.outputs] == ["workspace"]


def test_the_choice_of_weights_shows_the_field_they_need() -> None:
    assert _shown_fields(FILE)[0]["visible"]
    assert not _shown_fields(SAMPLE)[0]["visible"]
    assert _shown_fields(OWN_TRUTH)[1]["open"]


def test_the_queue_is_as_long_as_was_asked_for(app: gr.Blocks) -> None:
    assert app._queue.max_size == WAITING
    assert {event.concurrency_limit for event in app.fns.values()} <= {"default", 1, None}
    assert app._queue.default_concurrency_limit == 1
