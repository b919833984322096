import pickle
import random
import struct
import zipfile
from pathlib import Path

import pytest

from ensir.errors import InputError
from ensir.zip_members import is_zip, zip_members
from tests.zips import put_zip, zip_of

FILES = {"a/0.png": b"zero", "a/1.png": b"one" * 50, "b/0.png": b"", "notes.txt": b"text"}


def changed(data: bytes, at: int, value: int, size: int = 2, magic: bytes = b"PK\x01\x02") -> bytes:
    """The zip with a number in the first header of a kind changed."""
    place = data.index(magic) + at
    return data[:place] + value.to_bytes(size, "little") + data[place + size :]


@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_are_read_as_they_were_put(tmp_path: Path, kind: int) -> None:
    members = zip_members(put_zip(tmp_path / "x.zip", FILES, kind))
    read = {"/".join((*one.folders, one.name)): one.content() for one in members}
    assert read == FILES
    first = members[0]
    assert (first.folders, first.name, first.stem, first.suffix) == (("a",), "0.png", "0", ".png")


def test_members_go_to_other_processes_as_they_are(tmp_path: Path) -> None:
    members = zip_members(put_zip(tmp_path / "x.zip", FILES))
    assert pickle.loads(pickle.dumps(members)) == members


def test_a_zip_with_a_comment_and_folders_of_its_own_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.mkdir("a")
        archive.writestr("a/0.png", b"zero")
        archive.comment = b"of a release"
    (only,) = zip_members(tmp_path / "x.zip")
    assert only.content() == b"zero"


def test_what_file_managers_add_is_passed_over(tmp_path: Path) -> None:
    clutter = [
        "__MACOSX/a/._0.png",
        "a/.DS_Store",
        "a/Thumbs.db",
        "desktop.ini",
        ".git/x",
        "Icon\r",
    ]
    path = put_zip(tmp_path / "x.zip", {**FILES, **dict.fromkeys(clutter, b"?")})
    assert len(zip_members(path)) == len(FILES)


def test_names_in_other_alphabets_are_kept(tmp_path: Path) -> None:
    path = put_zip(tmp_path / "x.zip", {"модель/été.png": b"1"})
    (only,) = zip_members(path)
    assert (only.folders, only.name) == (("модель",), "été.png")


@pytest.mark.parametrize(
    "name",
    [
        *("../x.png", "a/../x.png", "/x.png", "a//x.png", "./x.png", "C:/x.png", "a\\x.png"),
        *("a/x\n.png", "a/\u202egnp.x", "a/x\x1b.png"),
    ],
)
def test_an_odd_name_is_refused_and_shown_escaped(tmp_path: Path, name: str) -> None:
    path = put_zip(tmp_path / "x.zip", {**FILES, name: b"1"})
    with pytest.raises(InputError, match=r"^x\.zip holds a file with an odd name, '.*': use") as it:
        zip_members(path)
    assert str(it.value).isprintable()


def with_a_link(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo("a/0.png")
        entry.create_system, entry.external_attr = 3, 0o120777 << 16
        archive.writestr(entry, "/etc/hosts")


def test_a_link_is_refused(tmp_path: Path) -> None:
    with_a_link(tmp_path / "x.zip")
    with pytest.raises(InputError, match=r"^x\.zip holds a link, 0\.png: put the file itself"):
        zip_members(tmp_path / "x.zip")


STORED = zip_of(FILES, zipfile.ZIP_STORED)
BAD = {
    "an archive inside": (zip_of({"rain.zip": STORED}), r"holds another archive, rain\.zip"),
    "a password": (changed(STORED, 8, 1), r"is encrypted"),
    "another packing": (changed(STORED, 10, 14), r"is packed in a way"),
    "twins": (
        zip_of({"a/x.png": b"1", "A/X.png": b"2"}),
        r"holds both 'a/x\.png' and 'A/X\.png': rename one",
    ),
    "zeros": (zip_of({"a.png": bytes(10**6)}), r"a\.png, which unpacks to more than 100 times"),
    "a tail missing": (STORED[:-10], r"ends early"),
    "only a tail": (b"PK\x05\x06" + bytes(6), r"ends early"),
    "another checksum": (changed(STORED, 16, 7, 4), r"is damaged"),
    "another place": (changed(STORED, 42, 3, 4), r"is damaged"),
    "another size": (changed(STORED, 24, 3, 4), r"is damaged"),
    "members that share bytes": (
        changed(changed(STORED, 20, 90, 4), 24, 90, 4),
        r"is damaged",
    ),
    "a name that differs": (
        STORED.replace(b"a/0.png", b"a/9.png", 1),
        r"is damaged",
    ),
    "no such directory": (changed(STORED, 16, 2**32 - 1, 4, b"PK\x05\x06"), r"is damaged"),
    "more entries than are there": (changed(STORED, 10, 90, 2, b"PK\x05\x06"), r"is damaged"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_zip_is_refused_in_one_sentence(tmp_path: Path, what: str) -> None:
    data, sentence = BAD[what]
    (tmp_path / "x.zip").write_bytes(data)
    with pytest.raises(InputError, match=rf"^x\.zip.*{sentence}") as caught:
        for member in zip_members(tmp_path / "x.zip"):
            member.content()
    assert "\n" not in str(caught.value) and str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    ("limit", "value", "sentence"),
    [
        ("MOST_ZIP_BYTES", 100, r"has more than .* MB, the limit"),
        ("MOST_ZIP_MEMBERS", 3, r"holds 4 files, 3 are the limit here"),
        ("MOST_UNZIPPED_BYTES", 100, r"unpacks to more than .* MB, the limit"),
        ("MOST_PICTURE_BYTES", 100, r"holds 1\.png of more than"),
    ],
)
def test_limits_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, sentence: str
) -> None:
    path = put_zip(tmp_path / "x.zip", FILES)
    monkeypatch.setattr(f"ensir.zip_members.{limit}", value)
    with pytest.raises(InputError, match=rf"^x\.zip {sentence}"):
        zip_members(path)


def test_a_member_that_unpacks_to_more_than_it_says_is_not_unpacked(tmp_path: Path) -> None:
    data = zip_of({"a.png": bytes(5000) + random.Random(1).randbytes(500)})
    honest = struct.pack("<L", 5500)
    assert data.count(honest) == 2
    (tmp_path / "x.zip").write_bytes(data.replace(honest, struct.pack("<L", 600)))
    (member,) = zip_members(tmp_path / "x.zip")
    with pytest.raises(InputError, match="is damaged"):
        member.content()


def test_a_zip_that_is_gone_by_the_time_it_is_read_is_a_sentence(tmp_path: Path) -> None:
    path = put_zip(tmp_path / "x.zip", FILES)
    member = zip_members(path)[1]
    path.unlink()
    with pytest.raises(InputError, match=r"^x\.zip is not there any more: choose it again$"):
        member.content()
    with pytest.raises(InputError, match=r"^x\.zip cannot be read"):
        zip_members(path)


def test_a_zip_is_told_by_how_it_begins(tmp_path: Path) -> None:
    assert is_zip(put_zip(tmp_path / "picture.png", FILES))
    assert is_zip(put_zip(tmp_path / "empty.zip", {}))
    (tmp_path / "text.zip").write_bytes(b"not a zip")
    assert not is_zip(tmp_path / "text.zip")
    assert not is_zip(tmp_path) and not is_zip(tmp_path / "gone.zip")
    assert zip_members(tmp_path / "empty.zip") == ()


def test_any_damage_ends_in_a_sentence_or_in_the_same_content(tmp_path: Path) -> None:
    data, chance = bytearray(zip_of(FILES)), random.Random(4)
    path = tmp_path / "x.zip"
    for _ in range(400):
        broken = bytearray(data)
        for _ in range(chance.randint(1, 3)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        path.write_bytes(broken)
        try:
            for member in zip_members(path):
                assert member.content() in FILES.values()
        except InputError as error:
            assert "\n" not in str(error) and len(str(error)) < 400
