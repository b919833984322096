"""What makes a new result: new input, runs, links, workspaces, and other weights for the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, wraps

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from ensir.ui.base_models import ONE_AT_A_TIME
from ensir.ui.choosing import wire_choosing
from ensir.ui.events import (
    on_begin,
    on_eightfold,
    on_example,
    on_method,
    on_new_input,
    on_refit,
    on_run,
    on_settled,
    on_task,
    on_truth,
    on_viewed,
    on_waiting,
)
from ensir.ui.example import page_is_open
from ensir.ui.inputs_panel import Inputs
from ensir.ui.jobs import wire_stop
from ensir.ui.links import on_arrive, on_linked
from ensir.ui.results_panel import Results
from ensir.ui.sight import progress_script, result_script
from ensir.ui.workspace import on_open

# What is quick leaves the page as it is: no veil over what the visitor looks at.
QUICK = {"trigger_mode": "always_last", "show_progress": "hidden"}
# Of events that say what was clicked, Gradio would send the first one's word with a later one too.
EACH = {"trigger_mode": "multiple"}
# What shows another value in the viewer waits for what fuses again, and sees that. A run has a
# lane of its own: what it overtakes ends later, and `on_settled`, behind that, shows the run's
# result once more.
SHOWN = {**QUICK, "concurrency_id": "result"}


@dataclass(frozen=True)
class Fusing:
    """The fields that a new result is made of and shown in, and what the page keeps of it."""

    app: gr.Blocks
    inputs: Inputs
    results: Results
    comparison: gr.State  # what is looked at
    given: gr.State  # counts inputs: those that were not fused yet wait for the button
    fused_inputs: gr.State  # the count when they were fused last
    of_fused: gr.State  # the last count at which the picture was still the one fused last
    pressed: gr.State  # the count when the button was pressed last
    ran: gr.State  # what the last run came to
    drawn: gr.State  # the view that the result was drawn in
    link: gr.State  # what an address asks for
    fused: tuple[Component, ...]  # what `events.fused_outputs` fills

    @property
    def there(self) -> list[gr.State]:
        """What there is, and whether newer input waits."""
        return [self.comparison, self.given, self.fused_inputs]

    @property
    def weights_and_view(self) -> list[Component]:
        """Where the weights come from, and what is looked at."""
        return [*self.inputs.weights, *self.results.view]

    @property
    def refitted(self) -> dict[str, object]:
        """How an event goes on that fuses the same candidates again."""
        return {
            "outputs": [*self.fused, self.results.candidates],
            "show_progress_on": [self.inputs.note],
            "concurrency_id": "result",
        }

    @property
    def running(self) -> dict[str, object]:
        """How an event goes on that restores."""
        return {"show_progress_on": [self.inputs.note], "concurrency_id": ONE_AT_A_TIME}

    @property
    def made(self) -> list[Component]:
        """What a run fills."""
        return [*self.fused, self.results.candidates, self.fused_inputs, self.ran]

    def refit_after(self, event: Callable[..., Dependency]) -> None:
        """Lets an event, such as `button.click`, fuse again with other weights."""
        options = {"trigger_mode": "always_last", "show_progress": "minimal", **self.refitted}
        self.look_after(event(on_refit, [*self.there, *self.weights_and_view], **options))

    def look_after(self, result: Dependency) -> None:
        """What was chosen to be looked at while the result was made is looked at."""
        result.success(
            on_viewed,
            [self.comparison, self.drawn, *self.results.view],
            list(self.fused),
            **SHOWN,
        )


def wire_fusing(
    app: gr.Blocks,
    inputs: Inputs,
    results: Results,
    comparison: gr.State,
    highlight: gr.State,
) -> Fusing:
    """Wires all that makes a new result; `highlight` is of a bin set in it."""
    drawn = gr.State(None)
    fused = (
        *(comparison, results.viewer, highlight),
        *(results.map_kind, results.maps, results.map_legend),
        *(results.score_table, inputs.note, results.x, results.y, *results.inspected),
        *(results.changed, results.sort_by, results.bin_sets_help, drawn),
    )
    counts = {name: gr.State(0) for name in ("given", "fused_inputs", "of_fused", "pressed")}
    it = Fusing(
        app,
        inputs,
        results,
        comparison,
        **counts,
        ran=gr.State(None),
        drawn=drawn,
        link=gr.State(None),
        fused=fused,
    )
    _wire_new_input(it)
    _wire_weights(it)
    # Before the runs: the page sends the events of one click one after the other, each when the
    # one before has ended.
    wire_choosing(inputs, comparison, it.given, it.fused_inputs, it.link, it.refit_after)
    jobs = [*_runs(it), _linked(it)]
    for job in jobs:
        _wire_end(it, job)
    wire_stop(app, inputs.stop, jobs)
    _wire_workspace(it, jobs)
    return it


def _wire_new_input(it: Fusing) -> None:
    """Counts what is given: it waits for the button."""
    inputs = it.inputs
    counts = [it.given, it.fused_inputs, it.of_fused]
    for event in (
        *(inputs.picture.upload, inputs.picture.clear, inputs.own_files.upload),
        *(inputs.degrade.input, inputs.strength.input),
    ):
        event(on_new_input, counts, [it.given, inputs.truth, inputs.note], queue=False)
    counted = [it.given, it.of_fused, inputs.note]
    inputs.eightfold.input(on_eightfold, counts, counted, queue=False)
    # Whoever sees the base models of a task may go on: by then it is counted.
    inputs.task.input(
        on_new_input,
        counts,
        [it.given, inputs.truth, inputs.note],
        trigger_mode="always_last",
        queue=False,
    ).then(
        on_task,
        [inputs.task, inputs.picture, inputs.degrade],
        [inputs.restorers, inputs.strength, inputs.degrade],
        trigger_mode="always_last",
        queue=False,
    )


def _wire_weights(it: Fusing) -> None:
    """Other weights, or another ground truth, for the candidates there are."""
    inputs = it.inputs
    weights = [inputs.bin_width.input, inputs.trust.input, inputs.soft.input]
    it.refit_after(partial(gr.on, [*weights, inputs.source.select, inputs.file.upload]))
    method = inputs.method.input(
        on_method, inputs.method, inputs.trust, trigger_mode="always_last", queue=False
    )
    it.refit_after(method.then)
    it.look_after(
        inputs.truth.upload(
            on_truth,
            [*it.there, inputs.truth, *it.weights_and_view],
            trigger_mode="always_last",
            show_progress="minimal",
            **it.refitted,
        )
    )


def _runs(it: Fusing) -> list[Dependency]:
    """What restores and fuses: the button, and an example that was taken."""
    inputs = it.inputs
    taken = inputs.examples.select(
        on_example,
        [inputs.task, inputs.strength, it.given],
        [inputs.start, inputs.picture, inputs.truth, inputs.degrade, it.given, inputs.note],
        **{**QUICK, **EACH},
    )
    jobs = []
    for begin, mode, button in (
        (inputs.run.click, "once", "run"),
        (taken.success, "always_last", "examples"),
    ):
        begin(None, js=progress_script("note", button, "viewer"))
        about = [inputs.start, inputs.picture, inputs.degrade, it.given]
        begin(on_begin, about, [inputs.stop, inputs.truth, it.pressed], queue=False)
        to_run = [*inputs.to_run, it.pressed, *it.weights_and_view, it.comparison]
        jobs.append(begin(on_run, to_run, it.made, trigger_mode=mode, **it.running))
        jobs[-1].success(None, js=result_script("viewer", "run"))
    return jobs


def _linked(it: Fusing) -> Dependency:
    """A link is a run of its own, and shows the channel that it names."""
    inputs, results = it.inputs, it.results
    it.app.load(
        _on_arrive,
        it.given,
        [
            *(it.link, inputs.link_note, inputs.note, it.given),
            *(inputs.start, inputs.picture, inputs.truth),
            *(results.map_kind, results.x, results.y, results.sort_by),
            *fields_of_settings(inputs, results),
        ],
        show_progress="hidden",  # and queued: only then the page hears that the link has changed
    )
    it.link.change(lambda: gr.update(interactive=True), None, inputs.stop, queue=False)
    asked = [it.link, inputs.picture, inputs.truth, it.given]
    return it.link.change(on_linked, asked, [*it.made, results.channel], **it.running)


def _wire_end(it: Fusing, job: Dependency) -> None:
    """After a run: takes what was chosen while it went on, and says what waits."""
    settled = job.success(
        on_settled,
        [*it.there, it.ran, it.drawn, it.inputs.truth, *it.weights_and_view],
        show_progress="hidden",
        **it.refitted,
    )
    it.look_after(settled)
    job.success(on_waiting, [it.given, it.fused_inputs], it.inputs.note, queue=False)


def _wire_workspace(it: Fusing, jobs: Sequence[Dependency]) -> None:
    """A workspace opens when it is there, and brings all that it needs."""
    inputs, results = it.inputs, it.results
    opened = inputs.workspace.upload(
        on_open,
        [inputs.workspace, it.given],
        [
            *(*it.made, inputs.start, inputs.picture, inputs.truth, inputs.own_files),
            *(inputs.workspace, inputs.file, results.channel),
            *fields_of_settings(inputs, results),
        ],
        show_progress_on=[inputs.note],
        concurrency_id="result",
        cancels=list(jobs),
    )
    opened.success(None, js=result_script("viewer", "start"))
    opened.failure(lambda: None, None, inputs.workspace, queue=False)  # for another one


def fields_of_settings(inputs: Inputs, results: Results) -> list[Component]:
    """The fields that settings fill, in the order of `choices.chosen`."""
    return [
        *(inputs.task, inputs.strength, inputs.degrade, inputs.restorers, inputs.eightfold),
        *(inputs.source, inputs.bin_width, inputs.method, inputs.trust, inputs.soft),
        *(results.map_channel, results.map_opacity),
    ]


@wraps(on_arrive)
def _on_arrive(inputs: int, request: gr.Request) -> object:
    page_is_open()
    return on_arrive(inputs, request)
