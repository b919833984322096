import io
import struct

import pytest
from PIL import Image

from ensir.decoding import decode
from ensir.picture_formats import MOST_PARTS, size_in_header
from tests.bad_inputs import picture, stored
from tests.stopwatch import least_seconds

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


def with_segments(count: int) -> bytes:
    """A JPEG with empty comments before all else."""
    data = picture("JPEG")
    return data[:2] + count * b"\xff\xfe\0\2" + data[2:]


def test_a_jpeg_may_have_many_comments() -> None:
    data = with_segments(MOST_PARTS // 2)
    *_, height, width = decode(data, 10_000).values.shape
    assert size_in_header(data) == (width, height) == SIZE
    assert size_in_header(with_segments(MOST_PARTS)) is None


SOME = 4 * 2**20  # bytes
ENDLESS = {
    "bytes between": b"\xff\xd8" + SOME * b"\xff",
    "empty segments": b"\xff\xd8" + SOME // 4 * b"\xff\xe0\0\2",
    "segments shorter than nothing": b"\xff\xd8" + SOME // 4 * b"\xff\xe0\0\0",
    "both": b"\xff\xd8" + SOME // 4096 * (4092 * b"\xff" + b"\xe0\0\2"),
    "entries": struct.pack("<2sHIH", b"II", 42, 8, 2**16 - 1) + bytes(SOME),
    "2^60 entries": struct.pack("<2sHHHQQ", b"II", 43, 8, 0, 16, 2**60) + bytes(SOME),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_a_header_without_an_end_takes_no_time(kind: str) -> None:
    def five_times() -> None:
        for _ in range(5):
            assert size_in_header(ENDLESS[kind]) is None

    # The quickest took 0.2 s with a step of Python for each part, and takes 0.02 s at most now.
    assert least_seconds(five_times, 0.1) < 0.1
