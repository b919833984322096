"""The whole page for those who use keys alone, who listen, who see little or whom motion disturbs.

One visit goes through every tab, found out here and not listed; what is asked of each scene is
gathered on the way, for a browser and a server take longer to start than to answer.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ensir.images import encode_png
from ensir.ui import launch
from tests.conftest import make_pictures
from tests.ui.test_app import CHROMIUM, WAIT, bring_reference_set, expect, open_tab, sync_playwright

try:
    from axe_playwright_python.sync_playwright import Axe
except ImportError:
    Axe = None

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("default")]

AUDIT = Path(__file__).with_name("audit.js")
GRAVE = ("serious", "critical")
NARROW, USUAL, WIDE = 390, 1440, 3840  # a phone, a laptop, a 4K screen at 100 %
MOST_STOPS = 400  # of Tab in one scene: after so many there is no end
MOST_SHIFT = 0.1  # a cumulative layout shift that web.dev calls good

# Drawn anew, and no colour on its way to another.
SETTLED = """
async () => {
  const drawn = () => new Promise(requestAnimationFrame);
  const moves = ({ playState }) => playState === "running";
  do { await drawn(); await drawn(); } while (document.getAnimations().some(moves));
}
"""
# A key, and away before the page can have answered it; then a while for all that comes of it.
HASTE = """
async (box) => {
  box.focus();
  box.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
  box.blur();
  await new Promise((done) => setTimeout(done, 500));
}
"""
# What a tab is filled with after it was opened.
FILLED = {
    "Bin sets": "#bin-sets .thumbnail-item",
    "EM replay": "#em-replay svg",
    "Lookup table": "#lut-explorer canvas",
}
SIDEWAYS = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"


@dataclass(frozen=True)
class Scene:
    """What was found in one state of the page; every list is empty where all is well."""

    name: str
    stops: int  # of Tab
    has_end: bool  # of the walk with Tab
    missed: list[str]  # controls that Tab does not come to
    unseen: list[str]  # those that do not show that they have the focus
    violations: list[str]  # that axe calls serious or critical, in either mode
    pale: list[str]
    silent: list[str]  # pictures without words
    sideways: list[int]  # widths of the screen at which the page is wider


@pytest.fixture(scope="module")
def browser() -> Iterator[tuple["Browser", str]]:
    if sync_playwright is None or CHROMIUM is None or Axe is None:
        pytest.skip("no browser here: install chromium, playwright and axe-playwright-python")
    import gradio as gr

    address = launch(wait=False)
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--force-color-profile=srgb"]
        expect.set_options(timeout=WAIT)
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=options), address
    gr.close_all(verbose=False)


def opened(browser: tuple["Browser", str], width: int = USUAL, height: int = 1000) -> "Page":
    chromium, address = browser
    page = chromium.new_page(viewport={"width": width, "height": height}, reduced_motion="reduce")
    page.set_default_timeout(WAIT)
    page.add_init_script(path=AUDIT)
    page.goto(address, wait_until="domcontentloaded")
    expect(page.locator("#histogram svg").first).to_be_visible()
    expect(page.locator("#viewer .panel").first).to_have_attribute("data-shown", "input")
    expect(page.locator("fieldset[role=radiogroup]").first).to_be_attached()  # by our script
    return page


@pytest.fixture(scope="module")
def scenes(browser: tuple["Browser", str]) -> list[Scene]:
    """One visit through all there is; a scene is looked at within what changed."""
    page = opened(browser)
    found = [looked_at(page, name, within) for name, within in visit(page)]
    page.close()
    return found


def visit(page: "Page") -> Iterator[tuple[str, str]]:
    """Brings the page into each state and names it, and what of the page to look at."""
    page.get_by_role("button", name="Ground truth, if you have it").click()
    expect(page.locator("#truth img")).to_be_visible()
    page.locator("#copy-link").click()
    expect(page.locator("#link")).to_be_visible()
    page.locator("#viewer .frame").first.focus()
    for key in ("w", "l", "Enter", "a"):
        page.keyboard.press(key)
    expect(page.locator("#viewer .statistics table")).to_be_visible()
    expect(page.locator("#viewer .state")).to_have_text("pinned")
    yield "a pixel, a wipe and a rectangle", "body"
    page.keyboard.press("Escape")
    for name in page.locator("#whole [role=tab]").all_inner_texts():
        open_tab(page, name)
        expect(page.locator("#whole").get_by_role("tabpanel", name=name)).to_be_visible()
        expect(page.locator(FILLED.get(name, "#whole")).first).to_be_visible()
        if page.locator("#run-league").is_visible():
            page.locator("#run-league").click()
            expect(page.locator("#league table")).to_be_visible()
        yield name, "#whole"
    open_tab(page, "Maps")
    page.locator("#maps .thumbnail-item").first.click()
    expect(page.get_by_test_id("detailed-image")).to_be_visible()
    yield "a map, opened", "#maps"
    page.get_by_role("button", name="Close").click()
    for start in page.get_by_role("radiogroup", name="Start from").locator("label").all()[1:]:
        with page.expect_response(lambda response: "/gradio_api/" in response.url):
            start.click()
        expect(page.locator("#picture")).to_be_hidden()
        page.evaluate(SETTLED)
        yield start.inner_text(), "#fuse-tab > .column > .row > .column:first-child"
    bring_reference_set(page)
    yield "a reference set", "body"
    page.locator("#run-fit").click()
    expect(page.locator("#fit-verdict")).to_contain_text("On pictures left out of its fit")
    expect(page.locator("#stop-fit")).to_be_disabled()
    yield "a fit", "#fit-tab"
    open_tab(page, "Learn")
    for step in page.locator(".learn nav button").all():
        step.click()
        expect(step).to_have_attribute("aria-current", re.compile("."))
        yield step.inner_text(), "#learn-tab"


def bring_picture(page: "Page") -> None:
    """Another picture, of another shape; the button waits to be pressed."""
    candidates, _ = make_pictures(seed=5, members=1, height=200, width=150)
    picture = {"name": "mine.png", "mimeType": "image/png", "buffer": encode_png(candidates[0])}
    page.locator("#picture input[type=file]").set_input_files(picture)
    expect(page.locator("#note")).to_contain_text("New input")
    page.evaluate(SETTLED)


def looked_at(page: "Page", name: str, within: str) -> Scene:
    told = walked(page, within)
    violations, pale = in_both_modes(page, within)
    return Scene(
        name=name,
        stops=told["count"],
        has_end=told["isDone"],
        missed=told["missed"],
        unseen=told["unseen"],
        violations=violations,
        pale=pale,
        silent=page.evaluate("audit.silent", within),
        sideways=sideways(page),
    )


def walked(page: "Page", within: str) -> dict[str, Any]:
    """What comes of pressing Tab from the top to the end."""
    page.evaluate("audit.begin", within)
    for _ in range(MOST_STOPS // 10):
        for _ in range(10):
            page.keyboard.press("Tab")
        if page.evaluate("audit.isDone()"):
            break
    return page.evaluate("audit.end()")


def in_both_modes(page: "Page", within: str) -> tuple[list[str], list[str]]:
    """What axe calls grave, and what text is pale; between modes, colours alone differ."""
    violations, pale = [], []
    for mode, rules in (("light", None), ("dark", ["color-contrast"])):
        page.evaluate("isDark => document.body.classList.toggle('dark', isDark)", mode == "dark")
        page.evaluate(SETTLED)
        options = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
        for one in Axe().run(page, within, options).response["violations"]:
            if one["impact"] in GRAVE:
                places = [node["target"] for node in one["nodes"]]
                violations.append(f"{mode}: {one['id']}, {one['help']}: {places}")
        pale += [f"{mode}: {one}" for one in page.evaluate("audit.pale", within)]
    page.evaluate("document.body.classList.remove('dark')")
    return violations, pale


def sideways(page: "Page") -> list[int]:
    """The widths at which the page has to be scrolled sideways."""
    found = []
    for width in (NARROW, WIDE, USUAL):
        page.set_viewport_size({"width": width, "height": 1000})
        page.evaluate(SETTLED)
        if page.evaluate(SIDEWAYS):
            found.append(width)
    return found


def test_the_visit_goes_through_all_there_is(scenes: list[Scene]) -> None:
    assert len(scenes) >= 17
    assert scenes[0].stops > 60


def test_axe_finds_nothing_grave_in_either_mode(scenes: list[Scene]) -> None:
    assert not {one.name: one.violations for one in scenes if one.violations}


def test_tab_comes_to_every_control_and_on_to_the_end(scenes: list[Scene]) -> None:
    assert not [one.name for one in scenes if not one.has_end]
    assert not {one.name: one.missed for one in scenes if one.missed}


def test_the_focus_is_seen_wherever_it_is(scenes: list[Scene]) -> None:
    assert not {one.name: one.unseen for one in scenes if one.unseen}


def test_text_and_fields_stand_out_in_both_modes(scenes: list[Scene]) -> None:
    """WCAG 2.2 AA, also where axe cannot tell: beneath plots, on pictures, on tabs."""
    assert not {one.name: one.pale for one in scenes if one.pale}


def test_pictures_and_plots_have_words(scenes: list[Scene]) -> None:
    assert not {one.name: one.silent for one in scenes if one.silent}


def test_no_scene_is_wider_than_its_screen(scenes: list[Scene]) -> None:
    assert not {one.name: one.sideways for one in scenes if one.sideways}


def test_a_result_arrives_without_a_jump_and_without_motion(
    browser: tuple["Browser", str],
) -> None:
    page = opened(browser, USUAL, 2200)  # all that moves is seen
    bring_picture(page)
    before = page.evaluate("audit.shift()")
    page.locator("#run").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#stop")).to_be_enabled()
    assert not page.evaluate("audit.restless()")
    expect(page.locator("#note")).not_to_contain_text("New input")
    expect(page.locator("#stop")).to_be_disabled()
    expect(page.locator("#pixel-table caption")).to_contain_text("Pixel")
    page.evaluate(SETTLED)
    assert page.evaluate("audit.shift()") - before < MOST_SHIFT
    expect(page.locator("#note").get_by_role("status")).to_contain_text("Fitted to")
    page.close()


def test_keys_do_what_the_mouse_does(browser: tuple["Browser", str]) -> None:
    page = opened(browser)
    caption = page.locator("#pixel-table caption")
    press(page, page.locator("#viewer .frame").first, "Enter", "s", *["Shift+ArrowRight"] * 3)
    press(page, page.locator("#viewer .frame").first, *["Shift+ArrowDown"] * 2)
    expect(page.locator("#viewer .statistics")).to_contain_text("4 × 3 pixels")
    press(page, page.locator("#viewer .frame").first, "w")
    handle = page.get_by_role("slider", name="Wipe").first
    press(page, handle, "Home", "PageUp")
    expect(handle).to_have_attribute("aria-valuenow", "10")
    # A list that was left does not stay open over what comes next, nor one left in haste.
    choices = page.get_by_role("combobox", name="Weights from")
    press(page, choices, "ArrowDown")
    expect(page.get_by_role("listbox")).to_have_count(1)
    page.keyboard.press("Tab")
    expect(page.get_by_role("listbox")).to_have_count(0)
    choices.evaluate(HASTE)
    expect(page.get_by_role("listbox")).to_have_count(0)
    before = caption.inner_text()
    press(page, page.locator("#channel input:checked"), "ArrowRight")
    expect(caption).to_contain_text("blue")
    open_tab(page, "Bin sets")
    press(page, page.get_by_role("combobox", name="Sorted by"), "End")
    expect(page.locator("li.active[role=option]")).to_contain_text("contrast")
    page.keyboard.press("Enter")
    first = page.locator("#bin-sets .thumbnail-item").first
    expect(first).to_have_attribute("aria-label", re.compile("contrast"))
    press(page, page.locator("#bin-sets .thumbnail-item").nth(3), "Enter")
    expect(caption).not_to_contain_text(before.split(",")[0] + ",")
    open_tab(page, "EM replay")
    expect(page.locator(FILLED["EM replay"]).first).to_be_visible()
    press(page, page.locator("#em-replay .replay"), "Home", "ArrowRight")
    expect(page.locator("#em-replay .where")).to_have_text(re.compile("E step done"))
    open_tab(page, "Lookup table")
    expect(page.locator(FILLED["Lookup table"]).first).to_be_visible()
    said = page.locator("#lut-explorer h2")
    cell = said.inner_text()
    press(page, page.locator("#lut-explorer canvas"), "ArrowRight")
    expect(said).not_to_have_text(cell)
    open_tab(page, "Learn")
    model = page.locator("#learn-tab [role=slider]").first
    level = int(model.get_attribute("aria-valuenow") or 0)
    press(page, model, "ArrowRight", "PageUp")
    expect(model).to_have_attribute("aria-valuenow", str(level + 11))
    page.close()


def press(page: "Page", place: "Locator", *keys: str) -> None:
    place.focus()
    for key in keys:
        page.keyboard.press(key)
