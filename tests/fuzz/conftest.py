"""Some targets open the app: what the tests of the screen share holds for them, too."""

from tests.ui.conftest import loops_that_gradio_leaves

__all__ = ["loops_that_gradio_leaves"]
