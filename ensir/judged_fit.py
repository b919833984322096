"""A table fitted to a reference set, judged by pictures that it was not fitted to.

Nothing looks at a pixel again: from the statistics of each picture follow the errors of the
candidates, of averaging, and of the table that the other pictures give. So the bin width, the
method and the trust can be changed at will.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from ensir.ensemble.bins import Bins
from ensir.ensemble.errors_about_average import errors_about_average
from ensir.ensemble.lookup_table import LookupTable, Origin
from ensir.errors import Cancelled, InputError
from ensir.fitting import fit_pictures
from ensir.gathering import gather_pictures
from ensir.held_out import HeldOutScores, LeftOut, leave_one_out
from ensir.limits import LEVELS, MOST_BIN_SETS
from ensir.methods import Choices
from ensir.progress import IsCancelled, OnProgress
from ensir.reference_set import ReferencePictures, ReferenceSet

WIDTHS = 8, 16, 32  # of the bins that pictures are gathered in
AVERAGE, HELD_OUT, OVER_AVERAGE = "average", "table, held out", "over average"


@dataclass(frozen=True)
class CellCounts:
    """How many cells of a table, a channel of a bin set each, were filled in which way."""

    fitted: int
    prior: int  # too few pixels to fit
    empty: int  # no pixel
    fitted_share: float  # of the values of the reference set, those in fitted cells


@dataclass(frozen=True, eq=False)
class JudgedFit:
    """A table, what it was fitted to and by, and how it does on pictures left out of the fit."""

    pictures: ReferencePictures
    bin_width: int
    choices: Choices
    table: LookupTable
    left_out: LeftOut | None  # None where there is a single picture

    @property
    def held_out(self) -> HeldOutScores | None:
        """The scores of tables fitted without the picture, at the trust chosen."""
        return None if self.left_out is None else self.left_out.scores(self.choices.own_trust)

    @cached_property
    def psnr(self) -> Mapping[str, tuple[float, ...]]:
        """PSNR in RGB of each picture, in dB: of the candidates, of AVERAGE, and of HELD_OUT.

        That of a fused picture is before rounding. HELD_OUT lacks where there is a single picture.
        """
        found = psnr_of_candidates(self.pictures)
        return found if self.held_out is None else {**found, HELD_OUT: self.held_out.psnr}

    @property
    def mean_psnr(self) -> Mapping[str, float]:
        """The mean over the pictures, by the same names."""
        return {name: fmean(values) for name, values in self.psnr.items()}

    @property
    def cells(self) -> CellCounts:
        """Of all bin sets, also of those that a sparse table has no row for."""
        table = self.table
        fitted, prior = table.origin == Origin.FITTED, table.origin == Origin.PRIOR
        total = table.channels * table.bins.sets
        occupied = int(fitted.sum()), int(prior.sum())
        share = float(table.count[fitted].sum() / table.count.sum())
        return CellCounts(*occupied, total - sum(occupied), share)

    @property
    def verdict(self) -> str:
        """What the table is worth on pictures left out, in a sentence."""
        held = self.held_out
        if held is None:
            return (
                "One picture cannot be left out of the fit to judge it by: add pictures to see "
                "what the table is worth."
            )
        ahead, best = min(
            (_mean_difference(held.psnr, self.psnr[name]), name)
            for name in self.table.candidate_names
        )
        moves = "gains" if held.mean_gain >= 0 else "loses"
        place = "ahead of" if ahead >= 0 else "behind"
        apart = f"{abs(ahead):.2f}".replace("inf", "∞")  # a model may be perfect
        return (
            f"On pictures left out of its fit, the table {moves} {abs(held.mean_gain):.2f} dB "
            f"against averaging, with {held.won} of {len(held.pictures)} pictures better, and is "
            f"{apart} dB {place} the best single model, {best}."
        )


def judged_fit(
    pictures: ReferencePictures,
    choices: Choices,
    bin_width: int,
    on_progress: OnProgress | None = None,
    cancelled: IsCancelled | None = None,
    earlier: JudgedFit | None = None,
) -> JudgedFit:
    """Fits a table to all pictures, and one without each, at their bin width or a multiple of it.

    An `earlier` fit to the same pictures that differs in its trust alone saves the latter.
    Progress counts pictures left out. Raises Cancelled when asked to stop, and InputError for
    choices or a bin width that cannot be used.
    """

    def report(done: int, total: int) -> None:
        if cancelled is not None and cancelled():
            raise Cancelled
        if on_progress is not None:
            on_progress(done, total)

    number = len(pictures.names)
    table = fit_pictures(
        pictures,
        bin_width,
        choices.method,
        choices.prior,
        first_weights=choices.first_weights,
        trust=choices.trust,
        ridge=choices.ridge,
        back_off=choices.back_off,
        on_progress=lambda done, total: report(0, number),
    ).table
    left_out = _known(earlier, pictures, choices, bin_width)
    if left_out is None and number > 1:
        left_out = leave_one_out(pictures, choices, bin_width, report)
    return JudgedFit(pictures, bin_width, choices, table, left_out)


def fit_reference_set(
    path: Path,
    candidates: Sequence[str],
    choices: Choices,
    bin_width: int,
    on_progress: OnProgress | None = None,
    cancelled: IsCancelled | None = None,
) -> JudgedFit:
    """Gathers a reference set, a folder or a zip, in narrow bins, and fits it as `judged_fit` does.

    Progress counts each picture twice: once read, once left out. Raises Cancelled when asked to
    stop, and InputError before anything is read for choices that cannot be used.
    """
    choices.check(len(candidates))
    for name in {AVERAGE, HELD_OUT, OVER_AVERAGE}.intersection(candidates):
        raise InputError(f"a model cannot be called {name!r} here: rename its folder")
    members = len(candidates)
    # As narrow as so many models can have: in wider bins they are joined without reading again.
    narrow = next((it for it in WIDTHS if (LEVELS // it) ** members <= MOST_BIN_SETS), bin_width)
    Bins(narrow, members).coarser(bin_width)
    reference_set = ReferenceSet(path, candidates)
    report = on_progress or (lambda done, total: None)
    number = len(reference_set)
    pictures = gather_pictures(
        reference_set,
        narrow,
        on_progress=lambda done, total: report(done, 2 * number),
        cancelled=cancelled,
    )
    return judged_fit(
        pictures,
        choices,
        bin_width,
        lambda done, total: report(number + done, 2 * number),
        cancelled,
    )


def _mean_difference(one: Sequence[float], other: Sequence[float]) -> float:
    """Of PSNR, in dB; two that are perfect, and infinite, differ by nothing."""
    return fmean(0.0 if a == b else a - b for a, b in zip(one, other, strict=True))


def psnr_of_candidates(pictures: ReferencePictures) -> dict[str, tuple[float, ...]]:
    """PSNR in RGB of each picture, in dB, as each candidate has it and as their average does."""
    names = pictures.total.candidate_names
    alone = torch.eye(len(names), dtype=torch.float64)
    weights = torch.cat([alone.mean(0, keepdim=True), alone])  # (1 + M, M)
    columns = [_psnrs(pictures, weight) for weight in weights]
    return dict(zip((AVERAGE, *names), columns, strict=True))


def _psnrs(pictures: ReferencePictures, weight: Tensor) -> tuple[float, ...]:
    """PSNR of each picture where every pixel has the same weights (M,)."""
    found = []
    for part in pictures.parts:
        statistics = part.statistics
        squared_error = errors_about_average(statistics).pooled().of(weight).sum()
        values = statistics.pixels * statistics.channels
        found.append(float(10 * torch.log10((LEVELS - 1) ** 2 * values / squared_error)))
    return tuple(found)


def _known(
    earlier: JudgedFit | None, pictures: ReferencePictures, choices: Choices, bin_width: int
) -> LeftOut | None:
    """What is held out of an earlier fit, where only the trust differs."""
    if earlier is None or earlier.pictures is not pictures or earlier.bin_width != bin_width:
        return None
    same = replace(earlier.choices, trust=None) == replace(choices, trust=None)
    return earlier.left_out if same else None
