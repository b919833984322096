"""What contestants make of pictures: scores, times, and parts to look at."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from ensir.ensemble.fusion import Fusion
from ensir.errors import InputError
from ensir.league.contestants import Fuse
from ensir.league.exhibits import Exhibit, Window, weights_in
from ensir.reference_set import DEGRADED, ReferenceSet
from ensir.scoring import PictureScores, Who, picture_scores


@dataclass(frozen=True, eq=False)
class Result:
    """What a contestant made of a picture."""

    scores: PictureScores
    seconds: float
    part: Tensor | None  # of the picture, to be looked at
    weights: Tensor | None  # there, of an ensemble that has any


def judge(
    fuse: Fuse, candidates: Tensor, truth: Tensor, picture: str, window: Window | None
) -> Result:
    """Fuses candidates (M, C, H, W), scores the picture and keeps the part in the window."""
    begun = time.perf_counter()
    fused = fuse(candidates)
    seconds = time.perf_counter() - begun
    image = fused.image if isinstance(fused, Fusion) else fused
    return Result(
        scores=picture_scores(picture, image, truth),
        seconds=seconds,
        part=None if window is None else window.of(image),
        weights=weights_in(fused, window) if window and isinstance(fused, Fusion) else None,
    )


def exhibits_of(
    stage: ReferenceSet,
    gains: Sequence[float],
    results: Mapping[Who, Sequence[Result]],
    windows: Sequence[Window],
) -> tuple[Exhibit, ...]:
    """The parts in the windows of the pictures with the largest and the smallest of the gains."""
    gains = gains[: len(windows)]
    places = {gains.index(max(gains)): None, gains.index(min(gains)): None}  # one if they agree
    exhibits = []
    for place in places:
        window = windows[place]
        degraded = degraded_input(stage, place)
        done = {who: one[place] for who, one in results.items()}
        exhibits.append(
            Exhibit(
                picture=stage.names[place],
                window=window,
                truth=window.of(stage[place][1]),
                degraded=None if degraded is None else window.of(degraded),
                images={who: one.part for who, one in done.items() if one.part is not None},
                weights={who: one.weights for who, one in done.items() if one.weights is not None},
            )
        )
    return tuple(exhibits)


def degraded_input(stage: ReferenceSet, place: int) -> Tensor | None:
    """The input of a picture, (3, H, W), where the set has inputs of the truth's size."""
    try:
        inputs = ReferenceSet(stage.folder, [DEGRADED])
        return inputs[inputs.names.index(stage.names[place])][0][0]
    except InputError:  # of another size in super-resolution, or not kept
        return None
