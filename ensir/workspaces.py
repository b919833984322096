"""A workspace: what is on the screen as one file, so that a colleague sees the same.

A zip of a header (JSON), pictures (PNG, of 8 or 16 bits, as they are) and the table or statistics
that the weights came from. From these everything else is made anew in no time; no base model runs.
The fused picture stands there for people, and to notice when it is made anew to another one.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeGuard

import torch
from torch import Tensor

from ensir.comparison import Comparison, check_names, compare
from ensir.ensemble.levels import deepest
from ensir.ensemble.lookup_table import LookupTable
from ensir.errors import InputError
from ensir.files import is_name, shown_name, write_whole
from ensir.images import encode_png, read_picture
from ensir.limits import (
    LONGEST_SIDE,
    MOST_HEADER_BYTES,
    MOST_NAME,
    MOST_NOTE,
    MOST_NOTES,
    MOST_PICTURE_BYTES,
    MOST_PIXELS,
    MOST_WORKSPACE_BYTES,
)
from ensir.looks import Look, read_look
from ensir.reference_set import ReferenceStatistics
from ensir.settings import Settings, read_settings
from ensir.statistics_files import statistics_bytes
from ensir.table_files import read_reference, table_bytes
from ensir.tensor_files import damaged
from ensir.torch_archive import LOCAL_HEADER
from ensir.zip_members import ZipMember, is_zip, zip_members

FORMAT = "ensir workspace 1"
ANY_FORMAT = "ensir workspace "
HEADER, REFERENCE = "workspace.json", "reference.safetensors"
FUSED, DEGRADED, TRUTH, ALPHA = "fused.png", "input.png", "truth.png", "alpha.png"
OTHERS = (DEGRADED, TRUTH, ALPHA, REFERENCE)  # each may lack
DIGITS = frozenset("0123456789abcdef")
# Not now, but always the same: the same workspace is the same file.
WRITTEN = (1980, 1, 1, 0, 0, 0)
UNIX = 3

Reference = ReferenceStatistics | LookupTable
_KINDS = {ReferenceStatistics: "statistics", LookupTable: "a table", type(None): "the average"}


@dataclass(frozen=True, eq=False)
class Workspace:
    """A comparison and what was chosen beside it."""

    comparison: Comparison
    settings: Settings
    notes: tuple[str, ...] = ()  # what is not as it was saved, a sentence each
    look: Look | None = None  # into the viewer; None: as it opens


def write_workspace(
    comparison: Comparison, settings: Settings, path: str | Path, look: Look | None = None
) -> None:
    """Writes a workspace, whole or not at all."""
    write_whole(Path(path), workspace_bytes(comparison, settings, look))


def workspace_bytes(comparison: Comparison, settings: Settings, look: Look | None = None) -> bytes:
    """The file of a workspace; the same content gives the same bytes.

    Bin width, method, trust and look-up are those that the comparison was fused with. Raises
    InputError for what would be refused when it is opened: more than a workspace may hold, and
    names or notes that cannot be shown.
    """
    _check(comparison)
    reference = reference_bytes(comparison)
    fused = comparison.fused
    members = {
        **{
            _candidate(place): encode_png(picture)
            for place, picture in enumerate(comparison.as_given.values())
        },
        FUSED: encode_png(fused.values, fused.alpha),
        **({} if comparison.degraded is None else {DEGRADED: encode_png(comparison.degraded)}),
        **({} if comparison.truth is None else {TRUTH: encode_png(comparison.truth)}),
        **({} if comparison.alpha is None else {ALPHA: encode_png(comparison.alpha[None])}),
        **({} if reference is None else {REFERENCE: reference}),
    }
    header = {
        "format": FORMAT,
        "candidates": comparison.given_order,
        "members": sorted(members),
        "notes": comparison.notes,
        "warnings": comparison.warnings,
        "statistics_sha256": _statistics_sha256(comparison),
        "settings": asdict(read_settings(asdict(_fused_with(comparison, settings)))),
        **({} if look is None else {"look": asdict(read_look(asdict(look)))}),
    }
    text = json.dumps(header, indent=1, sort_keys=True, ensure_ascii=False).encode()
    content = _zipped({HEADER: text, **members})
    largest = max(map(len, members.values()))
    if len(content) > MOST_WORKSPACE_BYTES or largest > MOST_PICTURE_BYTES:
        raise InputError(
            f"the workspace would have more than {MOST_WORKSPACE_BYTES / 2**20:.4g} MB, or a "
            f"picture of more than {MOST_PICTURE_BYTES / 2**20:.4g} MB, the limits here: save one "
            "of smaller pictures"
        )
    return content


def read_workspace(path: str | Path) -> Workspace:
    """A workspace written by `write_workspace`: its pictures to the bit, fused as it was.

    Raises InputError, one sentence, for a file that is damaged, of another kind or version, or
    larger than a workspace may be.
    """
    path = Path(path)
    if path.is_file() and path.stat().st_size > MOST_WORKSPACE_BYTES:
        raise InputError(
            f"{shown_name(path)} has more than {MOST_WORKSPACE_BYTES / 2**20:.4g} MB, the limit of "
            "a workspace: open a smaller one"
        )
    members, header = _opened(path)
    name = shown_name(path)
    names = header.get("candidates")
    if not isinstance(names, list) or not all(map(is_name, names)) or len({*names}) < len(names):
        raise damaged(name, "its header does not name the candidates")
    check_names(names)
    wanted = {HEADER, FUSED, *(_candidate(place) for place in range(len(names)))}
    if not wanted <= set(members) <= wanted | set(OTHERS) or header.get("members") != sorted(
        set(members) - {HEADER}
    ):
        raise damaged(name, "a picture lacks, or there is one too many")
    notes, warnings = header.get("notes"), header.get("warnings")
    if not _are_sentences(notes) or not _are_sentences(warnings):
        raise damaged(name, "its notes or warnings are not sentences")
    settings = read_settings(header.get("settings"))
    pictures = {member: _values(one) for member, one in members.items() if member.endswith(".png")}
    comparison = compare(
        {name: pictures[_candidate(place)] for place, name in enumerate(names)},
        degraded=pictures.get(DEGRADED),
        truth=pictures.get(TRUTH),
        alpha=_alpha(pictures, name),
        reference=_reference(members.get(REFERENCE), header.get("statistics_sha256"), name),
        bin_width=settings.bin_width,
        method=settings.method,
        trust=settings.trust,
        soft=settings.soft,
    )
    return Workspace(
        replace(comparison, notes=tuple(notes), saved_warnings=tuple(warnings)),
        settings,
        _difference(comparison, pictures[FUSED]),
        _look(header.get("look"), name),
    )


def is_workspace(path: Path) -> bool:
    """Whether a file begins as a workspace does, of whatever version; False where there is none."""
    if not is_zip(path):
        return False
    with path.open("rb") as file:
        return file.read(LOCAL_HEADER.size + len(HEADER)).endswith(HEADER.encode())


def about_workspace(workspace: Workspace) -> dict[str, object]:
    """What it holds and how it is set, as plain values by name."""
    comparison = workspace.comparison
    table, reference = comparison.table, comparison.reference
    return {
        "candidates": tuple(comparison.candidates),
        "size": comparison.size,
        "bits": 8 * deepest(list(comparison.candidates.values())).itemsize,
        "ground_truth": comparison.truth is not None,
        "transparent": comparison.alpha is not None,
        "weights_from": _KINDS[type(reference)],
        "reference_set": None if table is None else table.provenance.reference_set,
        **asdict(workspace.settings),
        "notes": (*workspace.notes, *comparison.notes, *comparison.warnings),
    }


def reference_bytes(comparison: Comparison) -> bytes | None:
    """The file of what the weights of a comparison came from; None where it is an average.

    Of statistics, the part that is of its candidates.
    """
    reference = comparison.reference
    if isinstance(reference, ReferenceStatistics):
        return statistics_bytes(reference.of_candidates(comparison.given_order))
    return None if reference is None else table_bytes(reference)


def _check(comparison: Comparison) -> None:
    """Raises InputError for a comparison that `read_workspace` would refuse, but for its bytes."""
    unfit = [name for name in comparison.given_order if not is_name(name)]
    if unfit:
        raise InputError(
            f"a candidate's name has 1 to {MOST_NAME} printable characters, got "
            f"{unfit[0]!r:.100}: rename it"
        )
    check_names(comparison.given_order)
    if not all(map(_are_sentences, (comparison.notes, comparison.warnings))):
        raise InputError(
            f"a workspace keeps {MOST_NOTES} notes of {MOST_NOTE:,} printable characters each: "
            "leave some out"
        )
    width, height = comparison.size
    if width * height > MOST_PIXELS or max(width, height) > LONGEST_SIDE:
        raise InputError(
            f"a workspace keeps pictures of {MOST_PIXELS / 1e6:.4g} million pixels and sides of "
            f"{LONGEST_SIDE} pixels at most, got {width} × {height}: save one of a smaller picture"
        )


def _fused_with(comparison: Comparison, settings: Settings) -> Settings:
    """The settings, those of the weights as the comparison has them."""
    settings = replace(settings, soft=comparison.soft)
    if comparison.fits is None:
        return settings
    table = comparison.fits.table
    made = table.provenance
    trust = settings.trust if made.trust is None else made.trust
    return replace(settings, bin_width=table.bins.width, method=made.method, trust=trust)


def _opened(path: Path) -> tuple[dict[str, ZipMember], dict[str, Any]]:
    """Members and header of a file of our format."""
    name = shown_name(path)
    foreign = InputError(f"{name} is not a workspace of this program: choose another file")
    if not path.is_file():
        raise InputError(f"{name} is not there: check its name and folder")
    if not is_zip(path):
        raise foreign
    members = {_path(member): member for member in zip_members(path)}
    if HEADER not in members or members[HEADER].size > MOST_HEADER_BYTES:
        raise foreign
    try:
        header = json.loads(
            members[HEADER].content(), object_pairs_hook=_unique, parse_constant=_no_number
        )
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise damaged(name, "its header cannot be read") from None
    said = header.get("format") if isinstance(header, dict) else None
    if not isinstance(said, str) or not said.startswith(ANY_FORMAT):
        raise foreign
    if said != FORMAT:
        raise InputError(
            f"{name} holds {said!r:.80}, wanted {FORMAT!r}: open it with the version of this "
            "program that saved it, or a later one"
        )
    return members, header


def _values(member: ZipMember) -> Tensor:
    picture = read_picture(member)
    if member.name == FUSED or picture.alpha is None:
        return picture.values
    raise damaged(shown_name(member), "it is transparent")


def _alpha(pictures: Mapping[str, Tensor], name: str) -> Tensor | None:
    """The transparency of the first candidate, (H, W)."""
    if ALPHA not in pictures:
        return None
    alpha = pictures[ALPHA][0]
    if alpha.shape != pictures[_candidate(0)].shape[1:]:
        raise damaged(name, "its transparency has another size than its pictures")
    return alpha


def _reference(member: ZipMember | None, sha256: object, name: str) -> Reference | None:
    is_digest = isinstance(sha256, str) and len(sha256) == 64 and set(sha256) <= DIGITS
    if sha256 is not None and not is_digest:
        raise damaged(name, "its header does not say where its statistics come from")
    if member is None:
        return None
    with TemporaryDirectory() as folder:  # a name of ours, not the zip's
        path = Path(folder) / REFERENCE
        path.write_bytes(member.content())
        reference = read_reference(path)
    if isinstance(reference, ReferenceStatistics) and sha256 is not None:
        return replace(reference, file_sha256=str(sha256))
    return reference


def _look(values: object, name: str) -> Look | None:
    try:
        return None if values is None else read_look(values)
    except InputError:  # says what to do while saving
        raise damaged(name, "how its panels are looked into cannot be read") from None


def _statistics_sha256(comparison: Comparison) -> str | None:
    """Of the file that the statistics are a part of, which the table's header names."""
    if comparison.fits is None:
        return None
    return comparison.fits.table.provenance.statistics_sha256


def _are_sentences(said: object) -> TypeGuard[Sequence[str]]:
    """Whether these are notes as they may be shown, not too many."""
    return (
        isinstance(said, list | tuple)
        and len(said) <= MOST_NOTES
        and all(isinstance(it, str) and it.isprintable() and len(it) <= MOST_NOTE for it in said)
    )


def _difference(comparison: Comparison, saved: Tensor) -> tuple[str, ...]:
    """What is fused otherwise than it was saved, if anything."""
    fused = comparison.fused.values
    if (fused.dtype, fused.shape) == (saved.dtype, saved.shape) and torch.equal(fused, saved):
        return ()
    return (
        "The fused picture is not quite the one that was saved: another version, or another "
        "processor, made that of the same candidates",
    )


def _candidate(place: int) -> str:
    """A model may be called what no file can be: its candidate goes by its place."""
    return f"candidate_{place + 1}.png"


def _path(member: ZipMember) -> str:
    return "/".join((*member.folders, member.name))


def _zipped(members: Mapping[str, bytes]) -> bytes:
    data = BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as file:  # all is small already
        for name, content in members.items():
            entry = zipfile.ZipInfo(name, WRITTEN)
            entry.create_system = UNIX
            file.writestr(entry, content)
    return data.getvalue()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _no_number(constant: str) -> object:
    raise ValueError(f"{constant} is no number")
