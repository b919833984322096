"""Long work behind a button: it shows how far it is and ends when the visitor stops it."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar

import gradio as gr
from gradio.events import Dependency

from ensir.errors import Cancelled
from ensir.progress import IsCancelled, OnProgress

Result = TypeVar("Result")
LOOK_EVERY = 0.1  # seconds between two looks at the work; a stop is noticed within one
# Seconds after the end of a job in which the page sends the one that waited for it.
SENT_WITHIN = 0.3
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


def at_end(event: Dependency, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - as `then` takes
    """Wires what follows an event, however it ends.

    Gradio leaves `then` out after an error, and `failure` where there was none.
    """
    event.then(*arguments, **named)
    event.failure(*arguments, **named)


def wire_stop(app: gr.Blocks, stop: gr.Button, jobs: Sequence[Dependency]) -> None:
    """Lets a button, which each job enables when it begins, stop all of them.

    It stays enabled until the last one of the visitor has ended, also of those that wait.
    """
    numbers = {job["id"] for job in jobs}

    async def on_end(request: gr.Request) -> object:
        await asyncio.sleep(SENT_WITHIN)
        mine = [it for it in under_way(app) if it.session_hash == request.session_hash]
        return gr.update(interactive=any(it.fn._id in numbers for it in mine))

    for job in jobs:
        at_end(job, on_end, None, stop, queue=False)
    stop.click(lambda: gr.update(interactive=False), None, stop, cancels=list(jobs), queue=False)


def under_way(app: gr.Blocks) -> list[Any]:
    """The events of all visitors that run or wait, as Gradio has them."""
    waiting = app._queue.event_queue_per_concurrency_id.values()
    events = [event for queue in waiting for event in queue.queue]
    return events + [event for job in app._queue.active_jobs for event in job or ()]
