"""What a viewer is given: numbers to the last bit, and no value that could not be shown."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from ensir.errors import InputError
from ensir.ui.viewer.layers import (
    Layer,
    Legend,
    ViewerValue,
    model_of,
    stored_mask,
    stored_values,
)

PICTURE = torch.arange(60, dtype=torch.uint8).reshape(3, 4, 5)
VALUE = ViewerValue((5, 4), (Layer("input", "input.png"), Layer("later", None)), ("input",))

pytestmark = pytest.mark.usefixtures("uploads")


def test_stored_values_are_little_endian_planes() -> None:
    for tensor, type_ in ((PICTURE / 7, "<f4"), (PICTURE, "u1")):
        values = stored_values(tensor)
        stored = np.fromfile(values.path, type_).reshape(values.channels, 4, 5)
        assert np.array_equal(stored, tensor.numpy())
        assert stored_values(tensor) == values


def test_a_stored_mask_has_one_bit_a_pixel() -> None:
    mask = PICTURE[0] % 3 == 0
    with Image.open(stored_mask(mask)) as image:
        assert image.mode == "1"
        assert np.array_equal(np.asarray(image), mask.numpy())


def test_values_of_another_type_or_shape_are_refused() -> None:
    for wrong in (PICTURE.double(), PICTURE[0]):
        with pytest.raises(InputError, match="values are"):
            stored_values(wrong)
    with pytest.raises(InputError, match="a mask is"):
        stored_mask(PICTURE[0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"layers": VALUE.layers * 2}, "told apart by name"),
        ({"panels": ("gone",)}, "no layer gone"),
        ({"reference": "gone"}, "no layer gone"),
        ({"truth": "gone"}, "no layer gone"),
        ({"panels": ()}, "one panel or more"),
        ({"pinned": (5, 0)}, "outside"),
    ],
)
def test_a_value_that_cannot_be_shown_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        replace(VALUE, **change)


def test_a_key_has_a_label_for_each_colour_and_a_scale_a_place_for_each_label() -> None:
    with pytest.raises(InputError, match="a label for each"):
        Legend("", ("#000", "#fff"), ("one",), is_key=True)
    with pytest.raises(InputError, match="a place for each of its 2 labels, got 1"):
        Legend("", ("#000", "#fff"), ("0", "1"), (0.5,))


def test_files_are_told_to_gradio_and_nothing_else_is() -> None:
    model = model_of(VALUE).model_dump()
    first, later = model["layers"]
    assert first["picture"]["path"] == "input.png"
    assert later["picture"] is None
    assert model["highlight"] is None
    assert (model["size"], model["panels"]) == ((5, 4), ("input",))


def test_what_pins_a_pixel_again_is_another_model() -> None:
    pinning = replace(VALUE, pinned=(2, 3))
    assert model_of(pinning) != model_of(pinning)
    keeping = replace(pinning, keeps_pin=True)
    for value in (VALUE, keeping):
        assert model_of(value) == model_of(value)
    assert model_of(keeping).pinned == (2, 3)
