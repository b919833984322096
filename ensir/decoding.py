"""Picture files to numbers, with Pillow and numpy alone.

A process that does nothing else starts in a tenth of a second, and in little memory: `images`,
which needs torch, is apart.
"""

from __future__ import annotations

import struct
import threading
import warnings
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image
from PIL.ImageFile import ImageFile

from ensir.errors import InputError
from ensir.limits import LONGEST_SIDE, MOST_SCANS
from ensir.picture_formats import (
    FORMATS,
    PNG_BEGINS,
    PictureFormat,
    declared_size,
    has_16_bit_colour,
)

Planes = NDArray[Any]  # of uint8 or uint16

TOO_LARGE = "does not fit into memory: make it smaller"
START_OF_SCAN = b"\xff\xda"  # a marker of JPEG
CHUNK, CHECKSUM_BYTES = struct.Struct(">I4s"), 4  # of PNG: its length and name, and what follows

# How Pillow turns what it stores into red, green and blue.
_EIGHT_BIT = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")
_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")

# What undoes each EXIF orientation: swap the axes first, then turn these round; 1 is upright.
_UPRIGHT = {
    2: (False, (-1,)),
    3: (False, (-2, -1)),
    4: (False, (-2,)),
    5: (True, ()),
    6: (True, (-1,)),
    7: (True, (-2, -1)),
    8: (True, (-2,)),
}

# warnings.catch_warnings changes what all threads see, so one picture is decoded at a time.
_DECODING = threading.RLock()


@dataclass(frozen=True, eq=False)
class Decoded:
    """A picture as its file has it, upright."""

    values: Planes  # (3, H, W) RGB, uint8, or uint16 where the file has 16 bits a sample
    alpha: Planes | None  # (H, W) of the same type; None where every pixel is opaque
    kind: str  # the name of its format
    remarks: tuple[str, ...]  # what was changed on the way: "has several frames: ..."


def decode(data: bytes, most_pixels: int) -> Decoded:
    """The picture in the bytes of a PNG, JPEG, WebP, TIFF or BMP file of up to `most_pixels`.

    Raises InputError for whatever cannot be decoded: what follows the file's name in a sentence.
    """
    kind = next((kind for kind in FORMATS if kind.begins(data)), None)
    if kind is None:
        raise InputError("is not a PNG, JPEG, WebP, TIFF or BMP image: save it as one of these")
    try:
        with _DECODING, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message="(?i).*(corrupt|truncated).*")
            return _decoded(data, kind, most_pixels)
    except InputError:
        raise
    except MemoryError:
        raise InputError(TOO_LARGE) from None
    except Exception as error:  # Pillow raises a dozen kinds, all meaning the same to the user
        raise InputError(_fault(error, data, kind)) from None


def _decoded(data: bytes, kind: PictureFormat, most_pixels: int) -> Decoded:
    """What `decode` returns; InputError for sizes and colours, else Pillow's own errors."""
    declared = declared_size(data)
    if declared:
        _require_size(*declared, most_pixels)
    if kind.name == "JPEG" and data.count(START_OF_SCAN) > MOST_SCANS:
        raise InputError(f"has more than {MOST_SCANS} scans: save it again")
    with kind.open(BytesIO(data)) as image:
        _require_size(*image.size, most_pixels)
        remarks = _remarks(image)
        image.load()
        orientation = image.getexif().get(ExifTags.Base.Orientation)
        if has_16_bit_colour(image, data):
            values, alpha = _deep_planes(data)
        else:
            values, alpha = _planes(image)
    if alpha is not None and alpha.min() == np.iinfo(alpha.dtype).max:
        alpha = None
    swapped, turned = _UPRIGHT.get(orientation or 1, (False, ()))

    def upright(plane: Planes) -> Planes:
        swap = plane.swapaxes(-1, -2) if swapped else plane
        return np.ascontiguousarray(np.flip(swap, turned))

    return Decoded(upright(values), None if alpha is None else upright(alpha), kind.name, remarks)


def _remarks(image: ImageFile) -> tuple[str, ...]:
    """What a user would not see, but should know."""
    remarks = []
    if image.mode == "CMYK":
        remarks.append("has printing colours (CMYK): other programs may convert them apart")
    if getattr(image, "is_animated", False):
        remarks.append("has several frames: the first is used")
    if image.info.get("icc_profile"):
        remarks.append("has a colour profile, which is ignored: values stay as stored")
    return tuple(remarks)


def _planes(image: Image.Image) -> tuple[Planes, Planes | None]:
    """Values (3, H, W) and alpha (H, W) of a decoded picture, as Pillow has them."""
    if image.mode in _SIXTEEN_BIT:
        grey = np.asarray(image).astype(np.uint16)  # in this machine's byte order
        values = np.repeat(grey[None], 3, axis=0)
        if "transparency" not in image.info:
            return values, None
        return values, np.where(grey == image.info["transparency"], 0, 65535).astype(np.uint16)
    if image.mode not in _EIGHT_BIT:
        raise InputError(
            f"holds floating-point, 32-bit or other values ({image.mode}): "
            "save it with 8 or 16 bits a colour"
        )
    coloured = image.convert("RGBA" if image.has_transparency_data else "RGB")
    planes = np.array(coloured).transpose(2, 0, 1)
    return planes[:3], planes[3] if len(planes) == 4 else None


def _require_whole_chunks(data: bytes) -> None:
    """Raises ValueError where a chunk of a PNG is longer than what is left of the file."""
    at, kind = len(PNG_BEGINS), b""
    while kind != b"IEND":
        length, kind = CHUNK.unpack_from(data, at)
        at += CHUNK.size + length + CHECKSUM_BYTES
        if at > len(data):
            raise ValueError("a chunk is cut off")


def _deep_planes(data: bytes) -> tuple[Planes, Planes | None]:
    """Values and alpha of a 16-bit colour picture that Pillow has found to be whole.

    Pillow stops at the last row; OpenCV makes room for whatever a part claims to hold.
    """
    import cv2

    if data.startswith(PNG_BEGINS):
        _require_whole_chunks(data)
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != np.uint16 or decoded.ndim != 3:
        raise ValueError("not the 16-bit picture it says it is")
    planes = np.asarray(decoded, np.uint16).transpose(2, 0, 1)  # blue first
    return planes[2::-1], planes[3] if len(planes) == 4 else None


def _require_size(width: int, height: int, most_pixels: int) -> None:
    if width * height > most_pixels:
        raise InputError(
            f"is {width} × {height} pixels, more than {most_pixels / 1e6:.4g} million, "
            "the limit here: make it smaller"
        )
    if max(width, height) > LONGEST_SIDE:
        raise InputError(
            f"is {width} × {height} pixels; a side may have {LONGEST_SIDE} pixels "
            "here: make it smaller"
        )


def _fault(error: Exception, data: bytes, kind: PictureFormat) -> str:
    """What to say of a file of a known kind that Pillow could not read."""
    if "out of memory" in str(error):  # a decoder of Pillow says so in words
        return TOO_LARGE
    if isinstance(error, Warning) or "MAX_TEXT" in str(error):
        return "has damaged or oversized metadata: save it again without"
    if "truncated" in str(error) or not kind.is_whole(data):
        return "ends early: the file is cut off: save it again"
    return "is damaged and cannot be decoded: save it again"
