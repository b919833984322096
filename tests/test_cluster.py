"""Workers are processes of this machine, started once for all tests: that takes some seconds."""

import os
import pickle
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ensir.cluster import connected, gather_on
from ensir.errors import Cancelled, InputError
from ensir.gathering import gather_reference_set
from ensir.images import write_image
from ensir.reference_set import ReferenceSet
from ensir.statistics_files import statistics_bytes
from tests.conftest import make_pictures

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


def test_a_killed_worker_costs_no_picture_and_changes_no_bit(
    client: "Client", reference_set: ReferenceSet
) -> None:
    killed: list[int] = []

    def kill_one(done: int, total: int) -> None:
        if not killed:
            killed.extend(client.run(os.getpid).values())
            os.kill(killed[0], signal.SIGKILL)

    alone = gather_reference_set(reference_set, 16)
    together = gather_on(client, reference_set, 16, kill_one)
    assert killed and together.pictures == PICTURES
    assert statistics_bytes(together) == statistics_bytes(alone)


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


def test_a_scheduler_that_is_not_there_is_a_sentence() -> None:
    with (
        pytest.raises(InputError, match="no Dask scheduler answers at 'nobody at all'"),
        connected("nobody at all", workers=0),
    ):
        pass
