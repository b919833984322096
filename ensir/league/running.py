"""Runs a league: every contestant fuses pictures that it was not fitted on, and is scored."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial, reduce
from operator import add
from pathlib import Path

import torch

from ensir.errors import Cancelled, InputError
from ensir.files import shown_name
from ensir.league.contestants import (
    CANDIDATE,
    REGRESSOR,
    TABLE,
    Contestant,
    candidate,
    chosen_contestants,
)
from ensir.league.exhibits import most_disputed
from ensir.league.gathered import Gathered, gathered_pictures
from ensir.league.judging import Result, exhibits_of, judge
from ensir.league.standings import RIVALS, League, standings_of
from ensir.picture_folders import picture_folders
from ensir.progress import IsCancelled, OnProgress
from ensir.reference_set import DEGRADED, GROUND_TRUTH, ReferenceSet
from ensir.scoring import Who

PIXELS = 100_000
# Parts of so many pictures are kept to choose from: 6 MB each for twenty contestants.
MOST_EXHIBITED = 20


def candidate_folders(path: Path) -> tuple[str, ...]:
    """The folders of a reference set that hold candidates: all but the truth's and the inputs'.

    It is a folder or a zip of one. Raises InputError for anything else.
    """
    there = picture_folders(path)
    if there is None:
        raise InputError(
            f"no folder {shown_name(path)}, nor a zip of one: name that of a reference set"
        )
    unfit = (GROUND_TRUTH, DEGRADED)
    return tuple(
        sorted(
            name for name in there.folders if name not in unfit and not name.startswith((".", "_"))
        )
    )


def run_league(
    reference_set: ReferenceSet,
    judged: ReferenceSet | None = None,
    contestants: Sequence[str] | None = None,
    *,
    pixels: int = PIXELS,
    bin_width: int = 32,
    seed: int = 0,
    on_progress: OnProgress | None = None,
    cancelled: IsCancelled | None = None,
) -> League:
    """Fits everyone to the reference set and scores them on the pictures of the `judged` one.

    Without `judged`, each picture of the reference set is judged by fits to all the others.
    `contestants` are names of `all_contestants`, all of them if not said; the base models and
    averaging always take part. A regressor is fitted to `pixels` values drawn at random, as many
    from each picture. Progress counts pictures gathered and pictures fused.

    Raises InputError for sets too small or of other candidates, Cancelled when asked to stop.
    """
    stop = cancelled or (lambda: False)
    stage = reference_set if judged is None else judged
    fitted_pictures = len(reference_set) - (judged is None)
    _check(reference_set, stage, fitted_pictures, pixels)
    members = {
        (CANDIDATE, name): candidate(name, place)
        for place, name in enumerate(reference_set.candidate_names)
    }
    others = {(one.kind, name): one for name, one in chosen_contestants(contestants).items()}
    chosen = {**members, **others}
    step = _steps(on_progress, len(reference_set) + len(chosen) * len(stage), stop)
    parts: list[Gathered] = []
    for part in gathered_pictures(reference_set, bin_width, pixels // fitted_pictures, seed):
        parts.append(part)
        step()
    windows = [most_disputed(stage[place][0]) for place in range(len(stage))[:MOST_EXHIBITED]]
    fit_seconds: dict[Who, list[float]] = {who: [] for who in chosen}
    results: dict[Who, list[Result]] = {who: [] for who in chosen}
    sampled = 0
    for gathered, places in _rounds(parts, judged):
        sampled = max(sampled, len(gathered.values))
        for who, contestant in chosen.items():
            begun = time.perf_counter()
            fuse = contestant.fit(gathered, seed, stop) if contestant.fit else None
            seconds = time.perf_counter() - begun
            fit_seconds[who].append(seconds + _gathering_seconds(contestant, gathered))
            for place in places:
                candidates, truth = stage[place]
                if contestant.oracle is not None:
                    fuse = partial(contestant.oracle, truth=truth)
                assert fuse is not None  # a contestant is fitted or knows the truth
                window = windows[place] if place < MOST_EXHIBITED else None
                results[who].append(judge(fuse, candidates, truth, stage.names[place], window))
                step()
    standings, best_model = standings_of(chosen, results, fit_seconds)
    winner = next(one for one in standings if one.who[0] in RIVALS)
    return League(
        reference_set=reference_set.name,
        judged=None if judged is None else judged.name,
        candidate_names=reference_set.candidate_names,
        pictures=stage.names,
        fitted_pictures=fitted_pictures,
        pixels=sampled,
        bin_width=bin_width,
        seed=seed,
        threads=torch.get_num_threads(),
        standings=standings,
        exhibits=exhibits_of(stage, winner.over_average.gain.pictures, results, windows),
        best_model=best_model,
    )


def _check(
    reference_set: ReferenceSet, stage: ReferenceSet, fitted_pictures: int, pixels: int
) -> None:
    if stage.candidate_names != reference_set.candidate_names:
        raise InputError(
            f"fits to {', '.join(reference_set.candidate_names)} cannot be judged on "
            f"{', '.join(stage.candidate_names)}: both sets need the same candidates in one order"
        )
    if not len(stage):
        raise InputError("a league is judged on at least one picture, got none")
    if fitted_pictures < 1:
        raise InputError(
            f"a league fits to one picture and judges another, got {len(reference_set)}: add "
            "pictures, or name a second set to judge on"
        )
    if pixels < fitted_pictures:
        raise InputError(
            f"regressors are fitted to at least one pixel of each of {fitted_pictures} pictures, "
            f"got {pixels}: name more"
        )


def _rounds(
    parts: Sequence[Gathered], judged: ReferenceSet | None
) -> Iterator[tuple[Gathered, Sequence[int]]]:
    """What is fitted to in turn, and the places of the pictures that it is judged on."""
    if judged is not None:
        yield reduce(add, parts), range(len(judged))
        return
    for place in range(len(parts)):
        yield reduce(add, [*parts[:place], *parts[place + 1 :]]), [place]


def _steps(on_progress: OnProgress | None, total: int, stop: IsCancelled) -> Callable[[], None]:
    """What is called after each part of the work: reports it, and ends all where asked to."""
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if on_progress is not None:
            on_progress(done, total)
        if stop():
            raise Cancelled

    return step


def _gathering_seconds(contestant: Contestant, gathered: Gathered) -> float:
    """What gathering took of that which the contestant is fitted to."""
    if contestant.kind == TABLE:
        return gathered.statistics_seconds
    return gathered.sample_seconds if contestant.kind == REGRESSOR else 0.0
