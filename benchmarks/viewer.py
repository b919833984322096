"""How quick the page is in Chromium: the app as a visitor meets it, then a viewer of 4K pictures.

    python benchmarks/viewer.py [--pictures 3] [--size 3840x2160]

The app, in a process of its own: from the end of its imports to the first picture; from a click to
the table and the histogram of its pixel; from another bin width to the new maps of 1280 x 720
pixels; the replay of EM, a step a frame, and from another place to its slice of the lookup table.
The viewer: three pictures of 8 bits side by side. Frames are counted while the picture is moved by
keys, one step a frame. Chromium draws with the processor here, as on a machine without a graphics
card. Each row has its limit and the table is Markdown; of clicks, the median and the worst.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import ensir.ui  # isort: skip - before Gradio
import gradio as gr
import numpy as np
import torch
from playwright.sync_api import Browser, Locator, Page, sync_playwright
from torch.nn.functional import interpolate

import ensir.ui.app
from ensir.ensemble.levels import levels_of
from ensir.images import encode_png, read_image
from ensir.limits import LEVELS
from ensir.ui.example import PICTURE, RESTORERS
from ensir.ui.pictures import shown
from ensir.ui.theme import theme
from ensir.ui.viewer import Layer, ViewerValue, viewer

assert ensir.ui

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
SECONDS = 2.0  # of panning
HOVERS = 100
CLICKS = 9
WIDTHS = (24, 32, 40, 48)  # of bins, one after the other
NARROW = 8  # the width of bins with the most cells in a slice of the table
SLICES = 9
WAIT = 120_000  # milliseconds
SETTLED = 1500  # milliseconds, until everything that follows from a change is there
HD = (1280, 720)
# What `ensir.ui.launch` does, with a word between.
PROGRAM = """
import time
import ensir.ui
from ensir.ui.example import begin_example
begin_example()
import ensir.ui.app
print(time.time(), flush=True)
ensir.ui.app.launch()
"""

# Milliseconds from frame to frame, while something is done to the element before each.
FRAMES = """async (element, [act, milliseconds]) => {
  const step = new Function("element", "count", act);
  const frames = [];
  await new Promise((done) => {
    const next = (now) => {
      frames.push(now);
      if (now - frames[0] > milliseconds) return done();
      step(element, frames.length);
      return requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  });
  return frames.slice(1).map((now, place) => now - frames[place]);
}"""
PAN = """
const key = ["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"][Math.floor(count / 6) % 4];
element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
"""
# A step of EM further, two halves, and back again from the end.
REPLAY = """
const last = Number(element.max);
element.value = last - Math.abs(last - (2 * count) % (2 * last));
element.dispatchEvent(new Event("input", { bubbles: true }));
"""
# How many steps there are, and how many of them are seen while all are played at 30 a second.
PLAYED = """async (replay) => {
  const where = replay.querySelector(".where");
  replay.querySelector(".speed select").value = "30";
  replay.querySelector(".to-start").click();
  replay.querySelector(".play").click();
  const seen = new Set();
  while (replay.querySelector(".play b").textContent === "Pause") {
    await new Promise(requestAnimationFrame);
    seen.add(/Step (\\d+)/.exec(where.textContent)[1]);
  }
  return [Number(replay.querySelector(".steps").max) / 2, seen.size - seen.has("0")];
}"""
# Until the numbers stand in the page, and until a frame with the marks has been drawn.
HOVER = """async (frame, count) => {
  const box = frame.getBoundingClientRect();
  const reading = frame.querySelector(".reading");
  const times = [];
  for (let place = 0; place < count; place += 1) {
    const begun = performance.now();
    frame.dispatchEvent(new PointerEvent("pointermove", {
      clientX: box.left + box.width * (0.2 + 0.005 * place),
      clientY: box.top + box.height / 2,
      pointerType: "mouse",
      bubbles: true,
    }));
    const isRead = /\\d/.test(reading.textContent);
    const read = performance.now();
    await new Promise(requestAnimationFrame);
    times.push([isRead ? read - begun : NaN, performance.now() - begun]);
  }
  return times;
}"""


# From an action to what it changes on the page, each in milliseconds: the page is asked at every
# frame, and a frame more is given for the drawing.
CHANGED = """async ([act, ...watched]) => {
  const told = (script) => new Function(`return ${script}`)();
  const before = watched.map(told);
  const times = watched.map(() => NaN);
  const begun = performance.now();
  new Function(act)();
  while (times.some(Number.isNaN) && performance.now() - begun < 60000) {
    await new Promise(requestAnimationFrame);
    watched.forEach((script, place) => {
      if (Number.isNaN(times[place]) && told(script) !== before[place]) {
        times[place] = performance.now() - begun;
      }
    });
  }
  return times;
}"""
CLICK = """
const frame = document.querySelector("#viewer .frame");
const box = frame.getBoundingClientRect();
const at = { clientX: box.left + box.width * ACROSS, clientY: box.top + box.height / 2 };
const options = { ...at, pointerId: 1, pointerType: "mouse", button: 0, bubbles: true };
frame.setPointerCapture = () => {};
for (const kind of ["pointerdown", "pointerup"]) {
  frame.dispatchEvent(new PointerEvent(kind, options));
}
"""
WIDTH = """
const slider = document.querySelector("input[aria-label^='range slider for Bin width']");
slider.value = WIDTH;
for (const kind of ["input", "change"]) slider.dispatchEvent(new Event(kind, { bubbles: true }));
"""
TABLE = "document.querySelector('#pixel-table').textContent"
HISTOGRAM = "document.querySelector('#histogram').innerHTML"
SLICE = """
const slider = document.querySelector("#lut-explorer .sliders input");
slider.value = Number(slider.value) + (slider.value < 16 ? 1 : -1);
slider.dispatchEvent(new Event("input", { bubbles: true }));
"""
SHOWN_SLICE = "document.querySelector('#lut-explorer canvas').dataset.shown"
# Of the maps in the gallery, the last; its address once it is drawn.
LAST_MAP = """[...document.querySelectorAll("#maps .grid-container img")]
  .map((one) => one.complete && one.naturalWidth ? one.src : "").at(-1) || undefined"""


def in_the_app(browser: Browser) -> list[tuple[str, str, str]]:
    """What a visitor waits for in the app, by name, measured and wanted."""
    page = browser.new_page(viewport={"width": 1440, "height": 1400}, reduced_motion="reduce")
    page.set_default_timeout(WAIT)
    with served() as (address, imported):
        answered = time.time() - imported
        page.goto(address, wait_until="domcontentloaded")
        page.locator('#viewer .panel[data-shown="input"]').wait_for()
        first = time.time() - imported
        said = f"{first:.2f} (server {answered:.2f})"
        rows = [("imports done to first picture, s", said, "3"), *on_the_page(page)]
        page.close()
    return rows


@contextlib.contextmanager
def served() -> Iterator[tuple[str, float]]:
    """The app in a process of its own: its address, once it answers, and when it had imported."""
    command = [sys.executable, "-u", "-c", PROGRAM]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE) as app:
        assert app.stdout is not None
        imported = float(app.stdout.readline())
        address = next(line for line in app.stdout if "http" in line).split()[-1]
        try:
            yield address, imported
        finally:
            app.terminate()


def on_the_page(page: Page) -> list[tuple[str, str, str]]:
    """What a visitor waits for who has it open."""
    rows = []
    page.locator('#viewer .panel[data-shown="largest weight"]').wait_for()
    rows += hover_rows(page.locator("#viewer .frame").first)
    clicks = [
        page.evaluate(
            CHANGED, [CLICK.replace("ACROSS", f"{0.2 + 0.06 * turn:.2f}"), TABLE, HISTOGRAM]
        )
        for turn in range(CLICKS)
    ]
    rows.append(("click to table, ms", of_turns([one[0] for one in clicks]), "200"))
    rows.append(("click to histogram, ms", of_turns([one[1] for one in clicks]), "500"))
    fuse_candidates(page)
    wider = []
    for width in WIDTHS:
        page.wait_for_timeout(SETTLED)
        wider += page.evaluate(CHANGED, [WIDTH.replace("WIDTH", str(width)), LAST_MAP])
    size = "{} x {}".format(*HD)
    rows.append((f"another bin width to new maps of {size}, ms", of_turns(wider), "500"))
    return rows + teaching_rows(page)


def teaching_rows(page: Page) -> list[tuple[str, str, str]]:
    """What shows how EM works, and what the lookup table holds."""
    page.emulate_media(reduced_motion="no-preference")  # else a step a second is played
    page.get_by_role("tab", name="EM replay").click()
    page.locator("#em-replay svg.gains path").first.wait_for(state="attached")
    slider = page.locator("#em-replay .steps")
    moved = 1000 / statistics.mean(slider.evaluate(FRAMES, [REPLAY, 1000 * SECONDS]))
    steps, seen = page.locator("#em-replay .replay").evaluate(PLAYED)
    page.evaluate(f"() => {{ {WIDTH.replace('WIDTH', str(NARROW))} }}")
    page.get_by_role("tab", name="Lookup table").click()
    cells = " × ".join([str(LEVELS // NARROW)] * len(RESTORERS))
    page.locator("#lut-explorer .which").get_by_text(cells).wait_for()
    page.wait_for_timeout(SETTLED)
    slices = [page.evaluate(CHANGED, [SLICE, SHOWN_SLICE])[0] for _ in range(SLICES)]
    return [
        ("EM replay moved by its slider, steps/s", f"{moved:.0f}", "30"),
        ("EM replay played at 30 steps/s, steps seen", f"{seen:.0f} of {steps:.0f}", "all"),
        (f"another slice of {cells} bin sets, ms", of_turns(slices), "300"),
    ]


def fuse_candidates(page: Page) -> None:
    """Three candidates of ours are uploaded and fused by the sample's weights."""
    files = [
        {"name": f"{name}.png", "mimeType": "image/png", "buffer": encode_png(picture)}
        for name, picture in zip(RESTORERS, pictures(len(RESTORERS), *HD), strict=True)
    ]
    page.get_by_label("My own candidates").click()
    page.locator("#own-candidates input[type=file]").set_input_files(files)
    page.locator("#note").get_by_text("New input").wait_for()
    page.locator("#run").click()
    page.locator("#note").get_by_text("New input").wait_for(state="detached")
    page.locator('#viewer .panel[data-shown="average"]').wait_for()
    page.wait_for_timeout(3000)  # until everything that follows from it is there


def of_turns(milliseconds: list[float]) -> str:
    """The median and the worst."""
    return f"{np.median(milliseconds):.0f} ({max(milliseconds):.0f})"


def hover_rows(frame: Locator) -> list[tuple[str, str, str]]:
    times = frame.evaluate(HOVER, HOVERS)
    return [
        (
            f"hover to {name}, ms",
            f"{statistics.median(one[part] for one in times):.1f} "
            f"({max(one[part] for one in times):.1f})",
            limit,
        )
        for name, part, limit in (("numbers", 0, "16"), ("frame drawn", 1, ""))
    ]


def pictures(count: int, width: int, height: int) -> list[torch.Tensor]:
    """A photograph of ours, enlarged, with the noise of a camera, so that PNG has work to do."""
    photograph = read_image(PICTURE)[None].float()
    large = interpolate(photograph, size=(height, width), mode="bicubic")[0]
    generator = torch.Generator().manual_seed(0)
    return [
        levels_of(large + 3 * torch.randn(large.shape, generator=generator)) for _ in range(count)
    ]


def value_of(tensors: list[torch.Tensor]) -> ViewerValue:
    layers = tuple(
        Layer(f"picture {place}", shown(tensor)) for place, tensor in enumerate(tensors, 1)
    )
    height, width = tensors[0].shape[1:]
    return ViewerValue((width, height), layers, tuple(layer.name for layer in layers))


def serve(tensors: list[torch.Tensor]) -> tuple[gr.Blocks, str]:
    """A page with an empty viewer and a button that fills it."""
    with gr.Blocks(analytics_enabled=False) as app:
        place = viewer(elem_id="viewer")
        gr.Button("show", elem_id="show").click(
            lambda: value_of(tensors), None, place, show_progress="hidden"
        )
        gr.Button("hide", elem_id="hide").click(lambda: None, None, place)
    _, address, _ = app.queue().launch(
        server_name="127.0.0.1",
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        ssr_mode=False,
        run_history=False,
        theme=theme(),
    )
    return app, address


def seconds_to_show(page: Page, count: int) -> float:
    """From the click to the last of the panels with its picture drawn."""
    begun = time.perf_counter()
    page.locator("#show").click()
    page.locator('.panel[data-shown^="picture"]').nth(count - 1).wait_for()
    return time.perf_counter() - begun


def frames_a_second(page: Page, frame: Locator, *keys: str) -> float:
    frame.focus()
    for key in keys:
        page.keyboard.press(key)
    page.wait_for_timeout(1500)  # until halves are made and Chromium is warm
    return 1000 / statistics.mean(frame.evaluate(FRAMES, [PAN, 1000 * SECONDS]))


def of_large_pictures(page: Page, tensors: list[torch.Tensor]) -> list[tuple[str, str, str]]:
    """What the viewer takes for pictures of this size, by name, measured and wanted."""
    count = len(tensors)
    rows = []
    begun = time.perf_counter()
    value_of(tensors)
    rows.append(("encode the PNGs, s", f"{time.perf_counter() - begun:.2f}", ""))
    rows.append(("click to all panels drawn, s", f"{seconds_to_show(page, count):.2f}", "3"))
    page.locator("#hide").click()
    page.locator(".nothing").wait_for()
    rows.append(("the same again, s", f"{seconds_to_show(page, count):.2f}", ""))
    frame = page.locator(".frame").first
    for name, keys in (
        ("a quarter", ("o", "-", "-")),
        ("1:1", ("o",)),
        ("4x", ("o", "+", "+")),
        ("32x with numbers", ("o", *"+++++")),
    ):
        frames = frames_a_second(page, frame, *keys)
        rows.append((f"panning at {name}, frames/s", f"{frames:.0f}", "30"))
    page.keyboard.press("0")
    page.wait_for_timeout(1500)
    begun = time.perf_counter()
    page.keyboard.press("a")
    page.locator(".statistics tbody tr").nth(count - 1).wait_for()
    rows.append(("statistics of all pixels, s", f"{time.perf_counter() - begun:.2f}", ""))
    return rows + hover_rows(frame)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=3)
    parser.add_argument("--size", default="3840x2160")
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    Path(os.environ["GRADIO_TEMP_DIR"]).mkdir(parents=True, exist_ok=True)
    tensors = pictures(arguments.pictures, width, height)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        print_table("the app", in_the_app(browser))
        app, address = serve(tensors)
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.set_default_timeout(WAIT)
        page.goto(address, wait_until="domcontentloaded")
        page.locator(".nothing").wait_for()
        rows = of_large_pictures(page, tensors)
        print_table(f"{arguments.pictures} panels of {width} x {height}", rows)
        browser.close()
        app.close(verbose=False)


def print_table(name: str, rows: list[tuple[str, str, str]]) -> None:
    print(f"\n| {name} | measured | at most, frames at least |\n| --- | ---: | ---: |")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
