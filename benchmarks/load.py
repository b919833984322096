"""What many visitors at once take: waiting times, errors, memory and temporary files.

    python benchmarks/load.py [--visitors N] [--minutes M]

Starts the app in a process of its own, and visits it with N - 1 programs and one browser at low
priority; without Chromium, with N programs. Each program browses (the page, the description of a
table), probes a pixel, and fuses a picture of 512 x 512, in shares of 6 : 3 : 1, and thinks
between. "Queue is full" is counted apart: it is an answer, not an error. Memory is compared between
the first and the second half. When all have left, temporary files are as many as are allowed.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
MODELS = ["median", "bilateral"]
PIXEL = [[200, 120, 60], [205, 118, 64]]
SHARES = {"browse": 6, "probe": 3, "fuse": 1}
THINKS = (0.5, 3.0)  # seconds between two actions
LIGHT_BOUND, FUSE_BOUND = 2.0, 10.0  # seconds, 95 % of the time
GROWTH_BOUND = 0.05  # of memory, in the second half
TEMPORARY_BOUND = 64 * 2**20  # bytes of temporary files: so few that the app has to sweep
MOST_LEFT = TEMPORARY_BOUND + 8 * 2**20  # with the example, which stays
SWEPT_SECONDS = 130  # two sweeps
# The app as it is, but for that bound.
PROGRAM = f"""
from dataclasses import replace
from ensir import limits
limits.OWN_MACHINE = replace(limits.OWN_MACHINE, temp_bytes={TEMPORARY_BOUND})
from ensir.ui import launch
launch()
"""


@dataclass
class Record:
    """What happened, shared by all visitors."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)
    full: int = 0
    memory: list[int] = field(default_factory=list)  # bytes, in turn
    temporary: list[int] = field(default_factory=list)
    left: int = 0  # bytes of temporary files when all have left
    lock: threading.Lock = field(default_factory=threading.Lock)

    def timed(self, kind: str, action: Callable[[], object]) -> None:
        began = time.monotonic()
        try:
            action()
        except Exception as error:  # whatever a client meets is what is counted here
            with self.lock:
                if "full" in str(error).lower():
                    self.full += 1
                else:
                    self.errors.append(f"{kind}: {error!r:.200}")
        else:
            with self.lock:
                self.seconds[kind].append(time.monotonic() - began)


@contextlib.contextmanager
def served(temp: Path) -> Iterator[tuple[str, int]]:
    """The app in a process of its own: its address and process id."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    environment = {**os.environ, "GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(temp)}
    with (temp.parent / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    address = f"http://127.0.0.1:{port}"
    try:
        while process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{address}/healthz", timeout=5).is_success:
                    break
            time.sleep(0.2)
        yield address, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def visit(address: str, picture: Path, seed: int, record: Record, until: float) -> None:
    """One program: it does what its shares say until the time is over."""
    from gradio_client import Client, handle_file

    from ensir.images import read_image, write_image

    draw = random.Random(seed)
    pixels, own = read_image(picture), picture.parent / f"{seed}.png"
    client = None
    while client is None and time.monotonic() < until:
        with contextlib.suppress(Exception):  # it is the app's start that may be slow, not a visit
            client = Client(address, verbose=False, download_files=str(picture.parent / str(seed)))
    if client is None:
        return
    actions: dict[str, Callable[[], object]] = {
        "browse": lambda: (
            httpx.get(address, timeout=60).raise_for_status(),
            client.predict(MODELS, 64, api_name="/table_info"),
        ),
        "probe": lambda: client.predict(PIXEL, MODELS, 64, api_name="/weights_at"),
        "fuse": lambda: client.predict([handle_file(own)], MODELS, 64, api_name="/fuse"),
    }
    while time.monotonic() < until:
        (kind,) = draw.choices(list(SHARES), list(SHARES.values()))
        if kind == "fuse":  # another picture each time: the app keeps one file of the same
            shift = draw.randrange(512), draw.randrange(512)
            write_image(own, pixels.roll(shift, dims=(1, 2)))
        record.timed(kind, actions[kind])
        time.sleep(draw.uniform(*THINKS))


def has_browser() -> bool:
    there = importlib.util.find_spec("playwright") is not None and shutil.which("chromium")
    if not there:
        print("no browser: chromium or playwright is not installed")
    return bool(there)


def look(address: str, record: Record, until: float) -> None:
    """One browser: it opens the page again and again, and looks at every tab."""
    from playwright.sync_api import sync_playwright

    options = ["--no-sandbox", "--force-color-profile=srgb"]
    command = ["nice", "-n", "10", shutil.which("chromium") or ""]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        gentle = Path(folder, "chromium")
        gentle.write_text(f'#!/bin/sh\nexec {" ".join(command)} "$@"\n')
        gentle.chmod(0o700)
        browser = playwright.chromium.launch(executable_path=gentle, args=options)
        while time.monotonic() < until:
            page = browser.new_page()

            def opened(page: object = page) -> None:
                page.goto(address, wait_until="domcontentloaded", timeout=60_000)
                page.get_by_role("tab").first.wait_for(timeout=60_000)

            def looked_at(page: object = page) -> None:
                for tab in page.get_by_role("tab").all():
                    if tab.is_visible():
                        tab.click(timeout=60_000)

            record.timed("browser opens", opened)
            record.timed("browser tabs", looked_at)
            time.sleep(5)
            page.close()
        browser.close()


def watch(process_id: int, temp: Path, record: Record, until: float) -> None:
    """Notes memory and temporary files, and afterwards waits for the last sweep."""
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            pages = int(Path(f"/proc/{process_id}/statm").read_text().split()[1])
            record.memory.append(pages * os.sysconf("SC_PAGE_SIZE"))
            record.temporary.append(bytes_in(temp))
        time.sleep(1)
    until += SWEPT_SECONDS
    while bytes_in(temp) > MOST_LEFT and time.monotonic() < until:
        time.sleep(1)
    record.left = bytes_in(temp)


def bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # swept meanwhile
            total += path.stat().st_size if path.is_file() else 0
    return total


def percentile(values: list[float], share: int) -> float:
    return statistics.quantiles(values, n=100)[share - 1] if len(values) > 1 else values[0]


def report(record: Record) -> bool:
    """Prints all figures; whether they are within their bounds."""
    print(f"{'kind':16} {'count':>6} {'p50 s':>8} {'p95 s':>8}")
    within = not record.errors
    for kind, seconds in sorted(record.seconds.items()):
        slow = percentile(seconds, 95)
        print(f"{kind:16} {len(seconds):6} {percentile(seconds, 50):8.2f} {slow:8.2f}")
        if kind in SHARES:
            within &= slow < (FUSE_BOUND if kind == "fuse" else LIGHT_BOUND)
    print(f"errors {len(record.errors)}, queue full {record.full}")
    for error in sorted(set(record.errors))[:10]:
        print(f"  {error}")
    if len(record.memory) > 3:
        half = len(record.memory) // 2
        # The most in the second half against the most in the first: what comes and goes is none.
        growth = max(record.memory[half:]) / max(record.memory[:half]) - 1
        within &= growth < GROWTH_BOUND
        print(f"memory {max(record.memory) / 2**20:.0f} MB, {growth:+.1%} in the second half")
    if record.temporary:
        within &= record.left <= MOST_LEFT
        print(
            f"temporary files {max(record.temporary) / 2**20:.0f} MB at most, "
            f"{record.left / 2**20:.0f} MB in the end"
        )
    return within


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=10)
    given = parser.parse_args()

    import torch

    from ensir.images import write_image

    record = Record()
    with tempfile.TemporaryDirectory() as folder:
        picture, temp = Path(folder, "picture.png"), Path(folder, "temp")
        noise = torch.randint(100, 140, (3, 512, 512), generator=torch.Generator().manual_seed(1))
        write_image(picture, noise.to(torch.uint8))
        temp.mkdir()
        with served(temp) as (address, process_id):
            until = time.monotonic() + 60 * given.minutes
            browsers = has_browser()
            jobs: list[tuple[Callable[..., None], tuple[object, ...]]] = [
                (visit, (address, picture, seed, record, until))
                for seed in range(given.visitors - browsers)
            ]
            jobs.append((watch, (process_id, temp, record, until)))
            if browsers:
                jobs.append((look, (address, record, until)))
            threads = [threading.Thread(target=job, args=arguments) for job, arguments in jobs]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    sys.exit(not report(record))


if __name__ == "__main__":
    main()
