"""The base models at work: on this machine, or on the GPU that a ZeroGPU Space lends them.

Such a Space lends its GPU to functions marked by its package `spaces`, runs them in a process of
their own, and counts the seconds against the visitor. So only networks go there, and what goes
in and comes out can be pickled.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from importlib.util import find_spec
from typing import TypeVar

import torch
from torch import Tensor

from ensir.devices import best_device, device_words
from ensir.progress import IsCancelled, OnProgress
from ensir.restorers import RESTORERS, estimated_seconds, restore_with
from ensir.tasks import TASKS
from ensir.ui.jobs import followed
from ensir.ui.reference import samples

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


def lent(function: Function) -> Function:
    """The function with a GPU for its time where this is a ZeroGPU Space; elsewhere as it is.

    The package `spaces` itself leaves functions alone on a Space with hardware of its own.
    """
    if not SPACES:
        return function
    import spaces

    return spaces.GPU(duration=lent_seconds)(function)


def lent_seconds(names: Sequence[str], image: Tensor) -> int:
    """How long a GPU is asked for: what two CPU cores would take is more than enough."""
    return min(max(math.ceil(estimated_seconds(names, image)), LEAST_LENT), MOST_LENT)


def restored(names: Sequence[str], image: Tensor) -> Steps:
    """Restores an image by the restorers of these names: (done, total) on the way, then candidates.

    Closing it stops the work. Raises InputError for an unknown name.
    """
    networks = [name for name in names if name in RESTORERS and RESTORERS[name].uses_gpu]
    filters = [name for name in names if name not in networks]  # and unknown names, refused at once
    candidates: dict[str, Tensor] = {}
    for run, group in ((_steps, filters), (_on_lent_gpu, networks)):
        if not group:
            continue
        before = len(candidates)
        with closing(run(group, image)) as steps:
            for step in steps:
                if isinstance(step, dict):
                    candidates |= step
                else:
                    done, total = step
                    yield before * total + done * len(group), len(names) * total
    yield {name: candidates[name] for name in names}


def restored_unwatched(names: Sequence[str], image: Tensor) -> dict[str, Tensor]:
    """What `restored` ends with, for those who do not look at its progress."""
    candidates: dict[str, Tensor] = {}
    for step in restored(names, image):
        if isinstance(step, dict):
            candidates = step
    return candidates


def tasks_here() -> list[str]:
    """The tasks for which there are base models enough to fuse."""
    return [task for task in TASKS if len(offered(task)) > 1]


def offered(task: str) -> list[str]:
    """The names of the base models for a task."""
    return [
        name
        for name, restorer in RESTORERS.items()
        if restorer.task == task and restorer.scale == 1
    ]


def chosen_at_first(task: str) -> list[str]:
    """The base models of a task to begin with: three that a sample knows, if there are."""
    names = offered(task)
    for sample in samples():
        known = [name for name in names if name in sample.candidate_names]
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


def _steps(names: Sequence[str], image: Tensor) -> Steps:
    def work(on_progress: OnProgress, cancelled: IsCancelled) -> dict[str, Tensor]:
        return restore_with(names, image, on_progress, cancelled)

    candidates = yield from followed(work)
    yield candidates


# At import: a Space refuses to start where nothing asks for its GPU by then.
_on_lent_gpu = lent(_steps)
