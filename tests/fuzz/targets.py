"""What a file is given to, by the kind it claims to be: for fuzzing, and for replaying."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from ensir.checkpoints import Checkpoint, read_checkpoint
from ensir.decoding import decode
from ensir.ensemble.lookup_table import LookupTable
from ensir.files import is_name
from ensir.images import decode_with
from ensir.intake import Intake, brought, take_in
from ensir.limits import LONGEST_SIDE, MOST_UNZIPPED_BYTES, MOST_ZIP_RATIO
from ensir.reference_contents import look_through
from ensir.reference_set import ReferenceSet, ReferenceStatistics
from ensir.table_files import read_reference
from ensir.workspaces import Workspace, read_workspace, workspace_bytes
from ensir.zip_members import ZipMember, zip_members
from tests.fuzz.cases import result_or_sentence

FUZZED_PIXELS = 2**20  # claims of more are refused from the header, so that cases are quick


def read_as_table(data: bytes, folder: Path) -> LookupTable | ReferenceStatistics | None:
    """Tables and statistics, told apart by content, as the app and the command line read them."""
    path = folder / "weight_Rain_A_B_b128_rgb.pth"
    path.write_bytes(data)
    read = result_or_sentence(lambda: read_reference(path, None), folder)
    if isinstance(read, LookupTable):
        total = read.weights.sum(-1)
        assert torch.isfinite(read.weights).all() and (read.weights >= 0).all()
        assert torch.allclose(total, torch.ones_like(total), atol=1e-9)
        assert len(read.candidate_names) == read.bins.candidates
    elif isinstance(read, ReferenceStatistics):
        assert read.statistics.are_sums_of_pixels() and read.statistics.has_rows_of_pixels()
    return read


def read_named_table(data: bytes, folder: Path) -> LookupTable | ReferenceStatistics | None:
    """A released table under a name that does not say its candidates, which are given instead."""
    path = folder / "table.pth"
    path.write_bytes(data)
    return result_or_sentence(lambda: read_reference(path, ("A", "B")), folder)


def read_as_checkpoint(data: bytes, folder: Path) -> Checkpoint | None:
    path = folder / "weights.pth"
    path.write_bytes(data)
    read = result_or_sentence(lambda: read_checkpoint(path), folder)
    if read is not None:
        stored = [one for one in read.tensors.values() if one.is_floating_point()]
        assert all(torch.isfinite(one).all() for one in stored)
    return read


def read_as_zip(data: bytes, folder: Path) -> tuple[ZipMember, ...] | None:
    """A zip of pictures: its members, then what the page and a reference set make of it."""
    path = folder / "set.zip"
    path.write_bytes(data)
    members = result_or_sentence(lambda: zip_members(path), folder)
    sizes = [one.size for one in members or ()]
    assert sum(sizes) <= MOST_UNZIPPED_BYTES and sum(sizes) <= MOST_ZIP_RATIO * len(data)
    for member in members or ():
        content = result_or_sentence(member.content, folder)
        assert content is None or len(content) == member.size
    result_or_sentence(lambda: look_through(path), folder)
    if members is not None:
        with small_pictures():
            result_or_sentence(lambda: [*map(ReferenceSet(path, ["A"]).__getitem__, [0])], folder)
    return members


def read_as_candidates(data: bytes, folder: Path) -> Intake | None:
    """A zip of one picture of each model, as the page takes it in."""
    path = folder / "rain.zip"
    path.write_bytes(data)
    found = result_or_sentence(lambda: brought([path]), folder)
    if found is None:
        return None
    assert all(map(is_name, found.candidates))
    with small_pictures():
        read = result_or_sentence(lambda: take_in(found.candidates), folder)
    assert read is None or len({one.shape for one in read.pictures.values()}) <= 1
    return read


def read_as_workspace(data: bytes, folder: Path) -> Workspace | None:
    """A workspace; what is opened is fused between its candidates, and can be saved and opened."""
    path = folder / "workspace.zip"
    path.write_bytes(data)
    with small_pictures():
        read = result_or_sentence(lambda: read_workspace(path), folder)
        if read is None:
            return None
        comparison = read.comparison
        assert torch.isfinite(comparison.fusion.image).all()
        path.write_bytes(workspace_bytes(comparison, read.settings, read.look))
        again = read_workspace(path)
    assert (again.settings, again.look) == (read.settings, read.look) and not again.notes
    assert torch.equal(again.comparison.fused.values, comparison.fused.values)
    return read


@contextmanager
def small_pictures() -> Iterator[None]:
    """Pictures that claim to be large are refused meanwhile, so that cases are quick."""
    decode_with(lambda data: decode(data, FUZZED_PIXELS))
    try:
        yield
    finally:
        decode_with(None)


def read_as_picture(data: bytes, folder: Path) -> None:
    decoded = result_or_sentence(lambda: decode(data, FUZZED_PIXELS), folder)
    if decoded is not None:
        *_, height, width = decoded.values.shape
        assert height * width <= FUZZED_PIXELS and max(height, width) <= LONGEST_SIDE
        assert decoded.alpha is None or decoded.alpha.shape == (height, width)
        assert all(remark.isprintable() for remark in decoded.remarks)


TARGETS: dict[str, Callable[[bytes, Path], object]] = {
    "table": read_as_table,
    "named-table": read_named_table,
    "picture": read_as_picture,
    "checkpoint": read_as_checkpoint,
    "zip": read_as_zip,
    "candidates": read_as_candidates,
    "workspace": read_as_workspace,
}
