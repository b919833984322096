"""EM on one bin set, replayed: every step of it goes to the browser at once.

The mixtures are the engine's; the script computes the responsibilities from them, by the formula
that stands at the top of ensir.em_trace.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from torch import Tensor

from ensir.comparison import CHANNELS, Comparison
from ensir.em_trace import RULES, EmTrace, trace_bin_set
from ensir.ensemble.mixture import LEAST_GAIN, MOST_STEPS
from ensir.errors import InputError
from ensir.fitting import ENOUGH_PIXELS
from ensir.palettes import candidate_colours
from ensir.ui.em_replay.scripts import CHARTS_CSS, joined
from ensir.ui.errors import say_input_errors, told

HERE = Path(__file__).parent
# In this order, as one script.
SCRIPTS = (
    "mixture.js",
    "charts.js",
    "asking.js",
    "focus.js",
    "state.js",
    "drawing.js",
    "start_weights.js",
    "em_replay.js",
)

Value = dict[str, Any]  # what a component's script draws: plain values alone

STOP_RULES = {
    "em": f"EM stops when a step raises the mean log-likelihood of a pixel by less than "
    f"{LEAST_GAIN:.5f} nats, or after {MOST_STEPS} steps.",
    "published": f"The released code takes the variance about the weighted mean of the truth, not "
    f"about the candidate's mean, so the log-likelihood may fall (orange circles). It makes at "
    f"least 2 steps, stops at the first gain below {LEAST_GAIN:.5f} nats and keeps what it has.",
}
BREAKDOWN = (
    "Here a candidate explains no pixel, and the score is no number: the table keeps what EM "
    "would have started from."
)
SPOKEN = {
    "responsibilities": "Stacked areas: at each level, the responsibility of each candidate, "
    "behind them the histogram of the ground truth. The table below has the weights.",
    "mixture": "The histogram of the ground truth, each candidate's weighted Gaussian, and their "
    "sum; dashed lines are the first mixture.",
    "weights": "The weight of each candidate after each step; the table below has the numbers.",
    "variances": "The variance of each candidate after each step.",
    "scores": "The mean log-likelihood of a pixel after each step.",
    "gains": "By how much each step raised the log-likelihood, and the gain below which EM stops.",
}
NO_TABLE = "The candidates are averaged: there is no EM to replay. Choose where weights come from."
NO_STATISTICS = "This table came without its statistics. Load them to replay how it was fitted."


def em_replay_panel(comparison: gr.State) -> gr.HTML:
    """The replay inside the Blocks being built; shows what `replay_of` returns.

    Other first weights chosen on it are traced anew from the Comparison that `comparison` holds.
    """
    replay = gr.HTML(
        html_template=joined(HERE / "em_replay.html"),
        css_template=joined(CHARTS_CSS, HERE / "em_replay.css"),
        js_on_load=joined(*(HERE / name for name in SCRIPTS)),
        apply_default_css=False,
        elem_id="em-replay",
    )
    replay.restart(
        on_restart,
        comparison,
        replay,
        queue=False,
        trigger_mode="multiple",
        show_progress="hidden",
    )
    return replay


@say_input_errors
def on_restart(comparison: Comparison, event: gr.EventData) -> Value:
    """EM from other first weights in the bin set that is shown."""
    weights = getattr(event, "weights", None)
    kind = str if isinstance(weights, str) else list
    channel, number, weights, asked = told(event, channel=int, number=int, weights=kind, asked=int)
    value = replay_of(comparison, channel, number, weights)
    return {**value, "asked": asked}  # so that the script knows its answer


def replay_of(
    comparison: Comparison, channel: int, number: int, weights: str | list[float] = "released"
) -> Value:
    """What the replay shows of a bin set: the traces of both rules, or why there is none.

    `weights` are the first ones, as in `trace_bin_set`.
    """
    if comparison.fits is None:
        return {"note": NO_TABLE if comparison.table is None else NO_STATISTICS}
    statistics = comparison.fits.statistics
    try:
        traces = {
            name: trace_bin_set(statistics, channel, number, rule, weights)
            for name, rule in RULES.items()
        }
    except InputError as error:
        return {"note": f"{str(error)[0].upper()}{str(error)[1:]}."}
    names = list(comparison.candidates)
    trace = traces["em"]
    return {
        "title": _made_otherwise(comparison) + _title(CHANNELS[channel], number, trace.pixels),
        "channel": channel,
        "number": number,
        "names": names,
        "colours": candidate_colours(len(names)),
        "ranges": [list(ends) for ends in statistics.bins.ranges(number)],
        "histogram": trace.histogram.tolist(),
        "pixels": trace.pixels,
        "mean": trace.mixture.mean[0].tolist(),
        "weights_from": weights if isinstance(weights, str) else "chosen",
        "traces": {name: _steps(one) for name, one in traces.items()},
        "rule": _rule(comparison),
        "rules": STOP_RULES,
        "breakdown": BREAKDOWN,
        "spoken": SPOKEN,
        "insight": _insight(trace),
    }


def _rule(comparison: Comparison) -> str:
    """The rule that made the table, if EM did."""
    method = "" if comparison.table is None else comparison.table.provenance.method
    return method if method in RULES else "em"


def _made_otherwise(comparison: Comparison) -> str:
    """What to say where EM did not make the table as it is replayed."""
    table = comparison.table
    if table is None or table.provenance.method in (*RULES, "released"):
        return ""
    return "The table is fitted by least squares; this is what EM would do. "


def _steps(trace: EmTrace) -> Value:
    return {
        "weight": _numbers(trace.mixture.weight),
        "variance": _numbers(trace.mixture.variance),
        "score": _numbers(trace.score),
        "stop": str(trace.stop),
        "least": LEAST_GAIN,
    }


def _numbers(tensor: Tensor) -> Any:  # noqa: ANN401 - nested lists
    """As lists, None for what is no number: JSON knows no NaN."""
    if tensor.ndim > 1:
        return [_numbers(part) for part in tensor]
    finite = tensor.isfinite().tolist()
    return [one if known else None for one, known in zip(tensor.tolist(), finite, strict=True)]


def _title(channel: str, number: int, pixels: int) -> str:
    few = "" if pixels >= ENOUGH_PIXELS else f" Fewer than {ENOUGH_PIXELS}: the table fits none."
    return f"Bin set {number:,} of {channel}, {pixels:,} reference pixels.{few}"


def _insight(trace: EmTrace) -> str:
    """What the distance between the means lets EM learn here."""
    where = (
        f"The means lie up to {trace.apart:.1f} levels apart, they begin with deviations of "
        f"{trace.deviation:.1f}"
    )
    if not trace.tells_apart and trace.stays:
        return (
            f"{where}: a pixel's level hardly says whose it is, responsibilities stay near the "
            f"weights, and almost any weights are a fixed point. Here EM moves a weight by "
            f"{trace.moved:.3f} at most: what it starts from matters more than the data."
        )
    if not trace.tells_apart:
        return (
            f"{where}: a pixel's level hardly says whose it is. Yet EM moves a weight by "
            f"{trace.moved:.3f}, for it tells candidates apart by their variances alone. That is "
            f"no sign of who is right."
        )
    return (
        f"{where}: a pixel's level says which candidate was nearer to the truth, so EM has "
        f"something to learn. Here it moves a weight by up to {trace.moved:.3f}."
    )
