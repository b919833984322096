"""What speaks against the ground truth of a picture or a reference set, a sentence each.

The limits lie between what seven reference sets come to whose truth is right, and what they come to
when it is degraded; `benchmarks/doubts.py` says how often each is seen, and what is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from statistics import median
from types import MappingProxyType

import torch

from ensir.ensemble.bin_statistics import BinStatistics
from ensir.errors import in_short
from ensir.reference_set import ReferencePictures, ReferenceStatistics
from ensir.truth_detail import TruthDetail
from ensir.truth_fit import TruthFit, truth_fit
from ensir.usual import left_out, limit_of, times_the_limit

SEVERAL = 5  # pictures: what one of them may be like evens out in so many
ALIKE = 0.7  # correlation
BRIGHTER = 0.6  # of the error's root mean square; of a single picture
BRIGHTER_ALONE = 0.75
SMOOTHER = 0.9  # of several; but candidates with noise of their own have more detail,
FAR, AS_BRIGHT = 1.6, 0.15  # and differ from each other as much, and those with rain are brighter
UNLIKE = 3.0  # over the limit for pictures of other sets: what is usual in a set varies more here
MOST_NOISY = 1.4  # times the limit: all texture is less
# Of pixels beside each other, in the picture that lies in the middle or in a single one.
DISPLACED = 0.3  # pixels
SHARP = 0.96  # of the slope of the candidates' edges
# Levels; some photographs have nearly as much of their own, and of single ones that are all texture
# candidates lose more.
NOISE, NOISE_ALONE = 3.8, 8.0
FIRST_ORDER = 1.5  # pixels; how far a displacement beyond it is, slopes do not say
BLOCKS, BLOCKS_ALONE = 0.08, 0.13  # of a usual step; that many have photographs kept as JPEG


def doubt(
    fit: TruthFit,
    whose: str,
    pictures: int = 1,
    floor: float | None = None,
    *,
    detail: TruthDetail | None = None,
    is_usual: bool = False,
) -> str | None:
    """Why a truth may not be that of its candidates, in a sentence; None where nothing says so.

    Of a sum over so many pictures, with the least `floor` among them where it is known, and the
    usual `detail`. What lies as is usual among others of its kind (`is_usual`) is not called noisy
    or brighter by its sums: it may be all texture, or the candidates darken what is bright.
    """
    found = _found(fit, pictures, floor, detail, is_usual)
    return None if found is None else f"In {whose} the ground truth {found[0]}: {found[1]}"


def _found(
    fit: TruthFit,
    pictures: int = 1,
    floor: float | None = None,
    detail: TruthDetail | None = None,
    is_usual: bool = False,
) -> tuple[str, str] | None:
    """What is wrong with the truth, and what that may mean; as `doubt`."""
    brighter = BRIGHTER if pictures >= SEVERAL else BRIGHTER_ALONE
    if fit.alike < ALIKE:
        return (
            f"hardly resembles the candidates (correlation {fit.alike:z.2f})",
            "it may be another picture's, or very noisy; pair the files anew",
        )
    if abs(fit.brighter) > brighter and not is_usual:
        return (
            f"is {'brighter' if fit.brighter > 0 else 'darker'} than the candidates nearly "
            "everywhere",
            "its brightness or gamma may have been changed, or it may be the degraded picture; "
            "look at a pair",
        )
    if detail is not None:
        return _found_in_detail(detail, pictures)
    smoother = fit.smoother > SMOOTHER and fit.far > FAR and abs(fit.brighter) < AS_BRIGHT
    if pictures >= SEVERAL and smoother:
        return (
            "has less detail than the candidates",
            "it may be blurred or the degraded picture, or they hold noise; look at a pair",
        )
    least, noisy = (fit.floor, noise_of(1)) if floor is None else (floor, noise_of(pictures))
    if least > noisy * (MOST_NOISY if is_usual else 1):
        return (
            f"is {least:.1f} levels off even where the candidates agree best",
            "it may be noisy; use the truth as it was before",
        )
    return None


def _found_in_detail(detail: TruthDetail, pictures: int) -> tuple[str, str] | None:
    """The same of how its pixels lie beside each other; says more, and surer, than sums do."""
    several = pictures >= SEVERAL
    if detail.displaced > DISPLACED:
        far = f"about {detail.displaced:.1f} pixels"
        if detail.displaced > FIRST_ORDER:
            far = "more than a pixel"
        return (
            f"is displaced against the candidates by {far}",
            "it may have been cropped or enlarged otherwise; look at a pair",
        )
    if detail.blocks > (BLOCKS if several else BLOCKS_ALONE):
        return (
            "has the borders of 8 × 8 blocks, which the candidates have not",
            "it may have been saved as JPEG; use the truth as it was before, if you have it",
        )
    if detail.sharp < SHARP:
        return (
            f"has softer edges than the candidates ({detail.sharp:.0%} of their slope)",
            "it may be blurred or the degraded picture, or they are sharpened or noisy; look at a "
            "pair",
        )
    if detail.noise > (NOISE if several else NOISE_ALONE):
        return (
            f"has fine detail of about {detail.noise:.0f} levels even where it is smoothest, which "
            "the candidates have not",
            "it may be noisy, or texture that they lost; look at a pair",
        )
    return None


def doubts(gathered: ReferencePictures | ReferenceStatistics) -> tuple[str, ...]:
    """What speaks against the truth of a reference set, or else of some of its pictures.

    Of the sum of its pictures less is seen.
    """
    if isinstance(gathered, ReferenceStatistics):
        return doubts_of_sum(gathered.statistics, gathered.pictures, gathered.details)
    pictures = gathered
    fits = {
        name: fit
        for name, part in zip(pictures.names, pictures.parts, strict=True)
        if (fit := truth_fit(part.statistics)) is not None
    }
    total = truth_fit(pictures.total.statistics)
    if total is None or not fits:
        return ()
    floor = min((fit.floor for fit in fits.values()), key=lambda one: (one != one, one))
    usual = typical(pictures.total.details, len(pictures.parts))
    whole = doubt(total, "the reference set", len(fits), floor, detail=usual)
    if whole is not None:
        return (whole,)
    named = doubtful(fits, details_of(pictures))
    if not named:
        return ()
    first, reason = next(iter(named.items()))
    return (
        f"The ground truth of {in_short(list(named))} ({len(named)} of {len(pictures.names)} "
        "pictures) is not near the candidates as that of the others is: it may be damaged or "
        f"another picture's; look at it, or leave it out (in {first} {reason})",
    )


def doubts_of_sum(
    statistics: BinStatistics, pictures: int, details: Sequence[TruthDetail] = ()
) -> tuple[str, ...]:
    """The same of the sum of so many pictures, and of what is known in detail of some."""
    fit = truth_fit(statistics)
    if fit is None:
        return ()
    said = doubt(fit, "the reference set", pictures, detail=typical(details, pictures))
    return () if said is None else (said,)


def doubtful(
    fits: Mapping[str, TruthFit], details: Mapping[str, TruthDetail] = MappingProxyType({})
) -> dict[str, str]:
    """Why, by name of the pictures whose truth is wrong by itself, or unlike that of all others."""
    apart = [0.0] * len(fits)
    if len(fits) > 3:
        away = left_out(torch.stack([fit.values for fit in fits.values()]))
        apart = (away / limit_of(len(fits) - 1)).tolist()
    reasons = {}
    for (name, fit), far in zip(fits.items(), apart, strict=True):
        found = _found(fit, detail=details.get(name), is_usual=len(fits) > 3 and far <= 1)
        if found is not None:
            reasons[name] = f"its truth {found[0]}"
        elif far > UNLIKE:
            over = times_the_limit(far / UNLIKE)
            reasons[name] = f"its truth lies otherwise to the candidates than the others'{over}"
    return reasons


def details_of(pictures: ReferencePictures) -> dict[str, TruthDetail]:
    """By name, of the pictures of which it is known."""
    return {
        name: part.details[0]
        for name, part in zip(pictures.names, pictures.parts, strict=True)
        if part.details
    }


def typical(details: Sequence[TruthDetail], pictures: int) -> TruthDetail | None:
    """Each measure of the picture that lies in the middle by it; None where most are not known."""
    if 2 * len(details) <= pictures:
        return None
    return TruthDetail(*map(median, zip(*map(astuple, details), strict=True)))


def noise_of(pictures: int) -> float:
    """Levels, the limit of the least floor: of many pictures the smoothest says more."""
    return 2.5 + 12 / pictures
