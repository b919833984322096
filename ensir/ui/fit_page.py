"""The tab "Fit": a reference set in; a table, and what it is worth on other pictures, out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from ensir.automatic import BIN_WIDTH
from ensir.methods import METHODS
from ensir.ui.compare_page import hand_over
from ensir.ui.events import on_method
from ensir.ui.fit_events import (
    DOWNLOADS,
    on_chosen,
    on_fit,
    on_fit_again,
    on_use,
    on_zip,
)
from ensir.ui.fusing import Fusing
from ensir.ui.inputs import file_input
from ensir.ui.inputs_panel import METHODS_HELP, TRUST_HELP
from ensir.ui.jobs import wire_stop
from ensir.ui.sight import result_script

METHOD = "em"
ABOUT = """
<p class="help">A lookup table for models of your own, fitted to pictures whose ground truth you
have. Nothing is trained.</p>
"""
AT_ANY_TIME = '<p class="help">To be changed at any time; no picture is read again:</p>'
LAYOUT = """
<div class="empty">
<h2>A zip of folders, with pictures of the same names</h2>
<pre>rain.zip
├─ gt/         0001.png  …
├─ MPRNet/     0001.png  …
├─ Restormer/  0001.png  …
└─ MAXIM/      0001.jpg  …</pre>
<ul>
<li><code>gt</code> holds the ground truth, each other folder what the model of its name made of the
same pictures: two models or more, as PNG, JPEG, WebP, TIFF or BMP.</li>
<li>A folder around all, <code>lq</code> with the inputs, and hidden files do no harm.</li>
<li>Five pictures will do to begin with: so many have the sets that the authors released.</li>
</ul>
<p>You get a lookup table to download or to use in the first tab, and its PSNR on pictures that it
was not fitted to, beside each model and their average.</p>
</div>
"""


@dataclass(frozen=True)
class Result:
    """The right column: first how a zip is laid out, then what came of one."""

    layout: gr.HTML
    group: gr.Column
    verdict: gr.HTML
    scores: gr.HTML
    cells: gr.HTML
    use: gr.Button
    downloads: list[gr.Button]
    kept: list[gr.DownloadButton]


def fit_page(tabs: gr.Tabs, page: Fusing) -> None:
    """Lays the tab out inside the Blocks being built; `page` is where its tables are used."""
    fit, fitted = gr.State(None), gr.State(None)  # and the file that it is of
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            gr.HTML(ABOUT, padding=False)
            file = file_input(
                label="Reference set (.zip)", file_types=[".zip"], elem_id="fit-zip", height=120
            )
            found = gr.HTML(visible=False, elem_id="fit-found", padding=False)
            models = gr.CheckboxGroup(
                [], label="Models", info="In the table's order", visible=False, elem_id="fit-models"
            )
            with gr.Row():
                run = gr.Button(
                    "Fit", variant="primary", elem_id="run-fit", scale=3, interactive=False
                )
                stop = gr.Button(
                    "Stop", elem_id="stop-fit", scale=1, min_width=80, interactive=False
                )
            note = gr.HTML(elem_id="fit-note", padding=False)
            gr.HTML(AT_ANY_TIME, padding=False)
            choices = _choices()
        with gr.Column(scale=3, min_width=320):
            result = _result()
    looked_through = file.change(on_zip, file, [found, models, run], show_progress_on=[found])

    def compare_choice(event: Callable[..., Dependency]) -> None:
        event(on_chosen, [fit, fitted, file, models], note, queue=False)

    compare_choice(looked_through.success)
    compare_choice(models.input)
    outputs = [fit, fitted, result.layout, result.group]
    outputs += [result.verdict, result.scores, result.cells]
    job = {"outputs": outputs, "show_progress_on": [note], "concurrency_id": "fit"}
    jobs = _fitting(fit, [file, models], choices, run, stop, job)
    for one in jobs:
        compare_choice(one.success)
    jobs[0].success(None, js=result_script("fit-verdict", "run-fit"))
    wire_stop(page.app, stop, jobs)
    for button, kept, (label, make) in zip(
        result.downloads, result.kept, DOWNLOADS.items(), strict=True
    ):
        hand_over(button, label, make, [fit], kept)
    inputs = page.inputs
    used = result.use.click(
        on_use,
        [fit, page.comparison, page.given, page.fused_inputs],
        [
            *(tabs, inputs.start, inputs.truth, inputs.source, inputs.file),
            *(inputs.bin_width, inputs.method, inputs.trust, page.given, inputs.note),
        ],
    )
    page.refit_after(used.success)


def _choices() -> list[Component]:
    """Bin width, method and trust, as `on_fit` takes them."""
    bin_width = gr.Slider(
        8,
        256,
        value=BIN_WIDTH,
        step=8,
        precision=0,
        label="Bin width, levels",
        elem_id="fit-bin-width",
    )
    method = gr.Radio(
        list(METHODS), value=METHOD, label="Method", info=METHODS_HELP, elem_id="fit-method"
    )
    trust = gr.Slider(
        0,
        1,
        value=METHODS[METHOD].trust,
        step=0.05,
        label="Trust in the reference set",
        info=TRUST_HELP,
        elem_id="fit-trust",
    )
    return [bin_width, method, trust]


def _result() -> Result:
    layout = gr.HTML(LAYOUT, elem_id="fit-layout", padding=False)
    with gr.Column(visible=False) as group:
        verdict = gr.HTML(elem_id="fit-verdict", padding=False)
        scores = gr.HTML(elem_id="fit-scores", padding=False)
        cells = gr.HTML(elem_id="fit-cells", padding=False)
        with gr.Row(elem_id="fit-files"):
            use = gr.Button(
                "Use it in Fuse and inspect", variant="primary", size="md", elem_id="fit-use"
            )
            downloads = [gr.Button(label, size="md", min_width=130) for label in DOWNLOADS]
    # Never seen: made on demand, a file is handed over by a script. Outside of the column, with
    # which they would appear.
    kept = [
        gr.DownloadButton(visible="hidden", elem_id=f"kept-fit-{place}")
        for place in range(len(DOWNLOADS))
    ]
    return Result(layout, group, verdict, scores, cells, use, downloads, kept)


def _fitting(
    fit: gr.State,
    of: list[Component],
    choices: list[Component],
    run: gr.Button,
    stop: gr.Button,
    job: dict[str, Any],
) -> list[Dependency]:
    """The button gathers and fits; other choices fit again. Both enable the stop."""
    bin_width, method, trust = choices
    begun: list[tuple[Callable[..., Dependency], Callable[..., object], list[Component], str]]
    begun = [(run.click, on_fit, [*of, *choices], "once")]
    chosen = method.input(on_method, method, trust, trigger_mode="always_last", queue=False)
    for changed in (bin_width.input, trust.input, chosen.then):
        begun.append((changed, on_fit_again, [fit, *choices], "always_last"))
    jobs = []
    for begin, work, inputs, mode in begun:
        # Before the work, for the page sends the events of one click one after the other.
        begin(lambda: gr.update(interactive=True), None, stop, queue=False)
        jobs.append(begin(work, inputs, trigger_mode=mode, **job))
    return jobs
