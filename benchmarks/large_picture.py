"""What a large picture takes of the app's engine: memory and time, step by step.

    python benchmarks/large_picture.py [MEGAPIXELS]

A photograph of ours, enlarged, with noise: restored by the three restorers of the opening example,
fused, scored, drawn, refitted and written, as the page does it. Memory is the most that the whole
process, Gradio included, has held up to the end of a step.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import ensir.ui  # isort: skip - before Gradio
from torch.nn.functional import interpolate

from ensir.ensemble.levels import levels_of
from ensir.images import read_image, write_image
from ensir.tasks import TASKS
from ensir.ui.downloads import DOWNLOADS
from ensir.ui.events import FIRST_MAPS, RESTORE, on_refit, on_run
from ensir.ui.example import PICTURE, RESTORERS, TASK
from ensir.ui.layers import ALL
from ensir.ui.reference import SAMPLE

assert ensir.ui

VIEW = (FIRST_MAPS, ALL, None, None, "green")
GIB = 2**20  # the kernel counts KiB


def enlarged(folder: Path, megapixels: float) -> Path:
    """A file of a photograph of ours, three by two, without noise."""
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    photograph = read_image(PICTURE)[None].float()
    path = folder / "large.png"
    size = (height, height * 3 // 2)
    write_image(path, levels_of(interpolate(photograph, size=size, mode="bicubic")[0]))
    return path


def steps(picture: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """What a visitor does, one after the other."""
    found: list[object] = []

    def run() -> None:
        harm = (TASK, True, TASKS[TASK].usual)
        chosen = (RESTORE, picture, *harm, list(RESTORERS), False, None, False, None, 1)
        *_, outputs = on_run(*chosen, SAMPLE, None, 16, "em", 1, *VIEW)
        found.append(outputs[0])

    yield "degrade, restore, fuse and score", run
    yield "another bin width", lambda: on_refit(found[0], 1, 1, SAMPLE, None, 32, "em", 1, *VIEW)
    for label, make in DOWNLOADS.items():
        yield label.removeprefix("↓ "), lambda make=make: make(found[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("megapixels", type=float, nargs="?", default=20)
    megapixels = parser.parse_args().megapixels
    print(f"{megapixels:g} megapixels\n\n| step | seconds | most memory so far, GiB |")
    print("| --- | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for step, work in steps(str(enlarged(Path(folder), megapixels))):
            begun = time.perf_counter()
            work()
            seconds = time.perf_counter() - begun
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / GIB
            print(f"| {step} | {seconds:.1f} | {most:.2f} |", flush=True)


if __name__ == "__main__":
    main()
