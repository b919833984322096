"""The page: a picture or candidates in; candidates, fusion, weight maps and one pixel's why out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import gradio as gr
from gradio.components import Component

from ensir.ui.downloads import (
    DOWNLOADS,
    MAPS_LABEL,
    WORKSPACE_LABEL,
    maps_file,
    workspace_file,
)
from ensir.ui.errors import say_input_errors
from ensir.ui.events import OWN, WORKSPACE, on_degrade, on_estimate, on_picture
from ensir.ui.example import example
from ensir.ui.fusing import EACH, QUICK, SHOWN, Fusing, wire_fusing
from ensir.ui.inputs_panel import Inputs, inputs_panel
from ensir.ui.inspecting import (
    on_bin_set,
    on_cell,
    on_changed,
    on_channel,
    on_inspect,
    on_list,
    on_map_look,
    on_maps,
    on_pick,
    on_replay,
    on_tab,
    on_want,
)
from ensir.ui.jobs import at_end
from ensir.ui.links import COPY, LABEL_AGAIN, on_copy
from ensir.ui.reference import FILE, OWN_TRUTH
from ensir.ui.results_panel import Results, results_panel

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


def compare_page(app: gr.Blocks) -> Fusing:
    """Lays out the page inside the app being built, and wires its events.

    Returns what other tabs need to bring it weights of theirs.
    """
    opened = example()
    # No time to live: it would put the example in the place of a comparison still looked at.
    # Gradio frees it an hour after the tab is closed.
    comparison = gr.State(None)
    # Called where it is wanted: of a value Gradio copies all numbers for every description of the
    # page, which then leaves them out.
    comparison.value = lambda: opened
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            inputs = inputs_panel(opened)
        with gr.Column(scale=3, min_width=320):
            results = results_panel(opened, comparison)
    highlight = gr.State(None)  # the path of the mask of a bin set
    _wire_inputs(inputs)
    fusing = wire_fusing(app, inputs, results, comparison, highlight)
    _wire_inspecting(results, comparison, highlight)
    _wire_tabs(results, comparison, highlight)
    _wire_downloads(results, comparison)
    _wire_keeping(inputs, results, comparison)
    return fusing


def _wire_inputs(inputs: Inputs) -> None:
    """What changes the left column alone."""
    task, picture, degrade = inputs.task, inputs.picture, inputs.degrade
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


def _wire_inspecting(results: Results, comparison: gr.State, highlight: gr.State) -> None:
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
        [comparison, x, y, channel],
        inspected,
        **QUICK,
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


def _wire_tabs(results: Results, comparison: gr.State, highlight: gr.State) -> None:
    """What the tabs show of the whole, made while they are open."""
    x, y, channel = results.x, results.y, results.channel
    map_look = [results.map_channel, results.map_opacity]
    inspected = [*results.inspected, results.changed]
    tab = results.open_tab
    there, traced = gr.State(None), gr.State(None)  # what is in the list, and in the other two
    results.tabs.select(on_tab, None, tab, queue=False, show_progress="hidden", **EACH)
    # Not `input`: Gradio sends that whenever a list is left, and what has the focus is drawn anew.
    gr.on(
        [comparison.change, channel.change, results.sort_by.select, tab.change],
        on_list,
        [comparison, channel, results.sort_by, tab],
        [results.bin_sets, there],
        **SHOWN,
    )
    # Also of the result: other weights may leave the histogram as it is.
    gr.on(
        [comparison.change, results.histogram.change, tab.change],
        on_replay,
        [comparison, x, y, channel, tab, traced],
        [results.replay, results.explorer, traced],
        **QUICK,
    )
    results.bin_sets.select(
        on_bin_set,
        [comparison, channel, *map_look, there],
        [results.viewer, highlight, x, y, *inspected],
        **{**SHOWN, **EACH},
    )
    results.explorer.pick(
        on_cell,
        [comparison, *map_look, traced],
        [results.viewer, highlight, x, y, channel, *inspected, traced],
        **{**SHOWN, **EACH},
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
