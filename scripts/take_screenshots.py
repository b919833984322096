"""Takes the screenshots of the README and of docs/: the app and its parts, in Chromium.

    python scripts/take_screenshots.py [NAME ...]

With names, such as learn.png, only those. Needs Playwright (the extra `test`) and a Chromium or
Chrome on this machine.
"""

from __future__ import annotations

import io
import shutil
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ensir.images import encode_png, read_image
from ensir.reference_set import GROUND_TRUTH
from ensir.restorers import restore_with
from ensir.tasks import TASKS, degraded
from ensir.ui import launch
from ensir.ui.events import NEW_INPUT, OWN
from ensir.ui.example import ASSETS, RESTORERS, SEED, TASK, example_files

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from torch import Tensor

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WAIT = 120_000  # milliseconds
DOCS = ASSETS.parent / "docs"
WHEEL_TURNS = 6  # from the whole picture to levels that can be read

Step = Callable[["Page"], None]


@dataclass(frozen=True)
class Shot:
    """A screen, and how it is come to."""

    path: Path
    width: int = 1440
    height: int = 1430
    theme: str = "light"
    top: str = "#title"  # a selector of what stands at its top
    steps: tuple[Step, ...] = ()


def opened(tab: str) -> Step:
    """Opens a tab, and takes the mouse to where nothing answers it."""

    def step(page: Page) -> None:
        page.get_by_role("tab", name=tab, exact=True).click()
        page.mouse.move(0, 0)

    return step


def walked_to_the_m_step(page: Page) -> None:
    """Opens the walk where the first step of EM is done."""
    opened("Learn")(page)
    page.locator("#learn nav button", has_text="M step").click()
    page.locator("#learn figure button", has_text="M step").click()


def fused_example(task: str, place: int) -> Step:
    """Chooses a task, takes an example for it, and waits until it is fused."""

    def step(page: Page) -> None:
        page.get_by_label(task, exact=True).check()
        page.wait_for_timeout(2000)  # until its base models are offered
        page.locator("#examples button.thumbnail-item").nth(place).click()
        page.locator("#note").get_by_text(NEW_INPUT).wait_for()
        wait_for_the_result(page)

    return step


def wait_for_the_result(page: Page) -> None:
    """Of new input that waits."""
    page.wait_for_function(
        "waits => !document.querySelector('#note').textContent.includes(waits) "
        "&& document.querySelector('#stop').disabled",
        arg=NEW_INPUT,
    )


def fit_photographs(page: Page) -> None:
    """Fits a table to our pictures, degraded and restored as the example is."""
    opened("Fit")(page)
    files = {
        f"{name}/{path.stem}.png": picture
        for path in example_files()
        for name, picture in candidates_of(path).items()
    }
    give(page, "#fit-zip", "our pictures.zip", files)
    page.locator("#fit-models").get_by_text(RESTORERS[0]).wait_for()
    page.locator("#run-fit").click()
    page.locator("#fit-verdict p").wait_for()
    page.locator("#fit-method").get_by_label("least-squares").check()
    page.locator("#fit-scores").get_by_text("least-squares, trust 0.5").wait_for()


def fuse_own_candidates(page: Page) -> None:
    """Brings what some models made of a picture as a zip, and fuses it by its ground truth."""
    page.get_by_label(OWN, exact=True).check()
    pictures = candidates_of(ASSETS / "cat.png")
    give(page, "#own-candidates", "cat.zip", {f"{it}/cat.png": pictures[it] for it in pictures})
    page.locator("#note").get_by_text(NEW_INPUT).wait_for()
    page.locator("#run").click()
    wait_for_the_result(page)


def look_closely(page: Page) -> None:
    """Goes so near to the pinned pixel that levels are written into the pixels."""
    page.locator("#viewer canvas").nth(1).hover()
    for _ in range(WHEEL_TURNS):
        page.mouse.wheel(0, -300)
        page.wait_for_timeout(100)


TASK_SHOTS = tuple(
    Shot(DOCS / f"task_{task}.png", steps=(fused_example(task, 1),)) for task in TASKS
)
SHOTS = (
    Shot(ASSETS / "screenshot.png"),
    Shot(ASSETS / "screenshot_dark.png", theme="dark"),
    Shot(ASSETS / "screenshot_phone.png", 390, theme="light", top="#viewer"),
    Shot(DOCS / "viewer.png", height=800, top="#viewer", steps=(look_closely,)),
    Shot(DOCS / "probe.png", height=900, top="#pixel-table"),
    Shot(DOCS / "maps.png", height=800, top="#whole"),
    Shot(DOCS / "bin_sets.png", height=800, top="#whole", steps=(opened("Bin sets"),)),
    Shot(DOCS / "em_replay.png", height=900, top="#whole", steps=(opened("EM replay"),)),
    Shot(DOCS / "lookup_table.png", height=900, top="#whole", steps=(opened("Lookup table"),)),
    Shot(DOCS / "own_candidates.png", steps=(fuse_own_candidates,)),
    Shot(DOCS / "fit.png", height=900, steps=(fit_photographs,)),
    Shot(DOCS / "learn.png", 1280, 720, steps=(walked_to_the_m_step,)),
    Shot(DOCS / "learn_dark_phone.png", 390, 1200, "dark", steps=(opened("Learn"),)),
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
        for shot in (it for it in SHOTS if it.path.name in (sys.argv[1:] or [it.path.name])):
            page = browser.new_page(
                viewport={"width": shot.width, "height": shot.height}, reduced_motion="reduce"
            )
            page.set_default_timeout(WAIT)
            page.goto(f"{address}?__theme={shot.theme}", wait_until="domcontentloaded")
            page.locator("#viewer canvas").first.wait_for()
            for step in shot.steps:
                step(page)
            page.locator(shot.top).evaluate("part => part.scrollIntoView()")
            page.wait_for_timeout(4000)  # for pictures that load when they come into view
            page.screenshot(path=shot.path)
            page.close()
            print(shot.path.name, flush=True)


def candidates_of(path: Path) -> dict[str, Tensor]:
    """A picture of ours, and what the base models of the example make of it degraded."""
    truth = read_image(path)
    worse = degraded(truth, TASK, TASKS[TASK].usual, SEED)
    restored = restore_with(RESTORERS, worse, lambda done, total: None, lambda: False)
    return {GROUND_TRUTH: truth, **restored}


def give(page: Page, field: str, name: str, pictures: Mapping[str, Tensor]) -> None:
    """Uploads pictures as a zip."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for place, picture in pictures.items():
            file.writestr(place, encode_png(picture))
    upload = {"name": name, "mimeType": "application/zip", "buffer": data.getvalue()}
    page.locator(f"{field} input[type=file]").set_input_files(upload)


if __name__ == "__main__":
    main()
