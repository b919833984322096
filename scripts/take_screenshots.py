"""Takes the screenshots of the README: the app as it opens, in Chromium.

    python scripts/take_screenshots.py

Needs Playwright (the extra `test`) and a Chromium or Chrome on this machine.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from ensir.ui import launch
from ensir.ui.example import ASSETS

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WAIT = 120_000  # milliseconds


@dataclass(frozen=True)
class Shot:
    """A screen, and what it shows at its top."""

    file: str
    width: int
    height: int
    theme: str
    top: str  # a selector


SHOTS = (
    Shot("screenshot.png", 1440, 1430, "light", "#title"),
    Shot("screenshot_dark.png", 1440, 1430, "dark", "#title"),
    Shot("screenshot_phone.png", 390, 1430, "light", "#frames"),
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
            page.locator("#histogram .main-svg").first.wait_for()
            page.locator(shot.top).evaluate("part => part.scrollIntoView()")
            page.wait_for_timeout(3000)  # for pictures that load when they come into view
            page.screenshot(path=ASSETS / shot.file)
            print(shot.file)


if __name__ == "__main__":
    main()
