"""The screen: all Gradio code, and no numerics."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio as gr

# Read by Gradio when it is imported: no look-up leaves this machine, its calls to itself pass no
# proxy, and visitors' pictures lie in a folder that is ours alone and goes when we go.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("NO_PROXY", "127.0.0.1,localhost")
if "GRADIO_TEMP_DIR" not in os.environ:
    os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="ensir-")
    atexit.register(shutil.rmtree, os.environ["GRADIO_TEMP_DIR"], ignore_errors=True)
# The package of a ZeroGPU Space wants to come before torch.
with contextlib.suppress(ImportError):
    import spaces  # noqa: F401


def build_app() -> gr.Blocks:
    """The app, ready to be launched."""
    from ensir.ui.app import build_app

    return build_app()


def launch(port: int | None = None, *, wait: bool = True) -> str:
    """Opens the app and returns its address; `wait` keeps it open until it is interrupted."""
    from ensir.ui.app import launch

    return launch(port, wait=wait)
