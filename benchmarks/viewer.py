"""How quick the viewer is in Chromium, with three 4K pictures of 8 bits side by side.

    python benchmarks/viewer.py [--pictures 3] [--size 3840x2160]

Frames are counted while the picture is moved by keys, one step a frame. Chromium draws with the
processor here, as on a machine without a graphics card. The table is Markdown.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import time
from pathlib import Path

import ensir.ui  # isort: skip - before Gradio
import gradio as gr
import torch
from playwright.sync_api import Locator, Page, sync_playwright
from torch.nn.functional import interpolate

from ensir.ensemble.levels import levels_of
from ensir.images import read_image
from ensir.ui.example import PICTURE
from ensir.ui.pictures import shown
from ensir.ui.theme import theme
from ensir.ui.viewer import Layer, ViewerValue, viewer

assert ensir.ui

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
SECONDS = 2.0  # of panning
HOVERS = 100
WAIT = 120_000  # milliseconds

PAN = """async (frame, milliseconds) => {
  const keys = ["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"];
  const frames = [];
  await new Promise((done) => {
    const step = (now) => {
      frames.push(now);
      if (now - frames[0] > milliseconds) return done();
      const key = keys[Math.floor(frames.length / 6) % 4];
      frame.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      return requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  });
  return frames.slice(1).map((now, place) => now - frames[place]);
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
    return 1000 / statistics.mean(frame.evaluate(PAN, 1000 * SECONDS))


def measure(page: Page, tensors: list[torch.Tensor]) -> list[tuple[str, str]]:
    count = len(tensors)
    rows = []
    begun = time.perf_counter()
    value_of(tensors)
    rows.append(("encode the PNGs, s", f"{time.perf_counter() - begun:.2f}"))
    rows.append(("click to all panels drawn, s", f"{seconds_to_show(page, count):.2f}"))
    page.locator("#hide").click()
    page.locator(".nothing").wait_for()
    rows.append(("the same again, s", f"{seconds_to_show(page, count):.2f}"))
    frame = page.locator(".frame").first
    for name, keys in (
        ("a quarter", ("o", "-", "-")),
        ("1:1", ("o",)),
        ("4x", ("o", "+", "+")),
        ("32x with numbers", ("o", *"+++++")),
    ):
        rows.append((f"panning at {name}, frames/s", f"{frames_a_second(page, frame, *keys):.0f}"))
    page.keyboard.press("0")
    page.wait_for_timeout(1500)
    begun = time.perf_counter()
    page.keyboard.press("a")
    page.locator(".statistics tbody tr").nth(count - 1).wait_for()
    rows.append(("statistics of all pixels, s", f"{time.perf_counter() - begun:.2f}"))
    times = frame.evaluate(HOVER, HOVERS)
    for name, part in (("numbers", 0), ("frame drawn", 1)):
        middle = statistics.median(pair[part] for pair in times)
        worst = max(pair[part] for pair in times)
        rows.append((f"hover to {name}, ms (worst)", f"{middle:.1f} ({worst:.1f})"))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=3)
    parser.add_argument("--size", default="3840x2160")
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    Path(os.environ["GRADIO_TEMP_DIR"]).mkdir(parents=True, exist_ok=True)
    tensors = pictures(arguments.pictures, width, height)
    app, address = serve(tensors)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.set_default_timeout(WAIT)
        page.goto(address, wait_until="domcontentloaded")
        page.locator(".nothing").wait_for()
        rows = measure(page, tensors)
        browser.close()
    app.close(verbose=False)
    print(f"{arguments.pictures} panels of {width}x{height}\n\n| step | |\n| --- | ---: |")
    for row in rows:
        print(f"| {row[0]} | {row[1]} |")


if __name__ == "__main__":
    main()
