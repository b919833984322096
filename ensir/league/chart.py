"""The chart of gains: for each contestant every picture, the mean and its interval, as SVG.

Places are percentages of the width, so that a line is as wide as the page leaves room for and its
text stays as large as the page's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

from ensir.league.contestants import KINDS
from ensir.league.standings import League, Standing
from ensir.league.words import decibels, interval_of, plural

HEIGHT = 22  # of a line, in CSS pixels
LEAST_SPAN = 0.05  # dB on either side of averaging, where all are alike
MARGIN = 0.04  # of the width on either side


@dataclass(frozen=True)
class Axis:
    """The gains that are shown, in dB."""

    low: float
    high: float

    def place(self, gain: float) -> float:
        """Where a gain stands, as a percentage of the width."""
        share = (gain - self.low) / (self.high - self.low)
        return 100 * (MARGIN + (1 - 2 * MARGIN) * share)

    def shows(self, gain: float) -> bool:
        return self.low <= gain <= self.high

    def ticks(self) -> list[float]:
        """Round gains, three to eight of them, with 0 among them."""
        step = 10 ** math.floor(math.log10((self.high - self.low) / 2))
        step = next(
            part * step for part in (0.5, 1, 2, 5) if (self.high - self.low) / (part * step) <= 7
        )
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [step * place for place in range(first, last + 1)]


def axis(league: League) -> Axis:
    """Every gain of an ensemble over averaging, and as much of what is below it."""
    gains = [
        gain
        for one in league.rivals
        for gain in one.over_average.gain.pictures
        if math.isfinite(gain)
    ]
    high = max([LEAST_SPAN, *gains])
    return Axis(max(min([-LEAST_SPAN, *gains]), -high), high)


def chart(league: League) -> str:
    """The lines of all contestants under one axis, as HTML."""
    shown = axis(league)
    kinds = "".join(
        f'<li><i class="dot {kind}"></i>{escape(plural(kind))}</li>'
        for kind in KINDS
        if any(one.who[0] == kind for one in league.standings)
    )
    lines = "\n".join(_line(one, shown, one is league.winner) for one in league.standings)
    scale = _scale(shown)
    return f"""<ul class="kinds">{kinds}</ul>
<div class="chart" role="list">
<div class="line scale" aria-hidden="true">{scale}</div>
{lines}
</div>"""


def _line(one: Standing, shown: Axis, is_best: bool) -> str:
    gain = one.over_average.gain
    interval = interval_of(one.over_average)
    said = f"{one.title}: {decibels(gain.mean)} dB"
    zero = shown.place(0)
    marks = [_line_of("zero", zero, zero, "0", "100%")]
    if one.over_average.interval is not None:
        low, high = one.over_average.interval.low, one.over_average.interval.high
        if low <= shown.high and high >= shown.low:
            left, right = shown.place(max(low, shown.low)), shown.place(min(high, shown.high))
            marks.append(_line_of("interval", left, right, "50%", "50%"))
    marks += [
        f'<circle class="picture" cx="{shown.place(each):.2f}%" cy="50%" r="2.5"/>'
        for each in gain.pictures
        if shown.shows(each)
    ]
    if shown.shows(gain.mean):
        marks.append(f'<circle class="mean" cx="{shown.place(gain.mean):.2f}%" cy="50%" r="5.5"/>')
    else:
        marks.append(_beyond(gain.mean, shown))
    best = " winner" if is_best else ""
    return (
        f'<div class="line {one.who[0]}{best}" role="listitem">'
        f'<span class="name">{escape(one.title)}</span>'
        f'<svg height="{HEIGHT}" role="img" aria-label="{escape(said)}">{"".join(marks)}</svg>'
        f'<span class="value"><b>{decibels(gain.mean)}</b> <span>{interval}</span></span></div>'
    )


def _beyond(gain: float, shown: Axis) -> str:
    """An arrow at the end behind which a mean lies."""
    end, anchor, arrow = (100, "end", "▶") if gain > shown.high else (0, "start", "◀")
    return (
        f'<text class="beyond" x="{end}%" y="50%" dy=".35em" text-anchor="{anchor}">{arrow}</text>'
    )


def _scale(shown: Axis) -> str:
    marks = [
        f'<text x="{shown.place(gain):.2f}%" y="75%" text-anchor="middle">{_tick(gain)}</text>'
        for gain in shown.ticks()
    ]
    return (
        f'<span class="name"></span><svg height="{HEIGHT}">{"".join(marks)}</svg>'
        '<span class="value">mean, dB <span>95 % interval</span></span>'
    )


def _tick(gain: float) -> str:
    return "average" if gain == 0 else f"{gain:+.3g}".replace("-", "−")


def _line_of(name: str, left: float, right: float, top: str, bottom: str) -> str:
    return f'<line class="{name}" x1="{left:.2f}%" x2="{right:.2f}%" y1="{top}" y2="{bottom}"/>'
