"""Files are written whole or not at all."""

import errno
import hashlib
import io
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ensir.errors import InputError
from ensir.files import digest, read_whole, shown_name, write_whole


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_was_written_is_read_back_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_whole(tmp_path / "table", b"old")
    write_whole(tmp_path / "table", b"new")
    assert (tmp_path / "table").read_bytes() == b"new"
    assert names(tmp_path) == ["table"]


def test_an_interrupted_write_leaves_the_old_file_and_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    write_whole(tmp_path / "table", b"old")
    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "table", b"new")
    assert (tmp_path / "table").read_bytes() == b"old"
    assert names(tmp_path) == ["table"]


def test_a_full_disk_is_one_sentence_and_leaves_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(
        InputError, match=r"^table could not be written .No space left on device.: "
    ):
        write_whole(tmp_path / "table", b"new")
    assert names(tmp_path) == []


def test_a_disk_that_fills_at_any_step_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steps are opening, each write, flush, sync and renaming, in turn until all succeed."""
    path, steps, fails_at = tmp_path / "table", 0, 0

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401
            nonlocal steps
            steps += 1
            if steps == fails_at:
                raise OSError(errno.ENOSPC, "No space left on device")
            return call(*arguments, **named)

        return step

    class Filling(io.FileIO):
        """Takes five bytes at a time, so that there are many steps."""

        @counted
        def write(self, data: memoryview) -> int:
            return super().write(data[:5])

    @counted
    def opened(part: Path, mode: str) -> io.BufferedWriter:
        return io.BufferedWriter(Filling(part, mode.removesuffix("b")))

    write_whole(path, b"old")
    new, refused = bytes(range(256)), 0
    for fails_at in range(1, 99):
        steps = 0
        with monkeypatch.context() as patched:
            patched.setattr(Path, "open", opened)
            patched.setattr(os, "fsync", counted(os.fsync))
            patched.setattr(os, "replace", counted(os.replace))
            try:
                write_whole(path, new)
            except InputError as error:
                refused += 1
                assert "No space left on device" in str(error)
        assert names(tmp_path) == ["table"]
        if steps < fails_at:
            break
        assert path.read_bytes() in (b"old", new)
    assert refused >= 50 and path.read_bytes() == new


WRITING = """
import sys
from pathlib import Path
from ensir.files import write_whole
for round in range(10**9):
    write_whole(Path(sys.argv[1]), bytes([round % 256]) * 10**6)
    print(flush=True)
"""
KILLS = 5 * int(os.environ.get("ENSIR_FUZZ", "1"))  # 40 times as many are the 200 of a release


def test_a_writer_that_is_killed_leaves_a_whole_file(tmp_path: Path) -> None:
    path, draw = tmp_path / "table", random.Random(1)
    for _ in range(KILLS):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITING, path], stdout=subprocess.PIPE, cwd=tmp_path.anchor,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        with writer:
            assert writer.stdout is not None
            writer.stdout.readline()  # it writes now
            time.sleep(draw.uniform(0, 0.05))
            writer.kill()
        data = path.read_bytes()
        assert len(data) == 10**6 and len(set(data)) == 1
    assert all(name == "table" or name.endswith(".part") for name in names(tmp_path))


@pytest.mark.parametrize("place", ["missing/table", "folder", "file/table"])
def test_a_place_that_cannot_be_written_is_named_without_its_folder(
    tmp_path: Path, place: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="could not be written") as refusal:
        write_whole(tmp_path / place, b"data")
    assert str(tmp_path) not in str(refusal.value)
    assert names(tmp_path) == ["file", "folder"]


@pytest.mark.skipif(os.name != "posix", reason="permission bits are of POSIX")
def test_a_result_is_as_readable_as_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_whole(tmp_path / "whole", b"")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_the_digest_is_sha_256() -> None:
    assert digest(b"ensir") == hashlib.sha256(b"ensir").hexdigest()


def test_a_shown_name_is_printable_and_short() -> None:
    assert shown_name(Path("folder/a\n\x1b[31mb\u202ec.png")) == "a[31mbc.png"
    assert len(shown_name(Path("x" * 300))) == 80


@pytest.mark.parametrize("path", ["", ".", "/", "folder/\u202e", "folder/ "])
def test_a_sentence_never_begins_with_a_blank(path: str) -> None:
    assert shown_name(Path(path))[0].isalpha()


def test_a_shown_name_says_whose_file_it_is_unless_it_is_called_so() -> None:
    assert shown_name(Path("A/0.png"), "A") == "0.png (A)"
    assert shown_name(Path("A.png"), "A") == shown_name(Path("A.png")) == "A.png"


def test_a_file_is_read_up_to_the_limit_and_not_beyond(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(2**20))
    assert read_whole(tmp_path / "file", "file", 2**20) == bytes(2**20)
    (tmp_path / "file").write_bytes(bytes(2**20 + 1))
    sentence = r"^file has more than 1 MB, the limit here: choose a smaller file$"
    with pytest.raises(InputError, match=sentence):
        read_whole(tmp_path / "file", "file", 2**20)


def test_what_is_no_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^x is not there: check its name and folder$"):
        read_whole(tmp_path / "x", "x", 9)
    with pytest.raises(InputError, match=r"^x is not a file: choose one$"):
        read_whole(tmp_path, "x", 9)


def test_a_file_that_may_not_be_read_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbid(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "x").write_bytes(b"x")
    monkeypatch.setattr(Path, "open", forbid)
    with pytest.raises(InputError, match=r"^x cannot be read \(Permission denied\): check"):
        read_whole(tmp_path / "x", "x", 9)
