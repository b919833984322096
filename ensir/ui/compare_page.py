"""The page: a picture or candidates in; candidates, fusion, weight maps and one pixel's why out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, wraps

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from ensir.ui import views
from ensir.ui.base_models import ONE_AT_A_TIME
from ensir.ui.choosing import wire_choosing
from ensir.ui.downloads import (
    DOWNLOADS,
    MAPS_LABEL,
    WORKSPACE_LABEL,
    maps_file,
    workspace_file,
)
from ensir.ui.errors import say_input_errors
from ensir.ui.events import (
    OWN,
    WORKSPACE,
    on_begin,
    on_degrade,
    on_estimate,
    on_example,
    on_method,
    on_new_input,
    on_picture,
    on_refit,
    on_run,
    on_settled,
    on_task,
    on_truth,
    on_viewed,
    on_waiting,
)
from ensir.ui.example import example, page_is_open
from ensir.ui.inputs_panel import Inputs, inputs_panel
from ensir.ui.inspecting import (
    on_bin_set,
    on_cell,
    on_changed,
    on_channel,
    on_inspect,
    on_map_look,
    on_maps,
    on_pick,
    on_replay,
    on_sort,
    on_want,
)
from ensir.ui.jobs import at_end, wire_stop
from ensir.ui.links import COPY, LABEL_AGAIN, on_arrive, on_copy, on_linked
from ensir.ui.reference import FILE, OWN_TRUTH
from ensir.ui.results_panel import GREEN, Results, results_panel
from ensir.ui.sight import progress_script, result_script
from ensir.ui.workspace import on_open

# Gradio's own button downloads what it held before the click.
HAND_OVER = """
file => {
  const link = document.createElement("a");
  link.href = file.url;
  link.download = file.orig_name;
  document.body.append(link);
  link.click();
  link.remove();
}
"""
# How the viewer is looked into is known to the page alone.
TELL_LOOK = """
(comparison, _, ...settings) => {
  const viewer = document.querySelector("#viewer .viewer");
  return [comparison, JSON.stringify(viewer.look()), ...settings];
}
"""
# What is quick leaves the page as it is: no veil over what the visitor looks at.
QUICK = {"trigger_mode": "always_last", "show_progress": "hidden"}
# Of events that say what was clicked, Gradio would send the first one's word with a later one too.
EACH = {"trigger_mode": "multiple"}
# What shows another value in the viewer waits for what makes a new result, and sees that.
SHOWN = {**QUICK, "concurrency_id": "result"}


@dataclass(frozen=True)
class Page:
    """What other tabs need of this one, to bring it weights of theirs."""

    app: gr.Blocks
    comparison: gr.State  # what is looked at
    inputs: Inputs
    given: gr.State  # counts inputs: those that were not fused yet wait for the button
    fused_inputs: gr.State  # the count when they were fused last
    refit_after: Callable[[Callable[..., Dependency]], None]  # an event, such as `button.click`


def compare_page(app: gr.Blocks) -> Page:
    """Lays out the page inside the app being built, and wires its events."""
    opened = example()
    # No time to live: it would put the example in the place of a comparison still looked at.
    # Gradio frees it an hour after the tab is closed.
    comparison = gr.State(opened)
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            inputs = inputs_panel(opened)
        with gr.Column(scale=3, min_width=320):
            results = results_panel(opened, comparison)
    highlight = gr.State(None)  # the path of the mask of a bin set
    numbers = gr.State(tuple(it.number for it in views.listed_bin_sets(opened, GREEN)))
    _wire_inputs(inputs)
    fusing = _wire_fusing(app, inputs, results, comparison, highlight, numbers)
    _wire_inspecting(results, comparison, highlight, numbers)
    _wire_downloads(results, comparison)
    _wire_keeping(inputs, results, comparison)
    return Page(app, comparison, inputs, *fusing)


def _wire_inputs(inputs: Inputs) -> None:
    """What changes the left column alone."""
    task, picture, degrade = inputs.task, inputs.picture, inputs.degrade
    of_task = [inputs.restorers, inputs.strength, degrade]
    task.input(on_task, [task, picture, degrade], of_task, queue=False)
    degrade.change(on_degrade, [task, degrade], inputs.strength, queue=False)
    gr.on(
        [picture.upload, picture.clear],
        on_picture,
        [task, picture, inputs.restorers],
        inputs.restorers,
        queue=False,
    )
    gr.on(
        [picture.change, inputs.restorers.change, inputs.eightfold.input],
        on_estimate,
        [picture, inputs.restorers, inputs.eightfold],
        inputs.estimate,
        queue=False,
        show_progress="hidden",
        trigger_mode="always_last",
    )
    groups = [inputs.restore_group, inputs.own_group, inputs.workspace_group]
    groups += [inputs.run, inputs.run_row, inputs.crop, inputs.truth_panel]
    inputs.start.change(_shown_groups, inputs.start, groups, queue=False)
    fields = [inputs.file, inputs.truth_panel]
    inputs.source.change(_shown_fields, inputs.source, fields, queue=False)


def _wire_fusing(
    app: gr.Blocks,
    inputs: Inputs,
    results: Results,
    comparison: gr.State,
    highlight: gr.State,
    numbers: gr.State,
) -> tuple[gr.State, gr.State, Callable[[Callable[..., Dependency]], None]]:
    """What makes a new result.

    Returns the counts of inputs, and what lets an event fuse again with other weights.
    """
    # Inputs are counted: those that were not fused yet wait for the button.
    given, fused_inputs = gr.State(0), gr.State(0)
    pressed = gr.State(0)  # the count when the button was pressed last
    ran = gr.State(None)  # what the last run came to
    drawn = gr.State(None)  # the view that the result was drawn in
    fused = [
        *(comparison, results.viewer, highlight),
        *(results.map_kind, results.maps, results.map_legend),
        *(results.score_table, inputs.note, results.x, results.y, *results.inspected),
        *(results.changed, results.bin_sets, numbers, results.sort_by, results.bin_sets_help),
        drawn,
    ]
    weights_and_view = [*inputs.weights, *results.view]
    for event in (
        *(inputs.picture.upload, inputs.picture.clear, inputs.own_files.upload),
        inputs.degrade.input,
        *(inputs.strength.input, inputs.task.input, inputs.eightfold.input),
    ):
        event(on_new_input, [given, fused_inputs], [given, inputs.truth, inputs.note], queue=False)
    refitted = {
        "outputs": [*fused, results.candidates],
        "show_progress_on": [inputs.note],
        "concurrency_id": "result",
    }

    def looked_at(result: Dependency) -> None:
        """What was chosen to be looked at while the result was made is looked at."""
        result.success(on_viewed, [comparison, drawn, *results.view], fused, **SHOWN)

    there = [comparison, given, fused_inputs]

    def refit(event: Callable[..., Dependency]) -> None:
        options = {"trigger_mode": "always_last", "show_progress": "minimal", **refitted}
        looked_at(event(on_refit, [*there, *weights_and_view], **options))

    weights = [inputs.bin_width.input, inputs.trust.input, inputs.soft.input]
    refit(partial(gr.on, [*weights, inputs.source.select, inputs.file.upload]))
    refit(inputs.method.input(on_method, inputs.method, inputs.trust, queue=False).then)
    looked_at(
        inputs.truth.upload(
            on_truth,
            [*there, inputs.truth, *weights_and_view],
            trigger_mode="always_last",
            show_progress="minimal",
            **refitted,
        )
    )
    link = gr.State(None)  # what an address asks for
    # Before the runs: the page sends the events of one click one after the other, each when the
    # one before has ended.
    wire_choosing(inputs, comparison, given, fused_inputs, link, refit)
    taken = inputs.examples.select(
        on_example,
        [inputs.task, inputs.strength, given],
        [inputs.start, inputs.picture, inputs.truth, inputs.degrade, given, inputs.note],
        **{**QUICK, **EACH},
    )
    running = {"show_progress_on": [inputs.note], "concurrency_id": ONE_AT_A_TIME}
    made = [*fused, results.candidates, fused_inputs, ran]
    jobs = []
    for begin, mode, button in (
        (inputs.run.click, "once", "run"),
        (taken.success, "always_last", "examples"),
    ):
        begin(None, js=progress_script("note", button, "viewer"))
        about = [inputs.start, inputs.picture, inputs.degrade, given]
        begin(on_begin, about, [inputs.stop, inputs.truth, pressed], queue=False)
        to_run = [*inputs.to_run, pressed, *weights_and_view, comparison]
        jobs.append(begin(on_run, to_run, made, trigger_mode=mode, **running))
        jobs[-1].success(None, js=result_script("viewer", "run"))
    # A link is a run of its own, and shows the channel that it names.
    chosen = _chosen(inputs, results)
    app.load(
        _on_arrive,
        given,
        [
            *(link, inputs.link_note, inputs.note, given),
            *(inputs.start, inputs.picture, inputs.truth),
            *(results.map_kind, results.x, results.y, results.sort_by, *chosen),
        ],
        show_progress="hidden",  # and queued: only then the page hears that the link has changed
    )
    link.change(lambda: gr.update(interactive=True), None, inputs.stop, queue=False)
    linked = [link, inputs.picture, inputs.truth, given]
    jobs.append(link.change(on_linked, linked, [*made, results.channel], **running))
    for job in jobs:
        settled = job.success(
            on_settled,
            [*there, ran, *weights_and_view],
            show_progress="hidden",
            **refitted,
        )
        looked_at(settled)
        job.success(on_waiting, [given, fused_inputs], inputs.note, queue=False)
    wire_stop(app, inputs.stop, jobs)
    opened = inputs.workspace.upload(
        on_open,
        [inputs.workspace, given],
        [
            *(*made, inputs.start, inputs.picture, inputs.truth, inputs.own_files),
            *(inputs.workspace, inputs.file, results.channel, *chosen),
        ],
        show_progress_on=[inputs.note],
        concurrency_id="result",
        cancels=jobs,
    )
    opened.success(None, js=result_script("viewer", "start"))
    opened.failure(lambda: None, None, inputs.workspace, queue=False)  # for another one
    return given, fused_inputs, refit


def _wire_inspecting(
    results: Results, comparison: gr.State, highlight: gr.State, numbers: gr.State
) -> None:
    """What looks at the result there is."""
    x, y, channel = results.x, results.y, results.channel
    map_look = [results.map_channel, results.map_opacity]
    inspected = [*results.inspected, results.changed]
    results.viewer.want(on_want, [comparison, *map_look, x, y, highlight], results.viewer, **SHOWN)
    results.viewer.pick(on_pick, [comparison, channel], [x, y, *inspected], **QUICK)
    gr.on(
        [x.submit, y.submit, x.blur, y.blur],
        on_inspect,
        [comparison, *map_look, x, y, channel, highlight, results.pixel_table],
        [results.viewer, *inspected],
        **SHOWN,
    )
    # Also when a bin set of another channel was chosen in the table.
    channel.change(
        on_channel,
        [comparison, x, y, channel, results.sort_by],
        [*inspected, results.bin_sets, numbers],
        **QUICK,
    )
    # Not `input`: Gradio sends that whenever a list is left, and what has the focus is drawn anew.
    results.sort_by.select(
        on_sort, [comparison, channel, results.sort_by], [results.bin_sets, numbers], **QUICK
    )
    gr.on(
        [results.changed.select, results.changed_value.input],
        on_changed,
        [comparison, x, y, channel, results.changed, results.changed_value],
        results.inspected,
        **QUICK,
    )
    maps = [results.maps, results.map_legend]
    results.map_kind.select(on_maps, [comparison, results.map_kind, *map_look], maps, **QUICK)
    gr.on(
        [results.map_channel.input, results.map_opacity.input],
        on_map_look,
        [comparison, results.map_kind, *map_look, x, y, highlight],
        [*maps, results.viewer],
        **SHOWN,
    )
    results.bin_sets.select(
        on_bin_set,
        [comparison, channel, *map_look, numbers],
        [results.viewer, highlight, x, y, *inspected],
        **{**SHOWN, **EACH},
    )
    results.explorer.pick(
        on_cell,
        [comparison, *map_look],
        [results.viewer, highlight, x, y, channel, *inspected],
        **{**SHOWN, **EACH},
    )
    results.histogram.change(
        on_replay, [comparison, x, y, channel], [results.replay, results.explorer], **QUICK
    )


def _wire_downloads(results: Results, comparison: gr.State) -> None:
    for button, file, (label, make) in zip(
        results.downloads, results.kept, DOWNLOADS.items(), strict=True
    ):
        hand_over(button, label, say_input_errors(make), [comparison], file)
    of_maps = [comparison, results.map_kind, results.map_channel, results.map_opacity]
    hand_over(
        results.map_download, MAPS_LABEL, say_input_errors(maps_file), of_maps, results.kept_maps
    )


def _wire_keeping(inputs: Inputs, results: Results, comparison: gr.State) -> None:
    """What brings a visitor back: a workspace, and a link."""
    settings = [*inputs.own_settings, *inputs.weights, *results.view]
    hand_over(
        results.save,
        WORKSPACE_LABEL,
        say_input_errors(workspace_file),
        [comparison, results.look, *settings],
        results.kept_workspace,
        js=TELL_LOOK,
    )
    copied = results.copy.click(
        on_copy, [inputs.picture, *settings], results.link, show_progress="hidden", queue=False
    )
    copied.success(None, results.link, [results.link, results.copy], js=COPY).then(
        None, None, results.copy, js=LABEL_AGAIN
    )


def _chosen(inputs: Inputs, results: Results) -> list[Component]:
    """The fields that settings fill, in the order of `choices.chosen`."""
    return [
        *(inputs.task, inputs.strength, inputs.degrade, inputs.restorers, inputs.eightfold),
        *(inputs.source, inputs.bin_width, inputs.method, inputs.trust, inputs.soft),
        *(results.map_channel, results.map_opacity),
    ]


def hand_over(
    button: gr.Button,
    label: str,
    make: Callable[..., str],
    inputs: Sequence[Component],
    kept: gr.DownloadButton,
    js: str | None = None,
) -> None:
    """Makes the file on a click and hands it over; meanwhile the button says so.

    A script may fill inputs that only the page knows.
    """
    button.click(
        lambda: gr.update(value="Being made …", interactive=False), None, button, queue=False
    )
    made = button.click(make, inputs, kept, js=js, show_progress="hidden")
    made.success(None, kept, None, js=HAND_OVER)
    at_end(made, lambda: gr.update(value=label, interactive=True), None, button, queue=False)


@wraps(on_arrive)
def _on_arrive(inputs: int, request: gr.Request) -> object:
    page_is_open()
    return on_arrive(inputs, request)


def _shown_groups(start: str) -> tuple[object, ...]:
    label = "Fuse" if start == OWN else "Restore and fuse"
    return (
        gr.update(visible=start not in (OWN, WORKSPACE)),
        gr.update(visible=start == OWN),
        gr.update(visible=start == WORKSPACE),
        gr.update(value=label),
        # A workspace opens when it is there, and brings all that it needs.
        *[gr.update(visible=start != WORKSPACE)] * 3,
    )


def _shown_fields(source: str) -> tuple[object, ...]:
    opened = gr.update(open=True) if source == OWN_TRUTH else gr.skip()
    return gr.update(visible=source == FILE), opened
