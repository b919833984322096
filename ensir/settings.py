"""What is chosen on the screen besides pictures and files, and which values can be chosen.

The same names stand in a workspace and in the address of a page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from ensir.bin_sets import SORTED_BY
from ensir.comparison import CHANNELS
from ensir.ensemble.bins import Bins
from ensir.errors import InputError
from ensir.files import is_name
from ensir.limits import LONGEST_SIDE, MOST_CANDIDATES
from ensir.maps import MAPS
from ensir.methods import Choices
from ensir.tasks import TASKS, task_of

SOURCES = ("sample", "file", "truth", "none")  # where weights come from
ALL_CHANNELS = "all"  # a map of all channels together
STRONGEST = max(task.strongest for task in TASKS.values())


@dataclass(frozen=True)
class Settings:
    """All choices; `read_settings` checks them."""

    task: str  # of TASKS
    strength: float  # of the degradation of an example
    models: tuple[str, ...]  # base models, by name; whether they are there is not said
    eightfold: bool  # each model averaged over eight flips and rotations
    weights: str  # of SOURCES
    bin_width: int
    method: str  # of METHODS
    trust: float  # 0 to 1
    soft: bool  # weights between bin centres are interpolated
    map_kind: str  # of MAPS
    map_channel: str  # "all", "red", "green" or "blue"
    map_opacity: float  # over the fused picture, 0 to 100 percent
    sort_by: str | None  # of SORTED_BY: the list of bin sets; None: by what costs most
    channel: str  # "red", "green" or "blue"
    x: int | None  # the pinned pixel
    y: int | None


def read_settings(values: object) -> Settings:
    """The settings of a mapping that has just their names, as JSON has them.

    Raises InputError, saying which value cannot be, or that one lacks or is unknown.
    """
    names = [field.name for field in fields(Settings)]
    if not isinstance(values, dict) or set(values) != set(names):
        raise InputError(f"settings have the names {', '.join(names)}: save them again")
    return Settings(**{name: checked(name, values[name]) for name in names})


def checked(name: str, value: object) -> Any:  # noqa: ANN401 - of the field's type
    """The value of a setting, in the field's type. Raises InputError for one that cannot be."""
    return _CHECKS[name](value)


def _task(value: object) -> str:
    task_of(value)  # type: ignore[arg-type]  # which refuses all but names
    return str(value)


def _number(most: float, what: str) -> Callable[[object], float]:
    def check(value: object) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= most:
            raise InputError(f"{what} is a number from 0 to {most:g}, got {value!r:.80}")
        return float(value)

    return check


def _models(value: object) -> tuple[str, ...]:
    names = tuple(value) if isinstance(value, list | tuple) else (None,)
    if len(names) > MOST_CANDIDATES or len(set(map(str, names))) < len(names):
        raise InputError(f"base models are {MOST_CANDIDATES} at most, each once: name fewer")
    if not all(map(is_name, names)):
        raise InputError(
            f"base models are named by 1 to 80 printable characters, got {value!r:.80}"
        )
    return names


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise InputError(f"a switch is on or off, got {value!r:.80}")
    return value


def _bin_width(value: object) -> int:
    if type(value) is not int:
        raise InputError(f"a bin width is a whole number of levels, got {value!r:.80}")
    return Bins(value, 1).width


def _method(value: object) -> str:
    Choices(method=value).check(1)  # type: ignore[arg-type]  # which refuses all but names
    return str(value)


def _one_of(there: tuple[str, ...], what: str) -> Callable[[object], str]:
    def check(value: object) -> str:
        if not isinstance(value, str) or value not in there:
            raise InputError(f"{what} {', '.join(there)}; got {value!r:.80}")
        return value

    return check


def _place(value: object) -> int | None:
    if value is not None and (type(value) is not int or not 0 <= value < LONGEST_SIDE):
        raise InputError(f"a pixel has whole numbers from 0 on, got {value!r:.80}")
    return value


_sort_key = _one_of(tuple(SORTED_BY), "bin sets are sorted by")
_CHECKS: dict[str, Callable[[object], object]] = {
    "task": _task,
    "strength": _number(STRONGEST, "a strength"),
    "models": _models,
    "eightfold": _switch,
    "weights": _one_of(SOURCES, "weights come from"),
    "bin_width": _bin_width,
    "method": _method,
    "trust": _number(1, "trust"),
    "soft": _switch,
    "map_kind": _one_of(tuple(MAPS), "there are maps of"),
    "map_channel": _one_of((ALL_CHANNELS, *CHANNELS), "maps are of"),
    "map_opacity": _number(100, "an opacity in percent"),
    "sort_by": lambda value: None if value is None else _sort_key(value),
    "channel": _one_of(CHANNELS, "a channel is one of"),
    "x": _place,
    "y": _place,
}
