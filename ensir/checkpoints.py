"""Reads the weights of a network: files of torch.save, old and new, and safetensors.

No unpickler touches the file: it is data from the first byte to the last. What is read are tensors
by name; everything else in the file is passed over.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ensir.errors import InputError
from ensir.files import digest, read_whole, shown_name
from ensir.legacy_archive import LEGACY_MAGIC, read_legacy_archive
from ensir.limits import (
    MOST_CHECKPOINT_BYTES,
    MOST_CHECKPOINT_STRING,
    MOST_HEADER_BYTES,
    MOST_PARAMETERS,
    MOST_TENSORS,
)
from ensir.pickle_opcodes import read_whole_pickle, shown
from ensir.stored_tensors import Storage, StoredTensor, is_shape, load_tensors, vocabulary
from ensir.torch_archive import Archive, is_torch_archive, sentence_about

# Where a training program puts the weights in its checkpoint; the first that is there is taken.
# Averaged weights come first: they are what their authors publish results of.
PARTS = (
    "params_ema",
    "params",
    "state_dict",
    "model_state_dict",
    "model",
    "network",
    "net",
)
PREFIX = "module."  # what DataParallel puts before each name
WANTED = "a checkpoint"
TAR_MAGIC = slice(257, 262), b"ustar"
SAFETENSORS_DTYPES = {
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F64": torch.float64,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
SHOWN_NAMES = 3  # of each kind of misfit in a sentence


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The weights that a file holds.

    `tensors` are by name, on the CPU, finite, in the file's types and bits; those that shared
    their values when they were saved share them here. `part` is where in the file they stood, one
    of PARTS or "" for a file of nothing else. `sha256` is of the whole file.
    """

    tensors: dict[str, Tensor]
    part: str
    sha256: str


def read_checkpoint(path: Path) -> Checkpoint:
    """The weights in a file of torch.save (zip or older) or of safetensors.

    The file is a dict from names to tensors, or has one under a name of PARTS, the first that is
    there. "module." before every name is taken off. Tensors are float32, float16, bfloat16,
    float64, int8 to int64, uint8 or bool, of up to 16 dimensions. Memory: the file, and once more
    the storages of the tensors that are kept.

    Raises InputError, a sentence with the file's name, for whatever is not that, is damaged or too
    large, holds anything but plain values, or has a weight that is not finite.
    """
    data = read_whole(path, shown_name(path), MOST_CHECKPOINT_BYTES)
    with sentence_about(path):
        try:
            part, tensors = _tensors(data)
        except MemoryError:
            raise InputError("does not fit into the memory of this machine") from None
        for name, tensor in tensors.items():
            _check_values(name, tensor)
        return Checkpoint(_without_prefix(tensors), part, digest(data))


def require_names(
    expected: Mapping[str, tuple[int, ...]], got: Mapping[str, Tensor], name: str
) -> None:
    """Raises InputError unless the tensors have exactly the names and shapes expected.

    `name` is what the weights are called in the sentence: the shown name of their file. Get
    `expected` from a network as `{key: tuple(value.shape) for key, value in
    network.state_dict().items()}`.
    """
    missing = [key for key in expected if key not in got]
    unknown = [key for key in got if key not in expected]
    misshapen = [
        f"{key} of shape {tuple(got[key].shape)} for {tuple(shape)}"
        for key, shape in expected.items()
        if key in got and got[key].shape != tuple(shape)
    ]
    faults = [
        f"{fault} {_some(keys)}"
        for fault, keys in (("lacks", missing), ("has unknown", unknown), ("has", misshapen))
        if keys
    ]
    if faults:
        raise InputError(
            f"{name} is not of this network: it {', and '.join(faults)}; choose its own weights"
        )


def _tensors(data: bytes) -> tuple[str, dict[str, Tensor]]:
    """The part of the file with weights and the weights, by what the file begins with."""
    if is_torch_archive(data):
        archive = Archive(data, WANTED)

        def content(storage: Storage) -> memoryview:
            return archive.member(f"data/{storage.key}")

        value = read_whole_pickle(archive.member("data.pkl"), vocabulary({}))
        part, stored = _part(value)
        return part, load_tensors(stored, content)
    if data.startswith(LEGACY_MAGIC):
        value, content_of = read_legacy_archive(data)
        part, stored = _part(value)
        return part, load_tensors(stored, content_of)
    if data[8:9] == b"{":
        return "", _from_safetensors(data)
    if data[TAR_MAGIC[0]] == TAR_MAGIC[1]:
        raise InputError("is a .tar of an early torch: save it again with a newer one")
    raise InputError(
        f"is not {WANTED}: {'neither of torch.save nor safetensors' if data else 'empty'}"
    )


def _part(value: object) -> tuple[str, dict[str, StoredTensor]]:
    """The dict of tensors in what a file holds, and the name it stands under."""
    if not isinstance(value, dict):
        raise InputError(f"is not {WANTED}: it is no dict of tensors")
    part = next((name for name in PARTS if isinstance(value.get(name), dict)), "")
    found = value[part] if part else value
    if not any(isinstance(tensor, StoredTensor) for tensor in found.values()):
        raise InputError(
            f"is not {WANTED}: it holds no weights, neither by themselves nor as {', '.join(PARTS)}"
        )
    stored: dict[str, StoredTensor] = {}
    for name, tensor in found.items():
        if not isinstance(name, str) or not name.isprintable():
            raise InputError(f"has a weight called {shown(str(name))}, which is no printable text")
        if not isinstance(tensor, StoredTensor):
            raise InputError(f"has {shown(name)} among its weights, which is no tensor")
        stored[name] = tensor
    _check_total(len(stored), sum(tensor.count for tensor in stored.values()))
    return part, stored


def _from_safetensors(data: bytes) -> dict[str, Tensor]:
    """The tensors of a safetensors file; what the library does not check is checked first."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    length = int.from_bytes(data[:8], "little")
    if length > min(MOST_HEADER_BYTES, len(data) - 8):
        raise InputError(f"is not {WANTED}: neither of torch.save nor whole safetensors")
    try:
        entries = json.loads(data[8 : 8 + length], object_pairs_hook=_unique)
        entries.pop("__metadata__", None)
        _check_total(len(entries), _checked_total(entries, len(data) - 8 - length))
        tensors = load(data)
        return {name: tensors[name] for name in entries}  # the library's order is by chance
    except InputError:
        raise
    except (
        ValueError, TypeError, KeyError, AttributeError, RecursionError, SafetensorError,
    ):  # fmt: skip
        raise InputError("is damaged: its header does not describe its content") from None


def _checked_total(entries: Mapping[str, Any], content: int) -> int:
    """How many values the tensors have, which must fill the content; else one of many errors."""
    total = filled = 0
    if not entries:
        raise ValueError
    for name, entry in entries.items():
        shape, (begin, end) = entry["shape"], entry["data_offsets"]
        named = name.isprintable() and len(name) <= MOST_CHECKPOINT_STRING
        if not named or not is_shape(shape):
            raise ValueError
        count = math.prod(shape)
        if end - begin != count * SAFETENSORS_DTYPES[entry["dtype"]].itemsize:
            raise ValueError
        total, filled = total + count, filled + end - begin
    if filled != content:
        raise ValueError
    return total


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _check_total(tensors: int, count: int) -> None:
    if tensors > MOST_TENSORS:
        raise InputError(f"has {tensors:,} tensors; the limit here is {MOST_TENSORS:,}")
    if count > MOST_PARAMETERS:
        raise InputError(
            f"has more than {MOST_PARAMETERS / 1e6:.0f} million parameters, the limit here"
        )


def _check_values(name: str, tensor: Tensor) -> None:
    """Raises InputError for values that are not finite, or are bytes where truth values stand."""
    if not tensor.numel():
        return
    if tensor.dtype == torch.bool and tensor.view(torch.uint8).max() > 1:
        raise InputError(f"has truth values of {shown(name)} that are neither 0 nor 1")
    # By the extremes, which NaN passes through: torch.isfinite takes twice the tensor's memory.
    if tensor.is_floating_point() and not all(map(math.isfinite, map(float, tensor.aminmax()))):
        raise InputError(f"has a weight of {shown(name)} that is infinite or not a number")


def _without_prefix(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    while tensors and all(name.startswith(PREFIX) for name in tensors):
        tensors = {name.removeprefix(PREFIX): tensor for name, tensor in tensors.items()}
    return tensors


def _some(keys: list[str]) -> str:
    first = ", ".join(shown(key) for key in keys[:SHOWN_NAMES])
    rest = len(keys) - SHOWN_NAMES
    return f"{first} and {rest:,} more" if rest > 0 else first
