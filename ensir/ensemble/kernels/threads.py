"""Work shared out to as many threads as torch uses; compiled kernels run without Python's lock.

Threads of Python and no parallel loops of the compiler: those may be called from one thread at a
time only and not after a fork, and a screen calls from many.
"""

from __future__ import annotations

import os
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
    others: list[Future[None]] = [_pool().submit(take_turns) for _ in range(helpers)]
    take_turns()  # this thread is one of them: work gets done however busy the pool is
    for other in others:
        other.result()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), "ensir-kernel")


if hasattr(os, "register_at_fork"):  # a fork has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)
