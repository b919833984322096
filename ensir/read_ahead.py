"""Pictures read while the ones before them are worked on, a few at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

Item = TypeVar("Item", covariant=True)

READERS = 2  # threads; decoders work without Python's lock
AHEAD = 3  # items read and not yet taken, at most: 34 MB each at 1280 × 720 with 3 candidates


class Readable(Protocol[Item]):
    """What is read item by item, as a ReferenceSet is."""

    def __len__(self) -> int: ...
    def __getitem__(self, place: int, /) -> Item: ...


def read_ahead(items: Readable[Item]) -> Generator[Item]:
    """Every item in order, read by threads before it is asked for.

    What reading an item raises is raised in its turn. Whoever stops early leaves at most what is
    being read at the moment to be waited for.
    """
    with ThreadPoolExecutor(READERS, "ensir-read") as readers:
        coming: deque[Future[Item]] = deque()
        try:
            for place in range(len(items)):
                coming.append(readers.submit(items.__getitem__, place))
                if len(coming) > AHEAD:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()
        finally:
            for future in coming:
                future.cancel()
