"""How long the app takes to start, and the first click of a visitor beside the second.

    python benchmarks/app.py [--starts 3] [--imports 5]

Everything is started anew, in processes of its own, and medians are shown; CPU time is what a busy
machine changes less than seconds. A click is what the page sends when a pixel is pinned, a refit
what it sends when the trust is moved; a fusion is one of three uploaded candidates of 512 × 512,
as another program asks for it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import torch

from ensir.images import encode_png
from ensir.ui.example import LATER

ROOT = Path(__file__).resolve().parents[1]
APP = "import ensir.ui.app"
IMPORTS = {
    "nothing": ["-c", ""],
    "`import ensir`": ["-c", "import ensir"],
    "`ensir --help`": ["-m", "ensir", "--help"],
    "`import ensir.ui`": ["-c", "import ensir.ui"],
    "`import ensir.ui.app`": [
        "-c",
        "import ensir.ui.app",
    ],
}
HEAVY = ("torch", "gradio", "matplotlib", "numba", "cv2")
LARGEST = 5  # packages that are named, of all that are imported
MODELS = ["median", "bilateral", "total variation"]
SIDE = 512
TURNS = 4  # of each action
FREQUENCY = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Taken:
    """Seconds of something, and what the process that did it worked meanwhile."""

    seconds: float
    cpu: float


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--starts", type=int, default=3, help="of the app")
    parser.add_argument("--imports", type=int, default=5, help="of each import")
    given = parser.parse_args()
    print(
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}; "
        f"medians of {given.imports} imports and {given.starts} starts, load before the start "
        f"{os.getloadavg()[0]:.1f}\n"
    )
    print("| import | seconds | CPU seconds | heavy | of it, packages, s |")
    print("| --- | ---: | ---: | --- | --- |")
    for name, arguments in IMPORTS.items():
        taken = [imported(arguments) for _ in range(given.imports)]
        spent = packages(arguments)
        heavy = ", ".join(name for name in HEAVY if name in spent) or "none"
        largest = ", ".join(f"{one} {spent[one]:.2f}" for one in list(spent)[:LARGEST])
        print(f"| {name} | {in_words(taken)} | {heavy} | {largest} |", flush=True)
    starts = [visited() for _ in range(given.starts)]
    print("\n| the app | seconds | CPU seconds |\n| --- | ---: | ---: |")
    for name in ("until it answers", "until it is idle"):
        print(f"| {name} | {in_words([start[name][0] for start in starts])} |")
    print("\n| action | first, s | second, s | later, s | first, CPU s | second | later |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name in ("click", "its EM, replayed", "refit", "fusion"):
        turns = [[start[name][turn] for start in starts] for turn in range(TURNS)]
        of_turns = [*turns[:2], [one for turn in turns[2:] for one in turn]]
        wall = " | ".join(
            f"{statistics.median(one.seconds for one in turn):.3f}" for turn in of_turns
        )
        cpu = " | ".join(f"{statistics.median(one.cpu for one in turn):.2f}" for turn in of_turns)
        print(f"| {name} | {wall} | {cpu} |")
    return 0


def in_words(taken: Sequence[Taken]) -> str:
    seconds, cpu = (
        statistics.median(getattr(one, name) for one in taken) for name in ("seconds", "cpu")
    )
    return f"{seconds:.2f} | {cpu:.2f}"


def imported(arguments: Sequence[str]) -> Taken:
    """A process of its own that imports something and ends."""
    begin, cpu_begin = time.perf_counter(), os.times()
    subprocess.run([sys.executable, *arguments], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    seconds, cpu = time.perf_counter() - begin, os.times()
    user, system = (
        getattr(cpu, name) - getattr(cpu_begin, name)
        for name in ("children_user", "children_system")
    )
    return Taken(seconds, user + system)


def packages(arguments: Sequence[str]) -> dict[str, float]:
    """Seconds that each package's modules took by themselves, the longest first."""
    said = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        check=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
    ).stderr
    spent: dict[str, float] = {}
    for microseconds, module in re.findall(
        r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)$", said, re.M
    ):
        package = module.split(".")[0]
        spent[package] = spent.get(package, 0.0) + int(microseconds) / 1e6
    return dict(sorted(spent.items(), key=lambda one: -one[1]))


def visited() -> dict[str, list[Taken]]:
    """A start of the app and what its first visitor waits for, each a few times."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as (address, process, began):
        taken = {"until it answers": [Taken(time.perf_counter() - began, cpu_of(process))]}
        wait_until_idle(process)
        taken["until it is idle"] = [Taken(time.perf_counter() - began, cpu_of(process))]
        visitor = Visitor(address)

        def several(action: Callable[[int], None]) -> list[Taken]:
            turns = []
            for turn in range(TURNS):
                begin, cpu_begin = time.perf_counter(), cpu_of(process)
                action(turn)
                seconds = time.perf_counter() - begin
                turns.append(Taken(seconds, cpu_of(process) - cpu_begin))
            return turns

        places = [{"x": 40 + 90 * turn, "y": 200} for turn in range(TURNS)]
        taken["click"] = several(lambda turn: visitor.does("on_pick", about=places[turn]))
        taken["its EM, replayed"] = several(
            lambda turn: visitor.does("on_replay", {"x": places[turn]["x"]})
        )
        trust = [0.9 - 0.1 * turn for turn in range(TURNS)]
        taken["refit"] = several(lambda turn: visitor.does("on_refit", {"trust": trust[turn]}))
        pictures = [visitor.uploads(picture) for picture in drawn_candidates()]
        taken["fusion"] = several(lambda turn: visitor.fuses(pictures))
        visitor.http.close()
        return taken


@contextlib.contextmanager
def served(folder: Path) -> Iterator[tuple[str, int, float]]:
    """The app in a process of its own, once it answers: its address, process and beginning."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    environment = {**os.environ, "GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(folder)}
    address = f"http://127.0.0.1:{port}"
    began = time.perf_counter()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, ROOT / "app.py"], env=environment, stdout=log, stderr=log
        )
    try:
        while process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(address, timeout=30).is_success:
                    break
            time.sleep(0.02)
        else:
            raise SystemExit(f"the app did not start:\n{(folder / 'log').read_text()[-2000:]}")
        yield address, process.pid, began
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


class Visitor:
    """What the page of a visitor sends, and how long it waits for the answers."""

    def __init__(self, address: str) -> None:
        self.http = httpx.Client(base_url=f"{address}/gradio_api", timeout=120)
        config = httpx.get(f"{address}/config", timeout=120).json()
        self.events = {one["api_name"]: one for one in config["dependencies"]}
        self.fields = {one["id"]: one for one in config["components"]}
        self.session = "benchmark"

    def does(
        self, event: str, changed: Mapping[str, object] | None = None, about: object = None
    ) -> None:
        """An event of the page; `changed` are values by a field's id or label."""
        asked = self.events[event]
        data = [self._value(place, changed or {}) for place in asked["inputs"]]
        joined = {"data": data, "event_data": about, "fn_index": asked["id"]}
        self.http.post(
            "/queue/join", json={**joined, "session_hash": self.session}
        ).raise_for_status()
        with self.http.stream(
            "GET", "/queue/data", params={"session_hash": self.session}
        ) as answer:
            for line in answer.iter_lines():
                said = json.loads(line.removeprefix("data: ")) if line else {}
                if said.get("msg") == "process_completed":
                    if not said["success"]:
                        raise SystemExit(f"{event} failed: {said['output']}")
                    return

    def _value(self, place: int, changed: Mapping[str, object]) -> object:
        field = self.fields[place]["props"]
        for name in (field.get("elem_id"), field.get("label")):
            if name in changed:
                return changed[name]
        return None if self.fields[place]["type"] == "state" else field.get("value")

    def uploads(self, picture: bytes) -> dict[str, object]:
        files = {"files": ("candidate.png", picture, "image/png")}
        path = self.http.post("/upload", files=files).raise_for_status().json()[0]
        return {"path": path, "meta": {"_type": "gradio.FileData"}}

    def fuses(self, pictures: Sequence[object]) -> None:
        given = [pictures, MODELS, 32, "em", None, False]
        begun = self.http.post("/call/fuse", json={"data": given}).raise_for_status().json()
        ended = self.http.get(f"/call/fuse/{begun['event_id']}").text
        if "event: complete" not in ended:
            raise SystemExit(f"a fusion failed: {ended}")


def wait_until_idle(process: int) -> None:
    """Waits for what the app does after its start, which begins late where no page is opened."""
    time.sleep(LATER)
    worked = -1.0
    while cpu_of(process) - worked > 0.05:
        worked = cpu_of(process)
        time.sleep(1)


def cpu_of(process: int) -> float:
    """Seconds that a process has worked."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / FREQUENCY


def drawn_candidates() -> list[bytes]:
    """A smooth picture as three models would make it, as PNG files."""
    torch.manual_seed(0)
    small = 255 * torch.rand(1, 3, SIDE // 16, SIDE // 16)
    truth = torch.nn.functional.interpolate(small, (SIDE, SIDE), mode="bicubic")[0]
    made = [truth + 3 * torch.randn(truth.shape) for _ in MODELS]
    return [encode_png(picture.round().clamp(0, 255).to(torch.uint8)) for picture in made]


if __name__ == "__main__":
    sys.exit(main())
