"""Parts of one answer that do not need each other, made at the same time on the cores there are."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any


def side_by_side(*parts: Callable[[], Any]) -> list[Any]:
    """What each of the parts returns, in their order; what one raises is raised here.

    Torch, OpenCV and hashing work without Python's lock, so that threads gain.
    """
    first, *others = parts
    begun = [_threads().submit(part) for part in others]
    made = [first()]
    # A part that no thread is free for is made here: nothing waits for work that has not begun.
    for part, future in zip(others, begun, strict=True):
        made.append(part() if future.cancel() else future.result())
    return made


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, "ensir-side-by-side")
