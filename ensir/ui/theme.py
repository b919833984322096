"""How the page looks: theme, styles and the scale of the weight maps."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from ensir.palettes import weight_scale

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
    stops = ", ".join(weight_scale(stops=16))
    return (
        '<div class="weight-scale" role="img" '
        'aria-label="Colour scale of the weights: dark violet is 0, green 0.5, yellow 1">'
        "<span>0</span>"
        f'<i style="background: linear-gradient(to right, {stops})"></i>'
        "<span>1</span><em>mixture weight</em></div>"
    )
