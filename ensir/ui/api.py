"""What other programs may ask of the app: typed, without state.

The hints make the published schema, the docstrings its descriptions. What arrives is whatever a
client sent, files as dictionaries, so everything is checked here.
"""
# No postponed annotations in this module: Gradio reads that of a result as it stands.

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

import gradio as gr
import torch
from torch import Tensor

from ensir.comparison import CHANNELS, FUSED, INPUT, check_names, compare
from ensir.ensemble.lookup_table import LookupTable
from ensir.errors import InputError
from ensir.files import is_name
from ensir.fitting import METHODS, fit_statistics
from ensir.inspection import inspect_pixel
from ensir.intake import take_in
from ensir.limits import LEVELS, MOST_NAME
from ensir.summaries import about_table
from ensir.ui.base_models import ONE_AT_A_TIME, restored_unwatched
from ensir.ui.downloads import fused_file
from ensir.ui.errors import say_input_errors
from ensir.ui.inputs import FOREIGN, uploaded
from ensir.ui.reference import FILE, SAMPLE, reference_for, sample_words


class ChannelWeights(TypedDict):
    """How one channel of a pixel is fused."""

    bin_set: int
    ranges: dict[str, list[int]]  # by model, the first and last level of its bin
    count: int | None  # pixels of the reference set; None where the table does not say
    origin: str  # of the weights, in words
    weights: dict[str, float]  # by model
    fused: float  # 0..255, not rounded


def add_api() -> None:
    """Gives the app being built its endpoints."""
    gr.api(fuse, concurrency_id=ONE_AT_A_TIME)
    gr.api(weights_at)
    gr.api(table_info)


@say_input_errors
def fuse(
    pictures: list[gr.FileData],
    models: list[str],
    bin_width: int = 32,
    method: str = "em",
    table: gr.FileData | None = None,
    crop: bool = False,
) -> gr.FileData:
    """Fuses the candidates of a picture; returns the fused picture as a PNG file.

    `pictures` is one picture, restored by each of `models` (two or more of the app's base models),
    or one candidate for each of `models`, in their order. `table` is a lookup table or a statistics
    file of these models; without it the app's sample statistics of its base models are taken.
    Statistics are fitted in bins of `bin_width` levels by `method`, "em", "published" or
    "least-squares"; a lookup table has both already. A released .pth table does not say its models:
    they are taken from its usual file name, else in the order of `models`. With `crop` candidates
    of different sizes are cropped to what all of them have, top left.
    """
    names = _names(models)
    files = _files(pictures)
    if len(files) not in (1, len(names)):
        raise InputError(
            f"pictures is one picture to restore, or one candidate for each of the {len(names)} "
            f"models; got {len(files)} pictures"
        )
    lookup_table = _lookup_table(names, bin_width, method, table)
    if len(files) == 1:
        taken = take_in({INPUT: files[0]})
        degraded = taken.pictures[INPUT]
        candidates = restored_unwatched(names, degraded, str(files[0]))
    else:
        taken = take_in(dict(zip(names, files, strict=True)), crop=crop is True)
        candidates = taken.pictures
    compared = compare(
        candidates,
        degraded=taken.pictures.get(INPUT),
        alpha=taken.alpha,
        reference=lookup_table,
    )
    return gr.FileData(path=fused_file(compared))


@say_input_errors
def weights_at(
    values: list[list[int]],
    models: list[str],
    bin_width: int = 32,
    method: str = "em",
    table: gr.FileData | None = None,
) -> dict[str, ChannelWeights]:
    """Says how one pixel is fused, for "red", "green" and "blue": its bin set and its weights.

    `values` is the pixel as each of `models` has it, in their order: [red, green, blue], whole
    numbers from 0 to 255. Everything else is as in `fuse`.
    """
    names = _names(models)
    candidates = _candidate_pixels(values, names)
    lookup_table = _lookup_table(names, bin_width, method, table)
    pixel = inspect_pixel(compare(candidates, reference=lookup_table), x=0, y=0)
    answer: dict[str, ChannelWeights] = {}
    for place, channel in enumerate(CHANNELS):
        bin_set = pixel.bin_sets[place]
        answer[channel] = {
            "bin_set": bin_set.number,
            "ranges": {name: list(bin_set.ranges[name]) for name in names},
            "count": bin_set.count,
            "origin": bin_set.origin,
            "weights": {name: pixel.weights[name][place] for name in names},
            "fused": pixel.values[FUSED][place],
        }
    return answer


@say_input_errors
def table_info(
    models: list[str],
    bin_width: int = 32,
    method: str = "em",
    table: gr.FileData | None = None,
) -> dict[str, Any]:
    """Says how a lookup table was made, how full it is, and how much it trusts each model.

    The table is the one that `fuse` would use for the same arguments.
    """
    return about_table(_lookup_table(_names(models), bin_width, method, table))


def _names(models: object) -> list[str]:
    if not isinstance(models, list) or not all(is_name(name) for name in models):
        raise InputError(
            f"models is a list of names, each a text of 1 to {MOST_NAME} printable characters"
        )
    check_names(models)
    if len(set(models)) < len(models):
        raise InputError("two models have the same name: name each once")
    return models


def _files(pictures: object) -> list[Path]:
    if not isinstance(pictures, list) or not pictures:
        raise InputError("pictures is a list of one or more uploaded files")
    return [_file(picture) for picture in pictures]


def _file(given: object) -> Path:
    if not isinstance(given, dict) or not isinstance(given.get("path"), str):
        raise InputError(FOREIGN)
    return Path(uploaded(given["path"]))


def _candidate_pixels(values: object, names: list[str]) -> dict[str, Tensor]:
    """Candidates of a single pixel, (3, 1, 1) uint8."""
    if not isinstance(values, list) or len(values) != len(names):
        raise InputError(
            f"values is a list of {len(names)} pixels [red, green, blue], one for each model"
        )
    for name, pixel in zip(names, values, strict=True):
        if not isinstance(pixel, list) or len(pixel) != 3 or not all(map(_is_level, pixel)):
            raise InputError(
                f"the pixel of {name} is not three whole numbers from 0 to {LEVELS - 1}, "
                "[red, green, blue]"
            )
    pixels = torch.tensor(values, dtype=torch.uint8)[:, :, None, None]
    return dict(zip(names, pixels, strict=True))


def _is_level(value: object) -> bool:
    return type(value) is int and 0 <= value < LEVELS  # not isinstance: True is an int


def _lookup_table(
    names: list[str], bin_width: object, method: object, table: object
) -> LookupTable:
    """The uploaded table, or one fitted to the uploaded statistics or our own."""
    if type(bin_width) is not int or not 1 <= bin_width <= LEVELS:
        raise InputError(f"bin_width is a whole number from 1 to {LEVELS}, got {_said(bin_width)}")
    if not isinstance(method, str) or method not in METHODS:
        raise InputError(f"method is {' or '.join(METHODS)}, got {_said(method)}")
    if table is None:
        return _sample_table(tuple(names), bin_width, method)
    return _table_of(FILE, names, bin_width, method, str(_file(table)))


@functools.lru_cache(maxsize=16)  # most who ask without a table of their own ask for the same
def _sample_table(names: tuple[str, ...], bin_width: int, method: str) -> LookupTable:
    return _table_of(SAMPLE, names, bin_width, method)


def _table_of(
    source: str, names: Sequence[str], bin_width: int, method: str, file: str | None = None
) -> LookupTable:
    nothing = dict.fromkeys(names, torch.empty(0))  # statistics and tables go by the names alone
    reference, _ = reference_for(source, nothing, None, file, bin_width)
    if reference is None:
        raise InputError(
            f"the samples know {sample_words()}; got {', '.join(names)}: "
            "give a table or a statistics file of these models"
        )
    if not isinstance(reference, LookupTable):
        return fit_statistics(reference.of_candidates(names), bin_width, method).table
    if set(reference.candidate_names) != set(names):
        raise InputError(
            f"the table is for {', '.join(reference.candidate_names)}; got {', '.join(names)}: "
            "name its models"
        )
    return reference


def _said(value: object) -> str:
    """A value as a sentence may show it: short, and without what a file's dictionary holds."""
    if value is None or isinstance(value, str | int | float):
        return f"{value!r:.40}"
    return "a list" if isinstance(value, list) else "an object"
