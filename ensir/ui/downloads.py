"""Files for the visitor to keep, made when asked for, under names that nobody typed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ensir.comparison import Comparison
from ensir.errors import InputError
from ensir.files import digest, write_whole
from ensir.images import encode_png
from ensir.table_files import table_bytes
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


DOWNLOADS: dict[str, Callable[[Comparison], str]] = {
    "↓ Fused .png": fused_file,
    "↓ Weights .npz": weights_file,
    "↓ Lookup table": table_file,
}


def _kept(name: str, data: bytes) -> str:
    folder = Path(os.environ["GRADIO_TEMP_DIR"]) / f"download-{digest(data)[:32]}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    if not path.exists():
        write_whole(path, data)
    return str(path)
