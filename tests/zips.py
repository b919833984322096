"""Zips for tests: of pictures made by a seed, and of whatever a stranger may put into one."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ensir.images import encode_png
from tests.conftest import make_pictures

NAMES = ("Ann", "Bob", "Cyd")


def zip_of(files: Mapping[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of files by their paths; the same files give the same bytes."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", kind) as archive:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path)
            archive.writestr(entry, content, compress_type=kind)
    return data.getvalue()


def put_zip(path: Path, files: Mapping[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> Path:
    path.write_bytes(zip_of(files, kind))
    return path


def reference_files(
    pictures: int = 4, names: Sequence[str] = NAMES, height: int = 40, width: int = 48
) -> dict[str, bytes]:
    """A reference set as PNG files, `gt/x0.png` and so on, of different heights."""
    files = {}
    for number in range(pictures):
        candidates, truth = make_pictures(
            number, len(names), height=height + number, width=width, contrast=25, bias=4
        )
        for name, picture in zip((*names, "gt"), (*candidates, truth), strict=True):
            files[f"{name}/x{number}.png"] = encode_png(picture)
    return files


def put_folder(folder: Path, files: Mapping[str, bytes]) -> Path:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder
