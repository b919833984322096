"""The statistics of a reference set: pictures read ahead and summed, and resumed after a kill."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from ensir.automatic import NARROWEST
from ensir.ensemble.bin_statistics import gather_statistics
from ensir.ensemble.bins import Bins
from ensir.errors import Cancelled, InputError
from ensir.files import shown_name
from ensir.grain import grain
from ensir.limits import MOST_STATISTICS_BYTES
from ensir.progress import IsCancelled, OnProgress
from ensir.read_ahead import read_ahead
from ensir.reference_set import ReferencePictures, ReferenceSet, ReferenceStatistics
from ensir.statistics_files import read_statistics, write_statistics
from ensir.truth_detail import truth_detail

SAVE_EVERY = 10.0  # seconds: what a kill costs at most, besides the picture at work


def gather_reference_set(
    reference_set: ReferenceSet,
    bin_width: int = 32,
    device: str = "cpu",
    on_progress: OnProgress | None = None,
    cancelled: IsCancelled | None = None,
    unfinished: Path | None = None,
) -> ReferenceStatistics:
    """Reads every picture and adds up its statistics; raises Cancelled when asked to stop.

    What is summed so far is written to the file `unfinished` now and then, and gone on from if it
    is there: after a kill at any moment the sums are the same to the bit. Where it is damaged, or
    of another version, all is summed anew. It stays for the caller to delete, who knows when it is
    not needed any more. Raises InputError where it is of other pictures or bins.
    """
    # Before any is read: what changes meanwhile is another set, whose sums these are not.
    mark = "" if unfinished is None else _mark(reference_set, bin_width)
    total = None if unfinished is None else _resumed(unfinished, mark, reference_set)
    begun, saved = 0 if total is None else total.pictures, time.monotonic()
    parts = _parts(reference_set, bin_width, device, on_progress, cancelled, begun)
    with closing(parts):
        for part in parts:
            total = part if total is None else total + part
            if unfinished is not None and time.monotonic() - saved >= SAVE_EVERY:
                write_statistics(replace(total, reference_sets=(mark,)), unfinished)
                saved = time.monotonic()
    if total is None:
        raise InputError("a reference set needs at least one picture, got none: add one")
    return total


def gather_pictures(
    reference_set: ReferenceSet,
    bin_width: int = NARROWEST,
    device: str = "cpu",
    on_progress: OnProgress | None = None,
    cancelled: IsCancelled | None = None,
) -> ReferencePictures:
    """As `gather_reference_set`, with the statistics of each picture kept apart.

    Raises InputError, too, where all of them together take more memory than a file may.
    """
    kept: list[ReferenceStatistics] = []
    held = 0
    with closing(_parts(reference_set, bin_width, device, on_progress, cancelled)) as parts:
        for part in parts:
            held += part.statistics.nbytes
            if held > MOST_STATISTICS_BYTES:
                raise InputError(
                    f"the sums of these pictures, each kept apart, take more than "
                    f"{MOST_STATISTICS_BYTES / 2**30:.0f} GB: leave out pictures or models, or "
                    "take wider bins"
                )
            kept.append(part)
    return ReferencePictures(reference_set.names, tuple(kept))


def statistics_of_picture(
    candidates: Tensor,
    truth: Tensor,
    names: tuple[str, ...],
    reference_set: str,
    bins: Bins,
    device: str = "cpu",
) -> ReferenceStatistics:
    """What is kept of one picture: candidates (M, C, H, W) and truth (C, H, W), uint8."""
    detail, own = truth_detail(candidates, truth), grain(candidates)
    return ReferenceStatistics(
        gather_statistics(candidates.to(device), truth.to(device), bins),
        names,
        (reference_set,),
        pictures=1,
        details=() if detail is None else (detail,),
        grains=() if own is None else (own,),
    )


def _parts(
    reference_set: ReferenceSet,
    bin_width: int,
    device: str,
    on_progress: OnProgress | None,
    cancelled: IsCancelled | None,
    begun: int = 0,
) -> Generator[ReferenceStatistics]:
    """The statistics of picture after picture, those that were `begun` with left out."""
    names = reference_set.candidate_names
    bins = Bins(bin_width, len(names))
    with closing(read_ahead(reference_set[begun:])) as pictures:
        for done, (candidates, truth) in enumerate(pictures, start=begun + 1):
            if cancelled is not None and cancelled():
                raise Cancelled
            yield statistics_of_picture(candidates, truth, names, reference_set.name, bins, device)
            if on_progress is not None:
                on_progress(done, len(reference_set))


def _resumed(path: Path, mark: str, reference_set: ReferenceSet) -> ReferenceStatistics | None:
    """The sums of the first pictures, as far as an earlier run came and can be read."""
    if not path.exists():
        return None
    try:
        found = read_statistics(path)
    except InputError:
        if not path.is_file():
            raise
        return None  # the pictures are still there: a damaged file costs time, and nothing else
    if found.reference_sets != (mark,) or found.pictures > len(reference_set):
        raise InputError(
            f"{shown_name(path)} was left by an unfinished fit to other pictures or bins: delete "
            "it to begin anew, or choose another output"
        )
    return replace(found, reference_sets=(reference_set.name,), file_sha256=None)


def _mark(reference_set: ReferenceSet, bin_width: int) -> str:
    """What unfinished sums are called: their pictures, as they were on the disk, and their bins."""
    return f"unfinished, width {bin_width}, {reference_set.fingerprint[:40]}"
