"""How long something takes, on a machine that does other work too."""

import time
from collections.abc import Callable

TURNS = 3


def least_seconds(
    run: Callable[[], object], enough: float, clock: Callable[[], float] = time.thread_time
) -> float:
    """The least that `run` takes, asked again while that is not below `enough`.

    What is slow by itself is slow each time. A pause to collect garbage, or of the whole machine,
    counts as time of whoever met it, and is not met three times in a row.
    """
    least = float("inf")
    for _ in range(TURNS):
        began = clock()
        run()
        least = min(least, clock() - began)
        if least < enough:
            break
    return least
