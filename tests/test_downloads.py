"""Files come whole and with the known content or not at all, from a server on this machine."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ensir import downloads
from ensir.downloads import PART, download
from ensir.errors import InputError

CONTENT = bytes(range(256)) * 5000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
CUT = 300_000  # where a server that cuts off stops


class Server(ThreadingHTTPServer):
    """Serves its content: at /whole always whole, below /cut not to its end, at /gone not."""

    daemon_threads = True
    content = CONTENT
    ranges: list[str | None]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        if self.path == "/gone":
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=")[:-1]) if asked and self.path != "/whole" else 0
        content = self.server.content
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        self.wfile.write(content[start : CUT if self.path.startswith("/cut") else None])

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as one:
        one.ranges = []
        thread = threading.Thread(target=one.serve_forever, daemon=True)
        thread.start()
        yield one
        one.shutdown()
        thread.join()


def fetch(server: Server, path: str, output: Path, sha256: str = SHA256) -> list[tuple[int, int]]:
    steps: list[tuple[int, int]] = []
    link = f"http://127.0.0.1:{server.server_port}/{path}"
    download(link, output, sha256, lambda done, total: steps.append((done, total)))
    return steps


def test_a_file_comes_whole_and_leaves_no_part(server: Server, tmp_path: Path) -> None:
    steps = fetch(server, "file", tmp_path / "x.pth")
    assert (tmp_path / "x.pth").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["x.pth"]
    assert steps == sorted(steps) and steps[-1] == (len(CONTENT), len(CONTENT))


def test_what_was_cut_off_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.pth could not be fetched whole: try again"):
        fetch(server, "cut", tmp_path / "x.pth")
    assert not (tmp_path / "x.pth").exists()
    assert (tmp_path / f"x.pth{PART}").read_bytes() == CONTENT[:CUT]
    fetch(server, "file", tmp_path / "x.pth")
    assert server.ranges == [None, f"bytes={CUT}-"]
    assert (tmp_path / "x.pth").read_bytes() == CONTENT


def test_a_server_that_cannot_go_on_sends_all_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"x.pth{PART}").write_bytes(CONTENT[:1000])
    fetch(server, "whole", tmp_path / "x.pth")
    assert (tmp_path / "x.pth").read_bytes() == CONTENT


def test_a_part_that_is_all_of_it_is_taken(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"x.pth{PART}").write_bytes(CONTENT)
    fetch(server, "file", tmp_path / "x.pth")
    assert (tmp_path / "x.pth").read_bytes() == CONTENT


def test_another_content_is_thrown_away_and_what_was_there_stays(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "x.pth").write_bytes(b"before")
    with pytest.raises(InputError, match="another content than is known"):
        fetch(server, "file", tmp_path / "x.pth", "0" * 64)
    assert [path.name for path in tmp_path.iterdir()] == ["x.pth"]
    assert (tmp_path / "x.pth").read_bytes() == b"before"


def test_what_cannot_be_had_is_said(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"x\.pth is not to be had there \(HTTP 404\)"):
        fetch(server, "gone", tmp_path / "x.pth")
    with pytest.raises(InputError, match="https"):
        download("file:///x", tmp_path / "x.pth", SHA256, lambda done, total: None)
    with pytest.raises(InputError, match="could not be fetched whole"):
        download("http://127.0.0.1:9/x", tmp_path / "x", SHA256, lambda done, total: None)
    monkeypatch.setattr(downloads, "MOST_CHECKPOINT_BYTES", 1000)
    with pytest.raises(InputError, match="the limit here"):
        fetch(server, "file", tmp_path / "x.pth")
    assert not (tmp_path / "x.pth").exists()
