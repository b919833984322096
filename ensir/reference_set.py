"""Reference sets: pictures with ground truth and the output of each candidate, and their sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from pathlib import Path
from typing import overload

import torch
from torch import Tensor

from ensir.ensemble.bin_statistics import BinStatistics
from ensir.errors import InputError
from ensir.files import digest, is_name, shown_name
from ensir.grain import Grain
from ensir.images import Stored, read_image
from ensir.picture_folders import name_of_set, picture_folders
from ensir.truth_detail import TruthDetail
from ensir.zip_members import ZipMember

# Folders, as the released reference sets call them: the truth, and what the models were given.
GROUND_TRUTH, DEGRADED = "gt", "lq"


class ReferenceSet:
    """Pictures in folders: `folder/<candidate>/x.png` and the ground truth in `folder/gt/x.png`.

    A zip file of such a folder will do as well: it is read in place, never extracted.

    Files belong together by name without ending; they are visited in the order of their names.
    `set[i]` reads picture i: candidates (M, 3, H, W) and ground truth (3, H, W), both uint8;
    `set[a:b:c]` is a part of the set, a worker's share for example.

    Raises InputError when a folder or a file of one is missing, when two files have one name,
    and on reading a picture whose candidates and ground truth differ in size.
    """

    def __init__(self, folder: str | Path, candidates: Sequence[str]) -> None:
        self.folder = Path(folder)
        if isinstance(candidates, str) or not all(map(is_name, candidates)):
            raise InputError(
                "candidates are a list of names of 1 to 80 printable characters, got "
                f"{candidates!r:.100}"
            )
        self.candidate_names = tuple(candidates)
        if not self.candidate_names or len(set(candidates)) < len(candidates):
            raise InputError(
                "a reference set needs candidates whose names differ, got "
                f"{', '.join(candidates) or 'none'}: name each once"
            )
        if GROUND_TRUTH in candidates:
            raise InputError(f"{GROUND_TRUTH} is the ground truth, not a candidate: leave it out")
        folders = picture_folders(self.folder)
        if folders is None:
            raise InputError(
                f"no folder {shown_name(self.folder)}: a reference set is a folder with one folder "
                f"for each candidate and {GROUND_TRUTH} for the ground truth, or a zip of it"
            )
        self._files = {name: folders.pictures(name) for name in (GROUND_TRUTH, *candidates)}
        self.names: tuple[str, ...] = tuple(sorted(self._files[GROUND_TRUTH]))
        self._check_complete()

    @property
    def name(self) -> str:
        return name_of_set(self.folder)

    @property
    def fingerprint(self) -> str:
        """Of its files as they lie on the disk: another after any was changed, added or taken."""
        seen = [
            (candidate, name, path.name, *_version(path))
            for candidate, files in self._files.items()
            for name, path in files.items()
        ]
        return digest(repr((self.candidate_names, self.names, seen)).encode())

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, place: int) -> tuple[Tensor, Tensor]: ...
    @overload
    def __getitem__(self, place: slice) -> ReferenceSet: ...

    def __getitem__(self, place: int | slice) -> tuple[Tensor, Tensor] | ReferenceSet:
        if isinstance(place, slice):
            part = object.__new__(ReferenceSet)
            part.__dict__.update(self.__dict__)
            part.names = self.names[place]
            # Its own files alone: parts are sent to workers.
            part._files = {
                folder: {name: files[name] for name in part.names}
                for folder, files in self._files.items()
            }
            return part
        name = self.names[place]
        truth = read_image(self._files[GROUND_TRUTH][name], GROUND_TRUTH)
        candidates = []
        for candidate in self.candidate_names:
            picture = read_image(self._files[candidate][name], candidate)
            if picture.shape != truth.shape:
                raise InputError(
                    f"{name}: the ground truth is {_size(truth)}, but {candidate} is "
                    f"{_size(picture)}: bring all pictures of one name to one size"
                )
            candidates.append(picture)
        return torch.stack(candidates), truth

    def _check_complete(self) -> None:
        if not self.names:
            raise InputError(
                f"{shown_name(self.folder)} has no picture in {GROUND_TRUTH}: put the ground truth "
                "there"
            )
        truths = set(self.names)
        for candidate in self.candidate_names:
            there = set(self._files[candidate])
            for missing, where in ((truths - there, candidate), (there - truths, GROUND_TRUTH)):
                if missing:
                    raise InputError(
                        f"{where} lacks {min(missing)} ({len(missing)} of "
                        f"{len(truths | there)}): {candidate} and {GROUND_TRUTH} need the same "
                        "pictures"
                    )


@dataclass(frozen=True, eq=False)
class ReferenceStatistics:
    """The statistics of reference sets, and which they are."""

    statistics: BinStatistics
    candidate_names: tuple[str, ...]
    reference_sets: tuple[str, ...]  # names, sorted, each once
    pictures: int
    file_sha256: str | None = None  # of the file they were read from, kept by what is fitted
    # How truths lie to all candidates there were, pixel beside pixel: of pictures at hand then.
    details: tuple[TruthDetail, ...] = ()
    grains: tuple[Grain, ...] = ()  # how these candidates differ there, pixel beside pixel

    def __add__(self, other: ReferenceStatistics) -> ReferenceStatistics:
        self._check_same(other)
        return ReferenceStatistics(
            self.statistics + other.statistics,
            self.candidate_names,
            tuple(sorted({*self.reference_sets, *other.reference_sets})),
            self.pictures + other.pictures,
            details=self.details + other.details,
            grains=self.grains + other.grains,
        )

    def __sub__(self, other: ReferenceStatistics) -> ReferenceStatistics:
        self._check_same(other)
        return ReferenceStatistics(
            self.statistics - other.statistics,
            self.candidate_names,
            self.reference_sets,
            self.pictures - other.pictures,
            details=tuple((Counter(self.details) - Counter(other.details)).elements()),
            grains=tuple((Counter(self.grains) - Counter(other.grains)).elements()),
        )

    def coarser(self, width: int) -> ReferenceStatistics:
        """The same pictures in wider bins, exactly."""
        return replace(self, statistics=self.statistics.coarser(width))

    def of_candidates(self, names: Sequence[str]) -> ReferenceStatistics:
        """The same pictures seen by some of the candidates, in the order given, exactly.

        How fewer of them differ, pixel beside pixel, is not known.
        """
        unknown = [name for name in names if name not in self.candidate_names]
        if unknown or not names or len(set(names)) < len(names):
            raise InputError(
                f"the statistics know {', '.join(self.candidate_names)}; got "
                f"{', '.join(names) or 'none'}: choose among them, each once"
            )
        if tuple(names) == self.candidate_names:
            return self
        kept = [self.candidate_names.index(name) for name in names]
        return replace(
            self,
            statistics=self.statistics.of_candidates(kept),
            candidate_names=tuple(names),
            grains=self.grains if len(names) == len(self.candidate_names) else (),
        )

    def _check_same(self, other: ReferenceStatistics) -> None:
        if self.candidate_names != other.candidate_names:
            raise InputError(
                f"statistics of {', '.join(self.candidate_names)} cannot be combined with those "
                f"of {', '.join(other.candidate_names)}: the candidates and their order must agree"
            )


@dataclass(frozen=True, eq=False)
class ReferencePictures:
    """A reference set picture by picture, so that any of them can be left out."""

    names: tuple[str, ...]
    parts: tuple[ReferenceStatistics, ...]  # one for each picture, all of one bin width

    def __post_init__(self) -> None:
        if not self.parts or len(self.names) != len(self.parts):
            raise InputError(
                "a reference set needs at least one picture, and a name for each; got "
                f"{len(self.parts)} and {len(self.names)} names"
            )

    @cached_property
    def total(self) -> ReferenceStatistics:
        """All pictures together."""
        return reduce(ReferenceStatistics.__add__, self.parts)

    def of_candidates(self, names: Sequence[str]) -> ReferencePictures:
        """The same pictures seen by some of the candidates, in the order given, exactly."""
        parts = tuple(part.of_candidates(names) for part in self.parts)
        return self if parts == self.parts else replace(self, parts=parts)


def _version(path: Stored) -> tuple[int, int]:
    """What differs once a file was changed, together with its name."""
    if isinstance(path, ZipMember):
        return path.size, path.checksum
    about = path.stat()
    return about.st_size, about.st_mtime_ns


def _size(picture: Tensor) -> str:
    return f"{picture.shape[-1]} × {picture.shape[-2]}"
