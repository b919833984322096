"""Statistics as files, so that they can be merged, added to and fitted again at any wider width.

In a file the candidates' values are counted from the lower edges of their bins: small numbers,
which compress to half the size of the sums themselves.
"""

from __future__ import annotations

from dataclasses import astuple, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from ensir.ensemble.bin_statistics import BinStatistics
from ensir.ensemble.bins import Bins
from ensir.errors import InputError
from ensir.files import digest, is_name, shown_name, write_whole
from ensir.grain import Grain
from ensir.limits import MOST_REFERENCE_PIXELS
from ensir.reference_set import ReferencePictures, ReferenceStatistics
from ensir.tensor_files import (
    INTEGERS,
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
from ensir.truth_detail import TruthDetail

STATISTICS_FORMAT = "ensir bin statistics 2"
PICTURES_FORMAT = "ensir reference pictures 1"
ROWS = ("row_channel", "row_set", "row_level", "row_count")  # columns of the histogram
MOST_DETAILS = 4096  # in a file of sums, and as many grains: its header stays short
MOST_OF_A_DETAIL = 1e6  # none of them comes near it
DIMENSIONS = {"sets": 1, "sums": 3, "products": 3, "truth_products": 3, **dict.fromkeys(ROWS, 1)}

Measure = TypeVar("Measure", TruthDetail, Grain)


def write_statistics(gathered: ReferenceStatistics, path: str | Path) -> None:
    """Writes statistics, whole or not at all."""
    write_whole(Path(path), statistics_bytes(gathered))


def statistics_bytes(gathered: ReferenceStatistics) -> bytes:
    """The file of statistics; the same statistics give the same bytes."""
    statistics = gathered.statistics
    if gathered.pictures < 1:
        raise InputError("statistics of no picture cannot be written: leave one in")
    _check_names(gathered.reference_sets)
    header: dict[str, Any] = {
        "format": STATISTICS_FORMAT,
        "candidates": gathered.candidate_names,
        "bin_width": statistics.bins.width,
        "reference_sets": gathered.reference_sets,
        "pictures": gathered.pictures,
        "pixels": statistics.pixels,
    }
    if 0 < len(gathered.details) <= MOST_DETAILS:
        header["details"] = sorted(map(astuple, gathered.details))
    if 0 < len(gathered.grains) <= MOST_DETAILS:
        header["grains"] = sorted(map(astuple, gathered.grains))
    narrow = {name: _narrowed(values) for name, values in _tensors(statistics).items()}
    return pack(narrow, header, compressed=True)


def write_pictures(pictures: ReferencePictures, path: str | Path) -> None:
    """Writes the statistics of each picture, whole or not at all."""
    write_whole(Path(path), pictures_bytes(pictures))


def pictures_bytes(pictures: ReferencePictures) -> bytes:
    """The file of reference pictures; the same statistics give the same bytes.

    Their tensors stand one behind the other, and how long each is.
    """
    if not all(map(is_name, pictures.names)) or len(set(pictures.names)) < len(pictures.names):
        raise InputError("a picture's name has 1 to 80 printable characters, once: rename it")
    first, total = pictures.parts[0], pictures.total  # which all are alike enough to have
    for part in pictures.parts:
        _check_names(part.reference_sets)
    apart = [_tensors(part.statistics) for part in pictures.parts]
    tensors = {
        name: torch.cat([one[name] for one in apart], dim=0 if number == 1 else 1)
        for name, number in DIMENSIONS.items()
    }
    tensors["set_counts"] = torch.tensor([len(one["sets"]) for one in apart])
    tensors["row_counts"] = torch.tensor([len(one["row_count"]) for one in apart])
    header: dict[str, Any] = {
        "format": PICTURES_FORMAT,
        "candidates": first.candidate_names,
        "bin_width": first.statistics.bins.width,
        "names": pictures.names,
        "reference_sets": [part.reference_sets for part in pictures.parts],
        "pixels": total.statistics.pixels,
    }
    if total.details:
        header["details"] = [list(map(astuple, part.details)) for part in pictures.parts]
    if total.grains:
        header["grains"] = [list(map(astuple, part.grains)) for part in pictures.parts]
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
    statistics = _checked(tensors, bins, name)
    reference_sets = _reference_sets(header.get("reference_sets"), name)
    pictures = whole_number(header, "pictures", name)
    details = _measures(TruthDetail, header.get("details", []), pictures, name)
    grains = _measures(Grain, header.get("grains", []), pictures, name)
    return ReferenceStatistics(
        statistics, names, reference_sets, pictures, digest(data), details, grains
    )


def read_pictures(path: str | Path) -> ReferencePictures:
    """Reference pictures written by `write_pictures`, each checked for being sums of pixels.

    Raises InputError when the file is missing, damaged or of another kind.
    """
    path = Path(path)
    data, name = read_file(path), shown_name(path)
    tensors, header = unpack(data, name, PICTURES_FORMAT)
    dimensions = {**DIMENSIONS, "set_counts": 1, "row_counts": 1}
    require(tensors, {field: (INTEGERS, number) for field, number in dimensions.items()}, {}, name)
    candidates = candidate_names(header, name)
    bins = Bins(whole_number(header, "bin_width", name), len(candidates))
    names, sources = header.get("names"), header.get("reference_sets")
    if not isinstance(names, list) or not all(map(is_name, names)) or len({*names}) < len(names):
        raise damaged(name, "its header does not name the pictures")
    apart = _apart(tensors, len(names))
    if apart is None or not isinstance(sources, list) or len(sources) != len(names):
        raise damaged(name, "its header does not describe its content")
    details, grains = (header.get(key, [[] for _ in names]) for key in ("details", "grains"))
    if not all(isinstance(said, list) and len(said) == len(names) for said in (details, grains)):
        raise damaged(name, "its header does not describe its pictures")
    parts = []
    for place, (one, source) in enumerate(zip(apart, sources, strict=True)):
        statistics = _checked(one, bins, name)
        reference_sets = _reference_sets(source, name)
        detail = _measures(TruthDetail, details[place], 1, name)
        own = _measures(Grain, grains[place], 1, name)
        parts.append(
            ReferenceStatistics(
                statistics, candidates, reference_sets, 1, details=detail, grains=own
            )
        )
    if len({part.statistics.channels for part in parts}) > 1:
        raise damaged(name, "its pictures differ in their channels")
    if sum(part.statistics.pixels for part in parts) > MOST_REFERENCE_PIXELS:
        raise damaged(name, "it has more pixels than can be summed")
    return ReferencePictures(tuple(names), tuple(parts))


def read_gathered(path: str | Path) -> ReferenceStatistics | ReferencePictures:
    """Statistics or reference pictures, whichever the file holds."""
    return read_pictures(path) if is_of_pictures(path) else read_statistics(path)


def is_of_pictures(path: str | Path) -> bool:
    """Whether a file says that it holds reference pictures; a released table says nothing."""
    data = read_file(Path(path))
    if is_torch_archive(data[:4]):
        return False
    return format_of(data, shown_name(Path(path))) == PICTURES_FORMAT


def _apart(tensors: dict[str, Tensor], pictures: int) -> list[dict[str, Tensor]] | None:
    """The tensors of each picture; None where they are not as long as is said."""
    counts = {name: tensors[name].tolist() for name in ("set_counts", "row_counts")}
    lengths = {name: tensors[name].shape[number > 1] for name, number in DIMENSIONS.items()}
    split: dict[str, tuple[Tensor, ...]] = {}
    for name, number in DIMENSIONS.items():
        each = counts["row_counts" if name in ROWS else "set_counts"]
        if len(each) != pictures or min(each, default=0) < 1 or sum(each) != lengths[name]:
            return None
        split[name] = tensors[name].split(each, dim=int(number > 1))
    return [{name: split[name][place] for name in DIMENSIONS} for place in range(pictures)]


def _checked(tensors: dict[str, Tensor], bins: Bins, name: str) -> BinStatistics:
    """The statistics of a file's tensors, which are sums of pixels."""
    from_edges = _statistics({field: values.long() for field, values in tensors.items()}, bins)
    if from_edges is None or not from_edges.has_rows_of_pixels():
        raise damaged(name, "its histograms are not those of any pixels")
    statistics = _moved(from_edges, _lower_edges(from_edges))
    if not statistics.are_sums_of_pixels():
        raise damaged(name, "its sums are not those of any pixels")
    return statistics


def _reference_sets(said: object, name: str) -> tuple[str, ...]:
    if not isinstance(said, list) or not all(map(is_name, said)):
        raise damaged(name, "its header does not name the reference sets")
    return tuple(said)


def _measures(kind: type[Measure], said: object, most: int, name: str) -> tuple[Measure, ...]:
    """What was measured of pictures, pixel beside pixel, as far as a file says it: older do not."""
    wanted = len(fields(kind))
    if (
        not isinstance(said, list)
        or len(said) > most
        or not all(_are_numbers(one, wanted) for one in said)
    ):
        raise damaged(name, "its header does not describe its pictures")
    return tuple(kind(*one) for one in said)


def _are_numbers(said: object, wanted: int) -> bool:
    return (
        isinstance(said, list)
        and len(said) == wanted
        and all(type(value) is float and abs(value) < MOST_OF_A_DETAIL for value in said)
    )


def _check_names(reference_sets: tuple[str, ...]) -> None:
    if not all(map(is_name, reference_sets)):
        raise InputError("a reference set's name has 1 to 80 printable characters: rename it")


def _tensors(statistics: BinStatistics) -> dict[str, Tensor]:
    """What stands in a file, values counted from the lower edges of their bins."""
    upper = torch.triu_indices(statistics.bins.candidates, statistics.bins.candidates)
    from_edges = _moved(statistics, -_lower_edges(statistics))
    return {
        "sets": statistics.sets,
        "sums": from_edges.sums,
        "products": from_edges.products[..., upper[0], upper[1]],
        "truth_products": from_edges.truth_products,
        **dict(zip(ROWS, statistics.histogram.T, strict=True)),
    }


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
