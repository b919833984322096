import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from ensir.ensemble.kernels import threads as module
from ensir.ensemble.kernels.threads import share_out


@pytest.fixture(params=[1, 2, 7])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(torch, "get_num_threads", lambda: request.param)
    return request.param


@pytest.mark.parametrize("total, piece", [(0, 4), (1, 4), (4, 4), (103, 10), (50, 1)])
def test_everything_is_done_once(threads: int, total: int, piece: int) -> None:
    done = []
    share_out(lambda first, last: done.append(range(first, last)), total, piece)
    assert sorted(place for part in done for place in part) == list(range(total))
    assert all(len(part) <= piece for part in done)


def test_what_goes_wrong_in_any_thread_is_raised(threads: int) -> None:
    def work(first: int, last: int) -> None:
        if first == 13:
            raise ValueError("at thirteen")

    with pytest.raises(ValueError, match=r"at thirteen"):
        share_out(work, 40, 1)


def test_many_threads_may_share_out_work_at_once(threads: int) -> None:
    def counted() -> int:
        done: list[int] = []
        share_out(lambda first, last: done.append(last - first), 200, 3)
        return sum(done)

    with ThreadPoolExecutor(8) as callers:
        assert [call.result() for call in [callers.submit(counted) for _ in range(40)]] == [
            200
        ] * 40


def test_when_python_ends_the_caller_does_all_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = ThreadPoolExecutor(1)
    closed.shutdown()
    monkeypatch.setattr(module, "_pool", lambda: closed)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    done: list[tuple[int, int]] = []
    share_out(lambda first, last: done.append((first, last)), 10, 4)
    assert done == [(0, 4), (4, 8), (8, 10)]


def test_work_is_done_by_as_many_threads_as_torch_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    if (os.cpu_count() or 1) < 2:
        pytest.skip("there is one core")
    together = threading.Barrier(2, timeout=60)
    share_out(lambda first, last: together.wait(), 2, 1)  # each waits until the other is there


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="the system cannot keep threads off a core, or has one",
)
def test_helpers_wake_on_other_cores_than_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    every = os.sched_getaffinity(0)
    share_out(lambda first, last: time.sleep(0.01), 8, 1)  # now the helper is there
    seen: dict[int, set[int]] = {}

    def work(first: int, last: int) -> None:
        seen[threading.get_ident()] = os.sched_getaffinity(0)
        time.sleep(0.01)

    share_out(work, 8, 1)
    here = seen.pop(threading.get_ident())
    (there,) = seen.values()
    assert here == every  # the caller may go where it wants
    assert there < every and len(there) == len(every) - 1
