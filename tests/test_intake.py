from pathlib import Path

import pytest
import torch
from torch import Tensor

from ensir.errors import InputError
from ensir.images import encode_png, write_image
from ensir.intake import brought, in_one_depth, require_one_size, take_in
from tests.conftest import make_pictures
from tests.zips import put_zip

CANDIDATES, _ = make_pictures(seed=4, members=3, height=30, width=20)
ALPHA = torch.arange(600).reshape(30, 20).remainder(256).to(torch.uint8)


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    """A, transparent; B, smaller by two rows; C, smaller by one column."""
    pictures: dict[str, tuple[Tensor, Tensor | None]] = {
        "A": (CANDIDATES[0], ALPHA),
        "B": (CANDIDATES[1, :, :28], None),
        "C": (CANDIDATES[2, :, :, :19], None),
    }
    for name, (picture, alpha) in pictures.items():
        write_image(tmp_path / f"{name}.png", picture, alpha)
    return {name: tmp_path / f"{name}.png" for name in pictures}


def test_pictures_of_different_sizes_are_refused_with_all_sizes(paths: dict[str, Path]) -> None:
    with pytest.raises(InputError) as caught:
        take_in(paths)
    assert str(caught.value) == (
        "the pictures have different sizes (A is 20 × 30, B is 20 × 28, C is 19 × 30): give "
        "pictures of one size, or have them cropped to the 19 × 28 pixels that all of them have"
    )


def test_cropping_keeps_the_top_left_of_pictures_and_transparency(paths: dict[str, Path]) -> None:
    taken = take_in(paths, crop=True)
    assert list(taken.pictures) == ["A", "B", "C"]
    for picture, whole in zip(taken.pictures.values(), CANDIDATES, strict=True):
        assert torch.equal(picture, whole[:, :28, :19])
    assert taken.alpha is not None and torch.equal(taken.alpha, ALPHA[:28, :19])
    assert taken.notes[-1] == "Cropped to the 19 × 28 pixels that all the pictures have"


def test_pictures_of_one_size_are_taken_whole_whether_cropping_is_asked_for_or_not(
    paths: dict[str, Path],
) -> None:
    same = {"A": paths["A"], "second": paths["A"]}
    plain, cropped = take_in(same), take_in(same, crop=True)
    assert torch.equal(cropped.pictures["second"], CANDIDATES[0])
    assert plain.notes == cropped.notes
    assert plain.notes == (
        "A.png is partly transparent, and so is the result",
        "A.png (second) is partly transparent, which is ignored",
    )


def test_the_first_picture_says_how_transparent_the_result_is(paths: dict[str, Path]) -> None:
    alone = take_in({"any": paths["A"]})
    assert alone.alpha is not None and torch.equal(alone.alpha, ALPHA)
    assert alone.notes == ("A.png is partly transparent, and so is the result",)
    second = take_in({"B": paths["B"], "A": paths["A"]}, crop=True)
    assert second.alpha is None
    assert second.notes[0] == "A.png is partly transparent, which is ignored"
    assert take_in({}).alpha is None


def test_a_file_that_is_not_called_like_its_picture_is_refused_with_both_names(
    tmp_path: Path,
) -> None:
    bad, good = tmp_path / "0.png", tmp_path / "good.png"
    bad.write_bytes(b"no picture")
    write_image(good, CANDIDATES[0])
    with pytest.raises(InputError, match=r"^0\.png \(A\) is not a PNG"):
        take_in({"good": good, "A": bad})
    for alone_or_called_so in ({"A": bad}, {"good": good, "0": bad}):
        with pytest.raises(InputError, match=r"^0\.png is not a PNG"):
            take_in(alone_or_called_so)


def test_a_sentence_lists_five_sizes_at_most() -> None:
    pictures = {f"m{side}": torch.zeros(3, side, side) for side in range(1, 8)}
    with pytest.raises(InputError, match=r"m5 is 5 × 5, …\): give pictures of one size$") as caught:
        require_one_size(pictures)
    assert "m6" not in str(caught.value)


def test_a_sentence_lists_every_size_before_one_of_them_twice() -> None:
    sides = [3, 3, 3, 3, 3, 3, 4, 3, 5]
    pictures = {f"m{place}": torch.zeros(3, 2, side) for place, side in enumerate(sides)}
    with pytest.raises(InputError) as caught:
        require_one_size(pictures)
    assert str(caught.value) == (
        "the pictures have different sizes (m0 is 3 × 2, m1 is 3 × 2, m2 is 3 × 2, m6 is 4 × 2, "
        "m8 is 5 × 2, …): give pictures of one size"
    )


def test_pictures_of_two_depths_are_brought_to_the_deeper_one() -> None:
    flat = torch.tensor([0, 7, 255], dtype=torch.uint8).reshape(3, 1, 1)
    deep = torch.tensor([1, 2, 65535], dtype=torch.int32).to(torch.uint16).reshape(3, 1, 1)
    both = in_one_depth({"flat": flat, "deep": deep})
    assert both["flat"].flatten().tolist() == [0, 7 * 257, 65535] and both["deep"] is deep
    assert in_one_depth({"flat": flat})["flat"] is flat


PICTURES = {
    name: encode_png(torch.full((3, 12, 14), level, dtype=torch.uint8))
    for name, level in (("Ann", 10), ("Bob", 20), ("gt", 30), ("lq", 40))
}
LAYOUTS = {
    "files": {f"{name}.png": data for name, data in PICTURES.items()},
    "files in a folder": {f"one/{name}.png": data for name, data in PICTURES.items()},
    "a folder each": {f"{name}/0001.png": data for name, data in PICTURES.items()},
    "a folder each in a folder": {f"x/{name}/0001.png": data for name, data in PICTURES.items()},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_zip_brings_a_picture_of_each_model_and_the_ground_truth(
    tmp_path: Path, layout: str
) -> None:
    path = put_zip(tmp_path / "mine.zip", {**LAYOUTS[layout], "notes.txt": b""})
    own = brought([path])
    assert list(own.candidates) == ["Ann", "Bob"] and own.truth is not None
    assert own.notes == (
        "mine.zip: not read are notes.txt",
        "lq, what the models were given, is left out",
    )
    taken = take_in({**own.candidates, "truth": own.truth})
    levels = [int(picture[0, 0, 0]) for picture in taken.pictures.values()]
    assert levels == [10, 20, 30]
    assert sorted(tmp_path.iterdir()) == [path]  # nothing was extracted


def test_files_and_zips_are_brought_together(tmp_path: Path) -> None:
    path = put_zip(tmp_path / "mine.zip", {"Bob.png": PICTURES["Bob"]})
    for name in ("Ann", "ground truth"):
        (tmp_path / f"{name}.png").write_bytes(PICTURES["Ann"])
    own = brought([path, tmp_path / "Ann.png", tmp_path / "ground truth.png"])
    assert list(own.candidates) == ["Ann", "Bob"]
    assert own.truth == tmp_path / "ground truth.png" and own.notes == ()


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"a.txt": b""}, r"^mine\.zip holds no pictures: put one of each model into it$"),
        ({"x.png": b"", "x.jpg": b""}, r"^two candidates are called x: rename one$"),
        ({"A/1.png": b"", "A/2.png": b"", "B/1.png": b""}, r"^mine\.zip has several pictures in A"),
        ({"A/1.png": b"", "B/old/1.png": b""}, r"^mine\.zip has a folder within a folder, B/old"),
        ({"gt.png": b"", "Ground truth.png": b""}, r"are both the ground truth: leave one out$"),
        ({"../A.png": b""}, r"^mine\.zip holds a file with an odd name, '\.\./A\.png'"),
    ],
)
def test_a_zip_laid_out_otherwise_is_a_sentence(
    tmp_path: Path, files: dict[str, bytes], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        brought([put_zip(tmp_path / "mine.zip", files)])


def test_a_picture_in_a_zip_that_is_none_is_refused_by_its_model(tmp_path: Path) -> None:
    own = brought([put_zip(tmp_path / "mine.zip", {"Ann/1.png": b"text", "Bob/1.png": b"text"})])
    with pytest.raises(InputError, match=r"^1\.png \(Ann\) is not a PNG, JPEG, WebP, TIFF or BMP"):
        take_in(own.candidates)
