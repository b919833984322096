"""How the page looks: theme, styles and what the colours of maps mean."""

from __future__ import annotations

from html import escape
from pathlib import Path

import gradio as gr

from ensir.ui.viewer import Legend

CSS_FILE = Path(__file__).with_name("style.css")
SCRIPT_FILES = [Path(__file__).with_name(name) for name in ("clone.js", "access.js")]
# What lies beneath a map that lets it through: any grey.
GREYS = "linear-gradient(to top, #000, #fff)"


def theme() -> gr.themes.Base:
    """Quiet, so that the pictures are what is seen; fonts of the machine, none fetched."""
    return gr.themes.Default(
        primary_hue="blue",
        neutral_hue="slate",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    ).set(
        body_text_color_subdued="*neutral_500",  # 4.8:1 on white; Gradio's has 2.6:1
        button_primary_background_fill="*primary_600",  # white on it 5.2:1; on Gradio's 3.7:1
        button_primary_background_fill_hover="*primary_700",
        # What a field or a box is known by, 3:1 at least; Gradio's have 1.2:1 and 1.5:1.
        checkbox_border_color="*neutral_500",
        checkbox_border_color_hover="*neutral_500",
        checkbox_border_color_dark="*neutral_400",
        checkbox_border_color_hover_dark="*neutral_400",
        input_border_color="*neutral_500",
        input_border_color_dark="*neutral_500",
    )


def script() -> str:
    """What the page runs when it opens: all scripts, as one function."""
    each = (file.read_text(encoding="utf-8") for file in SCRIPT_FILES)
    return f"() => {{ {' '.join(f'({one})();' for one in each)} }}"


def legend_html(legend: Legend) -> str:
    """What the colours of a map mean: a bar with its numbers, or a name for each colour."""
    meaning = escape(legend.meaning)
    if legend.is_key:
        items = "".join(
            f'<li><i class="swatch" style="background: linear-gradient({colour}, {colour}), '
            f'{GREYS}"></i>{escape(label)}</li>'
            for colour, label in zip(legend.colours, legend.labels, strict=True)
        )
        return f'<ul class="names">{items}</ul><p class="help">{meaning}</p>'
    # Each centred below its place, and at the ends flush with the bar.
    ends = "".join(
        f'<span style="left: {place:.2%}; transform: translateX(-{place:.2%})">'
        f"{escape(label)}</span>"
        for place, label in zip(legend.places, legend.labels, strict=True)
    )
    spoken = escape(f"Colour scale from {legend.labels[0]} to {legend.labels[-1]}. ") + meaning
    return (
        f'<div class="scale" role="img" aria-label="{spoken}">'
        f'<i style="background: linear-gradient(to right, {", ".join(legend.colours)}), '
        f'{GREYS}"></i>'
        f'<span class="ends">{ends}</span><em>{meaning}</em></div>'
    )
