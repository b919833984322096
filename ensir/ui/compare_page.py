"""The page: a picture or candidates in; candidates, fusion, weight maps and one pixel's why out."""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr

from ensir.comparison import (
    CHANNELS,
    FUSED,
    INPUT,
    TRUTH,
    Comparison,
    inspect_pixel,
    most_disputed_pixel,
)
from ensir.fitting import METHODS
from ensir.images import PICTURE_ENDINGS
from ensir.plots import bin_set_figure
from ensir.tasks import TASKS
from ensir.ui import views
from ensir.ui.base_models import ONE_AT_A_TIME, offered, tasks_here, where_words
from ensir.ui.downloads import DOWNLOADS
from ensir.ui.errors import say_input_errors
from ensir.ui.events import (
    OWN,
    RESTORE,
    degrade_words,
    on_begin,
    on_example,
    on_inspect,
    on_layer,
    on_maps,
    on_new_input,
    on_pick,
    on_refit,
    on_run,
    on_settled,
    on_task,
    on_truth,
    on_wiped,
)
from ensir.ui.example import BIN_WIDTH, SEED, TASK, example, example_files
from ensir.ui.example import RESTORERS as EXAMPLE_RESTORERS
from ensir.ui.inputs import file_input, picture_input
from ensir.ui.pictures import shown
from ensir.ui.reference import FILE, OWN_TRUTH, SAMPLE, SOURCES, reference_for
from ensir.ui.theme import weight_scale_html

HISTOGRAM_CAPTION = """
<p class="legend"><i class="bar"></i>ground truth of the reference set
<i class="line dashed"></i>each candidate before EM <i class="line"></i>after EM
<i class="line sum"></i>their sum. Marks on the axis: this pixel's candidates; | fused, ★ truth.</p>
"""
OWN_HELP = """
<p class="help">Two or more pictures of one size, each named after the model that made it.</p>
"""
MIDDLE = 50  # % from the left
STRONGEST_NOISE = 50  # levels
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
EXAMPLES_HELP = '<p class="help">Or an example, degraded for the task:</p>'
ABOUT = """
# EnsIR visualizer
Restoration models err differently. This fuses their outputs without training, and shows why:
pixels fall into **bin sets** by their candidates' values, in each bin set a **Gaussian mixture**
was fitted to the ground truth of a reference set, and its weights are looked up for every pixel.
"""


def compare_page() -> None:
    """Lays out the page inside the Blocks being built, and wires its events."""
    opened = example()
    x_there, y_there = most_disputed_pixel(opened)
    # No time to live: it would put the example in the place of a comparison still looked at.
    # Gradio frees it an hour after the tab is closed.
    comparison = gr.State(opened)
    # Inputs are counted: those that were not fused yet wait for the button.
    inputs, fused_inputs = gr.State(0), gr.State(0)
    fused_with = gr.State(None)  # where the weights of the last run came from
    pixel = inspect_pixel(opened, x_there, y_there)

    gr.Markdown(ABOUT, elem_id="title")
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            start = gr.Radio([RESTORE, OWN], value=RESTORE, label="Start from")
            with gr.Group() as restore_group:
                picture = picture_input(
                    value=shown(views.layer_picture(opened, INPUT)),
                    label="Picture to restore",
                    elem_id="picture",
                    height=200,
                    placeholder="Drop a picture here\nor click to upload",
                )
                gr.HTML(EXAMPLES_HELP, elem_id="examples-help", padding=False)
                examples = gr.Gallery(
                    [(str(path), path.stem) for path in example_files()],
                    label="Examples",
                    show_label=False,
                    format="png",
                    columns=6,
                    object_fit="cover",
                    allow_preview=False,
                    interactive=False,
                    buttons=[],
                    elem_id="examples",
                )
                task = gr.Radio(
                    tasks_here(),
                    value=TASK,
                    label="Task",
                    elem_id="task",
                )
                degrade = gr.Checkbox(
                    label="Degrade it for me",
                    info=degrade_words(TASK),
                    elem_id="degrade",
                )
                strength = gr.Slider(
                    0,
                    TASKS[TASK].strongest,
                    value=TASKS[TASK].usual,
                    step=1,
                    label=TASKS[TASK].strength,
                    info=f"The same each time (seed {SEED})",
                    visible=False,
                    elem_id="strength",
                )
                restorers = gr.CheckboxGroup(
                    offered(TASK),
                    value=list(EXAMPLE_RESTORERS),
                    label="Base models",
                    info="Filters: for noise of 25 levels. Networks: trained on synthetic data",
                    elem_id="restorers",
                )
            with gr.Column(visible=False) as own_group:
                gr.HTML(OWN_HELP, padding=False)
                own_files = file_input(
                    label="Candidates",
                    file_count="multiple",
                    file_types=list(PICTURE_ENDINGS),
                    elem_id="own-candidates",
                    height=200,
                )
            crop = gr.Checkbox(
                label="Crop pictures of different sizes",
                info="To what all of them have, from the top left",
                elem_id="crop",
            )
            with gr.Accordion("Ground truth, if you have it", open=False) as truth_panel:
                truth = picture_input(
                    value=shown(views.layer_picture(opened, TRUTH)),
                    label="Ground truth",
                    elem_id="truth",
                    height=160,
                )
            source = gr.Dropdown(
                list(SOURCES), value=SAMPLE, label="Weights from", elem_id="source"
            )
            file = file_input(
                label="Lookup table (.safetensors, .pth) or statistics",
                file_types=[".safetensors", ".pth"],
                visible=False,
                elem_id="table-file",
                height=120,
            )
            bin_width = gr.Slider(
                8, 256, value=BIN_WIDTH, step=8, precision=0, label="Bin width, levels"
            )
            method = gr.Radio(
                list(METHODS),
                value="em",
                label="Method",
                info="em: the paper's equations; published: its released code, quirks included",
            )
            with gr.Row():
                run = gr.Button("Restore and fuse", variant="primary", elem_id="run", scale=3)
                stop = gr.Button("Stop", elem_id="stop", scale=1, min_width=80, interactive=False)
            note = gr.HTML(views.notes(_opening_note()), elem_id="note", padding=False)
            gr.HTML(views.notes(where_words()), elem_id="device", padding=False)
        with gr.Column(scale=3, min_width=320):
            with gr.Row():
                with gr.Column(scale=3, min_width=320):
                    with gr.Tabs(elem_id="frames"):
                        with gr.Tab("Inspect"):
                            layer = gr.Dropdown(
                                views.layer_names(opened),
                                value=FUSED,
                                label="Show",
                                info="Click the picture to see why a pixel has its value",
                                elem_id="layer",
                            )
                            main = gr.Image(
                                shown(views.layer_picture(opened, FUSED)),
                                show_label=False,
                                format="png",
                                interactive=False,
                                elem_id="main-picture",
                                buttons=["download", "fullscreen"],
                                alt_text="The chosen picture; click a pixel to inspect it",
                                height=480,
                            )
                            legend = gr.HTML(visible=False, elem_id="legend", padding=False)
                        with gr.Tab("Compare"):
                            with gr.Row():
                                left = gr.Dropdown(
                                    views.layer_names(opened),
                                    value=INPUT,
                                    label="Left",
                                    min_width=120,
                                    elem_id="left",
                                )
                                right = gr.Dropdown(
                                    views.layer_names(opened),
                                    value=FUSED,
                                    label="Right",
                                    min_width=120,
                                    elem_id="right",
                                )
                            wiped = gr.ImageSlider(
                                views.wiped_pictures(opened, INPUT, FUSED),
                                show_label=False,
                                format="png",
                                type="filepath",
                                interactive=False,
                                slider_position=MIDDLE,
                                elem_id="wiped",
                                buttons=["fullscreen"],
                                max_height=480,
                            )
                            wiped_legend = gr.HTML(
                                visible=False, elem_id="wiped-legend", padding=False
                            )
                            wipe = gr.Slider(
                                0,
                                100,
                                value=MIDDLE,
                                step=1,
                                precision=0,
                                label="Wipe, % from the left",
                                elem_id="wipe",
                            )
                    score_table = gr.HTML(
                        views.score_table(opened), elem_id="scores", padding=False
                    )
                    with gr.Row():
                        downloads = [
                            gr.Button(label, size="sm", min_width=100) for label in DOWNLOADS
                        ]
                    # Never seen: made on demand, a file is handed over by the script below.
                    kept = [
                        gr.DownloadButton(visible="hidden", elem_id=f"kept-{place}")
                        for place in range(len(DOWNLOADS))
                    ]
                with gr.Column(scale=4, min_width=320):
                    with gr.Row():
                        x = gr.Number(x_there, label="x", precision=0, minimum=0, min_width=70)
                        y = gr.Number(y_there, label="y", precision=0, minimum=0, min_width=70)
                        channel = gr.Radio(
                            list(CHANNELS),
                            value=CHANNELS[1],
                            label="Channel",
                            elem_id="channel",
                            scale=3,
                            min_width=270,
                        )
                    pixel_table = gr.HTML(
                        views.pixel_table(pixel, 1), elem_id="pixel-table", padding=False
                    )
                    sentence = gr.HTML(views.sentence(pixel, 1), elem_id="sentence", padding=False)
                    histogram = gr.Plot(
                        bin_set_figure(pixel, 1),
                        label="Histogram and mixture of the bin set",
                        show_label=False,
                        format="png",
                        elem_id="histogram",
                    )
                    gr.HTML(HISTOGRAM_CAPTION, padding=False)
            gr.Markdown("### Candidates")
            candidates = gr.Gallery(
                views.candidate_items(opened),
                label="Candidates",
                show_label=False,
                format="png",
                columns=3,
                object_fit="contain",
                elem_id="candidates",
                interactive=False,
                buttons=["download", "fullscreen"],
            )
            gr.Markdown("### Maps")
            with gr.Row():
                map_kind = gr.Radio(
                    list(views.MAP_KINDS),
                    value=views.WEIGHTS,
                    label="Maps of",
                    min_width=250,
                    elem_id="map-kind",
                )
                map_channel = gr.Radio(
                    list(views.MAP_CHANNELS),
                    value=views.MEAN,
                    label="Channel of the weights",
                    min_width=250,
                    scale=2,
                    elem_id="map-channel",
                )
            map_legend = gr.HTML(weight_scale_html(), elem_id="map-legend", padding=False)
            maps = gr.Gallery(
                views.map_items(opened),
                label="Maps",
                show_label=False,
                format="png",
                columns=3,
                object_fit="contain",
                elem_id="maps",
                interactive=False,
                buttons=["download", "fullscreen"],
            )

    inspected = [pixel_table, sentence, histogram]
    framed = [main, legend]
    compared = [wiped, wiped_legend]
    fused = [
        *(comparison, layer, *framed, left, right, *compared, maps, map_legend),
        *(score_table, note, x, y, *inspected),
    ]
    weights_from = [source, file, bin_width, method]
    view = [layer, left, right, map_kind, map_channel, x, y, channel]

    for event in (picture.upload, own_files.upload, degrade.input, strength.input, task.input):
        event(on_new_input, [inputs, fused_inputs], [inputs, truth, note], queue=False)
    task.change(say_input_errors(on_task), task, [restorers, strength, degrade], queue=False)
    degrade.change(lambda on: gr.update(visible=on), degrade, strength, queue=False)
    start.change(_shown_groups, start, [restore_group, own_group, run], queue=False)
    source.change(_shown_fields, source, [file, truth_panel], queue=False)
    taken = examples.select(
        on_example,
        [task, strength, inputs],
        [start, picture, truth, degrade, inputs, note],
        show_progress="hidden",
        trigger_mode="always_last",
    )
    jobs = []
    for begin, mode in ((run.click, "once"), (taken.success, "always_last")):
        # Before the work, for the page sends the events of one click one after the other.
        begin(on_begin, [start, picture, degrade], [stop, truth], queue=False)
        job = begin(
            on_run,
            [
                *(start, picture, task, degrade, strength, restorers, own_files, crop, truth),
                *(inputs, *weights_from, *view),
            ],
            [*fused, candidates, fused_inputs, fused_with],
            show_progress_on=[main],
            concurrency_id=ONE_AT_A_TIME,
            trigger_mode=mode,
        )
        job.success(
            on_settled,
            [comparison, inputs, fused_inputs, fused_with, *weights_from, *view],
            [*fused, candidates],
            show_progress="hidden",
        )
        job.then(lambda: gr.update(interactive=False), None, stop, queue=False)
        jobs.append(job)
    stop.click(lambda: gr.update(interactive=False), None, stop, cancels=jobs, queue=False)
    refitted = {
        "outputs": [*fused, candidates],
        "trigger_mode": "always_last",
        "show_progress": "minimal",
        "show_progress_on": [main],
    }
    gr.on(
        [bin_width.change, method.input, source.select, file.upload],
        on_refit,
        [comparison, inputs, fused_inputs, *weights_from, *view],
        **refitted,
    )
    held = [comparison, inputs, fused_inputs, truth]
    truth.upload(on_truth, [*held, *weights_from, *view], **refitted)
    # What is quick leaves the page as it is: no veil over what the visitor looks at.
    quick = {"trigger_mode": "always_last", "show_progress": "hidden"}
    layer.select(on_layer, [comparison, layer, map_channel], framed, **quick)
    gr.on(
        [left.select, right.select],
        on_wiped,
        [comparison, left, right, map_channel],
        compared,
        **quick,
    )
    wipe.change(lambda at: gr.update(slider_position=at), wipe, wiped, queue=False, **quick)
    gr.on(
        [map_kind.input, map_channel.input],
        on_maps,
        [comparison, layer, left, right, map_kind, map_channel],
        [maps, map_legend, *framed, *compared],
        **quick,
    )
    main.select(on_pick, [comparison, channel], [x, y, *inspected], **quick)
    gr.on(
        [x.submit, y.submit, x.blur, y.blur, channel.input],
        on_inspect,
        [comparison, x, y, channel],
        inspected,
        **quick,
    )
    for button, file_there, (label, make) in zip(downloads, kept, DOWNLOADS.items(), strict=True):
        _wire_download(button, label, say_input_errors(make), comparison, file_there)


def _wire_download(
    button: gr.Button,
    label: str,
    make: Callable[[Comparison], str],
    comparison: gr.State,
    kept: gr.DownloadButton,
) -> None:
    """Makes the file on a click and hands it over; meanwhile the button says so."""
    button.click(
        lambda: gr.update(value="Being made …", interactive=False), None, button, queue=False
    )
    made = button.click(make, comparison, kept, show_progress="hidden")
    made.success(None, kept, None, js=HAND_OVER)
    made.then(lambda: gr.update(value=label, interactive=True), None, button, queue=False)


def _shown_groups(start: str) -> tuple[object, ...]:
    own = start == OWN
    label = "Fuse" if own else "Restore and fuse"
    return gr.update(visible=not own), gr.update(visible=own), gr.update(value=label)


def _shown_fields(source: str) -> tuple[object, ...]:
    opened = gr.update(open=True) if source == OWN_TRUTH else gr.skip()
    return gr.update(visible=source == FILE), opened


def _opening_note() -> str:
    opened = example()
    return reference_for(SAMPLE, opened.candidates, opened.truth, None, BIN_WIDTH)[1]
