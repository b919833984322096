"""Tensors under a text header, as safetensors: what tables and statistics are written in.

The header is one JSON text under the key "ensir": the library keeps several keys in no fixed order,
and a file must come out the same to the byte whenever it is written again. A digest covers the
header, the shapes and the content.

Tensors may be compressed: then the library keeps their bytes, and our header their type and shape.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ensir.errors import InputError
from ensir.files import digest, is_name, read_whole, shown_name
from ensir.limits import MOST_HEADER_BYTES, MOST_STATISTICS_BYTES, MOST_TABLE_BYTES

HEADER_KEY = "ensir"
DIGEST_KEY = "sha256"
COMPRESSED_KEY = "compressed"  # name -> [type, shape]
COMPRESSION_LEVEL = 6  # of zlib: level 9 takes six times as long for 2 % less
DTYPES = {
    "U8": torch.uint8,
    "I16": torch.int16,
    "I32": torch.int32,
    "I64": torch.int64,
    "F32": torch.float32,
    "F64": torch.float64,
}
INTEGERS = tuple(dtype for dtype in DTYPES.values() if not dtype.is_floating_point)
MOST_COMPRESSION = 100  # of all that is compressed; statistics of pictures reach 5 to 8 times
SMALL = 2**20  # bytes: so much may be claimed by any file
MOST_DIMENSIONS = 4
LARGEST_NUMBER = 2**48  # of a shape or an offset: far beyond any file, far below an overflow


def pack(
    tensors: Mapping[str, Tensor], header: Mapping[str, Any], compressed: bool = False
) -> bytes:
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
    if compressed:
        kinds = {name: [_type_name(values), list(values.shape)] for name, values in whole.items()}
        _check_size(sum(values.numel() for values in whole.values()))
        whole = {name: _compressed(values) for name, values in whole.items()}
        header = {**header, COMPRESSED_KEY: kinds}
    if sum(values.nbytes for values in whole.values()) > MOST_TABLE_BYTES:
        raise InputError(
            f"the file would have more than {MOST_TABLE_BYTES / 2**20:.4g} MB, the limit here: "
            "use wider bins or fewer candidates"
        )
    signed = {**header, DIGEST_KEY: _digest(whole, header)}
    return save(whole, metadata={HEADER_KEY: json.dumps(signed, sort_keys=True)})


def read_file(path: Path) -> bytes:
    """The bytes of a file of ours; raises InputError where there is none, or a larger one."""
    return read_whole(path, shown_name(path), MOST_TABLE_BYTES)


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
    return _decompressed(tensors, header.pop(COMPRESSED_KEY, {}), name), header


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


def _compressed(values: Tensor) -> Tensor:
    """The bytes of a tensor by significance, under zlib: (n,) uint8.

    All lowest bytes come first, all highest last: long runs of zeros, half the size.
    """
    planes = _turned(values.numpy().tobytes(), (-1, values.itemsize))
    return _numbers(zlib.compress(planes, COMPRESSION_LEVEL), torch.uint8)


def _decompressed(tensors: Mapping[str, Tensor], kinds: object, name: str) -> dict[str, Tensor]:
    """The tensors, those that the header calls compressed in the type and shape it says.

    None of these is empty. Sizes are checked first, and no more is decompressed than was said.
    """
    whole = dict(tensors)
    try:
        if not isinstance(kinds, dict):
            raise TypeError
        for _, shape in kinds.values():
            if len(shape) > MOST_DIMENSIONS or not all(map(_is_size, shape)):
                raise ValueError
        _check_size(sum(math.prod(shape) for _, shape in kinds.values()))
        claimed = sum(math.prod(shape) * DTYPES[kind].itemsize for kind, shape in kinds.values())
        if claimed > MOST_COMPRESSION * sum(tensors[key].nbytes for key in kinds) + SMALL:
            raise ValueError
        for key, (kind, shape) in kinds.items():
            dtype = DTYPES[kind]
            planes = _whole_content(whole[key], math.prod(shape) * dtype.itemsize)
            whole[key] = _numbers(_turned(planes, (dtype.itemsize, -1)), dtype).reshape(shape)
    except (ValueError, TypeError, KeyError, zlib.error):
        raise damaged(name, "its header does not describe its content") from None
    return whole


def _whole_content(stored: Tensor, size: int) -> bytes:
    """What was compressed, if it has just this size; never takes more memory than that."""
    if stored.dtype != torch.uint8 or stored.ndim != 1:
        raise ValueError
    stream = zlib.decompressobj()
    content = stream.decompress(stored.numpy().tobytes(), size + 1)
    if len(content) != size or not stream.eof or stream.unused_data:
        raise ValueError
    return content


def _turned(content: bytes, shape: tuple[int, int]) -> bytes:
    """The bytes of a matrix, column by column."""
    return np.frombuffer(content, np.uint8).reshape(shape).T.tobytes()


def _numbers(content: bytes, dtype: torch.dtype) -> Tensor:
    return torch.frombuffer(bytearray(content), dtype=dtype)


def _type_name(values: Tensor) -> str:
    return next(name for name, dtype in DTYPES.items() if dtype == values.dtype)


def _check_size(numbers: int) -> None:
    """Raises InputError for more than fit in memory, at 8 bytes each."""
    if 8 * numbers > MOST_STATISTICS_BYTES:
        raise InputError(
            f"the file would take more than {MOST_STATISTICS_BYTES / 2**30:.4g} GB in memory, "
            "the limit here: use wider bins or fewer candidates"
        )


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
