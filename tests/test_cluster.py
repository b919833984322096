"""Workers are processes of this machine, started once for all tests: that takes some seconds."""

import gc
import os
import pickle
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ensir import cluster
from ensir.cluster import connected, gather_on
from ensir.errors import Cancelled, InputError
from ensir.gathering import gather_reference_set
from ensir.images import write_image
from ensir.reference_set import ReferenceSet
from ensir.statistics_files import statistics_bytes
from tests.conftest import make_pictures
from tests.fuzz.cases import strikes

if TYPE_CHECKING:
    from distributed import Client

pytest.importorskip("distributed")
# Dask leaves sockets and loops to the garbage collector.
pytestmark = pytest.mark.filterwarnings("default")

NAMES = ("A", "B", "C")
PICTURES = 24


@pytest.fixture(scope="module")
def reference_set(tmp_path_factory: pytest.TempPathFactory) -> ReferenceSet:
    folder = tmp_path_factory.mktemp("reference")
    for seed in range(PICTURES):
        candidates, truth = make_pictures(seed, members=3)
        for name, picture in zip((*NAMES, "gt"), (*candidates, truth), strict=True):
            (folder / name).mkdir(exist_ok=True)
            write_image(folder / name / f"{seed:02}.png", picture)
    return ReferenceSet(folder, NAMES)


@pytest.fixture(scope="module")
def client() -> Iterator["Client"]:
    with connected(None, workers=2) as client:
        yield client
    gc.collect()  # while warnings of what Dask leaves are not errors


@pytest.fixture(scope="module")
def alone(reference_set: ReferenceSet) -> bytes:
    """What one process gathers."""
    return statistics_bytes(gather_reference_set(reference_set, 16))


@pytest.mark.parametrize("turn", range(strikes(1, 10)))
def test_a_killed_worker_costs_no_picture_and_changes_no_bit(
    client: "Client", reference_set: ReferenceSet, alone: bytes, turn: int
) -> None:
    killed: list[int] = []

    def kill_one(done: int, total: int) -> None:
        if not killed and done > 2 * turn:
            killed.extend(client.run(os.getpid).values())
            os.kill(killed[0], signal.SIGKILL)

    together = gather_on(client, reference_set, 16, kill_one)
    assert killed and together.pictures == PICTURES
    assert statistics_bytes(together) == alone


@contextmanager
def on_one(
    client: "Client", change: Callable[[], object], undo: Callable[[], object]
) -> Iterator[None]:
    """One of the workers is changed meanwhile. Functions within functions go there as they are."""
    worker = sorted(client.scheduler_info()["workers"])[:1]
    client.run(change, workers=worker)
    try:
        yield
    finally:
        client.run(undo, workers=worker)


def test_a_slow_worker_changes_no_bit(
    client: "Client", reference_set: ReferenceSet, alone: bytes
) -> None:
    def slow() -> None:
        import time

        from ensir import cluster

        cluster.sums_at_full_speed = cluster.statistics_of_picture
        cluster.statistics_of_picture = lambda *given: (
            time.sleep(0.1),
            cluster.sums_at_full_speed(*given),
        )[1]

    def as_before() -> None:
        from ensir import cluster

        cluster.statistics_of_picture = cluster.sums_at_full_speed

    with on_one(client, slow, as_before):
        assert statistics_bytes(gather_on(client, reference_set, 16)) == alone


def test_a_worker_whose_clock_is_a_day_ahead_changes_no_bit(
    client: "Client", reference_set: ReferenceSet, alone: bytes
) -> None:
    def move(seconds: float) -> None:
        import sys

        from distributed import metrics

        clock = metrics.time
        for module in list(sys.modules.values()):
            if vars(module).get("time") is clock:
                module.time = lambda: clock() + seconds

    with on_one(client, lambda: move(86_400), lambda: move(-86_400)):
        assert statistics_bytes(gather_on(client, reference_set, 16)) == alone


def test_sums_that_two_workers_have_count_once(
    client: "Client", reference_set: ReferenceSet, alone: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import wait

    begin = type(client).map

    def twice(self: "Client", *given: Any, **named: Any) -> Any:  # noqa: ANN401
        tasks = begin(self, *given, **named)
        wait(tasks)
        self.replicate(tasks, n=2)
        return tasks

    monkeypatch.setattr(type(client), "map", twice)
    together = gather_on(client, reference_set, 16)
    assert together.pictures == PICTURES and statistics_bytes(together) == alone


def test_a_worker_of_another_version_is_named(
    client: "Client", reference_set: ReferenceSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "__version__", "99.1")
    with pytest.raises(InputError, match=r"^a worker has version .*, the others 99\.1: install"):
        gather_on(client, reference_set, 16)


def test_a_worker_that_lacks_what_it_is_asked_for_is_a_sentence(
    client: "Client", reference_set: ReferenceSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_a_later_version(part: ReferenceSet, **named: object) -> None:
        raise ModuleNotFoundError("No module named 'ensir.of_tomorrow'")

    monkeypatch.setattr(cluster, "_gathered", of_a_later_version)
    with pytest.raises(InputError, match=r"could not do its share \(ModuleNotFoundError\): see"):
        gather_on(client, reference_set, 16)


def test_a_workers_share_is_as_large_as_its_pictures_are_many(reference_set: ReferenceSet) -> None:
    of_many, of_few = reference_set[:2], reference_set[:4][:2]
    assert (
        len(pickle.dumps(of_many)) == len(pickle.dumps(of_few)) < len(pickle.dumps(reference_set))
    )


def test_pictures_that_do_not_fit_are_said_as_on_one_machine(
    client: "Client", reference_set: ReferenceSet, tmp_path: Path
) -> None:
    for name, side in (("A", 8), ("gt", 9)):
        (tmp_path / name).mkdir()
        _, truth = make_pictures(1, members=1, height=side, width=side)
        write_image(tmp_path / name / "odd.png", truth)
    with pytest.raises(InputError, match="odd: the ground truth is 9 × 9, but A is 8 × 8"):
        gather_on(client, ReferenceSet(tmp_path, ["A"]), 16)


def test_a_stop_is_heard_between_two_tasks(client: "Client", reference_set: ReferenceSet) -> None:
    with pytest.raises(Cancelled):
        gather_on(client, reference_set, 16, cancelled=lambda: True)


@pytest.mark.parametrize("fault", ["lost", "closed"])
def test_a_scheduler_that_is_gone_in_the_middle_of_work_is_a_sentence(
    client: "Client", reference_set: ReferenceSet, fault: str
) -> None:
    with connected(client.scheduler.address, workers=0) as other:

        def strike(done: int, total: int) -> None:
            if fault == "closed":
                other.close()
            elif other.scheduler_comm is not None:  # as where the scheduler itself dies
                other.loop.add_callback(other.scheduler_comm.abort)

        with pytest.raises(InputError, match=r"^the Dask scheduler is gone: start it anew"):
            gather_on(other, reference_set, 16, strike)


def test_a_scheduler_that_is_not_there_is_a_sentence() -> None:
    with (
        pytest.raises(InputError, match="no Dask scheduler answers at 'nobody at all'"),
        connected("nobody at all", workers=0),
    ):
        pass
