"""What test_images.py tests of files, decoding gives without torch, and without a file's name."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from ensir.decoding import decode
from ensir.errors import InputError
from tests.bad_inputs import picture, png_claiming, stored


def test_the_values_are_those_of_the_file() -> None:
    values = np.random.default_rng(5).integers(0, 256, (9, 13, 3), dtype=np.uint8)
    decoded = decode(stored(Image.fromarray(values), "PNG"), 9 * 13)
    assert np.array_equal(decoded.values, values.transpose(2, 0, 1))
    assert decoded.values.flags.c_contiguous
    assert (decoded.kind, decoded.alpha, decoded.remarks) == ("PNG", None, ())


def test_the_most_pixels_are_read_from_the_header() -> None:
    with pytest.raises(InputError, match=r"^is 9 × 13 pixels, more than 0.000116 million"):
        decode(png_claiming(9, 13), 9 * 13 - 1)


def test_a_process_that_decodes_needs_no_torch() -> None:
    code = (
        "import sys, ensir.decoding_worker; "
        "print({'torch', 'cv2', 'gradio', 'skimage'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "set()"


def test_a_jpeg_of_very_many_scans_is_refused_before_they_are_decoded() -> None:
    whole = picture("JPEG", progressive=True)
    last = whole.rfind(b"\xff\xda")
    many = whole[:last] + whole[last:-2] * 101 + whole[-2:]
    with pytest.raises(InputError, match=r"^has more than 100 scans: save it again$"):
        decode(many, 9999)
    assert decode(whole[:last] + whole[last:-2] * 9 + whole[-2:], 9999).kind == "JPEG"
