"""What goes wrong around a program: it is killed, the memory is full, a file is damaged.

Those of one module alone are beside its other tests: a disk that fills up and folders that cannot
be written in test_files.py, decoders that die in test_decoding_worker.py, a full GPU in
restorers/test_network.py, lost and odd workers in test_cluster.py, visitors who leave in
fuzz/visitors_test.py, an app that is told to end in deployment_test.py.

Each strikes a few times in every run of the tests; ENSIR_FUZZ=20 has all strike in full.
"""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from ensir import gathering
from ensir.errors import InputError
from ensir.images import write_image
from ensir.reference_set import ReferenceSet
from ensir.statistics_files import read_statistics, statistics_bytes, write_statistics
from tests.conftest import make_pictures
from tests.fuzz.cases import assert_sentence, strikes

ROOT = Path(__file__).resolve().parents[1]
KILLS = strikes(10, 200)
DAMAGES = strikes(40, 200)
FILLED = strikes(3, 40)
PICTURES = 4
# Forks, so that a kill costs no start of Python. Each kind of fault returns how often it struck.
PROGRAM = """
import json, os, random, signal, sys, time
from pathlib import Path
import torch
from ensir import gathering
from ensir.fitting import fit_statistics
from ensir.reference_set import ReferenceSet
from ensir.statistics_files import read_statistics, statistics_bytes, write_statistics
from ensir.table_files import read_table, table_bytes
from tests.conftest import make_pictures, make_statistics

torch.set_num_threads(1)
gathering.SAVE_EVERY = 0
folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
draw = random.Random(7)
path = folder / "table.safetensors"
pictures = make_pictures(seed=4, members=3)
tables = [fit_statistics(make_statistics(pictures, width)).table for width in (16, 32)]
whole = [table_bytes(table) for table in tables]

def forked(work):
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)
    return child

def write_for_ever():
    while True:
        for table in tables:
            table.save(path)

def table():
    struck = 0
    for turn in range(rounds):
        child = forked(write_for_ever)
        while not path.exists():
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.03))
        while turn % 2 and not list(folder.glob("*.part")):
            pass  # until it is writing
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        read_table(path)
        assert path.read_bytes() in whole
        for part in folder.glob("*.part"):
            part.unlink()
            struck += 1
    return struck

def gather():
    sums, output = folder / "sums.safetensors", folder / "all.safetensors"
    there = ReferenceSet(folder / "set", list("ABC"))
    expected = statistics_bytes(gathering.gather_reference_set(there, 16))
    def work():
        write_statistics(gathering.gather_reference_set(there, 16, unfinished=sums), output)
    struck, longest = 0, 0.2
    for turn in range(10 * rounds):
        child = forked(work)
        time.sleep(draw.uniform(0, longest))
        os.kill(child, signal.SIGTERM if turn % 2 else signal.SIGKILL)
        os.waitpid(child, 0)
        if output.exists():
            assert output.read_bytes() == expected
            output.unlink()
            sums.unlink(missing_ok=True)
            longest *= 0.8
        elif sums.exists():
            read_statistics(sums)
            struck += 1
        if struck == rounds:
            break
    while not output.exists():
        os.waitpid(forked(work), 0)
    assert output.read_bytes() == expected
    return struck

def race():
    for part in folder.glob("*.part"):  # of the fits that were killed
        part.unlink()
    for _ in range(rounds):
        children = [forked(lambda one=one: one.save(path)) for one in tables]
        for child in children:
            os.waitpid(child, 0)
        read_table(path)
        assert path.read_bytes() in whole
    assert not list(folder.glob("*.part"))
    return rounds

print(json.dumps({fault.__name__: fault() for fault in (table, gather, race)}))
"""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and forks are of POSIX")


def make_set(folder: Path) -> ReferenceSet:
    for seed in range(PICTURES):
        candidates, truth = make_pictures(seed, members=3)
        for name, picture in zip(("A", "B", "C", "gt"), (*candidates, truth), strict=True):
            (folder / name).mkdir(parents=True, exist_ok=True)
            write_image(folder / name / f"{seed}.png", picture)
    return ReferenceSet(folder, list("ABC"))


def ran(program: str, *arguments: str, **environment: str) -> str:
    """What a program prints that runs in a process of its own, to its end."""
    own = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env={**os.environ, **own, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def struck(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """How often each fault struck while something was half done; nothing was lost by it."""
    folder = tmp_path_factory.mktemp("faults")
    make_set(folder / "set")
    return dict(json.loads(ran(PROGRAM, str(folder), str(KILLS))))


@pytest.fixture
def reference_set(tmp_path: Path) -> ReferenceSet:
    return make_set(tmp_path / "set")


def test_a_table_whose_writer_is_killed_is_the_old_one_or_the_new_one(
    struck: dict[str, int],
) -> None:
    assert struck["table"] > 0


def test_a_fit_that_is_killed_or_told_to_end_goes_on_to_the_same_bits(
    struck: dict[str, int],
) -> None:
    assert struck["gather"] == KILLS


def test_of_two_programs_that_write_one_file_one_wins(struck: dict[str, int]) -> None:
    assert struck["race"] == KILLS


def test_damaged_sums_of_an_unfinished_fit_are_told_from_whole_ones_and_summed_anew(
    reference_set: ReferenceSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "SAVE_EVERY", 0)
    sums, draw = tmp_path / "sums.safetensors", random.Random(3)
    whole = gathering.gather_reference_set(reference_set, 16, unfinished=sums)
    data = sums.read_bytes()
    for turn in range(DAMAGES):
        place = draw.randrange(len(data))
        damaged = (
            data[:place],
            data[:place] + bytes([data[place] ^ 1 << draw.randrange(8)]) + data[place + 1 :],
            data.replace(b"statistics 2", b"statistics 1", 1),
        )[turn % 3]
        sums.write_bytes(damaged)
        with pytest.raises(InputError, match=r"^sums\.safetensors ") as refusal:
            read_statistics(sums)
        assert_sentence(str(refusal.value), tmp_path)
        again = gathering.gather_reference_set(reference_set, 16, unfinished=sums)
        assert statistics_bytes(again) == statistics_bytes(whole)
        assert sums.read_bytes() == data


# Fuses pictures in an app with ever so much memory left, then a small one with enough of it.
FULL = """
import json, random, resource, sys, time
from pathlib import Path
import torch
from ensir.ui import api
from gradio import Error
from gradio.utils import get_upload_folder
from ensir.decoding_worker import DecodingWorker
from ensir.images import decode_with, encode_png
from tests.bad_inputs import NAMES, good_table
from tests.conftest import make_pictures

torch.set_num_threads(1)
folder, draw = Path(get_upload_folder()), random.Random(2)

def upload(name, data):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    return {"path": str(folder / name)}

def pictures(side):
    made, _ = make_pictures(seed=3, members=3, height=side, width=side)
    return [upload(f"{side}-{name}.png", encode_png(one)) for name, one in zip(NAMES, made)]

def memory():
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()

def fuse(files):
    try:
        api.fuse(files, list(NAMES), table=table)
    except Error as error:
        return error.message
    return ""

table, large, small = upload("table.safetensors", good_table()), pictures(400), pictures(20)
worker = DecodingWorker()
_, hardest = resource.getrlimit(resource.RLIMIT_AS)
assert fuse(large) == fuse(small) == ""
for turn in range(int(sys.argv[1])):
    decode_with(worker.decode if turn % 2 else None)
    room = draw.randrange(2**20 if turn % 4 < 2 else 10 * 2**20)
    resource.setrlimit(resource.RLIMIT_AS, (memory() + room, hardest))
    said = fuse(large)
    resource.setrlimit(resource.RLIMIT_AS, (hardest, hardest))
    began = time.process_time()
    print(json.dumps([said, fuse(small), time.process_time() - began]))
    worker.close()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others do not limit memory")
def test_memory_that_is_full_is_a_sentence_and_the_next_event_is_answered(tmp_path: Path) -> None:
    pytest.importorskip("gradio")
    # What is freed goes back at once, and is not there for the next to take.
    freed = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    freed["MALLOC_ARENA_MAX"] = "1"
    lines = ran(FULL, str(FILLED), GRADIO_TEMP_DIR=str(tmp_path), **freed).splitlines()
    turns = [json.loads(line) for line in lines]
    for said, said_next, seconds in turns:
        assert_sentence(said or "fused", tmp_path)
        assert "Something failed" not in said and not said_next and seconds < 5
    full = [said for said, *_ in turns if "memory" in said]
    assert len(turns) == FILLED and len(full) > FILLED / 2


def test_a_folder_that_is_removed_before_the_result_is_written_is_a_sentence(
    reference_set: ReferenceSet, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    output.mkdir()
    whole = gathering.gather_reference_set(reference_set, 16)
    output.rmdir()
    with pytest.raises(InputError, match=r"^all\.safetensors could not be written"):
        write_statistics(whole, output / "all.safetensors")
    assert not output.exists()
