"""The app in a real Chromium: what a visitor does, and what the engine says to it."""

import io
import os
import re
import shutil
import socket
import threading
import time
import zipfile
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from ensir.bin_sets import bin_sets, levels_in, pixels_of
from ensir.comparison import Comparison, compare, fuse_again, scores, statistics_of_truth
from ensir.ensemble.levels import levels_of
from ensir.errors import Cancelled, InputError
from ensir.images import encode_png, read_image, read_picture, write_image
from ensir.inspection import inspect_pixel, what_if
from ensir.judged_fit import AVERAGE, HELD_OUT, fit_reference_set, judged_fit
from ensir.maps import Layer, map_picture, map_values
from ensir.methods import Choices
from ensir.probe import probe
from ensir.progress import IsCancelled, OnProgress
from ensir.restorers import RESTORERS, restore_with
from ensir.table_files import table_bytes
from ensir.tasks import TASKS, degraded
from ensir.ui import fit_events, inspecting, launch
from ensir.ui.base_models import chosen_at_first
from ensir.ui.downloads import DOWNLOADS, MAPS_LABEL, WORKSPACE_LABEL
from ensir.ui.example import RESTORERS as EXAMPLE_RESTORERS
from ensir.ui.example import SEED, TASK, example, example_files
from ensir.ui.layers import WINNER, viewer_value
from ensir.ui.links import COPY_LABEL
from ensir.ui.reference import SAMPLE, reference_for, sample_statistics, samples
from ensir.ui.viewer import ViewerValue, stored_mask
from ensir.ui.views import MOST_BIN_SETS
from tests.conftest import make_pictures
from tests.ui.layer_pictures import layer_picture
from tests.zips import NAMES as SET_NAMES
from tests.zips import put_folder, reference_files, zip_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
try:
    from playwright.sync_api import expect, sync_playwright
except ImportError:
    sync_playwright = None

# Gradio and pandas warn, and leave event loops to the garbage collector.
pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("default")]

WAIT = 60_000  # milliseconds; far more than any step takes, so that a busy machine is no failure
LONG_WAIT = 5 * WAIT  # for 12 megapixels
ONE = EXAMPLE_RESTORERS[1]  # any of the candidates that the page opens on
OF_EXAMPLE, _ = reference_for(
    SAMPLE, dict.fromkeys(EXAMPLE_RESTORERS, torch.empty(0)), None, None, 16
)
LOCAL = {"127.0.0.1", "localhost", None}  # None: data: and blob: addresses

# Notes on every canvas the files that it was last drawn from: so what a panel shows is known to
# the bit, whatever its size.
NOTE_PICTURES = """
(() => {
  const make = window.createImageBitmap;
  window.createImageBitmap = async (source, ...rest) => {
    const bitmap = await make(source, ...rest);
    bitmap.file = source.file ?? source; // a half is of the same file
    return bitmap;
  };
  const { clearRect, drawImage } = CanvasRenderingContext2D.prototype;
  Object.assign(CanvasRenderingContext2D.prototype, {
    clearRect(...rest) {
      this.canvas.files = [];
      return clearRect.apply(this, rest);
    },
    drawImage(image, ...rest) {
      if (image.file instanceof Blob) this.canvas.files?.push(image.file);
      return drawImage.call(this, image, ...rest);
    },
  });
})();
"""
READ_PICTURES = """
canvas => Promise.all(canvas.files.map((file) => new Promise((resolve) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result);
  reader.readAsDataURL(file);
})))
"""
SCROLLED_TO_THE_END = """
box => {
  box.scrollLeft = box.scrollWidth;
  const last = box.querySelector("thead th:last-child").getBoundingClientRect();
  return last.right <= box.getBoundingClientRect().right + 1;
}
"""
FUSED_PANEL = 1

Upload = dict[str, Any]  # as Playwright takes it


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    if sync_playwright is None:
        pytest.skip("playwright is missing: pip install playwright")
    if CHROMIUM is None:
        pytest.skip("no Chromium here: install chromium or google-chrome")
    import gradio as gr

    yield launch(wait=False)
    gr.close_all(verbose=False)


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator["Browser"]:
    with sync_playwright() as playwright:
        # No other machine can be reached, and pages are not held up by a gate of ours.
        here_alone = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
        arguments = ["--no-sandbox", "--force-color-profile=srgb", here_alone]
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)


@pytest.fixture
def opened(browser: "Browser", address: str) -> Iterator[Callable[..., "Page"]]:
    """Opens the page; afterwards no script has failed and nothing was asked of another machine."""
    errors: list[str] = []
    strangers: list[str] = []
    contexts: list[BrowserContext] = []

    def note(request: Any) -> None:  # noqa: ANN401 - Playwright's
        if urlparse(request.url).hostname not in LOCAL:
            strangers.append(request.url)

    def open_page(width: int = 1440, height: int = 1000, query: str = "") -> "Page":
        context = browser.new_context(
            viewport={"width": width, "height": height}, reduced_motion="reduce"
        )
        contexts.append(context)
        context.set_default_timeout(WAIT)
        context.on("request", note)
        page = context.new_page()
        page.add_init_script(NOTE_PICTURES)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: "Error exec" in line.text and errors.append(line.text))
        page.goto(address + query, wait_until="domcontentloaded")
        for place, name in enumerate(("input", "fused", WINNER)):
            expect(panel(page, place)).to_have_attribute("data-shown", name)
        expect(page.locator("#histogram svg").first).to_be_visible()
        return page

    expect.set_options(timeout=WAIT)
    yield open_page
    for context in contexts:
        context.close()
    assert not strangers
    assert not errors


def png(name: str, picture: Tensor) -> Upload:
    return {"name": name, "mimeType": "image/png", "buffer": encode_png(picture)}


def decoded(data: bytes) -> Tensor:
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)


def panel(page: "Page", place: int) -> "Locator":
    return page.locator("#viewer .panel").nth(place)


def frame(page: "Page", place: int) -> "Locator":
    return panel(page, place).locator(".frame")


def shown_pictures(page: "Page", place: int) -> list[Tensor]:
    """The pictures that a panel was drawn from, the left one of a wipe first."""
    files = panel(page, place).locator("canvas.picture").evaluate(READ_PICTURES)
    assert all(file.startswith("data:image/png;") for file in files)
    return [decoded(b64decode(file.partition(",")[2])) for file in files]


def shown_picture(page: "Page", place: int = FUSED_PANEL) -> Tensor:
    """The picture in a panel: the fused one unless another is chosen."""
    (picture,) = shown_pictures(page, place)
    return picture


def wait_until_shown(page: "Page", *pictures: Tensor, place: int = FUSED_PANEL) -> None:
    """Waits until a panel shows these pictures, to the bit."""

    def are_shown() -> bool:
        shown = shown_pictures(page, place)
        return len(shown) == len(pictures) and all(map(torch.equal, shown, pictures))

    wait_for(page, are_shown)


def look_at(page: "Page", place: int, name: str) -> None:
    """Chooses a layer for a panel and waits until it is drawn."""
    panel(page, place).locator("select.chooser").select_option(name)
    expect(panel(page, place)).to_have_attribute("data-shown", name)


def place_on_frame(page: "Page", place: int, x: int, y: int) -> dict[str, float]:
    """Where in its frame a panel shows the middle of a pixel."""
    frame(page, place).scroll_into_view_if_needed()
    middle_x, middle_y, scale = map(
        float, page.locator("#viewer .viewer").get_attribute("data-view").split()
    )
    box = frame(page, place).bounding_box()
    assert box is not None
    return {
        "x": box["width"] / 2 + (x + 0.5 - middle_x) * scale,
        "y": box["height"] / 2 + (y + 0.5 - middle_y) * scale,
    }


def hovered(page: "Page", x: int, y: int, place: int = 0) -> tuple[int, int]:
    """Hovers over a pixel and returns the one that is read: a neighbour in a small picture."""
    frame(page, place).hover(position=place_on_frame(page, place, x, y))
    where = page.locator("#viewer .where")
    expect(where).to_have_text(re.compile(rf"^x {near(x)}, y {near(y)}$"))
    column, row = re.findall(r"\d+", where.inner_text())
    return int(column), int(row)


def read(page: "Page", name: str) -> list[str]:
    """What the viewer reads of a layer at the pixel under the cursor."""
    item = page.locator("#viewer .probe dl > div").filter(has=page.get_by_title(name, exact=True))
    expect(item.locator("dd")).not_to_have_text(re.compile("^…?$"))
    return item.locator("dd").inner_text().split()


def near(place: int) -> str:
    return f"({place - 1}|{place}|{place + 1})"


def wait_for(page: "Page", reached: Callable[[], bool]) -> None:
    """Waits while the page goes on."""
    until = time.monotonic() + WAIT / 1000
    while not reached():
        assert time.monotonic() < until
        page.wait_for_timeout(50)


def give(page: "Page", field: str, files: object) -> None:
    """Uploads, and waits until the page has taken it in."""
    page.locator(f"#{field} input[type=file]").set_input_files(files)
    if field in ("picture", "own-candidates"):
        expect(page.locator("#note")).to_contain_text("New input")
    elif field == "truth":
        expect(page.locator("#truth img")).to_be_visible()


def choose(page: "Page", dropdown: str, option: str) -> None:
    page.locator(f"#{dropdown} input").click()
    listed = page.locator("li[role=option]")  # the viewer has options of its own
    listed.and_(page.get_by_role("option", name=option, exact=True)).click()
    expect(listed).to_have_count(0)  # the list fades


def open_tab(page: "Page", name: str) -> None:
    """Opens a tab; on a small screen the last ones are in a menu."""
    tab = page.get_by_role("tab", name=name)
    if not tab.count():
        page.get_by_role("button", name="More tabs").click()
        tab = page.locator(".overflow-dropdown").get_by_role("button", name=name)
    tab.click()


def fuse(page: "Page", wait: float = WAIT) -> None:
    """Presses the button and waits for the new result."""
    page.locator("#run").click()
    expect(page.locator("#note")).not_to_contain_text("New input", timeout=wait)
    expect(page.locator("#stop")).to_be_disabled()


def table(page: "Page", name: str) -> dict[str, list[str]]:
    """The cells of a table on the page by the name of their row."""
    rows = page.locator(f"#{name} tbody tr").all()
    return {row.locator("th").inner_text(): row.locator("td").all_inner_texts() for row in rows}


def click_pixel(page: "Page", x: int, y: int, place: int = 0) -> tuple[int, int]:
    """Clicks the middle of a pixel and returns the one that the page took for it.

    Where a pixel of the picture is smaller than one of the screen, it may be a neighbour.
    """
    frame(page, place).click(position=place_on_frame(page, place, x, y))
    expect(number(page, "x")).to_have_value(re.compile(f"^{near(x)}$"))
    expect(number(page, "y")).to_have_value(re.compile(f"^{near(y)}$"))
    return int(number(page, "x").input_value()), int(number(page, "y").input_value())


def number(page: "Page", name: str) -> "Locator":
    return page.get_by_label(name, exact=True)


def assert_shows_pixel(page: "Page", comparison: Comparison, x: int, y: int) -> None:
    """The pixel table says what the engine says, in the green channel."""
    expected = probe(inspect_pixel(comparison, x, y), 1)
    caption = f"Pixel ({x}, {y}), green; responsibility at the level of {expected.responsible_at}"
    expect(page.locator("#pixel-table caption")).to_have_text(caption)
    assert table(page, "pixel-table") == {name: cells for name, *cells in expected.cells}


def assert_shows_results(page: "Page", names: list[str]) -> None:
    """A candidate and a weight map for each name, and all of them loaded."""
    for gallery in ("candidates", "maps"):
        open_tab(page, gallery.title())
        pictures = page.locator(f"#{gallery} .grid-container img")
        expect(pictures).to_have_count(len(names))
        for place, name in enumerate(names):
            pictures.nth(place).scroll_into_view_if_needed()
            expect(pictures.nth(place)).not_to_have_js_property("naturalWidth", 0)
            expect(page.locator(f"#{gallery} .grid-container button").nth(place)).to_contain_text(
                name
            )


def assert_draws_histogram(page: "Page", candidates: int = 3) -> None:
    """A bar, the mixture before the fit, and a mark for each candidate."""
    drawing = page.locator("#histogram svg.bin-set")
    expect(drawing.locator(".bars").first).to_be_attached()
    expect(drawing.locator(".curve[stroke-dasharray]")).to_have_count(candidates)
    expect(drawing.locator(".mark[fill^='#']")).to_have_count(candidates)


def assert_toast(page: "Page", sentence: str) -> None:
    toast = page.get_by_test_id("toast-text").filter(has_text=sentence)
    expect(toast.first).to_be_visible()
    text = toast.first.inner_text()
    assert "/" not in text.replace(" / ", "")
    assert os.environ["GRADIO_TEMP_DIR"] not in text
    page.get_by_test_id("toast-close").first.click()


def assert_fits_the_screen(page: "Page") -> None:
    width, inner = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width <= inner


def rotated_jpeg(folder: Path) -> Path:
    """A photograph of nobody, stored lying as 300 x 200; upright it is 200 x 300."""
    candidates, _ = make_pictures(seed=11, members=1, height=200, width=300, noise=12)
    path = folder / "my holiday.jpg"
    exif = Image.Exif()
    exif[274] = 6
    pixels = candidates[0].permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(path, quality=92, exif=exif)
    return path


def test_the_page_opens_on_a_finished_example(opened: Callable[..., "Page"]) -> None:
    page = opened()
    assert_shows_results(page, list(EXAMPLE_RESTORERS))
    assert shown_picture(page).shape == example().fusion.image.shape
    assert set(table(page, "scores")) == {"fused", "average", *EXAMPLE_RESTORERS, "input"}
    assert_draws_histogram(page)
    curves = page.locator("#histogram .curve")
    assert curves.count() == 7  # each candidate before and after EM, and the sum
    assert torch.equal(shown_picture(page, 0), example().degraded)
    assert torch.equal(shown_picture(page, 2), layer_picture(example(), WINNER))
    expect(page.locator("#stop")).to_be_disabled()
    assert_fits_the_screen(page)


def test_copies_are_what_the_browser_makes_of_them(opened: Callable[..., "Page"]) -> None:
    """Gradio's page lives by them; ours are quicker, where there is nothing to copy."""
    page = opened()
    assert not page.evaluate("() => /native code/.test(String(structuredClone))")
    same = """async () => {
      const frame = document.body.appendChild(document.createElement("iframe"));
      const native = frame.contentWindow.structuredClone.bind(frame.contentWindow);
      const shown = (value) => [typeof value, String(value), JSON.stringify(value) ?? ""].join();
      const all = [0, -0, NaN, "text", true, null, undefined, [1, { a: [2] }], { b: "c" },
        new Date(5), new Map([[1, 2]]), new Set([3]), new Uint8Array([4, 5])];
      const alike = all.map((one) => shown(structuredClone(one)) === shown(native(one)));
      const given = { list: [1] };
      const copied = structuredClone(given);
      const failures = [() => 0, Symbol("s"), { nested: () => 0 }].map((one) => {
        try { structuredClone(one); return ""; } catch (error) {
          return [error instanceof DOMException, error.name].join();
        }
      });
      frame.remove();
      return [alike.every(Boolean), copied !== given && copied.list !== given.list, failures];
    }"""
    assert page.evaluate(same) == [True, True, 3 * ["true,DataCloneError"]]


def test_a_picture_of_the_visitor_is_restored_fused_and_explained(
    opened: Callable[..., "Page"], tmp_path: Path
) -> None:
    path = rotated_jpeg(tmp_path)
    degraded = read_image(path)
    assert degraded.shape == (3, 300, 200)
    candidates = restore_with(EXAMPLE_RESTORERS, degraded, lambda done, of: None, lambda: False)
    expected = compare(candidates, degraded=degraded, reference=OF_EXAMPLE, bin_width=16)
    page = opened()
    give(page, "picture", path)
    expect(page.locator("#stop")).to_be_disabled()
    fuse(page)
    wait_until_shown(page, expected.fused.values)
    assert_shows_results(page, list(EXAMPLE_RESTORERS))
    expect(page.locator("#scores")).to_contain_text("Add a ground truth")
    for wanted in ((120, 201), (0, 0), (198, 298)):
        x, y = click_pixel(page, *wanted)
        assert_shows_pixel(page, expected, x, y)
        assert_draws_histogram(page)
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    look_at(page, 0, ONE)
    assert torch.equal(shown_picture(page, 0), candidates[ONE])


def phone_photograph(folder: Path) -> Path:
    """12 megapixels as a phone stores them: lying, to be turned upright."""
    candidates, _ = make_pictures(seed=12, members=1, height=3024, width=4032, noise=12)
    path = folder / "IMG_0001.jpg"
    exif = Image.Exif()
    exif[274] = 6
    pixels = candidates[0].permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(path, quality=90, exif=exif)
    return path


def downloaded(page: "Page", label: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name=label).click()
    expect(page.get_by_role("button", name=label)).to_be_enabled()
    return download.value.path().read_bytes()


def test_a_phone_photograph_goes_all_the_way(opened: Callable[..., "Page"], tmp_path: Path) -> None:
    path = phone_photograph(tmp_path)
    degraded = read_image(path)
    assert degraded.shape == (3, 4032, 3024)
    names = ["non-local means", "bilateral", "median"]
    candidates = restore_with(names, degraded, lambda done, of: None, lambda: False)
    page = opened()
    give(page, "picture", path)
    page.locator("#task").get_by_label("denoising").check()
    for name in chosen_at_first("denoising"):
        page.locator("#restorers").get_by_label(name).uncheck()
    for name in names:
        page.locator("#restorers").get_by_label(name).check()
    fuse(page, LONG_WAIT)
    expected = compare(candidates, degraded=degraded, reference=sample_statistics(), bin_width=16)
    wait_until_shown(page, expected.fused.values)
    assert_shows_results(page, names)
    frame(page, 0).click(position={"x": 100, "y": 200})
    expect(page.locator("#viewer .state")).to_have_text("pinned")
    x, y = map(int, re.findall(r"\d+", page.locator("#viewer .where").inner_text()))
    expect(number(page, "x")).to_have_value(str(x))
    expect(number(page, "y")).to_have_value(str(y))
    assert_shows_pixel(page, expected, x, y)
    assert_draws_histogram(page)
    page.get_by_role("slider", name="Bin width").focus()
    page.keyboard.press("ArrowRight")
    wider = compare(candidates, degraded=degraded, reference=sample_statistics(), bin_width=24)
    wait_until_shown(page, wider.fused.values)
    assert_shows_pixel(page, wider, x, y)
    look_at(page, 2, "weight of median")
    (weights,) = map_values(wider, Layer("weight", "median"))
    wait_until_shown(page, map_picture(wider, Layer("weight", "median"), weights), place=2)
    (places,) = map_values(wider, Layer("largest weight"))
    assert " ".join(read(page, WINNER)) == names[int(places[y, x])]
    assert torch.equal(decoded(downloaded(page, "Fused .png")), wider.fused.values)


def test_a_16_bit_transparent_picture_comes_out_with_16_bits_and_transparent(
    opened: Callable[..., "Page"], tmp_path: Path
) -> None:
    random = torch.Generator().manual_seed(8)
    deep = torch.randint(0, 65536, (3, 60, 50), generator=random).to(torch.uint16)
    alpha = torch.arange(3000).reshape(60, 50).mul(20).int().to(torch.uint16)
    page = opened()
    give(page, "picture", {**png("deep.png", deep), "buffer": encode_png(deep, alpha)})
    fuse(page)
    expect(page.locator("#note")).to_contain_text("deep.png is partly transparent")
    expect(page.locator("#note")).to_contain_text("8 of the 16 bits")
    restored = restore_with(EXAMPLE_RESTORERS, deep, lambda done, of: None, lambda: False)
    expected = compare(
        restored, degraded=deep, alpha=alpha, reference=OF_EXAMPLE, bin_width=16
    ).fused
    (tmp_path / "fused.png").write_bytes(downloaded(page, "Fused .png"))
    kept = read_picture(tmp_path / "fused.png")
    assert kept.values.dtype == torch.uint16
    assert torch.equal(kept.values.int(), expected.values.int())
    assert torch.equal(kept.alpha.int(), alpha.int())


def test_candidates_of_different_sizes_are_cropped_on_request(
    opened: Callable[..., "Page"],
) -> None:
    page = opened()
    candidates, _ = make_pictures(seed=18, members=2, height=40, width=44)
    page.get_by_label("My own candidates").click()
    give(page, "own-candidates", [png("a.png", candidates[0]), png("b.png", candidates[1, :, 3:])])
    page.locator("#run").click()
    assert_toast(page, "or have them cropped to the 44 × 37 pixels")
    page.get_by_label("Crop pictures of different sizes").check()
    fuse(page)
    expect(page.locator("#note")).to_contain_text("Cropped to the 44 × 37 pixels")
    halves = compare({"a": candidates[0, :, :37], "b": candidates[1, :, 3:]})
    wait_until_shown(page, halves.fused.values)


def test_two_candidates_of_the_visitor_are_fused_by_their_ground_truth(
    opened: Callable[..., "Page"], tmp_path: Path
) -> None:
    candidates, truth = make_pictures(seed=12, members=2, height=90, width=120, contrast=25)
    write_image(tmp_path / "gt.png", truth)
    page = opened()
    page.get_by_label("My own candidates").click()
    expect(page.locator("#run")).to_have_text("Fuse")
    give(page, "own-candidates", [png("Zed.png", candidates[1]), png("Ann.png", candidates[0])])
    page.get_by_text("Ground truth, if you have it").click()
    give(page, "truth", tmp_path / "gt.png")
    choose(page, "source", "This picture's ground truth")
    assert page.get_by_test_id("toast-text").count() == 0
    fuse(page)
    named = {"Ann": candidates[0], "Zed": candidates[1]}
    expected = compare(
        named, truth=truth, reference=statistics_of_truth(named, truth, 16), bin_width=16
    )
    wait_until_shown(page, expected.fused.values)
    expect(panel(page, 0)).to_have_attribute("data-shown", "average")  # there is no input
    assert_shows_results(page, ["Ann", "Zed"])
    assert set(table(page, "scores")) == {"fused", "average", "Ann", "Zed"}
    x, y = click_pixel(page, 61, 44)
    assert_shows_pixel(page, expected, x, y)
    assert_draws_histogram(page, candidates=2)
    page.screenshot(path=tmp_path / "page.png", full_page=True)


def test_candidates_named_like_our_restorers_take_the_weights_of_the_sample(
    opened: Callable[..., "Page"],
) -> None:
    candidates, _ = make_pictures(seed=13, members=2, height=60, width=80)
    page = opened()
    page.get_by_label("My own candidates").click()
    uploads = [png("median.png", candidates[1]), png("bilateral.png", candidates[0])]
    give(page, "own-candidates", uploads)
    fuse(page)
    named = {"bilateral": candidates[0], "median": candidates[1]}
    expected = compare(named, reference=sample_statistics(), bin_width=16)
    wait_until_shown(page, expected.fused.values)
    expect(page.locator("#note")).to_contain_text("24 reference pictures")


def test_unknown_candidates_are_averaged_and_the_page_says_so(
    opened: Callable[..., "Page"],
) -> None:
    candidates, _ = make_pictures(seed=14, members=2, height=60, width=80)
    page = opened()
    page.get_by_label("My own candidates").click()
    # The browser would take what follows a slash for the name.
    uploads = [png("<b>x<b>.png", candidates[0]), png("mine & yours.png", candidates[1])]
    give(page, "own-candidates", uploads)
    fuse(page)
    expected = compare(dict(zip("ab", candidates, strict=True))).fused.values
    wait_until_shown(page, expected)
    expect(page.locator("#note")).to_contain_text("these are averaged")
    expect(page.locator("#sentence")).to_contain_text("the same weight everywhere")
    expect(page.locator("#histogram")).to_contain_text("Averaging needs no bin sets")
    assert "mine & yours" in table(page, "pixel-table")
    look_at(page, 2, "weight of mine & yours")
    assert page.locator("#pixel-table b, #candidates b, #own-candidates b, #viewer b").count() == 0


def test_markup_in_a_file_comes_back_as_text(opened: Callable[..., "Page"], tmp_path: Path) -> None:
    from dataclasses import replace

    from ensir import write_statistics
    from tests.conftest import make_statistics

    names = ("<b>x</b>", "<img src=x onerror=alert(1)>")
    gathered = make_statistics(make_pictures(seed=15, members=2), 16)
    write_statistics(replace(gathered, candidate_names=names), tmp_path / "file.safetensors")
    page = opened()
    choose(page, "source", "A table or statistics file of mine")
    give(page, "table-file", tmp_path / "file.safetensors")
    toast = page.get_by_test_id("toast-text").first
    expect(toast).to_contain_text("the statistics know <b>x</b>, <img src=x onerror=alert(1)>")
    assert toast.locator("b, img").count() == 0


def test_another_bin_width_or_method_refits_the_same_candidates(
    opened: Callable[..., "Page"],
) -> None:
    page = opened()
    before = shown_picture(page)
    x, y = (int(number(page, name).input_value()) for name in "xy")
    first = int(example().candidates[ONE][1, y, x]) // 24 * 24
    assert f"{first}–{first + 23}" not in page.locator("#pixel-table").inner_text()
    page.get_by_role("slider", name="Bin width").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#pixel-table")).to_contain_text(f"{first}–{first + 23}")
    fitted = page.locator("#sentence").inner_text()
    page.locator("#method").get_by_label("published").click()
    expect(page.locator("#sentence")).not_to_have_text(fitted)
    choose(page, "source", "None: average the candidates")
    expect(page.locator("#note")).to_contain_text("the same weight everywhere")
    wait_until_shown(page, levels_of(example().pictures["average"]))
    assert not torch.equal(shown_picture(page), before)
    assert_shows_results(page, list(EXAMPLE_RESTORERS))
    assert page.get_by_test_id("toast-text").count() == 0


def test_what_cannot_be_used_is_said_and_the_earlier_result_stays(
    opened: Callable[..., "Page"],
) -> None:
    page = opened()
    before, scores = shown_picture(page), table(page, "scores")
    text = {"name": "notes.png", "mimeType": "image/png", "buffer": b"no picture at all"}
    give(page, "picture", text)
    page.locator("#run").click()
    assert_toast(page, "notes.png is not a PNG, JPEG, WebP, TIFF or BMP image")
    expect(page.locator("#stop")).to_be_disabled()
    page.get_by_label("My own candidates").click()
    candidates, _ = make_pictures(seed=16, members=2, height=40, width=40)
    own = page.locator("#own-candidates input[type=file]")
    own.set_input_files([png("a.png", candidates[0])])
    expect(page.locator("#own-candidates").get_by_role("cell", name="a.png")).to_be_visible()
    page.locator("#run").click()
    assert_toast(page, "two or more candidates are needed to fuse, got 1")
    own = page.locator("#own-candidates input[type=file]")
    own.set_input_files([png("b.png", candidates[1, :, 2:])])
    expect(page.locator("#own-candidates").get_by_role("cell", name="b.png")).to_be_visible()
    page.locator("#run").click()
    assert_toast(page, "the pictures have different sizes (a is 40 × 40, b is 40 × 38)")
    assert torch.equal(shown_picture(page), before)
    covers = page.locator("#viewer [data-testid=status-tracker] .error")
    assert not [cover for cover in covers.all() if cover.is_visible()]
    assert table(page, "scores") == scores
    assert_shows_results(page, list(EXAMPLE_RESTORERS))


def test_any_two_layers_are_compared_and_wiped_by_keyboard(opened: Callable[..., "Page"]) -> None:
    page = opened()
    pictures = example().pictures
    frame(page, 0).focus()
    page.keyboard.press("w")
    expect(panel(page, 0)).to_have_attribute("data-shown", "input|ground truth")
    wait_until_shown(page, pictures["input"], pictures["ground truth"], place=0)
    panel(page, 0).locator("select.chooser").select_option(ONE)
    panel(page, 0).locator("select.wiped").select_option(f"error of {ONE}")
    expect(panel(page, 0)).to_have_attribute("data-shown", f"{ONE}|error of {ONE}")
    error = layer_picture(example(), f"error of {ONE}")
    wait_until_shown(page, pictures[ONE], error, place=0)
    expect(panel(page, 0).locator(".legends")).to_contain_text("64 or more")
    handle = panel(page, 0).get_by_role("slider", name="Wipe")
    before, share = handle.bounding_box(), int(handle.get_attribute("aria-valuenow") or "")
    handle.focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    expect(handle).to_have_attribute("aria-valuenow", str(share - 10))
    assert before is not None
    left = before["x"] - 20  # drawn with the next frame
    wait_for(page, lambda: (handle.bounding_box() or before)["x"] < left)
    choose(page, "source", "None: average the candidates")
    expect(page.locator("#note")).to_contain_text("the same weight everywhere")
    panel(page, 0).locator("select.wiped").select_option("fused")
    averaged = levels_of(pictures["average"])
    wait_until_shown(page, pictures[ONE], averaged, place=0)


def test_layers_that_were_not_made_yet_are_shown_with_their_scales(
    opened: Callable[..., "Page"],
) -> None:
    page = opened()
    shown = example()
    legend = panel(page, 0).locator(".legends")
    for name, said in (
        ("largest weight", "equal weights"),
        ("gain over average", "+16 or more"),
        ("error of fused", "64 or more"),
        ("reference pixels in the bin set", "1M or more"),
    ):
        look_at(page, 0, name)
        expect(legend).to_contain_text(said)
        wait_until_shown(page, layer_picture(shown, name), place=0)
    look_at(page, 0, f"weight of {ONE}")
    page.locator("#map-channel").get_by_label("red").click()
    red = layer_picture(shown, f"weight of {ONE}", "red")
    wait_until_shown(page, red, place=0)
    wait_until_shown(page, layer_picture(shown, WINNER, "red"), place=2)
    choose(page, "map-kind", "error of each picture")
    expect(page.locator("#maps .grid-container img")).to_have_count(6)
    expect(page.locator("#map-legend")).to_contain_text("The absolute difference")
    look_at(page, 0, ONE)
    expect(legend).to_be_empty()
    page.get_by_role("button", name="6 panels").click()
    expect(page.locator("#viewer .panel")).to_have_count(6)
    for place in range(6):
        expect(panel(page, place)).not_to_have_attribute("data-shown", "")


def test_numbers_under_the_cursor_are_those_of_the_engine(opened: Callable[..., "Page"]) -> None:
    page = opened()
    shown = example()
    kinds = {
        f"weight of {ONE}": Layer("weight", ONE),
        "signed error of fused": Layer("signed error", "fused"),
        "reference pixels in the bin set": Layer("reference pixels"),
    }
    for place, name in enumerate(kinds):
        look_at(page, place, name)
    values = map_values(shown, *kinds.values())
    for wanted in ((200, 31), (7, 350)):
        x, y = hovered(page, *wanted)
        for name, of_map in zip(kinds, values, strict=True):
            assert np.float32(read(page, name)[0]) == of_map[y, x].numpy()
        told = np.array(read(page, "fused"), np.float32)
        assert np.array_equal(told, shown.fusion.image[:, y, x].numpy())
        levels = [str(level) for level in shown.candidates[ONE][:, y, x].tolist()]
        look_at(page, 0, ONE)
        hovered(page, *wanted)
        assert read(page, ONE) == levels
        look_at(page, 0, f"weight of {ONE}")
    page.locator("#map-channel").get_by_label("blue").click()
    (blue,) = map_values(shown, Layer("weight", ONE, 2))
    wait_until_shown(page, layer_picture(shown, f"weight of {ONE}", "blue"), place=0)
    x, y = hovered(page, 100, 100)
    wait_for(page, lambda: np.float32(read(page, f"weight of {ONE}")[0]) == blue[y, x].numpy())


def test_a_click_explains_the_pixel_in_every_channel(opened: Callable[..., "Page"]) -> None:
    page = opened()
    before = page.locator("#histogram").inner_html()
    x, y = click_pixel(page, 50, 300, place=2)
    assert_shows_pixel(page, example(), x, y)
    assert_draws_histogram(page)
    assert page.locator("#histogram").inner_html() != before
    page.locator("#channel").get_by_label("blue").click()
    expect(page.locator("#pixel-table caption")).to_contain_text(f"Pixel ({x}, {y}), blue")
    expected = probe(inspect_pixel(example(), x, y), 2)
    assert table(page, "pixel-table") == {name: cells for name, *cells in expected.cells}
    expect(page.locator("#sentence")).to_have_text(expected.bin_set)


def test_another_value_of_a_candidate_moves_the_table(opened: Callable[..., "Page"]) -> None:
    page = opened()
    x, y = click_pixel(page, 50, 300)
    assert_shows_pixel(page, example(), x, y)
    choose(page, "changed", ONE)
    value = page.locator("#changed-value input[type=number]")
    value.fill("200")
    value.press("Enter")
    caption = page.locator("#pixel-table caption")
    expect(caption).to_contain_text(f"Pixel ({x}, {y}), green if {ONE} had 200;")
    expected = probe(what_if(example(), x, y, 1, {ONE: 200}), 1)
    assert table(page, "pixel-table") == {name: cells for name, *cells in expected.cells}
    expect(page.locator("#sentence")).to_have_text(expected.bin_set)
    choose(page, "changed", "nothing")
    expect(caption).not_to_contain_text("had")
    assert_shows_pixel(page, example(), x, y)


def test_a_bin_set_of_the_list_is_highlighted_and_inspected(opened: Callable[..., "Page"]) -> None:
    page = opened()
    chosen = bin_sets(example(), 1, "share of the error", MOST_BIN_SETS)[2]
    inside = pixels_of(example(), 1, chosen.number)
    y, x = inside.nonzero()[0].tolist()
    name = Path(stored_mask(inside)).name
    open_tab(page, "Bin sets")
    listed = page.locator("#bin-sets .grid-container button")
    expect(listed.nth(2)).to_contain_text(f"{chosen.pixels:,} pixels")
    with page.expect_response(lambda response: response.url.endswith(name)) as mask:
        listed.nth(2).click()
    with Image.open(io.BytesIO(page.request.get(mask.value.url).body())) as image:
        assert np.array_equal(np.asarray(image), inside.numpy())
    highlight = page.get_by_role("button", name="Highlight", exact=True)
    expect(highlight).to_have_attribute("aria-pressed", "true")
    expect(number(page, "x")).to_have_value(str(x))
    expect(number(page, "y")).to_have_value(str(y))
    assert_shows_pixel(page, example(), x, y)
    expect(page.locator("#sentence")).to_contain_text(f"Bin set {chosen.number:,}:")
    expect(page.locator("#viewer .where")).to_have_text(f"x {x}, y {y}")
    look_at(page, 0, ONE)  # what is asked for later is highlighted, too
    expect(highlight).to_have_attribute("aria-pressed", "true")


def test_maps_are_seen_over_the_fused_picture(opened: Callable[..., "Page"]) -> None:
    page = opened()
    opacity = page.locator("#map-opacity input[type=number]")
    opacity.fill("40")
    opacity.press("Enter")
    expect(page.locator("#map-legend")).to_contain_text("Over the fused picture in grey.")
    expect(panel(page, 2).locator(".legends")).to_contain_text("Over the fused picture in grey.")
    wait_until_shown(page, layer_picture(example(), WINNER, opacity=40), place=2)
    look_at(page, 0, f"weight of {ONE}")
    wait_until_shown(page, layer_picture(example(), f"weight of {ONE}", opacity=40), place=0)
    with zipfile.ZipFile(io.BytesIO(downloaded(page, MAPS_LABEL))) as file:
        picture = decoded(file.read("map_2.png"))
    blended = layer_picture(example(), f"weight of {ONE}", opacity=40)
    assert torch.equal(picture[:, : blended.shape[1], : blended.shape[2]], blended)


def test_what_the_candidates_have_in_a_bin_set_is_drawn_until_it_is_switched_off(
    opened: Callable[..., "Page"],
) -> None:
    page = opened()
    drawing = page.locator("#histogram svg.in-picture")
    for wanted in ((50, 300), (200, 31)):
        x, y = click_pixel(page, *wanted)
        number_of = inspect_pixel(example(), x, y).bin_sets[1].number
        count = int(levels_in(example(), 1, number_of)[ONE].sum())
        expect(drawing).to_contain_text(f"Candidates in this picture: {count:,} pixels")
        expect(drawing.locator(".steps")).to_have_count(3)
    page.locator("#in-picture").uncheck()
    expect(drawing).to_be_hidden()
    click_pixel(page, 50, 300)
    expect(page.locator("#histogram svg.bin-set")).to_be_visible()
    expect(drawing).to_be_hidden()


def test_bin_sets_are_sorted_by_what_the_visitor_chooses(opened: Callable[..., "Page"]) -> None:
    page = opened()
    open_tab(page, "Bin sets")
    listed = page.locator("#bin-sets .grid-container button")
    first = bin_sets(example(), 1, "weight contrast", MOST_BIN_SETS)[0]
    choose(page, "sort-by", "contrast of the weights")
    expect(listed.first).to_contain_text(f"{first.pixels:,} pixels, contrast {first.contrast:.2f}")
    listed.first.click()
    expect(page.locator("#sentence")).to_contain_text(f"Bin set {first.number:,}:")
    choose(page, "source", "None: average the candidates")
    expect(page.locator("#bin-sets-help")).to_contain_text("there are no bin sets")
    expect(page.locator("#sort-by")).to_be_hidden()


def test_a_pixel_left_as_it_is_keeps_what_is_looked_at(opened: Callable[..., "Page"]) -> None:
    page = opened()
    choose(page, "changed", ONE)
    caption = page.locator("#pixel-table caption")
    expect(caption).to_contain_text(f"if {ONE} had 128")
    number(page, "x").focus()
    number(page, "y").focus()
    number(page, "y").blur()
    look_at(page, 0, ONE)  # waits in line behind what the fields asked for
    expect(caption).to_contain_text(f"if {ONE} had 128")


def test_least_squares_is_trusted_half_until_told_otherwise(opened: Callable[..., "Page"]) -> None:
    page = opened()
    x, y = (int(number(page, name).input_value()) for name in "xy")

    def fitted(trust: float) -> Comparison:
        return fuse_again(
            example(),
            reference=OF_EXAMPLE,
            bin_width=16,
            method="least-squares",
            trust=trust,
        )

    page.locator("#method").get_by_label("least-squares").click()
    expect(page.locator("#trust input[type=number]")).to_have_value("0.5")
    wait_until_shown(page, fitted(0.5).fused.values)
    assert_shows_pixel(page, fitted(0.5), x, y)
    assert table(page, "scores") == {name: cells for name, *cells in scores(fitted(0.5))}
    page.locator("#trust input[type=range]").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#trust input[type=number]")).to_have_value("0.51")
    wait_until_shown(page, fitted(0.51).fused.values)
    assert_shows_pixel(page, fitted(0.51), x, y)


def test_the_reference_pictures_choose_width_and_trust(opened: Callable[..., "Page"]) -> None:
    page = opened()
    before = table(page, "scores")
    page.locator("#choose").click()
    expect(page.locator("#chosen")).to_contain_text("dB over averaging", timeout=4 * WAIT)
    expect(page.locator("#stop-choosing")).to_be_hidden()
    width = page.locator("#bin-width input[type=number]").input_value()
    trust = page.locator("#trust input[type=number]").input_value()
    expect(page.locator("#chosen")).to_contain_text(f"Bin width {width}, trust {trust}: ")
    wait_for(page, lambda: table(page, "scores") != before)
    page.locator("#trust input[type=range]").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#chosen")).not_to_contain_text("dB over averaging")
    choose(page, "source", "None: average the candidates")
    expect(page.locator("#choose")).to_be_disabled()
    expect(page.locator("#chosen")).to_contain_text("only a sample, or a file")


def test_what_is_downloaded_is_what_the_engine_says(opened: Callable[..., "Page"]) -> None:
    page = opened()
    shown = example()
    found = [downloaded(page, label) for label in DOWNLOADS]
    assert torch.equal(decoded(found[0]), shown.fused.values)
    weights = np.load(io.BytesIO(found[1]))["weights"]
    assert torch.equal(torch.from_numpy(weights), shown.fusion.weights.float())
    choose(page, "map-kind", "error of each picture")
    page.locator("#map-channel").get_by_label("green").click()
    expect(page.locator("#map-legend")).to_contain_text("Of green")
    with zipfile.ZipFile(io.BytesIO(downloaded(page, MAPS_LABEL))) as file:
        assert "map_1: error of fused, green" in file.read("maps.txt").decode()
        array = np.load(io.BytesIO(file.read("map_1.npy")), allow_pickle=False)
        picture = decoded(file.read("map_1.png"))
    (values,) = map_values(shown, Layer("error", "fused", 1))
    assert np.array_equal(array, values.numpy())
    coloured = map_picture(shown, Layer("error", "fused", 1), values)
    assert torch.equal(picture[:, : coloured.shape[1], : coloured.shape[2]], coloured)
    choose(page, "source", "None: average the candidates")
    expect(page.locator("#note")).to_contain_text("the same weight everywhere")
    page.get_by_role("button", name="Lookup table").click()
    expect(page.get_by_test_id("toast-text").first).to_contain_text("there is no table to download")
    expect(page.get_by_role("button", name="Lookup table")).to_be_enabled()


def test_a_clean_picture_is_degraded_restored_and_scored(opened: Callable[..., "Page"]) -> None:
    page = opened()
    _, clean = make_pictures(seed=17, members=1, height=64, width=48)
    give(page, "picture", png("clean.png", clean))
    page.get_by_label("Degrade it for me").click()
    expect(page.locator("#strength")).to_be_visible()
    fuse(page)
    noisy = degraded(clean, TASK, TASKS[TASK].usual, SEED)
    restored = restore_with(EXAMPLE_RESTORERS, noisy, lambda done, of: None, lambda: False)
    expected = compare(restored, degraded=noisy, truth=clean, reference=OF_EXAMPLE, bin_width=16)
    wait_until_shown(page, expected.fused.values)
    wait_until_shown(page, noisy, place=0)
    assert table(page, "scores") == {name: cells for name, *cells in scores(expected)}
    page.get_by_label("Degrade it for me").click()
    expect(page.locator("#note")).to_contain_text("New input")
    fuse(page)
    expect(page.locator("#scores")).to_contain_text("Add a ground truth")


def test_an_example_is_restored_and_scored_at_once(opened: Callable[..., "Page"]) -> None:
    page = opened()
    names = [path.stem for path in example_files()]
    place = names.index("coffee")
    truth = read_image(example_files()[place])
    noisy = degraded(truth, TASK, TASKS[TASK].usual, SEED)
    restored = restore_with(EXAMPLE_RESTORERS, noisy, lambda done, of: None, lambda: False)
    expected = compare(restored, degraded=noisy, truth=truth, reference=OF_EXAMPLE, bin_width=16)
    page.locator("#examples button").nth(place).click()
    wait_until_shown(page, expected.fused.values)
    expect(page.locator("#stop")).to_be_disabled()
    expect(page.locator("#note")).to_contain_text("reference pictures")
    assert table(page, "scores") == {name: cells for name, *cells in scores(expected)}
    assert_fits_the_screen(page)


def test_blur_is_taken_away_by_networks_with_weights_of_their_own(
    opened: Callable[..., "Page"],
) -> None:
    task = "deblurring"
    names = chosen_at_first(task)
    assert len(names) == 3 and all(RESTORERS[name].parameters for name in names)
    (file,) = (path for path in example_files() if path.stem == "text")
    truth = read_image(file)
    blurred = degraded(truth, task, TASKS[task].usual, SEED)
    restored = restore_with(names, blurred, lambda done, of: None, lambda: False)
    (sample,) = (one for one in samples() if set(names) <= set(one.candidate_names))
    expected = compare(restored, degraded=blurred, truth=truth, reference=sample, bin_width=16)
    page = opened()
    page.locator("#task").get_by_label(task).check()
    for name in names:
        expect(page.locator("#restorers").get_by_label(name)).to_be_checked()
    expect(page.locator("#restorers")).not_to_contain_text("deraining")
    page.locator("#examples button").nth(example_files().index(file)).click()
    wait_until_shown(page, expected.fused.values)
    expect(page.locator("#stop")).to_be_disabled()
    expect(page.locator("#note")).to_contain_text("blur")
    assert_shows_results(page, names)
    assert table(page, "scores") == {name: cells for name, *cells in scores(expected)}


class SlowRestorer:
    """Works until it is stopped, or told to finish one picture."""

    name, task, scale, licence, parameters = "median", "denoising", 1, "MIT", 0
    seconds_per_megapixel, uses_gpu = 1.0, False

    def __init__(self) -> None:
        self.thread: threading.Thread | None = None
        self.begun = threading.Event()
        self.stopped = threading.Event()
        self.finish = threading.Semaphore(0)

    def restore(self, image: Tensor, on_progress: OnProgress, cancelled: IsCancelled) -> Tensor:
        self.thread = threading.current_thread()
        self.begun.set()
        until = time.monotonic() + 2 * WAIT / 1000  # longer than the test waits for its end
        while time.monotonic() < until:
            on_progress(1, 100)
            if cancelled():
                self.stopped.set()
                raise Cancelled
            if self.finish.acquire(timeout=0.02):
                break
        return image


def test_stop_ends_the_work_and_the_page_goes_on(
    opened: Callable[..., "Page"], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowRestorer()
    page = opened()
    before = shown_picture(page)
    noise = torch.randint(0, 256, (3, 400, 600), generator=torch.Generator().manual_seed(1))
    give(page, "picture", png("noise.png", noise.to(torch.uint8)))
    with monkeypatch.context() as patched:
        patched.setitem(RESTORERS, ONE, slow)
        page.locator("#run").click()
        wait_for(page, slow.begun.is_set)
        expect(page.locator("#stop")).to_be_enabled()
        page.locator("#stop").click()
        wait_for(page, slow.stopped.is_set)
        assert slow.thread is not None
        wait_for(page, lambda: slow.thread is not None and not slow.thread.is_alive())
    expect(page.locator("#stop")).to_be_disabled()
    assert torch.equal(shown_picture(page), before)
    fuse(page)
    wait_for(page, lambda: shown_picture(page).shape == (3, 400, 600))


def test_what_is_chosen_during_a_run_is_shown_after_it_and_the_next_can_be_stopped(
    opened: Callable[..., "Page"], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowRestorer()
    slow.name = ONE  # which the sample knows
    page = opened()
    monkeypatch.setitem(RESTORERS, ONE, slow)
    page.locator("#run").click()
    wait_for(page, slow.begun.is_set)
    page.locator("#channel").get_by_label("blue").click()
    caption = page.locator("#pixel-table caption")
    expect(caption).to_contain_text("blue")
    choose(page, "map-kind", "error of each picture")
    expect(page.locator("#map-legend")).to_contain_text("absolute difference")
    names = [path.stem for path in example_files()]
    page.locator("#examples button").nth(names.index("text")).click()
    expect(page.locator("#note")).to_contain_text("New input")
    slow.begun.clear()
    slow.finish.release()
    wait_for(page, slow.begun.is_set)  # the next run, when this one has ended
    expect(caption).to_contain_text("blue")
    expect(page.locator("#map-kind input")).to_have_value("error of each picture")
    expect(page.locator("#map-legend")).to_contain_text("absolute difference")
    expect(page.locator("#stop")).to_be_enabled()
    page.locator("#stop").click()
    wait_for(page, slow.stopped.is_set)
    expect(page.locator("#stop")).to_be_disabled()


def test_a_ground_truth_that_comes_during_a_run_scores_its_result(
    opened: Callable[..., "Page"], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, truth = make_pictures(seed=19, members=1, height=64, width=48)
    noisy = degraded(truth, TASK, TASKS[TASK].usual, SEED)
    slow = SlowRestorer()
    slow.name = ONE  # which the sample knows
    page = opened()
    give(page, "picture", png("noisy.png", noisy))
    with monkeypatch.context() as patched:
        patched.setitem(RESTORERS, ONE, slow)
        page.locator("#run").click()
        wait_for(page, slow.begun.is_set)
        page.get_by_text("Ground truth, if you have it").click()
        expect(page.locator("#truth img")).to_have_count(0)
        give(page, "truth", png("gt.png", truth))
        slow.finish.release()
        expect(page.locator("#note")).not_to_contain_text("New input")
        expect(page.locator("#stop")).to_be_disabled()
    names = [name for name in EXAMPLE_RESTORERS if name != ONE]
    restored = restore_with(names, noisy, lambda done, of: None, lambda: False)
    candidates = {name: restored.get(name, noisy) for name in EXAMPLE_RESTORERS}
    expected = compare(candidates, degraded=noisy, truth=truth, reference=OF_EXAMPLE, bin_width=16)
    expect(page.locator("#scores")).to_contain_text("fused")
    wait_until_shown(page, expected.fused.values)
    assert table(page, "scores") == {name: cells for name, *cells in scores(expected)}
    assert page.get_by_test_id("toast-text").count() == 0


def test_what_was_asked_of_the_result_before_does_not_cover_the_one_of_a_run(
    opened: Callable[..., "Page"], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def late(comparison: Comparison, *rest: Any, **named: Any) -> ViewerValue:  # noqa: ANN401
        value = viewer_value(comparison, *rest, **named)
        if comparison is example():
            begun.set()
            go_on.wait(WAIT / 1000)
        return value

    page = opened()
    candidates, _ = make_pictures(seed=20, members=2, height=60, width=80)
    named = dict(zip(("bilateral", "median"), candidates, strict=True))
    page.get_by_label("My own candidates").click()
    give(page, "own-candidates", [png(f"{name}.png", one) for name, one in named.items()])
    monkeypatch.setattr(inspecting, "viewer_value", late)
    panel(page, 0).locator("select.chooser").select_option(ONE)
    wait_for(page, begun.is_set)
    page.locator("#run").click()
    expected = compare(named, reference=sample_statistics(), bin_width=16)
    wait_until_shown(page, expected.fused.values)
    expect(page.locator("#stop")).to_be_disabled()
    open_tab(page, "Bin sets")
    go_on.set()
    listed = page.locator("#bin-sets .grid-container button")
    expect(listed.first).to_contain_text("pixels")  # asked for later: what was late has come
    look_at(page, 0, "median")
    wait_until_shown(page, named["median"], place=0)
    wait_until_shown(page, expected.fused.values)


def test_on_a_phone_the_result_comes_into_sight(opened: Callable[..., "Page"]) -> None:
    page = opened(390, 700)
    page.locator("#run").evaluate("button => button.scrollIntoView({ block: 'end' })")
    expect(page.locator("#viewer")).not_to_be_in_viewport()
    page.locator("#run").click()
    expect(frame(page, 0)).to_be_in_viewport()
    expect(page.locator("#run")).not_to_be_in_viewport()


def test_a_saved_workspace_is_the_same_screen_again(
    opened: Callable[..., "Page"], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_model_runs(*_: object, **__: object) -> None:
        raise AssertionError

    page = opened()
    page.locator("#method").get_by_label("least-squares").click()
    expect(page.locator("#trust input[type=number]")).to_have_value("0.5")
    expect(page.locator("#sentence")).to_contain_text("fitted by least squares")
    x, y = click_pixel(page, 50, 300)
    page.locator("#channel").get_by_label("blue").click()
    expect(page.locator("#pixel-table caption")).to_contain_text(f"({x}, {y}), blue")
    choose(page, "map-kind", "error of each picture")
    expect(page.locator("#map-legend")).to_contain_text("absolute difference")
    expect(page.locator("#map-legend")).not_to_contain_text("processing")
    page.get_by_role("button", name="4 panels").click()
    look_at(page, 0, ONE)
    frame(page, 0).focus()
    for key in ("w", "+", "ArrowRight"):
        page.keyboard.press(key)
    shown = [f"{ONE}|ground truth", "fused", f"weight of {ONE}", "average"]
    look_at(page, 2, shown[2])
    look_at(page, 3, shown[3])
    expect(panel(page, 0)).to_have_attribute("data-shown", shown[0])
    look = page.locator("#viewer .viewer").get_attribute("data-view")
    parts = ("pixel-table", "scores", "sentence", "histogram", "map-legend")
    before = {part: page.locator(f"#{part}").inner_text() for part in parts}
    fused = shown_picture(page)
    (tmp_path / "mine.zip").write_bytes(downloaded(page, WORKSPACE_LABEL))
    monkeypatch.setattr("ensir.ui.events.restored", no_model_runs)

    page = opened()
    page.get_by_label("A saved workspace").click()
    field = page.locator("#workspace")
    field.locator("input[type=file]").set_input_files([zipped("other.zip", {"a.txt": b"a"})])
    assert_toast(page, "other.zip is not a workspace of this program")
    expect(field).to_contain_text("Drop File Here")  # for the next one
    field.locator("input[type=file]").set_input_files(tmp_path / "mine.zip")
    expect(page.locator("#note")).to_contain_text("mine.zip is open, as it was saved")
    wait_until_shown(page, fused)
    for place, names in enumerate(shown):
        expect(panel(page, place)).to_have_attribute("data-shown", names)
    expect(page.locator("#viewer .viewer")).to_have_attribute("data-view", look)
    expect(page.locator("#pixel-table caption")).to_contain_text(f"({x}, {y}), blue")
    for part in parts:
        expect(page.locator(f"#{part}")).to_have_text(before[part], use_inner_text=True)
    expect(page.get_by_label("Restore a picture")).to_be_checked()
    expect(page.locator("#method").get_by_label("least-squares")).to_be_checked()
    expect(page.locator("#trust input[type=number]")).to_have_value("0.5")
    expect(page.locator("#run")).to_be_visible()
    page.get_by_role("slider", name="Bin width").focus()
    page.keyboard.press("ArrowRight")  # from the statistics that came with it
    expect(page.locator("#note")).not_to_contain_text("is open")
    wider = fuse_again(
        example(), reference=OF_EXAMPLE, bin_width=24, method="least-squares", trust=0.5
    )
    wait_until_shown(page, wider.fused.values)
    assert page.get_by_test_id("toast-text").count() == 0


def test_a_link_opens_the_page_as_it_was_set(opened: Callable[..., "Page"]) -> None:
    (file,) = (path for path in example_files() if path.stem == "text")
    noisy, names = degraded(read_image(file), "denoising", 10, SEED), ["bilateral", "median"]
    restored = restore_with(names, noisy, lambda done, of: None, lambda: False)
    expected = compare(
        restored,
        degraded=noisy,
        truth=read_image(file),
        reference=sample_statistics(),
        bin_width=24,
        method="published",
        trust=0.75,
    )
    page = opened(
        query="?task=denoising&example=text&strength=10&models=bilateral,median&width=24&method=published"
        "&trust=0.75&map=error&of=red&channel=blue&x=200&y=31&soft=perhaps"
    )
    wait_until_shown(page, expected.fused.values)
    caption = page.locator("#pixel-table caption")
    expect(caption).to_contain_text("Pixel (200, 31), blue")
    assert table(page, "scores") == {name: cells for name, *cells in scores(expected)}
    expect(page.locator("#link-note")).to_contain_text("soft=perhaps in the address is passed over")
    expect(page.locator("#method").get_by_label("published")).to_be_checked()
    expect(page.locator("#bin-width input[type=number]")).to_have_value("24")
    expect(page.locator("#trust input[type=number]")).to_have_value("0.75")
    expect(page.locator("#map-channel").get_by_label("red")).to_be_checked()
    expect(page.locator("#map-legend")).to_contain_text("Of red")
    for name in ("bilateral", "median"):
        expect(page.locator("#restorers").get_by_label(name)).to_be_checked()
    expect(page.locator("#stop")).to_be_disabled()
    page.get_by_role("button", name=COPY_LABEL).click()
    link = page.locator("#link input, #link textarea").first
    expect(link).to_have_value(
        re.compile(r"^http://127\.0\.0\.1:\d+/\?example=text&.*&x=200&y=31$")
    )
    again = link.input_value()
    assert "models=bilateral,median" in again and "method=published" in again
    assert page.get_by_test_id("toast-text").count() == 0
    assert_fits_the_screen(page)


@pytest.mark.parametrize(("width", "height"), [(390, 844), (768, 1024), (1440, 900)])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_fits_every_screen(
    opened: Callable[..., "Page"], width: int, height: int, theme: str, tmp_path: Path
) -> None:
    page = opened(width, height, f"?__theme={theme}")
    assert_fits_the_screen(page)
    for name in ("scores", "pixel-table") if width > 1000 else ("scores",):
        box = page.locator(f"#{name} .numbers")
        assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
    # On a small screen its nine columns are moved inside their box, to the last one.
    assert page.locator("#pixel-table .numbers").evaluate(SCROLLED_TO_THE_END)
    for name in ("Candidates", "Bin sets", "Maps"):
        open_tab(page, name)
        assert_fits_the_screen(page)
    page.get_by_role("button", name="6 panels").click()
    expect(page.locator("#viewer .panel")).to_have_count(6)
    assert_fits_the_screen(page)
    page.get_by_label("My own candidates").click()
    assert_fits_the_screen(page)
    page.screenshot(path=tmp_path / "page.png", full_page=True)


def test_a_pixel_is_typed_and_inspected_without_a_mouse(opened: Callable[..., "Page"]) -> None:
    page = opened()
    for name, value in (("x", "12"), ("y", "200")):
        number(page, name).focus()
        page.keyboard.press("Control+a")
        page.keyboard.type(value)
        page.keyboard.press("Enter")
    caption = page.locator("#pixel-table caption")
    expect(caption).to_contain_text("Pixel (12, 200), green")
    expect(page.locator("#viewer .where")).to_have_text("x 12, y 200")
    expect(page.locator("#viewer .state")).to_have_text("pinned")
    number(page, "y").focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("9999")
    page.keyboard.press("Enter")
    assert_toast(page, "y is a whole number from 0 to 383 in this picture, got 9999")
    expect(caption).to_contain_text("Pixel (12, 200), green")
    look_at(page, 0, ONE)  # layers come all the same
    page.locator("#channel").get_by_label("red").focus()
    page.keyboard.press("Space")
    assert_toast(page, "y is a whole number from 0 to 383")


def test_a_port_in_use_is_a_sentence(address: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} cannot be used here"):
            launch(port, wait=False)


def test_quiet_text_is_dark_enough_to_read(opened: Callable[..., "Page"]) -> None:
    page = opened()
    colour = (
        page.locator("#pixel-table thead th")
        .nth(1)
        .evaluate("cell => getComputedStyle(cell).color")
    )
    levels = [int(level) / 255 for level in re.findall(r"\d+", colour)[:3]]
    linear = [((level + 0.055) / 1.055) ** 2.4 for level in levels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert 1.05 / (luminance + 0.05) >= 4.5  # WCAG 2 AA, on white


def zipped(name: str, files: dict[str, bytes]) -> Upload:
    return {"name": name, "mimeType": "application/zip", "buffer": zip_of(files)}


def bring_reference_set(page: "Page") -> None:
    """Opens the tab, and uploads a reference set of four pictures and three models."""
    open_tab(page, "Fit")
    expect(page.locator("#run-fit")).to_be_disabled()
    upload = zipped("rain.zip", reference_files())
    page.locator("#fit-zip input[type=file]").set_input_files(upload)
    expect(page.locator("#fit-found")).to_contain_text("4 pictures with ground truth")
    expect(page.locator("#run-fit")).to_be_enabled()


def test_a_reference_set_is_fitted_judged_and_used(
    opened: Callable[..., "Page"], tmp_path: Path
) -> None:
    folder = put_folder(tmp_path / "rain", reference_files())
    expected = fit_reference_set(folder, SET_NAMES, Choices("em"), 32)
    page = opened()
    bring_reference_set(page)
    page.locator("#run-fit").click()
    # What is said of these made-up truths may follow it.
    expect(page.locator("#fit-verdict")).to_contain_text(expected.verdict)
    expect(page.locator("#stop-fit")).to_be_disabled()
    shown = table(page, "fit-scores")
    means = {name: f"{value:.2f}" for name, value in expected.mean_psnr.items()}
    assert list(shown) == ["mean", *expected.pictures.names]
    assert {means[HELD_OUT], means[AVERAGE], *(means[name] for name in SET_NAMES)} <= {
        *shown["mean"]
    }
    assert downloaded(page, "Table as .pth")[:2] == b"PK"
    assert downloaded(page, "↓ Lookup table") == table_bytes(expected.table)
    page.locator("#fit-method").get_by_label("least-squares").click()
    again = judged_fit(expected.pictures, Choices("least-squares", trust=0.5), 32)
    expect(page.locator("#fit-verdict")).to_contain_text(again.verdict)
    assert_fits_the_screen(page)
    page.locator("#fit-use").click()
    expect(page.locator("#note")).to_contain_text("Ann, Bob, Cyd are in place. Bring a picture")
    expect(page.locator("#trust input[type=number]")).to_have_value("0.5")
    candidates, truth = make_pictures(seed=9, members=3, height=40, width=48, contrast=25, bias=4)
    named = dict(zip(SET_NAMES, candidates, strict=True))
    files = {f"{name}/new.png": encode_png(it) for name, it in {**named, "gt": truth}.items()}
    give(page, "own-candidates", zipped("new.zip", files))
    fuse(page)
    fused = compare(
        named,
        truth=truth,
        reference=expected.pictures.total,
        bin_width=32,
        method="least-squares",
        trust=0.5,
    )
    wait_until_shown(page, fused.fused.values)
    assert table(page, "scores") == {name: cells for name, *cells in scores(fused)}


def test_a_fit_is_stopped_and_the_tab_goes_on(
    opened: Callable[..., "Page"], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = threading.Event(), threading.Event()

    def endless(*given: Any) -> None:  # noqa: ANN401
        on_progress, cancelled = given[-2:]
        while not cancelled():
            on_progress(1, 8)
            begun.set()
            time.sleep(0.02)
        ended.set()
        raise Cancelled

    page = opened()
    bring_reference_set(page)
    with monkeypatch.context() as patched:
        patched.setattr(fit_events, "fit_reference_set", endless)
        page.locator("#run-fit").click()
        expect(page.locator("#fit-note")).to_contain_text("Reading")
        expect(page.locator("#fit-note")).to_contain_text("1/4")
        page.locator("#stop-fit").click()
        wait_for(page, ended.is_set)
    expect(page.locator("#stop-fit")).to_be_disabled()
    expect(page.locator("#fit-layout")).to_be_visible()
    page.locator("#run-fit").click()
    expect(page.locator("#fit-verdict")).to_contain_text("On pictures left out of its fit")
