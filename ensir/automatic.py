"""Numbers that the reference set chooses itself: those that do best on pictures left out.

What is chosen by is the mean PSNR in RGB of pictures left out of the fit, each in turn. It knows
pictures like these alone: where others are to be fused, a lower trust than the chosen one is wiser.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from ensir.held_out import leave_one_out_by_each
from ensir.living_reference import coarser
from ensir.methods import Choices
from ensir.progress import OnProgress
from ensir.reference_set import ReferencePictures

NARROWEST = 8  # levels: bins to gather in where the width is to be chosen
BIN_WIDTH = 32  # the paper's
# EM's gain goes up and down with the width, and wide bins are cheap: doublings alone miss the best.
WIDTHS = (8, 16, 24, 32, 48, 64, 96, 128, 160, 192, 224, 256)
WIDER = 4  # times the pictures' own bins: statistics in these serve all widths that they join to
RIDGES = (5.0, 20.0, 100.0, 500.0)
TRUSTS = tuple(hundredth / 100 for hundredth in range(101))


@dataclass(frozen=True)
class Setting:
    """What a table may be fitted by, and how good that is on pictures left out."""

    bin_width: int
    choices: Choices
    gain: float  # mean PSNR in RGB above averaging, dB

    def said(self, names: Collection[str]) -> str:
        """The numbers of these names, in words."""
        numbers = {
            "bin_width": self.bin_width,
            "trust": self.choices.trust,
            "ridge": self.choices.ridge,
        }
        return ", ".join(f"{name.replace('_', ' ')} {numbers[name]:g}" for name in names)


@dataclass(frozen=True)
class Chosen:
    """The best setting of all tried, and by how much it matters."""

    automatic: tuple[str, ...]  # what was to be chosen: of bin_width, trust, ridge
    best: Setting
    default: Setting  # what holds where nothing is said
    worst: Setting
    settings: tuple[Setting, ...]  # all that were tried
    pictures: int

    @property
    def tried(self) -> int:
        return len(self.settings)

    def gain_of(self, bin_width: int, trust: float) -> float | None:
        """The gain of a setting, dB; None where it was not tried."""
        return next(
            (
                one.gain
                for one in self.settings
                if one.bin_width == bin_width and abs(one.choices.own_trust - trust) < 1e-9
            ),
            None,
        )

    @property
    def sentence(self) -> str:
        """What was chosen and how much it matters, for a person."""
        best, default, worst = (
            f"{one.said(self.automatic)} gains {one.gain:+.3f} dB"
            for one in (self.best, self.default, self.worst)
        )
        return (
            f"{best} over averaging, the mean of {self.pictures} pictures each left out of its "
            f"fit; the default, {default}; the worst of {self.tried:,} tried, {worst}"
        )


def choose(
    pictures: ReferencePictures,
    bin_width: int | None,
    choices: Choices,
    automatic: Collection[str],
    on_progress: OnProgress | None = None,
) -> Chosen:
    """The bin width, trust and ridge that do best on pictures left out, of those `automatic`.

    Tried are the pictures' bin width, those of WIDTHS and the one given that their bins join to,
    every hundredth of trust, and RIDGES; what is not automatic is as given, or its default. Of
    equally good settings the first one tried is taken. Progress counts pictures left out. Raises
    InputError for fewer than two pictures, and for choices that no fit can use.
    """
    choices.check(len(pictures.total.candidate_names))
    own = pictures.total.statistics.bins.width
    default_width, default = own if bin_width is None else bin_width, choices
    widths, ridges, trusts = [default_width], [choices.own_ridge], [choices.own_trust]
    if "bin_width" in automatic:
        widths = sorted({width for width in (own, default_width, *WIDTHS) if width % own == 0})
        default_width = BIN_WIDTH if BIN_WIDTH % own == 0 else own
    if "ridge" in automatic:
        ridges, default = list(RIDGES), replace(default, ridge=None)
    if "trust" in automatic:
        trusts, default = list(TRUSTS), replace(default, trust=None)
    default = replace(default, trust=default.own_trust, ridge=default.own_ridge)
    settings: list[Setting] = []
    several = [replace(default, ridge=ridge) for ridge in ridges]
    number = len(pictures.names)
    wider = pictures
    for place, width in enumerate(widths):

        def report(done: int, total: int, before: int = place * number) -> None:
            if on_progress is not None:
                on_progress(before + done, len(widths) * number)

        if wider is pictures and width % (WIDER * own) == 0:
            wider = coarser(pictures, WIDER * own)
        narrow = pictures if width % (WIDER * own) else wider
        results = leave_one_out_by_each(narrow, several, width, report)
        for one, result in zip(several, results, strict=True):
            for trust in trusts:
                gain = result.scores(trust).mean_gain
                settings.append(Setting(width, replace(one, trust=trust), gain))
    return Chosen(
        tuple(automatic),
        best=max(settings, key=lambda one: one.gain),
        default=next(
            one for one in settings if (one.bin_width, one.choices) == (default_width, default)
        ),
        worst=min(settings, key=lambda one: one.gain),
        settings=tuple(settings),
        pictures=number,
    )
