"""Tensors under a text header, as safetensors: what tables and statistics are written in.

The header is one JSON text under the key "ensir": the library keeps several keys in no fixed order,
and a file must come out the same to the byte whenever it is written again. A digest covers the
header, the shapes and the content.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ensir.errors import InputError
from ensir.files import digest, is_name, shown_name
from ensir.limits import MOST_HEADER_BYTES, MOST_TABLE_BYTES

HEADER_KEY = "ensir"
DIGEST_KEY = "sha256"
DTYPES = {
    "U8": torch.uint8,
    "I16": torch.int16,
    "I32": torch.int32,
    "I64": torch.int64,
    "F64": torch.float64,
}
INTEGERS = tuple(dtype for dtype in DTYPES.values() if not dtype.is_floating_point)
MOST_DIMENSIONS = 4
LARGEST_NUMBER = 2**48  # of a shape or an offset: far beyond any file, far below an overflow


def pack(tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> bytes:
    """A file of tensors with their header, which has a "format" and the "candidates".

    Raises InputError for names that could not be shown again and for more than a file may hold.
    """
    from safetensors.torch import save

    unfit = [name for name in header["candidates"] if not is_name(name)]
    if unfit:
        raise InputError(
            f"a candidate's name has 1 to 80 printable characters, got {unfit[0]!r:.100}: rename it"
        )
    whole = {name: values.cpu().contiguous() for name, values in tensors.items()}
    size = sum(values.nbytes for values in whole.values())
    if size > MOST_TABLE_BYTES:
        raise InputError(
            f"the file would have {size / 2**20:.0f} MB, the limit is "
            f"{MOST_TABLE_BYTES / 2**20:.0f} MB: use wider bins or fewer candidates"
        )
    signed = {**header, DIGEST_KEY: _digest(whole, header)}
    return save(whole, metadata={HEADER_KEY: json.dumps(signed, sort_keys=True)})


def read_file(path: Path) -> bytes:
    """The bytes of a file of ours, if it is there and not too large."""
    try:
        size = path.stat().st_size
        if size > MOST_TABLE_BYTES:
            raise InputError(
                f"{shown_name(path)} has {size / 2**20:.0f} MB; the limit for a table is "
                f"{MOST_TABLE_BYTES / 2**20:.0f} MB"
            )
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{shown_name(path)} cannot be read ({error.strerror}): check the name and try again"
        ) from None


def format_of(data: bytes, name: str) -> str:
    """What a file says it holds; raises InputError for files of another kind."""
    found: str = _headers(data, name)[1]["format"]
    return found


def unpack(data: bytes, name: str, wanted: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and header of a file `name` of the format `wanted`.

    All that the library does not check is checked first. Raises InputError for anything else.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    entries, header = _headers(data, name)
    if header["format"] != wanted:
        raise InputError(
            f"{name} holds {header['format']!r:.80}, wanted {wanted!r}: choose another file"
        )
    try:
        _check_entries(entries, len(data) - 8 - int.from_bytes(data[:8], "little"))
        tensors = load(data)
    except (ValueError, TypeError, KeyError, SafetensorError):
        raise damaged(name, "its header does not describe its content") from None
    said = header.pop(DIGEST_KEY, None)
    if said != _digest(tensors, header):
        raise damaged(name, "its checksum differs")
    return tensors, header


def require(
    tensors: Mapping[str, Tensor],
    wanted: Mapping[str, tuple[tuple[torch.dtype, ...], int]],
    optional: Mapping[str, tuple[tuple[torch.dtype, ...], int]],
    name: str,
) -> None:
    """Raises InputError unless the tensors have exactly these names, types and dimensions."""
    known = {**wanted, **optional}
    fits = set(wanted) <= set(tensors) <= set(known) and all(
        values.dtype in known[key][0] and values.ndim == known[key][1]
        for key, values in tensors.items()
    )
    if not fits:
        raise damaged(name, "it lacks a tensor, or has one of another kind")


def candidate_names(header: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The candidates of a header, in order."""
    names = header.get("candidates")
    if not isinstance(names, list) or not names or not all(map(is_name, names)):
        raise damaged(name, "its header does not name the candidates")
    return tuple(names)


def whole_number(header: Mapping[str, Any], key: str, name: str) -> int:
    """A number from 1 on in a header."""
    value = header.get(key)
    if type(value) is not int or value < 1:
        raise damaged(name, f"its header does not say the {key.replace('_', ' ')}")
    return value


def damaged(name: str, reason: str) -> InputError:
    """What is raised for a file that was ours once."""
    return InputError(f"{name} is damaged: {reason}; make it or fetch it again")


def _headers(data: bytes, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The library's entries and our header, which says a format."""
    length = int.from_bytes(data[:8], "little")
    try:
        if len(data) < 8 or length > min(MOST_HEADER_BYTES, len(data) - 8):
            raise ValueError
        entries = json.loads(data[8 : 8 + length], object_pairs_hook=_unique)
        header = json.loads(entries.pop("__metadata__")[HEADER_KEY], object_pairs_hook=_unique)
        if not isinstance(header["format"], str):
            raise TypeError
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise InputError(
            f"{name} is neither a lookup table nor statistics of this program: choose another file"
        ) from None
    return entries, header


def _check_entries(entries: Mapping[str, Any], content: int) -> None:
    """Raises ValueError, TypeError or KeyError unless the tensors fill the content exactly."""
    total = 0
    for entry in entries.values():
        shape, (begin, end) = entry["shape"], entry["data_offsets"]
        if len(shape) > MOST_DIMENSIONS or not all(map(_is_size, [*shape, begin, end])):
            raise ValueError
        if end - begin != math.prod(shape) * DTYPES[entry["dtype"]].itemsize:
            raise ValueError
        total += end - begin
    if total != content:
        raise ValueError


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value < LARGEST_NUMBER


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _digest(tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> str:
    kinds = {name: [str(values.dtype), *values.shape] for name, values in tensors.items()}
    said = json.dumps([header, kinds], sort_keys=True).encode()
    return digest(b"".join([said, *(tensors[name].numpy().tobytes() for name in sorted(tensors))]))
