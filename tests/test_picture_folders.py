from pathlib import Path

import pytest

from ensir.errors import InputError
from ensir.picture_folders import name_of_set, picture_folders, shown_stem
from tests.zips import put_folder, put_zip

FILES = {f"{folder}/{name}.png": b"1" for folder in ("gt", "Ann") for name in "ab"}


def found(path: Path) -> dict[str, list[str]]:
    folders = picture_folders(path)
    assert folders is not None
    return {name: [one.name for one in folders.pictures(name).values()] for name in folders.folders}


def test_a_zip_has_the_folders_and_pictures_of_the_folder(tmp_path: Path) -> None:
    folder, zipped = put_folder(tmp_path / "rain", FILES), put_zip(tmp_path / "rain.zip", FILES)
    assert found(zipped) == found(folder)
    assert found(zipped) == {"gt": ["a.png", "b.png"], "Ann": ["a.png", "b.png"]}
    assert name_of_set(zipped) == name_of_set(folder) == "rain"
    assert picture_folders(tmp_path / "snow") is None


def test_one_folder_around_all_does_no_harm(tmp_path: Path) -> None:
    around = put_zip(tmp_path / "x.zip", {f"rain/{path}": data for path, data in FILES.items()})
    assert found(around) == found(put_zip(tmp_path / "y.zip", FILES))


def test_what_is_no_picture_in_a_folder_is_left_out_and_named(tmp_path: Path) -> None:
    others = {"readme.md": b"", "gt/list.txt": b"", "preview.png": b""}
    folders = picture_folders(put_zip(tmp_path / "x.zip", {**FILES, **others}))
    assert folders is not None
    assert folders.left_out == ("list.txt", "readme.md", "preview.png")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"Ann/old/c.png": b"1"}, r"has a folder within a folder, Ann/old: put the pictures right"),
        ({"Ann/a.jpg": b"1"}, r"Ann has both a\.jpg and a\.png: keep one of them"),
    ],
)
def test_another_layout_is_a_sentence(
    tmp_path: Path, more: dict[str, bytes], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        found(put_zip(tmp_path / "x.zip", {**FILES, **more}))


def test_a_zip_without_folders_or_pictures_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^x\.zip holds pictures without a folder: put each into"):
        picture_folders(put_zip(tmp_path / "x.zip", {"a.png": b"1"}))
    with pytest.raises(InputError, match=r"^y\.zip holds no \.png, .*: put pictures into a folder"):
        picture_folders(put_zip(tmp_path / "y.zip", {"gt/a.txt": b"1"}))


def test_a_folder_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    folders = picture_folders(put_zip(tmp_path / "x.zip", FILES))
    assert folders is not None
    with pytest.raises(InputError, match=r"x\.zip has no folder Bob \(there are Ann, gt\)"):
        folders.pictures("Bob")


def test_a_long_name_is_shortened_once_and_keeps_what_stands_before_a_dot(tmp_path: Path) -> None:
    long = "rain.of." + "x" * 90
    files = put_folder(tmp_path / long, FILES), put_zip(tmp_path / f"{long}.zip", FILES)
    assert {name_of_set(path) for path in files} == {long[:79] + "…"}
    assert shown_stem(Path(f"{long}.png")) == long[:79] + "…"
    assert shown_stem(Path(f"{long[:78]}.png")) == long[:78]


def test_what_folders_and_files_are_called_is_shown_on_one_line(tmp_path: Path) -> None:
    odd = {f"{number}\n\x1b[2J/a\n.png": b"" for number in range(20)}
    folders = picture_folders(put_folder(tmp_path, {**odd, "gt/a\n.jpg": b"", "gt/a\n.png": b""}))
    assert folders is not None
    for folder in ("Bob", "gt"):
        with pytest.raises(InputError) as refused:
            folders.pictures(folder)
        assert str(refused.value).isprintable() and len(str(refused.value)) < 200
