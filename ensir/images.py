"""Picture files to tensors and back.

A file may come from a stranger: its content decides what it is, never its name; its size is
known before it is decoded; and whatever is wrong with it ends in one sentence that shows its name.
"""

from __future__ import annotations

import threading
import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ExifTags, Image
from PIL.ImageFile import ImageFile
from torch import Tensor

from ensir.ensemble.levels import in_depth, levels_of
from ensir.errors import InputError
from ensir.files import read_whole, shown_name, write_whole
from ensir.limits import LONGEST_SIDE, MOST_PICTURE_BYTES, MOST_PIXELS
from ensir.picture_formats import FORMATS, PictureFormat, declared_size, has_16_bit_colour

PICTURE_ENDINGS = tuple(dict.fromkeys(ending for kind in FORMATS for ending in kind.endings))

# How Pillow turns what it stores into red, green and blue.
_EIGHT_BIT = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")
_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")

Planes = NDArray[np.uint8] | NDArray[np.uint16]

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
class Picture:
    """A picture as its file has it, upright; what was changed on the way is in `notes`."""

    values: Tensor  # (3, H, W) RGB, uint8, or uint16 where the file has 16 bits a sample
    alpha: Tensor | None  # (H, W) of the same type; None where every pixel is opaque
    notes: tuple[str, ...]  # a sentence each

    @property
    def levels(self) -> Tensor:
        """As it is shown: 8-bit levels, composited on white, (3, H, W) uint8."""
        return on_white(levels_of(self.values), self.alpha)


def read_picture(path: Path, owner: str | None = None) -> Picture:
    """The picture in a PNG, JPEG, WebP, TIFF or BMP file, with its depth and transparency.

    Grey, palette and CMYK become RGB by Pillow's rules; of several frames the first is read;
    colour profiles are ignored: values stay as stored. The notes say so.

    Raises InputError, one sentence with the name of the file and its `owner` as `shown_name` gives
    it, for whatever cannot be read.
    """
    name = shown_name(path, owner)
    data = read_whole(path, name, MOST_PICTURE_BYTES)
    kind = next((kind for kind in FORMATS if kind.begins(data)), None)
    if kind is None:
        raise InputError(
            f"{name} is not a PNG, JPEG, WebP, TIFF or BMP image: save it as one of these"
        )
    try:
        with _DECODING, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message="(?i).*(corrupt|truncated).*")
            return _decode(path, name, data, kind)
    except InputError:
        raise
    except MemoryError:
        raise InputError(f"{name} does not fit into memory: make it smaller") from None
    except Exception as error:  # Pillow raises a dozen kinds, all meaning the same to the user
        raise InputError(f"{name} {_fault(error, data, kind)}") from None


def read_image(path: Path, owner: str | None = None) -> Tensor:
    """The picture in a file as it is shown: uint8 (3, H, W), RGB, upright, on white.

    Raises InputError as `read_picture` does.
    """
    return read_picture(path, owner).levels


def on_white(levels: Tensor, alpha: Tensor | None) -> Tensor:
    """What is seen of levels (3, H, W) uint8 on white paper; alpha (H, W) is None where opaque."""
    if alpha is None:
        return levels
    opacity = levels_of(alpha).int()
    return ((levels * opacity + 255 * (255 - opacity) + 127) // 255).to(torch.uint8)


def fused_picture(image: Tensor, depth: torch.dtype, alpha: Tensor | None) -> Picture:
    """A fused image (3, H, W) as the picture to keep: in the depth, and as transparent, as it came.

    `depth` is torch.uint8 or torch.uint16; `alpha` (H, W) may have either.
    """
    return Picture(in_depth(image, depth), None if alpha is None else in_depth(alpha, depth), ())


def encode_png(image: Tensor, alpha: Tensor | None = None) -> bytes:
    """An image, uint8 or uint16 (3, H, W) or (1, H, W), as the bytes of a PNG file.

    `alpha` is (H, W) of the same type, for colour only.
    """
    import cv2

    if (
        image.dtype not in (torch.uint8, torch.uint16)
        or image.ndim != 3
        or image.shape[0] not in (1, 3)
    ):
        raise InputError(
            f"a PNG is made of uint8 or uint16 (3, H, W) or (1, H, W), got {image.dtype} "
            f"{tuple(image.shape)}: round it to levels first"
        )
    if alpha is not None and (
        len(image) == 1 or (alpha.dtype, alpha.shape) != (image.dtype, image.shape[1:])
    ):
        raise InputError(
            f"the alpha of a PNG is (H, W) of the type of its (3, H, W) colours, got {alpha.dtype} "
            f"{tuple(alpha.shape)} for {image.dtype} {tuple(image.shape)}: make them fit, or leave "
            "it out"
        )
    planes = image.cpu().numpy()[::-1]  # blue first
    if alpha is not None:
        planes = np.concatenate([planes, alpha.cpu().numpy()[None]])
    # Level 1: the higher ones take several times as long for a few percent.
    done, encoded = cv2.imencode(
        ".png",
        np.ascontiguousarray(planes.transpose(1, 2, 0)),
        [cv2.IMWRITE_PNG_COMPRESSION, 1],
    )
    if not done:
        raise InputError(
            f"an image of {tuple(image.shape)} cannot be stored as a PNG: make it smaller"
        )
    return bytes(encoded)


def write_image(path: Path, image: Tensor, alpha: Tensor | None = None) -> None:
    """Writes an image as a PNG file, whole or not at all; image and alpha as in `encode_png`."""
    if path.suffix.lower() != ".png":
        raise InputError(f"{shown_name(path)} would be a PNG file: let its name end in .png")
    write_whole(path, encode_png(image, alpha))


def _decode(path: Path, name: str, data: bytes, kind: PictureFormat) -> Picture:
    """What `read_picture` returns; InputError for sizes and colours, else Pillow's own errors."""
    declared = declared_size(data)
    if declared:
        _require_size(name, *declared)
    with kind.open(BytesIO(data)) as image:
        _require_size(name, *image.size)
        notes = _notes(path, name, image, kind)
        image.load()
        orientation = image.getexif().get(ExifTags.Base.Orientation)
        if has_16_bit_colour(image, data):
            values, alpha = _deep_planes(data)
        else:
            values, alpha = _planes(name, image)
    if alpha is not None and alpha.min() == np.iinfo(alpha.dtype).max:
        alpha = None
    swapped, turned = _UPRIGHT.get(orientation or 1, (False, ()))

    def upright(plane: Planes) -> Tensor:
        swap = plane.swapaxes(-1, -2) if swapped else plane
        return torch.from_numpy(np.ascontiguousarray(np.flip(swap, turned)))

    return Picture(upright(values), None if alpha is None else upright(alpha), notes)


def _notes(path: Path, name: str, image: ImageFile, kind: PictureFormat) -> tuple[str, ...]:
    """What a user would not see, but should know."""
    notes = []
    if path.suffix.lower() not in kind.endings:
        notes.append(f"{name} is a {kind.name} image, whatever its name says")
    if image.mode == "CMYK":
        notes.append(f"{name} has printing colours (CMYK): other programs may convert them apart")
    if getattr(image, "is_animated", False):
        notes.append(f"{name} has several frames: the first is used")
    if image.info.get("icc_profile"):
        notes.append(f"{name} has a colour profile, which is ignored: values stay as stored")
    return tuple(notes)


def _planes(name: str, image: Image.Image) -> tuple[Planes, Planes | None]:
    """Values (3, H, W) and alpha (H, W) of a decoded picture, as Pillow has them."""
    if image.mode in _SIXTEEN_BIT:
        grey = np.asarray(image).astype(np.uint16)  # in this machine's byte order
        values = np.repeat(grey[None], 3, axis=0)
        if "transparency" not in image.info:
            return values, None
        return values, np.where(grey == image.info["transparency"], 0, 65535).astype(np.uint16)
    if image.mode not in _EIGHT_BIT:
        raise InputError(
            f"{name} holds floating-point, 32-bit or other values ({image.mode}): "
            "save it with 8 or 16 bits a colour"
        )
    coloured = image.convert("RGBA" if image.has_transparency_data else "RGB")
    planes = np.array(coloured).transpose(2, 0, 1)
    return planes[:3], planes[3] if len(planes) == 4 else None


def _deep_planes(data: bytes) -> tuple[Planes, Planes | None]:
    """Values and alpha of a 16-bit colour picture that Pillow has found to be whole."""
    import cv2

    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != np.uint16 or decoded.ndim != 3:
        raise ValueError("not the 16-bit picture it says it is")
    planes = np.asarray(decoded, np.uint16).transpose(2, 0, 1)  # blue first
    return planes[2::-1], planes[3] if len(planes) == 4 else None


def _require_size(name: str, width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise InputError(
            f"{name} is {width} × {height} pixels, more than {MOST_PIXELS / 1e6:.4g} million, "
            "the limit here: make it smaller"
        )
    if max(width, height) > LONGEST_SIDE:
        raise InputError(
            f"{name} is {width} × {height} pixels; a side may have {LONGEST_SIDE} pixels "
            "here: make it smaller"
        )


def _fault(error: Exception, data: bytes, kind: PictureFormat) -> str:
    """What to say of a file of a known kind that Pillow could not read."""
    if isinstance(error, Warning) or "MAX_TEXT" in str(error):
        return "has damaged or oversized metadata: save it again without"
    if "truncated" in str(error) or not kind.is_whole(data):
        return "ends early: the file is cut off: save it again"
    return "is damaged and cannot be decoded: save it again"
