"""The page in its frame: theme, limits and the settings it is served with."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from functools import partialmethod
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.routes import App
from gradio.state_holder import SessionState
from starlette.middleware import Middleware

from ensir.decoding_worker import DecodingWorker
from ensir.errors import InputError
from ensir.images import decode_with
from ensir.limits import EXIT_SECONDS, MOST_UPLOAD_BYTES, OWN_MACHINE, PUBLIC_DEMO, Profile
from ensir.ui.api import add_api
from ensir.ui.compare_page import compare_page
from ensir.ui.fit_events import FUSE_TAB
from ensir.ui.fit_page import fit_page
from ensir.ui.gate import Gate, address_of
from ensir.ui.inputs import GuardedBlocks
from ensir.ui.jobs import under_way
from ensir.ui.learn import learn_panel
from ensir.ui.logs import log_to_stderr
from ensir.ui.sessions import Sessions
from ensir.ui.temp_folder import keep_swept
from ensir.ui.theme import CSS_FILE, script, theme
from ensir.ui.updates import SparingBlocks

TITLE = "EnsIR visualizer"
ABOUT = """
# EnsIR visualizer
Restoration models err differently. This fuses their outputs without training, and shows why:
pixels fall into **bin sets** by their candidates' values, in each bin set a **Gaussian mixture**
was fitted to the ground truth of a reference set, and its weights are looked up for every pixel.
"""
WAITING = 20  # visitors in the queue before the next is asked to come back
# Visitors whose pictures are kept: half a gigabyte each at 12 megapixels, 1.6 at the largest. The
# one who was away longest finds the example again.
KEPT = 8
SESSIONS = 64  # visitors that Gradio knows, with a quarter of a megabyte each
# Proxies that may say for whom they ask stand in networks like these, never in the internet.
PROXIES = "127.0.0.1,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"

LAY_OUT = App.create_app
_TOLD_TO_END = threading.Event()


class _App(GuardedBlocks, SparingBlocks):
    """An app that keeps the pictures of few, and whose queue is as long as it is to be at once.

    Gradio makes a queue with the app, and lays out all its routes again for another one.
    """

    queue = partialmethod(GuardedBlocks.queue, max_size=WAITING, default_concurrency_limit=1)

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - handed on to Gradio
        super().__init__(**options)
        self._sessions = Sessions(KEPT)

    async def process_api(
        self,
        block_fn: Any,  # noqa: ANN401
        inputs: list[Any],
        state: SessionState | None = None,
        *others: Any,  # noqa: ANN401
        **named: Any,  # noqa: ANN401
    ) -> dict[str, Any]:
        try:
            return await super().process_api(block_fn, inputs, state, *others, **named)
        finally:
            if state is not None:
                self._sessions.acted(state)


@contextlib.contextmanager
def _laid_out_when_served() -> Iterator[None]:
    """Gradio lays out its routes twice while an app is built, but uses those it is served with."""
    App.create_app = staticmethod(lambda *_, **__: None)
    try:
        yield
    finally:
        App.create_app = staticmethod(LAY_OUT)


@_laid_out_when_served()
def build_app() -> gr.Blocks:
    """The app, ready to be launched."""
    with _App(title=TITLE, analytics_enabled=False, fill_width=True) as app:
        gr.Markdown(ABOUT, elem_id="title")
        with gr.Tabs(elem_id="pages") as tabs:
            with gr.Tab("Fuse and inspect", id=FUSE_TAB, elem_id="fuse-tab"):
                page = compare_page(app)
            with gr.Tab("Fit", elem_id="fit-tab"):
                fit_page(tabs, page)
            with gr.Tab("Learn", elem_id="learn-tab"):
                learn_panel()
        for event in app.fns.values():
            event.api_visibility = "private"  # of use to the page alone
        add_api()
    return app


def launch(port: int | None = None, *, wait: bool = True) -> str:
    """Serves the app to this machine, or as GRADIO_SERVER_NAME says, and returns its address."""
    if wait:
        log_to_stderr()
        signal.signal(signal.SIGTERM, _end_soon)
    try:
        return _serve(build_app(), port, wait=wait)
    except OSError:
        if port is None:
            raise
        raise InputError(
            f"port {port} cannot be used here: give another, or none to take the next free one"
        ) from None
    finally:
        if _TOLD_TO_END.is_set():
            _end_now()


def profile() -> Profile:
    """What is allowed here: on a Space, or where ENSIR_PUBLIC is set, that of a public demo."""
    public = os.environ.get("ENSIR_PUBLIC") or os.environ.get("SPACE_ID")
    return PUBLIC_DEMO if public else OWN_MACHINE


def gate_of(app: gr.Blocks, allowed: Profile) -> Middleware:
    """What stands before the app when it is served."""
    folder = Path(os.environ["GRADIO_TEMP_DIR"])
    return Middleware(
        Gate, profile=allowed, folder=folder, pending=lambda address: pending(app, address)
    )


def pending(app: gr.Blocks, address: str) -> int:
    """How many events of an address run or wait."""
    return sum(address_of(event.request.scope) == address for event in under_way(app))


def _end_soon(*_: object) -> None:
    """Ends as Ctrl-C does, and if a computation would not stop, a little later all the same."""
    _TOLD_TO_END.set()
    last = threading.Timer(EXIT_SECONDS, _end_now)
    last.daemon = True
    last.start()
    raise KeyboardInterrupt


def _end_now() -> None:
    """Leaves no visitor's file; does not wait for Python to take torch apart, piece by piece."""
    shutil.rmtree(os.environ["GRADIO_TEMP_DIR"], ignore_errors=True)
    os._exit(0)


def _serve(app: gr.Blocks, port: int | None, *, wait: bool) -> str:
    allowed = profile()
    os.environ.setdefault("FORWARDED_ALLOW_IPS", PROXIES)  # read when the server starts
    decode_with(DecodingWorker(allowed.pixels).decode)
    keep_swept(Path(os.environ["GRADIO_TEMP_DIR"]), allowed.temp_bytes)
    _, address, _ = app.launch(
        server_name=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"),
        server_port=port,
        prevent_thread_lock=not wait,
        share=False,
        quiet=not wait,
        max_file_size=MOST_UPLOAD_BYTES,  # a workspace; a picture has a limit of its own
        allowed_paths=[],
        show_error=False,
        enable_monitoring=False,
        run_history=False,
        mcp_server=False,
        ssr_mode=False,
        strict_cors=True,
        state_session_capacity=SESSIONS,
        footer_links=[],
        app_kwargs={"middleware": [gate_of(app, allowed)]},
        theme=theme(),
        css_paths=[CSS_FILE],
        js=script(),
    )
    return str(address)
