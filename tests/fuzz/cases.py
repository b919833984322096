"""What all fuzz targets share: how many cases, how files are changed, and what may come of them.

A short run belongs to every run of the tests and has the same cases each time. ENSIR_FUZZ=40 asks
for 40 times as many, others each time: `ENSIR_FUZZ=40 python -m pytest tests/fuzz`.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from ensir.errors import InputError
from tests.stopwatch import least_seconds

TIMES = int(os.environ.get("ENSIR_FUZZ", "1"))
MOST_SECONDS = 1.0  # of the processor, for one case; a picture may take more
MOST_GROWTH = 300 * 2**20  # bytes of memory, over all cases of a process

Result = TypeVar("Result")

# Numbers at which sizes, offsets and counts go wrong.
EDGES = (0, 1, 2, 3, 127, 128, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)


def cases(count: int) -> settings:
    """So many cases in a short run."""
    return settings(
        max_examples=count * TIMES,
        derandomize=TIMES == 1,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
    )


def strikes(every_run: int, in_full: int) -> int:
    """How often a fault is tried; in full from ENSIR_FUZZ=20 on."""
    return in_full if TIMES >= 20 else every_run


def numbers() -> st.SearchStrategy[bytes]:
    """A number as a file has it: 1, 2, 4 or 8 bytes, the low or the high ones first."""
    return st.builds(
        lambda number, size, order: (number % 256**size).to_bytes(size, order),
        st.sampled_from(EDGES) | st.integers(0, 2**64 - 1),
        st.sampled_from((1, 2, 4, 8)),
        st.sampled_from(("little", "big")),
    )


Edit = Callable[[bytes], bytes]


def edits() -> st.SearchStrategy[Edit]:
    """One change of a file: bytes set, inserted, cut out, doubled, moved, or all cut off behind."""
    place, size = st.integers(0, 2**24), st.integers(1, 64)
    head = st.integers(0, 200)  # where most of what is said of the rest stands

    def put(at: int, value: bytes) -> Edit:
        return lambda data: data[: at % (len(data) + 1)] + value + _after(data, at, len(value))

    def insert(at: int, value: bytes) -> Edit:
        return lambda data: data[: at % (len(data) + 1)] + value + _after(data, at, 0)

    def cut(at: int, count: int) -> Edit:
        return lambda data: data[: at % (len(data) + 1)] + _after(data, at, count)

    def double(at: int, count: int) -> Edit:
        def edit(data: bytes) -> bytes:
            start = at % (len(data) + 1)
            return data[: start + count] + data[start:]

        return edit

    def end(at: int) -> Edit:
        return lambda data: data[: at % (len(data) + 1)]

    anywhere = place | head
    return st.one_of(
        st.builds(put, anywhere, numbers() | st.binary(min_size=1, max_size=8)),
        st.builds(put, head, numbers()),
        st.builds(insert, anywhere, st.binary(min_size=1, max_size=16)),
        st.builds(cut, anywhere, size),
        st.builds(double, anywhere, size),
        st.builds(end, place),
    )


def edited(seeds: st.SearchStrategy[bytes], most: int = 4) -> st.SearchStrategy[bytes]:
    """A good file with a few changes."""

    def apply(data: bytes, changes: list[Edit]) -> bytes:
        for change in changes:
            data = change(data)
        return data

    return st.builds(apply, seeds, st.lists(edits(), min_size=1, max_size=most))


def _after(data: bytes, at: int, count: int) -> bytes:
    return data[at % (len(data) + 1) + count :]


def result_or_sentence(read: Callable[[], Result], folder: Path | None = None) -> Result | None:
    """What `read` gives, in time and in little memory; None where it refuses in one sentence."""
    results: list[Result | None] = []

    def run() -> None:
        try:
            results.append(read())
        except InputError as error:
            assert_sentence(str(error), folder)
            results.append(None)

    before = _memory()
    assert least_seconds(run, MOST_SECONDS) < MOST_SECONDS
    assert _memory() - before < MOST_GROWTH
    return results[-1]


def assert_sentence(text: str, folder: Path | None = None) -> None:
    """One line, fit to be shown, that names no folder and holds no word for programmers."""
    assert text and text.isprintable() and len(text) < 2000, text  # it may list names of models
    assert folder is None or str(folder) not in text
    assert not any(word in text for word in ("Traceback", "Exception", "site-packages")), text


def _memory() -> int:
    """The most memory this process ever had, in bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
