"""Statistics as files, so that they can be merged, added to and fitted again at any wider width.

In a file the candidates' values are counted from the lower edges of their bins: small numbers,
which compress to half the size of the sums themselves.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ensir.ensemble.bin_statistics import BinStatistics
from ensir.ensemble.bins import Bins
from ensir.errors import InputError
from ensir.files import digest, is_name, shown_name, write_whole
from ensir.reference_set import ReferenceStatistics
from ensir.tensor_files import (
    INTEGERS,
    candidate_names,
    damaged,
    pack,
    read_file,
    require,
    unpack,
    whole_number,
)

STATISTICS_FORMAT = "ensir bin statistics 2"
ROWS = ("row_channel", "row_set", "row_level", "row_count")  # columns of the histogram
DIMENSIONS = {"sets": 1, "sums": 3, "products": 3, "truth_products": 3, **dict.fromkeys(ROWS, 1)}


def write_statistics(gathered: ReferenceStatistics, path: str | Path) -> None:
    """Writes statistics, whole or not at all."""
    write_whole(Path(path), statistics_bytes(gathered))


def statistics_bytes(gathered: ReferenceStatistics) -> bytes:
    """The file of statistics; the same statistics give the same bytes."""
    statistics = gathered.statistics
    if gathered.pictures < 1:
        raise InputError("statistics of no picture cannot be written: leave one in")
    if not all(map(is_name, gathered.reference_sets)):
        raise InputError("a reference set's name has 1 to 80 printable characters: rename it")
    upper = torch.triu_indices(statistics.bins.candidates, statistics.bins.candidates)
    from_edges = _moved(statistics, -_lower_edges(statistics))
    tensors = {
        "sets": statistics.sets,
        "sums": from_edges.sums,
        "products": from_edges.products[..., upper[0], upper[1]],
        "truth_products": from_edges.truth_products,
        **dict(zip(ROWS, statistics.histogram.T, strict=True)),
    }
    header = {
        "format": STATISTICS_FORMAT,
        "candidates": gathered.candidate_names,
        "bin_width": statistics.bins.width,
        "reference_sets": gathered.reference_sets,
        "pictures": gathered.pictures,
        "pixels": statistics.pixels,
    }
    narrow = {name: _narrowed(values) for name, values in tensors.items()}
    return pack(narrow, header, compressed=True)


def statistics_digest(gathered: ReferenceStatistics) -> str:
    """SHA-256 of the statistics' file, by which a table names what it was fitted from.

    Of the file that was read, where these are a part of it or coarser; else of the file that
    `write_statistics` makes of them.
    """
    return gathered.file_sha256 or digest(statistics_bytes(gathered))


def read_statistics(path: str | Path) -> ReferenceStatistics:
    """Statistics written by `write_statistics`, checked for being sums of pixels.

    Raises InputError when the file is missing, damaged or of another kind.
    """
    path = Path(path)
    data, name = read_file(path), shown_name(path)
    tensors, header = unpack(data, name, STATISTICS_FORMAT)
    require(tensors, {field: (INTEGERS, number) for field, number in DIMENSIONS.items()}, {}, name)
    names = candidate_names(header, name)
    bins = Bins(whole_number(header, "bin_width", name), len(names))
    from_edges = _statistics({field: values.long() for field, values in tensors.items()}, bins)
    if from_edges is None or not from_edges.has_rows_of_pixels():
        raise damaged(name, "its histograms are not those of any pixels")
    statistics = _moved(from_edges, _lower_edges(from_edges))
    if not statistics.are_sums_of_pixels():
        raise damaged(name, "its sums are not those of any pixels")
    reference_sets = header.get("reference_sets")
    if not isinstance(reference_sets, list) or not all(map(is_name, reference_sets)):
        raise damaged(name, "its header does not name the reference sets")
    pictures = whole_number(header, "pictures", name)
    return ReferenceStatistics(statistics, names, tuple(reference_sets), pictures, digest(data))


def _statistics(tensors: dict[str, Tensor], bins: Bins) -> BinStatistics | None:
    """The statistics of a file's tensors; None where their shapes do not fit together."""
    members = bins.candidates
    channels, sets, _ = tensors["sums"].shape
    rows = len(tensors["row_count"])
    fits = (
        channels in (1, 3)
        and tensors["sets"].shape == (sets,)
        and tensors["sums"].shape == tensors["truth_products"].shape == (channels, sets, members)
        and tensors["products"].shape == (channels, sets, members * (members + 1) // 2)
        and all(tensors[column].shape == (rows,) for column in ROWS)
    )
    if not fits:
        return None
    upper = torch.triu_indices(members, members)
    products = tensors["products"].new_zeros(channels, sets, members, members)
    products[..., upper[0], upper[1]] = tensors["products"]
    products[..., upper[1], upper[0]] = tensors["products"]
    return BinStatistics(
        bins,
        tensors["sets"],
        tensors["sums"],
        products,
        tensors["truth_products"],
        torch.stack([tensors[column] for column in ROWS], dim=1),
    )


def _lower_edges(statistics: BinStatistics) -> Tensor:
    """The lowest level of each candidate's bin, (K, M) int64."""
    return statistics.bins.bins_of(statistics.sets) * statistics.bins.width


def _moved(statistics: BinStatistics, by: Tensor) -> BinStatistics:
    """The sums of candidates that are higher `by` so many levels, (K, M) int64, exactly."""
    count, sums = statistics.count.unsqueeze(-1), statistics.sums
    mixed = sums.unsqueeze(-1) * by.unsqueeze(-2)  # (C, K, M, M)
    square = by.unsqueeze(-1) * by.unsqueeze(-2)  # (K, M, M)
    return replace(
        statistics,
        sums=sums + count * by,
        products=statistics.products + mixed + mixed.mT + count.unsqueeze(-1) * square,
        truth_products=statistics.truth_products + statistics.truth_sum.unsqueeze(-1) * by,
    )


def _narrowed(values: Tensor) -> Tensor:
    """The same whole numbers, at least 0, in the narrowest type that holds them."""
    largest = int(values.max()) if values.numel() else 0
    return values.to(next(dtype for dtype in INTEGERS if largest <= torch.iinfo(dtype).max))
