"""The button that lets the reference pictures choose the numbers of a fit."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from typing import TYPE_CHECKING

import gradio as gr
from gradio.events import Dependency

from ensir.automatic import Chosen, choose
from ensir.comparison import Comparison
from ensir.errors import Cancelled, InputError
from ensir.methods import Choices
from ensir.progress import IsCancelled, OnProgress
from ensir.ui.errors import say_input_errors
from ensir.ui.jobs import at_end, followed
from ensir.ui.reference import may_be_apart, pictures_for

if TYPE_CHECKING:
    from ensir.ui.inputs_panel import Inputs

AUTOMATIC = ("bin_width", "trust")
HELP = "Bin width and trust by which reference pictures gain most when left out of the fit"
NOT_APART = (
    "Numbers are chosen by leaving reference pictures out: only a sample, or a file of reference "
    "pictures, has them apart"
)


def choosing_row() -> dict[str, object]:
    """Lays the button out, with a stop for it and a note of what was chosen."""
    with gr.Row():
        begin = gr.Button("Choose for me", size="sm", elem_id="choose", scale=3)
        stop = gr.Button(
            "Stop", size="sm", elem_id="stop-choosing", scale=1, min_width=80, visible=False
        )
    note = gr.HTML(_help(HELP), elem_id="chosen", padding=False)
    return {"choose": begin, "stop_choosing": stop, "chosen": note}


def wire_choosing(
    inputs: Inputs,
    comparison: gr.State,
    given: gr.State,
    fused_inputs: gr.State,
    link: gr.State,
    refit: Callable[[Callable[..., Dependency]], None],
) -> None:
    """Wires the button; `refit` lets an event fuse again with the weights chosen.

    What brings another result, or chooses by hand what is being chosen, ends the choosing.
    """
    begin, stop, note = inputs.choose, inputs.stop_choosing, inputs.chosen
    source, file = inputs.source, inputs.file
    begin.click(_begun, None, [begin, stop], queue=False)
    job = begin.click(
        on_choose,
        [
            *(comparison, given, fused_inputs),
            *(source, file, inputs.bin_width, inputs.method, inputs.trust),
        ],
        [inputs.bin_width, inputs.trust, note],
        show_progress_on=[note],
    )
    refit(job.success)
    at_end(job, on_ended, [source, file], [begin, stop], queue=False)
    stop.click(on_ended, [source, file], [begin, stop], cancels=[job], queue=False)
    gr.on(
        [
            *(source.change, file.change),
            *(inputs.method.input, inputs.bin_width.input, inputs.trust.input),
            *(inputs.run.click, inputs.examples.select, inputs.workspace.upload, link.change),
        ],
        on_choosable,
        [source, file],
        [begin, stop, note],
        cancels=[job],
        queue=False,
        show_progress="hidden",
    )


@say_input_errors
def on_choose(
    comparison: Comparison,
    inputs: int,
    fused_inputs: int,
    source: str,
    file: str | None,
    bin_width: int,
    method: str,
    trust: float,
    progress: gr.Progress = gr.Progress(),  # noqa: B008 - how Gradio hands it over
) -> Generator[object, None, None]:
    """Finds the bin width and trust that do best on reference pictures left out of the fit."""
    if inputs != fused_inputs:
        raise InputError("the new input is not fused yet: press the button below, then choose")

    def work(on_progress: OnProgress, cancelled: IsCancelled) -> Chosen:
        def report(done: int, total: int) -> None:
            if cancelled():
                raise Cancelled
            on_progress(done, total)

        pictures = pictures_for(source, comparison.as_given, file)
        if pictures is None:
            raise InputError(NOT_APART)
        return choose(pictures, bin_width, Choices(method), AUTOMATIC, report)

    with closing(followed(work, "choosing")) as steps:
        while True:
            try:
                step = next(steps)
            except StopIteration as ended:
                chosen: Chosen = ended.value
                break
            progress(step, desc="Choosing", unit="fits")
            yield gr.skip()
    best = chosen.best
    note = _help(chosen_words(chosen, bin_width, trust))
    yield best.bin_width, best.choices.own_trust, note


@say_input_errors
def on_ended(source: str, file: str | None) -> tuple[object, ...]:
    """The button is there again if its source of weights has what choosing needs; no stop is."""
    return gr.update(interactive=may_be_apart(source, file)), gr.update(visible=False)


@say_input_errors
def on_choosable(source: str, file: str | None) -> tuple[object, ...]:
    """The same, and a word about it in the place of what was chosen before."""
    can = may_be_apart(source, file)
    return *on_ended(source, file), _help(HELP if can else NOT_APART)


def chosen_words(chosen: Chosen, bin_width: int, trust: float) -> str:
    """What was chosen, and how much it matters against the setting before, as a sentence."""
    best = chosen.best
    before = chosen.gain_of(bin_width, trust)
    more = ""
    if (best.bin_width, best.choices.own_trust) == (bin_width, trust):
        more = ", as it was"
    elif before is not None:
        more = f" and {best.gain - before:+.3f} dB over bin width {bin_width}, trust {trust:g}"
    return (
        f"{best.said(AUTOMATIC).capitalize()}: {best.gain:+.3f} dB over averaging{more}, the mean "
        f"of {chosen.pictures} reference pictures, each left out of its fit"
    ).replace("-", "−")


def _begun() -> tuple[object, ...]:
    return gr.update(interactive=False), gr.update(visible=True)


def _help(words: str) -> str:
    return f'<p class="help">{words}.</p>'
