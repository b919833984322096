import threading
import time

import pytest

from ensir.read_ahead import AHEAD, READERS, read_ahead


class Counted:
    """Items whose reading takes a moment; how many are read, and how many at the same time."""

    def __init__(self, total: int, fault: int | None = None) -> None:
        self.total, self.fault = total, fault
        self.read, self.now, self.most = 0, 0, 0
        self.lock = threading.Lock()

    def __len__(self) -> int:
        return self.total

    def __getitem__(self, place: int) -> int:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.002 * (place % 3))
        with self.lock:
            self.now -= 1
            self.read += 1
        if place == self.fault:
            raise ValueError(f"item {place}")
        return place


@pytest.mark.parametrize("total", [0, 1, 2, AHEAD, AHEAD + 1, 40])
def test_items_come_in_order(total: int) -> None:
    items = Counted(total)
    assert list(read_ahead(items)) == list(range(total))
    assert items.read == total and items.most <= READERS


def test_no_more_than_a_few_are_read_ahead() -> None:
    items = Counted(30)
    for taken, _ in enumerate(read_ahead(items), start=1):
        time.sleep(0.005)
        assert items.read <= taken + AHEAD


def test_what_reading_raises_is_raised_in_its_turn() -> None:
    coming = read_ahead(Counted(20, fault=6))
    assert [next(coming) for _ in range(6)] == list(range(6))
    with pytest.raises(ValueError, match=r"item 6"):
        next(coming)


def test_whoever_stops_early_has_few_items_read() -> None:
    items = Counted(1000)
    coming = read_ahead(items)
    assert next(coming) == 0
    coming.close()
    assert items.read <= 1 + AHEAD + READERS
    assert not any(thread.name.startswith("ensir-read") for thread in threading.enumerate())


def test_items_are_read_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=60)

    class Meeting(Counted):
        def __getitem__(self, place: int) -> int:
            both.wait()
            return place

    assert list(read_ahead(Meeting(4))) == [0, 1, 2, 3]
