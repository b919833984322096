"""Reads what torch.save wrote without an unpickler: nothing in the file is called or imported.

The container is a zip of stored members: one pickle, and one member ("record") of raw bytes for
each storage of tensors. The pickle is read as data, with the operations and names of a lookup
table. Every size is checked before anything is allocated for it, and the time is proportional to
the size of the file.
"""

from __future__ import annotations

import io
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
from ensir.files import read_whole, shown_name
from ensir.limits import (
    MOST_OPERATIONS,
    MOST_PICKLE_BYTES,
    MOST_PUBLISHED_BYTES,
    MOST_RECORDS,
    MOST_STRING,
)
from ensir.pickle_opcodes import (
    BASIC_OPERATIONS,
    DAMAGED,
    Name,
    PickleLimits,
    UnexpectedCall,
    Vocabulary,
    read_whole_pickle,
    shown,
)

ZIP_MAGIC = b"PK\x03\x04"
CENTRAL_MAGIC = b"PK\x01\x02"
# Signature, version, flags, method, time, date, CRC, stored size, size, lengths of name and extra.
LOCAL_HEADER = struct.Struct("<4s5H3L2H")
ENCRYPTED = 0x1 | 0x40 | 0x2000
SIZES_FOLLOW = 0x8  # the local header leaves the sizes to a descriptor behind the member
NAME_IS_UTF8 = 0x800
# Signature, four counts of members and disks, size and place of the directory, length of a comment.
END_RECORD = struct.Struct("<4s4H2LH")
END_MAGIC = b"PK\x05\x06"
# torch.save writes the same in wider numbers before it, and 20 bytes between that say where.
WIDE_END_RECORD = struct.Struct("<4sQ2H2L4Q20x")
WIDE_END_MAGIC = b"PK\x06\x06"
# Bytes of the directory for each member: zipfile's time grows with the square of what is more.
MOST_ENTRY_BYTES = 512

REBUILD_TENSOR = "torch._utils _rebuild_tensor_v2"
FLOAT_STORAGE = "torch FloatStorage"
ORDERED_DICT = "collections OrderedDict"
LIMITS = PickleLimits(MOST_PICKLE_BYTES, MOST_OPERATIONS, MOST_STRING)


def is_torch_archive(head: bytes) -> bool:
    """Whether a file that begins like this may be one of torch.save."""
    return head.startswith(ZIP_MAGIC)


def read_torch_archive(path: Path, wanted: str) -> object:
    """The value in the file: dicts, lists, tuples, whole numbers, texts and float32 tensors (N,).

    Tensors of one record are one object. `wanted` is what the file should be, for the sentences:
    "a lookup table".

    Raises InputError for whatever is not that, or is too large.
    """
    data = read_whole(path, shown_name(path), MOST_PUBLISHED_BYTES)
    with sentence_about(path):
        archive = Archive(data, wanted)
        calls = {
            REBUILD_TENSOR: _Rows(archive),
            FLOAT_STORAGE: None,
            ORDERED_DICT: _empty_dict,
        }
        vocabulary = Vocabulary(BASIC_OPERATIONS, calls, _record, LIMITS, wanted)
        return read_whole_pickle(archive.member("data.pkl"), vocabulary)


@contextmanager
def sentence_about(path: Path) -> Iterator[None]:
    """Puts the file's name, never its folder, before what an InputError says of it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{shown_name(path)} {error}") from None


class Archive:
    """The members of a zip of torch.save, checked one by one: stored, plain, apart from each other.

    `wanted` is what the file should be, for the sentences. Raises InputError for any other content.
    """

    def __init__(self, data: bytes, wanted: str) -> None:
        if not is_torch_archive(data):
            raise InputError(f"is not {wanted}: {'not a file of torch.save' if data else 'empty'}")
        count = data.count(CENTRAL_MAGIC)
        if count > MOST_RECORDS:
            raise InputError(f"has more than {MOST_RECORDS:,} members, the limit here")
        if _directory_size(data) > MOST_ENTRY_BYTES * count:
            raise InputError(DAMAGED)
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
                raise InputError(f"holds {shown(member.orig_filename)} twice")
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

    def member(self, name: str) -> memoryview:
        """The bytes of one member of torch.save's folder, in place; its checksum is right."""
        if self._folder + name not in self._members:
            raise InputError(f"lacks its member {shown(name)}")
        place, checksum = self._members[self._folder + name]
        content = memoryview(self._data)[place]
        if zlib.crc32(content) != checksum:
            raise InputError(f"is damaged: the checksum of {shown(name)} is wrong")
        return content

    def _place(self, member: zipfile.ZipInfo) -> slice:
        """Where the content lies in the file, if both headers of the member agree."""
        name = shown(member.orig_filename)
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


def _directory_size(data: bytes) -> int:
    """Bytes of the list of members, by the records at the very end that zipfile goes by."""
    place = len(data) - END_RECORD.size
    if place < 0:
        raise InputError(DAMAGED)
    magic, _, _, _, _, size, _, comment = END_RECORD.unpack_from(data, place)
    if magic != END_MAGIC or comment:
        raise InputError(DAMAGED)
    wide_size = 0
    if place >= WIDE_END_RECORD.size:
        magic, *_, said, _ = WIDE_END_RECORD.unpack_from(data, place - WIDE_END_RECORD.size)
        wide_size = said if magic == WIDE_END_MAGIC else 0
    return max(size, wide_size)


@dataclass(frozen=True)
class _Record:
    key: str
    values: int


class _Rows:
    """Stands in for torch's function that makes a tensor: plain rows of float32 values only."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._tensors: dict[str, Tensor] = {}

    def __call__(self, arguments: tuple[object, ...]) -> Tensor:
        if len(arguments) != 6:
            raise UnexpectedCall
        record, offset, size, stride, gradient, hooks = arguments
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


def _empty_dict(arguments: tuple[object, ...]) -> object:
    if arguments:
        raise UnexpectedCall
    return {}


def _record(description: object) -> _Record:
    match description:
        case ("storage", Name(name), str(key), str(), int(values)) if name == FLOAT_STORAGE:
            return _Record(key, values)
    raise InputError("has values that are not float32")


def _is_one(value: object, number: int) -> bool:
    """Whether the value is a tuple of this one number; a tensor in its place compares oddly."""
    match value:
        case (int(only),):
            return only == number
    return False
