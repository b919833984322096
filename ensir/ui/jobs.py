"""Long work behind a button: it shows how far it is and ends when the visitor stops it."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from ensir.errors import Cancelled
from ensir.progress import IsCancelled, OnProgress

Result = TypeVar("Result")
LOOK_EVERY = 0.1  # seconds between two looks at the work; a stop is noticed within one
_lanes: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


def followed(
    work: Callable[[OnProgress, IsCancelled], Result], lane: str
) -> Generator[tuple[int, int], None, Result]:
    """Runs `work` in a thread and yields (done, total) until it ends; returns its result.

    Gradio stops a generator at its next yield and lets plain functions run on. Closing this one
    makes `cancelled()` true for the work, and does not wait for it to hear that: the server closes
    it where it serves everybody. Work of one lane is done one after the other.
    """
    stopped = threading.Event()
    state = (0, 1)

    def on_progress(done: int, total: int) -> None:
        nonlocal state
        state = (done, total)

    def in_turn() -> Result:
        with _lanes[lane]:  # what was stopped may not have heard it yet
            if stopped.is_set():
                raise Cancelled
            return work(on_progress, stopped.is_set)

    pool = ThreadPoolExecutor(max_workers=1)
    job = pool.submit(in_turn)
    try:
        while not wait([job], timeout=LOOK_EVERY).done:
            yield state
    finally:
        stopped.set()
        pool.shutdown(wait=False)
    return job.result()
