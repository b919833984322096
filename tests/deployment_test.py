"""What is said of running the app elsewhere agrees with what the app does."""

import contextlib
import importlib.util
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

import pytest
import torch

import ensir.limits
from ensir.images import encode_png
from ensir.limits import OWN_MACHINE, PUBLIC_DEMO
from ensir.restorers.registry import small_networks
from tests.fuzz.cases import strikes

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
DEPLOYMENT = (ROOT / "docs" / "deployment.md").read_text()
SECURITY = (ROOT / "SECURITY.md").read_text()


def steps() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile with their arguments."""
    lines = [line for line in DOCKERFILE.splitlines() if line and not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines()]


def arguments(instruction: str) -> list[str]:
    return [said for name, said in steps() if name == instruction]


def test_the_container_runs_as_nobody() -> None:
    names = [name for name, _ in steps()]
    (user,) = arguments("USER")
    assert all(part.isdigit() and int(part) > 0 for part in user.split(":"))
    assert names.index("USER") < names.index("CMD")
    assert not set(names[names.index("USER") :]) & {"RUN", "COPY", "ADD"}


def test_the_image_holds_what_the_app_needs_and_nothing_from_elsewhere() -> None:
    copied = [shlex.split(said)[:-1] for said in arguments("COPY")]
    files = {name for names in copied for name in names}
    assert files >= {"ensir", "assets", "sample_luts", "app.py", "requirements.txt"}
    assert all((ROOT / name).exists() for name in files)
    assert not files & {"tests", "scripts", "."} and not arguments("ADD")


def test_versions_are_those_of_the_requirements() -> None:
    (install,) = arguments("RUN")
    installs = [part for part in install.split("&&") if "pip install" in part]
    assert installs and all(re.search(r"-r /tmp/\w+\.txt\s*$", part) for part in installs)


def test_nothing_is_written_but_temporary_files() -> None:
    (settings,) = arguments("ENV")
    set_to = dict(part.split("=", 1) for part in shlex.split(settings))
    assert set_to["HOME"] == "/tmp" and set_to["NUMBA_CACHE_DIR"].startswith("/tmp/")
    assert set_to["PYTHONDONTWRITEBYTECODE"] == "1" and set_to["ENSIR_PUBLIC"] == "1"
    assert "--read-only" in DEPLOYMENT and "--tmpfs /tmp" in DEPLOYMENT


def test_the_container_is_asked_how_it_is_and_told_to_stop() -> None:
    assert "/healthz" in " ".join(arguments("HEALTHCHECK"))
    assert arguments("STOPSIGNAL") == ["SIGTERM"]
    assert arguments("CMD") == ['["python", "app.py"]']


def test_the_profiles_are_told_as_they_are() -> None:
    def row(start: str) -> str:
        return next(line for line in DEPLOYMENT.splitlines() if line.startswith(f"| {start}"))

    assert f"{OWN_MACHINE.pixels / 1e6:.0f} million" in row("pixels")
    assert f"{PUBLIC_DEMO.pixels / 1e6:.1f} million" in row("pixels")
    for one in (OWN_MACHINE, PUBLIC_DEMO):
        assert f"{one.temp_bytes // 2**30} GB" in row("temporary")
    assert f"{PUBLIC_DEMO.memory_bytes // 2**30} GB" in row("memory")
    assert f"{PUBLIC_DEMO.uploads_a_minute} a minute" in row("uploads")
    assert f"{PUBLIC_DEMO.events_a_minute} a minute, {PUBLIC_DEMO.pending} under" in row("events")


def test_the_limits_are_told_as_they_are() -> None:
    limits = vars(ensir.limits)
    for name, unit, said in (
        ("MOST_PICTURE_BYTES", 2**20, "{} MB, 40 million"),
        ("MOST_SCANS", 1, "20,000, {}"),
        ("MOST_DECODER_BYTES", 2**30, "| {} GB, "),
        ("DECODE_CPU_SECONDS", 1, "{} s of the processor, "),
        ("DECODE_SECONDS", 1, "{} s in all"),
        ("MOST_UPLOAD_BYTES", 2**20, "| {} MB, 1 MB"),
        ("MOST_BODY_BYTES", 2**20, "200 MB, {} MB"),
        ("MOST_TABLE_BYTES", 2**20, "| {} MB (200"),
        ("MOST_STATISTICS_BYTES", 2**30, "1 MB, {} GB"),
        ("MOST_PUBLISHED_BYTES", 2**20, "| {} MB, 4 MB"),
        ("MOST_CHECKPOINT_BYTES", 2**30, "| {} GB, 20,000"),
        ("LEAST_FREE_BYTES", 2**30, "refused | {} GB"),
    ):
        assert said.format(f"{limits[name] / unit:g}") in SECURITY, name


NO_PROXY = urllib.request.ProxyHandler({})
START, END = 120, 10  # seconds; a start takes five, and other work may share the processors


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def asked(address: str) -> tuple[dict[str, str], str]:
    """Headers, in small letters, and text of an answer of 200."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(address, timeout=5) as answer:
        return {
            name.lower(): value for name, value in answer.headers.items()
        }, answer.read().decode()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The app as the container runs it, and its address."""
    if importlib.util.find_spec("gradio") is None:
        pytest.skip("the app needs Gradio, which is not installed")
    port = free_port()
    environment = {
        **os.environ,
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(tmp_path / "temp"),
        "ENSIR_PUBLIC": "1",
        "NO_PROXY": "127.0.0.1,localhost",
    }
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, ROOT / "app.py"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=log,
            text=True,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            until = time.monotonic() + START
            while process.poll() is None and time.monotonic() < until:
                with contextlib.suppress(OSError):
                    asked(f"{address}/healthz")
                    break
                time.sleep(0.2)
            yield process, address
        finally:
            process.kill()
            process.wait()


def test_the_app_serves_a_public_demo_and_ends_when_it_is_told_to(
    served: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    process, address = served
    headers, text = asked(f"{address}/healthz")
    assert json.loads(text) == {"status": "ok"}
    assert "huggingface" in headers["content-security-policy"]
    headers, page = asked(address)
    assert headers["x-content-type-options"] == "nosniff" and "EnsIR" in page
    (folder,) = (tmp_path / "temp").iterdir()
    assert any(folder.iterdir())  # the example
    # A page that is open asks for what happens, for as long as it is.
    with urllib.request.urlopen(f"{address}/gradio_api/heartbeat/abc", timeout=5):
        process.send_signal(signal.SIGTERM)
        process.wait(END)
    assert list((tmp_path / "temp").iterdir()) == []
    lines = [line for line in (tmp_path / "log").read_text().splitlines() if line.startswith("{")]
    routes = {one["route"] for one in map(json.loads, lines) if one["event"] == "request"}
    assert {"/healthz", "/"} <= routes and "abc" not in "".join(lines)


def begin_long_work(address: str) -> str:
    """Has a picture restored that takes minutes, and returns where its answer is waited for."""
    import httpx

    grey = torch.full((3, 3000, 3000), 128, dtype=torch.uint8)
    sent = {"files": ("large.png", encode_png(grey), "image/png")}
    with httpx.Client(base_url=f"{address}/gradio_api", timeout=60) as sender:
        until = time.monotonic() + START
        while True:  # it answers a little before it takes uploads
            try:
                file = {"path": sender.post("/upload", files=sent).json()[0]}
                break
            except httpx.TransportError:
                assert time.monotonic() < until
                time.sleep(0.2)
        files = [file | {"meta": {"_type": "gradio.FileData"}}]
        asked_for = {"data": [files, small_networks("denoising"), 32, "em", None, False]}
        begun = sender.post("/call/fuse", json=asked_for)
    return f"{address}/gradio_api/call/fuse/{begun.json()['event_id']}"


@pytest.mark.parametrize("turn", range(strikes(1, 20)))
def test_the_app_ends_when_it_is_told_to_in_the_middle_of_work(
    served: tuple[subprocess.Popen[str], str], tmp_path: Path, turn: int
) -> None:
    process, address = served
    with urllib.request.urlopen(begin_long_work(address), timeout=60) as answer:
        time.sleep(turn % 4 / 2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END) == 0
        with contextlib.suppress(HTTPException, OSError):  # the answer breaks off anywhere
            assert b"complete" not in answer.read()
    assert list((tmp_path / "temp").iterdir()) == []
