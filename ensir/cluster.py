"""Statistics of a reference set gathered by many processes or machines, with Dask.

Each task sums a few pictures where they are and sends its sums, which are added as they arrive:
integers, so the order changes nothing. A worker that dies costs its unfinished tasks alone, which
others take over. All workers must see the reference set under the same folder, and have the same
version of this program.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ensir import __version__
from ensir.ensemble.bins import Bins
from ensir.errors import Cancelled, InputError
from ensir.gathering import statistics_of_picture
from ensir.progress import IsCancelled, OnProgress
from ensir.reference_set import ReferenceSet, ReferenceStatistics

if TYPE_CHECKING:
    from distributed import Client, Future

PICTURES_AT_ONCE = 2  # of a task: what a dying worker loses, against a message for each
CONNECTED_WITHIN = 10  # seconds


def gather_on(
    client: Client,
    reference_set: ReferenceSet,
    bin_width: int,
    on_progress: OnProgress = lambda done, total: None,
    cancelled: IsCancelled = lambda: False,
) -> ReferenceStatistics:
    """What `gather_reference_set` gives, to the bit, by the workers of a Dask cluster.

    Progress counts pictures. Raises InputError for pictures that cannot be used, for an empty set,
    for workers that cannot do this and for a scheduler that is lost, Cancelled when asked to stop;
    either way the tasks that are left are withdrawn.
    """
    from distributed.client import ClosedClientError
    from distributed.comm import CommClosedError

    starts = range(0, len(reference_set), PICTURES_AT_ONCE)
    parts = [reference_set[start : start + PICTURES_AT_ONCE] for start in starts]
    tasks = client.map(_gathered, parts, bin_width=bin_width, version=__version__, pure=False)
    total: ReferenceStatistics | None = None
    try:
        for part in _finished(tasks):
            total = part if total is None else total + part
            on_progress(total.pictures, len(reference_set))
            if cancelled():
                raise Cancelled
    finally:
        # Where the client or its loop is closed, the tasks went with it.
        with suppress(ClosedClientError, CommClosedError, RuntimeError):
            client.cancel(tasks)
    if total is None:
        raise InputError("a reference set needs at least one picture, got none: add one")
    return total


@contextmanager
def connected(scheduler: str | None, workers: int) -> Iterator[Client]:
    """A client of the scheduler at an address, or of so many worker processes on this machine.

    Raises InputError without the package distributed, and where nobody answers at the address.
    """
    if find_spec("distributed") is None:
        raise InputError(
            'more than one worker needs Dask: pip install -e ".[cluster]", or leave '
            "--workers and --scheduler away"
        )
    from distributed import Client, LocalCluster

    with ExitStack() as stack:
        if scheduler is None:
            local = LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=50
            )
            yield stack.enter_context(Client(stack.enter_context(local)))
            return
        try:
            client = Client(scheduler, timeout=CONNECTED_WITHIN)
        except (OSError, ValueError, TypeError) as error:
            raise InputError(
                f"no Dask scheduler answers at {scheduler!r:.80} ({type(error).__name__}): start "
                "one there, or say --workers"
            ) from None
        yield stack.enter_context(client)


def _finished(tasks: list[Future]) -> Iterator[ReferenceStatistics]:
    """What the tasks give, each once, in the order in which they end."""
    from distributed import as_completed

    try:
        for task, part in as_completed(tasks, with_results=True):
            # Of a task that ends because its scheduler is lost the error comes as its result.
            if not isinstance(part, ReferenceStatistics):
                raise InputError("the Dask scheduler is gone: start it anew and fit again")
            task.release()
            yield part
    except InputError:
        raise
    except Exception as error:  # of a program of another version, or of none: it may be anything
        raise InputError(
            f"a worker could not do its share ({type(error).__name__}): see that all have version "
            f"{__version__} of this program, and memory enough"
        ) from error


def _gathered(part: ReferenceSet, bin_width: int, version: str) -> ReferenceStatistics:
    """The statistics of a worker's share; InputError where its program is of another version."""
    import torch

    if version != __version__:
        raise InputError(
            f"a worker has version {__version__} of this program, the others {version}: install "
            "the same everywhere"
        )

    torch.set_num_threads(1)  # the other cores have workers of their own
    bins = Bins(bin_width, len(part.candidate_names))
    gathered = (
        statistics_of_picture(*part[place], part.candidate_names, part.name, bins)
        for place in range(len(part))
    )
    total = next(gathered)
    for one in gathered:
        total = total + one
    return total
