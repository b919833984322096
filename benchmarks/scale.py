"""What a fit costs as it grows, and what it loses when it is killed: memory, workers, SIGKILL.

    python benchmarks/scale.py [memory workers killed-worker killed-fit]

Pictures of 320 × 240 with three candidates are drawn, each under ten names. Memory is the most that
the process of `ensir fit` held at a time. CPU time is what all processes work together, which a
busy machine changes less than seconds. What is killed is held against a fit that was left alone:
its table must be the same, bit for bit.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from ensir import ReferenceSet, ReferenceStatistics, cluster, fit_statistics, gather_reference_set
from ensir.images import write_image
from ensir.table_files import table_bytes

CANDIDATES = ("A", "B", "C")
HEIGHT, WIDTH = 240, 320
DRAWN, NAMES_OF_EACH = 50, 10
FEW, SOME, ALL = 10, 200, DRAWN * NAMES_OF_EACH
BIN_WIDTH = 32
WORKERS = (1, 2, 4)
REPEATS = 3
KILLS, SEED = 20, 0
KEPT_EVERY = 0.25  # seconds; fits take much longer than these, and keep their sums every 10
# Says how many pictures are summed after each one, and at the end the most memory held, in kB.
FIT = """
import sys
from pathlib import Path
from ensir import commands, gathering
from ensir.__main__ import parser

gathering.SAVE_EVERY = float(sys.argv[1])
chosen = parser().parse_args(["fit", *sys.argv[2:]])
commands.fit(chosen, lambda done, total: print(done, flush=True))
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(status["VmHWM"].split()[0], flush=True)
"""


@dataclass(frozen=True)
class Run:
    """A fit in a process of its own."""

    seconds: float
    cpu: float
    killed: bool
    said: tuple[int, ...]  # how many pictures were summed, after each; the last one memory in kB

    @property
    def peak(self) -> float:
        """MB; of a fit that ended."""
        return self.said[-1] / 1024


@dataclass(frozen=True)
class Folders:
    """Reference sets on the disk, by how many pictures they have, and room for tables."""

    work: Path
    sets: dict[int, Path]

    def pictures(self, number: int) -> ReferenceSet:
        return ReferenceSet(self.sets[number], CANDIDATES)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"{', '.join(SECTIONS)}")
    given = parser.parse_args()
    unknown = sorted(set(given.sections) - set(SECTIONS))
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}: choose among {', '.join(SECTIONS)}")
    print(
        f"{WIDTH} × {HEIGHT}, {len(CANDIDATES)} candidates, bin width {BIN_WIDTH}; "
        f"{os.cpu_count()} cores, {platform.machine()}, torch {torch.__version__}, load before the "
        f"start {os.getloadavg()[0]:.1f}"
    )
    with tempfile.TemporaryDirectory() as folder:
        folders = drawn_folders(Path(folder))
        for section in given.sections or SECTIONS:
            print(f"\n{section}\n", flush=True)
            SECTIONS[section](folders)
    return 0


def memory(folders: Folders) -> None:
    print("| pictures | most memory, MB | seconds | CPU seconds |\n| ---: | ---: | ---: | ---: |")
    for number in folders.sets:
        run = fitted(folders.sets[number], folders.work / "memory.safetensors")
        print(f"| {number} | {run.peak:.0f} | {run.seconds:.1f} | {run.cpu:.1f} |", flush=True)


def workers(folders: Folders) -> None:
    reference_set = folders.pictures(SOME)
    alone = partial(gather_reference_set, reference_set, BIN_WIDTH)
    print(f"{SOME} pictures; the medians of {REPEATS} runs after the first\n")
    print("| way | until workers are there, s | first run, s | others, s | others, CPU s |")
    print("| --- | ---: | ---: | ---: | ---: |")
    report_runs("one process without Dask", 0.0, alone, time.process_time)
    for number in WORKERS:
        begin = time.perf_counter()
        with cluster.connected(None, number) as client:
            started = time.perf_counter() - begin

            def cpu(ask: Callable[..., dict[str, float]] = client.run) -> float:
                return time.process_time() + sum(ask(time.process_time).values())

            together = partial(cluster.gather_on, client, reference_set, BIN_WIDTH)
            report_runs(f"{number} worker{'s' * (number > 1)}", started, together, cpu)


def report_runs(
    way: str, started: float, gather: Callable[[], object], cpu: Callable[[], float]
) -> None:
    times = []
    for _ in range(REPEATS + 1):
        begin, cpu_begin = time.perf_counter(), cpu()
        gather()
        times.append((time.perf_counter() - begin, cpu() - cpu_begin))
    (first, _), *others = times
    wall, work = (statistics.median(each) for each in zip(*others, strict=True))
    print(f"| {way} | {started:.1f} | {first:.1f} | {wall:.1f} | {work:.1f} |", flush=True)


def killed_worker(folders: Folders) -> None:
    reference_set, most = folders.pictures(SOME), max(WORKERS)
    expected = table_of(gather_reference_set(reference_set, BIN_WIDTH))
    print(f"{SOME} pictures, {most} workers, started anew for each run\n")
    print("| run | seconds | pictures begun | table |\n| --- | ---: | ---: | --- |")
    for name, kill in (("left alone", False), ("one killed in the middle", True)):
        notes = folders.work / f"{name}.txt"
        with cluster.connected(None, most) as client:
            processes = sorted(client.run(os.getpid).values())
            victims = [random.Random(SEED).choice(processes)] if kill else []

            def on_progress(done: int, total: int, victims: list[int] = victims) -> None:
                if victims and 2 * done >= total:
                    os.kill(victims.pop(), signal.SIGKILL)

            whole, cluster._gathered = cluster._gathered, partial(noted, cluster._gathered, notes)
            try:
                begin = time.perf_counter()
                sums = cluster.gather_on(client, reference_set, BIN_WIDTH, on_progress)
                seconds = time.perf_counter() - begin
            finally:
                cluster._gathered = whole
        begun = len(notes.read_text().splitlines())
        same = "the same bits" if table_of(sums) == expected else "ANOTHER"
        print(f"| {name} | {seconds:.1f} | {begun} | {same} |", flush=True)


def noted(
    gather: Callable[..., ReferenceStatistics], notes: Path, part: ReferenceSet, **asked: object
) -> ReferenceStatistics:
    """Notes which pictures a worker begins with."""
    with notes.open("a") as file:
        file.write("".join(f"{name}\n" for name in part.names))
    return gather(part, **asked)


def killed_fit(folders: Folders) -> None:
    output = folders.work / "killed.safetensors"
    whole = fitted(folders.sets[SOME], output)
    expected = whole_output(output)
    moments = random.Random(SEED)
    lost, seconds, same = [], [], 0
    while len(lost) < KILLS:
        clear(output)
        first = fitted(folders.sets[SOME], output, kill_after=moments.uniform(0, whole.seconds))
        if not first.killed:
            continue
        second = fitted(folders.sets[SOME], output)
        done = first.said[-1] if first.said else 0
        gone_on_from = second.said[0] - 1 if len(second.said) > 1 else SOME
        lost.append(max(0, min(done, SOME) - gone_on_from))
        seconds.append(first.seconds + second.seconds - whole.seconds)
        same += whole_output(output) == expected
    parts = len(list(folders.work.glob("*.part")))
    print(f"{SOME} pictures, sums kept every {KEPT_EVERY} s, killed at a moment by chance and run")
    print(f"again, {KILLS} times; {parts} halves of files left\n")
    print("| | median | most |\n| --- | ---: | ---: |")
    print(f"| pictures summed and lost | {statistics.median(lost):.0f} | {max(lost)} |")
    print(f"| seconds lost, of {whole.seconds:.1f} | {statistics.median(seconds):.1f} ", end="")
    print(f"| {max(seconds):.1f} |\n\n{same} of {KILLS} tables have the same bits")


SECTIONS: dict[str, Callable[[Folders], None]] = {
    "memory": memory,
    "workers": workers,
    "killed-worker": killed_worker,
    "killed-fit": killed_fit,
}


def fitted(folder: Path, output: Path, kill_after: float | None = None) -> Run:
    """`ensir fit` in a process of its own, killed after some seconds unless it has ended."""
    given = [str(folder), "--candidates", *CANDIDATES, "--bin-width", str(BIN_WIDTH)]
    command = [sys.executable, "-c", FIT, str(KEPT_EVERY), *given, "--output", str(output)]
    begin, cpu_begin = time.perf_counter(), cpu_of_children()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=said)
        try:
            process.wait(kill_after)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        seconds, cpu = time.perf_counter() - begin, cpu_of_children() - cpu_begin
        said.seek(0)
        numbers = tuple(map(int, said.read().split("\n")[:-1]))
    if process.returncode not in (0, -signal.SIGKILL):
        raise SystemExit(f"a fit failed with code {process.returncode}")
    return Run(seconds, cpu, process.returncode != 0, numbers)


def cpu_of_children() -> float:
    """Seconds of all processes that were waited for."""
    times = os.times()
    return times.children_user + times.children_system


def table_of(sums: ReferenceStatistics) -> bytes:
    return table_bytes(fit_statistics(sums).table)


def whole_output(table: Path) -> Sequence[bytes]:
    """All that a fit leaves: its table, the statistics beside it, and nothing else."""
    return [path.read_bytes() for path in sorted(table.parent.glob(f"{table.stem}.*"))]


def clear(table: Path) -> None:
    for path in table.parent.glob(f"{table.stem}.*"):
        path.unlink()


def drawn_folders(folder: Path) -> Folders:
    """Writes smooth pictures and candidates that miss them by a few levels, as restorers do."""
    torch.manual_seed(0)
    sets = {number: folder / f"{number} pictures" for number in (FEW, SOME, ALL)}
    for path in sets.values():
        for name in ("gt", *CANDIDATES):
            (path / name).mkdir(parents=True)
    for place in range(DRAWN):
        small = 255 * torch.rand(1, 3, HEIGHT // 16, WIDTH // 16)
        truth = torch.nn.functional.interpolate(small, (HEIGHT, WIDTH), mode="bicubic")[0]
        for spread, name in enumerate(("gt", *CANDIDATES)):
            values = truth + 2 * spread * torch.randn(truth.shape)
            written = folder / f"{name} {place}.png"
            write_image(written, values.round().clamp(0, 255).to(torch.uint8))
            for again in range(NAMES_OF_EACH):
                number = again * DRAWN + place
                for most, path in sets.items():
                    if number < most:
                        (path / name / f"{number:03}.png").hardlink_to(written)
    work = folder / "tables"
    work.mkdir()
    return Folders(work, sets)


if __name__ == "__main__":
    sys.exit(main())
