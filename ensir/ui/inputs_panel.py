"""The left column: what is to be fused, by which models, with weights from where."""

from __future__ import annotations

from dataclasses import dataclass, fields

import gradio as gr

from ensir.comparison import INPUT, TRUTH, Comparison
from ensir.images import PICTURE_ENDINGS
from ensir.methods import METHODS
from ensir.tasks import TASKS
from ensir.ui import views
from ensir.ui.base_models import offered, tasks_here, where_words
from ensir.ui.choosing import choosing_row
from ensir.ui.events import OWN, RESTORE, WORKSPACE, degrade_words, models_words
from ensir.ui.example import BIN_WIDTH, METHOD, SEED, TASK, example_files
from ensir.ui.example import RESTORERS as EXAMPLE_RESTORERS
from ensir.ui.inputs import choices_input, file_input, picture_input
from ensir.ui.layers import layer_picture
from ensir.ui.pictures import shown
from ensir.ui.reference import SAMPLE, SOURCES, reference_for

EXAMPLES_HELP = '<p class="help">Or an example, degraded for the task:</p>'
OWN_HELP = """
<p class="help">Two or more pictures of one size, each named after the model that made it, or a
zip of them, or of a folder for each model. One named gt is the ground truth.</p>
"""
WORKSPACE_HELP = """
<p class="help">A file of <b>Save workspace</b>, yours or a colleague's. It opens at once, on the
same pictures, weights and pixel; no base model is run.</p>
"""
METHODS_HELP = (
    "em: the paper's equations; published: its released code, quirks included; least-squares: the "
    "weights of least error on the reference set"
)
TRUST_HELP = "0: the average; 1: all that the reference set says"


@dataclass(frozen=True)
class Inputs:
    """The components of the column."""

    start: gr.Radio
    restore_group: gr.Group
    picture: gr.Image
    examples: gr.Gallery
    task: gr.Radio
    degrade: gr.Checkbox
    strength: gr.Slider
    restorers: gr.CheckboxGroup
    eightfold: gr.Checkbox
    estimate: gr.HTML
    own_group: gr.Column
    own_files: gr.File
    workspace_group: gr.Column
    workspace: gr.File
    crop: gr.Checkbox
    truth_panel: gr.Accordion
    truth: gr.Image
    source: gr.Dropdown
    file: gr.File
    bin_width: gr.Slider
    method: gr.Radio
    trust: gr.Slider
    choose: gr.Button
    stop_choosing: gr.Button
    chosen: gr.HTML
    soft: gr.Checkbox
    run_row: gr.Row
    run: gr.Button
    stop: gr.Button
    link_note: gr.HTML
    note: gr.HTML

    @property
    def to_run(self) -> list[gr.components.Component]:
        """What a run takes, in the order of `events.on_run`."""
        return [
            *(self.start, self.picture, self.task, self.degrade, self.strength, self.restorers),
            *(self.eightfold, self.own_files, self.crop, self.truth),
        ]

    @property
    def own_settings(self) -> list[gr.components.Component]:
        """What a workspace and a link keep besides the weights and the view."""
        return [self.task, self.strength, self.restorers, self.eightfold]

    @property
    def weights(self) -> list[gr.components.Component]:
        """Where the weights come from, in the order of `events.Weights`."""
        return [self.source, self.file, self.bin_width, self.method, self.trust, self.soft]


def inputs_panel(opened: Comparison) -> Inputs:
    """Lays the column out inside the Blocks being built."""
    made: dict[str, object] = {}
    made["start"] = gr.Radio(
        [RESTORE, OWN, WORKSPACE], value=RESTORE, label="Start from", elem_id="start"
    )
    with gr.Group() as made["restore_group"]:
        made |= _restoring(opened)
    with gr.Column(visible=False) as made["own_group"]:
        gr.HTML(OWN_HELP, padding=False)
        made["own_files"] = file_input(
            label="Candidates",
            file_count="multiple",
            file_types=[*PICTURE_ENDINGS, ".zip"],
            elem_id="own-candidates",
            height=200,
        )
    with gr.Column(visible=False) as made["workspace_group"]:
        made["workspace"] = file_input(
            label="Workspace (.zip)", file_types=[".zip"], elem_id="workspace", height=160
        )
        gr.HTML(WORKSPACE_HELP, padding=False)
    made["crop"] = gr.Checkbox(
        label="Crop pictures of different sizes",
        info="To what all of them have, from the top left",
        elem_id="crop",
    )
    with gr.Accordion("Ground truth, if you have it", open=False) as made["truth_panel"]:
        made["truth"] = picture_input(
            value=shown(layer_picture(opened, TRUTH)),
            label="Ground truth",
            elem_id="truth",
            height=160,
        )
    made |= _weights()
    with gr.Row() as made["run_row"]:
        made["run"] = gr.Button("Restore and fuse", variant="primary", elem_id="run", scale=3)
        made["stop"] = gr.Button("Stop", elem_id="stop", scale=1, min_width=80, interactive=False)
    about = reference_for(SAMPLE, opened.candidates, opened.truth, None, BIN_WIDTH)[1]
    made["link_note"] = gr.HTML(visible=False, elem_id="link-note", padding=False)
    made["note"] = gr.HTML(views.notes(about), elem_id="note", padding=False)
    gr.HTML(views.notes(where_words()), elem_id="device", padding=False)
    return Inputs(**{field.name: made[field.name] for field in fields(Inputs)})


def _restoring(opened: Comparison) -> dict[str, object]:
    picture = picture_input(
        value=shown(layer_picture(opened, INPUT)),
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
    task = gr.Radio(tasks_here(), value=TASK, label="Task", elem_id="task")
    degrade = gr.Checkbox(label="Degrade it for me", info=degrade_words(TASK), elem_id="degrade")
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
    restorers = choices_input(
        choices=offered(TASK),
        value=list(EXAMPLE_RESTORERS),
        label="Base models",
        info=models_words(TASK),
        elem_id="restorers",
    )
    eightfold = gr.Checkbox(
        label="Average each over 8 flips and rotations",
        info="The field's ×8 self-ensemble: eight times the time",
        elem_id="eightfold",
    )
    estimate = gr.HTML(visible=False, elem_id="estimate", padding=False)
    return {
        "picture": picture,
        "examples": examples,
        "task": task,
        "degrade": degrade,
        "strength": strength,
        "restorers": restorers,
        "eightfold": eightfold,
        "estimate": estimate,
    }


def _weights() -> dict[str, object]:
    source = gr.Dropdown(list(SOURCES), value=SAMPLE, label="Weights from", elem_id="source")
    file = file_input(
        label="Lookup table (.safetensors, .pth) or statistics",
        file_types=[".safetensors", ".pth"],
        visible=False,
        elem_id="table-file",
        height=120,
    )
    bin_width = gr.Slider(
        8, 256, value=BIN_WIDTH, step=8, precision=0, label="Bin width, levels", elem_id="bin-width"
    )
    method = gr.Radio(
        list(METHODS), value=METHOD, label="Method", info=METHODS_HELP, elem_id="method"
    )
    trust = gr.Slider(
        0,
        1,
        value=METHODS[METHOD].trust,
        step=0.01,
        label="Trust in the reference set",
        info=TRUST_HELP,
        elem_id="trust",
    )
    choosing = choosing_row()
    soft = gr.Checkbox(
        label="Soft look-up", info="No step at the edge of a bin; slower", elem_id="soft"
    )
    return {
        "source": source,
        "file": file,
        "bin_width": bin_width,
        "method": method,
        "trust": trust,
        **choosing,
        "soft": soft,
    }
