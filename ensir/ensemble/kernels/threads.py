"""Work shared out to as many threads as torch uses; compiled kernels run without Python's lock.

Threads of Python and no parallel loops of the compiler: those may be called from one thread at a
time only and not after a fork, and a screen calls from many.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from itertools import count

import torch


def share_out(work: Callable[[int, int], object], total: int, piece: int) -> None:
    """Calls `work(first, last)` until 0..total is done, `piece` at a time, in several threads.

    A thread that is done takes the next piece. What `work` raises is raised here.
    """
    pieces = -(-total // piece)
    turn = count()  # next() on it is one step to Python: no piece is taken twice

    def take_turns() -> None:
        while (place := next(turn)) < pieces:
            work(place * piece, min(total, (place + 1) * piece))

    helpers = min(torch.get_num_threads(), pieces) - 1
    if helpers > 0:
        _keep_off_this_core()
    others: list[Future[None]] = []
    with contextlib.suppress(RuntimeError):  # Python ends, and takes no more: this one does it all
        others += (_pool().submit(take_turns) for _ in range(helpers))
    take_turns()  # this thread is one of them: work gets done however busy the pool is
    for other in others:
        other.result()


_helpers: list[int] = []  # what the system calls the pool's threads


@cache
def _pool() -> ThreadPoolExecutor:
    def join() -> None:
        _helpers.append(threading.get_native_id())

    return ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), "ensir-kernel", join)


def _keep_off_this_core() -> None:
    """Lets the helpers wake on any core but the caller's.

    Linux may wake a thread on the core of who wakes it. There it waits behind the caller for
    milliseconds, longer than the work takes, while another core idles.
    """
    core = _core_of_caller()
    if core is None:
        return
    others = os.sched_getaffinity(0) - {core()}
    if others:
        with contextlib.suppress(OSError):  # a sandbox may forbid it: they wake where they may
            for helper in _helpers:
                os.sched_setaffinity(helper, others)


@cache
def _core_of_caller() -> Callable[[], int] | None:
    """What tells a thread its core; None where the system does not."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    return getattr(ctypes.CDLL(None), "sched_getcpu", None)


def _forget() -> None:
    _pool.cache_clear()
    _helpers.clear()


if hasattr(os, "register_at_fork"):  # a fork has none of its parent's threads
    os.register_at_fork(after_in_child=_forget)
