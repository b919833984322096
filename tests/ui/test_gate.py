import json
import logging
import threading
from collections import namedtuple
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import gradio as gr
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from ensir.limits import MOST_BODY_BYTES, MOST_UPLOAD_BYTES, OWN_MACHINE, PUBLIC_DEMO, Profile
from ensir.ui import gate
from ensir.ui.app import gate_of, pending
from ensir.ui.gate import Bucket, Gate, address_of, route_of

pytestmark = pytest.mark.filterwarnings("default")

Usage = namedtuple("Usage", "total used free")
JOIN = "/gradio_api/queue/join"
UPLOAD = "/gradio_api/upload"


async def echo(request: Request) -> JSONResponse:
    return JSONResponse({"bytes": len(await request.body())})


INSIDE = Starlette(routes=[Route("/{path:path}", echo, methods=["GET", "POST"])])


def visitor(
    profile: Profile, folder: Path, pending: int = 0, address: str = "1.2.3.4"
) -> TestClient:
    return visitors(profile, folder, pending)(address)


def visitors(profile: Profile, folder: Path, pending: int = 0) -> Callable[[str], TestClient]:
    """Makes clients of one gate, by their addresses."""
    application = Gate(INSIDE, profile, folder, lambda _: pending)
    return lambda address: TestClient(application, client=(address, 50_000))


@pytest.fixture
def public(tmp_path: Path) -> TestClient:
    return visitor(PUBLIC_DEMO, tmp_path)


def assert_refused(answer: httpx.Response, status: int, sentence: str) -> None:
    assert answer.status_code == status
    assert sentence in answer.json()["detail"] and answer.json()["detail"] == answer.json()["error"]


def test_every_answer_has_the_headers_that_browsers_heed(public: TestClient) -> None:
    for answer in (public.get("/"), public.get("/healthz"), public.get("/gradio_api/proxy=x")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["content-security-policy"] == (
            "frame-ancestors 'self' https://huggingface.co https://*.hf.space"
        )


def test_a_page_of_ones_own_machine_is_framed_by_nobody_else(tmp_path: Path) -> None:
    answer = visitor(OWN_MACHINE, tmp_path).get("/")
    assert answer.headers["content-security-policy"] == "frame-ancestors 'self'"


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/proxy=https://example.org/x",
        "/proxy=https://example.org/x",
        "/gradio_api/file=http://example.org/x.png",
        "/gradio_api/file=HTTPS://example.org/x.png",
        "/gradio_api/deep_link",
        "/gradio_api/runs",
        "/runs/",
        "/gradio_api/run-history/records",
        "/gradio_api/dev/reload",
        "/monitoring/summary",
        "/gradio_api/vibe-edit",
        "/gradio_api/process_recording",
    ],
)
def test_what_nobody_needs_is_closed(public: TestClient, path: str) -> None:
    assert_refused(public.get(path), 404, "there is nothing here")
    assert_refused(public.post(path), 404, "there is nothing here")


@pytest.mark.parametrize("path", ["/", "/config", "/gradio_api/run/x", "/gradio_api/file=/x.png"])
def test_what_the_page_needs_is_open(public: TestClient, path: str) -> None:
    assert public.get(path).status_code == 200


def test_a_request_that_says_it_is_too_long_is_not_read(public: TestClient) -> None:
    for path, most in ((JOIN, MOST_BODY_BYTES), (UPLOAD, MOST_UPLOAD_BYTES)):
        said = public.post(path, headers={"content-length": str(most + 1)}, content=b"x")
        assert_refused(said, 413, f"at most {most // 2**20} MB here: send less")


def test_a_request_that_does_not_say_its_length_is_cut_off(public: TestClient) -> None:
    def pieces(count: int) -> Iterator[bytes]:
        for _ in range(count):
            yield bytes(2**18)

    assert public.post(JOIN, content=pieces(4)).json() == {"bytes": MOST_BODY_BYTES}
    assert_refused(public.post(JOIN, content=pieces(5)), 413, "at most 1 MB here: send less")
    assert public.post(JOIN, content=b"x").status_code == 200


def test_uploads_of_an_address_are_counted_by_the_minute(tmp_path: Path) -> None:
    of = visitors(replace(PUBLIC_DEMO, uploads_a_minute=3), tmp_path)
    assert [of("1.2.3.4").post(UPLOAD).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert_refused(of("1.2.3.4").post(UPLOAD), 429, "more than 3 uploads a minute")
    assert of("1.2.3.5").post(UPLOAD).status_code == 200
    assert of("1.2.3.4").post(JOIN).status_code == 200


@pytest.mark.parametrize("path", [JOIN, "/gradio_api/call/fuse", "/gradio_api/run/predict"])
def test_events_of_an_address_are_counted_by_the_minute(tmp_path: Path, path: str) -> None:
    client = visitor(replace(PUBLIC_DEMO, events_a_minute=2), tmp_path)
    assert [client.post(path).status_code for _ in range(3)] == [200, 200, 429]
    assert client.get("/").status_code == 200


def test_an_address_has_few_events_under_way(tmp_path: Path) -> None:
    most = PUBLIC_DEMO.pending
    assert visitor(PUBLIC_DEMO, tmp_path, most - 1).post(JOIN).status_code == 200
    busy = visitor(PUBLIC_DEMO, tmp_path, most)
    assert_refused(busy.post(JOIN), 429, f"{most} requests of yours are under way")
    assert visitor(OWN_MACHINE, tmp_path, 1000).post(JOIN).status_code == 200


def test_ones_own_machine_has_no_limits_by_address(tmp_path: Path) -> None:
    client = visitor(OWN_MACHINE, tmp_path)  # more than 60 uploads
    assert {client.post(path).status_code for path in (UPLOAD, JOIN) * 70} == {200}


def test_a_full_disk_takes_no_uploads_and_is_not_well(
    public: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (public.get("/healthz").status_code, public.get("/healthz").json()) == (
        200,
        {"status": "ok"},
    )
    monkeypatch.setattr(gate.shutil, "disk_usage", lambda _: Usage(10, 9, 1))
    assert_refused(public.post(UPLOAD), 507, "no room for more files")
    assert public.post(JOIN).status_code == 200
    answer = public.get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"status": "busy", "why": "disk"})


def test_nothing_is_begun_where_memory_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "resident_bytes", lambda: PUBLIC_DEMO.memory_bytes + 1)
    client = visitor(PUBLIC_DEMO, tmp_path)
    assert_refused(client.post(JOIN), 503, "short of memory")
    assert client.get("/").status_code == 200
    assert client.get("/healthz").json() == {"status": "busy", "why": "memory"}
    assert visitor(OWN_MACHINE, tmp_path).post(JOIN).status_code == 200


def test_the_memory_of_this_process_is_known() -> None:
    assert 2**24 < gate.resident_bytes() < 2**36


def test_a_bucket_forgets_addresses_before_it_grows_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gate, "MOST_ADDRESSES", 10)
    bucket = Bucket(1)
    assert all(bucket.takes(str(place), 0) for place in range(100))
    assert len(bucket.left) == 10 and not bucket.takes("99", 0)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("testclient", "testclient"),
    ],
)
def test_the_network_of_a_customer_is_one_address(host: str, address: str) -> None:
    assert address_of({"client": (host, 1)}) == address
    assert address_of({"client": None}) == ""


def test_the_log_names_nobody_and_nothing(
    public: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="ensir.requests"):
        public.get("/gradio_api/file=/tmp/ensir-secret/ann%1bholiday.png?session_hash=k3j4")
        public.post("/gradio_api/proxy=https://example.org", content=b"x")
        public.get("/ann%1b%e2%80%ae/holiday")
    told = [record.fields for record in caplog.records]
    assert [(one["route"], one["status"]) for one in told] == [
        ("/gradio_api/file", 200),
        ("/gradio_api/proxy", 404),
        ("other", 200),
    ]
    text = json.dumps(told)
    assert not any(word in text for word in ("ann", "holiday", "secret", "k3j4", "example", "1.2"))


def test_a_refusal_of_gradio_is_the_fault_of_the_request(tmp_path: Path) -> None:
    inside = Starlette(
        routes=[Route("/", lambda _: JSONResponse({"error": "no"}, 500), methods=["POST"])]
    )
    answer = TestClient(Gate(inside, OWN_MACHINE, tmp_path, lambda _: 0)).post("/")
    assert (answer.status_code, answer.json()) == (400, {"error": "no"})


def test_what_trips_over_a_request_is_an_id_and_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def inside(scope: object, receive: object, send: object) -> None:
        raise KeyError("/home/ann/secret.png")

    client = TestClient(Gate(inside, OWN_MACHINE, tmp_path, lambda _: 0))
    answer = client.post("/gradio_api/call/v2/fuse", json={})
    assert_refused(answer, 400, "this request cannot be answered (id ")
    assert "secret" not in answer.text
    (error,) = (record for record in caplog.records if record.exc_info)
    assert error.getMessage().removeprefix("error ") in answer.text


@pytest.mark.parametrize("path", ["/config", "/gradio_api/queue/join", "/theme.css", "/"])
def test_routes_are_told_apart(path: str) -> None:
    assert path.startswith(route_of(path)) and route_of(path) != "other"


def test_events_that_run_or_wait_are_counted_for_their_address() -> None:
    finish = threading.Event()
    with gr.Blocks(analytics_enabled=False) as app:
        gr.api(lambda: finish.wait(60), api_name="wait")
    app.queue(default_concurrency_limit=1)
    gated = gate_of(app, replace(PUBLIC_DEMO, pending=2))
    _, address, _ = app.launch(
        prevent_thread_lock=True, quiet=True, run_history=False, app_kwargs={"middleware": [gated]}
    )
    try:
        send = lambda: httpx.post(f"{address}gradio_api/call/wait", json={"data": []})  # noqa: E731
        answers = [send(), send()]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert pending(app, "127.0.0.1") == 2 and pending(app, "127.0.0.2") == 0
        assert_refused(send(), 429, "2 requests of yours are under way")
    finally:
        finish.set()
        app.close(verbose=False)
