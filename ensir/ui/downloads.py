"""Files for the visitor to keep, made when asked for, under names that nobody typed."""

from __future__ import annotations

import contextlib
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ensir.comparison import Comparison
from ensir.errors import InputError
from ensir.files import digest, write_whole
from ensir.images import encode_png
from ensir.looks import UNFIT, Look, read_look
from ensir.maps import map_values
from ensir.maps.export import array_bytes, png_with_legend
from ensir.table_files import table_bytes
from ensir.ui.choices import settings_of
from ensir.ui.layers import SOLID, share_of
from ensir.ui.views import maps_of
from ensir.weight_files import weights_bytes
from ensir.workspaces import workspace_bytes


def fused_file(comparison: Comparison) -> str:
    """The path of the fused picture, with 16 bits and as transparent as its candidates."""
    fused = comparison.fused
    return kept("fused.png", encode_png(fused.values, fused.alpha))


def weights_file(comparison: Comparison) -> str:
    """The path of all weights as numbers."""
    return kept("weights.npz", weights_bytes(comparison.fusion, list(comparison.candidates)))


def table_file(comparison: Comparison) -> str:
    """The path of the lookup table that the picture was fused with."""
    if comparison.table is None:
        raise InputError("the candidates are averaged: there is no table to download")
    return kept("table.safetensors", table_bytes(comparison.table))


def maps_file(comparison: Comparison, kind: str, map_channel: str, opacity: float = SOLID) -> str:
    """The path of all maps of a kind: each as a picture with its legend, and as numbers.

    They are numbered, for a model may be called what no file can be.
    """
    there, share = maps_of(comparison, kind, map_channel), share_of(opacity)
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as file:  # pictures are small already
        names = []
        for place, layer in enumerate(there, start=1):
            (values,) = map_values(comparison, layer)
            for ending, content in (
                ("png", png_with_legend(comparison, layer, values, share)),
                ("npy", array_bytes(values)),
            ):
                # Not now, but always the same: the same maps are the same file.
                entry = zipfile.ZipInfo(f"map_{place}.{ending}", (1980, 1, 1, 0, 0, 0))
                file.writestr(entry, content)
            names.append(f"map_{place}: {layer.title}\n")
        file.writestr(zipfile.ZipInfo("maps.txt", (1980, 1, 1, 0, 0, 0)), "".join(names))
    return kept("maps.zip", data.getvalue())


def workspace_file(
    comparison: Comparison,
    look: str | None,
    task: str,
    strength: float,
    restorers: list[str] | None,
    eightfold: bool,
    *weights_and_view: Any,  # noqa: ANN401 - as a run takes them
) -> str:
    """The path of all that is on the screen, to be opened again.

    `look` is how the viewer is looked into, as JSON, or nothing.
    """
    settings = settings_of(task, strength, restorers, eightfold, *weights_and_view)
    return kept("workspace.zip", workspace_bytes(comparison, settings, _look(look)))


def _look(told: str | None) -> Look | None:
    if not told:
        return None
    try:
        return read_look(json.loads(told))
    except (ValueError, RecursionError):
        raise InputError(UNFIT) from None


DOWNLOADS: dict[str, Callable[[Comparison], str]] = {
    "↓ Fused .png": fused_file,
    "↓ Weights .npz": weights_file,
    "↓ Lookup table": table_file,
}
WORKSPACE_LABEL = "↓ Save workspace"
MAPS_LABEL = "↓ These maps, with legends and as numbers .zip"


def kept(name: str, data: bytes) -> str:
    """The path of a file of this name in the app's own folder; the same is written once."""
    folder = Path(os.environ["GRADIO_TEMP_DIR"]) / f"download-{digest(data)[:32]}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    with contextlib.suppress(FileNotFoundError):
        os.utime(path)  # used again: not the next to be swept
        return str(path)
    write_whole(path, data)
    return str(path)
