"""What happens on a click: one call of the engine, and its result laid into the components."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import gradio as gr
from torch import Tensor

from ensir.comparison import (
    CHANNELS,
    FUSED,
    Comparison,
    PixelInspection,
    compare,
    inspect_pixel,
    most_disputed_pixel,
)
from ensir.errors import InputError
from ensir.files import shown_name
from ensir.images import read_image
from ensir.plots import bin_set_figure
from ensir.progress import IsCancelled, OnProgress
from ensir.restorers import restore_with
from ensir.ui.errors import say_input_errors
from ensir.ui.jobs import followed
from ensir.ui.pictures import shown
from ensir.ui.reference import FILE, reference_for
from ensir.ui.views import (
    candidate_items,
    layer_names,
    layer_picture,
    map_items,
    note,
    pixel_table,
    score_table,
    sentence,
)

RESTORE = "Restore a picture"
OWN = "My own candidates"
NEW_INPUT = "New input: press the button to fuse it. What is shown still belongs to the old one."


@say_input_errors
def on_run(
    start: str,
    picture: str | None,
    restorers: list[str],
    own_files: list[str] | None,
    truth: str | None,
    source: str,
    file: str | None,
    bin_width: int,
    method: str,
    layer: str,
    x: int | None,
    y: int | None,
    channel: str,
    progress: gr.Progress = gr.Progress(),  # noqa: B008 - how Gradio hands it over
) -> Generator[object, None, None]:
    """Restores the picture, or takes the visitor's candidates, and fuses them."""

    def work(on_progress: OnProgress, cancelled: IsCancelled) -> tuple[Comparison, str]:
        degraded = None
        if start == OWN:
            candidates = _own_candidates(own_files)
        else:
            degraded = _picture(picture)
            candidates = restore_with(restorers, degraded, on_progress, cancelled)
        return _compared(candidates, degraded, _truth(truth), source, file, bin_width, method)

    with closing(followed(work)) as job:
        while True:
            try:
                done, total = next(job)
            except StopIteration as finished:
                compared, about = finished.value
                break
            progress((done, total), desc="Restoring", unit="tiles")
            yield gr.skip()
    yield (
        *_fused_outputs(compared, about, layer, x, y, channel),
        candidate_items(compared),
        False,
    )


def on_new_input() -> tuple[object, ...]:
    """Forgets the ground truth, which belonged to the input before, and asks for the button."""
    return None, True, note(NEW_INPUT)


@say_input_errors
def on_refit(
    comparison: Comparison,
    waiting: bool,
    truth: str | None,
    source: str,
    file: str | None,
    bin_width: int,
    method: str,
    layer: str,
    x: int | None,
    y: int | None,
    channel: str,
) -> object:
    """Fuses the same candidates with other weights, unless new ones wait for the button."""
    if waiting or (source == FILE and file is None):
        return gr.skip()
    known_truth = comparison.truth if truth is None else _truth(truth)
    compared, about = _compared(
        comparison.candidates, comparison.degraded, known_truth, source, file, bin_width, method
    )
    same_order = list(compared.candidates) == list(comparison.candidates)
    return (
        *_fused_outputs(compared, about, layer, x, y, channel),
        gr.skip() if same_order else candidate_items(compared),
    )


@say_input_errors
def on_layer(comparison: Comparison, layer: str) -> str:
    """Shows another picture in the large frame."""
    return shown(layer_picture(comparison, layer))


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


def _compared(
    candidates: dict[str, Tensor],
    degraded: Tensor | None,
    truth: Tensor | None,
    source: str,
    file: str | None,
    bin_width: int,
    method: str,
) -> tuple[Comparison, str]:
    reference, about = reference_for(source, candidates, truth, file, bin_width)
    compared = compare(
        candidates,
        degraded=degraded,
        truth=truth,
        reference=reference,
        bin_width=bin_width,
        method=method,
    )
    return compared, about


def _fused_outputs(
    comparison: Comparison, about: str, layer: str, x: int | None, y: int | None, channel: str
) -> tuple[object, ...]:
    width, height = comparison.size
    if x is None or y is None or not (0 <= x < width and 0 <= y < height):
        x, y = most_disputed_pixel(comparison)
    names = layer_names(comparison)
    layer = layer if layer in names else FUSED
    return (
        comparison,
        gr.update(choices=names, value=layer),
        shown(layer_picture(comparison, layer)),
        map_items(comparison),
        score_table(comparison),
        note(about),
        x,
        y,
        *_inspected(inspect_pixel(comparison, x, y), channel),
    )


def _inspected(pixel: PixelInspection, channel: str) -> tuple[object, ...]:
    if channel not in CHANNELS:
        raise InputError(f"a channel is red, green or blue, got {channel!r:.80}")
    place = CHANNELS.index(channel)
    return pixel_table(pixel, place), sentence(pixel, place), bin_set_figure(pixel, place)


def _picture(path: str | None) -> Tensor:
    if path is None:
        raise InputError("no picture yet: upload one, or start from candidates of your own")
    return read_image(Path(path))


def _truth(path: str | None) -> Tensor | None:
    return None if path is None else read_image(Path(path))


def _own_candidates(paths: list[str] | None) -> dict[str, Tensor]:
    candidates = {}
    for path in sorted(map(Path, paths or []), key=lambda path: path.name):
        name = Path(shown_name(path)).stem
        if name in candidates:
            raise InputError(f"two candidates are called {name}: rename one")
        candidates[name] = read_image(path)
    return candidates
