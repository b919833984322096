"""The picture formats that are read, as data: how a file begins, is opened, and ends.

The classes of Pillow are called directly: Image.open would stop at its own pixel limit, with a
warning or an error that does not know the size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

BITS_PER_SAMPLE = 258  # a tag of TIFF


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
        begins=lambda data: data.startswith(b"\x89PNG\r\n\x1a\n"),
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


def has_16_bit_colour(image: ImageFile, data: bytes) -> bool:
    """Whether a colour picture has 16 bits a sample, of which Pillow keeps the upper 8 only."""
    if isinstance(image, PngImageFile):
        return data[24] == 16 and image.mode in ("RGB", "RGBA", "LA")
    if isinstance(image, TiffImageFile):
        return set(image.tag_v2.get(BITS_PER_SAMPLE, ())) == {16} and image.mode in ("RGB", "RGBA")
    return False
