import threading

import pytest

from ensir.errors import InputError
from ensir.ui.side_by_side import side_by_side

SECONDS = 20  # far more than any of this takes


def test_parts_are_made_at_the_same_time_and_come_in_their_order() -> None:
    both = threading.Barrier(2)  # passed only when two are there at once
    here = threading.current_thread()

    def part(name: str) -> tuple[str, bool]:
        both.wait(SECONDS)
        return name, threading.current_thread() is here

    assert side_by_side(lambda: part("one"), lambda: part("two")) == [("one", True), ("two", False)]


def test_parts_within_parts_never_wait_for_each_other() -> None:
    def parts(depth: int) -> int:
        return sum(side_by_side(*[lambda: parts(depth - 1)] * 3)) if depth else 1

    done: list[int] = []
    work = threading.Thread(target=lambda: done.append(parts(4)), daemon=True)
    work.start()
    work.join(SECONDS)
    assert done == [3**4]


def test_what_a_part_raises_is_raised() -> None:
    def wrong() -> None:
        raise InputError("no")

    for parts in ((wrong, int), (int, wrong)):
        with pytest.raises(InputError, match="no"):
            side_by_side(*parts)
