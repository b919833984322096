"""The base models at work: on this machine, or on the GPU that a ZeroGPU Space lends them.

Such a Space lends its GPU to functions marked by its package `spaces`, runs them in a process of
their own, and counts the seconds against the visitor. So only networks go there, and what goes
in and comes out can be pickled.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from ensir.devices import best_device, device_words
from ensir.errors import InputError
from ensir.images import read_picture
from ensir.progress import IsCancelled, OnProgress
from ensir.restorers import Restorer, estimated_seconds, restore_with
from ensir.restorers.choice import chosen_of_offered, offered_for
from ensir.restorers.precomputed import PrecomputedOutput
from ensir.tasks import TASKS, task_of
from ensir.ui.jobs import followed
from ensir.ui.reference import sample_models

Function = TypeVar("Function", bound=Callable[..., object])
# How far the work is, again and again, and in the end the candidates.
Steps = Generator[tuple[int, int] | dict[str, Tensor], None, None]

# Runs of base models on the page and by the API wait for each other: two would take the same cores.
ONE_AT_A_TIME = "base models"
SPACES = find_spec("spaces") is not None
LENDS = SPACES and os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")
# Seconds asked for at least, for a card has to be found first, and what a visitor may ask for.
LEAST_LENT, MOST_LENT = 15, 120
MOST_AT_FIRST = 3
LONG = 5  # seconds from which a run is worth an estimate
MINUTES_FROM = 100  # seconds that are said in minutes


def lent(function: Function) -> Function:
    """The function with a GPU for its time where this is a ZeroGPU Space; elsewhere as it is.

    The package `spaces` itself leaves functions alone on a Space with hardware of its own.
    """
    if not SPACES:
        return function
    import spaces

    return spaces.GPU(duration=lent_seconds)(function)


def lent_seconds(restorers: Mapping[str, Restorer], image: Tensor) -> int:
    """How long a GPU is asked for: what two CPU cores would take is more than enough."""
    seconds = estimated_seconds(list(restorers), image, restorers)
    return min(max(math.ceil(seconds), LEAST_LENT), MOST_LENT)


def restored(
    names: Sequence[str],
    image: Tensor,
    picture: str | None = None,
    *,
    self_ensemble: bool = False,
) -> Steps:
    """Restores an image by the restorers of these names: (done, total) on the way, then candidates.

    `picture` is the file that the image is of, to find what others made of it; None for one that
    was changed since. With `self_ensemble` each restorer that runs here is averaged over eight
    views, as is said behind its name. Closing it stops the work.

    Raises InputError for an unknown name.
    """
    chosen = chosen_of_offered(names, _stem(picture), self_ensemble=self_ensemble)
    networks = {name: one for name, one in chosen.items() if one.uses_gpu}
    others = {name: one for name, one in chosen.items() if not one.uses_gpu}
    candidates: dict[str, Tensor] = {}
    for run, group in ((_steps, others), (_on_lent_gpu, networks)):
        if not group:
            continue
        before = len(candidates)
        with closing(run(group, image)) as steps:
            for step in steps:
                if isinstance(step, dict):
                    candidates |= step
                else:
                    done, total = step
                    yield before * total + done * len(group), len(chosen) * total
    yield {name: candidates[name] for name in chosen}


def restored_unwatched(
    names: Sequence[str], image: Tensor, picture: str | None = None
) -> dict[str, Tensor]:
    """What `restored` ends with, for those who do not look at its progress."""
    candidates: dict[str, Tensor] = {}
    for step in restored(names, image, picture):
        if isinstance(step, dict):
            candidates = step
    return candidates


def tasks_here() -> list[str]:
    """The tasks for which there are base models enough to fuse."""
    return [task for task in TASKS if len(offered(task)) > 1]


def offered(task: str, picture: str | None = None) -> list[str]:
    """The names of the base models for a task, and of the folders that hold outputs of a picture.

    The picture is told by the name of its file.
    """
    return [
        name
        for name, restorer in offered_for(_stem(picture)).items()
        if (restorer.task == task and restorer.scale == task_of(task).scale)
        or (isinstance(restorer, PrecomputedOutput) and restorer.is_there)
    ]


def chosen_at_first(task: str) -> list[str]:
    """The base models of a task to begin with: three that a sample knows, if there are."""
    names = offered(task)
    for models in sample_models():
        known = [name for name in names if name in models]
        if len(known) > 1:
            return known[:MOST_AT_FIRST]
    return names[:MOST_AT_FIRST]


def where_words() -> str:
    """Which device does the work, as a sentence."""
    here, best = device_words(torch.device("cpu")), best_device()
    if not LENDS and best.type == "cpu":
        return f"Runs on {here}."
    card = "a GPU that this Space lends" if LENDS else device_words(best)
    return f"Networks run on {card}, all else on {here}."


def estimate_words(
    names: Sequence[str], picture: str | None, *, self_ensemble: bool = False
) -> str:
    """How long these base models take for a picture, as a sentence; "" if that is not long.

    What a GPU does is left out: nobody waits long for it. Nothing is said of what cannot be
    restored, for a run says that best.
    """
    try:
        image = None if picture is None else _outline(picture)
        chosen = chosen_of_offered(names, _stem(picture), self_ensemble=self_ensemble)
    except InputError:
        return ""
    if image is None:
        return ""
    on_gpu = LENDS or best_device().type != "cpu"
    here = {name: one for name, one in chosen.items() if not (on_gpu and one.uses_gpu)}
    seconds = estimated_seconds(list(here), image, here)
    if seconds <= LONG:
        return ""
    time = f"{seconds / 60:.0f} minutes" if seconds >= MINUTES_FROM else f"{seconds:.0f} s"
    besides = ", besides the networks" if len(here) < len(chosen) else ""
    return f"Takes about {time} on two CPU cores{besides}."


def _stem(picture: str | None) -> str | None:
    """What a picture is called: the name of its file without the ending."""
    return None if picture is None else Path(picture).stem


@lru_cache(maxsize=32)
def _outline(picture: str) -> Tensor:
    """An image of a picture's size, without values; a path of an upload has one content."""
    return read_picture(Path(picture)).values.to("meta")


def _steps(restorers: Mapping[str, Restorer], image: Tensor) -> Steps:
    def work(on_progress: OnProgress, cancelled: IsCancelled) -> dict[str, Tensor]:
        return restore_with(list(restorers), image, on_progress, cancelled, restorers)

    candidates = yield from followed(work, ONE_AT_A_TIME)
    yield candidates


# At import: a Space refuses to start where nothing asks for its GPU by then.
_on_lent_gpu = lent(_steps)
