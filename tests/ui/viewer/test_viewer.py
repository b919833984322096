"""The viewer in a real Chromium: what is seen, read and done there, against the arrays."""

import io
import math
import os
import re
import shutil
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

import gradio as gr
import numpy as np
import pytest
import torch
from PIL import Image

from ensir.metrics import psnr
from ensir.ui.pictures import shown
from ensir.ui.theme import theme
from ensir.ui.viewer import (
    Layer,
    Legend,
    ViewerValue,
    stored_mask,
    stored_values,
    viewer,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
try:
    from playwright.sync_api import expect, sync_playwright
except ImportError:
    sync_playwright = None

# Gradio warns, and leaves event loops to the garbage collector.
pytestmark = pytest.mark.filterwarnings("default")
browsed = pytest.mark.browser

WAIT = 60_000  # milliseconds; far more than any step takes, so that a busy machine is no failure
LOCAL = {"127.0.0.1", "localhost", None}  # None: data: and blob: addresses
WIDTH, HEIGHT = 90, 60
NAUGHTY = "<b>bold</b> ${alert(1)} {{x}}"  # a name that templates would run
MODELS = ("A", "B", NAUGHTY)
X, Y = 37, 21


def random_picture(seed: int, height: int = HEIGHT, width: int = WIDTH) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (3, height, width), generator=generator, dtype=torch.uint8)


INPUT, TRUTH = random_picture(1), random_picture(2)
# Levels of 16 bits that 8 cannot tell apart, on the scale of all pictures.
DEEP = (random_picture(3).float() - 128 / 257).clamp(0)
FUSED = random_picture(4).float() * 0.7 + 1 / 3
WEIGHT = torch.rand(1, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(5))
BEST = torch.randint(0, 3, (1, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(6))
BEST_SEEN = (BEST * 80).to(torch.uint8).expand(3, -1, -1)
MASK = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
MASK[20:24, 30:41] = True


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layer, ...]:
    Path(os.environ["GRADIO_TEMP_DIR"]).mkdir(parents=True, exist_ok=True)
    deep = shown(DEEP.to(torch.uint8))
    grey = shown((WEIGHT * 255).to(torch.uint8).expand(3, -1, -1))
    scale = Legend("mixture weight", ("#000", "#fff"), ("0", "1"), (0, 1))
    key = Legend("largest weight", ("#0072B2", "#D55E00", "#009E73"), MODELS, is_key=True)
    best = stored_values(BEST.to(torch.uint8))
    return (
        Layer("input", shown(INPUT)),
        Layer("deep", deep, values=stored_values(DEEP)),
        Layer("fused", shown(FUSED.to(torch.uint8)), values=stored_values(FUSED)),
        Layer("ground truth", shown(TRUTH)),
        Layer("weight", grey, "map", stored_values(WEIGHT), legend=scale),
        Layer(
            "best", shown((BEST * 80).to(torch.uint8).expand(3, -1, -1)), "map", best, legend=key
        ),
        Layer("colours", shown(random_picture(7)), "map"),
        Layer(NAUGHTY, shown(random_picture(8))),
        Layer("unmade", None),
        Layer("never made", None),
    )


@pytest.fixture(scope="module")
def value(layers: tuple[Layer, ...]) -> ViewerValue:
    names = ("input", "fused", "weight")
    return ViewerValue(
        (WIDTH, HEIGHT), layers, names, reference="ground truth", truth="ground truth"
    )


@pytest.fixture(scope="module")
def following(value: ViewerValue) -> dict[str, ViewerValue | None]:
    """Values that come after the first one, each by a button of its name."""
    fewer = tuple(layer for layer in value.layers if layer.name != "fused")
    picture = Layer("input", shown(random_picture(9, 40, 40)))
    made = Layer("unmade", shown(random_picture(12)))
    return {
        "highlighted": replace(value, highlight=stored_mask(MASK)),
        "changed": replace(value, layers=tuple(_other(layer) for layer in value.layers)),
        "without": replace(value, layers=fewer, panels=("input", "weight", "weight")),
        "pinning": replace(value, pinned=(3, 4)),
        "keeping": replace(
            value,
            layers=tuple(_other(layer) for layer in value.layers),
            pinned=(3, 4),
            keeps_pin=True,
        ),
        "small": ViewerValue((40, 40), (picture,), ("input",)),
        "lost": replace(value, layers=(_lost(value.layers[0]), *value.layers[1:])),
        "made": replace(value, layers=(*value.layers[:-2], made, value.layers[-1])),
        "nothing": None,
    }


def _other(layer: Layer) -> Layer:
    return replace(layer, picture=shown(random_picture(10))) if layer.name == "input" else layer


def _lost(layer: Layer) -> Layer:
    path = Path(shown(random_picture(11)))
    copy = path.with_name(f"lost-{path.name}")
    copy.write_bytes(b"no picture")
    return replace(layer, picture=str(copy))


@pytest.fixture(scope="module")
def address(value: ViewerValue, following: dict[str, ViewerValue | None]) -> Iterator[str]:
    if sync_playwright is None:
        pytest.skip("playwright is missing: pip install playwright")
    if CHROMIUM is None:
        pytest.skip("no Chromium here: install chromium or google-chrome")

    def picked(event: gr.EventData) -> str:
        return f"{event.x}, {event.y}"

    def wanted(event: gr.EventData) -> tuple[ViewerValue, str]:
        return following["made"], ", ".join(event.names)

    with gr.Blocks(analytics_enabled=False) as app:
        shown_here = viewer(value, elem_id="viewer")
        place = gr.Textbox(label="picked", elem_id="picked")
        names = gr.Textbox(label="wanted", elem_id="wanted")
        shown_here.pick(picked, None, place, trigger_mode="always_last")
        shown_here.want(
            wanted, None, [shown_here, names], trigger_mode="always_last", show_progress="hidden"
        )
        for name, other in following.items():
            button = gr.Button(name, elem_id=name)
            button.click(lambda other=other: other, None, shown_here, show_progress="hidden")
    _, url, _ = app.queue().launch(
        server_name="127.0.0.1",
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        ssr_mode=False,
        run_history=False,
        theme=theme(),
    )
    yield url
    app.close(verbose=False)


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator["Browser"]:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--force-color-profile=srgb"]
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)


@pytest.fixture(scope="module")
def opened(browser: "Browser", address: str) -> Iterator[Callable[..., "Page"]]:
    """Opens the page; afterwards no script has failed and nothing was asked of another machine.

    No requests are held up for that: without a cache, each page would take seconds to open.
    """
    errors: list[str] = []
    strangers: list[str] = []
    contexts: dict[str, BrowserContext] = {}

    def note(request: Any) -> None:  # noqa: ANN401 - Playwright's
        if urlparse(request.url).hostname not in LOCAL:
            strangers.append(request.url)

    def open_page(width: int = 1440, height: int = 1000, **options: Any) -> "Page":  # noqa: ANN401
        options = {"viewport": {"width": width, "height": height}, **options}
        if str(options) not in contexts:
            context = contexts[str(options)] = browser.new_context(
                reduced_motion="reduce", **options
            )
            context.set_default_timeout(WAIT)
            context.on("request", note)
        page = contexts[str(options)].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: "Error exec" in line.text and errors.append(line.text))
        page.goto(address, wait_until="domcontentloaded")
        expect(panel(page, 2)).to_have_attribute("data-shown", "weight")
        return page

    expect.set_options(timeout=WAIT)
    yield open_page
    for context in contexts.values():
        context.close()
    assert not strangers
    assert not errors


@pytest.fixture
def page(opened: Callable[..., "Page"]) -> Iterator["Page"]:
    page = opened()
    yield page
    page.close()


def panel(page: "Page", place: int) -> "Locator":
    return page.locator(".panel").nth(place)


def frame(page: "Page", place: int) -> "Locator":
    return panel(page, place).locator(".frame")


def settled(page: "Page") -> None:
    """Until what was asked for is drawn."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")


def view(page: "Page") -> tuple[float, float, float]:
    """The point of the picture in the middle of the panels, and CSS pixels to its pixel."""
    settled(page)
    x, y, scale = page.locator(".viewer").get_attribute("data-view").split()
    return float(x), float(y), float(scale)


def point(page: "Page", x: int, y: int, place: int = 0) -> tuple[float, float]:
    """Where on the page the middle of a pixel is."""
    middle_x, middle_y, scale = view(page)
    box = frame(page, place).bounding_box()
    assert box is not None
    return (
        box["x"] + box["width"] / 2 + (x + 0.5 - middle_x) * scale,
        box["y"] + box["height"] / 2 + (y + 0.5 - middle_y) * scale,
    )


def hover(page: "Page", x: int, y: int, place: int = 0) -> None:
    page.mouse.move(*point(page, x, y, place))


def press(page: "Page", *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)
    settled(page)


def seen(page: "Page", place: int) -> np.ndarray:
    """What the picture canvas of a panel holds, (H, W, 4) uint8."""
    settled(page)
    canvas = panel(page, place).locator("canvas.picture")
    address = canvas.evaluate("canvas => canvas.toDataURL()")
    return np.asarray(Image.open(io.BytesIO(b64decode(address.partition(",")[2]))))


def colour_at(page: "Page", x: int, y: int, place: int = 0, canvas: str = "picture") -> list[int]:
    """The colour of a pixel of the picture as a panel shows it, off its middle, where marks are."""
    _, _, scale = view(page)
    box = frame(page, place).bounding_box()
    across, down = point(page, x, y, place)
    script = """(canvas, [x, y]) =>
      [...canvas.getContext("2d").getImageData(x, y, 1, 1).data].slice(0, 3)"""
    off = 0.43 * scale if scale > 16 else 0.5
    at = [round(across - box["x"] - off), round(down - box["y"] - off)]
    return panel(page, place).locator(f"canvas.{canvas}").evaluate(script, at)


def read(page: "Page", name: str) -> list[str]:
    """What the read-out says of a layer."""
    item = page.locator(".probe dl > div").filter(has=page.get_by_title(name, exact=True))
    return item.locator("dd").inner_text().split()


def statistics(page: "Page") -> dict[str, list[list[float]]]:
    """The numbers of the table, as they are, by layer and column."""
    script = """rows => rows.map(row => [
      row.querySelector("th").textContent,
      [...row.querySelectorAll("td")].map(cell =>
        [...cell.querySelectorAll("data")].map(number => Number(number.value))),
    ])"""
    return dict(page.locator(".statistics tbody tr").evaluate_all(script))


# What Python promises


def test_nothing_that_a_visitor_sends_reaches_a_handler(value: ViewerValue) -> None:
    component = viewer(value)
    assert component.preprocess({"layers": [{"picture": {"path": "/etc/hostname"}}]}) is None
    again = component.__class__(**{**component.constructor_args, "visible": False})
    assert again.preprocess("/etc/hostname") is None


def test_gradio_leaves_no_stub_beside_the_viewer() -> None:
    folder = Path(viewer.__code__.co_filename).parent
    assert not list(folder.glob("*.pyi"))


def test_markup_and_style_hold_nothing_that_gradio_would_run(value: ViewerValue) -> None:
    component = viewer(value)
    for text in (component.html_template, component.css_template):
        assert not re.search(r"\{\{|\$\{|`|\\", text)


def test_only_events_that_exist_can_be_listened_to(value: ViewerValue) -> None:
    with pytest.raises(AttributeError):
        viewer(value).picked(print)


# What is seen


@browsed
@pytest.mark.parametrize("density", [1, 2])
def test_pictures_are_shown_bit_for_bit(opened: Callable[..., "Page"], density: int) -> None:
    page = opened(device_scale_factor=density)
    press_in(page, 0, "o")
    assert view(page)[2] == 1 / density
    expect(page.locator(".zoom")).to_have_text("100 %")
    pictures = (INPUT, FUSED.to(torch.uint8), (WEIGHT * 255).to(torch.uint8).expand(3, -1, -1))
    for place, picture in enumerate(pictures):
        canvas = seen(page, place)
        top, left = (canvas.shape[0] - HEIGHT) // 2, (canvas.shape[1] - WIDTH) // 2
        # The corner lies on a whole pixel of the screen, rounded up or down.
        assert any(
            np.array_equal(
                canvas[top + dy : top + dy + HEIGHT, left + dx : left + dx + WIDTH, :3],
                picture.permute(1, 2, 0).numpy(),
            )
            for dy in (0, 1)
            for dx in (0, 1)
        )


def press_in(page: "Page", place: int, *keys: str) -> None:
    """Presses keys with the focus in a panel, and no pixel pinned."""
    frame(page, place).focus()
    press(page, *keys)


@browsed
def test_every_panel_zooms_and_pans_with_the_one_under_the_cursor(page: "Page") -> None:
    fitted = view(page)
    hover(page, X, Y, place=1)
    before = page.evaluate("() => document.scrollingElement.scrollTop")
    for _ in range(4):
        page.mouse.wheel(0, -240)
        settled(page)
    assert view(page)[2] == pytest.approx(min(fitted[2] * 16, 64))
    assert page.evaluate("() => document.scrollingElement.scrollTop") == before
    for place, picture in enumerate((INPUT, FUSED.to(torch.uint8))):
        for x, y in ((X, Y), (X + 1, Y - 1)):
            assert colour_at(page, x, y, place) == picture[:, y, x].tolist()
    start = point(page, X, Y, place=2)
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(start[0] + 70, start[1] - 50, steps=5)
    page.mouse.up()
    hover(page, X, Y, place=2)
    assert point(page, X, Y, place=2) == pytest.approx((start[0] + 70, start[1] - 50), abs=1e-6)
    expect(page.locator(".where")).to_have_text(f"x {X}, y {Y}")


@browsed
def test_zooming_keeps_the_pixel_under_the_cursor(page: "Page") -> None:
    hover(page, X, Y, place=1)
    for _ in range(9):
        page.mouse.wheel(0, -60)
        settled(page)
        expect(page.locator(".where")).to_have_text(f"x {X}, y {Y}")


@browsed
def test_keys_zoom_by_powers_of_two_and_back(page: "Page") -> None:
    fitted = view(page)
    press_in(page, 0, "o")
    assert view(page)[2] == 1
    press(page, "+", "+", "+")
    assert view(page)[2] == 8
    press(page, *["+"] * 9)
    assert view(page)[2] == 64
    press(page, "-")
    assert view(page)[2] == 32
    expect(page.locator(".zoom")).to_have_text("3200 %")
    x, y, _ = view(page)
    press(page, "ArrowLeft", "ArrowLeft", "ArrowUp")
    assert view(page)[:2] == pytest.approx((x - 3, y - 1.5))
    press(page, "0")
    assert view(page) == fitted


@browsed
def test_the_wheel_scrolls_the_page_where_the_picture_cannot_become_smaller(
    opened: Callable[..., "Page"],
) -> None:
    page = opened(1000, 500)
    press_in(page, 0, "o")  # a picture so small grows to fit
    smallest = view(page)
    hover(page, X, Y)
    page.mouse.wheel(0, 120)
    page.wait_for_function("() => document.scrollingElement.scrollTop > 0")
    assert view(page) == smallest


@browsed
def test_a_picture_never_leaves_its_panel(page: "Page") -> None:
    press_in(page, 0, "o", "+", "+", "+", "+", *["ArrowLeft"] * 60, *["ArrowUp"] * 60)
    x, y, scale = view(page)
    box = frame(page, 0).bounding_box()
    edge = (box["width"] / 2 / scale, box["height"] / 2 / scale)
    assert (x, y) == pytest.approx(edge, abs=1 / scale)  # panels are measured in whole pixels


@browsed
def test_number_keys_flip_the_focused_panel(page: "Page") -> None:
    press_in(page, 1, "4")
    expect(panel(page, 1)).to_have_attribute("data-shown", "ground truth")
    assert colour_at(page, X, Y, 1) == TRUTH[:, Y, X].tolist()
    expect(panel(page, 1).locator(".chooser")).to_have_value("ground truth")
    press(page, "PageUp")
    expect(panel(page, 1)).to_have_attribute("data-shown", "fused")
    assert panel(page, 0).get_attribute("data-shown") == "input"


@browsed
def test_a_layer_that_is_not_made_is_asked_for_once(page: "Page") -> None:
    hover(page, X, Y)
    assert read(page, "unmade") == ["–"]
    press_in(page, 1, "9")
    expect(page.locator("#wanted textarea")).to_have_value("input, unmade, weight, ground truth")
    expect(panel(page, 1)).to_have_attribute("data-shown", "unmade")
    levels = random_picture(12)[:, Y, X].tolist()
    assert colour_at(page, X, Y, 1) == levels
    hover(page, X, Y)
    expect(page.locator(".probe dd").nth(8)).to_have_text(" ".join(map(str, levels)))
    panel(page, 1).get_by_role("combobox").select_option("never made")
    asked = "input, never made, weight, ground truth"
    expect(page.locator("#wanted textarea")).to_have_value(asked)
    page.wait_for_timeout(500)  # a viewer that asked again and again would still be at it
    expect(frame(page, 1)).to_have_attribute("aria-busy", "true")
    press_in(page, 1, "1")
    expect(panel(page, 1)).to_have_attribute("data-shown", "input")


@browsed
def test_the_reference_is_seen_in_every_panel_while_a_key_is_held(page: "Page") -> None:
    for key in ("r", " "):
        frame(page, 2).focus()
        page.keyboard.down(key)
        for place in range(3):
            expect(panel(page, place)).to_have_attribute("data-shown", "ground truth")
            assert colour_at(page, X, Y, place) == TRUTH[:, Y, X].tolist()
            expect(panel(page, place).locator(".badge")).to_have_text("ground truth")
        page.keyboard.up(key)
        expect(panel(page, 0)).to_have_attribute("data-shown", "input")
        assert colour_at(page, X, Y, 0) == INPUT[:, Y, X].tolist()
        expect(panel(page, 0).locator(".badge")).to_be_hidden()


@browsed
def test_a_layer_is_chosen_for_a_panel_and_more_panels_show_more_layers(page: "Page") -> None:
    panel(page, 0).get_by_role("combobox").select_option("best")
    expect(panel(page, 0)).to_have_attribute("data-shown", "best")
    expect(panel(page, 0).locator(".legends")).to_contain_text(NAUGHTY)
    page.get_by_role("button", name="6 panels").click()
    expect(page.locator(".panel")).to_have_count(6)
    names = ["best", "fused", "weight", "input", "deep", "ground truth"]
    for place, name in enumerate(names):
        expect(panel(page, place)).to_have_attribute("data-shown", name)
    page.get_by_role("button", name="1 panel", exact=True).click()
    expect(page.locator(".panel")).to_have_count(1)
    assert colour_at(page, X, Y) == BEST_SEEN[:, Y, X].tolist()


@browsed
def test_a_wipe_shows_one_layer_left_and_another_right_of_it(page: "Page") -> None:
    press_in(page, 0, "w")
    expect(panel(page, 0)).to_have_attribute("data-shown", "input|ground truth")
    handle = panel(page, 0).get_by_role("slider", name="Wipe")
    assert colour_at(page, 20, Y) == INPUT[:, Y, 20].tolist()
    assert colour_at(page, 70, Y) == TRUTH[:, Y, 70].tolist()
    page.mouse.move(*handle_point(handle))
    page.mouse.down()
    page.mouse.move(*point(page, 20, 40), steps=4)
    page.mouse.up()
    assert colour_at(page, 18, Y) == INPUT[:, Y, 18].tolist()
    assert colour_at(page, 23, Y) == TRUTH[:, Y, 23].tolist()
    share = int(handle.get_attribute("aria-valuenow"))
    press(page, "ArrowRight", "ArrowRight")
    expect(handle).to_have_attribute("aria-valuenow", str(share + 2))
    press(page, "End")
    assert colour_at(page, 85, Y) == INPUT[:, Y, 85].tolist()
    panel(page, 0).locator(".wiped").select_option("deep")
    press_in(page, 0, *["["] * 6)
    expect(handle).to_have_attribute("aria-valuenow", "88")
    expect(panel(page, 0)).to_have_attribute("data-shown", "input|deep")
    hover(page, WIDTH - 1, Y)  # what is read is what is seen there
    expect(panel(page, 0).locator(".reading")).to_have_text(
        "  ".join(str(level).removesuffix(".0") for level in DEEP[:, Y, -1].numpy())
    )
    press(page, "w")
    expect(handle).to_be_hidden()


def handle_point(handle: "Locator") -> tuple[float, float]:
    box = handle.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@browsed
def test_the_loupe_magnifies_the_same_place_in_every_panel(page: "Page") -> None:
    page.get_by_role("button", name="Loupe").click()
    hover(page, X, Y, place=1)
    for place, picture in enumerate((INPUT, FUSED.to(torch.uint8))):
        # A magnified pixel is larger than what the offset of `colour_at` leaves.
        assert colour_at(page, X, Y, place, "marks") == picture[:, Y, X].tolist()


@browsed
def test_the_loupe_stays_in_the_panel_at_the_edge_of_the_picture(page: "Page") -> None:
    page.get_by_role("button", name="Loupe").click()
    hover(page, 0, HEIGHT - 1)
    settled(page)
    script = """canvas => {
      const [width, height] = [canvas.clientWidth, canvas.clientHeight];
      const room = Math.min(72, width / 3, height / 3) + 2;
      const at = [Math.round(room), Math.round(height - room)];
      return [...canvas.getContext("2d").getImageData(...at, 1, 1).data].slice(0, 3);
    }"""
    marks = panel(page, 0).locator("canvas.marks")
    assert marks.evaluate(script) == INPUT[:, HEIGHT - 1, 0].tolist()


@browsed
def test_the_tools_stand_in_one_line_and_labels_end_with_their_scale(
    opened: Callable[..., "Page"],
) -> None:
    page = opened(width=1130)
    page.locator("#highlighted").click()
    expect(page.locator("[data-do=highlight]")).to_be_visible()
    tools = page.locator(".tools").bounding_box()
    tool = page.locator(".tool").first.bounding_box()
    assert tools is not None and tool is not None and tools["height"] < 1.5 * tool["height"]
    ends = panel(page, 2).locator(".ends span")
    bar = panel(page, 2).locator(".ramp").bounding_box()
    first, last = ends.first.bounding_box(), ends.last.bounding_box()
    assert bar is not None and first is not None and last is not None
    assert first["x"] == pytest.approx(bar["x"], abs=1)
    assert last["x"] + last["width"] == pytest.approx(bar["x"] + bar["width"], abs=1)


@browsed
def test_a_highlight_fades_all_other_pixels_until_it_is_switched_off(page: "Page") -> None:
    page.locator("#highlighted").click()
    button = page.get_by_role("button", name="Highlight", exact=True)
    expect(button).to_have_attribute("aria-pressed", "true")
    page.wait_for_function(f"() => {at_script(5, 5)} !== '{INPUT[:, 5, 5].tolist()}'")
    inside = MASK.nonzero()[0].flip(0).tolist()
    assert colour_at(page, *inside) == INPUT[:, inside[1], inside[0]].tolist()
    assert colour_at(page, inside[0] - 1, inside[1]) != INPUT[:, inside[1], inside[0] - 1].tolist()
    button.click()
    assert colour_at(page, 5, 5) == INPUT[:, 5, 5].tolist()


def at_script(x: int, y: int) -> str:
    """The colour of a pixel in the first panel as text, in the page's own words."""
    return f"""(() => {{
      const canvas = document.querySelector("canvas.picture");
      const [mx, my, s] = document.querySelector(".viewer").dataset.view.split(" ").map(Number);
      const across = canvas.width / 2 + ({x} + 0.5 - mx) * s;
      const down = canvas.height / 2 + ({y} + 0.5 - my) * s;
      const context = canvas.getContext("2d");
      const {{ data }} = context.getImageData(Math.floor(across), Math.floor(down), 1, 1);
      return `[${{[...data].slice(0, 3).join(", ")}}]`;
    }})()"""


# What is read


@browsed
def test_the_probe_reads_the_numbers_of_the_engine(page: "Page") -> None:
    for x, y in ((X, Y), (0, 0), (WIDTH - 1, HEIGHT - 1)):
        hover(page, x, y)
        expect(page.locator(".where")).to_have_text(f"x {x}, y {y}")
        expect(page.locator(".probe dd").nth(7)).not_to_have_text("…")
        for name, numbers in (("input", INPUT), ("ground truth", TRUTH)):
            assert read(page, name) == [str(level) for level in numbers[:, y, x].tolist()]
        for name, numbers in (("deep", DEEP), ("fused", FUSED), ("weight", WEIGHT)):
            told = np.array(read(page, name), np.float32)
            assert np.array_equal(told, numbers[:, y, x].numpy())
        assert " ".join(read(page, "best")) == MODELS[int(BEST[0, y, x])]
        assert read(page, "colours") == ["–"]
        reading = panel(page, 1).locator(".reading").inner_text().split()
        assert reading == read(page, "fused")
    page.mouse.move(5, 5)
    expect(page.locator(".where")).to_have_text("")


@browsed
def test_numbers_are_read_without_asking_the_server(page: "Page") -> None:
    hover(page, 1, 1)
    expect(page.locator(".probe dd").nth(7)).not_to_have_text("…")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for x in range(2, 12):
        hover(page, x, 3)
        assert read(page, "input") == [str(level) for level in INPUT[:, 3, x].tolist()]
    assert not [url for url in asked if "heartbeat" not in url]


@browsed
def test_a_click_pins_a_pixel_and_tells_python(page: "Page") -> None:
    page.mouse.click(*point(page, X, Y, place=1))
    expect(page.locator("#picked textarea")).to_have_value(f"{X}, {Y}")
    expect(page.locator(".state")).to_have_text("pinned")
    spoken = page.locator("[aria-live=polite].spoken")
    levels = " ".join(str(level) for level in INPUT[:, Y, X].tolist())
    expect(spoken).to_contain_text(f"Pixel {X}, {Y}: input {levels}")
    press(page, "Shift+ArrowRight", "Shift+ArrowDown", "Shift+ArrowDown")
    expect(page.locator("#picked textarea")).to_have_value(f"{X + 1}, {Y + 2}")
    page.mouse.move(5, 5)
    expect(page.locator(".where")).to_have_text(f"x {X + 1}, y {Y + 2}")  # the pinned one again
    for place in range(3):
        marks = panel(page, place).locator("canvas.marks")
        assert marks.evaluate(
            "canvas => canvas.getContext('2d')"
            ".getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)"
        )


@browsed
def test_a_short_drag_is_a_click_and_a_longer_one_is_not(page: "Page") -> None:
    x, y = point(page, X, Y)
    for there, expected in ((2, f"{X}, {Y}"), (9, f"{X}, {Y}")):
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + there, y)
        page.mouse.up()
        expect(page.locator("#picked textarea")).to_have_value(expected)
        x, y = point(page, X + 20, Y)


@browsed
def test_enter_pins_the_middle_and_the_view_follows_the_pin(page: "Page") -> None:
    press_in(page, 0, "o", "+", "+", "+", "+", "+", "+", "Enter")
    expect(page.locator("#picked textarea")).to_have_value(re.compile(r"^4[45], (29|30)$"))
    press(page, *["Shift+ArrowLeft"] * 12)
    expect(page.locator("#picked textarea")).to_have_value(re.compile(r"^3[23], (29|30)$"))
    assert view(page)[0] < 42


@browsed
def test_statistics_of_a_rectangle_are_those_of_numpy(page: "Page") -> None:
    panel(page, 0).get_by_role("combobox").select_option("deep")
    expect(panel(page, 0)).to_have_attribute("data-shown", "deep")
    page.get_by_role("button", name="4 panels").click()
    expect(panel(page, 3)).to_have_attribute("data-shown", "input")
    page.mouse.move(*point(page, 30, 40))
    page.keyboard.down("Shift")
    page.mouse.down()
    page.mouse.move(*point(page, 11, 7), steps=5)
    page.mouse.up()
    page.keyboard.up("Shift")
    table = page.locator(".statistics")
    expect(table).to_contain_text("20 × 34 pixels from x 11, y 7: 680 in all")
    expect(table.locator("tbody tr")).to_have_count(4)
    found = statistics(page)
    area = (slice(None), slice(7, 41), slice(11, 31))
    truth = TRUTH[area].numpy() / 255.0
    for name, numbers in (("input", INPUT), ("deep", DEEP), ("fused", FUSED), ("weight", WEIGHT)):
        inside = numbers.numpy()[area].astype(np.float64)
        means, deviations, score = found[name]
        # Sums of a few hundred numbers in another order.
        assert means == pytest.approx(inside.mean((1, 2)), rel=1e-12)
        assert deviations == pytest.approx(inside.std((1, 2)), rel=1e-12)
        if name != "weight":
            error = ((inside / 255 - truth) ** 2).mean()
            assert score == pytest.approx([-10 * math.log10(error)], rel=1e-12)
        else:
            assert score == []
    cut = psnr(INPUT[area], TRUTH[area])
    assert found["input"][2] == pytest.approx([cut], abs=1e-4)  # the engine's own, in float32
    page.get_by_role("button", name="Clear").click()
    expect(table).to_be_empty()


@browsed
def test_keys_are_heard_after_the_statistics_are_cleared_or_made_anew(page: "Page") -> None:
    press_in(page, 1, "a")
    clear = page.get_by_role("button", name="Clear")
    clear.focus()
    press(page, "4")  # another layer, and its statistics
    expect(page.locator(".statistics tbody")).to_contain_text("ground truth")
    expect(clear).to_be_focused()
    clear.click()
    expect(frame(page, 1)).to_be_focused()
    press(page, "o")
    assert view(page)[2] == 1
    press(page, "a")
    clear.focus()
    press(page, "Escape")
    expect(frame(page, 1)).to_be_focused()


@browsed
def test_a_rectangle_is_drawn_without_a_key_once_that_is_chosen(page: "Page") -> None:
    before = view(page)
    page.get_by_role("button", name="Select").click()
    page.mouse.move(*point(page, 3, 4))
    page.mouse.down()
    page.mouse.move(*point(page, 12, 8), steps=3)
    page.mouse.up()
    expect(page.locator(".statistics")).to_contain_text("10 × 5 pixels from x 3, y 4")
    assert view(page) == before
    expect(page.locator("#picked textarea")).to_have_value("")


@browsed
def test_all_that_is_visible_is_selected_by_a_key(page: "Page") -> None:
    press_in(page, 0, "a")
    expect(page.locator(".statistics")).to_contain_text(f"{WIDTH} × {HEIGHT} pixels")
    expect(page.locator(".statistics tbody tr")).to_have_count(3)
    assert statistics(page)["fused"][0] == pytest.approx(FUSED.double().mean((1, 2)).tolist())
    press(page, "Escape")
    expect(page.locator(".statistics")).to_be_empty()


# What stays


@browsed
def test_a_new_value_leaves_the_view_as_it_was(page: "Page") -> None:
    press_in(page, 1, "4", "o", "+", "+", "+", "ArrowLeft")
    page.mouse.click(*point(page, X, Y, place=1))
    expect(page.locator("#picked textarea")).to_have_value(f"{X}, {Y}")
    before = view(page)
    page.locator("#changed").click()
    changed = random_picture(10)[:, Y, X]
    page.wait_for_function(f"() => {at_script(X, Y)} === '{changed.tolist()}'")
    assert view(page) == before
    expect(panel(page, 1)).to_have_attribute("data-shown", "ground truth")
    expect(page.locator(".where")).to_have_text(f"x {X}, y {Y}")
    assert read(page, "input") == [str(level) for level in changed.tolist()]


@browsed
def test_bitmaps_of_layers_that_are_gone_are_freed(page: "Page") -> None:
    hover(page, 1, 1)
    expect(page.locator(".probe dd").nth(7)).not_to_have_text("…")
    page.evaluate("""() => {
      const { close } = ImageBitmap.prototype;
      window.freed = 0;
      ImageBitmap.prototype.close = function () { window.freed += 1; close.call(this); };
    }""")
    page.locator("#changed").click()
    page.wait_for_function("() => window.freed === 1")  # one layer has another picture


@browsed
def test_a_layer_that_is_gone_makes_room_for_another(page: "Page") -> None:
    before = view(page)
    page.locator("#without").click()
    expect(panel(page, 1)).to_have_attribute("data-shown", "weight")
    assert "fused" not in panel(page, 1).locator("option").all_inner_texts()
    assert view(page) == before


@browsed
def test_a_pixel_pinned_by_python_is_shown(page: "Page") -> None:
    page.locator("#pinning").click()
    expect(page.locator(".where")).to_have_text("x 3, y 4")
    expect(page.locator("#picked textarea")).to_have_value("")  # nobody has clicked


@browsed
def test_a_pixel_is_pinned_by_python_again_after_a_visitor_pinned_another(page: "Page") -> None:
    for _ in range(2):
        page.locator("#pinning").click()
        expect(page.locator(".where")).to_have_text("x 3, y 4")
        page.mouse.click(*point(page, X, Y))
        expect(page.locator("#picked textarea")).to_have_value(f"{X}, {Y}")
        page.mouse.move(5, 5)
        expect(page.locator(".where")).to_have_text(f"x {X}, y {Y}")


@browsed
def test_a_value_that_brings_layers_alone_leaves_the_pin_where_it_is(page: "Page") -> None:
    changed = random_picture(10)[:, 5, 5].tolist()
    page.mouse.click(*point(page, X, Y))
    page.locator("#keeping").click()
    page.wait_for_function(f"() => {at_script(5, 5)} === '{changed}'")
    expect(page.locator(".where")).to_have_text(f"x {X}, y {Y}")
    page.locator("#small").click()
    expect(page.locator(".where")).to_have_text("")
    page.locator("#keeping").click()  # of another size than the one before: there is no pin to keep
    expect(page.locator(".where")).to_have_text("x 3, y 4")


@browsed
def test_a_picture_of_another_size_is_fitted_anew(page: "Page") -> None:
    press_in(page, 0, "o", "+", "+", "+", "Enter")
    page.locator("#small").click()
    expect(page.locator(".panel")).to_have_count(1)
    expect(panel(page, 0)).to_have_attribute("data-shown", "input")
    assert view(page)[:2] == (20, 20)
    expect(page.locator(".where")).to_have_text("")


@browsed
def test_a_layer_that_cannot_be_loaded_says_so_and_others_stay(page: "Page") -> None:
    page.locator("#lost").click()
    expect(panel(page, 0).locator(".message")).to_contain_text("could not be loaded")
    expect(panel(page, 1)).to_have_attribute("data-shown", "fused")


@browsed
def test_an_empty_viewer_says_so_and_takes_the_next_value(page: "Page") -> None:
    page.locator("#nothing").click()
    expect(page.locator(".nothing")).to_be_visible()
    expect(page.locator(".grid")).to_be_hidden()
    page.locator("#highlighted").click()
    expect(panel(page, 0)).to_have_attribute("data-shown", "input")


# Who uses it


@browsed
def test_names_are_text_and_never_markup(page: "Page") -> None:
    press_in(page, 0, "8")
    expect(panel(page, 0)).to_have_attribute("data-shown", NAUGHTY)
    assert panel(page, 0).locator(".chooser option").nth(7).inner_text() == NAUGHTY
    assert page.locator("#viewer b").count() == 0
    expect(page.locator(".probe dt").nth(7)).to_contain_text(NAUGHTY)


@browsed
def test_every_key_is_listed_and_every_panel_has_a_name(page: "Page") -> None:
    expect(frame(page, 1)).to_have_attribute(
        "aria-label", f"Panel 2 of 3: fused, {WIDTH} by {HEIGHT} pixels"
    )
    press_in(page, 1, "?")
    help_ = page.get_by_role("dialog", name="Keys and gestures")
    expect(help_).to_be_visible()
    listed = " ".join(help_.locator("kbd").all_inner_texts()).lower()
    for key in (*"r+−0oswalhf?[]", "enter", "shift", "esc"):
        assert key in listed.split()
    press(page, "Escape")
    expect(help_).to_be_hidden()


@browsed
def test_on_the_full_screen_all_pictures_are_of_one_size(page: "Page") -> None:
    page.get_by_role("button", name="4 panels").click()
    before = frame(page, 0).bounding_box()
    press_in(page, 0, "f")
    page.wait_for_function("() => document.fullscreenElement?.matches('.viewer')")
    page.wait_for_function(
        "height => document.querySelector('.frame').clientHeight !== height", arg=before["height"]
    )
    sizes = [frame(page, place).bounding_box() for place in range(4)]
    assert len({(round(box["width"]), round(box["height"])) for box in sizes}) == 1
    assert sizes[3]["y"] + sizes[3]["height"] <= 1000
    assert colour_at(page, X, Y, 1) == FUSED.to(torch.uint8)[:, Y, X].tolist()
    press(page, "f")
    page.wait_for_function("() => !document.fullscreenElement")


@browsed
def test_on_a_phone_panels_stand_below_each_other_and_a_tap_picks(
    opened: Callable[..., "Page"],
) -> None:
    page = opened(390, 844, has_touch=True)
    boxes = [panel(page, place).bounding_box() for place in range(3)]
    assert len({box["x"] for box in boxes}) == 1
    assert boxes[0]["y"] < boxes[1]["y"] < boxes[2]["y"]
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    page.touchscreen.tap(*point(page, X, Y))
    expect(page.locator("#picked textarea")).to_have_value(f"{X}, {Y}")
    assert read(page, "input") == [str(level) for level in INPUT[:, Y, X].tolist()]


@browsed
@pytest.mark.parametrize("key", ["-", "o"])
def test_a_finger_scrolls_the_page_wherever_there_is_nothing_to_pan(
    opened: Callable[..., "Page"], key: str
) -> None:
    page = opened(390, 500, has_touch=True)
    touch = fingers(page)
    scrolled = "() => document.scrollingElement.scrollTop"

    def swipe() -> None:
        """Moves a finger up a panel."""
        x, y = point(page, X, Y)
        touch("touchStart", (x, y))
        for way in (20, 40, 60):
            touch("touchMove", (x, y - way))
        touch("touchEnd")

    press_in(page, 0, "+", "+")
    frame(page, 0).evaluate("frame => frame.scrollIntoView()")
    before, height = page.evaluate(scrolled), view(page)[1]
    swipe()
    assert view(page)[1] > height and page.evaluate(scrolled) == before
    press(page, "0", key)
    swipe()
    page.wait_for_function(f"before => ({scrolled})() > before", arg=before)


def fingers(page: "Page") -> Callable[..., None]:
    """Says where fingers are, first what they do, as Chromium calls it."""
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        places = [{"x": a, "y": b, "id": place} for place, (a, b) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    return touch


@browsed
def test_two_fingers_zoom_about_their_middle_and_one_pans(opened: Callable[..., "Page"]) -> None:
    page = opened(390, 844, has_touch=True)
    x, y = point(page, X, Y)
    scale = view(page)[2]
    touch = fingers(page)
    touch("touchStart", (x - 10, y), (x + 10, y))
    for spread in (20, 30, 40):
        touch("touchMove", (x - spread, y), (x + spread, y))
    touch("touchEnd")
    assert view(page)[2] == pytest.approx(4 * scale)
    # Half a pixel of rounding to the screen's pixels, four times as large now.
    assert point(page, X, Y) == pytest.approx((x, y), abs=2)
    x, y = point(page, X, Y)
    touch("touchStart", (x, y))
    for way in (10, 20, 30):
        touch("touchMove", (x + way, y))
    touch("touchEnd")
    assert point(page, X, Y) == pytest.approx((x + 30, y), abs=1)
    expect(page.locator("#picked textarea")).to_have_value("")
