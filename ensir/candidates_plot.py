"""What the candidates of one picture have in a bin set, as SVG below that of `bin_set_plot`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from torch import Tensor

from ensir.bin_set_plot import MARGIN, MARKS
from ensir.inspection import BinSetInspection
from ensir.level_axes import HEADROOM, LEFT, PLOT_WIDTH, svg, text, x_axis, y_axis
from ensir.limits import LEVELS
from ensir.palettes import candidate_colours

TOP, PLOT_HEIGHT = 38, 92
AXIS = TOP + PLOT_HEIGHT
HEIGHT = AXIS + 46


def candidates_svg(bin_set: BinSetInspection, levels: Mapping[str, Tensor]) -> str:
    """The levels (256,) int64 of each candidate, by name, in a bin set of one picture.

    One stepped line each: the share of the picture's pixels in the bin set. At its peak stands the
    candidate's mark. Drawn over the bins alone, which are narrow beside what the ground truth is.
    """
    bounds = [level for ends in bin_set.ranges.values() for level in ends]
    low, high = max(min(bounds) - MARGIN, -1), min(max(bounds) + MARGIN, LEVELS)
    total = int(next(iter(levels.values())).sum())
    shares = {name: (counts / max(total, 1)).tolist() for name, counts in levels.items()}
    top = HEADROOM * max(map(max, shares.values())) or 1.0
    said = f"Candidates in this picture: {total:,} pixels"
    x_scale, y_scale = PLOT_WIDTH / (high - low), PLOT_HEIGHT / top
    colours = candidate_colours(len(shares))
    drawn = [
        _steps(name, share, low, x_scale, y_scale, colours[place], MARKS[place % len(MARKS)])
        for place, (name, share) in enumerate(shares.items())
        if total
    ]
    axes = x_axis(low, high, AXIS, "candidate level") + y_axis(top, AXIS, PLOT_HEIGHT, most=3)
    means = " ".join(f"{name}: {_moments(share)}." for name, share in shares.items() if total)
    title = text(LEFT, TOP - 14, said, 12, anchor="start")
    return svg("in-picture", HEIGHT, said, f"{said}. {means}", title + axes + "".join(drawn))


def _steps(
    name: str,
    share: Sequence[float],
    low: int,
    x_scale: float,
    y_scale: float,
    colour: str,
    mark: str,
) -> str:
    """A stepped line from the first to the last level with a pixel, one level wide each."""
    occupied = [level for level in range(LEVELS) if share[level]]
    first, last = occupied[0], occupied[-1]
    left = LEFT + (first - 0.5 - low) * x_scale
    heights = "".join(
        f"V{AXIS - share[level] * y_scale:.1f}h{x_scale:.2f}" for level in range(first, last + 1)
    )
    peak = max(occupied, key=lambda level: share[level])
    at = f"{LEFT + (peak - low) * x_scale:.1f} {AXIS - share[peak] * y_scale:.1f}"
    said = escape(f"{name} in this picture: {_moments(share)}")
    return (
        f'<g stroke="{colour}" fill="{colour}"><path class="steps" stroke-width="1.75" '
        f'fill-opacity=".12" d="M{left:.1f} {AXIS}{heights}V{AXIS}"><title>{said}</title></path>'
        f'<path stroke="none" d="{mark}" transform="translate({at}) scale(.7)"/></g>'
    )


def _moments(share: Sequence[float]) -> str:
    mean = sum(level * part for level, part in enumerate(share))
    variance = sum((level - mean) ** 2 * part for level, part in enumerate(share))
    return f"mean {mean:.1f}, deviation {max(variance, 0) ** 0.5:.1f}"
