"""What is on its way to the screen: lossless files in the app's own folder, each written once."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from ensir.errors import InputError
from ensir.files import digest


def shown(picture: Tensor, *, is_map: bool = False) -> str:
    """The path of a PNG of the picture (3, H, W) uint8; the same picture is encoded once."""
    pixels = picture.contiguous().numpy()
    name = digest(str(pixels.shape).encode() + pixels.data)
    return stored(name, "png", lambda: _encoded(picture, is_map))


def stored(name: str, ending: str, make: Callable[[], bytes]) -> str:
    """The path of the file whose content has the digest `name`; `make` is called where it is new.

    A reader sees all of it or none. Raises InputError where it cannot be written.
    """
    path = Path(os.environ["GRADIO_TEMP_DIR"]) / f"{name[:32]}.{ending}"
    with contextlib.suppress(FileNotFoundError):
        os.utime(path)  # used again: not the next to be swept
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
