"""A reference set that grows and shrinks: pictures in and out, and what each does to the others.

What a picture does is said by pictures that no table was fitted to: how well the others teach it,
and how much better the others are taught with it than without. Statistics add up, so neither needs
a pixel.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from statistics import fmean

import torch

from ensir.disagreement import DIFFERS, disagreement
from ensir.errors import InputError
from ensir.held_out import leave_one_out
from ensir.methods import Choices
from ensir.progress import OnProgress
from ensir.reference_set import ReferencePictures
from ensir.truth_doubts import details_of, doubtful
from ensir.truth_fit import truth_fit
from ensir.usual import left_out, limit_of, usual

# dB of mean PSNR that the others may lose by a picture: half of what the paper's EM gains.
MOST_HARM = 0.05


@dataclass(frozen=True)
class Influence:
    """What a picture of a reference set learns from the others, and they from it."""

    picture: str
    pixels: int
    psnr: float  # dB in RGB, of the table fitted to the others; before rounding
    gain: float  # dB, above averaging
    influence: float | None  # dB, mean gain of the others with it, less that without it
    outlier: str | None  # in a few words, why one should look at it


def with_pictures(pictures: ReferencePictures, added: ReferencePictures) -> ReferencePictures:
    """The reference set with other pictures behind its own.

    They are brought to the same candidates, in the same order, and to the same bins where theirs
    join to them. Raises InputError for pictures of a name that is there, and for other candidates.
    """
    twice = [name for name in added.names if name in pictures.names]
    if twice:
        raise InputError(
            f"the reference set has a picture called {twice[0]} already ({len(twice)} of "
            f"{len(added.names)}): remove it first, or rename the new one"
        )
    candidates = pictures.total.candidate_names
    width = pictures.total.statistics.bins.width
    added = coarser(added.of_candidates(candidates), width)
    return ReferencePictures(pictures.names + added.names, pictures.parts + added.parts)


def without(pictures: ReferencePictures, names: Collection[str]) -> ReferencePictures:
    """The reference set without the pictures of these names; raises InputError for unknown ones."""
    unknown = sorted(set(names) - set(pictures.names))
    if unknown:
        raise InputError(
            f"the reference set has no picture called {unknown[0]}: it has "
            f"{', '.join(pictures.names):.200}"
        )
    kept = [
        (name, part)
        for name, part in zip(pictures.names, pictures.parts, strict=True)
        if name not in names
    ]
    if not kept:
        raise InputError("a reference set without any picture teaches nothing: leave one in")
    return ReferencePictures(tuple(name for name, _ in kept), tuple(part for _, part in kept))


def coarser(pictures: ReferencePictures, width: int) -> ReferencePictures:
    """The same pictures in wider bins, exactly."""
    if width == pictures.total.statistics.bins.width:
        return pictures
    return replace(pictures, parts=tuple(part.coarser(width) for part in pictures.parts))


def influences(
    pictures: ReferencePictures,
    choices: Choices,
    bin_width: int,
    on_progress: OnProgress | None = None,
) -> tuple[Influence, ...]:
    """What each picture learns and teaches, by tables of these choices; at least two pictures.

    With two the influence is unknown: left alone, the other has nothing to be taught by. Takes
    J² fits for J pictures, two for two; progress counts the pictures.
    """
    pictures = coarser(pictures, bin_width)
    number, names = len(pictures.names), pictures.names
    scores = leave_one_out(pictures, choices).scores(choices.own_trust)
    outliers = _outliers(pictures)
    found = []
    for place, (name, part) in enumerate(zip(names, pictures.parts, strict=True)):
        influence = None
        if number > 2:
            alone = leave_one_out(without(pictures, [name]), choices).scores(choices.own_trust)
            others = [gain for other, gain in enumerate(scores.gain) if other != place]
            mean = fmean(others)
            # Perfect pictures are equally good.
            influence = 0.0 if mean == alone.mean_gain else mean - alone.mean_gain
        outlier = outliers.get(name)
        if outlier is None and influence is not None and influence < -MOST_HARM:
            outlier = f"the others lose {-influence:.3f} dB by it"
        gain = scores.gain[place]
        found.append(
            Influence(name, part.statistics.pixels, scores.psnr[place], gain, influence, outlier)
        )
        if on_progress is not None:
            on_progress(place + 1, number)
    return tuple(found)


def _outliers(pictures: ReferencePictures) -> dict[str, str]:
    """Why a picture stands out from all others, by what its truth and its candidates are like.

    Where both do, the truth is said: it is what can be mended.
    """
    fits = {
        name: fit
        for name, part in zip(pictures.names, pictures.parts, strict=True)
        if (fit := truth_fit(part.statistics)) is not None
    }
    unlike = _unlike(pictures) if len(pictures.names) > 3 else {}
    return unlike | doubtful(fits, details_of(pictures))


def _unlike(pictures: ReferencePictures) -> dict[str, str]:
    """Of the pictures whose candidates differ otherwise than the others', in what most."""
    kinds = [disagreement(part.statistics) for part in pictures.parts]
    rows = torch.stack([kind.values for kind in kinds])
    apart = left_out(rows) > limit_of(len(rows) - 1)
    found = {}
    for place in apart.nonzero().flatten().tolist():
        others = usual(torch.cat([rows[:place], rows[place + 1 :]]))
        worst = others.farthest(rows[place], kinds[place].groups)
        found[pictures.names[place]] = f"its candidates are unlike the others' in {DIFFERS[worst]}"
    return found
