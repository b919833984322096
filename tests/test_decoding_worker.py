"""A picture decoded in another process is the same picture, and what happens there stays there."""

import contextlib
import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL

import cv2
import numpy as np
import pytest
from PIL import Image

from ensir import decoding_worker
from ensir.decoding import decode
from ensir.decoding_worker import BROKEN, TOO_SLOW, DecodingWorker
from ensir.errors import InputError
from ensir.limits import MOST_DECODER_BYTES
from tests.bad_inputs import ANY_PICTURE, BAD_PICTURES, picture, png_claiming, stored
from tests.fuzz.cases import strikes
from tests.stopwatch import least_seconds

MOST = 10_000  # pixels
KILLS = strikes(5, 20)
# What the process could do if a flaw in a decoder were used against it.
FLAWED = """
import json, os, struct, sys
out = os.fdopen(1, "wb")
length, _ = struct.unpack("<QQ", os.read(0, 16))
while length:
    length -= len(os.read(0, length))
def reply(header, values=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    out.write(struct.pack("<I", len(text)) + text + values)
    out.flush()
good = {"size": [2, 2], "bits": 8, "alpha": False, "kind": "PNG", "remarks": []}
"""
LIMITED = (
    FLAWED
    + """
sys.path[:] = json.loads(sys.argv[1])
from ensir.decoding_worker import _limit
_limit()
"""
)


@pytest.fixture
def worker() -> Iterator[DecodingWorker]:
    made = DecodingWorker(MOST)
    yield made
    made.close()


def sound(worker: DecodingWorker) -> bool:
    """Whether the next good picture is decoded."""
    return worker.decode(picture()).values.shape == (3, 36, 30)


def deep_picture() -> bytes:
    values = np.random.default_rng(9).integers(0, 65536, (9, 13, 4), dtype=np.uint16)
    return cv2.imencode(".png", values)[1].tobytes()


PICTURES = {
    "8 bits": picture(),
    "JPEG": picture("JPEG"),
    "16 bits and transparent": deep_picture(),
    "16 bits of grey": stored(Image.fromarray(np.arange(99, dtype=np.uint16)[None] * 600), "PNG"),
    "printing colours": stored(Image.new("CMYK", (3, 2), (1, 2, 3, 4)), "JPEG"),
    "turned": picture(
        "JPEG", exif=(lambda exif: (exif.__setitem__(0x112, 6), exif)[1])(Image.Exif())
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_the_same_as_decoded_here(worker: DecodingWorker, name: str) -> None:
    here, there = decode(PICTURES[name], MOST), worker.decode(PICTURES[name])
    assert np.array_equal(there.values, here.values) and there.values.dtype == here.values.dtype
    assert (there.alpha is None) == (here.alpha is None)
    assert here.alpha is None or np.array_equal(there.alpha, here.alpha)
    assert (there.kind, there.remarks) == (here.kind, here.remarks)


def test_every_bad_picture_is_refused_in_the_same_words(worker: DecodingWorker) -> None:
    made = [bad.made() for bad in BAD_PICTURES if bad.roles == ANY_PICTURE and not bad.limits]
    for data in made:
        with pytest.raises(InputError) as here:
            decode(data, MOST)
        with pytest.raises(InputError) as there:
            worker.decode(data)
        assert str(there.value) == str(here.value)
    assert len(made) > 20 and sound(worker)


def test_a_claimed_size_is_refused_at_once(worker: DecodingWorker) -> None:
    assert sound(worker)

    def refuse() -> None:
        with pytest.raises(InputError, match=r"^is 30000 × 30000 pixels, more than 0.01 million"):
            worker.decode(png_claiming(30_000, 30_000))

    # By the clock on the wall: the work is another process's.
    assert least_seconds(refuse, 1, time.monotonic) < 1


def test_one_process_serves_many_pictures_of_many_threads(worker: DecodingWorker) -> None:
    assert sound(worker)
    process, results = worker.process_id, []
    threads = [threading.Thread(target=lambda: results.append(sound(worker))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 8 and worker.process_id == process


def test_a_killed_process_is_replaced(worker: DecodingWorker) -> None:
    processes = set()
    for _ in range(KILLS):
        assert sound(worker)
        assert worker.process_id is not None
        processes.add(worker.process_id)
        os.kill(worker.process_id, SIGKILL)
    assert sound(worker) and len(processes) == KILLS


def test_a_process_killed_while_it_decodes_costs_a_sentence_at_most() -> None:
    worker, moments = DecodingWorker(), random.Random(6)
    large = stored(Image.effect_noise((1500, 1000), 50), "PNG")
    for _ in range(KILLS):
        assert sound(worker)  # so that there is a process
        kill = threading.Timer(moments.uniform(0, 0.1), os.kill, (worker.process_id, SIGKILL))
        kill.start()
        with contextlib.suppress(InputError):
            assert worker.decode(large).values.shape == (3, 1000, 1500)
        kill.join()
        assert sound(worker)
    worker.close()


FLAWS = {
    "it dies": "os._exit(1)",
    "it crashes": "os.abort()",
    "it says nothing to the end": "reply(good)",
    "it sends too few values": "reply(good, bytes(11))",
    "its answer is no JSON": "reply(b'{')",
    "its answer is no object": "reply(b'[]')",
    "its answer is too long": "reply(b' ' * 5000)",
    "it lies about the size": "reply({**good, 'size': [200, 200]}, bytes(120000))",
    "it has no pixel": "reply({**good, 'size': [0, 2]})",
    "its size is no number": "reply({**good, 'size': ['2', 2]}, bytes(12))",
    "it has another type": "reply({**good, 'bits': 64}, bytes(96))",
    "it has another format": "reply({**good, 'kind': 'GIF'}, bytes(12))",
    "its remark is not text": "reply({**good, 'remarks': [7]}, bytes(12))",
    "its sentence is a flood": "reply({'refused': 'x' * 1000})",
    "its sentence turns letters round": r"reply({'refused': '\u202e'})",
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_process_that_is_taken_over_is_not_believed(
    worker: DecodingWorker, monkeypatch: pytest.MonkeyPatch, flaw: str
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(decoding_worker, "PROGRAM", FLAWED + FLAWS[flaw])
        with pytest.raises(InputError) as refused:
            worker.decode(picture())
    assert str(refused.value) == BROKEN
    assert worker.process_id is None


def test_nothing_can_be_written(
    worker: DecodingWorker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write = f"os.write(os.open({str(tmp_path / 'x')!r}, os.O_CREAT | os.O_WRONLY), b'x')"
    with monkeypatch.context() as patched:
        patched.setattr(decoding_worker, "PROGRAM", f"{LIMITED}{write}; reply(good, bytes(12))")
        with pytest.raises(InputError, match="damaged"):
            worker.decode(picture())
    assert (tmp_path / "x").stat().st_size == 0
    assert sound(worker)


def test_a_picture_is_not_blamed_for_a_process_that_was_dying(
    worker: DecodingWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(
            decoding_worker, "PROGRAM", FLAWED + "reply(good, bytes(12)); os.read(0, 1)"
        )
        assert worker.decode(picture()).values.shape == (3, 2, 2)
    assert sound(worker)


def test_memory_is_limited(worker: DecodingWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    greedy = f"bytearray({MOST_DECODER_BYTES}); reply(good, bytes(12))"
    with monkeypatch.context() as patched:
        patched.setattr(decoding_worker, "PROGRAM", LIMITED + greedy)
        with pytest.raises(InputError, match="damaged"):
            worker.decode(picture())
    assert sound(worker)


def test_time_is_limited(worker: DecodingWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(decoding_worker, "PROGRAM", FLAWED + "import time; time.sleep(60)")
        patched.setattr(decoding_worker, "DECODE_SECONDS", 1)
        began = time.monotonic()
        with pytest.raises(InputError) as refused:
            worker.decode(picture())
    assert str(refused.value) == TOO_SLOW and time.monotonic() - began < 10
    assert sound(worker)


def test_the_process_knows_nothing_of_ours(
    worker: DecodingWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "of ours")
    tell = "reply({'refused': ' '.join(sorted(os.environ)) + ' in ' + os.getcwd()})"
    with monkeypatch.context() as patched:
        patched.setattr(decoding_worker, "PROGRAM", FLAWED + tell)
        with pytest.raises(InputError) as said:
            worker.decode(picture())
    assert "SECRET" not in str(said.value) and str(said.value).endswith(" in /")


def test_an_interrupt_leaves_no_half_answer(
    worker: DecodingWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(decoding_worker, "_read_planes", interrupt)
        with pytest.raises(KeyboardInterrupt):
            worker.decode(picture())
    assert sound(worker)
