"""Whatever is done to a picture: a picture, or one sentence."""

import struct
import zlib
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ensir.decoding_worker import DecodingWorker
from tests.bad_inputs import chunk, stored
from tests.fuzz.cases import cases, edited, numbers, result_or_sentence
from tests.fuzz.targets import FUZZED_PIXELS, read_as_picture

LEVELS = np.random.default_rng(3).integers(0, 256, (9, 13, 4), dtype=np.uint8)


@cache
def seeds() -> tuple[bytes, ...]:
    """Small pictures of every format, depth and colour."""
    picture = Image.fromarray(LEVELS)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a description"
    made = [stored(picture.convert(mode), "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA")]
    made += [stored(picture.convert(mode), "JPEG", exif=exif) for mode in ("L", "RGB", "CMYK")]
    made += [stored(picture.convert("RGB"), "JPEG", progressive=True)]
    made += [stored(picture, "WEBP", lossless=lossless, exif=exif) for lossless in (True, False)]
    made += [
        stored(picture.convert("RGB"), "TIFF", compression=compression)
        for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    ]
    made += [stored(picture.convert("1"), "TIFF", compression="group4")]
    made += [stored(picture.convert(mode), "BMP") for mode in ("1", "L", "P", "RGB", "RGBA")]
    made += [stored(picture, "PNG", save_all=True, append_images=[picture.rotate(180)])]
    made += [stored(picture, "WEBP", save_all=True, append_images=[picture.rotate(180)])]
    made += [stored(picture, "TIFF", save_all=True, append_images=[picture.rotate(180)])]
    deep = LEVELS.astype(np.uint16) * 257
    for ending in (".png", ".tif"):
        made += [cv2.imencode(ending, deep[..., :count])[1].tobytes() for count in (1, 3, 4)]
    return tuple(made)


SEEDS = st.deferred(lambda: st.sampled_from(seeds()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def worker() -> DecodingWorker:
    made = DecodingWorker(FUZZED_PIXELS)
    yield made
    made.close()


@cases(1400)
@given(data=edited(SEEDS))
def test_a_picture_changed_anywhere(folder: Path, data: bytes) -> None:
    read_as_picture(data, folder)


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a PNG file: kinds and contents."""
    found, place = [], 8
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        found.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += 12 + length
    return found


KINDS = (
    *(b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"tRNS", b"PLTE", b"gAMA"),
    *(b"acTL", b"fcTL", b"fdAT", b"IDAT", b"IHDR", b"IEND"),
)
CONTENTS = st.binary(max_size=30) | st.just(b"x\0\0" + zlib.compress(bytes(2**16)))


@cases(400)
@given(
    seed=st.integers(0, 5),
    place=st.integers(0, 20),
    content=st.none() | st.binary(max_size=40) | numbers(),
    at=st.integers(0, 30),
    more=st.lists(st.tuples(st.sampled_from(KINDS), CONTENTS), max_size=2),
)
def test_a_png_of_other_chunks_whose_checksums_fit(
    folder: Path,
    seed: int,
    place: int,
    content: bytes | None,
    at: int,
    more: list[tuple[bytes, bytes]],
) -> None:
    found = chunks(seeds()[seed])
    kind, old = found[place % len(found)]
    if content is not None:
        start = at % (len(old) + 1)
        found[place % len(found)] = kind, old[:start] + content + old[start + len(content) :]
    for extra in more:
        found.insert(1 + place % len(found), extra)
    read_as_picture(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in found), folder)


@cases(200)
@given(data=edited(SEEDS))
def test_the_process_that_decodes_survives_whatever_comes(
    worker: DecodingWorker, data: bytes
) -> None:
    result_or_sentence(lambda: worker.decode(data))
    assert worker.process_id is not None, "it died of this picture"
