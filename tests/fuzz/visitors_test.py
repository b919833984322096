"""Two visitors at once: nothing of one is reached by the other."""

import contextlib
import importlib.util
import json
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import httpx
import pytest

if importlib.util.find_spec("gradio") is None:
    pytest.skip("the app needs Gradio, which is not installed", allow_module_level=True)

from ensir.ui import launch  # isort: skip - ensir.ui comes before Gradio
import gradio as gr

from ensir.images import encode_png
from ensir.progress import IsCancelled, OnProgress
from ensir.ui.jobs import followed
from ensir.ui.temp_folder import sweep
from tests.conftest import make_pictures
from tests.fuzz.cases import strikes

pytestmark = pytest.mark.filterwarnings("default")

MODELS = ["median", "bilateral"]
# An address of a file is a key to it: so long that nobody guesses one.
KEY = re.compile(r"[0-9a-f]{32,}")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    yield launch(wait=False)
    gr.close_all(verbose=False)


class Visitor:
    """Uploads a picture of his own, has it fused, and remembers every address that he sees."""

    def __init__(self, address: str, seed: int) -> None:
        picture, _ = make_pictures(seed, members=1, height=20, width=18)
        self.picture = encode_png(picture[0])
        self.http = httpx.Client(base_url=address, timeout=60)
        self.paths: list[str] = []

    def work(self) -> None:
        files = {"files": ("holiday.png", self.picture, "image/png")}
        self.upload = self.http.post("/gradio_api/upload", files=files).json()[0]
        file = {"path": self.upload, "meta": {"_type": "gradio.FileData"}}
        begun = self.http.post(
            "/gradio_api/call/fuse", json={"data": [[file], MODELS, 64, "em", None, False]}
        )
        self.event = begun.json()["event_id"]
        ended = self.http.get(f"/gradio_api/call/fuse/{self.event}").text
        assert "event: complete" in ended, ended
        self.result = json.loads(ended.splitlines()[1].removeprefix("data: "))[0]["path"]
        self.paths = [self.upload, self.result]

    def fetched(self, path: str) -> httpx.Response:
        return self.http.get(f"/gradio_api/file={path}")


@pytest.fixture(scope="module")
def visitors(address: str) -> Iterator[tuple[Visitor, Visitor]]:
    made = Visitor(address, seed=31), Visitor(address, seed=32)
    for visitor in made:
        visitor.work()
    yield made
    for visitor in made:
        visitor.http.close()


def test_each_has_files_of_his_own(visitors: tuple[Visitor, Visitor]) -> None:
    ann, bob = visitors
    assert not set(ann.paths) & set(bob.paths)
    assert ann.fetched(ann.upload).content == ann.picture
    assert ann.fetched(ann.result).content != bob.fetched(bob.result).content


def test_an_address_is_a_key_that_nobody_guesses(visitors: tuple[Visitor, Visitor]) -> None:
    for visitor in visitors:
        assert all(KEY.search(Path(path).parent.name) for path in visitor.paths)


def test_no_address_near_ones_own_leads_to_others(visitors: tuple[Visitor, Visitor]) -> None:
    ann, bob = visitors
    theirs = {ann.picture, ann.fetched(ann.result).content}
    for own in bob.paths:
        path = Path(own)
        near = {
            *(f"{parent}" for parent in path.parents),
            *(f"{parent}/" for parent in path.parents),
            *(f"{parent}/{Path(other).name}" for parent in path.parents for other in ann.paths),
            f"{path.parent}/../",
            f"{path.parent.parent}/*/holiday.png",
            f"{path.parent}%00/../",
        }
        for place in near:
            answer = bob.fetched(place)
            assert answer.content not in theirs
            assert place == own or answer.status_code in (200, 403, 404) or answer.is_error
            assert Path(ann.upload).parent.name not in answer.text


def test_what_was_answered_once_is_not_answered_again(visitors: tuple[Visitor, Visitor]) -> None:
    ann, bob = visitors
    address = f"/gradio_api/call/fuse/{ann.event}"
    # What has been handed over is waited for in vain.
    with (
        contextlib.suppress(httpx.ReadTimeout),
        bob.http.stream("GET", address, timeout=2) as answer,
    ):
        for line in answer.iter_lines():
            assert "complete" not in line and Path(ann.result).name not in line


def test_nothing_that_is_published_names_a_file_of_a_visitor(
    visitors: tuple[Visitor, Visitor],
) -> None:
    ann, bob = visitors
    for path in ("/config", "/gradio_api/info", "/gradio_api/openapi.json", "/", "/healthz"):
        text = bob.http.get(path).text
        assert not any(Path(one).parent.name in text for one in ann.paths)


LEFT_UPLOADS, LEFT_JOBS = 100, strikes(10, 50)
SOON = 20.0  # seconds; two are enough on a quiet machine


@contextlib.contextmanager
def served(app: gr.Blocks) -> Iterator[str]:
    """The address of a small app, served as Gradio does; ours takes longer to start."""
    _, address, _ = app.launch(prevent_thread_lock=True, quiet=True, run_history=False)
    try:
        yield address
    finally:
        app.close(verbose=False)


def test_uploads_that_break_off_leave_nothing_behind_the_next_sweep() -> None:
    with gr.Blocks(analytics_enabled=False) as app:
        gr.File()
    with served(app) as address:
        break_off_and_sweep(address)
        assert httpx.get(address).is_success


def break_off_and_sweep(address: str) -> None:
    folder, where = Path(os.environ["GRADIO_TEMP_DIR"]), urlparse(address)
    keep = frozenset(path for path in folder.rglob("*") if path.is_file())
    head = (
        f"POST /gradio_api/upload HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: 1000000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        'Content-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    )
    for turn in range(LEFT_UPLOADS):
        with socket.create_connection((where.hostname, where.port), timeout=SOON) as left:
            left.sendall(head.encode() + bytes(1000 * turn))
    until = time.monotonic() + SOON

    def left() -> set[Path]:
        sweep(folder, keep, -1, 0, time.time())
        return {path for path in folder.rglob("*") if path.is_file()} - keep

    while left() and time.monotonic() < until:
        time.sleep(0.1)
    assert not left()


def test_the_work_of_a_visitor_who_leaves_ends_soon() -> None:
    begun, ended = threading.Semaphore(0), threading.Semaphore(0)

    def work(on_progress: OnProgress, cancelled: IsCancelled) -> None:
        begun.release()
        until = time.monotonic() + 10 * SOON
        while not cancelled() and time.monotonic() < until:
            time.sleep(0.01)
        if cancelled():
            ended.release()

    def steps() -> Iterator[str]:
        for done, _ in followed(work, "test"):
            yield str(done)

    with gr.Blocks(analytics_enabled=False) as app:
        gr.Button().click(steps, None, gr.Textbox())
    with served(app) as address:
        for turn in range(LEFT_JOBS):
            body = {"data": [], "fn_index": 0, "session_hash": f"visitor{turn}"}
            queue = f"{address}gradio_api/queue"
            assert httpx.post(f"{queue}/join", json=body).is_success
            with httpx.stream("GET", f"{queue}/data?session_hash=visitor{turn}") as answers:
                next(line for line in answers.iter_lines() if "process_generating" in line)
                assert begun.acquire(timeout=SOON)
            assert ended.acquire(timeout=SOON)
