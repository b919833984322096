import io
import struct

import pytest
from PIL import Image

from ensir.decoding import decode
from ensir.picture_formats import size_in_header
from tests.bad_inputs import picture, stored

SIZE = (30, 36)
GREY = Image.new("L", SIZE, 7)


def os2_bmp() -> bytes:
    """A BMP with the header of OS/2, 24 bits a pixel."""
    width, height = SIZE
    pixels = bytes(height * (-(-3 * width // 4) * 4))
    header = struct.pack("<IHHHH", 12, width, height, 1, 24)
    return b"BM" + struct.pack("<IHHI", 26 + len(pixels), 0, 0, 26) + header + pixels


def jpeg_with_filling() -> bytes:
    data = picture("JPEG")
    return data[:2] + b"\xff\xff\xff" + data[2:]


def big_tiff() -> bytes:
    file = io.BytesIO()
    GREY.save(file, "TIFF", big_tiff=True)
    return file.getvalue()


PICTURES = {
    "PNG": stored(GREY, "PNG"),
    "JPEG": picture("JPEG"),
    "a JPEG with bytes between": jpeg_with_filling(),
    "a progressive JPEG": picture("JPEG", progressive=True),
    "WebP": picture("WEBP"),
    "lossless WebP": picture("WEBP", lossless=True),
    "TIFF": picture("TIFF"),
    "a BigTIFF": big_tiff(),
    "BMP": stored(GREY, "BMP"),
    "a BMP of OS/2": os2_bmp(),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_the_size_in_the_header_is_that_of_the_decoded_picture(kind: str) -> None:
    data = PICTURES[kind]
    *_, height, width = decode(data, 10_000).values.shape
    assert size_in_header(data) == (width, height) == SIZE


@pytest.mark.parametrize("kind", PICTURES)
def test_a_header_cut_anywhere_says_its_size_or_none(kind: str) -> None:
    data = PICTURES[kind]
    said = {size_in_header(data[:length]) for length in range(len(data))}
    assert said <= {SIZE, None}
