"""Takes the screenshots of the README and of docs/: the app and its parts, in Chromium.

    python scripts/take_screenshots.py

Needs Playwright (the extra `test`) and a Chromium or Chrome on this machine.
"""

from __future__ import annotations

import io
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ensir.images import encode_png, read_image
from ensir.reference_set import GROUND_TRUTH
from ensir.restorers import restore_with
from ensir.tasks import TASKS, degraded
from ensir.ui import launch
from ensir.ui.example import ASSETS, RESTORERS, SEED, TASK, example_files

if TYPE_CHECKING:
    from playwright.sync_api import Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WAIT = 120_000  # milliseconds


@dataclass(frozen=True)
class Shot:
    """A screen, and how it is come to."""

    path: Path
    width: int = 1440
    height: int = 1430
    theme: str = "light"
    top: str = "#title"  # a selector of what stands at its top
    tabs: tuple[str, ...] = ()  # to be opened
    example: tuple[str, int] | None = None  # a task, and which of our pictures is degraded for it
    fit: bool = False  # whether a reference set is fitted in the tab for it


DOCS = ASSETS.parent / "docs"
TASK_SHOTS = tuple(Shot(DOCS / f"task_{task}.png", example=(task, 1)) for task in TASKS)
SHOTS = (
    Shot(ASSETS / "screenshot.png"),
    Shot(ASSETS / "screenshot_dark.png", theme="dark"),
    Shot(ASSETS / "screenshot_phone.png", 390, theme="light", top="#viewer"),
    Shot(DOCS / "maps.png", height=800, top="#whole"),
    Shot(DOCS / "bin_sets.png", height=800, top="#whole", tabs=("Bin sets",)),
    Shot(DOCS / "em_replay.png", height=900, top="#whole", tabs=("EM replay",)),
    Shot(DOCS / "lookup_table.png", height=900, top="#whole", tabs=("Lookup table",)),
    Shot(DOCS / "fit.png", height=900, fit=True),
    Shot(DOCS / "learn.png", 1280, 720, tabs=("Learn",)),
    Shot(DOCS / "learn_dark_phone.png", 390, 1200, "dark", tabs=("Learn",)),
    *TASK_SHOTS,
)


def main() -> None:
    from playwright.sync_api import sync_playwright

    address = launch(wait=False)
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromium is None:
        raise SystemExit(f"no browser here: install one of {', '.join(BROWSERS)}")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--force-color-profile=srgb"]
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        for shot in SHOTS:
            page = browser.new_page(
                viewport={"width": shot.width, "height": shot.height}, reduced_motion="reduce"
            )
            page.set_default_timeout(WAIT)
            page.goto(f"{address}?__theme={shot.theme}", wait_until="domcontentloaded")
            page.locator("#viewer canvas").first.wait_for()
            if shot.example is not None:
                fuse_example(page, *shot.example)
            if shot.fit:
                fit_photographs(page)
            for tab in shot.tabs:
                page.get_by_role("tab", name=tab, exact=True).click()
            page.locator(shot.top).evaluate("part => part.scrollIntoView()")
            page.wait_for_timeout(4000)  # for pictures that load when they come into view
            page.screenshot(path=shot.path)
            page.close()
            print(shot.path.name, flush=True)


def fuse_example(page: Page, task: str, place: int) -> None:
    """Chooses a task, takes an example for it, and waits until it is fused."""
    page.get_by_label(task, exact=True).check()
    page.wait_for_timeout(2000)  # until its base models are offered
    page.locator("#examples button.thumbnail-item").nth(place).click()
    page.locator("#stop").get_by_text("Stop").wait_for()
    page.wait_for_timeout(1000)
    page.wait_for_function("!document.querySelector('#stop').disabled")
    page.wait_for_function("document.querySelector('#stop').disabled")


def fit_photographs(page: Page) -> None:
    """Fits a table to our pictures, degraded and restored as the example is."""
    page.get_by_role("tab", name="Fit", exact=True).click()
    upload = {"name": "our pictures.zip", "mimeType": "application/zip", "buffer": photographs()}
    page.locator("#fit-zip input[type=file]").set_input_files(upload)
    page.locator("#fit-models").get_by_text(RESTORERS[0]).wait_for()
    page.locator("#run-fit").click()
    page.locator("#fit-verdict p").wait_for()
    page.locator("#fit-method").get_by_label("least-squares").check()
    page.locator("#fit-scores").get_by_text("least-squares, trust 0.5").wait_for()


def photographs() -> bytes:
    """A reference set of our pictures, as a zip."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for path in example_files():
            truth = read_image(path)
            noisy = degraded(truth, TASK, TASKS[TASK].usual, SEED)
            restored = restore_with(RESTORERS, noisy, lambda done, total: None, lambda: False)
            for name, picture in {GROUND_TRUTH: truth, **restored}.items():
                file.writestr(f"{name}/{path.stem}.png", encode_png(picture))
    return data.getvalue()


if __name__ == "__main__":
    main()
