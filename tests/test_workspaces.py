import io
import json
import math
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ensir import workspaces
from ensir.comparison import Comparison, compare, scores
from ensir.ensemble.levels import in_depth
from ensir.errors import InputError
from ensir.images import encode_png
from ensir.limits import MOST_NOTE, MOST_NOTES
from ensir.looks import Look, Panel
from ensir.reference_set import ReferenceStatistics
from ensir.settings import Settings
from ensir.statistics_files import statistics_digest
from ensir.table_files import table_bytes
from ensir.workspaces import (
    FUSED,
    HEADER,
    REFERENCE,
    about_workspace,
    is_workspace,
    read_workspace,
    workspace_bytes,
    write_workspace,
)
from tests.bad_inputs import png_claiming
from tests.conftest import make_pictures, make_statistics

CANDIDATES, TRUTH = make_pictures(seed=21, members=3, height=30, width=26, contrast=25)
INPUT = make_pictures(seed=22, members=1, height=30, width=26)[0][0]
STATISTICS = make_statistics((CANDIDATES, TRUTH), 8)
ALPHA = torch.arange(780).reshape(30, 26).remainder(256).to(torch.uint8)
SETTINGS = Settings(
    task="denoising",
    strength=25.0,
    models=("median",),
    eightfold=False,
    weights="file",
    bin_width=32,
    method="em",
    trust=1.0,
    soft=False,
    map_kind="weight",
    map_channel="all",
    map_opacity=100.0,
    sort_by=None,
    channel="green",
    x=3,
    y=7,
)
Change = Callable[[dict[str, bytes], dict[str, Any]], None]


def compared(
    deep: bool = False,
    reference: Any = STATISTICS,  # noqa: ANN401
    **options: Any,  # noqa: ANN401
) -> Comparison:
    candidates = dict(zip("BAC", CANDIDATES, strict=True))  # not in the order of the statistics
    if deep:
        # Values that no 8-bit picture has.
        candidates = {name: _deeper(one) for name, one in candidates.items()}
        options = {
            name: _deeper(one) if isinstance(one, Tensor) else one for name, one in options.items()
        }
    return compare(candidates, reference=reference, bin_width=32, **options)


def _deeper(picture: Tensor) -> Tensor:
    deep = in_depth(picture, torch.uint16).int()
    return (deep - deep.remainder(7)).clamp(min=0).to(torch.uint16)


def opened(comparison: Comparison, folder: Path, settings: Settings = SETTINGS) -> Comparison:
    """The comparison as it comes back, with the settings as they were."""
    write_workspace(comparison, settings, folder / "workspace.zip")
    workspace = read_workspace(folder / "workspace.zip")
    assert workspace.settings == settings
    assert workspace.notes == ()
    return workspace.comparison


def assert_same(one: Comparison, other: Comparison) -> None:
    """To the bit, all that a screen may ask for."""
    for pictures, others in ((one.pictures, other.pictures), (one.as_given, other.as_given)):
        assert list(pictures) == list(others)
        for name, picture in pictures.items():
            assert picture.dtype == others[name].dtype
            assert torch.equal(picture, others[name])
    assert (one.alpha is None) == (other.alpha is None)
    if one.alpha is not None:
        assert torch.equal(one.alpha, other.alpha)
    assert torch.equal(one.fusion.weights, other.fusion.weights)
    assert torch.equal(one.fused.values, other.fused.values)
    assert (one.table is None, one.fits is None) == (other.table is None, other.fits is None)
    if one.table is not None:
        assert table_bytes(one.table) == table_bytes(other.table)
    if one.fits is not None:
        assert torch.equal(one.fits.fitted.weight, other.fits.fitted.weight)
    assert (one.notes, one.warnings, one.soft) == (other.notes, other.warnings, other.soft)
    assert scores(one) == scores(other)


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize("has_truth", [False, True], ids=["no truth", "truth"])
@pytest.mark.parametrize("alpha", [None, ALPHA], ids=["opaque", "transparent"])
def test_pictures_and_all_that_is_made_of_them_come_back_to_the_bit(
    tmp_path: Path, deep: bool, has_truth: bool, alpha: Tensor | None
) -> None:
    comparison = compared(
        deep,
        truth=TRUTH if has_truth else None,
        degraded=INPUT if has_truth else None,
        alpha=alpha,
        notes=("B.png is partly transparent, and so is the result",),
    )
    assert_same(comparison, opened(comparison, tmp_path))


def test_weights_come_back_from_statistics_a_table_or_none(tmp_path: Path) -> None:
    renamed = replace(compared().fits.table, candidate_names=("C", "A", "B"))
    for reference in (STATISTICS, renamed, None):
        comparison = compared(reference=reference, truth=TRUTH)
        again = opened(comparison, tmp_path)
        assert_same(comparison, again)
        assert list(again.candidates) == list(comparison.candidates)
        assert type(again.reference) is type(reference)


@pytest.mark.parametrize("method", ["em", "published", "least-squares"])
@pytest.mark.parametrize("soft", [False, True])
def test_weights_are_fitted_as_they_were_whatever_the_fields_say(
    tmp_path: Path, method: str, soft: bool
) -> None:
    comparison = compare(
        dict(zip("ABC", CANDIDATES, strict=True)),
        reference=STATISTICS,
        bin_width=16,
        method=method,
        trust=0.35,
        soft=soft,
    )
    write_workspace(comparison, SETTINGS, tmp_path / "workspace.zip")  # 32 levels, em, trust 1
    workspace = read_workspace(tmp_path / "workspace.zip")
    assert workspace.settings == replace(
        SETTINGS, bin_width=16, method=method, trust=0.35, soft=soft
    )
    assert_same(comparison, workspace.comparison)


def test_statistics_can_be_fitted_at_any_width_again(tmp_path: Path) -> None:
    again = opened(compared(truth=TRUTH), tmp_path).reference
    assert isinstance(again, ReferenceStatistics)
    assert again.statistics.bins.width == 8
    assert statistics_digest(again) == statistics_digest(STATISTICS.of_candidates("BAC"))


def test_of_more_candidates_only_what_is_needed_is_kept(tmp_path: Path) -> None:
    comparison = compare(dict(zip("CA", CANDIDATES, strict=False)), reference=STATISTICS)
    again = opened(comparison, tmp_path)
    assert again.reference.candidate_names == ("C", "A")
    assert_same(comparison, again)


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    comparison = compared(truth=TRUTH, degraded=INPUT)
    data = workspace_bytes(comparison, SETTINGS)
    assert workspace_bytes(compared(truth=TRUTH, degraded=INPUT), SETTINGS) == data
    assert workspace_bytes(opened(comparison, tmp_path), SETTINGS) == data
    assert workspace_bytes(comparison, replace(SETTINGS, x=4)) != data


def test_a_person_finds_pictures_in_it(tmp_path: Path) -> None:
    comparison = compared(truth=TRUTH)
    write_workspace(comparison, SETTINGS, tmp_path / "workspace.zip")
    with zipfile.ZipFile(tmp_path / "workspace.zip") as file:
        assert file.testzip() is None
        assert file.read(FUSED) == encode_png(comparison.fused.values)
        assert json.loads(file.read(HEADER))["candidates"] == ["B", "A", "C"]


def test_names_of_models_are_no_names_of_files(tmp_path: Path) -> None:
    names = ("../../<b> \\ 名.png", "/etc/x")
    comparison = compare(dict(zip(names, CANDIDATES, strict=False)))
    write_workspace(comparison, SETTINGS, tmp_path / "workspace.zip")
    with zipfile.ZipFile(tmp_path / "workspace.zip") as file:
        assert not [name for name in file.namelist() if "/" in name or "\\" in name]
    assert tuple(read_workspace(tmp_path / "workspace.zip").comparison.candidates) == names


def test_what_is_fused_otherwise_than_it_was_saved_is_said(tmp_path: Path) -> None:
    path = tmp_path / "workspace.zip"
    rewrite(path, lambda members, header: members.update({FUSED: encode_png(255 - TRUTH)}))
    (note,) = read_workspace(path).notes
    assert "not quite the one that was saved" in note


def test_too_large_a_workspace_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspaces, "MOST_WORKSPACE_BYTES", 10_000)
    with pytest.raises(InputError, match="the workspace would have more than"):
        write_workspace(compared(), SETTINGS, tmp_path / "workspace.zip")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("names", "notes", "sentence"),
    [
        (("A", "B\n"), (), r"^a candidate's name has 1 to 80 printable characters, got 'B\\n': "),
        (("A", ""), (), r"^a candidate's name has 1 to 80 printable characters, got ''"),
        (("A", "x" * 81), (), r"^a candidate's name has 1 to 80"),
        (("A", "B"), ("a\nb",), r"^a workspace keeps 100 notes of 1,000 printable characters each"),
        (("A", "B"), ("x" * (MOST_NOTE + 1),), r"^a workspace keeps 100 notes"),
        (("A", "B"), ("x",) * (MOST_NOTES + 1), r"^a workspace keeps 100 notes"),
    ],
)
def test_what_could_not_be_opened_is_not_written(
    tmp_path: Path, names: tuple[str, ...], notes: tuple[str, ...], sentence: str
) -> None:
    comparison = compare(dict(zip(names, CANDIDATES, strict=False)), notes=notes)
    with pytest.raises(InputError, match=sentence):
        write_workspace(comparison, SETTINGS, tmp_path / "workspace.zip")
    assert not list(tmp_path.iterdir())


def test_pictures_larger_than_can_be_opened_are_not_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workspaces, "MOST_PIXELS", 700)
    with pytest.raises(InputError, match=r"^a workspace keeps pictures of .*, got 26 × 30: save"):
        workspace_bytes(compared(), SETTINGS)


def test_a_fused_picture_of_another_depth_is_said_to_differ(tmp_path: Path) -> None:
    path = tmp_path / "workspace.zip"
    deep = encode_png(in_depth(TRUTH, torch.uint16))
    rewrite(path, lambda members, header: members.update({FUSED: deep}))
    (note,) = read_workspace(path).notes
    assert "not quite the one that was saved" in note


def rewrite(path: Path, change: Change, packed: bool = False) -> None:
    """Writes a workspace with other members or another header."""
    with zipfile.ZipFile(io.BytesIO(workspace_bytes(compared(truth=TRUTH), SETTINGS))) as file:
        members = {name: file.read(name) for name in file.namelist()}
    header = json.loads(members[HEADER])
    kept = members[HEADER]
    change(members, header)
    if members.get(HEADER) is kept:
        header["members"] = header.pop("listed", sorted(set(members) - {HEADER}))
        members[HEADER] = json.dumps(header).encode()
    method = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)


def set_header(text: bytes) -> Change:
    return lambda members, header: members.update({HEADER: text})


def put(**values: object) -> Change:
    return lambda members, header: header.update(values)


def put_setting(name: str, value: object) -> Change:
    return lambda members, header: header["settings"].update({name: value})


def put_member(name: str, content: bytes) -> Change:
    return lambda members, header: members.update({name: content})


def test_how_the_viewer_is_looked_into_comes_back(tmp_path: Path) -> None:
    comparison, path = compared(), tmp_path / "workspace.zip"
    for look in (None, Look((Panel("A", "B", 0.25), Panel("gone")), (3.5, 7, 2))):
        write_workspace(comparison, SETTINGS, path, look)
        assert read_workspace(path).look == look


SMALL = encode_png(CANDIDATES[0, :, :9, :9])
UNFIT_LOOK = r"^workspace\.zip is damaged: how its panels are looked into cannot be read"
HOSTILE: dict[str, tuple[Change, str]] = {
    "no header": (lambda members, header: members.pop(HEADER), "is not a workspace"),
    "another header": (set_header(b'{"format": "zip of mine"}'), "is not a workspace"),
    "a list for a header": (set_header(b"[]"), "is not a workspace"),
    "a newer format": (put(format="ensir workspace 2"), "wanted 'ensir workspace 1': open it with"),
    "a header of no text": (set_header(b"\xff\xfe"), "its header cannot be read"),
    "a header cut off": (set_header(b'{"format": "ensir wor'), "its header cannot be read"),
    "a key twice": (set_header(b'{"format": 1, "format": 2}'), "its header cannot be read"),
    "a deep header": (set_header(b"[" * 100_000), "its header cannot be read"),
    "a long number": (set_header(b'{"format": ' + b"9" * 9000 + b"}"), "cannot be read"),
    "not a number": (put_setting("trust", math.nan), "its header cannot be read"),
    "infinity": (put_setting("x", math.inf), "its header cannot be read"),
    "a switch for a number": (put_setting("x", True), "a pixel has whole numbers"),
    "a negative number": (put_setting("y", -1), "a pixel has whole numbers"),
    "no look": (put(look=[1]), UNFIT_LOOK),
    "a look from nowhere": (
        put(look={"panels": [{"name": "fused", "wipe": None, "share": 2}], "place": None}),
        UNFIT_LOOK,
    ),
    "no settings": (put(settings=None), "settings have the names"),
    "one setting more": (put_setting("admin", True), "settings have the names"),
    "an odd bin width": (put_setting("bin_width", 1000), "a bin is 1 to 256 levels wide"),
    "a width that does not join": (put_setting("bin_width", 12), "8"),
    "no candidates": (put(candidates=[]), "two or more candidates are needed"),
    "a name twice": (put(candidates=["A", "A", "B"]), "does not name the candidates"),
    "an unprintable name": (put(candidates=["A", "B\n", "C"]), "does not name the candidates"),
    "a number for a name": (put(candidates=["A", 1, "C"]), "does not name the candidates"),
    "candidates as text": (put(candidates="ABC"), "does not name the candidates"),
    "a name of ours": (put(candidates=["A", "fused", "C"]), "cannot be called 'fused'"),
    "one name more": (put(candidates=["A", "B", "C", "D"]), "a picture lacks"),
    "one name less": (put(candidates=["A", "B"]), "a picture lacks, or there is one too many"),
    "names of others": (put(candidates=["A", "B", "X"]), "the statistics know"),
    "a picture less": (lambda members, header: members.pop("candidate_2.png"), "a picture lacks"),
    "a truth less": (put(listed=["truth.png"]), "a picture lacks"),
    "a file more": (put_member("notes.txt", b"hello"), "a picture lacks, or there is one too many"),
    "a path": (put_member("../truth.png", SMALL), "holds a file with an odd name"),
    "an absolute path": (put_member("/truth.png", SMALL), "holds a file with an odd name"),
    "a folder": (put_member("more/truth.png", SMALL), "a picture lacks, or there is one too many"),
    "a twin": (put_member("Truth.png", SMALL), "holds both"),
    "another size": (put_member("truth.png", SMALL), "the pictures have different sizes"),
    "a large claim": (
        put_member("truth.png", png_claiming(30_000, 30_000)),
        "more than 40 million",
    ),
    "no picture": (put_member("truth.png", b"text"), "is not a PNG, JPEG, WebP, TIFF or BMP image"),
    "half a picture": (put_member("truth.png", SMALL[:90]), "is cut off|is damaged"),
    "a transparent picture": (
        put_member("truth.png", encode_png(CANDIDATES[0], ALPHA)),
        "truth.png is damaged: it is transparent",
    ),
    "transparency of another size": (
        put_member("alpha.png", encode_png(ALPHA[None, :9])),
        "its transparency has another size",
    ),
    "a table of text": (put_member(REFERENCE, b"text"), "is neither a lookup table nor"),
    "an empty table": (put_member(REFERENCE, b""), "is neither a lookup table nor"),
    "a hash of no hash": (put(statistics_sha256="../x"), "where its statistics come from"),
    "a number for a hash": (put(statistics_sha256=7), "where its statistics come from"),
    "warnings of no text": (put(warnings={"a": 1}), "its notes or warnings are not sentences"),
    "notes of no text": (put(notes=[1]), "its notes or warnings are not"),
    "a note of two lines": (put(notes=["a\nb"]), "its notes or warnings are not"),
    "a long note": (put(notes=["x" * (MOST_NOTE + 1)]), "its notes or warnings are not"),
    "many notes": (put(notes=["x"] * (MOST_NOTES + 1)), "its notes or warnings are not"),
}


@pytest.mark.parametrize("wrong", HOSTILE)
def test_what_nobody_saved_is_one_sentence(tmp_path: Path, wrong: str) -> None:
    change, sentence = HOSTILE[wrong]
    path = tmp_path / "workspace.zip"
    rewrite(path, change)
    with pytest.raises(InputError, match=sentence) as caught:
        read_workspace(path)
    said = str(caught.value)
    assert str(tmp_path) not in said and "/tmp" not in said
    assert "\n" not in said and len(said) < 600
    assert list(tmp_path.iterdir()) == [path]


def test_a_member_that_unpacks_to_much_more_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "workspace.zip"
    rewrite(path, put_member("truth.png", bytes(2**24)), packed=True)
    with pytest.raises(InputError, match="unpacks to more than 100 times its size"):
        read_workspace(path)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04", encode_png(TRUTH)])
def test_another_file_is_no_workspace(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "workspace.zip"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"workspace\.zip (is not a workspace|ends early)"):
        read_workspace(path)


def test_a_workspace_cut_anywhere_is_one_sentence(tmp_path: Path) -> None:
    data = workspace_bytes(compared(), SETTINGS)
    path = tmp_path / "workspace.zip"
    for length in range(0, len(data), len(data) // 40):
        path.write_bytes(data[:length])
        with pytest.raises(InputError):
            read_workspace(path)


def test_a_changed_byte_is_noticed_or_changes_nothing(tmp_path: Path) -> None:
    comparison = compared()
    data = bytearray(workspace_bytes(comparison, SETTINGS))
    path = tmp_path / "workspace.zip"
    refused = 0
    for place in range(0, len(data), len(data) // 40):
        data[place] ^= 1
        path.write_bytes(data)
        data[place] ^= 1
        try:
            workspace = read_workspace(path)
        except InputError:
            refused += 1
        else:
            assert torch.equal(workspace.comparison.fusion.image, comparison.fusion.image)
    assert refused >= 35


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"workspace\.zip is not there"):
        read_workspace(tmp_path / "workspace.zip")


def test_a_workspace_is_known_by_how_it_begins(tmp_path: Path) -> None:
    path = tmp_path / "workspace.zip"
    assert not is_workspace(path) and not is_workspace(tmp_path)
    rewrite(path, put(format="ensir workspace 2"))
    assert is_workspace(path)
    for other in (b"", b"PK\x03\x04", table_bytes(compared().fits.table)):
        path.write_bytes(other)
        assert not is_workspace(path)


def test_a_workspace_is_described_in_plain_values(tmp_path: Path) -> None:
    for deep, reference, kind in (
        (False, STATISTICS, "statistics"),
        (True, compared().table, "a table"),
        (True, None, "the average"),
    ):
        write_workspace(compared(deep, reference, truth=TRUTH), SETTINGS, tmp_path / "w.zip")
        said = about_workspace(read_workspace(tmp_path / "w.zip"))
        assert (said["candidates"], said["size"]) == (("B", "A", "C"), (26, 30))
        assert (said["bits"], said["weights_from"]) == (16 if deep else 8, kind)
        assert (said["ground_truth"], said["transparent"]) == (True, False)
        assert (said["bin_width"], said["method"], said["x"]) == (32, "em", 3)
