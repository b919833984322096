"""Every ensemble on the picture at hand, side by side."""

from __future__ import annotations

import gradio as gr

from ensir.comparison import Comparison
from ensir.league.one_picture import placed_on
from ensir.league.words import decibels, score_of, seconds_of
from ensir.ui.errors import say_input_errors
from ensir.ui.tables import table_html

HELP = """
<p class="help">Who fuses this picture best, against its ground truth: the base models, baselines
that need no reference set, every method's table fitted to the same reference statistics, and two
oracles that see the ground truth: bounds, not rivals. One picture decides nothing:
<code>ensir league</code> compares them, and scikit-learn's regressors, on a reference set, with
intervals.</p>
"""
COLUMNS = ("", "what it is", "PSNR, dB", "over average", "SSIM", "PSNR of luma", "s to fuse")


def league_panel(comparison: gr.State) -> None:
    """Lays the panel out inside the tab being built, and wires its button."""
    gr.HTML(HELP, padding=False)
    button = gr.Button("Compare every ensemble on this picture", elem_id="run-league")
    table = gr.HTML(elem_id="league", padding=False)
    button.click(on_league, comparison, table, show_progress_on=[table])


@say_input_errors
def on_league(comparison: Comparison) -> str:
    """The table of everyone, the best first."""
    rows = [
        [
            one.contestant.title,
            one.contestant.kind,
            score_of(one.scores.psnr_rgb, 2),
            decibels(one.over_average),
            score_of(one.scores.ssim_rgb, 4),
            score_of(one.scores.psnr_y, 2),
            seconds_of(one.seconds),
        ]
        for one in placed_on(comparison)
    ]
    return table_html("Against the ground truth, before rounding", COLUMNS, rows)
