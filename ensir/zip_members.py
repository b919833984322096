"""What a stranger's zip file holds: listed, checked and read one by one, never extracted.

The names of members are shown and compared, never used as paths. Every size is checked before
anything is allocated for it, and what a member unpacks to is counted while it does.
"""

from __future__ import annotations

import os
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ensir.errors import InputError
from ensir.files import Named, shown_name
from ensir.limits import (
    MOST_PICTURE_BYTES,
    MOST_UNZIPPED_BYTES,
    MOST_ZIP_BYTES,
    MOST_ZIP_MEMBERS,
    MOST_ZIP_RATIO,
)
from ensir.torch_archive import (
    CENTRAL_MAGIC,
    ENCRYPTED,
    END_MAGIC,
    END_RECORD,
    LOCAL_HEADER,
    NAME_IS_UTF8,
    ZIP_MAGIC,
)

# Signature, made by, needs, flags, method, time, date, CRC, stored size, size, lengths of name,
# extra and comment, disk, inner and outer attributes, place of the local header.
ENTRY = struct.Struct("<4s6H3L5H2L")
LONGEST_COMMENT = 65_535
MOST_ENTRY_BYTES = 2048  # of the directory, for each member
STORED, DEFLATED = 0, 8
UNIX = 3  # made by: the outer attributes hold the mode of the file
# What file managers add, besides files whose name begins with a dot.
CLUTTER = ("__macosx", "thumbs.db", "desktop.ini", "icon\r")
ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz")


@dataclass(frozen=True)
class ZipMember:
    """A file in a zip, and where its bytes are."""

    file: Path  # the zip
    folders: tuple[str, ...]  # it lies in these, the outermost first
    name: str  # without folders
    size: int
    stored: int  # bytes in the zip
    method: int
    checksum: int
    begins: int  # byte of the zip

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.name).suffix

    def content(self) -> bytes:
        """Its bytes, unpacked; raises InputError where they are not what the zip says."""
        try:
            with self.file.open("rb") as file:
                file.seek(self.begins)
                data = file.read(self.stored)
        except OSError:
            raise InputError(
                f"{shown_name(self.file)} is not there any more: choose it again"
            ) from None
        if self.method == DEFLATED:
            unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
            try:
                data = unpacker.decompress(data, self.size + 1)
            except zlib.error:
                raise _damaged(self.file) from None
            if not unpacker.eof or unpacker.unused_data:
                raise _damaged(self.file)
        if len(data) != self.size or zlib.crc32(data) != self.checksum:
            raise _damaged(self.file)
        return data


def is_zip(path: Path) -> bool:
    """Whether a file begins as a zip does; False where it cannot be read."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(4) in (ZIP_MAGIC, END_MAGIC)
    except OSError:
        return False


def zip_members(path: Path) -> tuple[ZipMember, ...]:
    """The files in a zip, in the order of their names, but for those that nobody put there.

    Raises InputError for whatever is not a plain zip of plain files within the limits.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            if size > MOST_ZIP_BYTES:
                raise InputError(
                    f"{shown_name(path)} has more than {MOST_ZIP_BYTES / 2**20:.4g} MB, the limit "
                    "here: choose a smaller file"
                )
            return _checked(path, list(_entries(path, file, size)))
    except OSError:
        raise InputError(f"{shown_name(path)} cannot be read: check that you may open it") from None


@dataclass(frozen=True)
class _Entry:
    """A member as the directory at the end of a zip has it."""

    path: str  # as it is written: it may be anything
    member: ZipMember
    ends: int  # byte of the zip
    flags: int
    mode: int  # as Unix has it, 0 where another system made it


def _entries(path: Path, file: BinaryIO, size: int) -> Iterator[_Entry]:
    """Every entry of the directory, with the local header it speaks of."""
    begin, length, number = _directory(path, file, size)
    if number > MOST_ZIP_MEMBERS:
        raise InputError(
            f"{shown_name(path)} holds {number:,} files, {MOST_ZIP_MEMBERS:,} are the limit here: "
            "leave some out"
        )
    file.seek(begin)
    directory = file.read(length)
    at = 0
    for _ in range(number):
        if at + ENTRY.size > len(directory):
            raise _damaged(path)
        magic, made_by, _, flags, method, _, _, checksum, stored, unpacked, *rest = (
            ENTRY.unpack_from(directory, at)
        )
        named, extra, comment, _, _, outer, place = rest
        written = directory[at + ENTRY.size : at + ENTRY.size + named]
        at += ENTRY.size + named + extra + comment
        file.seek(place)
        header = file.read(LOCAL_HEADER.size + named)
        if magic != CENTRAL_MAGIC or len(header) < LOCAL_HEADER.size + named:
            raise _damaged(path)
        local_magic, *_, named_there, extra_there = LOCAL_HEADER.unpack_from(header)
        begins = place + LOCAL_HEADER.size + named_there + extra_there
        agree = local_magic == ZIP_MAGIC and header[LOCAL_HEADER.size :] == written
        if not agree or named_there != named or begins + stored > begin:
            raise _damaged(path)
        name = _text(written, flags)
        folders, last = name.split("/")[:-1], name.rpartition("/")[2]
        yield _Entry(
            name,
            ZipMember(path, tuple(folders), last, unpacked, stored, method, checksum, begins),
            begins + stored,
            flags,
            outer >> 16 if made_by >> 8 == UNIX else 0,
        )


def _directory(path: Path, file: BinaryIO, size: int) -> tuple[int, int, int]:
    """First byte, length and number of entries of the directory, from the record at the end."""
    tail = min(size, END_RECORD.size + LONGEST_COMMENT)
    file.seek(size - tail)
    data = file.read(tail)
    place = data.rfind(END_MAGIC, 0, max(0, len(data) - END_RECORD.size + len(END_MAGIC)))
    if place < 0:
        raise InputError(f"{shown_name(path)} ends early: the file is cut off: make the zip again")
    _, disk, _, _, number, length, begin, _ = END_RECORD.unpack_from(data, place)
    # Places of 2**32 - 1 stand for larger ones, in zips larger than the limit.
    if disk or begin + length > size - tail + place or length > MOST_ENTRY_BYTES * number:
        raise _damaged(path)
    return begin, length, number


def _checked(path: Path, entries: list[_Entry]) -> tuple[ZipMember, ...]:
    """The members of a directory that is within the limits and hides nothing."""
    shown = shown_name(path)
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.member.begins):
        if entry.member.begins < end + LOCAL_HEADER.size:
            raise _damaged(path)  # two members share bytes
        end = entry.ends
    files = [entry for entry in entries if entry.member.name and not _is_clutter(entry.member)]
    seen: dict[str, _Entry] = {}
    for entry in files:
        _check_name(shown, entry.path)
        _check(shown, entry)
        twin = seen.setdefault(entry.path.casefold(), entry)
        if twin is not entry:
            raise InputError(
                f"{shown} holds both {_shown(twin.path)} and {_shown(entry.path)}: rename one"
            )
    if sum(entry.member.size for entry in files) > MOST_UNZIPPED_BYTES:
        raise InputError(
            f"{shown} unpacks to more than {MOST_UNZIPPED_BYTES / 2**20:.4g} MB, the limit here: "
            "leave some pictures out"
        )
    return tuple(entry.member for entry in sorted(files, key=lambda entry: entry.path))


def _check_name(shown: str, path: str) -> None:
    parts = path.split("/")
    odd = not path.isprintable() or "\\" in path or ":" in path
    if odd or not all(parts) or {".", ".."} & set(parts):
        raise InputError(
            f"{shown} holds a file with an odd name, {_shown(path)}: use letters, digits and "
            "folders only, and make the zip again"
        )


def _check(shown: str, entry: _Entry) -> None:
    """Raises InputError for a member that will not be read."""
    member = entry.member
    name = shown_name(member)
    if entry.flags & ENCRYPTED:
        raise InputError(f"{shown} is encrypted: make the zip without a password")
    if stat.S_IFMT(entry.mode) not in (0, stat.S_IFREG):
        raise InputError(f"{shown} holds a link, {name}: put the file itself there")
    if member.suffix.lower() in ARCHIVES:
        raise InputError(f"{shown} holds another archive, {name}: unpack that first")
    if member.method not in (STORED, DEFLATED):
        raise InputError(
            f"{shown} is packed in a way that is not read here: make it as an ordinary zip"
        )
    if member.method == STORED and member.stored != member.size:
        raise _damaged(member.file)
    if member.stored > member.size + member.size // 100 + 1024:  # packing adds less to noise
        raise _damaged(member.file)
    if member.size > MOST_PICTURE_BYTES:
        raise InputError(
            f"{shown} holds {name} of more than {MOST_PICTURE_BYTES / 2**20:.4g} MB, the limit "
            "here: leave it out"
        )
    if member.size > MOST_ZIP_RATIO * max(member.stored, 1):
        raise InputError(
            f"{shown} holds {name}, which unpacks to more than {MOST_ZIP_RATIO} times its size: "
            "leave it out, or save it as PNG"
        )


def _is_clutter(member: ZipMember) -> bool:
    parts = {*member.folders, member.name}
    if {".", ".."} & parts or any("\\" in part for part in parts):
        return False  # refused by name
    return any(part.startswith(".") or part.casefold() in CLUTTER for part in parts)


def _text(written: bytes, flags: int) -> str:
    """The name of a member; many programs write UTF-8 without saying so."""
    try:
        return written.decode()
    except UnicodeDecodeError:
        return written.decode("utf-8" if flags & NAME_IS_UTF8 else "cp437", errors="replace")


def _shown(path: str) -> str:
    """A member's path, escaped."""
    return f"{path!r:.80}"


def _damaged(path: Named) -> InputError:
    return InputError(f"{shown_name(path)} is damaged: make the zip again")
