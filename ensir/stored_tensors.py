"""Tensors as torch.save describes them in its pickle: a storage and a view of it, without values.

The description is read first, values only of those tensors that are wanted: an optimizer's moments,
two thirds of many checkpoints, are never copied. Views of one storage share it, as they did when
they were saved, so that all tensors together take no more memory than the file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

import torch
from torch import Tensor

from ensir.errors import InputError
from ensir.limits import (
    MOST_CHECKPOINT_OPERATIONS,
    MOST_CHECKPOINT_PICKLE_BYTES,
    MOST_CHECKPOINT_STRING,
    MOST_RECORDS,
    MOST_TENSOR_DIMENSIONS,
)
from ensir.pickle_opcodes import (
    BASIC_OPERATIONS,
    MORE_OPERATIONS,
    Call,
    Name,
    PickleLimits,
    UnexpectedCall,
    Vocabulary,
    add_items,
    shown,
)

STORAGES = {
    "torch FloatStorage": torch.float32,
    "torch HalfStorage": torch.float16,
    "torch BFloat16Storage": torch.bfloat16,
    "torch DoubleStorage": torch.float64,
    "torch LongStorage": torch.int64,
    "torch IntStorage": torch.int32,
    "torch ShortStorage": torch.int16,
    "torch CharStorage": torch.int8,
    "torch ByteStorage": torch.uint8,  # the state of a random generator
    "torch BoolStorage": torch.bool,
}
LARGEST_NUMBER = 2**48  # of a size or an offset: far beyond any file, far below an overflow
LIMITS = PickleLimits(
    MOST_CHECKPOINT_PICKLE_BYTES, MOST_CHECKPOINT_OPERATIONS, MOST_CHECKPOINT_STRING
)


@dataclass(frozen=True)
class Storage:
    """A row of `count` values somewhere in the file."""

    key: str
    dtype: torch.dtype
    count: int

    @property
    def nbytes(self) -> int:
        return self.count * self.dtype.itemsize


@dataclass(frozen=True)
class StoredTensor:
    """A view of a storage, as torch.as_strided has it; not yet checked against its storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def count(self) -> int:
        return math.prod(self.shape)


def vocabulary(storages: dict[str, Storage]) -> Vocabulary:
    """What the pickle of a checkpoint may say; the storages it mentions are put into `storages`.

    Names: those of tensors and parameters, the types of storages, and three kinds of dict, all of
    which become plain dicts. A defaultdict or a Counter stands only beside the weights, in what an
    optimizer or a schedule saved of itself.
    """

    def storage(reference: object) -> Storage:
        found = _storage(reference)
        if storages.setdefault(found.key, found) != found:
            raise InputError(f"describes its storage {shown(found.key)} in two ways")
        if len(storages) > MOST_RECORDS:
            raise InputError(f"has more than {MOST_RECORDS:,} storages, the limit here")
        return found

    operations = BASIC_OPERATIONS | MORE_OPERATIONS
    return Vocabulary(operations, CALLS, storage, LIMITS, "weights")


def is_shape(sizes: Sequence[object]) -> bool:
    """Whether these are the sizes of a tensor that torch can count: whole numbers, not too many."""
    return (
        len(sizes) <= MOST_TENSOR_DIMENSIONS
        and all(_is_size(size) for size in sizes)
        # Zeros count as ones: torch multiplies sizes in order and would overflow before a zero.
        and math.prod(max(size, 1) for size in sizes if isinstance(size, int)) < LARGEST_NUMBER
    )


def load_tensors(
    stored: Mapping[str, StoredTensor], content: Callable[[Storage], bytes | memoryview]
) -> dict[str, Tensor]:
    """The tensors by name, with shapes and strides as saved; `content` gives a storage's bytes.

    All views are checked before the first value is copied. The values are copies, one for each
    storage, whose bytes must be as many as its description says.

    Raises InputError for a view that leaves its storage or whose values overlap.
    """
    for name, tensor in stored.items():
        _check_view(name, tensor)
    rows: dict[str, Tensor] = {}
    tensors = {}
    for name, tensor in stored.items():
        key = tensor.storage.key
        if key not in rows:
            rows[key] = _row(tensor.storage, content(tensor.storage))
        tensors[name] = rows[key].as_strided(tensor.shape, tensor.strides, tensor.offset)
    return tensors


def _check_view(name: str, tensor: StoredTensor) -> None:
    """Raises InputError unless each value has a place of its own within the storage."""
    reach = 1 if tensor.count else 0  # places from the first value to the last
    if tensor.count:
        for stride, size in sorted(zip(tensor.strides, tensor.shape, strict=True)):
            if size > 1 and stride < reach:
                raise InputError(f"has values of the tensor {shown(name)} that overlap")
            reach += stride * (size - 1)
    if tensor.offset + reach > tensor.storage.count:
        raise InputError(
            f"has {tensor.storage.count:,} values where the tensor {shown(name)} would end after "
            f"{tensor.offset + reach:,}"
        )


def _row(storage: Storage, content: bytes | memoryview) -> Tensor:
    if len(content) != storage.nbytes:
        raise InputError(
            f"has {len(content):,} bytes for the storage {shown(storage.key)} of "
            f"{storage.nbytes:,} bytes"
        )
    if not storage.count:  # torch.frombuffer refuses what is empty
        return torch.empty(0, dtype=storage.dtype)
    return torch.frombuffer(bytearray(content), dtype=storage.dtype)


def _storage(reference: object) -> Storage:
    match reference:
        # Older files say None at the end: the storage is no view of another.
        case ("storage", Name(kind), str(key), str(), count) | (
            "storage",
            Name(kind),
            str(key),
            str(),
            count,
            None,
        ) if kind in STORAGES and _is_size(count):
            return Storage(key, STORAGES[kind], count)
    raise InputError("has a storage that is not described as torch.save does")


def _tensor(arguments: tuple[object, ...]) -> StoredTensor:
    """Stands in for torch._utils._rebuild_tensor, and for its successor's first four arguments."""
    match arguments:
        case (Storage() as storage, offset, tuple(shape), tuple(strides)):
            if not is_shape(shape) or len(shape) != len(strides):
                raise InputError(
                    f"has a tensor without a shape of up to {MOST_TENSOR_DIMENSIONS} whole numbers"
                )
            if not _is_size(offset) or not all(_is_size(stride) for stride in strides):
                raise InputError("has a tensor whose strides are not whole numbers from 0 on")
            return StoredTensor(storage, offset, shape, strides)
    raise UnexpectedCall


def _tensor_v2(arguments: tuple[object, ...]) -> StoredTensor:
    """Stands in for torch._utils._rebuild_tensor_v2: gradients are dropped, hooks refused."""
    match arguments[4:]:
        case (bool(), dict(hooks)) | (bool(), dict(hooks), None) if not hooks:
            return _tensor(arguments[:4])
    raise UnexpectedCall


def _parameter(arguments: tuple[object, ...]) -> StoredTensor:
    """Stands in for torch._utils._rebuild_parameter: the parameter's tensor."""
    match arguments:
        case (StoredTensor() as tensor, bool(), dict(hooks)) if not hooks:
            return tensor
    raise UnexpectedCall


def _ordered_dict(arguments: tuple[object, ...]) -> object:
    match arguments:
        case ():
            return {}
        case (list(pairs),):  # as Python 2 wrote it
            filled: dict[object, object] = {}
            for pair in pairs:
                add_items(filled, pair if isinstance(pair, list) and len(pair) == 2 else [None])
            pairs.clear()  # a list that is remembered cannot be made into one dict after another
            return filled
    raise UnexpectedCall


def _default_dict(arguments: tuple[object, ...]) -> object:
    match arguments:
        case () | (Name(),):
            return {}
    raise UnexpectedCall


def _counter(arguments: tuple[object, ...]) -> object:
    match arguments:
        case ():
            return {}
        case (dict(counts),):
            return counts
    raise UnexpectedCall


def _is_size(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < LARGEST_NUMBER


CALLS: Mapping[str, Call | None] = {
    "torch._utils _rebuild_tensor": _tensor,
    "torch._utils _rebuild_tensor_v2": _tensor_v2,
    "torch._utils _rebuild_parameter": _parameter,
    "collections OrderedDict": _ordered_dict,
    "collections defaultdict": _default_dict,
    "collections Counter": _counter,
    "__builtin__ dict": None,  # of a defaultdict
    "__builtin__ list": None,
    **dict.fromkeys(STORAGES),
}
