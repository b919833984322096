"""Figures of what was fitted, for the screen and for reports."""

from __future__ import annotations

from html import escape

import plotly.graph_objects as go
import torch

from ensir.comparison import FUSED, TRUTH, BinSetInspection, PixelInspection
from ensir.ensemble.mixture import Mixture
from ensir.palettes import CANDIDATE_COLOURS, CANDIDATE_SYMBOLS

# Between the two text colours of the page, light and dark: readable on either.
INK = "#7a7a7a"
GRID = "rgba(128, 128, 128, 0.25)"
BARS = "rgba(128, 128, 128, 0.45)"
STEPS_A_LEVEL = 4  # points of a curve


def bin_set_figure(pixel: PixelInspection, channel: int) -> go.Figure:
    """The ground truth in the pixel's bin set and the mixture fitted to it.

    Bars: share of the bin set's reference pixels at each level. Dashed: each candidate's Gaussian
    before EM, times its first weight. Solid: after EM, and their sum. Below: the pixel's values.
    """
    figure = go.Figure(layout=_layout())
    if not pixel.bin_sets:
        return _note_alone(figure, "Averaging needs no bin sets.<br>Choose a reference to see one.")
    bin_set = pixel.bin_sets[channel]
    if bin_set.histogram is None:
        return _note_alone(
            figure, "This table came without its statistics.<br>Load them to see the histogram."
        )
    total = sum(bin_set.histogram)
    if not total:
        _with_note(figure, "No pixel of the reference set fell into this bin set.")
    else:
        figure.add_bar(
            x=list(range(256)),
            y=[count / total for count in bin_set.histogram],
            width=1,
            marker_color=BARS,
            marker_line_width=0,
            name="ground truth",
            hovertemplate="level %{x}: %{y:.2%}<extra></extra>",
        )
    if bin_set.first is not None:
        _add_curves(figure, pixel.candidate_names, bin_set.first, "before EM", dash="dash")
    if bin_set.fitted is not None:
        _add_curves(figure, pixel.candidate_names, bin_set.fitted, "after EM", dash="solid")
        _add_sum(figure, bin_set.fitted)
    _add_values(figure, pixel, channel)
    figure.update_xaxes(range=_shown_levels(bin_set, pixel, channel))
    return figure


def _add_curves(
    figure: go.Figure, names: tuple[str, ...], mixture: Mixture, when: str, dash: str
) -> None:
    levels = _levels()
    for place, density in enumerate(mixture.density(levels)):
        figure.add_scatter(
            x=levels.tolist(),
            y=density.tolist(),
            mode="lines",
            line={
                "color": CANDIDATE_COLOURS[place % len(CANDIDATE_COLOURS)],
                "dash": dash,
                "width": 1.5 if dash == "dash" else 2.5,
            },
            name=f"{escape(names[place])}, {when}",
            hovertemplate=(
                f"{when}: weight {mixture.weight[place]:.3f}, mean {mixture.mean[place]:.1f}, "
                f"deviation {mixture.variance[place].sqrt():.1f}"
            ),
        )


def _add_sum(figure: go.Figure, mixture: Mixture) -> None:
    levels = _levels()
    figure.add_scatter(
        x=levels.tolist(),
        y=mixture.density(levels).sum(0).tolist(),
        mode="lines",
        line={"color": INK, "width": 3},
        name="sum, after EM",
        hovertemplate="sum: %{y:.4f} a level<extra></extra>",
    )


def _add_values(figure: go.Figure, pixel: PixelInspection, channel: int) -> None:
    """The pixel's own values as marks on the axis."""
    marks = [
        (
            name,
            CANDIDATE_COLOURS[place % len(CANDIDATE_COLOURS)],
            CANDIDATE_SYMBOLS[place % len(CANDIDATE_SYMBOLS)],
        )
        for place, name in enumerate(pixel.candidate_names)
    ]
    marks.append((FUSED, INK, "line-ns-open"))
    if TRUTH in pixel.values:
        marks.append((TRUTH, INK, "star"))
    for name, colour, symbol in marks:
        figure.add_scatter(
            x=[pixel.values[name][channel]],
            y=[0],
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 11, "line": {"width": 2}},
            cliponaxis=False,
            hovertemplate=f"{escape(name)} here: %{{x:.1f}}<extra></extra>",
        )


def _shown_levels(bin_set: BinSetInspection, pixel: PixelInspection, channel: int) -> list[float]:
    """All levels with a pixel, with every bin and the pixel's values, and a margin."""
    occupied = [level for level, count in enumerate(bin_set.histogram or []) if count]
    bounds = [level for ends in bin_set.ranges.values() for level in ends]
    values = [value[channel] for value in pixel.values.values()]
    shown = [*occupied, *bounds, *values]
    return [max(min(shown) - 4, -1), min(max(shown) + 4, 256)]


def _levels() -> torch.Tensor:
    return torch.linspace(0, 255, 255 * STEPS_A_LEVEL + 1, dtype=torch.float64)


def _with_note(figure: go.Figure, text: str) -> go.Figure:
    figure.add_annotation(
        text=text, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper", font_size=14
    )
    return figure


def _note_alone(figure: go.Figure, text: str) -> go.Figure:
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return _with_note(figure, text)


def _layout() -> dict[str, object]:
    axis = {"gridcolor": GRID, "zerolinecolor": GRID, "linecolor": GRID}
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": INK, "size": 12},
        "margin": {"l": 56, "r": 12, "t": 12, "b": 44},
        "height": 300,
        "bargap": 0,
        "showlegend": False,  # the page's table carries the colours, and fits a phone
        "xaxis": {**axis, "title": "level of the ground truth (0 to 255)"},
        "yaxis": {**axis, "title": "share of the bin set, per level", "rangemode": "tozero"},
    }
