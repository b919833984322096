"""A walk through the method in six steps, on the running example and on a toy that can be dragged.

The example's numbers are the engine's. The toy is two Gaussians on a histogram of 256 levels; its
EM is the script's own, held against the engine's by a test.
"""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from ensir.ui.em_replay.scripts import CHARTS_CSS, CHARTS_JS, FOCUS_JS, MIXTURE_JS, joined
from ensir.ui.example import example
from ensir.ui.learn.lesson import lesson

HERE = Path(__file__).parent
# In this order, as one script.
SCRIPTS = (
    "example.js",
    "handles.js",
    "pixel.js",
    "pixel_words.js",
    "toy.js",
    "distance.js",
    "leaders.js",
    "learn.js",
)


def learn_panel() -> gr.HTML:
    """The walk inside the Blocks being built, on the example that the app opens on.

    It needs no events.
    """
    return gr.HTML(
        lesson(example()),
        html_template=joined(HERE / "learn.html"),
        css_template=joined(CHARTS_CSS, HERE / "learn.css"),
        js_on_load=joined(MIXTURE_JS, CHARTS_JS, FOCUS_JS, *(HERE / name for name in SCRIPTS)),
        apply_default_css=False,
        padding=False,
        elem_id="learn",
    )
