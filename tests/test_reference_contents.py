import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from ensir.errors import InputError
from ensir.reference_contents import FoundModel, look_through
from tests.bad_inputs import png_claiming
from tests.zips import put_folder, put_zip, reference_files

FILES = reference_files()


def without(*beginnings: str) -> dict[str, bytes]:
    return {path: data for path, data in FILES.items() if not path.startswith(beginnings)}


def test_a_zip_and_its_folder_hold_the_same(tmp_path: Path) -> None:
    files = {**FILES, "lq/x0.png": FILES["gt/x0.png"]}
    zipped = look_through(put_zip(tmp_path / "rain.zip", files))
    assert zipped == look_through(put_folder(tmp_path / "rain", files))
    assert zipped.pictures == ("x0", "x1", "x2", "x3")
    assert zipped.sizes == ((48, 40), (48, 41), (48, 42), (48, 43))
    assert zipped.size_words == "48 × 40 (1), 48 × 41 (1), 48 × 42 (1), 48 × 43 (1)"
    assert zipped.usable == ("Ann", "Bob", "Cyd")
    assert zipped.left_out == ("lq, what the models were given, is not needed.",)


def test_one_size_is_said_once(tmp_path: Path) -> None:
    files = {path: data for path, data in FILES.items() if "x0" in path}
    assert look_through(put_zip(tmp_path / "x.zip", files)).size_words == "48 × 40"


def test_what_is_no_picture_is_left_out_in_words(tmp_path: Path) -> None:
    contents = look_through(put_zip(tmp_path / "x.zip", {**FILES, "notes.txt": b"none"}))
    assert contents.left_out == ("Not read: notes.txt.",)


def test_a_model_that_does_not_fit_is_left_out_with_the_reason(tmp_path: Path) -> None:
    files = without("Bob/x2")
    contents = look_through(put_zip(tmp_path / "x.zip", files))
    why = "Bob lacks x2 (1 of 4): Bob and gt need the same"
    assert contents.models[1] == FoundModel("Bob", 3, why)
    assert contents.usable == ("Ann", "Cyd")
    files = {**FILES, "Cyd/x1.png": FILES["Cyd/x3.png"]}
    contents = look_through(put_zip(tmp_path / "y.zip", files))
    why = "x1 is 48 × 43 in Cyd and 48 × 41 in gt: one size is needed"
    assert contents.models[2] == FoundModel("Cyd", 4, why)


def test_a_picture_stored_lying_is_no_other_size(tmp_path: Path) -> None:
    with Image.open(io.BytesIO(FILES["Bob/x0.png"])) as image:
        exif, stored = Image.Exif(), io.BytesIO()
        exif[274] = 6
        image.transpose(Image.Transpose.ROTATE_90).save(stored, "JPEG", exif=exif)
    files = {**without("Bob/x0"), "Bob/x0.jpg": stored.getvalue()}
    assert look_through(put_zip(tmp_path / "x.zip", files)).usable == ("Ann", "Bob", "Cyd")


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        (lambda: without("gt/"), r"x\.zip has no folder gt with the ground truth \(there are Ann"),
        (lambda: without("Bob/", "Cyd/"), r"x\.zip has one model, Ann, beside gt: two or more"),
        (lambda: without("Ann/", "Bob/", "Cyd/"), r"x\.zip has no folder of a model beside gt"),
        (
            lambda: {**without("Bob/"), "Cyd/y.png": FILES["gt/x0.png"]},
            r"x\.zip has too few models to fuse: gt lacks y \(1 of 5\): Cyd and gt need the same",
        ),
        (
            lambda: {**without("Bob/"), "Cyd/x0.png": FILES["Cyd/x3.png"]},
            r"too few models to fuse: x0 is 48 × 43 in Cyd and 48 × 40 in gt: one size",
        ),
        (lambda: {**FILES, "Ann/x0.png": b"text"}, r"x0\.png \(Ann\) is not a PNG, JPEG, WebP"),
        (
            lambda: {**FILES, "gt/x0.png": png_claiming(20_000, 20_000)},
            r"more than 200 million pix",
        ),
        (lambda: {f"{path[:3]}{'y' * 90}.png": b"" for path in FILES}, r"a picture is called 'yyy"),
    ],
)
def test_what_cannot_be_fitted_is_one_sentence(
    tmp_path: Path, files: Callable[[], dict[str, bytes]], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        look_through(put_zip(tmp_path / "x.zip", files()))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_another_file_is_no_reference_set(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"text")
    with pytest.raises(InputError, match=r"^x\.zip is neither a folder nor a zip of one: choose"):
        look_through(tmp_path / "x.zip")


def test_each_kind_of_file_says_its_size(tmp_path: Path) -> None:
    with Image.open(io.BytesIO(FILES["gt/x0.png"])) as image:
        for kind, ending in (("JPEG", "jpg"), ("BMP", "bmp"), ("TIFF", "tif"), ("WEBP", "webp")):
            stored = io.BytesIO()
            image.save(stored, kind)
            files = {f"{name}/x0.{ending}": stored.getvalue() for name in ("gt", "Ann", "Bob")}
            contents = look_through(put_zip(tmp_path / "x.zip", files))
            assert contents.sizes == ((48, 40),), kind
