"""What drawings over levels share as SVG: axes, text and the frame around them.

Text and lines have the colour of the page around (currentColor), light or dark; whatever is named
by a user is escaped. Lengths are in units that the page scales.
"""

from __future__ import annotations

from html import escape

from ensir.limits import LEVELS

WIDTH = 440
LEFT, RIGHT = 52, 12  # room beside the plot
PLOT_WIDTH = WIDTH - LEFT - RIGHT
HEADROOM = 1.08
MOST_TICKS = 7  # of levels


def x_axis(low: int, high: int, axis: float, label: str) -> str:
    """Levels from `low` to `high` along a line at the height `axis`, and what they are."""
    scale = PLOT_WIDTH / (high - low)
    step = next(step for step in (1, 2, 5, 10, 20, 50) if (high - low) / step <= MOST_TICKS)
    ticks = "".join(
        f'<path stroke="currentColor" d="M{LEFT + (level - low) * scale:.1f} {axis}v4"/>'
        + text(LEFT + (level - low) * scale, axis + 21, str(level))
        for level in range(-(-max(low, 0) // step) * step, min(high, LEVELS - 1) + 1, step)
    )
    line = f'<path stroke="currentColor" stroke-opacity=".6" d="M{LEFT} {axis}h{PLOT_WIDTH}"/>'
    return line + ticks + text(LEFT + PLOT_WIDTH / 2, axis + 38, label, 12)


def y_axis(top: float, axis: float, height: float, most: int = 5) -> str:
    """Shares of pixels from 0 at the height `axis` up to `top`, `height` above it."""
    step = next(
        size * 10.0**power
        for power in range(-6, 2)
        for size in (1, 2, 5)
        if top / (size * 10.0**power) <= most
    )
    ticks = ""
    for number in range(int(top / step) + 1):
        y = axis - number * step * height / top
        ticks += (
            f'<path stroke="currentColor" stroke-opacity=".15" d="M{LEFT} {y:.1f}h{PLOT_WIDTH}"/>'
            + text(LEFT - 5, y + 4, f"{100 * number * step:g}%", anchor="end")
        )
    label = text(0, 0, "share of pixels", 12)
    return f'{ticks}<g transform="translate(12 {axis - height / 2}) rotate(-90)">{label}</g>'


def text(x: float, y: float, said: str, size: int = 11, anchor: str = "middle") -> str:
    """A line of text."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">'
        f"{escape(said)}</text>"
    )


def svg(name: str, height: int, title: str, description: str, inside: str) -> str:
    """A drawing as wide as the page allows, in the CSS class `name`."""
    return (
        f'<svg class="{name}" role="img" viewBox="0 0 {WIDTH} {height}" width="100%" '
        'xmlns="http://www.w3.org/2000/svg" fill="currentColor" font-family="inherit">'
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc>{inside}</svg>"
    )
