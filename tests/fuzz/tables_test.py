"""Whatever is done to a table or statistics: a valid one, or one sentence."""

import io
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ensir.fitting import fit_statistics
from ensir.published_tables import published_bytes
from ensir.reference_set import ReferencePictures
from ensir.statistics_files import (
    PICTURES_FORMAT,
    STATISTICS_FORMAT,
    pictures_bytes,
    statistics_bytes,
)
from ensir.table_files import TABLE_FORMAT, table_bytes
from ensir.tensor_files import pack, unpack
from tests.conftest import make_pictures, make_statistics
from tests.fuzz.cases import EDGES, Edit, cases, edited, edits
from tests.fuzz.targets import read_as_table, read_named_table

PICTURES = make_pictures(seed=4, members=2, height=12, width=10)


@cache
def table(width: int = 128) -> bytes:
    return table_bytes(fit_statistics(make_statistics(PICTURES, width)).table)


@cache
def statistics(width: int = 64) -> bytes:
    return statistics_bytes(make_statistics(PICTURES, width))


@cache
def pictures() -> bytes:
    """The statistics of two pictures, kept apart."""
    seeds = {"p": PICTURES, "q": make_pictures(seed=5, members=2, height=6, width=5)}
    parts = tuple(make_statistics(both, 64) for both in seeds.values())
    return pictures_bytes(ReferencePictures(tuple(seeds), parts))


@cache
def released() -> bytes:
    return published_bytes(fit_statistics(make_statistics(PICTURES, 128)).table)


@cache
def members() -> dict[str, bytes]:
    """The members of a released table."""
    with zipfile.ZipFile(io.BytesIO(released())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(contents: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return file.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


OWN = st.deferred(lambda: st.sampled_from((table(), table(64), statistics(), pictures())))


@cases(1500)
@given(data=edited(OWN))
def test_a_table_or_statistics_changed_anywhere(folder: Path, data: bytes) -> None:
    read_as_table(data, folder)


@cases(1000)
@given(data=edited(st.deferred(lambda: st.just(released()))))
def test_a_released_table_changed_anywhere(folder: Path, data: bytes) -> None:
    read_as_table(data, folder)


# Operations and names that a pickle may have, or should not.
PIECES = (
    *(b"ctorch._utils\n_rebuild_tensor_v2\n", b"cos\nsystem\n", b"ccollections\nOrderedDict\n"),
    *(b"R", b"(", b"t", b"u", b"s", b"}", b"]", b"0", b"."),
)


def pickle_edits() -> st.SearchStrategy[Edit]:
    def insert(at: int, piece: bytes) -> Edit:
        return lambda data: data[: at % (len(data) + 1)] + piece + data[at % (len(data) + 1) :]

    return edits() | st.builds(insert, st.integers(0, 2**16), st.sampled_from(PIECES))


@cases(1500)
@given(
    changes=st.lists(pickle_edits(), max_size=3),
    member=st.integers(0, 50),
    other=edits(),
    touched=st.booleans(),
)
def test_a_released_table_with_another_pickle_in_a_sound_archive(
    folder: Path, changes: list[Edit], member: int, other: Edit, touched: bool
) -> None:
    contents = dict(members())
    (pickle,) = (name for name in contents if name.endswith("data.pkl"))
    for change in changes:
        contents[pickle] = change(contents[pickle])
    if touched:
        name = list(contents)[member % len(contents)]
        contents[name] = other(contents[name])
    read_named_table(zipped(contents), folder)


TEXTS = st.text(max_size=8) | st.sampled_from(
    ("\x1b[2J", "\u202e", "/home/ann/x", "<b>", "x" * 500)
)
NUMBERS = st.sampled_from((*EDGES, -1, 0.5, 1e308, float("nan")))
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
TYPES = (torch.uint8, torch.int16, torch.int32, torch.int64, torch.float32, torch.float64)


def changed_tensor(values: Tensor, how: str, place: int, edge: int) -> Tensor:
    """A tensor of other content, type or shape."""
    if how == "type":
        return values.to(TYPES[place % len(TYPES)])
    if how == "shape":
        return values.flatten()[: place % (values.numel() + 1)]
    if how == "dimension":
        return values.unsqueeze(place % (values.ndim + 1))
    if not values.numel():
        return values
    changed = values.clone().flatten()
    if values.is_floating_point():
        changed[place % len(changed)] = (float("nan"), float("inf"), -1.0, 0.5, 1e300)[edge % 5]
    else:
        limits = torch.iinfo(values.dtype)
        changed[place % len(changed)] = max(limits.min, min(limits.max, edge - 2))
    return changed.reshape(values.shape)


SOURCES = {
    "table": (table, TABLE_FORMAT),
    "statistics": (statistics, STATISTICS_FORMAT),
    "pictures": (pictures, PICTURES_FORMAT),
}


@cases(1000)
@given(
    source=st.sampled_from((*SOURCES,)),
    header=st.dictionaries(st.integers(0, 30), JSON, max_size=2),
    change=st.tuples(
        st.integers(0, 30),
        st.sampled_from(("type", "shape", "dimension", "value", "value")),
        st.integers(0, 10_000),
        st.sampled_from(EDGES),
    ),
    kept=st.booleans(),
    dropped=st.none() | st.integers(0, 30),
)
def test_a_table_or_statistics_with_other_content_and_a_digest_that_fits(
    folder: Path,
    source: str,
    header: dict[int, Any],
    change: tuple[int, str, int, int],
    kept: bool,
    dropped: int | None,
) -> None:
    made, kind = SOURCES[source]
    tensors, said = unpack(made(), source, kind)
    fields = [field for field in said if field not in ("format", "candidates")]
    said.update({fields[place % len(fields)]: value for place, value in header.items()})
    if not kept:
        place, *how = change
        name = list(tensors)[place % len(tensors)]
        tensors[name] = changed_tensor(tensors[name], *how)
    if dropped is not None and len(tensors) > 1:
        tensors.pop(list(tensors)[dropped % len(tensors)])
    try:
        repacked = pack(tensors, said, compressed=False)
    except (ValueError, TypeError):  # no file could say this
        return
    read_as_table(repacked, folder)
