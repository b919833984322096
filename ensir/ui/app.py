"""The page in its frame: theme, limits and the settings it is served with."""

from __future__ import annotations

import os

import gradio as gr

from ensir.errors import InputError
from ensir.limits import MOST_PICTURE_BYTES
from ensir.ui.api import add_api
from ensir.ui.compare_page import compare_page
from ensir.ui.inputs import GuardedBlocks
from ensir.ui.theme import CSS_FILE, theme

TITLE = "EnsIR visualizer"
WAITING = 20  # visitors in the queue before the next is asked to come back
# Visitors whose pictures are kept: half a gigabyte each at 12 megapixels, 1.6 at the largest. The
# one who was away longest finds the example again.
KEPT = 8
# Seconds: how often, and older than what, temporary pictures are removed.
SWEEP = (3600, 7200)


def build_app() -> gr.Blocks:
    """The app, ready to be launched."""
    with GuardedBlocks(
        title=TITLE, analytics_enabled=False, delete_cache=SWEEP, fill_width=True
    ) as app:
        compare_page()
        for event in app.fns.values():
            event.api_visibility = "private"  # of use to the page alone
        add_api()
    app.queue(max_size=WAITING, default_concurrency_limit=1)
    return app


def launch(port: int | None = None, *, wait: bool = True) -> str:
    """Serves the app to this machine, or as GRADIO_SERVER_NAME says, and returns its address."""
    try:
        return _serve(build_app(), port, wait=wait)
    except OSError:
        if port is None:
            raise
        raise InputError(
            f"port {port} cannot be used here: give another, or none to take the next free one"
        ) from None


def _serve(app: gr.Blocks, port: int | None, *, wait: bool) -> str:
    _, address, _ = app.launch(
        server_name=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"),
        server_port=port,
        prevent_thread_lock=not wait,
        share=False,
        quiet=not wait,
        max_file_size=MOST_PICTURE_BYTES,
        allowed_paths=[],
        show_error=False,
        enable_monitoring=False,
        run_history=False,
        mcp_server=False,
        ssr_mode=False,
        strict_cors=True,
        state_session_capacity=KEPT,
        footer_links=[],
        theme=theme(),
        css_paths=[CSS_FILE],
    )
    return str(address)
