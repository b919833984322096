"""Picture files to tensors and back.

A file may come from a stranger: its content decides what it is, never its name; its size is
known before it is decoded; and whatever is wrong with it ends in one sentence that shows its name.
"""

import os
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags, Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile
from torch import Tensor

from ensir.errors import InputError
from ensir.files import shown_name, write_whole
from ensir.limits import LEVEL_OF_16_BITS, LONGEST_SIDE, MOST_PICTURE_BYTES, MOST_PIXELS

PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")

# How Pillow turns what it stores into levels of red, green and blue.
_EIGHT_BIT = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")
_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")

# What undoes each EXIF orientation; 1 is upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# warnings.catch_warnings changes what all threads see, so one picture is decoded at a time.
_DECODING = threading.RLock()


@dataclass(frozen=True)
class _Format:
    """How a kind of picture file begins, is opened, and shows that its end is missing.

    The classes of Pillow are called directly: Image.open would stop at its own pixel limit, with
    a warning or an error that does not know the size.
    """

    begins: Callable[[bytes], bool]
    open: Callable[[BytesIO], ImageFile]
    is_whole: Callable[[bytes], bool]


_FORMATS = (
    _Format(
        begins=lambda data: data.startswith(b"\x89PNG\r\n\x1a\n"),
        open=PngImageFile,
        is_whole=lambda data: b"IEND" in data,
    ),
    _Format(
        begins=lambda data: data.startswith(b"\xff\xd8\xff"),
        open=JpegImageFile,
        # A thumbnail inside has an end of its own: the last end must follow the last scan.
        is_whole=lambda data: data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda"),
    ),
    _Format(
        begins=lambda data: data.startswith(b"RIFF") and data[8:12] == b"WEBP",
        open=WebPImageFile,
        is_whole=lambda data: len(data) >= 8 + int.from_bytes(data[4:8], "little"),
    ),
    _Format(
        begins=lambda data: data.startswith((b"II*\0", b"II+\0")),
        open=TiffImageFile,
        is_whole=lambda data: len(data) > int.from_bytes(data[4:8], "little"),
    ),
    _Format(
        begins=lambda data: data.startswith((b"MM\0*", b"MM\0+")),
        open=TiffImageFile,
        is_whole=lambda data: len(data) > int.from_bytes(data[4:8], "big"),
    ),
    _Format(
        begins=lambda data: data.startswith(b"BM"),
        open=BmpImageFile,
        is_whole=lambda data: len(data) >= int.from_bytes(data[2:6], "little"),
    ),
)


def read_image(path: Path) -> Tensor:
    """The picture in a PNG, JPEG, WebP, TIFF or BMP file as uint8 (3, H, W), RGB, upright.

    Grey, palette and CMYK become RGB by Pillow's rules; 16-bit grey becomes the nearest level,
    v / 257 rounded; of 16-bit colour Pillow keeps the upper 8 bits. Where a pixel is not opaque,
    it is composited on white, and the alpha is dropped. Of several frames the first is read.
    Colour profiles are ignored: values stay as stored.

    Raises InputError, one sentence with the name of the file, for whatever cannot be read.
    """
    name = shown_name(path)
    data = _read_bytes(path, name)
    kind = next((kind for kind in _FORMATS if kind.begins(data)), None)
    if kind is None:
        raise InputError(
            f"{name} is not a PNG, JPEG, WebP, TIFF or BMP image: save it as one of these"
        )
    try:
        with _DECODING, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message="(?i).*(corrupt|truncated).*")
            return _decode(name, data, kind)
    except InputError:
        raise
    except MemoryError:
        raise InputError(f"{name} does not fit into memory: make it smaller") from None
    except Exception as error:  # Pillow raises a dozen kinds, all meaning the same to the user
        raise InputError(f"{name} {_fault(error, data, kind)}") from None


def encode_png(image: Tensor) -> bytes:
    """An image, uint8 (3, H, W) or (1, H, W), as the bytes of a PNG file."""
    import cv2

    if image.dtype != torch.uint8 or image.ndim != 3 or image.shape[0] not in (1, 3):
        raise InputError(
            f"a PNG is made of uint8 (3, H, W) or (1, H, W), got {image.dtype} "
            f"{tuple(image.shape)}: round it to levels first"
        )
    blue_first = image.flip(0).permute(1, 2, 0).contiguous().cpu().numpy()
    # Level 1: the higher ones take several times as long for a few percent.
    done, encoded = cv2.imencode(".png", blue_first, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise InputError(f"an image of {tuple(image.shape)} cannot be stored as a PNG")
    return bytes(encoded)


def write_image(path: Path, image: Tensor) -> None:
    """Writes an image, uint8 (3, H, W) or (1, H, W), as a PNG file, whole or not at all."""
    if path.suffix.lower() != ".png":
        raise InputError(f"{shown_name(path)} would be a PNG file: let its name end in .png")
    write_whole(path, encode_png(image))


def _read_bytes(path: Path, name: str) -> bytes:
    try:
        if not path.exists():
            raise InputError(f"{name} is not there: check its name and folder")
        if not path.is_file():  # reading a pipe would wait for ever
            raise InputError(f"{name} is not a file: choose a picture file")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > MOST_PICTURE_BYTES:
                raise InputError(
                    f"{name} has {size / 2**20:.4g} MB; "
                    f"the limit here is {MOST_PICTURE_BYTES / 2**20:.4g} MB: make it smaller"
                )
            return file.read(size)
    except OSError as error:
        raise InputError(
            f"{name} cannot be read ({error.strerror}): check that you may open it"
        ) from None


def _decode(name: str, data: bytes, kind: _Format) -> Tensor:
    """What `read_image` returns; InputError for sizes and colours, else Pillow's own errors."""
    declared = _declared_size(data)
    if declared:
        _require_size(name, *declared)
    with kind.open(BytesIO(data)) as image:
        _require_size(name, *image.size)
        image.load()
        orientation = image.getexif().get(ExifTags.Base.Orientation)
        picture = _rgb(name, image)
    if orientation in _UPRIGHT:
        picture = picture.transpose(_UPRIGHT[orientation])
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()


def _declared_size(data: bytes) -> tuple[int, int] | None:
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


def _require_size(name: str, width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise InputError(
            f"{name} is {width} × {height} pixels ({width * height / 1e6:.4g} million); "
            f"the limit here is {MOST_PIXELS / 1e6:.4g} million: make it smaller"
        )
    if max(width, height) > LONGEST_SIDE:
        raise InputError(
            f"{name} is {width} × {height} pixels; a side may have {LONGEST_SIDE} here: "
            "make it smaller"
        )


def _rgb(name: str, image: Image.Image) -> Image.Image:
    """A decoded picture in mode RGB."""
    if image.mode in _SIXTEEN_BIT:
        value = np.asarray(image).astype(np.uint32)
        level = ((value + LEVEL_OF_16_BITS // 2) // LEVEL_OF_16_BITS).astype(
            np.uint8
        )  # Pillow's own conversion clips at 255
        if "transparency" in image.info:
            level[value == image.info["transparency"]] = 255
        return Image.fromarray(level).convert("RGB")
    if image.mode not in _EIGHT_BIT:
        raise InputError(
            f"{name} holds floating-point, 32-bit or other values ({image.mode}): "
            "save it with 8 or 16 bits a colour"
        )
    if not image.has_transparency_data:
        return image.convert("RGB")
    coloured = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(coloured, mask=coloured.getchannel("A"))
    return white


def _fault(error: Exception, data: bytes, kind: _Format) -> str:
    """What to say of a file of a known kind that Pillow could not read."""
    if isinstance(error, Warning) or "MAX_TEXT" in str(error):
        return "has damaged or oversized metadata: save it again without"
    if "truncated" in str(error) or not kind.is_whole(data):
        return "ends early: the file is cut off: save it again"
    return "is damaged and cannot be decoded: save it again"
