"""Where the weights come from: what the visitor chose, as statistics or a table."""

from __future__ import annotations

import functools
import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from ensir.comparison import statistics_of_truth
from ensir.ensemble.lookup_table import LookupTable
from ensir.errors import InputError, in_short
from ensir.files import shown_name
from ensir.published_tables import FILE_NAME
from ensir.reference_set import ReferencePictures, ReferenceStatistics
from ensir.restorers.self_ensemble import BEHIND_NAME
from ensir.statistics_files import is_of_pictures, read_pictures, read_statistics
from ensir.table_files import is_released_table, read_reference
from ensir.tensor_files import HEADER_KEY
from ensir.tolerance import FIXED, Tolerance, tolerance_of

SAMPLES = Path(__file__).parents[2] / "sample_luts"
SAMPLE_FILE = SAMPLES / "noise25_b8.statistics.safetensors"
SUMS, PICTURES = "_b8.statistics.safetensors", "_b16.pictures.safetensors"  # ends of their names

SAMPLE = "Sample statistics, 24 photographs"
FILE = "A table or statistics file of mine"
OWN_TRUTH = "This picture's ground truth"
NONE = "None: average the candidates"
SOURCES = (SAMPLE, FILE, OWN_TRUTH, NONE)

Reference = ReferenceStatistics | LookupTable | None


def sample_statistics() -> ReferenceStatistics:
    """The statistics shipped for our own filters."""
    return _sample_at(len(sample_models()) - 1)


def samples() -> tuple[ReferenceStatistics, ...]:
    """All statistics shipped, those of our filters last."""
    return tuple(map(_sample_at, range(len(sample_models()))))


@functools.cache
def sample_models() -> tuple[tuple[str, ...], ...]:
    """The models of each of the samples: their headers say them, which take no time to read."""
    from safetensors import safe_open

    models = []
    for path in _sample_files():
        with safe_open(path, "pt") as file:
            models.append(tuple(json.loads(file.metadata()[HEADER_KEY])["candidates"]))
    return tuple(models)


@functools.cache
def _sample_at(place: int) -> ReferenceStatistics:
    return read_statistics(_sample_files()[place])


@functools.cache
def sample_pictures(place: int) -> ReferencePictures:
    """The pictures of one of the samples, each apart, in wider bins than their sum."""
    file = _sample_files()[place]
    return read_pictures(file.with_name(file.name.removesuffix(SUMS) + PICTURES))


@functools.lru_cache(maxsize=16)
def _sample_pictures_of(place: int, models: tuple[str, ...]) -> ReferencePictures:
    return sample_pictures(place).of_candidates(models)


@functools.lru_cache(maxsize=256)
def _tolerance_of_sample(place: int, models: tuple[str, ...], bin_width: int) -> Tolerance:
    return tolerance_of(_sample_pictures_of(place, models), bin_width)


@functools.lru_cache(maxsize=2)  # a path of an upload has one content
def _pictures_in(file: str) -> ReferencePictures:
    return read_pictures(file)


@functools.lru_cache(maxsize=2)
def _pictures_of(file: str, names: tuple[str, ...]) -> ReferencePictures:
    return _pictures_in(file).of_candidates(names)


@functools.lru_cache(maxsize=64)
def _tolerance_in(file: str, names: tuple[str, ...], bin_width: int) -> Tolerance:
    return tolerance_of(_pictures_of(file, names), bin_width)


@functools.cache  # places among them are kept
def _sample_files() -> list[Path]:
    return [*sorted(set(SAMPLES.glob(f"*{SUMS}")) - {SAMPLE_FILE}), SAMPLE_FILE]


def sample_words() -> str:
    """What the samples know, in words."""
    return "; or ".join(", ".join(models) for models in sample_models())


def reference_for(
    source: str,
    candidates: Mapping[str, Tensor],
    truth: Tensor | None,
    file: str | None,
    bin_width: int,
) -> tuple[Reference, str]:
    """The statistics or table of a source of weights, and what the visitor should know of it."""
    if source == SAMPLE:
        return _sample(candidates)
    if source == FILE:
        if not file:
            raise InputError("no file yet: choose a lookup table or statistics, or other weights")
        return _of_file(Path(file), tuple(candidates))
    if source == OWN_TRUTH:
        if truth is None:
            raise InputError("no ground truth yet: add one, or take the weights from elsewhere")
        return statistics_of_truth(candidates, truth, bin_width), (
            "The table was fitted to this very picture: it shows how the mixtures work, "
            "but its gain is not what another picture would get."
        )
    if source == NONE:
        return None, "Every candidate has the same weight everywhere."
    raise InputError(
        f"weights come from one of {', '.join(map(repr, SOURCES))}; got {source!r:.80}"
    )


def pictures_for(source: str, names: Collection[str], file: str | None) -> ReferencePictures | None:
    """The reference pictures of a source of weights as these candidates see them, in their order.

    None where the source has none, or has added them up.
    """
    if source == SAMPLE:
        place = _place_of_sample(names)
        return None if place is None else _sample_pictures_of(place, tuple(map(_model, names)))
    if source == FILE and file and may_be_apart(source, file):
        return _pictures_of(file, tuple(names))
    return None


def may_be_apart(source: str, file: str | None) -> bool:
    """Whether a source has reference pictures apart, of some candidates."""
    return source == SAMPLE or (source == FILE and bool(file) and is_of_pictures(str(file)))


def tolerance_for(
    source: str, names: Collection[str], file: str | None, bin_width: int
) -> Tolerance:
    """What is usual for the reference pictures of a source, where they are known apart."""
    if source == SAMPLE:
        place = _place_of_sample(names)
        models = tuple(map(_model, names))
        return FIXED if place is None else _tolerance_of_sample(place, models, bin_width)
    if source == FILE and file and may_be_apart(source, file):
        return _tolerance_in(file, tuple(names), bin_width)
    return FIXED


def _sample(candidates: Mapping[str, Tensor]) -> tuple[Reference, str]:
    place = _place_of_sample(candidates)
    if place is None:
        return None, (
            f"The samples are of other models than {in_short(list(candidates))}: these are "
            "averaged. Take the weights from a ground truth, or from a table or statistics of "
            "these models."
        )
    sample, models = _sample_at(place), tuple(map(_model, candidates))
    if set(models) == set(candidates):
        return sample, _about(sample)
    renamed = replace(sample.of_candidates(models), candidate_names=tuple(candidates))
    return renamed, f"{_about(sample)} They were gathered from the models without{BEHIND_NAME}."


def _place_of_sample(names: Collection[str]) -> int | None:
    """Which of the samples knows all these candidates; None: none does."""
    models = set(map(_model, names))
    for place, known in enumerate(sample_models()):
        if len(models) == len(names) and models <= set(known):
            return place
    return None


def _model(name: str) -> str:
    """The name of a model itself, also where it is averaged over eight views."""
    return name.removesuffix(BEHIND_NAME)


def _of_file(file: Path, candidates: tuple[str, ...]) -> tuple[Reference, str]:
    is_released = is_released_table(file)
    reference = read_reference(file, candidates if is_released else None)
    if isinstance(reference, ReferenceStatistics):
        return reference, _about(reference)
    about = (
        f"The table's bin width is {reference.bins.width}; the slider and method change nothing."
    )
    if not is_released:
        return reference, about
    names, order = _released_order(file, candidates)
    return replace(reference, candidate_names=names), f"{about} {order}"


def _released_order(file: Path, candidates: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """The candidates as a released table has them, which only its file's name can tell.

    A wrong order would fuse without any complaint, so a name that contradicts is refused.
    """
    found = FILE_NAME.fullmatch(file.name)
    if not found:
        return candidates, (
            "It does not say which candidates it is for: they are taken in the order "
            f"{', '.join(candidates)}. If that is not the table's, rename them to sort so."
        )
    suggested = found["dataset_and_models"].split("_")[-len(candidates) :]
    given = {name.casefold(): name for name in candidates}
    if {name.casefold() for name in suggested} != set(given):
        raise InputError(
            f"{shown_name(file)} is for {', '.join(suggested)}, as its name says; got "
            f"{', '.join(candidates)}: name each candidate after its model"
        )
    return tuple(given[name.casefold()] for name in suggested), (
        f"Its file name says that it is for {', '.join(suggested)}, in this order."
    )


def _about(statistics: ReferenceStatistics) -> str:
    return (
        f"Fitted to {statistics.pictures} reference picture{'s' * (statistics.pictures != 1)} with "
        f"{statistics.statistics.pixels:,} pixels ({' + '.join(statistics.reference_sets)})."
    )
