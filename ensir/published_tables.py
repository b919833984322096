"""Reads and writes lookup tables as the authors released them: `weight_*.pth`.

Such a file is a dict from the lower bin edges of a bin set to three float32 tensors, R, G and B,
of one weight for each candidate. It says neither the candidates nor the bin width: the names are
asked for, the width is the spacing of the keys. It is read without an unpickler.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import torch
from torch import Tensor

from ensir.ensemble.bins import Bins
from ensir.ensemble.lookup_table import SUM_TOLERANCE, LookupTable, Origin, Provenance
from ensir.errors import InputError
from ensir.limits import LEVELS, MOST_OPERATIONS, MOST_PUBLISHED_CANDIDATES
from ensir.torch_archive import read_torch_archive, sentence_about

CHANNELS = "RGB"
# Released sums are within 1.8e-7 of 1; a file rounded by other hands may be this far off.
REPAIRED_SUM_TOLERANCE = 1e-4
# What torch.save writes, at most. A reader's limit on them is reached before that on bytes.
OPERATIONS_A_RECORD = 28
OPERATIONS_A_KEY = 15
# The data set's name may hold underscores itself: only the number of candidates can split it.
FILE_NAME = re.compile(r"weight_(?P<dataset_and_models>.+)_b\d+_rgb\.pth")

Key = tuple[int, ...]
Cells = dict[Key, list[Tensor]]


def read_published_table(path: Path, candidates: Sequence[str] | None) -> LookupTable:
    """The table of a released file, for the candidates named in the order of its keys.

    Weights are the float32 values of the file, to the bit, where they add up to 1 within 1e-6;
    those off by up to 1e-4 are divided by their sum, any further off refused. Counts are -1.

    Origin is EMPTY where a cell shares its values with the cell visited before it (key by key,
    R, G, B), as the released code leaves a cell without pixels; neighbours that both kept one
    hand-set prior look the same. All others are FITTED: a file does not say which of them kept
    their first weights.

    Raises InputError, a sentence with the file's name, for any other content, and without
    `candidates`: it then proposes the order that the file name suggests.
    """
    value = read_torch_archive(path, "a lookup table")
    with sentence_about(path):
        cells = _cells(value)
        bins = _bins(cells)
        names = _checked_names(candidates, bins.candidates, path.name)
        keys = sorted(cells)
        tensors = [tensor for key in keys for tensor in cells[key]]
        before = [None, *tensors]
        origin = [
            Origin.EMPTY if tensor is previous else Origin.FITTED
            for tensor, previous in zip(tensors, before[:-1], strict=True)
        ]
        weights = torch.stack(tensors).double().reshape(len(keys), len(CHANNELS), bins.candidates)
        weights = weights.transpose(0, 1).contiguous()
        return LookupTable(
            bins=bins,
            weights=_checked_weights(weights, keys),
            origin=torch.tensor(origin, dtype=torch.uint8).reshape(len(keys), -1).T.contiguous(),
            count=torch.full((len(CHANNELS), len(keys)), -1),
            candidate_names=names,
            provenance=Provenance(method="released"),
            starts=torch.arange(len(keys)),
        )


def published_bytes(table: LookupTable) -> bytes:
    """The table as a file that the released code reads; weights are rounded to float32.

    Names, counts and how the table was made are lost. An EMPTY cell that equals the cell visited
    before it shares its values, as in a released file; any other reads back as FITTED.

    Raises InputError for tables that the released code cannot use.
    """
    if not table.dense:
        raise InputError(
            f"a released table holds every bin set, this one {len(table.starts):,} rows for "
            f"{table.bins.sets:,}: save it as safetensors"
        )
    if table.channels != len(CHANNELS):
        raise InputError("a released table has 3 channels, this one has 1: save it as safetensors")
    members = table.bins.candidates
    if members > MOST_PUBLISHED_CANDIDATES:
        raise InputError(
            f"the released code reads tables of up to {MOST_PUBLISHED_CANDIDATES} candidates, "
            f"this one has {members}: save it as safetensors"
        )
    weights = table.weights.transpose(0, 1).reshape(-1, members).float().cpu()  # as visited
    empty = (table.origin.T.reshape(-1) == Origin.EMPTY).cpu()
    shared = (empty[1:] & (weights[1:] == weights[:-1]).all(-1)).tolist()
    records = len(weights) - sum(shared)
    if records * OPERATIONS_A_RECORD + table.bins.sets * OPERATIONS_A_KEY > MOST_OPERATIONS:
        raise InputError("the table is too large for a released file: save it as safetensors")
    tensors = [weights[0].clone()]
    for weight, same in zip(weights[1:], shared, strict=True):
        tensors.append(tensors[-1] if same else weight.clone())  # a view would save all weights
    edges = (table.bins.bins_of(torch.arange(table.bins.sets)) * table.bins.width).tolist()
    released = {
        tuple(edge) if members > 1 else edge[0]: tensors[3 * place : 3 * place + 3]
        for place, edge in enumerate(edges)
    }
    file = io.BytesIO()
    torch.save(released, file)
    return file.getvalue()


def _cells(value: object) -> Cells:
    """The dict of a released file with keys of one form, its cells checked one by one."""
    if not isinstance(value, dict) or not value:
        raise InputError("is not a lookup table: it is no dict from bin sets to weights")
    cells: Cells = {}
    members = None
    for name, cell in value.items():
        key = name if isinstance(name, tuple) else (name,)
        if not all(type(edge) is int and 0 <= edge < LEVELS for edge in key):
            raise InputError(f"has the key {name!r}: a bin set is named by numbers from 0 to 255")
        members = members or len(key)
        if len(key) != members or not 1 <= members <= MOST_PUBLISHED_CANDIDATES or key in cells:
            raise InputError(
                f"has the key {name!r}: all have one form, of 1 to {MOST_PUBLISHED_CANDIDATES} "
                "numbers"
            )
        if not isinstance(cell, list) or len(cell) != len(CHANNELS):
            count = f"{len(cell)} channels" if isinstance(cell, list) else "no list of channels"
            raise InputError(f"has {count} for the bin set from {key}: a table has R, G, B")
        for channel, weights in zip(CHANNELS, cell, strict=True):
            if not isinstance(weights, Tensor) or len(weights) != members:
                count = f"{len(weights)} weights" if isinstance(weights, Tensor) else "no weights"
                raise InputError(
                    f"has {count} for {_place(channel, key)}: its key asks for {members}"
                )
        cells[key] = cell
    return cells


def _bins(cells: Cells) -> Bins:
    """The bins whose lower edges are the keys, all of them there."""
    width = min((edge for key in cells for edge in key if edge), default=LEVELS)
    bins = Bins(width=width, candidates=len(next(iter(cells))))
    # Stops at the first gap, so after at most one bin set more than the file holds.
    for key in product(range(0, LEVELS, width), repeat=bins.candidates):
        if key not in cells:
            raise InputError(f"has no weights for the bin set from {key} at bin width {width}")
    for key in cells:
        if any(edge % width for edge in key):
            raise InputError(f"has the key {key}, where no bin of width {width} begins")
    return bins


def _checked_names(
    candidates: Sequence[str] | None, members: int, file_name: str
) -> tuple[str, ...]:
    if candidates is None:
        found = FILE_NAME.fullmatch(file_name)
        parts = found["dataset_and_models"].split("_") if found else []
        proposal = ""
        if len(parts) > members and len(set(parts[-members:])) == members:
            proposal = f" (the file name suggests {', '.join(parts[-members:])})"
        raise InputError(f"does not say its candidates: name {members} in order{proposal}")
    names = tuple(candidates)
    if len(names) != members:
        raise InputError(
            f"is for {members} candidate{'s' * (members != 1)}; "
            f"{len(names)} {'is' if len(names) == 1 else 'are'} named"
        )
    if len(set(names)) < members or not all(names):
        raise InputError(f"needs candidates whose names differ, got {', '.join(names)}")
    return names


def _checked_weights(weights: Tensor, keys: list[Key]) -> Tensor:
    """Weights (3, S, M) that are numbers from 0 on and add up to 1."""
    wrong = ~weights.isfinite() | (weights < 0)
    if wrong.any():
        channel, cell, member = wrong.nonzero()[0].tolist()
        raise InputError(
            f"has the weight {weights[channel, cell, member]:g} in "
            f"{_place(CHANNELS[channel], keys[cell])}: weights are numbers from 0 to 1"
        )
    total = weights.sum(-1, keepdim=True)
    error = (total - 1).abs()
    if (error > REPAIRED_SUM_TOLERANCE).any():
        channel, cell, _ = (error > REPAIRED_SUM_TOLERANCE).nonzero()[0].tolist()
        raise InputError(
            f"has weights that add up to {total[channel, cell, 0]:.6g}, not to 1, in "
            f"{_place(CHANNELS[channel], keys[cell])}"
        )
    return torch.where(error > SUM_TOLERANCE, weights / total, weights)


def _place(channel: str, key: Key) -> str:
    return f"channel {channel} of the bin set from {key}"
