"""What makes a new result: a run, other weights, another ground truth."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from torch import Tensor

from ensir.comparison import (
    INPUT,
    TRUTH,
    Comparison,
    check_names,
    compare,
    fuse_again,
    is_same_picture,
    with_truth,
)
from ensir.errors import InputError
from ensir.images import Stored, read_picture
from ensir.inspection import inspect_pixel, most_disputed_pixel
from ensir.intake import brought, take_in
from ensir.looks import Look
from ensir.methods import METHODS
from ensir.progress import OnProgress
from ensir.restorers import depth_notes
from ensir.restorers.classical import CLASSICAL
from ensir.tasks import clean, task_of
from ensir.tasks import degraded as degraded_by
from ensir.ui import views
from ensir.ui.base_models import Steps, chosen_at_first, estimate_words, offered, restored
from ensir.ui.errors import say_input_errors, told
from ensir.ui.example import SEED, example_files, example_pictures
from ensir.ui.inspecting import NO_CANDIDATE, inspected, pinned
from ensir.ui.layers import SOLID, viewer_value
from ensir.ui.reference import FILE, reference_for, tolerance_for
from ensir.ui.side_by_side import side_by_side

RESTORE = "Restore a picture"
OWN = "My own candidates"
WORKSPACE = "A saved workspace"
NEW_INPUT = "New input: press the button to fuse it. What is shown still belongs to the old one."
FIRST_MAPS = "weight"
# Seconds between two moments at which a run can be stopped: each takes its progress off the page
# until there is news of it.
HEARD_EVERY = 1.0
SOFT = "Soft look-up: weights are mixed with those of neighbouring bin sets, which are not drawn"


@dataclass(frozen=True)
class Weights:
    """Where the weights come from, as the page has it."""

    source: str
    file: str | None
    bin_width: int
    method: str
    trust: float
    soft: bool


@dataclass(frozen=True, eq=False)
class Given:
    """What a run begins with: a degraded picture to restore, or candidates."""

    candidates: dict[str, Tensor]  # empty where there is a picture to restore
    degraded: Tensor | None
    truth: Tensor | None
    alpha: Tensor | None
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Ran:
    """What a run came to, and where its weights came from."""

    comparison: Comparison
    weights: Weights
    truth: str | None = None  # the file in the field of the ground truth when it began


@dataclass(frozen=True)
class View:
    """What the visitor looks at, which stays when the result changes, as far as it can."""

    map_kind: str
    map_channel: str
    x: int | None
    y: int | None
    channel: str
    map_opacity: float = SOLID  # in percent
    sort_by: str | None = None  # the bin sets of the list; None: by what costs most


@say_input_errors
def on_run(
    start: str,
    picture: str | None,
    task: str,
    degrade: bool,
    strength: float,
    restorers: list[str],
    eightfold: bool,
    own_files: list[str] | None,
    crop: bool,
    truth: str | None,
    inputs: int,
    source: str,
    file: str | None,
    bin_width: int,
    method: str,
    trust: float,
    soft: bool,
    map_kind: str,
    map_channel: str,
    x: int | None,
    y: int | None,
    channel: str,
    map_opacity: float = SOLID,
    sort_by: str | None = None,
    before: Comparison | None = None,
    progress: gr.Progress = gr.Progress(),  # noqa: B008 - how Gradio hands it over
) -> Generator[object, None, None]:
    """Restores the picture, or takes the visitor's candidates, and fuses them.

    A picture to degrade becomes the ground truth of its noisy self; outputs that other programs
    made of it are not of that. The pixel that is looked at stays unless the result `before` was of
    another picture.
    """
    weights = Weights(source, file, bin_width, method, trust, soft)
    degrade = degrade and start == RESTORE
    known = None if truth is None or degrade else Path(truth)
    if start == OWN:
        given = _own_candidates(own_files, known, crop)
    else:
        given = _to_restore(picture, known, task, crop)
        if degrade:
            given = _degraded(given, task, strength)
    candidates, said = given.candidates, given.notes
    if given.degraded is not None:
        said += depth_notes(given.degraded)
        check_names(restorers or ())
        words = estimate_words(restorers, picture, self_ensemble=eightfold is True)
        uploaded = None if degrade else picture
        steps = restored(restorers, given.degraded, uploaded, self_ensemble=eightfold is True)
        candidates = yield from _watched(steps, f"Restoring. {words}".strip(), progress)
    reference, about = reference_for(source, candidates, given.truth, file, bin_width)
    compared = compare(
        candidates,
        degraded=given.degraded,
        truth=given.truth,
        alpha=given.alpha,
        notes=said,
        reference=reference,
        bin_width=bin_width,
        method=method,
        trust=trust,
        soft=soft is True,
        tolerance=tolerance_for(source, candidates, file, bin_width),
        on_progress=_fitting(progress),
    )
    if before is not None and not is_same_picture(before, compared):
        x = y = None
    view = View(map_kind, map_channel, x, y, channel, map_opacity, sort_by)
    yield gr.skip()  # a stop is heard here, before all is drawn
    yield (
        *fused_outputs(compared, about, view),
        views.candidate_items(compared),
        inputs,
        Ran(compared, weights, picture if degrade else truth),  # as `on_begin` fills the field
    )


def on_begin(start: str, picture: str | None, degrade: bool, inputs: int) -> tuple[object, ...]:
    """Lets the run be stopped; a picture that is degraded is its own ground truth.

    Says for which input the button was pressed: a run that waits begins later.
    """
    truth = picture if degrade and start == RESTORE else gr.skip()
    return gr.update(interactive=True), truth, inputs


def on_new_input(inputs: int, fused_inputs: int, of_fused: int) -> tuple[object, ...]:
    """Counts the input, forgets the ground truth of the one before, and asks for the button."""
    truth = None if inputs in (fused_inputs, of_fused) else gr.skip()
    return inputs + 1, truth, views.notes(NEW_INPUT)


def on_eightfold(inputs: int, fused_inputs: int, of_fused: int) -> tuple[object, ...]:
    """Counts what is asked of the same picture, and asks for the button.

    The ground truth stays, and is still forgotten with the picture.
    """
    is_of_fused = inputs in (fused_inputs, of_fused)
    return inputs + 1, inputs + 1 if is_of_fused else gr.skip(), views.notes(NEW_INPUT)


@say_input_errors
def on_settled(
    comparison: Comparison,
    inputs: int,
    fused_inputs: int,
    ran: Ran | None,
    drawn: View,
    truth: str | None,
    *weights_and_view: Any,  # noqa: ANN401
) -> object:
    """After a run: takes the weights and the ground truth that came while it went on.

    New input waits for the button, and so does its ground truth; other weights are those of the
    result at once. What was fused of the candidates before, and came after the run, gives way to
    it; so does what was shown of it in the viewer.
    """
    if ran is None:
        return gr.skip()
    # Of newer input, nobody knows whether the ground truth is of that.
    known = ran.comparison if inputs != fused_inputs else _held_against(ran, truth)
    is_shown = known is ran.comparison and _is_of_same_candidates(comparison, known)
    again: Any = gr.skip()
    if not is_shown or ran.weights != Weights(*weights_and_view[:6]):
        again = on_refit(known, inputs, fused_inputs, *weights_and_view)
    if isinstance(again, tuple):
        return again if is_shown else (*again[:-1], views.candidate_items(again[0]))
    if is_shown:
        return _in_viewer_again(comparison, drawn)
    return *fused_outputs(known, None, View(*weights_and_view[6:])), views.candidate_items(known)


def _held_against(ran: Ran, truth: str | None) -> Comparison:
    """What a run came to, held against a ground truth if that is another one, and fits."""
    if truth in (None, ran.truth):
        return ran.comparison
    try:
        return with_truth(ran.comparison, read_picture(Path(truth), TRUTH).values)
    except InputError as error:  # the rest of the page is to be right all the same
        gr.Warning(escape(str(error), quote=False), title="This cannot be used")
        return ran.comparison


def _in_viewer_again(comparison: Comparison, drawn: View) -> tuple[object, ...]:
    """Of `fused_outputs` and the candidates, the viewer as the result came, without a highlight."""
    value = viewer_value(
        comparison,
        map_channel=drawn.map_channel,
        opacity=drawn.map_opacity,
        pinned=pinned(comparison, drawn.x, drawn.y),
    )
    return gr.skip(), replace(value, keeps_pin=True), None, *[gr.skip()] * 15


def on_waiting(inputs: int, fused_inputs: int) -> object:
    """After a run: says again what its result has overwritten, where new input waits."""
    return gr.skip() if inputs == fused_inputs else views.notes(NEW_INPUT)


def _is_of_same_candidates(one: Comparison, other: Comparison) -> bool:
    return list(map(id, one.as_given.values())) == list(map(id, other.as_given.values()))


@say_input_errors
def on_viewed(comparison: Comparison, drawn: View | None, *view: Any) -> object:  # noqa: ANN401
    """After a result: looks at it as was chosen while it was made; the rest stays."""
    wanted = View(*view)
    if drawn is None or _as_there_is(wanted, comparison) == drawn:
        return gr.skip()
    return fused_outputs(comparison, None, wanted)


@say_input_errors
def on_refit(
    comparison: Comparison,
    inputs: int,
    fused_inputs: int,
    source: str,
    file: str | None,
    bin_width: int,
    method: str,
    trust: float,
    soft: bool,
    map_kind: str,
    map_channel: str,
    x: int | None,
    y: int | None,
    channel: str,
    map_opacity: float = SOLID,
    sort_by: str | None = None,
    progress: gr.Progress = gr.Progress(),  # noqa: B008 - as above
) -> object:
    """Fuses the same candidates with other weights, unless new ones wait for the button."""
    if inputs != fused_inputs or (source == FILE and file is None):
        return gr.skip()
    reference, about = reference_for(source, comparison.as_given, comparison.truth, file, bin_width)
    again = fuse_again(
        comparison,
        reference=reference,
        bin_width=bin_width,
        method=method,
        trust=trust,
        soft=soft is True,
        tolerance=tolerance_for(source, comparison.as_given, file, bin_width),
        on_progress=_fitting(progress),
    )
    same_order = list(again.candidates) == list(comparison.candidates)
    return (
        *fused_outputs(
            again, about, View(map_kind, map_channel, x, y, channel, map_opacity, sort_by)
        ),
        gr.skip() if same_order else views.candidate_items(again),
    )


@say_input_errors
def on_truth(
    comparison: Comparison,
    inputs: int,
    fused_inputs: int,
    truth: str | None,
    *weights_and_view: Any,  # noqa: ANN401
) -> object:
    """Holds the same candidates against a ground truth, unless new ones wait for the button."""
    if truth is None or inputs != fused_inputs:
        return gr.skip()
    picture = read_picture(Path(truth), TRUTH)
    known = with_truth(comparison, picture.values)
    return on_refit(known, inputs, fused_inputs, *weights_and_view)


@say_input_errors
def on_example(task: str, strength: float, inputs: int, event: gr.EventData) -> tuple[object, ...]:
    """Takes a picture of ours: degraded, to restore, and as it is for the ground truth."""
    files = example_files()
    (index,) = told(event, index=int)
    if index not in range(len(files)):
        raise InputError(f"an example is one of {len(files)}: choose it again")
    picture, truth = example_pictures(files[index], task, strength)
    return RESTORE, picture, truth, False, inputs + 1, views.notes(NEW_INPUT)


def models_words(task: str) -> str:
    """What the base models of a task are for."""
    if any(restorer.task == task for restorer in CLASSICAL):
        return "Filters: for noise of 25 levels. Networks: trained on synthetic data"
    return "Networks trained on synthetic data"


def degrade_words(task: str) -> str:
    """What the page does on request to a clean picture."""
    about = task_of(task)
    does = f"Adds {about.degradation}"
    if about.scale > 1:
        does = f"Makes it {about.scale} times smaller"
    return f"{does}, and takes the picture as the ground truth"


@say_input_errors
def on_task(task: str, picture: str | None, degrade: bool) -> tuple[object, ...]:
    """Offers what is there against another degradation."""
    about = task_of(task)
    strength: dict[str, object] = {"visible": degrade and about.strength is not None}
    if about.strength is not None:
        strength |= {"label": about.strength, "maximum": about.strongest, "value": about.usual}
    return (
        gr.update(
            choices=offered(task, picture),
            value=chosen_at_first(task),
            info=models_words(task),
        ),
        gr.update(**strength),
        gr.update(info=degrade_words(task)),
    )


@say_input_errors
def on_degrade(task: str, degrade: bool) -> object:
    """Asks how strong the degradation shall be, where there is a choice."""
    return gr.update(visible=degrade and task_of(task).strength is not None)


@say_input_errors
def on_picture(task: str, picture: str | None, restorers: list[str]) -> object:
    """Offers what there is for this picture: base models, and what other programs made of it."""
    names = offered(task, picture)
    return gr.update(choices=names, value=[name for name in names if name in (restorers or ())])


@say_input_errors
def on_estimate(picture: str | None, restorers: list[str], eightfold: bool) -> object:
    """Says before a run how long it takes, if that is long."""
    words = estimate_words(restorers or (), picture, self_ensemble=eightfold is True)
    return gr.update(value=views.notes(words), visible=bool(words))


@say_input_errors
def on_method(method: str) -> float:
    """How far another method trusts the reference set unless told otherwise."""
    if method not in tuple(METHODS):  # a list is no key, but can be compared
        raise InputError(f"a method is {', '.join(METHODS)}; got {method!r:.80}")
    return METHODS[method].trust


def fused_outputs(
    comparison: Comparison,
    about: str | None,
    view: View,
    *,
    is_set: bool = True,
    look: Look | None = None,
) -> tuple[object, ...]:
    """All of the page that a new result changes, in the order of `compare_page`.

    Its bin sets are listed after it, while their tab is open.
    Without words about the weights the notes stay. Fields that `is_set` says to hold the view are
    filled only where there is no such thing: a visitor may have changed them meanwhile.
    """
    drawn = _as_there_is(view, comparison)

    def field(name: str, **options: object) -> object:
        value = getattr(drawn, name)
        if not is_set or value != getattr(view, name):
            options["value"] = value
        return gr.update(**options)

    x, y = drawn.x or 0, drawn.y or 0  # never None: there is always a pixel to look at
    kind, channel, opacity = drawn.map_kind, view.map_channel, view.map_opacity
    (in_viewer, maps), pixel, scores, warnings = side_by_side(
        lambda: views.viewer_and_maps(comparison, kind, channel, opacity, pinned=(x, y), look=look),
        lambda: inspected(comparison, inspect_pixel(comparison, x, y), view.channel),
        lambda: views.score_table(comparison),
        lambda: comparison.warnings,
    )
    said = [*comparison.notes, *warnings, *([SOFT] if comparison.soft else [])]
    return (
        comparison,
        in_viewer,
        None,  # nothing is highlighted
        field("map_kind", choices=views.map_kinds(comparison)),
        maps,
        views.map_legend(comparison, kind, channel, opacity),
        scores,
        gr.skip() if about is None else views.notes(about, *said),
        field("x"),
        field("y"),
        *pixel,
        gr.update(choices=[NO_CANDIDATE, *comparison.candidates], value=NO_CANDIDATE),
        field(
            "sort_by",
            choices=views.sort_keys(comparison),
            visible=comparison.table is not None,
        ),
        views.bin_sets_help(comparison),
        drawn,
    )


def _as_there_is(view: View, comparison: Comparison) -> View:
    """The view as far as a result has what is looked at, else what is looked at first."""
    x, y = pinned(comparison, view.x, view.y) or most_disputed_pixel(comparison)
    is_there = view.map_kind in [name for _, name in views.map_kinds(comparison)]
    return replace(
        view,
        map_kind=view.map_kind if is_there else FIRST_MAPS,
        x=x,
        y=y,
        sort_by=views.sort_key(comparison, view.sort_by),
    )


def _fitting(progress: gr.Progress) -> OnProgress:
    """Shows how many mixtures are fitted."""
    return lambda done, total: progress((done, total), desc="Fitting", unit="mixtures")


def _watched(
    steps: Steps, about: str, progress: gr.Progress
) -> Generator[object, None, dict[str, Tensor]]:
    """Lets the base models work, changing nothing on the page but the progress."""
    candidates: dict[str, Tensor] = {}
    heard = time.monotonic()
    with closing(steps):
        for step in steps:
            if isinstance(step, dict):
                candidates = step
                continue
            if time.monotonic() - heard > HEARD_EVERY:
                yield gr.skip()
                heard = time.monotonic()
            progress(step, desc=about, unit="tiles")  # after it, so that it is back at once
    return candidates


def _own_candidates(files: list[str] | None, truth: Path | None, crop: bool) -> Given:
    """The visitor's candidates, and the ground truth, which may lie among them."""
    own = brought([Path(file) for file in files or []])
    check_names(own.candidates)
    if truth is not None and own.truth is not None:
        raise InputError("there is a ground truth among the candidates already: remove one of both")
    known = own.truth if truth is None else truth
    taken = take_in({**own.candidates, **({} if known is None else {TRUTH: known})}, crop=crop)
    candidates = dict(taken.pictures)
    held_against = candidates.pop(TRUTH, None)
    return Given(candidates, None, held_against, taken.alpha, own.notes + taken.notes)


def _to_restore(picture: str | None, truth: Path | None, task: str, crop: bool) -> Given:
    """A picture, and its ground truth, which may be larger than what is restored."""
    if picture is None:
        raise InputError("no picture yet: upload one, or start from candidates of your own")
    parts: list[dict[str, Stored]] = [{INPUT: Path(picture)}]
    if truth is not None and task_of(task).scale > 1:
        parts.append({TRUTH: truth})
    elif truth is not None:
        parts[0][TRUTH] = truth
    taken = [take_in(part, crop=crop) for part in parts]
    pictures = {name: picture for one in taken for name, picture in one.pictures.items()}
    notes = tuple(note for one in taken for note in one.notes)
    return Given({}, pictures[INPUT], pictures.get(TRUTH), taken[0].alpha, notes)


def _degraded(given: Given, task: str, strength: float) -> Given:
    """A clean picture degraded: it becomes the ground truth."""
    assert given.degraded is not None
    truth = clean(given.degraded, task)
    alpha = None if given.alpha is None else clean(given.alpha[None], task)[0]
    return replace(
        given, degraded=degraded_by(truth, task, strength, SEED), truth=truth, alpha=alpha
    )
