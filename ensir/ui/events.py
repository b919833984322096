"""What happens on a click: one call of the engine, and its result laid into the components."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from torch import Tensor

from ensir.comparison import (
    CHANNELS,
    FUSED,
    INPUT,
    TRUTH,
    Comparison,
    PixelInspection,
    check_names,
    compare,
    fuse_again,
    inspect_pixel,
    most_disputed_pixel,
    with_truth,
)
from ensir.errors import InputError
from ensir.files import shown_name
from ensir.images import read_image, read_picture
from ensir.intake import take_in
from ensir.plots import bin_set_figure
from ensir.progress import OnProgress
from ensir.restorers import depth_notes, estimated_seconds
from ensir.tasks import TASKS
from ensir.tasks import degraded as degraded_by
from ensir.ui.base_models import chosen_at_first, offered, restored
from ensir.ui.errors import say_input_errors
from ensir.ui.example import SEED, example_files
from ensir.ui.pictures import shown
from ensir.ui.reference import FILE, reference_for
from ensir.ui.views import (
    candidate_items,
    layer_legend,
    layer_names,
    layer_picture,
    map_items,
    map_legend,
    notes,
    pixel_table,
    score_table,
    sentence,
    wiped_legend,
    wiped_names,
    wiped_pictures,
)

RESTORE = "Restore a picture"
OWN = "My own candidates"
LONG = 5  # seconds from which a run is worth an estimate
NEW_INPUT = "New input: press the button to fuse it. What is shown still belongs to the old one."


@dataclass(frozen=True)
class View:
    """What the visitor looks at, which stays when the result changes, as far as it can."""

    layer: str
    left: str
    right: str
    map_kind: str
    map_channel: str
    x: int | None
    y: int | None
    channel: str


@say_input_errors
def on_run(
    start: str,
    picture: str | None,
    task: str,
    degrade: bool,
    strength: float,
    restorers: list[str],
    own_files: list[str] | None,
    crop: bool,
    truth: str | None,
    inputs: int,
    source: str,
    file: str | None,
    bin_width: int,
    method: str,
    layer: str,
    left: str,
    right: str,
    map_kind: str,
    map_channel: str,
    x: int | None,
    y: int | None,
    channel: str,
    progress: gr.Progress = gr.Progress(),  # noqa: B008 - how Gradio hands it over
) -> Generator[object, None, None]:
    """Restores the picture, or takes the visitor's candidates, and fuses them.

    A picture to degrade becomes the ground truth of its noisy self.
    """
    view = View(layer, left, right, map_kind, map_channel, x, y, channel)
    degrade = degrade and start == RESTORE
    paths = _own_candidates(own_files) if start == OWN else {INPUT: _chosen(picture)}
    if truth is not None and not degrade:
        paths[TRUTH] = Path(truth)
    taken = take_in(paths, crop=crop)
    given = dict(taken.pictures)
    known_truth, degraded, said = given.pop(TRUTH, None), given.pop(INPUT, None), taken.notes
    if degraded is None:
        candidates = given
    else:
        if degrade:
            known_truth = degraded
            degraded = degraded_by(degraded, task, strength, SEED)
        said += depth_notes(degraded)
        candidates = yield from _restored(restorers, degraded, progress)
    reference, about = reference_for(source, candidates, known_truth, file, bin_width)
    compared = compare(
        candidates,
        degraded=degraded,
        truth=known_truth,
        alpha=taken.alpha,
        notes=said,
        reference=reference,
        bin_width=bin_width,
        method=method,
        on_progress=_fitting(progress),
    )
    yield gr.skip()  # a stop is heard here, before all is drawn
    yield (
        *_fused_outputs(compared, about, view),
        candidate_items(compared),
        inputs,
        (source, file, bin_width, method),
    )


def on_begin(start: str, picture: str | None, degrade: bool) -> tuple[object, ...]:
    """Lets the run be stopped; a picture that is degraded is its own ground truth."""
    truth = picture if degrade and start == RESTORE else gr.skip()
    return gr.update(interactive=True), truth


def on_new_input(inputs: int, fused_inputs: int) -> tuple[object, ...]:
    """Counts the input, forgets the ground truth of the one before, and asks for the button."""
    truth = None if inputs == fused_inputs else gr.skip()
    return inputs + 1, truth, notes(NEW_INPUT)


@say_input_errors
def on_settled(
    comparison: Comparison,
    inputs: int,
    fused_inputs: int,
    fused_with: tuple[object, ...],
    *weights_and_view: Any,  # noqa: ANN401
) -> object:
    """After a run: follows what was changed while it went on.

    New input waits for the button; other weights are those of the result at once.
    """
    if inputs != fused_inputs or fused_with == weights_and_view[:4]:
        return gr.skip()
    return on_refit(comparison, inputs, fused_inputs, *weights_and_view)


@say_input_errors
def on_refit(
    comparison: Comparison,
    inputs: int,
    fused_inputs: int,
    source: str,
    file: str | None,
    bin_width: int,
    method: str,
    layer: str,
    left: str,
    right: str,
    map_kind: str,
    map_channel: str,
    x: int | None,
    y: int | None,
    channel: str,
    progress: gr.Progress = gr.Progress(),  # noqa: B008 - as above
) -> object:
    """Fuses the same candidates with other weights, unless new ones wait for the button."""
    view = View(layer, left, right, map_kind, map_channel, x, y, channel)
    if inputs != fused_inputs or (source == FILE and file is None):
        return gr.skip()
    reference, about = reference_for(source, comparison.as_given, comparison.truth, file, bin_width)
    again = fuse_again(
        comparison,
        reference=reference,
        bin_width=bin_width,
        method=method,
        on_progress=_fitting(progress),
    )
    same_order = list(again.candidates) == list(comparison.candidates)
    return (
        *_fused_outputs(again, about, view),
        gr.skip() if same_order else candidate_items(again),
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
def on_example(task: str, strength: float, inputs: int, event: gr.SelectData) -> tuple[object, ...]:
    """Takes a picture of ours: degraded, to restore, and as it is for the ground truth."""
    files = example_files()
    if event.index not in range(len(files)):
        raise InputError(f"an example is one of {len(files)}: choose it again")
    truth = read_image(files[event.index])
    picture = degraded_by(truth, task, strength, SEED)
    return RESTORE, shown(picture), shown(truth), False, inputs + 1, notes(NEW_INPUT)


def degrade_words(task: str) -> str:
    """What the page does on request to a clean picture."""
    return f"Adds {TASKS[task].degradation}, and takes the picture as the ground truth"


def on_task(task: str) -> tuple[object, ...]:
    """Offers what is there against another degradation."""
    if task not in tuple(TASKS):
        raise InputError(f"a task is {', '.join(TASKS)}; got {task!r:.80}")
    about = TASKS[task]
    return (
        gr.update(choices=offered(task), value=chosen_at_first(task)),
        gr.update(label=about.strength, maximum=about.strongest, value=about.usual),
        gr.update(info=degrade_words(task)),
    )


@say_input_errors
def on_layer(comparison: Comparison, layer: str, map_channel: str) -> tuple[object, ...]:
    """Shows another picture in the large frame."""
    picture = shown(layer_picture(comparison, layer, map_channel))
    return picture, _legend(layer_legend(comparison, layer, map_channel))


@say_input_errors
def on_wiped(comparison: Comparison, left: str, right: str, map_channel: str) -> tuple[object, ...]:
    """Shows two other pictures under the wipe."""
    pictures = wiped_pictures(comparison, left, right, map_channel)
    return pictures, _legend(wiped_legend(comparison, left, right, map_channel))


@say_input_errors
def on_maps(
    comparison: Comparison, layer: str, left: str, right: str, map_kind: str, map_channel: str
) -> tuple[object, ...]:
    """Shows maps of another kind or channel, wherever there are some."""
    return (
        map_items(comparison, map_kind, map_channel),
        map_legend(comparison, map_kind),
        *on_layer(comparison, layer, map_channel),
        *on_wiped(comparison, left, right, map_channel),
    )


@say_input_errors
def on_pick(comparison: Comparison, channel: str, event: gr.SelectData) -> tuple[object, ...]:
    """Inspects the clicked pixel."""
    x, y = event.index
    return x, y, *_inspected(inspect_pixel(comparison, x, y), channel)


@say_input_errors
def on_inspect(
    comparison: Comparison, x: int | None, y: int | None, channel: str
) -> tuple[object, ...]:
    """Inspects the pixel whose numbers were typed."""
    if x is None or y is None:
        raise InputError("a pixel has two whole numbers, x and y: fill in both")
    return _inspected(inspect_pixel(comparison, x, y), channel)


def _fused_outputs(comparison: Comparison, about: str, view: View) -> tuple[object, ...]:
    width, height = comparison.size
    x, y = view.x, view.y
    if type(x) is not int or type(y) is not int or not (0 <= x < width and 0 <= y < height):
        x, y = most_disputed_pixel(comparison)
    names = layer_names(comparison)
    layer = view.layer if view.layer in names else FUSED
    left, right = wiped_names(comparison, view.left, view.right)
    return (
        comparison,
        gr.update(choices=names, value=layer),
        *on_layer(comparison, layer, view.map_channel),
        gr.update(choices=names, value=left),
        gr.update(choices=names, value=right),
        *on_wiped(comparison, left, right, view.map_channel),
        map_items(comparison, view.map_kind, view.map_channel),
        map_legend(comparison, view.map_kind),
        score_table(comparison),
        notes(about, *comparison.notes),
        x,
        y,
        *_inspected(inspect_pixel(comparison, x, y), view.channel),
    )


def _legend(html: str) -> object:
    """A legend takes no room where there is none."""
    return gr.update(value=html, visible=bool(html))


def _inspected(pixel: PixelInspection, channel: str) -> tuple[object, ...]:
    if channel not in CHANNELS:
        raise InputError(f"a channel is red, green or blue, got {channel!r:.80}")
    place = CHANNELS.index(channel)
    return pixel_table(pixel, place), sentence(pixel, place), bin_set_figure(pixel, place)


def _fitting(progress: gr.Progress) -> OnProgress:
    """Shows how many mixtures are fitted."""
    return lambda done, total: progress((done, total), desc="Fitting", unit="mixtures")


def _restored(
    restorers: list[str], image: Tensor, progress: gr.Progress
) -> Generator[object, None, dict[str, Tensor]]:
    """Lets the base models work, changing nothing on the page but the progress."""
    check_names(restorers or ())
    seconds = estimated_seconds(restorers, image)
    about = f"Restoring, about {seconds:.0f} s" if seconds > LONG else "Restoring"
    candidates: dict[str, Tensor] = {}
    with closing(restored(restorers, image)) as steps:
        for step in steps:
            if isinstance(step, dict):
                candidates = step
            else:
                progress(step, desc=about, unit="tiles")
                yield gr.skip()
    return candidates


def _chosen(picture: str | None) -> Path:
    if picture is None:
        raise InputError("no picture yet: upload one, or start from candidates of your own")
    return Path(picture)


def _own_candidates(files: list[str] | None) -> dict[str, Path]:
    """The visitor's candidates by name, in the order of their names."""
    candidates: dict[str, Path] = {}
    for path in sorted(map(Path, files or []), key=lambda path: path.name):
        name = Path(shown_name(path)).stem
        if name in candidates:
            raise InputError(f"two candidates are called {name}: rename one")
        candidates[name] = path
    check_names(candidates)
    return candidates
