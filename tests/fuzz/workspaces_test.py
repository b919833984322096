"""Workspaces with other headers, pictures and tables than were saved: a workspace or a sentence."""

import io
import json
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ensir.comparison import compare
from ensir.ensemble.levels import in_depth
from ensir.images import encode_png
from ensir.looks import Look, Panel
from ensir.settings import read_settings
from ensir.statistics_files import statistics_bytes
from ensir.workspaces import HEADER, workspace_bytes
from tests.bad_inputs import good_table, png_claiming, stored
from tests.conftest import make_pictures, make_statistics
from tests.fuzz.cases import cases, edited, edits, result_or_sentence
from tests.fuzz.tables_test import JSON
from tests.fuzz.targets import read_as_workspace
from tests.zips import zip_of

CANDIDATES, TRUTH = make_pictures(seed=4, members=2, height=12, width=10)
STATISTICS = make_statistics((CANDIDATES, TRUTH), 64)
SETTINGS = {
    **{"task": "denoising", "strength": 25, "models": ["median"], "eightfold": False},
    **{"weights": "file", "bin_width": 64, "method": "em", "trust": 1, "soft": False},
    **{"map_kind": "weight", "map_channel": "all", "map_opacity": 100, "sort_by": None},
    **{"channel": "green", "x": 3, "y": None},
}

LOOK = Look((Panel("fused"), Panel("A", wipe="B", share=0.25)), place=(3, 4.5, 8))


@cache
def seeds() -> tuple[bytes, ...]:
    """Small workspaces of every kind: of statistics, of a table, of an average."""
    named = dict(zip("AB", CANDIDATES, strict=True))
    deep = {name: in_depth(one, torch.uint16) for name, one in named.items()}
    fitted = compare(named, reference=STATISTICS, bin_width=64, truth=TRUTH)
    alpha = torch.arange(120, dtype=torch.uint8).reshape(12, 10)
    made = (
        fitted,
        compare(deep, reference=fitted.table, alpha=alpha, soft=True),
        compare(named, degraded=CANDIDATES[0], truth=TRUTH, notes=("a note",)),
    )
    return tuple(workspace_bytes(one, read_settings(SETTINGS), LOOK) for one in made)


@cache
def members(seed: int) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(seeds()[seed])) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@cache
def others() -> dict[str, bytes]:
    """What may stand where a picture or a table does."""
    size = (10, 12)
    return {
        "of another size": encode_png(CANDIDATES[0, :, :5, :7]),
        "half as large": encode_png(CANDIDATES[0, :, ::2, ::2]),
        "of one pixel": encode_png(TRUTH[:, :1, :1]),
        "of 16 bits": encode_png(in_depth(TRUTH, torch.uint16)),
        "transparent": encode_png(TRUTH, TRUTH[0]),
        "grey": stored(Image.new("L", size, 7), "PNG"),
        "of a palette": stored(Image.new("P", size, 7), "PNG"),
        "black and white": stored(Image.new("1", size), "PNG"),
        "turned": stored(Image.new("RGB", size), "JPEG", exif=_turned()),
        "huge": png_claiming(30_000, 30_000),
        "larger than here": png_claiming(3_000, 3_000),
        "text": b"text",
        "nothing": b"",
        "statistics": statistics_bytes(STATISTICS),
        "finer statistics": statistics_bytes(make_statistics((CANDIDATES, TRUTH), 16)),
        "statistics of three": statistics_bytes(
            make_statistics((CANDIDATES[[0, 1, 0]], TRUTH), 64)
        ),
        "a table of three": good_table(),
        "a table of two": good_table(members=2),
    }


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


SEEDS = st.deferred(lambda: st.sampled_from(seeds()))
PLACES = st.integers(0, 30)
TOP = (
    "format",
    "candidates",
    "members",
    "notes",
    "warnings",
    "statistics_sha256",
    "settings",
    "look",
)
NAMES = st.sampled_from(("A", "B", "fused", "weight of A", "", "../x", "\u202e", "x" * 81, "a\nb"))
WORDS = st.sampled_from(
    (
        *("ensir workspace 0", "ensir workspace 2", "f" * 64, "/etc/passwd", "<b>", "em"),
        *("published", "least-squares", "truth", "none", "deraining", "super-resolution"),
    )
)
# Most are such as a setting may be: what is refused at once comes no further.
LIKELY = WORDS | st.booleans() | st.none() | st.floats(0, 1) | st.integers(-2, 300)
VALUES = LIKELY | st.lists(NAMES, max_size=3) | JSON
NOTHING: dict[str, Any] = {}
PANEL = ("name", "wipe", "share", "more")
PLACE = st.lists(LIKELY | st.floats(), min_size=2, max_size=4)
OF_LOOK = st.just(NOTHING) | st.builds(lambda place: {"place": place}, PLACE | VALUES)
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(("other", "swap", "drop", "add", "edit")),
        *(PLACES, PLACES),
        edits(),
    ),
    max_size=2,
)
ADDED = ("truth.png", "alpha.png", "input.png", "candidate_3.png", "reference.safetensors", "x/y")


def changed(seed: int, changes: list[Any]) -> dict[str, bytes]:
    """The members of a workspace with some exchanged, dropped, added or damaged."""
    content = dict(members(seed))
    for how, place, other, edit in changes:
        name, second = (sorted(content)[it % len(content)] for it in (place, other))
        known = [*others().values()]
        if how == "other":
            content[name] = known[other % len(known)]
        elif how == "swap":
            content[name], content[second] = content[second], content[name]
        elif how == "drop" and len(content) > 1:
            content.pop(name)
        elif how == "add":
            content[ADDED[place % len(ADDED)]] = known[other % len(known)]
        elif how == "edit":
            content[name] = edit(content[name])
    return content


def test_a_workspace_of_every_kind_is_read(folder: Path) -> None:
    assert all(read_as_workspace(data, folder) is not None for data in seeds())


@cases(300)
@given(data=edited(SEEDS))
def test_a_workspace_changed_anywhere(folder: Path, data: bytes) -> None:
    read_as_workspace(data, folder)


@cases(700)
@given(
    seed=st.integers(0, 2),
    changes=CHANGES,
    header=st.just(NOTHING) | st.dictionaries(st.sampled_from(TOP), VALUES, max_size=1),
    settings=st.just(NOTHING) | st.dictionaries(st.sampled_from([*SETTINGS]), VALUES, max_size=2),
    look=OF_LOOK,
    panel=st.just(NOTHING) | st.dictionaries(st.sampled_from(PANEL), VALUES, max_size=1),
    listed=st.sampled_from((True, True, False)),
    packed=st.booleans(),
)
def test_a_workspace_of_other_content_in_a_sound_zip(
    folder: Path,
    seed: int,
    changes: list[Any],
    header: dict[str, Any],
    settings: dict[str, Any],
    look: dict[str, Any],
    panel: dict[str, Any],
    listed: bool,
    packed: bool,
) -> None:
    content = changed(seed, changes)
    if content.get(HEADER) == members(seed)[HEADER]:
        said = json.loads(content[HEADER])
        said["settings"].update(settings)
        said["look"].update(look)
        said["look"]["panels"][1].update(panel)
        if listed:
            said["members"] = sorted(set(content) - {HEADER})
        text = json.dumps({**said, **header}, indent=1)
        content[HEADER] = text.encode("utf-8", "surrogatepass")
    kind = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    read_as_workspace(zip_of(content, kind), folder)


@cases(200)
@given(
    names=st.lists(st.text(max_size=90) | NAMES, min_size=2, max_size=3, unique=True),
    notes=st.lists(st.text(max_size=30) | st.sampled_from(("x" * 2000, "a\nb")), max_size=2),
)
def test_what_can_be_saved_can_be_opened(folder: Path, names: list[str], notes: list[str]) -> None:
    pictures = dict(zip(names, (*CANDIDATES, TRUTH), strict=False))

    def saved() -> bytes:
        return workspace_bytes(compare(pictures, notes=notes), read_settings(SETTINGS))

    data = result_or_sentence(saved)
    assert data is None or read_as_workspace(data, folder) is not None
