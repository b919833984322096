"""What is on its way to the screen: lossless files in the app's own folder, each written once."""

from __future__ import annotations

import os
import secrets
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from torch import Tensor

from ensir.errors import InputError
from ensir.files import digest


def shown(picture: Tensor, *, is_map: bool = False) -> str:
    """The path of a PNG of the picture (3, H, W) uint8; the same picture is encoded once."""
    pixels = picture.contiguous().numpy()
    name = digest(str(pixels.shape).encode() + pixels.data)
    return stored(name, "png", lambda: _encoded(picture, is_map))


def shown_places(places: Tensor, colours: Tensor) -> str:
    """As `shown`, of places (H, W) uint8 in a list of up to 256 colours (K, 3) uint8.

    A third of the time and of the bytes.
    """
    pixels = places.contiguous().numpy()
    name = digest(f"{pixels.shape}".encode() + colours.numpy().tobytes() + pixels.data)
    return stored(name, "png", lambda: _with_palette(places, colours))


def stored(name: str, ending: str, make: Callable[[], bytes]) -> str:
    """The path of the file whose content has the digest `name`; `make` is called where it is new.

    A reader sees all of it or none. Raises InputError where it cannot be written.
    """
    path = Path(os.environ["GRADIO_TEMP_DIR"]) / f"{name[:32]}.{ending}"
    if is_kept(str(path)):
        return str(path)
    part = path.with_name(f"ensir-{secrets.token_hex(8)}.part")
    try:
        # Not synced to the disk, which takes longer than the encoding: it goes with the app.
        part.write_bytes(make())
        part.replace(path)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise InputError(
                f"what is to be shown could not be kept ({error.strerror}): make room for "
                "temporary files"
            ) from None
        raise
    return str(path)


def is_kept(path: str) -> bool:
    """Whether a file is still there; it is used again, so it is not the next to be swept."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _with_palette(places: Tensor, colours: Tensor) -> bytes:
    from PIL import Image

    picture = Image.fromarray(places.numpy()).convert("P")
    picture.putpalette(colours.numpy().tobytes())
    data = BytesIO()
    # Runs alone: almost as small as with all that repeats, in half the time.
    picture.save(data, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return data.getvalue()


def _encoded(picture: Tensor, is_map: bool) -> bytes:
    """A PNG that is soon there: made in less than half the time of `encode_png`, of about its size.

    A photograph is packed by OpenCV's own choice, what differs from the neighbour and runs of it,
    for little else in its noise repeats. The few colours of a map do, and a filter would hide it.
    """
    import cv2

    how = []
    if is_map and hasattr(cv2, "IMWRITE_PNG_FILTER"):  # OpenCV from 4.12 on
        how = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]
    blue_first = picture.flip(0).permute(1, 2, 0).contiguous().numpy()
    done, encoded = cv2.imencode(".png", blue_first, how)
    if not done:
        height, width = picture.shape[1:]
        raise InputError(f"a picture of {width} × {height} cannot be shown: make it smaller")
    return encoded.tobytes()
