"""Settings as the query of the page's address, and back; what stands there anybody may have typed.

An address names settings and an example of ours. A picture of the visitor, or the name of a file,
never stands in one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from ensir.answers import printable
from ensir.comparison import CHANNELS
from ensir.errors import InputError, in_short
from ensir.images import read_image
from ensir.methods import METHODS
from ensir.settings import ALL_CHANNELS, Settings, checked
from ensir.tasks import clean, task_of
from ensir.ui.base_models import chosen_at_first, offered, tasks_here
from ensir.ui.events import FIRST_MAPS
from ensir.ui.example import BIN_WIDTH, METHOD, PICTURE, RESTORERS, TASK, example_files
from ensir.ui.layers import SOLID

KEYS = {
    *("example", "task", "strength", "models", "eightfold", "weights", "width", "method", "trust"),
    *("soft", "map", "of", "opacity", "sort", "channel", "x", "y"),
}
WIDTHS = range(8, 257, 8)  # as the slider has them
MOST_QUERY = 2_000  # characters of a value: sixteen names of models have a thousand


@dataclass(frozen=True)
class Link:
    """What an address asks for."""

    example: Path
    settings: Settings
    ignored: tuple[str, ...] = ()  # what cannot be, a sentence each


def query_of(settings: Settings, example: str | None) -> str:
    """The query of an address, with its question mark.

    Without an example of ours no pixel is named; weights from a file of the visitor's are left out.
    """
    names = [name for name in settings.models if name in offered(settings.task)]
    said: dict[str, object] = {
        "example": example,
        "task": settings.task,
        "strength": f"{settings.strength:g}",
        "models": ",".join(names) or None,
        "eightfold": "1" if settings.eightfold else None,
        "weights": None if settings.weights == "file" else settings.weights,
        "width": settings.bin_width,
        "method": settings.method,
        "trust": f"{settings.trust:g}",
        "soft": "1" if settings.soft else None,
        "map": settings.map_kind,
        "of": None if settings.map_channel == ALL_CHANNELS else settings.map_channel,
        "opacity": None if settings.map_opacity == SOLID else f"{settings.map_opacity:g}",
        "sort": settings.sort_by,
        "channel": settings.channel,
        "x": None if example is None else settings.x,
        "y": None if example is None else settings.y,
    }
    there = {key: value for key, value in said.items() if value is not None}
    return f"?{urlencode(there, quote_via=quote, safe=',')}"


def read_query(query: Mapping[str, str]) -> Link | None:
    """What the query of an address asks for; None where it has nothing of ours.

    What is not said is as the page opens, or as its task and method have it. A value that cannot
    be is left out, with a sentence that says so.
    """
    if not KEYS & set(query):
        return None
    ignored: list[str] = []

    def read(key: str, check: Callable[[str], Any], otherwise: Any) -> Any:  # noqa: ANN401
        try:
            return check(query[key]) if key in query else otherwise
        except InputError as error:
            ignored.append(
                f"{key}={printable(query[key]):.40} in the address is passed over: {error}"
            )
            return otherwise

    task = read("task", _task, TASK)
    method = read("method", partial(checked, "method"), METHOD)
    settings = Settings(
        task=task,
        strength=read("strength", partial(_strength, task), float(task_of(task).usual)),
        models=read("models", partial(_models, task), _usual_models(task)),
        eightfold=read("eightfold", partial(_switch, "eightfold"), False),
        weights=read("weights", _source, "sample"),
        bin_width=read("width", _width, BIN_WIDTH),
        method=method,
        trust=read("trust", partial(_number, "trust"), METHODS[method].trust),
        soft=read("soft", partial(_switch, "soft"), False),
        map_kind=read("map", partial(checked, "map_kind"), FIRST_MAPS),
        map_channel=read("of", partial(checked, "map_channel"), ALL_CHANNELS),
        map_opacity=read("opacity", partial(_number, "map_opacity"), SOLID),
        sort_by=read("sort", partial(checked, "sort_by"), None),
        channel=read("channel", partial(checked, "channel"), CHANNELS[1]),
        x=read("x", partial(_whole, "x"), None),
        y=read("y", partial(_whole, "y"), None),
    )
    example = read("example", _example, PICTURE)
    height, width = clean(read_image(example), task).shape[1:]
    if (settings.x or 0) >= width or (settings.y or 0) >= height:
        ignored.append(
            f"x and y in the address are passed over: the picture has {width} × {height} pixels"
        )
        settings = replace(settings, x=None, y=None)
    return Link(example, settings, tuple(ignored))


def _whole(setting: str, text: str) -> Any:  # noqa: ANN401 - as above
    """A whole number; a text of anything else is refused as it is."""
    return checked(setting, int(text) if re.fullmatch(r"[0-9]{1,6}", text) else text)


def _number(setting: str, text: str) -> Any:  # noqa: ANN401 - as above
    """A number without sign or exponent."""
    is_number = re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,9})?", text)
    return checked(setting, float(text) if is_number else text)


def _switch(setting: str, text: str) -> Any:  # noqa: ANN401 - as above
    return checked(setting, {"0": False, "1": True}.get(text, text))


def _task(text: str) -> str:
    task = checked("task", text)
    if task not in tasks_here():
        raise InputError(
            f"there are no base models for {task} here, but for {', '.join(tasks_here())}"
        )
    return str(task)


def _strength(task: str, text: str) -> float:
    strength, strongest = _number("strength", text), task_of(task).strongest
    if strength > strongest:
        raise InputError(f"the strength of {task} is a number from 0 to {strongest}")
    return float(strength)


def _models(task: str, text: str) -> tuple[str, ...]:
    names, there = checked("models", text[:MOST_QUERY].split(",")), offered(task)
    unknown = [name for name in names if name not in there]
    if unknown or len(names) < 2:
        raise InputError(f"two or more base models are wanted of {in_short(there)}")
    return tuple(names)


def _usual_models(task: str) -> tuple[str, ...]:
    return RESTORERS if task == TASK else tuple(chosen_at_first(task))


def _source(text: str) -> str:
    source = checked("weights", text)
    if source == "file":
        raise InputError("a file does not come with an address: choose it on the page")
    return str(source)


def _width(text: str) -> int:
    width = _whole("bin_width", text)
    if width not in WIDTHS:
        raise InputError(f"a bin width is a multiple of 8 from 8 to 256, got {width}")
    return int(width)


def _example(text: str) -> Path:
    files = {path.stem: path for path in example_files()}
    if text not in files:
        raise InputError(f"an example is {', '.join(files)}")
    return files[text]
