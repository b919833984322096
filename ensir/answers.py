"""What a command answers: plain values, as one JSON object or as text to read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path


@dataclass(frozen=True)
class Answer:
    """Values by name; as text only those of `shown`, if it is given."""

    values: Mapping[str, object]
    shown: Mapping[str, object] | None = None

    def json(self) -> str:
        """One line of JSON; what is not a finite number is null."""
        return json.dumps(plain(self.values), allow_nan=False)

    def text(self) -> str:
        """A line for each value, a table for rows of values.

        >>> print(Answer({"bin_width": 32, "weights": [{"of": "A", "mean": 0.25}]}).text())
        bin width  32
        weights
            of    mean
            A   0.2500
        """
        values = self.values if self.shown is None else self.shown
        lines = {name.replace("_", " "): value for name, value in values.items()}
        wide = max(map(len, lines), default=0)
        return "\n".join(
            f"{name}\n{rows}" if (rows := _rows(value)) else f"{name:<{wide}}  {_words(value)}"
            for name, value in lines.items()
        )


def printable(text: str) -> str:
    r"""The text with escapes for what does not print, but moves a terminal's cursor for example.

    >>> print(printable("rain\x1b[2J\u202e"))
    rain\x1b[2J\u202e
    """
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def plain(value: object) -> object:
    """The value in the types that JSON knows.

    >>> plain({"file": Path("x.png"), "gain": float("inf"), "size": (2, 3)})
    {'file': 'x.png', 'gain': None, 'size': [2, 3]}
    """
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else value


def _rows(value: object) -> str:
    """A table of rows that are mappings of the same names, else nothing."""
    if not isinstance(value, Sequence) or not value or not isinstance(value[0], Mapping):
        return ""
    columns = [[name.replace("_", " "), *(_words(row[name]) for row in value)] for name in value[0]]
    numbers = [any(isinstance(row[name], int | float) for row in value) for name in value[0]]
    aligned = [
        [
            cell.rjust(max(map(len, column))) if number else cell.ljust(max(map(len, column)))
            for cell in column
        ]
        for column, number in zip(columns, numbers, strict=True)
    ]
    return "\n".join(f"    {'  '.join(row).rstrip()}" for row in zip(*aligned, strict=True))


def _words(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {_words(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_words, value))
    return printable(str(value))
