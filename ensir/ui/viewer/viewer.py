"""The viewer as a component of Gradio; its markup, style and script lie beside this file.

Neither markup nor style hold anything of a value: Gradio runs both as templates, in which a name
could become code. The script puts names in as text.
"""

from __future__ import annotations

from abc import ABCMeta
from pathlib import Path
from typing import Any

import gradio as gr

from ensir.ui.viewer.layers import ViewerModel, ViewerValue, model_of

# In this order, as one script.
SCRIPTS = (
    "geometry.js",
    "numbers.js",
    "store.js",
    "contents.js",
    "look.js",
    "drawing.js",
    "gestures.js",
    "readout.js",
    "panel.js",
    "viewer.js",
)


def viewer(value: ViewerValue | None = None, **options: Any) -> gr.HTML:  # noqa: ANN401
    """A viewer of layers.

    Its events are `pick`, a pixel was pinned, with its x and y; and `want`, layers are looked at
    that have no picture yet, with the names of all that are looked at. Listen to both with
    `trigger_mode="always_last"`: of many, the last one counts.

    It only shows: as an input of an event its value is None, whatever a visitor may send.
    """
    return _Viewer(
        value,
        html_template=_text("viewer.html"),
        css_template=_text("viewer.css"),
        js_on_load="\n".join(map(_text, SCRIPTS)),
        apply_default_css=False,
        **options,
    )


def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _preprocess(_component: gr.HTML, _payload: object) -> None:
    return None


def _postprocess(_component: gr.HTML, value: ViewerValue | None) -> ViewerModel | None:
    return None if value is None else model_of(value)


# Not a class statement: Gradio's metaclass would write a stub beside this file.
_Viewer = ABCMeta.__new__(
    type(gr.HTML),
    "Viewer",
    (gr.HTML,),
    {
        "__module__": __name__,
        "data_model": ViewerModel,
        "preprocess": _preprocess,
        "postprocess": _postprocess,
        "api_info": lambda _component: {"type": "object"},
        "get_block_name": lambda _component: "html",
    },
)
