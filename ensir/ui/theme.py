"""How the page looks: theme, styles and the colour scales of the maps."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

import gradio as gr

from ensir.comparison import LARGEST_SHOWN_ERROR, LARGEST_SHOWN_GAIN
from ensir.palettes import candidate_colours, error_scale, gain_scale, weight_scale

CSS_FILE = Path(__file__).with_name("style.css")


def theme() -> gr.themes.Base:
    """Quiet, so that the pictures are what is seen; fonts of the machine, none fetched."""
    return gr.themes.Default(
        primary_hue="blue",
        neutral_hue="slate",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    ).set(body_text_color_subdued="*neutral_500")  # 4.8:1 on white; Gradio's has 2.6:1


def weight_scale_html() -> str:
    """The colour bar of the weight maps, fixed from 0 to 1."""
    spoken = "dark violet is 0, green 0.5, yellow 1"
    return _scale_html(weight_scale(stops=16), ("0", "1"), "mixture weight", spoken)


def error_scale_html() -> str:
    """The colour bar of the error maps, fixed from 0 to the largest error shown."""
    ends = ("0", f"{LARGEST_SHOWN_ERROR} or more levels")
    spoken = f"black is 0, red {LARGEST_SHOWN_ERROR // 2}, pale yellow {LARGEST_SHOWN_ERROR} levels"
    return _scale_html(
        error_scale(stops=16), ends, "absolute error, mean of the three channels", spoken
    )


def gain_scale_html() -> str:
    """The colour bar of the gain map, the same error in its middle."""
    ends = (f"worse by {LARGEST_SHOWN_GAIN} levels", f"better by {LARGEST_SHOWN_GAIN}")
    spoken = "red is worse, white alike, blue better"
    return _scale_html(gain_scale(), ends, "fused, against the average", spoken)


def names_html(names: Sequence[str], meaning: str) -> str:
    """The colour of each candidate."""
    items = "".join(
        f'<li><i class="swatch" style="background: {colour}"></i>{escape(name)}</li>'
        for name, colour in zip(names, candidate_colours(len(names)), strict=True)
    )
    return f'<ul class="names">{items}</ul><p class="help">{escape(meaning)}</p>'


def _scale_html(colours: Sequence[str], ends: tuple[str, str], meaning: str, spoken: str) -> str:
    return (
        f'<div class="scale" role="img" aria-label="Colour scale, {meaning}: {spoken}">'
        f"<span>{ends[0]}</span>"
        f'<i style="background: linear-gradient(to right, {", ".join(colours)})"></i>'
        f"<span>{ends[1]}</span><em>{meaning}</em></div>"
    )
