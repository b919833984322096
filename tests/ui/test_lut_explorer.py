import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
import pytest
import torch

from ensir.comparison import Comparison, compare
from ensir.palettes import ORIGIN_COLOURS, weight_scale
from ensir.table_slices import cells_of, picture_counts, plane
from ensir.ui.lut_explorer import explorer_of, lut_explorer_panel
from ensir.ui.lut_explorer.lut_explorer import NO_TABLE
from tests.conftest import make_pictures, make_statistics
from tests.ui.test_em_replay import opened_in_browser, shown_from_the_start

if TYPE_CHECKING:
    from playwright.sync_api import Page

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None

# Gradio and pandas warn, and leave event loops to the garbage collector.
pytestmark = pytest.mark.filterwarnings("default")

GREEN = 1
SOON = 300  # milliseconds, from a key to the slice that it asks for
TYPES = {"u1": np.uint8, "f4": np.float32, "f8": np.float64}


def compared(members: int, width: int) -> Comparison:
    pictures = make_pictures(seed=6, members=members, height=48, width=48, contrast=40, noise=9)
    candidates, truth = pictures
    return compare(
        dict(zip("ABCDE", candidates, strict=False)),
        truth=truth,
        reference=make_statistics(pictures, width),
        bin_width=width,
    )


@pytest.fixture(scope="module")
def fine() -> Comparison:
    """Three candidates in 32 bins each."""
    return compared(3, 8)


def without_counts(comparison: Comparison) -> Comparison:
    """With the table as its .pth file would have it."""
    assert comparison.table is not None
    unknown = torch.full_like(comparison.table.count, -1)
    return replace(comparison, table=replace(comparison.table, count=unknown))


def fullest(comparison: Comparison) -> dict[str, Any]:
    """What the explorer shows of the green bin set with the most pixels of the picture."""
    assert comparison.table is not None
    counts = picture_counts(comparison.table.bins, list(comparison.candidates.values()), GREEN)
    return explorer_of(comparison, GREEN, int(counts.number[counts.count.argmax()]))


def build(comparison: Comparison) -> Callable[[], None]:
    """The explorer, and below it what was picked."""

    def panel() -> None:
        explorer = shown_from_the_start(
            lut_explorer_panel(gr.State(comparison)), fullest(comparison)
        )
        picked = gr.Textbox(label="picked", elem_id="picked")
        explorer.pick(on_pick, None, picked)

    return panel


def on_pick(event: gr.EventData) -> str:
    return f"{event.channel} {event.number}"


@pytest.fixture(scope="module")
def opened(fine: Comparison) -> Iterator[Callable[..., "Page"]]:
    with opened_in_browser(build(fine)) as open_page:

        def open_explorer(**size: Any) -> "Page":  # noqa: ANN401
            page = open_page(**size)
            expect(page.locator("#lut-explorer h2")).to_contain_text("Bin set")
            return page

        yield open_explorer


def unpacked(part: dict[str, str]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(part["data"]), TYPES[part["type"]])


def shown_weights(page: "Page") -> list[float]:
    cells = page.locator("#lut-explorer tbody td:last-child").all_inner_texts()
    return [float(cell) for cell in cells]


def shown_number(page: "Page") -> int:
    return int(page.locator("#lut-explorer h2").inner_text().split()[-1].replace(",", ""))


def assert_shows_the_table(page: "Page", comparison: Comparison, channel: int = GREEN) -> None:
    """The words beside the picture are the table's for the bin set that they name."""
    assert comparison.table is not None
    cells = cells_of(comparison.table, channel, torch.tensor(shown_number(page)))
    assert shown_weights(page) == pytest.approx(cells.weights.tolist(), abs=5e-4)
    count = int(cells.count)
    words = f"{count:,} reference pixel" if count else "No reference pixel"
    expect(page.locator("#lut-explorer .said")).to_contain_text(words)


@pytest.mark.parametrize(("members", "width"), [(2, 16), (3, 8), (3, 4), (4, 32)])
def test_the_cells_are_those_of_the_table_and_the_picture(members: int, width: int) -> None:
    comparison = compared(members, width)
    assert comparison.table is not None
    value = json.loads(json.dumps(fullest(comparison), allow_nan=False))
    table = comparison.table
    assert len(value["bins"]) == members and value["names"] == list(comparison.candidates)
    number = plane(table.bins, value["rows"], value["columns"], value["bins"])
    cells = cells_of(table, GREEN, number)
    found = {name: torch.from_numpy(unpacked(part).copy()) for name, part in value["cells"].items()}
    assert torch.equal(found["weights"], cells.weights.float().flatten())
    assert torch.equal(found["count"].long(), cells.count.flatten())
    assert torch.equal(found["origin"], cells.origin.flatten())
    here = picture_counts(table.bins, list(comparison.candidates.values()), GREEN).at(number)
    assert torch.equal(found["here"].long(), here.flatten())
    assert here.any()  # it opens where the picture is


def test_it_opens_on_the_bin_set_asked_for(fine: Comparison) -> None:
    assert fine.table is not None
    number = fine.table.bins.number(torch.tensor([3, 9, 30]))
    assert explorer_of(fine, 0, int(number))["bins"] == [3, 9, 30]


def test_without_a_table_there_is_a_sentence(fine: Comparison) -> None:
    assert explorer_of(compare(fine.as_given), GREEN, 0) == {"note": NO_TABLE}


@pytest.mark.browser
def test_arrow_keys_and_the_mouse_tell_what_a_cell_is(
    opened: Callable[..., "Page"], fine: Comparison
) -> None:
    page = opened()
    assert_shows_the_table(page, fine)
    before = shown_number(page)
    canvas = page.locator("#lut-explorer canvas")
    canvas.focus()
    page.keyboard.press("ArrowUp")
    assert shown_number(page) == before + 32  # up is candidate B, whose bins stand before C's
    page.keyboard.press("ArrowRight")  # candidate A
    assert shown_number(page) == before + 32 + 32**2
    assert_shows_the_table(page, fine)
    box = canvas.bounding_box()
    assert box is not None
    canvas.hover(position={"x": box["width"] - 10, "y": 10})
    slice_bin = before % 32
    assert shown_number(page) == 31 * 32**2 + 31 * 32 + slice_bin
    assert_shows_the_table(page, fine)


@pytest.mark.browser
def test_a_click_and_the_enter_key_pick_the_bin_set(opened: Callable[..., "Page"]) -> None:
    page = opened()
    picked = page.locator("#picked textarea")
    canvas = page.locator("#lut-explorer canvas")
    canvas.click(position={"x": 200, "y": 200})
    expect(picked).to_have_value(f"{GREEN} {shown_number(page)}")
    canvas.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(picked).to_have_value(f"{GREEN} {shown_number(page)}")
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Show this bin set").click()
    expect(picked).to_have_value(f"{GREEN} {shown_number(page)}")


def painted(page: "Page", row: int, column: int) -> list[int]:
    """Red, green and blue of a cell of 32 bins on the canvas."""
    *colour, _ = page.evaluate(
        """([row, column]) => {
            const canvas = document.querySelector("#lut-explorer canvas");
            const side = Math.min(canvas.clientWidth - 34, canvas.clientWidth - 24);
            const x = 30 + ((column + 0.5) / 32) * side;
            const y = 4 + ((31.5 - row) / 32) * side;
            const scale = canvas.width / canvas.clientWidth;
            return [...canvas.getContext("2d").getImageData(x * scale, y * scale, 1, 1).data];
        }""",
        [row, column],
    )
    return colour


@pytest.mark.browser
def test_a_cell_has_the_colour_of_its_weight(
    opened: Callable[..., "Page"], fine: Comparison
) -> None:
    assert fine.table is not None
    page = opened()
    value = fullest(fine)
    number = plane(fine.table.bins, value["rows"], value["columns"], value["bins"])
    cells = cells_of(fine.table, GREEN, number)
    scale = weight_scale(256)
    for row, column in (cells.count > 0).nonzero().tolist()[::3]:
        if [row, column] == [value["bins"][1], value["bins"][0]]:
            continue  # the cursor stands there
        weight = cells.weights[row, column, 0].float()
        level = int((weight * 255 + 0.5).floor())
        assert painted(page, row, column) == list(bytes.fromhex(scale[level][1:]))


@pytest.mark.browser
def test_origins_have_the_colours_of_the_coverage_map(
    opened: Callable[..., "Page"], fine: Comparison
) -> None:
    assert fine.table is not None
    page = opened()
    page.locator("#lut-explorer select.colour").select_option("origin")
    value = fullest(fine)
    number = plane(fine.table.bins, value["rows"], value["columns"], value["bins"])
    origin = cells_of(fine.table, GREEN, number).origin
    for one in origin.unique().tolist():
        row, column = (origin == one).nonzero()[0].tolist()
        expected = list(bytes.fromhex(ORIGIN_COLOURS[one][1:]))
        assert painted(page, row, column) == expected
        swatch = page.locator("#lut-explorer .legend .swatch").nth(one)
        shown = swatch.evaluate("swatch => getComputedStyle(swatch).backgroundColor")
        assert shown == f"rgb({', '.join(map(str, expected))})"
    assert len(origin.unique()) > 1


@pytest.mark.browser
def test_a_slice_of_32_bins_appears_in_less_than_300_milliseconds(
    opened: Callable[..., "Page"], fine: Comparison
) -> None:
    page = opened()
    slider = page.locator("#lut-explorer .sliders input")
    slider.focus()
    times = page.evaluate(
        """async () => {
            const canvas = document.querySelector("#lut-explorer canvas");
            const slider = document.querySelector("#lut-explorer .sliders input");
            const times = [];
            for (let at = 5; at < 15; at += 1) {
                const began = performance.now();
                slider.value = at;
                slider.dispatchEvent(new Event("input"));
                while (!canvas.dataset.shown.split(" ")[2].endsWith(`,${at}`)) {
                    await new Promise((go) => setTimeout(go, 5));
                }
                times.push(performance.now() - began);
            }
            return times;
        }"""
    )
    assert min(times) < SOON  # the best of ten: what else the machine does is not ours
    assert shown_number(page) % 32 == 14
    assert_shows_the_table(page, fine)


@pytest.mark.browser
def test_a_slider_moved_fast_ends_where_it_was_left(opened: Callable[..., "Page"]) -> None:
    page = opened()
    slider = page.locator("#lut-explorer .sliders input")
    slider.focus()
    page.keyboard.press("Home")
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    canvas = page.locator("#lut-explorer canvas")
    expect(canvas).to_have_attribute("data-shown", re.compile(r"one \d \d+,\d+,12 "))
    expect(slider).to_have_value("12")


@pytest.mark.browser
def test_a_change_made_before_the_answer_to_another_keeps_both(
    opened: Callable[..., "Page"],
) -> None:
    page = opened()
    canvas = page.locator("#lut-explorer canvas")
    # In one go, so that no answer can come between.
    page.evaluate(
        """() => {
            const find = (selector) => document.querySelector(`#lut-explorer ${selector}`);
            const slider = find(".sliders input");
            slider.value = 5;
            slider.dispatchEvent(new Event("input"));
            find("[name=explorer-channel][value='2']").click();
        }"""
    )
    expect(canvas).to_have_attribute("data-shown", re.compile(r"^one 2 \d+,\d+,5 "))
    page.evaluate(
        """() => {
            for (const [axis, model] of [["columns", 1], ["rows", 2]]) {
                const select = document.querySelector(`#lut-explorer select.${axis}`);
                select.value = model;
                select.dispatchEvent(new Event("change"));
            }
            document.querySelector("#lut-explorer [name=explorer-view][value=all]").click();
        }"""
    )
    expect(canvas).to_have_attribute("data-shown", re.compile("^all 2 "))
    expect(page.locator("#lut-explorer .axis-name.across")).to_have_text("B, level")
    expect(page.locator("#lut-explorer .axis-name.up")).to_have_text("C, level")


@pytest.mark.browser
def test_counts_that_a_file_does_not_have_are_not_taken_for_none() -> None:
    with opened_in_browser(build(without_counts(compared(3, 32)))) as open_page:
        page = open_page()
        said = page.locator("#lut-explorer .said")
        expect(said).to_contain_text("The file does not say how many reference pixels")
        page.locator("#lut-explorer select.colour").select_option("count")
        expect(page.locator("#lut-explorer .legend")).to_contain_text("The file does not say")
        page.get_by_text("All slices").click()
        expect(said).to_contain_text("The file does not say which bin sets have reference pixels")
        expect(said).to_contain_text(re.compile(r"Of 64 \d+ have pixels of this picture\."))


@pytest.mark.browser
def test_channels_axes_and_all_slices_are_chosen(
    opened: Callable[..., "Page"], fine: Comparison
) -> None:
    page = opened()
    explorer = page.locator("#lut-explorer")
    canvas = explorer.locator("canvas")
    explorer.get_by_text("Blue").click()
    expect(canvas).to_have_attribute("data-shown", re.compile("^one 2 "))
    assert_shows_the_table(page, fine, channel=2)
    explorer.locator("select.columns").select_option("1")  # B across: A goes up
    expect(explorer.locator(".axis-name.up")).to_have_text("A, level")
    assert_shows_the_table(page, fine, channel=2)
    explorer.get_by_text("All slices").click()
    expect(canvas).to_have_attribute("data-shown", re.compile("^all 2 "))
    expect(explorer.locator("h2")).to_contain_text("C ")
    for kind in ("largest", "count", "origin"):
        explorer.locator("select.colour").select_option(kind)
        expect(canvas).to_have_attribute("data-shown", re.compile(f"^all 2 .* {kind}$"))
    canvas.focus()
    page.keyboard.press("Enter")
    expect(explorer.locator("h2")).to_contain_text("Bin set")
    assert_shows_the_table(page, fine, channel=2)


@pytest.mark.browser
@pytest.mark.parametrize(("members", "sliders"), [(2, 0), (4, 2)])
def test_other_numbers_of_candidates_are_cut_to_a_plane(members: int, sliders: int) -> None:
    comparison = compared(members, 32)
    with opened_in_browser(build(comparison)) as open_page:
        page = open_page()
        expect(page.locator("#lut-explorer h2")).to_contain_text("Bin set")
        expect(page.locator("#lut-explorer .sliders input")).to_have_count(sliders)
        expect(page.locator("#lut-explorer .views")).to_be_hidden()
        assert_shows_the_table(page, comparison)


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280])
def test_the_explorer_fits_the_screen(opened: Callable[..., "Page"], width: int) -> None:
    page = opened(width=width)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
