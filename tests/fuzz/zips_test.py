"""Zips whose headers lie: what is wanted of them, or one sentence."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.bad_inputs import picture, released, saved
from tests.fuzz.cases import EDGES, cases
from tests.fuzz.targets import (
    read_as_candidates,
    read_as_checkpoint,
    read_as_workspace,
    read_as_zip,
    read_named_table,
)
from tests.fuzz.workspaces_test import seeds as workspaces

# Fields of the two headers of a member and of the record at the end, by place and by size.
LOCAL = {"version": (4, 2), "flags": (6, 2), "method": (8, 2), "checksum": (14, 4)}
LOCAL |= {"stored": (18, 4), "size": (22, 4), "name length": (26, 2), "extra length": (28, 2)}
CENTRAL = {"version": (6, 2), "flags": (8, 2), "method": (10, 2), "checksum": (16, 4)}
CENTRAL |= {"stored": (20, 4), "size": (24, 4), "name length": (28, 2), "extra length": (30, 2)}
CENTRAL |= {"comment length": (32, 2), "disk": (34, 2), "kind": (38, 4), "place": (42, 4)}
END = {"disk": (4, 2), "count here": (8, 2), "count": (10, 2), "bytes": (12, 4), "place": (16, 4)}
END |= {"comment length": (20, 2)}
NAMES = (
    *(
        "../../x",
        "/etc/x",
        "C:\\x",
        "a\\..\\b",
        "\0",
        "x\n",
        "\u202egnp.x",
        "",
        ".",
        "x" * 5000,
        "set/A/2.PNG",
    ),
    *("archive/data.pkl", "archive/DATA.PKL", "other/data.pkl", "archive/data/0", "<b>x</b>"),
    *("set/A/2.PNG", "set/A/0.jpg", "set/a/0.png", ".hidden", "__MACOSX/x", "set/A/"),
    *("set/fused.png", "set/lq.png", f"set/{'x' * 90}/0.png", f"set/{'é' * 90}.png", "set/B/1.png"),
)
VALUES = st.sampled_from(EDGES) | st.integers(0, 2**32 - 1)
EXTRAS = st.binary(max_size=12) | st.builds(
    lambda numbers: struct.pack(f"<HH{len(numbers)}Q", 1, 8 * len(numbers), *numbers),
    st.lists(st.sampled_from(EDGES), min_size=1, max_size=3),  # sizes of 8 bytes
)
Change = tuple[str, int]  # a field and its value


@dataclass
class Member:
    """A member of a zip, and what its two headers say that is not so."""

    name: str
    content: bytes
    local: list[Change] = field(default_factory=list)
    central: list[Change] = field(default_factory=list)
    extra: tuple[bytes, bytes] = b"", b""
    packed: bool = False


@cache
def seeds() -> tuple[tuple[Member, ...], ...]:
    """The members of a table, a checkpoint, a reference set, candidates and a workspace."""
    network = {"state_dict": {"a.weight": torch.ones(2, 3), "a.bias": torch.zeros(2).half()}}
    found = []
    for data in (released(members=2), saved(network), workspaces()[0]):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            found.append(tuple(Member(one, archive.read(one)) for one in archive.namelist()))
    table, checkpoint, workspace = found
    pictures = [f"set/{folder}/{name}.png" for folder in ("A", "gt") for name in ("0", "1")]
    each = ("set/A.png", "set/B.png", "set/C/0.png", "set/gt.png")
    of_set, of_each = (tuple(Member(name, picture()) for name in it) for it in (pictures, each))
    return table, checkpoint, of_set, of_each, workspace


def written(members: list[Member], end: list[Change], between: bytes) -> bytes:
    """A zip of these members, `between` which other bytes stand."""
    data, directory = b"", b""
    for member in members:
        name, flags = member.name.encode("utf-8", "replace"), 0x800
        content, checksum = member.content, zlib.crc32(member.content)
        if member.packed:
            packer = zlib.compressobj(9, zlib.DEFLATED, -15)
            content = packer.compress(content) + packer.flush()
        common = struct.pack(
            *("<HHHHLLLHH", flags, 8 * member.packed, 0, 33, checksum, len(content)),
            *(len(member.content), len(name)),
            len(member.extra[0]),
        )
        local = b"PK\x03\x04\x14\x00" + common + name + member.extra[0]
        common = common[:-2] + struct.pack("<H", len(member.extra[1]))
        central = b"PK\x01\x02\x14\x00\x14\x00" + common
        central += struct.pack("<HHHLL", 0, 0, 0, 0, len(data)) + name + member.extra[1]
        directory += changed(central, CENTRAL, member.central)
        data += changed(local, LOCAL, member.local) + content + between
    count = min(len(members), 2**16 - 1)
    record = struct.pack(
        "<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), len(data), 0
    )
    return data + directory + changed(record, END, end)


def changed(header: bytes, fields: dict[str, tuple[int, int]], changes: list[Change]) -> bytes:
    for name, value in changes:
        place, size = fields[name]
        value %= 256**size
        header = header[:place] + value.to_bytes(size, "little") + header[place + size :]
    return header


def changes(fields: dict[str, tuple[int, int]], most: int) -> st.SearchStrategy[list[Change]]:
    return st.lists(st.tuples(st.sampled_from(list(fields)), VALUES), max_size=most)


@st.composite
def lying_zips(draw: st.DrawFn, seed: int) -> bytes:
    """A zip in which a few members, and perhaps the end, say what is not so."""
    members = list(seeds()[seed])
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(members) - 1))
        member = replace(
            members[place],
            local=draw(changes(LOCAL, 2)),
            central=draw(changes(CENTRAL, 2)),
            extra=(draw(st.just(b"") | EXTRAS), draw(st.just(b"") | EXTRAS)),
            packed=draw(st.integers(0, 7)) == 7,
        )
        how = draw(st.sampled_from(("change", "rename", "double", "add", "drop", "zeros")))
        if how == "rename":
            member.name = draw(st.sampled_from(NAMES) | st.text(max_size=8))
        elif how == "zeros":
            member.content = bytes(draw(st.sampled_from((0, 1, 4, 2**16))))
        if how == "drop":
            members.pop(place)
        elif how in ("double", "add"):
            name = member.name if how == "double" else draw(st.sampled_from(NAMES))
            members.insert(draw(st.integers(0, len(members))), replace(member, name=name))
        else:
            members[place] = member
    between = draw(st.sampled_from((b"", b"", b"", b"\0", b"PK\x01\x02", b"PK\x03\x04")))
    data = written(members, draw(changes(END, 1)), between)
    before, behind = draw(st.just(b"") | st.binary(max_size=4)), draw(st.just(b"") | EXTRAS)
    return before + data + behind


GIVEN = {"table.pth", "weights.pth", "set.zip", "rain.zip", "workspace.zip"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the zips are put; in the end nothing is there, or above, that came out of one."""
    outer = tmp_path_factory.mktemp("fuzz")
    inner = outer / "above" / "within"  # names begin with ../../
    inner.mkdir(parents=True)
    yield inner
    assert {*outer.rglob("*")} <= {inner.parent, inner, *(inner / name for name in GIVEN)}


def test_a_zip_that_does_not_lie_is_read(folder: Path) -> None:
    table, checkpoint, pictures, candidates, workspace = (
        written(list(members), [], b"") for members in seeds()
    )
    assert read_named_table(table, folder) is not None
    assert read_as_checkpoint(checkpoint, folder) is not None
    assert len(read_as_zip(pictures, folder) or ()) == 4
    read = read_as_candidates(candidates, folder)
    assert read is not None and list(read.pictures) == ["A", "B", "C"]
    assert read_as_workspace(workspace, folder) is not None


@cases(700)
@given(data=lying_zips(seed=0))
def test_a_released_table_in_a_zip_that_lies(folder: Path, data: bytes) -> None:
    read_named_table(data, folder)


@cases(600)
@given(data=lying_zips(seed=1))
def test_a_checkpoint_in_a_zip_that_lies(folder: Path, data: bytes) -> None:
    read_as_checkpoint(data, folder)


@cases(700)
@given(data=lying_zips(seed=2))
def test_a_reference_set_in_a_zip_that_lies(folder: Path, data: bytes) -> None:
    read_as_zip(data, folder)


@cases(500)
@given(data=lying_zips(seed=3))
def test_candidates_in_a_zip_that_lies(folder: Path, data: bytes) -> None:
    read_as_candidates(data, folder)


@cases(300)
@given(data=lying_zips(seed=4))
def test_a_workspace_in_a_zip_that_lies(folder: Path, data: bytes) -> None:
    read_as_workspace(data, folder)
