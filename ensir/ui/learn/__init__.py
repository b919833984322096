"""The guided walk through the method, as one component."""

from ensir.ui.learn.learn import learn_panel
from ensir.ui.learn.lesson import lesson

__all__ = ["learn_panel", "lesson"]
