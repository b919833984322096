"""The page: a picture or candidates in; candidates, fusion, weight maps and one pixel's why out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import gradio as gr
from gradio.components import Component

from ensir.ui import views
from ensir.ui.base_models import ONE_AT_A_TIME
from ensir.ui.downloads import DOWNLOADS, MAPS_LABEL, maps_file
from ensir.ui.errors import say_input_errors
from ensir.ui.events import (
    OWN,
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
)
from ensir.ui.example import example
from ensir.ui.inputs_panel import Inputs, inputs_panel
from ensir.ui.inspecting import (
    on_bin_set,
    on_cell,
    on_changed,
    on_channel,
    on_inspect,
    on_map_channel,
    on_maps,
    on_pick,
    on_replay,
    on_want,
)
from ensir.ui.reference import FILE, OWN_TRUTH
from ensir.ui.results_panel import GREEN, Results, results_panel

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
# What is quick leaves the page as it is: no veil over what the visitor looks at.
QUICK = {"trigger_mode": "always_last", "show_progress": "hidden"}
# What shows another value in the viewer waits for what makes a new result, and sees that.
SHOWN = {**QUICK, "concurrency_id": "result"}


def compare_page() -> gr.State:
    """Lays out the page inside the Blocks being built, and wires its events.

    Returns the state that holds the comparison looked at.
    """
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
    _wire_fusing(inputs, results, comparison, highlight, numbers)
    _wire_inspecting(results, comparison, highlight, numbers)
    _wire_downloads(results, comparison)
    return comparison


def _wire_inputs(inputs: Inputs) -> None:
    """What changes the left column alone."""
    task, picture, degrade = inputs.task, inputs.picture, inputs.degrade
    of_task = [inputs.restorers, inputs.strength, degrade]
    task.change(on_task, [task, picture, degrade], of_task, queue=False)
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
    groups = [inputs.restore_group, inputs.own_group, inputs.run]
    inputs.start.change(_shown_groups, inputs.start, groups, queue=False)
    fields = [inputs.file, inputs.truth_panel]
    inputs.source.change(_shown_fields, inputs.source, fields, queue=False)


def _wire_fusing(
    inputs: Inputs,
    results: Results,
    comparison: gr.State,
    highlight: gr.State,
    numbers: gr.State,
) -> None:
    """What makes a new result."""
    # Inputs are counted: those that were not fused yet wait for the button.
    given, fused_inputs = gr.State(0), gr.State(0)
    fused_with = gr.State(None)  # where the weights of the last run came from
    fused = [
        *(comparison, results.viewer, highlight),
        *(results.map_kind, results.maps, results.map_legend),
        *(results.score_table, inputs.note, results.x, results.y, *results.inspected),
        *(results.changed, results.bin_sets, numbers),
    ]
    weights_and_view = [*inputs.weights, *results.view]
    for event in (
        *(inputs.picture.upload, inputs.picture.clear, inputs.own_files.upload),
        inputs.degrade.input,
        *(inputs.strength.input, inputs.task.input, inputs.eightfold.input),
    ):
        event(on_new_input, [given, fused_inputs], [given, inputs.truth, inputs.note], queue=False)
    taken = inputs.examples.select(
        on_example,
        [inputs.task, inputs.strength, given],
        [inputs.start, inputs.picture, inputs.truth, inputs.degrade, given, inputs.note],
        **QUICK,
    )
    jobs = []
    for begin, mode in ((inputs.run.click, "once"), (taken.success, "always_last")):
        # Before the work, for the page sends the events of one click one after the other.
        about = [inputs.start, inputs.picture, inputs.degrade]
        begin(on_begin, about, [inputs.stop, inputs.truth], queue=False)
        job = begin(
            on_run,
            [*inputs.to_run, given, *weights_and_view],
            [*fused, results.candidates, fused_inputs, fused_with],
            show_progress_on=[inputs.note],
            concurrency_id=ONE_AT_A_TIME,
            trigger_mode=mode,
        )
        job.success(
            on_settled,
            [comparison, given, fused_inputs, fused_with, *weights_and_view],
            [*fused, results.candidates],
            show_progress="hidden",
        )
        job.then(lambda: gr.update(interactive=False), None, inputs.stop, queue=False)
        jobs.append(job)
    inputs.stop.click(
        lambda: gr.update(interactive=False), None, inputs.stop, cancels=jobs, queue=False
    )
    refitted = {
        "outputs": [*fused, results.candidates],
        "trigger_mode": "always_last",
        "show_progress": "minimal",
        "show_progress_on": [inputs.note],
        "concurrency_id": "result",
    }
    there = [comparison, given, fused_inputs]
    gr.on(
        [
            *(inputs.bin_width.change, inputs.trust.input, inputs.soft.input),
            *(inputs.source.select, inputs.file.upload),
        ],
        on_refit,
        [*there, *weights_and_view],
        **refitted,
    )
    inputs.method.input(on_method, inputs.method, inputs.trust, queue=False).then(
        on_refit, [*there, *weights_and_view], **refitted
    )
    inputs.truth.upload(on_truth, [*there, inputs.truth, *weights_and_view], **refitted)


def _wire_inspecting(
    results: Results, comparison: gr.State, highlight: gr.State, numbers: gr.State
) -> None:
    """What looks at the result there is."""
    x, y, channel, map_channel = results.x, results.y, results.channel, results.map_channel
    inspected = [*results.inspected, results.changed]
    results.viewer.want(
        on_want, [comparison, map_channel, x, y, highlight], results.viewer, **SHOWN
    )
    results.viewer.pick(on_pick, [comparison, channel], [x, y, *inspected], **QUICK)
    gr.on(
        [x.submit, y.submit, x.blur, y.blur],
        on_inspect,
        [comparison, map_channel, x, y, channel, highlight],
        [results.viewer, *inspected],
        **SHOWN,
    )
    # Also when a bin set of another channel was chosen in the table.
    channel.change(
        on_channel,
        [comparison, x, y, channel],
        [*inspected, results.bin_sets, numbers],
        **QUICK,
    )
    gr.on(
        [results.changed.input, results.changed_value.input],
        on_changed,
        [comparison, x, y, channel, results.changed, results.changed_value],
        results.inspected,
        **QUICK,
    )
    maps = [results.maps, results.map_legend]
    results.map_kind.input(on_maps, [comparison, results.map_kind, map_channel], maps, **QUICK)
    map_channel.input(
        on_map_channel,
        [comparison, results.map_kind, map_channel, x, y, highlight],
        [*maps, results.viewer],
        **SHOWN,
    )
    results.bin_sets.select(
        on_bin_set,
        [comparison, channel, map_channel, numbers],
        [results.viewer, highlight, x, y, *inspected],
        **SHOWN,
    )
    results.explorer.pick(
        on_cell,
        [comparison, map_channel],
        [results.viewer, highlight, x, y, channel, *inspected],
        **SHOWN,
    )
    results.histogram.change(
        on_replay, [comparison, x, y, channel], [results.replay, results.explorer], **QUICK
    )


def _wire_downloads(results: Results, comparison: gr.State) -> None:
    for button, file, (label, make) in zip(
        results.downloads, results.kept, DOWNLOADS.items(), strict=True
    ):
        _wire_download(button, label, say_input_errors(make), [comparison], file)
    of_maps = [comparison, results.map_kind, results.map_channel]
    _wire_download(
        results.map_download, MAPS_LABEL, say_input_errors(maps_file), of_maps, results.kept_maps
    )


def _wire_download(
    button: gr.Button,
    label: str,
    make: Callable[..., str],
    inputs: Sequence[Component],
    kept: gr.DownloadButton,
) -> None:
    """Makes the file on a click and hands it over; meanwhile the button says so."""
    button.click(
        lambda: gr.update(value="Being made …", interactive=False), None, button, queue=False
    )
    made = button.click(make, inputs, kept, show_progress="hidden")
    made.success(None, kept, None, js=HAND_OVER)
    made.then(lambda: gr.update(value=label, interactive=True), None, button, queue=False)


def _shown_groups(start: str) -> tuple[object, ...]:
    own = start == OWN
    label = "Fuse" if own else "Restore and fuse"
    return gr.update(visible=not own), gr.update(visible=own), gr.update(value=label)


def _shown_fields(source: str) -> tuple[object, ...]:
    opened = gr.update(open=True) if source == OWN_TRUTH else gr.skip()
    return gr.update(visible=source == FILE), opened
