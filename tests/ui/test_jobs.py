import asyncio
import threading
import time
from collections.abc import Generator
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from ensir.errors import InputError
from ensir.progress import IsCancelled, OnProgress
from ensir.ui import jobs
from ensir.ui.jobs import at_end, followed, under_way, wire_stop

pytestmark = pytest.mark.filterwarnings("default")

LANE = "tests"
SOON = 5.0  # seconds; far more than the work takes, so that a busy machine is no failure


def finished(job: Generator[tuple[int, int], None, object]) -> tuple[list[tuple[int, int]], object]:
    """All that a job yields, and its result."""
    states = []
    while True:
        try:
            states.append(next(job))
        except StopIteration as end:
            return states, end.value


def test_a_job_returns_the_result_of_its_work() -> None:
    assert finished(followed(lambda on_progress, cancelled: "done", LANE))[1] == "done"


def test_a_job_yields_how_far_its_work_is() -> None:
    seen = threading.Event()

    def work(on_progress: OnProgress, cancelled: IsCancelled) -> None:
        on_progress(2, 5)
        assert seen.wait(SOON)

    job = followed(work, LANE)
    states = [next(job)]
    while states[-1] == (0, 1):
        states.append(next(job))
    seen.set()
    assert states[-1] == (2, 5)
    assert set(finished(job)[0]) <= {(2, 5)}


def test_the_error_of_the_work_is_the_error_of_the_job() -> None:
    def work(on_progress: OnProgress, cancelled: IsCancelled) -> None:
        raise InputError("no")

    with pytest.raises(InputError, match="no"):
        finished(followed(work, LANE))


def test_closing_a_job_ends_its_work_and_its_thread() -> None:
    threads: list[threading.Thread] = []
    stopped = threading.Event()

    def work(on_progress: OnProgress, cancelled: IsCancelled) -> None:
        threads.append(threading.current_thread())
        until = time.monotonic() + SOON
        while time.monotonic() < until:
            if cancelled():
                stopped.set()
                return
            time.sleep(0.01)

    job = followed(work, LANE)
    next(job)
    job.close()
    assert stopped.wait(SOON)
    threads[0].join(SOON)
    assert not threads[0].is_alive()


def test_closing_a_job_waits_for_nothing_but_the_next_job_of_its_lane_does() -> None:
    may_end, order = threading.Event(), []

    def deaf(on_progress: OnProgress, cancelled: IsCancelled) -> None:
        assert may_end.wait(SOON)
        order.append("deaf")

    job = followed(deaf, LANE)
    next(job)
    job.close()  # were it to wait, the work would fail
    follower = followed(lambda on_progress, cancelled: order.append("next"), LANE)
    next(follower)
    assert not order
    may_end.set()
    finished(follower)
    assert order == ["deaf", "next"]


def test_what_follows_an_event_follows_however_it_ends() -> None:
    with gr.Blocks(analytics_enabled=False) as app:
        job = gr.Button().click(lambda: None)
        at_end(job, lambda: None)
    after = [event for event in app.fns.values() if event.trigger_after == job["id"]]
    assert [event.trigger_only_on_failure for event in after] == [False, True]
    assert not any(event.trigger_only_on_success for event in after)


def test_a_stop_stays_while_another_job_of_the_visitor_runs_or_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "SENT_WITHIN", 0)
    with gr.Blocks(analytics_enabled=False) as app:
        stop, other = gr.Button(), gr.Button()
        wired = [gr.Button().click(lambda: None) for _ in range(2)]
        strange = other.click(lambda: None)
        wire_stop(app, stop, wired)
    app.queue()
    (ended, *_) = [it for it in app.fns.values() if it.trigger_after == wired[0]["id"]]
    assert ended.outputs == [stop]

    def event(visitor: str, job: Any) -> SimpleNamespace:  # noqa: ANN401
        return SimpleNamespace(session_hash=visitor, fn=app.fns[job["id"]])

    def is_enabled() -> bool:
        update = asyncio.run(ended.fn(SimpleNamespace(session_hash="me")))
        return bool(update["interactive"])

    queue = SimpleNamespace(queue=[])
    app._queue.event_queue_per_concurrency_id["x"] = queue
    app._queue.active_jobs = [None, [event("you", wired[1]), event("me", strange)]]
    assert len(under_way(app)) == 2 and not is_enabled()
    queue.queue = [event("me", wired[1])]
    assert is_enabled()
    app._queue.active_jobs, queue.queue = [[event("me", wired[0])]], []
    assert is_enabled()
