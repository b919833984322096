"""How good ensembles are on pictures whose ground truth is known.

A mean is that of the pictures' scores, never the score of the mean error: every picture counts
alike. Gains are over averaging, in dB of PSNR, before any result is rounded to levels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

from ensir.ensemble.baselines import BASELINES, average
from ensir.ensemble.fusion import Fusion
from ensir.ensemble.levels import levels_of
from ensir.ensemble.lookup_table import LookupTable
from ensir.errors import InputError
from ensir.metrics import Scores, luma, psnr, score
from ensir.progress import OnProgress
from ensir.reference_set import ReferenceSet

Who = tuple[str, str]  # kind and name
Psnrs = tuple[float, float]  # of RGB and of luma


@dataclass(frozen=True)
class Gain:
    """PSNR above that of averaging, in dB."""

    pictures: tuple[float, ...]
    mean: float
    won: int  # pictures better than averaging
    lost: int  # pictures worse than averaging


@dataclass(frozen=True)
class PictureScores:
    """The scores of one result, as computed and rounded to 8 bits."""

    picture: str
    exact: Scores
    rounded: Scores


@dataclass(frozen=True)
class EnsembleScores:
    """The scores of a candidate or an ensemble: picture by picture, and their means."""

    name: str
    kind: str  # "candidate", "baseline" or "table"
    pictures: tuple[PictureScores, ...]
    exact: Scores
    rounded: Scores
    gain_rgb: Gain
    gain_y: Gain


def score_reference_set(
    reference_set: ReferenceSet,
    tables: Mapping[str, LookupTable],
    baselines: Sequence[str] = tuple(BASELINES),
    on_progress: OnProgress | None = None,
) -> tuple[EnsembleScores, ...]:
    """Scores each candidate, each of the `baselines` and each of the named `tables`.

    A table that was fitted on the same pictures looks better than it is: see
    `ensir.held_out`.

    Raises InputError for an unknown baseline and for a table of other candidates.
    """
    unknown = [name for name in baselines if name not in BASELINES]
    if unknown:
        raise InputError(f"a baseline is {', '.join(BASELINES)}; got {unknown[0]}")
    for name, table in tables.items():
        if table.candidate_names != reference_set.candidate_names:
            raise InputError(
                f"{name} was fitted for {', '.join(table.candidate_names)} in this order; got "
                f"{', '.join(reference_set.candidate_names)}: give the same in the same order"
            )
    if not len(reference_set):
        raise InputError("a reference set needs at least one picture to score, got none")
    ensembles = _ensembles(tables, baselines)
    members = [("candidate", name) for name in reference_set.candidate_names]
    scored: dict[Who, list[PictureScores]] = {who: [] for who in [*members, *ensembles]}
    averaged: list[Psnrs] = []
    for place, picture in enumerate(reference_set.names):
        candidates, truth = reference_set[place]
        averaged.append(_psnrs(average(candidates).image, truth))
        for who, candidate in zip(members, candidates, strict=True):
            scored[who].append(picture_scores(picture, candidate, truth))
        for who, fuse in ensembles.items():
            scored[who].append(picture_scores(picture, fuse(candidates).image, truth))
        if on_progress is not None:
            on_progress(place + 1, len(reference_set))
    return tuple(ensemble_scores(who, pictures, averaged) for who, pictures in scored.items())


def _ensembles(
    tables: Mapping[str, LookupTable], baselines: Sequence[str]
) -> dict[Who, Callable[[Tensor], Fusion]]:
    return {
        **{("baseline", name): BASELINES[name] for name in baselines},
        **{("table", name): table.fuse for name, table in tables.items()},
    }


def picture_scores(picture: str, image: Tensor, truth: Tensor) -> PictureScores:
    """The scores of an image (3, H, W), 0 to 255, against its ground truth."""
    exact = score(image, truth)
    in_levels = exact if image.dtype == torch.uint8 else score(levels_of(image), truth)
    return PictureScores(picture, exact, in_levels)


def ensemble_scores(
    who: Who, pictures: Sequence[PictureScores], averaged: Sequence[Psnrs]
) -> EnsembleScores:
    """The means of pictures' scores and the gains over averaging, whose PSNRs are `averaged`."""
    kind, name = who
    exact = [picture.exact for picture in pictures]
    gain_rgb, gain_y = _gains([(one.psnr_rgb, one.psnr_y) for one in exact], averaged)
    return EnsembleScores(
        name=name,
        kind=kind,
        pictures=tuple(pictures),
        exact=mean_scores(exact),
        rounded=mean_scores([picture.rounded for picture in pictures]),
        gain_rgb=gain_rgb,
        gain_y=gain_y,
    )


def mean_scores(scores: Sequence[Scores]) -> Scores:
    """The mean of each score; None where a picture has none."""
    return Scores(
        psnr_rgb=fmean(one.psnr_rgb for one in scores),
        ssim_rgb=_mean_or_none([one.ssim_rgb for one in scores]),
        psnr_y=fmean(one.psnr_y for one in scores),
        ssim_y=_mean_or_none([one.ssim_y for one in scores]),
    )


def _mean_or_none(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None


def _psnrs(image: Tensor, truth: Tensor) -> Psnrs:
    return psnr(image, truth), psnr(luma(image), luma(truth))


def _gains(ours: Sequence[Psnrs], averaged: Sequence[Psnrs]) -> tuple[Gain, Gain]:
    """The gain in RGB and the gain in luma."""
    rgb, y = (
        gain_over([pair[part] for pair in ours], [pair[part] for pair in averaged])
        for part in (0, 1)
    )
    return rgb, y


def gain_over(ours: Sequence[float], averaged: Sequence[float]) -> Gain:
    """What PSNRs are above those of averaging, or of another, picture by picture."""
    # Two perfect pictures are equal, though the difference of their PSNR is not a number.
    gains = [0.0 if one == mean else one - mean for one, mean in zip(ours, averaged, strict=True)]
    return Gain(
        tuple(gains), fmean(gains), sum(gain > 0 for gain in gains), sum(gain < 0 for gain in gains)
    )
