"""How long work tells how far it is and learns that it should stop."""

from collections.abc import Callable

OnProgress = Callable[[int, int], None]  # called with the parts done and the parts there are
IsCancelled = Callable[[], bool]  # true once the user wants the work to stop
