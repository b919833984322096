"""The zip of torch.save: its members in place, and a list of members that would be slow to read."""

import io
import zipfile

import pytest
import torch

from ensir.errors import InputError
from ensir.torch_archive import Archive
from tests.stopwatch import least_seconds


def saved(value: object) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def test_members_are_those_of_the_zip() -> None:
    data = saved({"a": torch.arange(7.0), "b": torch.zeros(0)})
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in ("data.pkl", "data/0", "data/1", "version"):
            member = Archive(data, "a checkpoint").member(name)
            assert isinstance(member, memoryview)
            assert member == archive.read(f"archive/{name}")


def test_a_member_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="lacks its member data/7"):
        Archive(saved(1), "a checkpoint").member("data/7")


def test_a_list_of_members_with_much_beside_them_is_refused_at_once() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for place in range(40):
            info = zipfile.ZipInfo(f"archive/data/{place}")
            info.extra = b"\xfe\xca\x00\x00" * 16_000  # fields of no content
            archive.writestr(info, b"")

    def refuse() -> None:
        with pytest.raises(InputError, match="damaged"):
            Archive(file.getvalue(), "a checkpoint")

    assert least_seconds(refuse, 1) < 1  # 0.01 s here; zipfile itself takes seconds


def test_a_zip_with_a_comment_is_not_of_torch_save() -> None:
    file = io.BytesIO(saved({"a": torch.arange(7.0)}))
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = b"comment"
    with pytest.raises(InputError, match="damaged"):
        Archive(file.getvalue(), "a checkpoint")
