"""Files for the visitor to keep, made when asked for, under names that nobody typed."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

from ensir.comparison import Comparison
from ensir.errors import InputError
from ensir.files import digest, write_whole
from ensir.images import encode_png
from ensir.maps import map_values
from ensir.maps.export import array_bytes, png_with_legend
from ensir.table_files import table_bytes
from ensir.ui.views import maps_of
from ensir.weight_files import weights_bytes


def fused_file(comparison: Comparison) -> str:
    """The path of the fused picture, with 16 bits and as transparent as its candidates."""
    fused = comparison.fused
    return _kept("fused.png", encode_png(fused.values, fused.alpha))


def weights_file(comparison: Comparison) -> str:
    """The path of all weights as numbers."""
    return _kept("weights.npz", weights_bytes(comparison.fusion, list(comparison.candidates)))


def table_file(comparison: Comparison) -> str:
    """The path of the lookup table that the picture was fused with."""
    if comparison.table is None:
        raise InputError("the candidates are averaged: there is no table to download")
    return _kept("table.safetensors", table_bytes(comparison.table))


def maps_file(comparison: Comparison, kind: str, map_channel: str) -> str:
    """The path of all maps of a kind: each as a picture with its legend, and as numbers.

    They are numbered, for a model may be called what no file can be.
    """
    there = maps_of(comparison, kind, map_channel)
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as file:  # pictures are small already
        names = []
        for place, layer in enumerate(there, start=1):
            (values,) = map_values(comparison, layer)
            for ending, content in (
                ("png", png_with_legend(comparison, layer, values)),
                ("npy", array_bytes(values)),
            ):
                # Not now, but always the same: the same maps are the same file.
                entry = zipfile.ZipInfo(f"map_{place}.{ending}", (1980, 1, 1, 0, 0, 0))
                file.writestr(entry, content)
            names.append(f"map_{place}: {layer.title}\n")
        file.writestr(zipfile.ZipInfo("maps.txt", (1980, 1, 1, 0, 0, 0)), "".join(names))
    return _kept("maps.zip", data.getvalue())


DOWNLOADS: dict[str, Callable[[Comparison], str]] = {
    "↓ Fused .png": fused_file,
    "↓ Weights .npz": weights_file,
    "↓ Lookup table": table_file,
}
MAPS_LABEL = "↓ These maps, with legends and as numbers .zip"


def _kept(name: str, data: bytes) -> str:
    folder = Path(os.environ["GRADIO_TEMP_DIR"]) / f"download-{digest(data)[:32]}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    if path.exists():
        path.touch()  # used again: not the next to be swept
    else:
        write_whole(path, data)
    return str(path)
