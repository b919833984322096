"""Picture files to tensors and back.

A file may come from a stranger: its content decides what it is, never its name; its size is
known before it is decoded; and whatever is wrong with it ends in one sentence that shows its name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ensir.decoding import Decoded, decode
from ensir.ensemble.levels import in_depth, levels_of
from ensir.errors import InputError
from ensir.files import read_whole, shown_name, write_whole
from ensir.limits import MOST_PICTURE_BYTES, MOST_PIXELS
from ensir.picture_formats import FORMATS
from ensir.zip_members import ZipMember

PICTURE_ENDINGS = tuple(dict.fromkeys(ending for kind in FORMATS for ending in kind.endings))

Decoder = Callable[[bytes], Decoded]
Stored = Path | ZipMember  # where a picture is


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


def read_picture(path: Stored, owner: str | None = None) -> Picture:
    """The picture in a PNG, JPEG, WebP, TIFF or BMP file, with its depth and transparency.

    Grey, palette and CMYK become RGB by Pillow's rules; of several frames the first is read;
    colour profiles are ignored: values stay as stored. The notes say so.

    Raises InputError, one sentence with the name of the file and its `owner` as `shown_name` gives
    it, for whatever cannot be read.
    """
    name = shown_name(path, owner)
    if isinstance(path, ZipMember):
        data = path.content()
    else:
        data = read_whole(path, name, MOST_PICTURE_BYTES)
    try:
        decoded = _decoder(data)
    except InputError as error:
        raise InputError(f"{name} {error}") from None
    remarks = decoded.remarks
    if path.suffix.lower() not in _endings(decoded.kind):
        remarks = (f"is a {decoded.kind} image, whatever its name says", *remarks)
    return Picture(
        torch.from_numpy(decoded.values),
        None if decoded.alpha is None else torch.from_numpy(decoded.alpha),
        tuple(f"{name} {remark}" for remark in remarks),
    )


def read_image(path: Stored, owner: str | None = None) -> Tensor:
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


def decode_with(decoder: Decoder | None) -> None:
    """Lets `decoder` decode all pictures from now on; None: this process, as at first.

    An app that strangers send pictures to wants them decoded in another process.
    """
    global _decoder
    _decoder = decoder or _decode_here


def _decode_here(data: bytes) -> Decoded:
    return decode(data, MOST_PIXELS)


_decoder: Decoder = _decode_here


def _endings(kind: str) -> tuple[str, ...]:
    return next(one.endings for one in FORMATS if one.name == kind)
