"""A bin set as SVG: the ground truth in it, the mixture fitted to it, and one pixel's values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

import torch
from torch import Tensor

from ensir.comparison import FUSED, TRUTH
from ensir.ensemble.mixture import VARIANCE_FLOOR, Mixture
from ensir.inspection import BinSetInspection, PixelInspection
from ensir.level_axes import HEADROOM, LEFT, PLOT_WIDTH, WIDTH, svg, text, x_axis, y_axis
from ensir.limits import LEVELS
from ensir.palettes import candidate_colours
from ensir.probe import bin_set_words

HEIGHT, TOP, BOTTOM = 250, 12, 46  # of the drawing, and room above and below the plot
PLOT_HEIGHT = HEIGHT - TOP - BOTTOM
AXIS = TOP + PLOT_HEIGHT  # where shares are 0
STEPS_A_LEVEL = 4  # points of a curve
MARGIN = 4  # levels beside what is shown
# Shapes of marks about the origin, one for each of palettes.CANDIDATE_COLOURS.
MARKS = (
    "M-5 0A5 5 0 1 0 5 0A5 5 0 1 0-5 0Z",
    "M-4.5-4.5H4.5V4.5H-4.5Z",
    "M0-6L6 0L0 6L-6 0Z",
    "M0-5.5L5.5 4.5H-5.5Z",
    "M-2-6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z",
    "M-5-3L-3-5L0-2L3-5L5-3L2 0L5 3L3 5L0 2L-3 5L-5 3L-2 0Z",
    "M0-6L5.7-1.9L3.5 4.9H-3.5L-5.7-1.9Z",
    "M0-6.5L1.7-1L6 4L0 2.6L-6 4L-1.7-1Z",
)
FUSED_MARK = "M0-11V8"
TRUTH_MARK = "M0-7L1.7-2.2L6.7-2.2L2.7 .9L4.1 5.7L0 2.8L-4.1 5.7L-2.7 .9L-6.7-2.2L-1.7-2.2Z"


def pixel_svg(pixel: PixelInspection, channel: int) -> str:
    """One channel's bin set of a pixel, with the pixel's values on the axis."""
    if not pixel.bin_sets:
        return _note("Averaging needs no bin sets.", "Choose a reference to see one.")
    return bin_set_svg(pixel.bin_sets[channel], marks_of(pixel, channel))


def marks_of(pixel: PixelInspection, channel: int) -> dict[str, float]:
    """The values of a pixel that are marked on the axis, by picture."""
    marked = (*pixel.candidate_names, FUSED, TRUTH)
    return {name: values[channel] for name, values in pixel.values.items() if name in marked}


def bin_set_svg(bin_set: BinSetInspection, values: Mapping[str, float] | None = None) -> str:
    """The ground truth in a bin set and its mixture, with the `marks_of` a pixel.

    Bars: share of the reference pixels at each level. Dashed: each candidate's Gaussian before the
    fit, times its first weight. Solid: after it, over their sum. On the axis: candidates, fused (a
    line) and ground truth (a star).
    """
    if bin_set.histogram is None:
        return _note("This table came without its statistics.", "Load them to see the histogram.")
    names = list(bin_set.ranges)
    marks = values or {}
    low, high = shown_levels(bin_set, marks.values())
    total = sum(bin_set.histogram)
    share = [count / max(total, 1) for count in bin_set.histogram]
    levels = torch.linspace(low, high, (high - low) * STEPS_A_LEVEL + 1, dtype=torch.float64)
    first = None if bin_set.first is None else _density(bin_set.first, levels)
    fitted = None if bin_set.fitted is None else _density(bin_set.fitted, levels)
    highest = max(share)
    if fitted is not None:
        highest = max(highest, float(fitted.sum(0).max()))
    elif first is not None:
        highest = max(highest, float(first.max()))
    top = HEADROOM * highest or 1.0
    x_scale, y_scale = PLOT_WIDTH / (high - low), PLOT_HEIGHT / top

    drawn = [_bars(share, low, high, x_scale, y_scale)]
    if fitted is not None:
        style = 'stroke="currentColor" stroke-width="5" stroke-opacity=".5"'
        drawn.append(_curve(fitted.sum(0), x_scale, y_scale, style, "sum of the fitted ones"))
    for density, mixture, when, style in (
        (first, bin_set.first, "before the fit", 'stroke-width="1.5" stroke-dasharray="5 4"'),
        (fitted, bin_set.fitted, "fitted", 'stroke-width="2"'),
    ):
        if density is None or mixture is None:
            continue
        for place, colour in enumerate(candidate_colours(len(names))):
            said = f"{names[place]}, {when}: {_component(mixture, place)}"
            drawn.append(
                _curve(density[place], x_scale, y_scale, f'stroke="{colour}" {style}', said)
            )
    # A drawing inside the drawing cuts off what leaves the plot.
    inside = (
        f'<svg x="{LEFT}" y="{TOP}" width="{PLOT_WIDTH}" height="{PLOT_HEIGHT}">'
        f"{''.join(drawn)}</svg>"
    )
    empty = (
        ""
        if total
        else text(
            LEFT + PLOT_WIDTH / 2,
            TOP + PLOT_HEIGHT / 2,
            "No reference pixel fell into this bin set.",
            13,
        )
    )
    axes = x_axis(low, high, AXIS, "ground truth level") + y_axis(top, AXIS, PLOT_HEIGHT)
    on_axis = "".join(
        _mark(name, value, LEFT + (value - low) * x_scale, names) for name, value in marks.items()
    )
    title = f"Ground truth in a bin set of {bin_set.channel}"
    return svg(
        "bin-set", HEIGHT, title, _description(bin_set, marks), axes + inside + empty + on_axis
    )


def shown_levels(bin_set: BinSetInspection, values: Iterable[float]) -> tuple[int, int]:
    """From before the first to after the last level with a pixel, of a bin, or of a value."""
    occupied = [level for level, count in enumerate(bin_set.histogram or []) if count]
    bounds = [level for ends in bin_set.ranges.values() for level in ends]
    shown = [*occupied, *bounds, *values]
    return max(int(min(shown)) - MARGIN, -1), min(int(max(shown)) + MARGIN + 1, LEVELS)


def _density(mixture: Mixture, levels: Tensor) -> Tensor:
    """Of each component, (M, L); one of no width is drawn as narrow as rounding makes it."""
    variance = mixture.variance.clamp(min=VARIANCE_FLOOR)
    return Mixture(mixture.weight, mixture.mean, variance).density(levels)


def _bars(share: Sequence[float], low: int, high: int, x_scale: float, y_scale: float) -> str:
    """A bar about each level with a pixel, one level wide, as one path."""
    path = []
    for level in range(max(low, 0), min(high + 1, LEVELS)):
        if share[level]:
            left, top = (level - 0.5 - low) * x_scale, PLOT_HEIGHT - share[level] * y_scale
            path.append(f"M{left:.1f} {PLOT_HEIGHT}V{top:.1f}h{x_scale:.2f}V{PLOT_HEIGHT}Z")
    return f'<path class="bars" fill="currentColor" fill-opacity=".3" d="{"".join(path)}"/>'


def _curve(density: Tensor, x_scale: float, y_scale: float, style: str, said: str) -> str:
    step = x_scale / STEPS_A_LEVEL
    # What is far above the plot is cut there: huge numbers are not for every renderer.
    heights = (PLOT_HEIGHT - density * y_scale).clamp(min=-PLOT_HEIGHT).mul(10).round()
    # Only the ends of flat pieces are drawn: most of a curve is flat.
    steps = heights.diff() != 0
    ends = torch.ones_like(heights, dtype=torch.bool)
    ends[1:-1] = steps[1:] | steps[:-1]
    places, shown = ends.nonzero().flatten().tolist(), heights[ends].div(10).tolist()
    points = " ".join(
        f"{place * step:.1f},{height:.1f}" for place, height in zip(places, shown, strict=True)
    )
    return (
        f'<polyline class="curve" fill="none" {style} points="{points}">'
        f"<title>{escape(said)}</title></polyline>"
    )


def _mark(name: str, value: float, x: float, names: Sequence[str]) -> str:
    style = 'fill="none" stroke="currentColor" stroke-width="2.5"'
    shape = FUSED_MARK
    if name == TRUTH:
        shape, style = TRUTH_MARK, 'fill="currentColor"'
    elif name in names:
        place = names.index(name)
        shape = MARKS[place % len(MARKS)]
        style = f'fill="{candidate_colours(len(names))[place]}"'
    return (
        f'<path class="mark" {style} d="{shape}" transform="translate({x:.1f} {AXIS})">'
        f"<title>{escape(name)} here: {value:.2f}</title></path>"
    )


def _description(bin_set: BinSetInspection, marks: Mapping[str, float]) -> str:
    """What a sighted reader takes from the drawing, in words."""
    said = [bin_set_words(bin_set)]
    mixture = bin_set.fitted or bin_set.first
    if mixture is not None:
        said += [
            f"{name}: {_component(mixture, place)}." for place, name in enumerate(bin_set.ranges)
        ]
    if marks:
        values = ", ".join(f"{name} {value:.1f}" for name, value in marks.items())
        said.append(f"At the pixel: {values}.")
    return " ".join(said)


def _component(mixture: Mixture, place: int) -> str:
    return (
        f"weight {mixture.weight[place]:.3f}, mean {mixture.mean[place]:.1f}, "
        f"deviation {mixture.variance[place].sqrt():.1f}"
    )


def _note(*lines: str) -> str:
    said = "".join(
        text(WIDTH / 2, HEIGHT / 2 + 20 * place, line, 14) for place, line in enumerate(lines)
    )
    return svg("bin-set", HEIGHT, "No bin set to draw", " ".join(lines), said)
