"""Reads what torch.save wrote without an unpickler: nothing in the file is called or imported.

The container is a zip of stored members: one pickle, and one member ("record") of raw bytes for
each storage of tensors. The pickle's operations go to a small stack of our own, which knows 26 of
them and three names, all as data. Every size is checked before anything is allocated for it, and
the time is proportional to the size of the file.
"""

from __future__ import annotations

import io
import pickletools
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ensir.errors import InputError
from ensir.limits import (
    MOST_NAME,
    MOST_OPERATIONS,
    MOST_PICKLE_BYTES,
    MOST_PUBLISHED_BYTES,
    MOST_RECORDS,
    MOST_STRING,
)

ZIP_MAGIC = b"PK\x03\x04"
CENTRAL_MAGIC = b"PK\x01\x02"
# Signature, version, flags, method, time, date, CRC, stored size, size, lengths of name and extra.
LOCAL_HEADER = struct.Struct("<4s5H3L2H")
ENCRYPTED = 0x1 | 0x40 | 0x2000
SIZES_FOLLOW = 0x8  # the local header leaves the sizes to a descriptor behind the member
NAME_IS_UTF8 = 0x800

REBUILD_TENSOR = "torch._utils _rebuild_tensor_v2"
FLOAT_STORAGE = "torch FloatStorage"
ORDERED_DICT = "collections OrderedDict"
NAMES = {REBUILD_TENSOR, FLOAT_STORAGE, ORDERED_DICT}
# A key is hashed: a long tuple, or one of shared tuples, would cost far more than its bytes.
MOST_KEY_PARTS = 4
DAMAGED = "is damaged or cut off"


def is_torch_archive(head: bytes) -> bool:
    """Whether a file that begins like this may be one of torch.save."""
    return head.startswith(ZIP_MAGIC)


def read_torch_archive(path: Path, wanted: str) -> object:
    """The value in the file: dicts, lists, tuples, whole numbers, texts and float32 tensors (N,).

    Tensors of one record are one object. `wanted` is what the file should be, for the sentences:
    "a lookup table".

    Raises InputError for whatever is not that, or is too large.
    """
    with sentence_about(path):
        archive = _Archive(_file_bytes(path), wanted)
        return _Machine(archive, wanted).run(archive.member("data.pkl"))


@contextmanager
def sentence_about(path: Path) -> Iterator[None]:
    """Puts the file's name, never its folder, before what an InputError says of it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{_shown(path.name)} {error}") from None


class _Archive:
    """The members of a zip, checked one by one: stored, plain, apart from each other."""

    def __init__(self, data: bytes, wanted: str) -> None:
        if not is_torch_archive(data):
            raise InputError(f"is not {wanted}: {'not a file of torch.save' if data else 'empty'}")
        if data.count(CENTRAL_MAGIC) > MOST_RECORDS:
            raise InputError(f"has more than {MOST_RECORDS:,} members, the limit here")
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                members, directory = archive.infolist(), archive.start_dir
        except Exception:  # zipfile lets six types of exception out for damaged files
            raise InputError(DAMAGED) from None
        self._data = data
        self._members: dict[str, tuple[slice, int]] = {}
        end = 0
        for member in sorted(members, key=lambda member: member.header_offset):
            if member.orig_filename in self._members:
                raise InputError(f"holds {_shown(member.orig_filename)} twice")
            if member.header_offset < end:
                raise InputError("has members that overlap")
            place = self._place(member)
            end = place.stop
            self._members[member.orig_filename] = place, member.CRC
        if end > directory:
            raise InputError(DAMAGED)
        pickles = [name for name in self._members if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise InputError(f"is not {wanted}: a zip, but not one of torch.save")
        self._folder = pickles[0].removesuffix("data.pkl")
        # Files of before torch 2.1 do not say; they come from little-endian machines.
        if self._folder + "byteorder" in self._members and self.member("byteorder") != b"little":
            raise InputError("was saved on a big-endian machine, which is not read here")

    def member(self, name: str) -> bytes:
        """The bytes of one member of torch.save's folder."""
        if self._folder + name not in self._members:
            raise InputError(f"lacks its member {_shown(name)}")
        place, checksum = self._members[self._folder + name]
        content = self._data[place]
        if zlib.crc32(content) != checksum:
            raise InputError(f"is damaged: the checksum of {_shown(name)} is wrong")
        return content

    def _place(self, member: zipfile.ZipInfo) -> slice:
        """Where the content lies in the file, if both headers of the member agree."""
        name = _shown(member.orig_filename)
        if member.header_offset + LOCAL_HEADER.size > len(self._data):
            raise InputError(DAMAGED)
        magic, _, flags, method, _, _, _, stored, size, name_length, extra_length = (
            LOCAL_HEADER.unpack_from(self._data, member.header_offset)
        )
        if (flags | member.flag_bits) & ENCRYPTED:
            raise InputError(f"is encrypted at {name}")
        if method or member.compress_type or member.compress_size != member.file_size:
            raise InputError(f"is compressed at {name}, which torch.save never does")
        begin = member.header_offset + LOCAL_HEADER.size
        encoding = "utf-8" if member.flag_bits & NAME_IS_UTF8 else "cp437"
        written = member.orig_filename.encode(encoding, errors="replace")
        agree = flags & SIZES_FOLLOW or stored == size == member.file_size
        if (
            magic != ZIP_MAGIC
            or not agree
            or self._data[begin : begin + name_length] != written
            or member.filename != member.orig_filename
        ):
            raise InputError(f"is damaged: its two headers of {name} differ")
        begin += name_length + extra_length
        if begin + member.file_size > len(self._data):
            raise InputError(DAMAGED)
        return slice(begin, begin + member.file_size)


@dataclass(frozen=True)
class _Name:
    name: str


@dataclass(frozen=True)
class _Record:
    key: str
    values: int


class _Machine:
    """A stack, a memo and the marked stacks below: what the 26 operations work on."""

    def __init__(self, archive: _Archive, wanted: str) -> None:
        self._archive = archive
        self._wanted = wanted
        self._stack: list[object] = []
        self._below: list[list[object]] = []
        self._memo: dict[int, object] = {}
        self._tensors: dict[str, Tensor] = {}

    def run(self, pickle: bytes) -> object:
        if len(pickle) > MOST_PICKLE_BYTES:
            raise InputError(f"has a pickle of {len(pickle):,} bytes; {MOST_PICKLE_BYTES:,} fit")
        for count, (operation, argument) in enumerate(_operations(pickle)):
            if count >= MOST_OPERATIONS:
                raise InputError(f"has more than {MOST_OPERATIONS:,} operations, the limit here")
            try:
                self._do(operation, argument)
            except (IndexError, KeyError):  # too little on the stack, or nothing remembered there
                raise InputError(DAMAGED) from None
        if self._below or len(self._stack) != 1:
            raise InputError(DAMAGED)
        return self._stack[0]

    def _do(self, operation: str, argument: object) -> None:
        stack = self._stack
        match operation:
            case "BINPUT" | "LONG_BINPUT":
                self._memo[_whole(argument)] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(self._memo[_whole(argument)])
            case "BININT" | "BININT1" | "BININT2":
                stack.append(argument)
            case "BINUNICODE":
                if not isinstance(argument, str) or len(argument) > MOST_STRING:
                    raise InputError(f"has a text of more than {MOST_STRING} characters")
                stack.append(argument)
            case "NEWFALSE":
                stack.append(False)
            case "MARK":
                self._below.append(stack)
                self._stack = []
            case "EMPTY_DICT":
                stack.append({})
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_TUPLE":
                stack.append(())
            case "TUPLE":
                items = self._marked()
                self._stack.append(tuple(items))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                items = self._popped(int(operation[-1]))
                stack.append(tuple(items))
            case "APPEND":
                items = self._popped(1)
                _as_list(stack[-1]).extend(items)
            case "APPENDS":
                items = self._marked()
                _as_list(self._stack[-1]).extend(items)
            case "SETITEM":
                items = self._popped(2)
                _set_items(stack[-1], items)
            case "SETITEMS":
                items = self._marked()
                _set_items(self._stack[-1], items)
            case "GLOBAL":
                if argument not in NAMES:
                    self._refuse_code(str(argument).replace(" ", "."))
                stack.append(_Name(str(argument)))
            case "BINPERSID":
                stack.append(_record(stack.pop()))
            case "REDUCE":
                arguments, function = stack.pop(), stack.pop()
                stack.append(self._call(function, arguments))
            case "PROTO":
                if argument != 2:
                    raise InputError(f"is a pickle of version {argument}; torch.save writes 2")
            case "STOP":
                pass
            case _:
                self._refuse_code(f"the operation {operation}")

    def _popped(self, count: int) -> list[object]:
        if len(self._stack) < count:
            raise InputError(DAMAGED)
        items = self._stack[-count:]
        del self._stack[-count:]
        return items

    def _marked(self) -> list[object]:
        items, self._stack = self._stack, self._below.pop()
        return items

    def _call(self, function: object, arguments: object) -> object:
        """What the two names that may be called give; they are never called themselves."""
        match function, arguments:
            case _Name(name), () if name == ORDERED_DICT:
                return {}
            case _Name(name), (record, offset, size, stride, gradient, hooks) if (
                name == REBUILD_TENSOR
            ):
                return self._tensor(record, offset, size, stride, gradient, hooks)
        self._refuse_code("an unexpected call")
        return None

    def _tensor(
        self,
        record: object,
        offset: object,
        size: object,
        stride: object,
        gradient: object,
        hooks: object,
    ) -> Tensor:
        plain = type(offset) is int and not offset and gradient is False
        if not plain or type(hooks) is not dict or hooks:
            raise InputError("has a tensor with an offset, a gradient or hooks")
        row = isinstance(record, _Record) and _is_one(size, record.values) and _is_one(stride, 1)
        if not isinstance(record, _Record) or not row:
            raise InputError("has a tensor that is not one plain row of values")
        if record.key not in self._tensors:
            content = self._archive.member(f"data/{record.key}")
            if not content or len(content) != 4 * record.values:
                raise InputError(
                    f"has {len(content)} bytes for a tensor of {record.values} values of 4 bytes"
                )
            values = np.frombuffer(content, "<f4").astype(np.float32)
            self._tensors[record.key] = torch.from_numpy(values)
        tensor = self._tensors[record.key]
        if len(tensor) != record.values:
            raise InputError(f"has tensors of two lengths in its member data/{record.key}")
        return tensor

    def _refuse_code(self, what: str) -> None:
        raise InputError(f"holds program code ({_shown(what)}), not {self._wanted}")


def _operations(pickle: bytes) -> Iterator[tuple[str, object]]:
    stream = io.BytesIO(pickle)
    try:
        for operation, argument, _ in pickletools.genops(stream):  # ends at STOP or raises
            yield operation.name, argument
    except (ValueError, struct.error, IndexError, OverflowError):
        raise InputError(DAMAGED) from None
    if stream.tell() != len(pickle):
        raise InputError(DAMAGED)


def _record(description: object) -> _Record:
    match description:
        case ("storage", _Name(name), str(key), str(), int(values)) if name == FLOAT_STORAGE:
            return _Record(key, values)
    raise InputError("has values that are not float32")


def _is_one(value: object, number: int) -> bool:
    """Whether the value is a tuple of this one number; a tensor in its place compares oddly."""
    match value:
        case (int(only),):
            return only == number
    return False


def _whole(argument: object) -> int:
    if not isinstance(argument, int):
        raise InputError(DAMAGED)
    return argument


def _as_list(target: object) -> list[object]:
    if not isinstance(target, list):
        raise InputError(DAMAGED)
    return target


def _set_items(target: object, items: list[object]) -> None:
    if not isinstance(target, dict) or len(items) % 2:
        raise InputError(DAMAGED)
    for key, value in zip(items[::2], items[1::2], strict=True):
        parts = key if type(key) is tuple else (key,)
        short = len(parts) <= MOST_KEY_PARTS
        if not short or any(type(part) not in (int, str) for part in parts):
            raise InputError("has a key that is not a whole number, a text or up to 4 of them")
        if key in target:
            raise InputError(f"has the key {_shown(str(key))} twice")
        target[key] = value


def _file_bytes(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise InputError("is not a file")
        with path.open("rb") as file:
            data = file.read(MOST_PUBLISHED_BYTES + 1)
    except OSError:
        raise InputError("cannot be read") from None
    if len(data) > MOST_PUBLISHED_BYTES:
        raise InputError(f"has more than {MOST_PUBLISHED_BYTES / 2**20:g} MB, the limit here")
    return data


def _shown(text: str) -> str:
    printable = "".join(letter if letter.isprintable() else "?" for letter in text[:MOST_NAME])
    return printable or "the file"
