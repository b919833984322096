"""How a viewer is looked into: which layers its panels show, and which place of them.

It is what a workspace keeps of the viewer; where it comes from, a visitor may have written it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from ensir.errors import InputError
from ensir.limits import LONGEST_SIDE, MOST_LAYER_NAME, MOST_PANELS, MOST_SCALE

UNFIT = "this is not how panels are looked into: reload the page, then save again"


@dataclass(frozen=True)
class Panel:
    """The layers of a panel, by name."""

    name: str
    wipe: str | None = None  # another one, from a line on
    share: float = 0.5  # of the width, where that line stands


@dataclass(frozen=True)
class Look:
    """The panels, and the same place of the picture in each."""

    panels: tuple[Panel, ...]
    # x and y of what is in the middle, in pixels of the picture, and how large one of them is, in
    # pixels of the screen; None: the whole picture.
    place: tuple[float, float, float] | None = None

    @property
    def layers(self) -> set[str]:
        """The names of all that is shown."""
        return {name for one in self.panels for name in (one.name, one.wipe) if name is not None}


def read_look(values: object) -> Look:
    """The look of a mapping with just its names, as JSON has them.

    Whether the layers are there is not said. Raises InputError for values that cannot be.
    """
    if not isinstance(values, dict) or set(values) != {"panels", "place"}:
        raise InputError(UNFIT)
    panels = values["panels"]
    if not isinstance(panels, list | tuple) or not 1 <= len(panels) <= MOST_PANELS:
        raise InputError(UNFIT)
    return Look(tuple(map(_panel, panels)), _place(values["place"]))


def _panel(values: object) -> Panel:
    if not isinstance(values, dict) or set(values) != {field.name for field in fields(Panel)}:
        raise InputError(UNFIT)
    wipe = None if values["wipe"] is None else _name(values["wipe"])
    return Panel(_name(values["name"]), wipe, _number(values["share"], 0, 1))


def _place(values: object) -> tuple[float, float, float] | None:
    if values is None:
        return None
    if not isinstance(values, list | tuple) or len(values) != 3:
        raise InputError(UNFIT)
    x, y = (_number(value, 0, LONGEST_SIDE) for value in values[:2])
    return x, y, _number(values[2], 1 / LONGEST_SIDE, MOST_SCALE)


def _name(value: object) -> str:
    is_name = isinstance(value, str) and 0 < len(value) <= MOST_LAYER_NAME and value.isprintable()
    if not isinstance(value, str) or not is_name:
        raise InputError(UNFIT)
    return value


def _number(value: object, least: float, most: float) -> float:
    if type(value) not in (int, float) or not least <= value <= most:  # type: ignore[operator]
        raise InputError(UNFIT)
    return float(value)  # type: ignore[arg-type]
