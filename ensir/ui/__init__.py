"""The screen: all Gradio code, and no numerics."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ensir.ui.temp_folder import private_folder

if TYPE_CHECKING:
    import gradio as gr

# Read by Gradio when it is imported: no look-up leaves this machine, its calls to itself pass no
# proxy, and visitors' pictures lie in a folder that is ours alone and goes when we go, inside the
# one that was asked for. It would also describe its own speed anew after every event, for a page
# that is not served, in longer and longer time.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(10**9)  # events
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("NO_PROXY", "127.0.0.1,localhost")
# Read by torch: its threads wait for each other asleep. Where others use the cores too, threads
# that look all the time whether they may go on keep those from working that they wait for: on a
# busy machine the page opened in 50 seconds and not in 2.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
_asked_for = os.environ.get("GRADIO_TEMP_DIR")
os.environ["GRADIO_TEMP_DIR"] = str(private_folder(Path(_asked_for) if _asked_for else None))
# The package of a ZeroGPU Space wants to come before torch.
with contextlib.suppress(ImportError):
    import spaces  # noqa: F401


def build_app() -> gr.Blocks:
    """The app, ready to be launched."""
    from ensir.ui.app import build_app

    return build_app()


def launch(port: int | None = None, *, wait: bool = True) -> str:
    """Opens the app and returns its address; `wait` keeps it open until it is interrupted."""
    from ensir.ui.example import begin_example

    begin_example()  # torch computes it while Python reads Gradio
    from ensir.ui.app import launch

    return launch(port, wait=wait)
