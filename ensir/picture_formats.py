"""The picture formats that are read, as data: how a file begins, is opened, and ends.

The classes of Pillow are called directly: Image.open would stop at its own pixel limit, with a
warning or an error that does not know the size.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

WIDTH_TAG, HEIGHT_TAG, BITS_PER_SAMPLE = 256, 257, 258  # of TIFF
BIG_TIFF = 43  # its version
TIFF_BYTES = {3: 2, 4: 4}  # of a number, by its type
OS2_HEADER_BYTES = 12
PNG_BEGINS = b"\x89PNG\r\n\x1a\n"
# Segments of a JPEG before its frame, entries of a TIFF's directory: pictures have tens. The app
# itself, not its decoder, reads these, of thousands of files.
MOST_PARTS = 1_000
# Of JPEG: what begins a marker, any number of times, and the start of a frame, of each coding.
_FILLING = re.compile(rb"\xff+")
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True)
class PictureFormat:
    """A kind of picture file."""

    name: str
    endings: tuple[str, ...]
    begins: Callable[[bytes], bool]
    open: Callable[[BytesIO], ImageFile]
    is_whole: Callable[[bytes], bool]  # false where its end is missing


FORMATS = (
    PictureFormat(
        name="PNG",
        endings=(".png",),
        begins=lambda data: data.startswith(PNG_BEGINS),
        open=PngImageFile,
        is_whole=lambda data: b"IEND" in data,
    ),
    PictureFormat(
        name="JPEG",
        endings=(".jpg", ".jpeg"),
        begins=lambda data: data.startswith(b"\xff\xd8\xff"),
        open=JpegImageFile,
        # A thumbnail inside has an end of its own: the last end must follow the last scan.
        is_whole=lambda data: data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda"),
    ),
    PictureFormat(
        name="WebP",
        endings=(".webp",),
        begins=lambda data: data.startswith(b"RIFF") and data[8:12] == b"WEBP",
        open=WebPImageFile,
        is_whole=lambda data: len(data) >= 8 + int.from_bytes(data[4:8], "little"),
    ),
    PictureFormat(
        name="TIFF",
        endings=(".tif", ".tiff"),
        begins=lambda data: data.startswith((b"II*\0", b"II+\0")),
        open=TiffImageFile,
        is_whole=lambda data: len(data) > int.from_bytes(data[4:8], "little"),
    ),
    PictureFormat(
        name="TIFF",
        endings=(".tif", ".tiff"),
        begins=lambda data: data.startswith((b"MM\0*", b"MM\0+")),
        open=TiffImageFile,
        is_whole=lambda data: len(data) > int.from_bytes(data[4:8], "big"),
    ),
    PictureFormat(
        name="BMP",
        endings=(".bmp",),
        begins=lambda data: data.startswith(b"BM"),
        open=BmpImageFile,
        is_whole=lambda data: len(data) >= int.from_bytes(data[2:6], "little"),
    ),
)


def declared_size(data: bytes) -> tuple[int, int] | None:
    """Width and height where opening would already read past them (PNG) or allocate (WebP)."""
    if data.startswith(b"\x89PNG") and data[12:16] == b"IHDR" and len(data) >= 24:
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if data.startswith(b"RIFF") and len(data) >= 30:
        chunk = data[12:16]
        if chunk == b"VP8X":
            sides = data[24:27], data[27:30]
            return 1 + int.from_bytes(sides[0], "little"), 1 + int.from_bytes(sides[1], "little")
        if chunk == b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        bits = int.from_bytes(data[26:30], "little")
        return bits & 0x3FFF, bits >> 16 & 0x3FFF
    return None


def size_in_header(data: bytes) -> tuple[int, int] | None:
    """Width and height as the file says them, before its orientation; None where it does not.

    For what wants to know before anything is decoded; decoding checks again. Of a header with more
    than MOST_PARTS parts nothing is said, so that the longest file takes hardly longer than any.
    """
    if data.startswith(b"\xff\xd8"):
        return _size_of_jpeg(data)
    if data.startswith(b"BM") and len(data) >= 26:
        return _size_of_bmp(data)
    if data.startswith((b"II", b"MM")):
        return _size_of_tiff(data, "little" if data.startswith(b"I") else "big")
    return declared_size(data)


def _size_of_bmp(data: bytes) -> tuple[int, int]:
    """From the header, of which OS/2 had a shorter kind, with sides of 16 bits."""
    if int.from_bytes(data[14:18], "little") == OS2_HEADER_BYTES:
        return int.from_bytes(data[18:20], "little"), int.from_bytes(data[20:22], "little")
    sides = (int.from_bytes(data[at : at + 4], "little", signed=True) for at in (18, 22))
    width, height = map(abs, sides)  # a negative height: stored from the top
    return width, height


def _size_of_jpeg(data: bytes) -> tuple[int, int] | None:
    """From the frame header, behind segments that say how long they are."""
    at = 2
    for _ in range(MOST_PARTS):
        filling = _FILLING.match(data, at)
        if filling is None or filling.end() + 8 > len(data):
            return None
        at = filling.end()
        kind, length = data[at], int.from_bytes(data[at + 1 : at + 3], "big")
        if kind in _FRAMES:
            height, width = (int.from_bytes(data[at + n : at + n + 2], "big") for n in (4, 6))
            return width, height
        at += 1 + length
    return None


def _size_of_tiff(data: bytes, order: Literal["little", "big"]) -> tuple[int, int] | None:
    """From the first directory: entries of tag, type, count and value.

    In a BigTIFF places, counts and values have 8 bytes.
    """
    is_big = int.from_bytes(data[2:4], order) == BIG_TIFF
    word, counter = (8, 8) if is_big else (4, 2)
    at = int.from_bytes(data[word : 2 * word], order)
    entries = int.from_bytes(data[at : at + counter], order)
    if entries > MOST_PARTS:
        return None
    first, step = at + counter, 4 + 2 * word
    sides: dict[int, int] = {}
    for place in range(first, min(first + step * entries, len(data) - step + 1), step):
        tag, kind = (int.from_bytes(data[place + n : place + n + 2], order) for n in (0, 2))
        if tag in (WIDTH_TAG, HEIGHT_TAG):
            value = place + 4 + word
            size = TIFF_BYTES.get(kind, word)
            sides[tag] = int.from_bytes(data[value : value + size], order)
    return (sides[WIDTH_TAG], sides[HEIGHT_TAG]) if len(sides) == 2 else None


def has_16_bit_colour(image: ImageFile, data: bytes) -> bool:
    """Whether a colour picture has 16 bits a sample, of which Pillow keeps the upper 8 only."""
    if isinstance(image, PngImageFile):
        return data[24] == 16 and image.mode in ("RGB", "RGBA", "LA")
    if isinstance(image, TiffImageFile):
        return set(image.tag_v2.get(BITS_PER_SAMPLE, ())) == {16} and image.mode in ("RGB", "RGBA")
    return False
