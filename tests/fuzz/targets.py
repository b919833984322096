"""What a file is given to, by the kind it claims to be: for fuzzing, and for replaying."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from ensir.decoding import decode
from ensir.ensemble.lookup_table import LookupTable
from ensir.limits import LONGEST_SIDE
from ensir.reference_set import ReferenceStatistics
from ensir.table_files import read_reference
from tests.fuzz.cases import result_or_sentence

FUZZED_PIXELS = 2**20  # claims of more are refused from the header, so that cases are quick


def read_as_table(data: bytes, folder: Path) -> None:
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


def read_named_table(data: bytes, folder: Path) -> None:
    """A released table under a name that does not say its candidates, which are given instead."""
    path = folder / "table.pth"
    path.write_bytes(data)
    result_or_sentence(lambda: read_reference(path, ("A", "B")), folder)


def read_as_picture(data: bytes, folder: Path) -> None:
    decoded = result_or_sentence(lambda: decode(data, FUZZED_PIXELS), folder)
    if decoded is not None:
        *_, height, width = decoded.values.shape
        assert height * width <= FUZZED_PIXELS and max(height, width) <= LONGEST_SIDE
        assert decoded.alpha is None or decoded.alpha.shape == (height, width)
        assert all(remark.isprintable() for remark in decoded.remarks)


TARGETS: dict[str, Callable[[bytes, Path], None]] = {
    "table": read_as_table,
    "named-table": read_named_table,
    "picture": read_as_picture,
}
