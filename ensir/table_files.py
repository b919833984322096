"""Lookup tables as files of our own format; released tables are read too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ensir.ensemble.bins import Bins
from ensir.ensemble.lookup_table import LookupTable, Origin, Provenance
from ensir.errors import InputError
from ensir.files import shown_name, write_whole
from ensir.limits import MOST_PRIOR_PIXELS
from ensir.published_tables import read_published_table
from ensir.reference_set import ReferenceStatistics
from ensir.statistics_files import (
    PICTURES_FORMAT,
    STATISTICS_FORMAT,
    read_pictures,
    read_statistics,
)
from ensir.tensor_files import (
    candidate_names,
    damaged,
    format_of,
    pack,
    read_file,
    require,
    unpack,
    whole_number,
)
from ensir.torch_archive import is_torch_archive

TABLE_FORMAT = "ensir lookup table 1"
MOST_NUMBER = {"trust": 1, "ridge": MOST_PRIOR_PIXELS, "back_off": MOST_PRIOR_PIXELS}


def write_table(table: LookupTable, path: str | Path) -> None:
    """Writes a table, whole or not at all."""
    write_whole(Path(path), table_bytes(table))


def table_bytes(table: LookupTable) -> bytes:
    """The file of a table; the same table gives the same bytes."""
    tensors = {"weights": table.weights, "count": table.count, "origin": table.origin}
    if not table.dense:
        tensors["starts"] = table.starts
    if table.expected_error is not None:
        tensors["expected_error"] = table.expected_error
    header = {
        "format": TABLE_FORMAT,
        "candidates": table.candidate_names,
        "bin_width": table.bins.width,
        **asdict(table.provenance),
        "cells": {kind.name.lower(): int((table.origin == kind).sum()) for kind in Origin},
    }
    return pack(tensors, header)


def read_table(path: str | Path, candidates: Sequence[str] | None = None) -> LookupTable:
    """A table of our own format, or a released .pth, told apart by content.

    A released table does not say its candidates: `candidates` names them in order. For our own
    format `candidates`, if given, must be the table's.

    Raises InputError when the file is missing, damaged, of another kind or of other candidates.
    """
    path = Path(path)
    data, name = read_file(path), shown_name(path)
    if is_torch_archive(data[:4]):
        return read_published_table(path, candidates)
    tensors, header = unpack(data, name, TABLE_FORMAT)
    names = candidate_names(header, name)
    if candidates is not None and tuple(candidates) != names:
        raise InputError(
            f"{name} was fitted for {', '.join(names)} in this order; got "
            f"{', '.join(candidates)}: give the same names in the same order"
        )
    bins = Bins(whole_number(header, "bin_width", name), len(names))
    require(
        tensors,
        {
            "weights": ((torch.float64,), 3),
            "count": ((torch.int64,), 2),
            "origin": ((torch.uint8,), 2),
        },
        {"starts": ((torch.int64,), 1), "expected_error": ((torch.float32,), 2)},
        name,
    )
    rows = tensors["weights"].shape[1]
    if "starts" not in tensors and rows != bins.sets:
        raise damaged(name, "it has no row for some bin sets")
    if (tensors["origin"] > max(Origin)).any() or (tensors["count"] < -1).any():
        raise damaged(name, "an origin or a count is out of range")
    error = tensors.get("expected_error")
    if error is not None and not _are_expected_errors(error, tensors["count"]):
        raise damaged(name, "its expected errors are not those of its cells")
    provenance = _provenance(header, name)
    try:
        return LookupTable(
            bins=bins,
            weights=tensors["weights"],
            origin=tensors["origin"],
            count=tensors["count"],
            candidate_names=names,
            provenance=provenance,
            starts=tensors.get("starts", torch.arange(rows)),
            expected_error=tensors.get("expected_error"),
        )
    except InputError:
        raise damaged(name, "its weights are not those of a table") from None


def is_released_table(path: Path) -> bool:
    """Whether a file may be a released table, which does not say its candidates.

    Raises InputError where there is no such file.
    """
    return is_torch_archive(read_file(path)[:4])


def read_reference(
    path: str | Path, candidates: Sequence[str] | None = None
) -> LookupTable | ReferenceStatistics:
    """A table or statistics, whichever the file holds; `candidates` as in `read_table`.

    Reference pictures are added up.
    """
    path = Path(path)
    data = read_file(path)
    held = None if is_torch_archive(data[:4]) else format_of(data, shown_name(path))
    if held == PICTURES_FORMAT:
        return read_pictures(path).total
    return read_statistics(path) if held == STATISTICS_FORMAT else read_table(path, candidates)


def _provenance(header: dict[str, Any], name: str) -> Provenance:
    fields: dict[str, Any] = {key: header.get(key) for key in Provenance.__dataclass_fields__}
    for field, value in fields.items():
        if field in ("pictures", "pixels"):
            fits = value is None or (type(value) is int and value >= 0)
        elif field in MOST_NUMBER:
            fits = value is None or (
                type(value) in (int, float) and 0 <= value <= MOST_NUMBER[field]
            )
        elif field == "prior":
            fits = value is None or _is_prior(value, len(header["candidates"]))
        else:
            fits = isinstance(value, str) or (value is None and field != "method")
        if not fits:
            raise damaged(name, f"its header has {value!r:.80} for {field.replace('_', ' ')}")
    prior = fields.pop("prior")
    return Provenance(prior=None if prior is None else tuple(prior), **fields)


def _are_expected_errors(error: Tensor, count: Tensor) -> bool:
    """Whether there is a finite number of at least 0 just where a cell has pixels."""
    if error.shape != count.shape:
        return False
    known = error.isfinite() & (error >= 0)
    return torch.equal(known, count > 0) and torch.equal(~known, error.isnan())


def _is_prior(values: object, members: int) -> bool:
    return (
        isinstance(values, list)
        and len(values) == members
        and all(type(value) in (int, float) and 0 <= value <= 1 for value in values)
    )
