"""How good a table is on pictures that it was not fitted to, without looking at a pixel again.

Each picture is left out in turn and the others are fitted; what that table makes of the picture
left out follows from its statistics alone. That is the error of the fused picture before it is
rounded. Frames of one scene are alike, which flatters it; other cameras or kinds of damage show
nowhere in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import torch
from torch import Tensor

from ensir.ensemble.bin_statistics import BinStatistics
from ensir.ensemble.errors_about_average import Errors, errors_about_average
from ensir.ensemble.lookup_table import LookupTable, Provenance
from ensir.errors import InputError
from ensir.limits import LEVELS
from ensir.methods import Choices, fit_cells, table_of
from ensir.progress import OnProgress
from ensir.reference_set import ReferencePictures


@dataclass(frozen=True)
class HeldOutScores:
    """PSNR in RGB of pictures left out of the fit, in dB, and what it is above averaging."""

    pictures: tuple[str, ...]
    psnr: tuple[float, ...]
    gain: tuple[float, ...]

    @property
    def mean_psnr(self) -> float:
        return fmean(self.psnr)

    @property
    def mean_gain(self) -> float:
        return fmean(self.gain)

    @property
    def won(self) -> int:
        """How many pictures are better than averaged."""
        return sum(gain > 0 for gain in self.gain)

    @property
    def lost(self) -> int:
        """How many pictures are worse than averaged."""
        return sum(gain < 0 for gain in self.gain)


@dataclass(frozen=True, eq=False)
class LeftOut:
    """The squared error of J pictures under weights fitted without them, as parabolas in trust."""

    pictures: tuple[str, ...]
    values: Tensor  # (J,) float64, pixels times channels
    loss: Tensor  # (J,) float64, levels squared: the error of averaging
    gain: Tensor  # (J,) float64; at trust t the error is loss - 2 t gain + t**2 cost
    cost: Tensor  # (J,) float64

    def squared_error(self, trust: float) -> Tensor:
        """Squared error of each picture at a trust from 0 to 1, levels squared, (J,) float64."""
        return (self.loss - 2 * trust * self.gain + trust**2 * self.cost).clamp(min=0)

    def scores(self, trust: float) -> HeldOutScores:
        """The scores at a trust from 0 to 1."""
        psnr, averaged = self._psnr(self.squared_error(trust)), self._psnr(self.loss)
        # Two perfect pictures are equal, though the difference of their PSNR is not a number.
        gain = torch.where(psnr == averaged, 0.0, psnr - averaged)
        return HeldOutScores(self.pictures, tuple(psnr.tolist()), tuple(gain.tolist()))

    def _psnr(self, squared_error: Tensor) -> Tensor:
        return 10 * torch.log10((LEVELS - 1) ** 2 * self.values / squared_error)


def leave_one_out(
    pictures: ReferencePictures,
    choices: Choices | None = None,
    bin_width: int | None = None,
    on_progress: OnProgress | None = None,
) -> LeftOut:
    """Fits all pictures but one, for each in turn, by the `choices` that a table is made by.

    At the pictures' bin width or a multiple of it. The trust of the choices does not count: the
    result holds every trust. Progress counts pictures. Raises InputError for fewer than two.
    """
    chosen = Choices() if choices is None else choices
    return leave_one_out_by_each(pictures, [chosen], bin_width, on_progress)[0]


def leave_one_out_by_each(
    pictures: ReferencePictures,
    several: Sequence[Choices],
    bin_width: int | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[LeftOut, ...]:
    """As `leave_one_out` by each of several choices, which share the work on the statistics."""
    number = len(pictures.names)
    if number < 2:
        raise InputError(f"leaving one picture out needs at least two, got {number}: add one")
    for choices in several:
        choices.check(len(pictures.total.candidate_names))
    total = pictures.total.statistics
    width = total.bins.width if bin_width is None else bin_width
    total = total.coarser(width)
    rows = []
    for done, picture in enumerate(pictures.parts, start=1):
        part = picture.statistics.coarser(width)
        others, errors = total - part, errors_about_average(part)
        rows.append([_coefficients(_fitted(others, one), part, errors) for one in several])
        if on_progress is not None:
            on_progress(done, number)
    by_choice = torch.tensor(rows, dtype=torch.float64).permute(1, 2, 0)  # (choices, 4, pictures)
    return tuple(LeftOut(pictures.names, *coefficients) for coefficients in by_choice)


def fitted_elsewhere(
    pictures: ReferencePictures,
    reference: ReferencePictures,
    choices: Choices,
    bin_width: int | None = None,
) -> LeftOut:
    """As `leave_one_out`, of pictures under one table that is fitted to others.

    Both are of the same candidates, and of one bin width. Raises InputError for choices that no fit
    can use.
    """
    choices.check(len(reference.total.candidate_names))
    total = reference.total.statistics
    width = total.bins.width if bin_width is None else bin_width
    table = _fitted(total.coarser(width), choices)
    parts = [picture.statistics.coarser(width) for picture in pictures.parts]
    rows = [_coefficients(table, part, errors_about_average(part)) for part in parts]
    return LeftOut(pictures.names, *torch.tensor(rows, dtype=torch.float64).T)


def _fitted(statistics: BinStatistics, choices: Choices) -> LookupTable:
    """The table at full trust."""
    names = tuple(str(place) for place in range(statistics.bins.candidates))
    fully = replace(choices, trust=1.0)
    fits = fit_cells(statistics, choices)
    return table_of(statistics, fits, fully, names, Provenance(choices.method))


def _coefficients(
    table: LookupTable, part: BinStatistics, errors: Errors
) -> tuple[float, float, float, float]:
    """Values, loss, gain and cost of a picture, its `part` of the statistics, under a table."""
    gain, cost = errors.gain_and_cost(table.weights[:, table.rows_of(part.sets)])
    loss = errors.loss_of_average
    return part.pixels * part.channels, float(loss.sum()), float(gain.sum()), float(cost.sum())
