"""Long work behind a button: it shows how far it is and ends when the visitor stops it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from ensir.progress import IsCancelled, OnProgress

Result = TypeVar("Result")
LOOK_EVERY = 0.1  # seconds between two looks at the work; a stop is noticed within one


def followed(
    work: Callable[[OnProgress, IsCancelled], Result],
) -> Generator[tuple[int, int], None, Result]:
    """Runs `work` in a thread and yields (done, total) until it ends; returns its result.

    Gradio stops a generator at its next yield and lets plain functions run on. Closing this one
    makes `cancelled()` true for the work.
    """
    stopped = threading.Event()
    state = (0, 1)

    def on_progress(done: int, total: int) -> None:
        nonlocal state
        state = (done, total)

    with ThreadPoolExecutor(max_workers=1) as pool:
        job = pool.submit(work, on_progress, stopped.is_set)
        try:
            while not wait([job], timeout=LOOK_EVERY).done:
                yield state
        finally:
            stopped.set()
    return job.result()
