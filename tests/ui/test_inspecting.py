from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from weakref import ref

import gradio as gr
import numpy as np
import pytest
import torch
from PIL import Image

from ensir.bin_sets import pixels_of
from ensir.comparison import AVERAGE, CHANNELS, FUSED, TRUTH, Comparison, compare
from ensir.images import read_image
from ensir.inspection import inspect_pixel, most_disputed_pixel, what_if
from ensir.ui import views
from ensir.ui.compare_page import _wire_inspecting, _wire_tabs
from ensir.ui.em_replay import replay_of
from ensir.ui.inspecting import (
    BIN_SETS_TAB,
    MOST_WANTED,
    NO_CANDIDATE,
    REPLAY_TAB,
    TABLE_TAB,
    Listed,
    inspected,
    listed,
    on_bin_set,
    on_cell,
    on_changed,
    on_channel,
    on_inspect,
    on_list,
    on_map_look,
    on_maps,
    on_pick,
    on_replay,
    on_tab,
    on_want,
    pinned,
    place_of,
)
from ensir.ui.layers import ALL, SOLID, WINNER, viewer_value
from ensir.ui.lut_explorer import explorer_of
from ensir.ui.results_panel import results_panel
from ensir.ui.viewer import ViewerValue, stored_mask
from tests.ui.layer_pictures import layer_picture
from tests.ui.test_em_replay import opened_in_browser

if TYPE_CHECKING:
    from playwright.sync_api import Page

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def averaged(small: Comparison) -> Comparison:
    """Two candidates, without reference and truth."""
    return compare({"A": small.candidates["A"], "B": small.candidates["B"]})


def event(**content: object) -> SimpleNamespace:
    """What Gradio hands over of an event of the browser."""
    return SimpleNamespace(**content)


def made(value: ViewerValue) -> set[str]:
    """The names of the layers that have pictures."""
    return {layer.name for layer in value.layers if layer.picture}


def assert_inspects(
    outputs: tuple[object, ...], comparison: Comparison, x: int, y: int, channel: int
) -> None:
    pixel = inspect_pixel(comparison, x, y)
    assert outputs == (
        views.pixel_table(pixel, channel),
        views.sentence(pixel, channel),
        views.histogram(comparison, pixel, channel),
    )


def test_the_layers_that_the_viewer_wants_are_made(small: Comparison, uploads: Path) -> None:
    mask = stored_mask(small.candidates["A"][0] > 90)
    names = ["C", "error of B"]
    value = on_want(small, "blue", 40, 7, 9, mask, event(names=names))
    assert made(value) == {AVERAGE, FUSED, WINNER, TRUTH, *names}
    assert (value.pinned, value.highlight) == ((7, 9), mask)
    shown = viewer_value(
        small, names, map_channel="blue", opacity=40, pinned=(7, 9), highlight=mask
    )
    assert value == replace(shown, keeps_pin=True)  # for a visitor may have pinned another since
    (layer,) = (layer for layer in value.layers if layer.name == "error of B")
    expected = layer_picture(small, "error of B", "blue", 40)
    assert torch.equal(read_image(Path(layer.picture)), expected)


def test_names_that_there_are_not_are_passed_over(small: Comparison, uploads: Path) -> None:
    value = on_want(small, ALL, SOLID, None, None, None, event(names=["gone", "../../x", "<b>"]))
    assert made(value) == {AVERAGE, FUSED, WINNER, TRUTH}
    assert value.pinned is None


@pytest.mark.parametrize("names", [None, "fused", [1], [["fused"]], {"names": ["fused"]}])
def test_names_that_are_none_are_refused(small: Comparison, names: object) -> None:
    with pytest.raises(gr.Error, match="the viewer asks for layers by name: reload the page"):
        on_want(small, ALL, SOLID, 0, 0, None, event(names=names))
    with pytest.raises(gr.Error, match="the viewer asks for layers by name"):
        on_want(small, ALL, SOLID, 0, 0, None, event())


def test_more_layers_than_a_screen_has_are_refused(small: Comparison) -> None:
    names = ["fused"] * (MOST_WANTED + 1)
    with pytest.raises(gr.Error, match="at most 14 layers are looked at at once, got 15"):
        on_want(small, ALL, SOLID, 0, 0, None, event(names=names))


def test_a_layer_is_made_though_the_numbers_typed_are_no_pixel(
    small: Comparison, uploads: Path
) -> None:
    value = on_want(small, ALL, SOLID, 36, 0, None, event(names=["A"]))
    assert "A" in made(value) and value.pinned is None


def test_a_pick_inspects_the_pixel_under_the_click(small: Comparison) -> None:
    x, y, *rest, changed = on_pick(small, "blue", event(x=7, y=11))
    assert (x, y, changed) == (7, 11, NO_CANDIDATE)
    assert_inspects(tuple(rest), small, 7, 11, 2)


@pytest.mark.parametrize(
    ("x", "y", "sentence"),
    [
        (36, 0, "x is a whole number from 0 to 35"),
        (0, 40, "y is a whole number from 0 to 39"),
        (-1, 0, "x is a whole number from 0 to 35"),
        (1.5, 0, "x is a whole number"),
        ("1", 0, "x is a whole number"),
        (True, 0, "x is a whole number"),
        ([1], 0, "x is a whole number"),
        (0, {"y": 0}, "y is a whole number"),
        (None, 0, "fill in both"),
    ],
)
def test_a_pick_outside_of_the_picture_is_a_sentence(
    small: Comparison, x: object, y: object, sentence: str
) -> None:
    with pytest.raises(gr.Error, match=sentence):
        on_pick(small, "green", event(x=x, y=y))


def test_a_pick_without_a_place_is_a_sentence(small: Comparison) -> None:
    with pytest.raises(gr.Error, match="a pixel has two whole numbers, x and y"):
        on_pick(small, "green", event())


def test_typed_numbers_inspect_and_pin_their_pixel(small: Comparison, uploads: Path) -> None:
    for place, channel in enumerate(CHANNELS):
        value, *rest, changed = on_inspect(small, "red", 40, 35, 39, channel, None, "")
        assert value == viewer_value(small, map_channel="red", opacity=40, pinned=(35, 39))
        assert changed == NO_CANDIDATE
        assert_inspects(tuple(rest), small, 35, 39, place)


def test_a_pixel_that_is_not_there_is_a_sentence(small: Comparison) -> None:
    for x, y, sentence in (
        (36, 0, "x is a whole number from 0 to 35"),
        (0, 40, "y is a whole number from 0 to 39"),
        (-1, 0, "x is a whole number from 0 to 35"),
        (None, 0, "fill in both"),
        (0, None, "fill in both"),
    ):
        with pytest.raises(gr.Error, match=sentence):
            on_inspect(small, ALL, SOLID, x, y, "red", None, "")
        with pytest.raises(gr.Error, match=sentence):
            on_channel(small, x, y, "red")
        with pytest.raises(gr.Error, match=sentence):
            on_changed(small, x, y, "red", "A", 5)


@pytest.mark.parametrize("channel", ["alpha", "all three", "", None, ["red"], 1])
def test_an_unknown_channel_is_a_sentence(small: Comparison, channel: str) -> None:
    shown = Listed(ref(small), channel, (1,))
    for refused in (
        lambda: on_inspect(small, ALL, SOLID, 0, 0, channel, None, ""),
        lambda: on_pick(small, channel, event(x=0, y=0)),
        lambda: on_channel(small, 0, 0, channel),
        lambda: on_changed(small, 0, 0, channel, "A", 5),
        lambda: on_bin_set(small, channel, ALL, SOLID, shown, event(index=0)),
    ):
        with pytest.raises(gr.Error, match="a channel is red, green or blue, got"):
            refused()


def test_another_channel_inspects_the_same_pixel(small: Comparison) -> None:
    for place, channel in enumerate(CHANNELS):
        *rest, changed = on_channel(small, 5, 3, channel)
        assert_inspects(tuple(rest), small, 5, 3, place)
        assert changed == NO_CANDIDATE


def test_what_is_open_is_filled_and_what_no_one_sees_is_not_made(small: Comparison) -> None:
    number = inspect_pixel(small, 5, 3).bin_sets[0].number
    skip = gr.skip()
    for tab in ("", "Maps", REPLAY_TAB):
        assert on_list(small, "red", None, tab) == skip
    for tab in ("", "Maps", BIN_SETS_TAB):
        assert on_replay(small, 5, 3, "red", tab, None) == (skip, skip, skip)
    replay, none, traced = on_replay(small, 5, 3, "red", REPLAY_TAB, None)
    assert (replay, none) == (replay_of(small, 0, number), skip)
    none, plane, traced = on_replay(small, 5, 3, "red", TABLE_TAB, traced)
    assert (none, plane) == (skip, explorer_of(small, 0, number))
    for tab in (REPLAY_TAB, TABLE_TAB):  # opened again, it stays as it was left
        assert on_replay(small, 5, 3, "red", tab, traced) == (skip, skip, skip)
        assert on_replay(small, 5, 3, "blue", tab, traced) != (skip, skip, skip)
        assert on_replay(replace(small), 5, 3, "red", tab, traced) != (skip, skip, skip)


def test_an_average_has_nothing_to_list_or_to_replay(averaged: Comparison) -> None:
    assert on_list(averaged, "red", None, BIN_SETS_TAB) == ([], Listed(ref(averaged), "red", ()))
    replay: Any = on_replay(averaged, 5, 3, "red", REPLAY_TAB, None)[0]
    assert "averaged" in replay["note"]


def test_a_tab_that_is_opened_is_told_by_its_name() -> None:
    assert on_tab(event(value=BIN_SETS_TAB)) == BIN_SETS_TAB
    with pytest.raises(gr.Error, match="this click has no value"):
        on_tab(event(value=3))


def test_a_pixel_that_is_shown_already_is_left_as_it_is(small: Comparison) -> None:
    table = views.pixel_table(inspect_pixel(small, 5, 3), 1, " if B had 7")
    assert on_inspect(small, ALL, SOLID, 5, 3, "green", None, table) == gr.skip()
    assert on_inspect(small, ALL, SOLID, 3, 5, "green", None, table) != gr.skip()


def test_bin_sets_are_listed_in_another_order(small: Comparison) -> None:
    for key in ("pixels", "weight contrast"):
        items, shown = on_list(small, "blue", key, BIN_SETS_TAB)
        assert (items, shown) == listed(small, "blue", key)
        there = views.listed_bin_sets(small, 2, key)
        assert shown == Listed(ref(small), "blue", tuple(it.number for it in there))
        assert items == views.bin_set_items(small, there, 2, key)
    assert listed(small, "blue", None)[1] == listed(small, "blue", "share of the error")[1]


def test_another_value_of_a_candidate_moves_table_sentence_and_histogram(
    small: Comparison,
) -> None:
    before = inspected(small, inspect_pixel(small, 5, 3), "green")
    after = on_changed(small, 5, 3, "green", "B", 200)
    pixel = what_if(small, 5, 3, 1, {"B": 200})
    assert after == (
        views.pixel_table(pixel, 1, " if B had 200"),
        views.sentence(pixel, 1),
        views.histogram(small, pixel, 1),
    )
    assert all(one != other for one, other in zip(before, after, strict=True))
    assert "if B had 200" in after[0] and "192–223" in after[0]
    assert on_changed(small, 5, 3, "green", NO_CANDIDATE, 200) == before
    own = int(small.candidates["B"][1, 3, 5])
    same = on_changed(small, 5, 3, "green", "B", own)
    assert same[1:] == before[1:]
    assert same[0].replace(f" if B had {own}", "") == before[0]


def test_a_change_that_cannot_be_is_a_sentence(small: Comparison) -> None:
    for changed, value, sentence in (
        ("D", 5, "'D' is no candidate here: choose one of A, B, C"),
        ("fused", 5, "'fused' is no candidate here"),
        ("A", 256, "the value of A is a number from 0 to 255"),
        ("A", -1, "the value of A is a number from 0 to 255"),
        ("A", None, "the value of A is a number from 0 to 255"),
        ("A", float("nan"), "the value of A is a number from 0 to 255"),
        ("A", [5], "the value of A is a number from 0 to 255"),
    ):
        with pytest.raises(gr.Error, match=sentence):
            on_changed(small, 5, 3, "green", changed, value)


def test_maps_of_another_kind_come_with_their_legend(small: Comparison, uploads: Path) -> None:
    items, legend = on_maps(small, "error", "blue", 40)
    assert items == views.map_items(small, "error", "blue", 40)
    assert legend == views.map_legend(small, "error", "blue", 40)


def test_maps_of_another_channel_or_opacity_are_shown_below_and_in_the_viewer(
    small: Comparison, uploads: Path
) -> None:
    mask = stored_mask(small.candidates["A"][0] > 90)
    items, legend, value = on_map_look(small, "entropy", "red", 40, 3, 4, mask)
    assert (items, legend) == on_maps(small, "entropy", "red", 40)
    shown = viewer_value(small, map_channel="red", opacity=40, pinned=(3, 4), highlight=mask)
    assert value == replace(shown, keeps_pin=True)
    (winner,) = (layer for layer in value.layers if layer.name == WINNER)
    assert torch.equal(read_image(Path(winner.picture)), layer_picture(small, WINNER, "red", 40))
    outside = on_map_look(small, "entropy", "red", SOLID, 99, 4, None)[2]
    assert outside.pinned is None


def test_maps_that_there_are_not_are_a_sentence(small: Comparison, averaged: Comparison) -> None:
    for comparison, kind, channel, sentence in (
        (small, "magic", ALL, "there is no map 'magic': choose one of weight, "),
        (small, ["weight"], ALL, "there is no map"),
        (small, None, ALL, "there is no map None"),
        (small, "weight", "alpha", "maps are of all three, red, green, blue; got 'alpha'"),
        (averaged, "error", ALL, "errors need a ground truth: add one first"),
        (averaged, "coverage", ALL, "this map needs a lookup table"),
    ):
        with pytest.raises(gr.Error, match=sentence):
            on_maps(comparison, kind, channel, SOLID)
        with pytest.raises(gr.Error, match=sentence):
            on_map_look(comparison, kind, channel, SOLID, 0, 0, None)


def test_a_bin_set_of_the_list_is_highlighted_and_its_first_pixel_inspected(
    small: Comparison, uploads: Path
) -> None:
    shown = listed(small, "blue", None)[1]
    numbers = shown.numbers
    assert len(numbers) > 2
    for place in (0, 2, len(numbers) - 1):
        value, highlight, x, y, *rest, changed = on_bin_set(
            small, "blue", "red", 40, shown, event(index=place)
        )
        inside = pixels_of(small, 2, numbers[place])
        with Image.open(highlight) as image:
            assert np.array_equal(np.asarray(image), inside.numpy())
        assert inside[y, x] and inside.flatten().nonzero()[0] == y * 36 + x
        assert inspect_pixel(small, x, y).bin_sets[2].number == numbers[place]
        assert changed == NO_CANDIDATE
        assert value == viewer_value(
            small, map_channel="red", opacity=40, pinned=(x, y), highlight=highlight
        )
        assert_inspects(tuple(rest), small, x, y, 2)


@pytest.mark.parametrize("index", [-1, 99, None, "0", [0], {"index": 0}])
def test_a_bin_set_that_is_not_in_the_list_is_a_sentence(small: Comparison, index: object) -> None:
    with pytest.raises(gr.Error, match=r"not in the list any more|this click has no index"):
        on_bin_set(small, "blue", ALL, SOLID, listed(small, "blue", None)[1], event(index=index))


def test_a_list_of_another_result_or_channel_is_a_sentence(
    small: Comparison, averaged: Comparison
) -> None:
    for comparison, channel in ((averaged, "blue"), (replace(small), "blue"), (small, "red")):
        with pytest.raises(gr.Error, match="not in the list any more: choose it again"):
            on_bin_set(
                comparison, channel, ALL, SOLID, listed(small, "blue", None)[1], event(index=0)
            )
    with pytest.raises(gr.Error, match="not in the list any more: choose it again"):
        on_bin_set(small, "red", ALL, SOLID, None, event(index=0))


def test_a_pixel_is_pinned_if_it_is_one_of_the_picture(small: Comparison) -> None:
    assert pinned(small, 35, 39) == (35, 39) and pinned(small, 0, 0) == (0, 0)
    for x, y in ((36, 0), (0, 40), (-1, 0), (None, 0), (0, None), (0.5, 0), (True, 0)):
        assert pinned(small, x, y) is None


def test_channels_have_their_places() -> None:
    assert [place_of(channel) for channel in CHANNELS] == [0, 1, 2]


def test_the_table_stays_as_it_is_when_a_cell_in_it_is_chosen(
    small: Comparison, uploads: Path
) -> None:
    skip = gr.skip()
    numbers = listed(small, "blue", None)[1].numbers
    traced = on_replay(small, 5, 3, "red", TABLE_TAB, {REPLAY_TAB: (ref(small), 0, 1)})[2]
    chosen = event(channel=2, number=numbers[2])
    value, highlight, x, y, channel, *rest, changed, traced = on_cell(
        small, "red", 40, traced, chosen
    )
    assert (channel, changed) == ("blue", NO_CANDIDATE)
    assert value == viewer_value(
        small, map_channel="red", opacity=40, pinned=(x, y), highlight=highlight
    )
    assert_inspects(tuple(rest), small, x, y, 2)
    assert traced == {REPLAY_TAB: (ref(small), 0, 1), TABLE_TAB: (ref(small), 2, numbers[2])}
    assert on_replay(small, x, y, channel, TABLE_TAB, traced) == (skip, skip, skip)
    assert on_replay(small, x, y, channel, REPLAY_TAB, traced)[0] == replay_of(small, 2, numbers[2])
    assert on_cell(small, ALL, SOLID, None, chosen)[-1] == {TABLE_TAB: traced[TABLE_TAB]}


def test_a_cell_without_pixels_is_shown_alone(small: Comparison) -> None:
    assert small.table is not None
    there = {it.number for it in views.listed_bin_sets(small, 0)}
    number = next(it for it in range(small.table.bins.sets) if it not in there)
    outputs = on_cell(small, ALL, SOLID, None, event(channel=0, number=number))
    assert outputs[:6] == (gr.skip(),) * 6 and outputs[-2:] == (NO_CANDIDATE, gr.skip())
    assert f"Bin set {number}" in outputs[6] and "no pixel in it" in outputs[6]


# The page


@pytest.fixture(scope="module")
def opened(small: Comparison) -> Iterator[Callable[..., "Page"]]:
    """Opens what looks at a result, without what makes one."""

    def build() -> None:
        comparison = gr.State(None)
        comparison.value = lambda: small
        results, highlight = results_panel(small, comparison), gr.State(None)
        _wire_inspecting(results, comparison, highlight)
        _wire_tabs(results, comparison, highlight)

    with opened_in_browser(build) as open_page:
        yield open_page


def assert_looks_at(page: "Page", x: int, y: int) -> None:
    """Fields, table and viewer are of one pixel."""
    expect(page.locator("#pixel-table caption")).to_contain_text(f"Pixel ({x}, {y}),")
    for name, place in (("x", x), ("y", y)):
        expect(page.get_by_label(name, exact=True)).to_have_value(str(place))
    page.mouse.move(1, 1)
    expect(page.locator("#viewer .where")).to_have_text(f"x {x}, y {y}")


def pin_the_middle(page: "Page") -> None:
    page.locator("#viewer .frame").first.focus()
    page.keyboard.press("Enter")
    assert_looks_at(page, 18, 20)


@pytest.mark.browser
def test_a_bin_set_or_pixel_chosen_again_takes_the_pin_along(
    small: Comparison, opened: Callable[..., "Page"]
) -> None:
    page = opened()
    page.get_by_role("tab", name=BIN_SETS_TAB).click()
    inside = pixels_of(small, 1, listed(small, "green", None)[1].numbers[2])
    y, x = inside.nonzero()[0].tolist()
    for _ in range(2):
        page.locator("#bin-sets .grid-container button").nth(2).click()
        assert_looks_at(page, x, y)
        pin_the_middle(page)
    for _ in range(2):
        page.get_by_label("x", exact=True).fill("17")
        page.get_by_label("x", exact=True).press("Enter")
        assert_looks_at(page, 17, 20)
        pin_the_middle(page)


@pytest.mark.browser
def test_the_table_keeps_the_axes_of_the_visitor_when_a_cell_is_chosen(
    small: Comparison, opened: Callable[..., "Page"]
) -> None:
    page = opened()
    page.get_by_role("tab", name=TABLE_TAB).click()
    explorer = page.locator("#lut-explorer")
    explorer.locator("select.columns").select_option("C")
    across = explorer.locator(".axis-name.across")
    expect(across).to_have_text("C, level")
    (row, column), number = another_cell(small)
    explorer.locator("canvas").focus()
    for key, steps in (("ArrowUp", row), ("ArrowRight", column)):
        for _ in range(abs(steps)):
            page.keyboard.press(key if steps > 0 else OPPOSITE[key])
    page.keyboard.press("Enter")
    y, x = pixels_of(small, 1, number).nonzero()[0].tolist()
    assert_looks_at(page, x, y)
    page.get_by_role("tab", name=REPLAY_TAB).click()  # asked for after what the cell asked for
    expect(page.locator("#em-replay")).to_contain_text(f"Bin set {number}")
    expect(across).to_have_text("C, level")
    expect(explorer.locator("h2")).to_have_text(f"Bin set {number}")


OPPOSITE = {"ArrowUp": "ArrowDown", "ArrowRight": "ArrowLeft"}


def another_cell(comparison: Comparison) -> tuple[tuple[int, int], int]:
    """Of B and C, in the plane the page opens on: the steps to another cell with pixels."""
    assert comparison.table is not None
    bins = comparison.table.bins
    here = inspect_pixel(comparison, *most_disputed_pixel(comparison)).bin_sets[1].number
    first, second, third = bins.bins_of(torch.tensor(here)).tolist()
    for row, column in np.ndindex(bins.per_candidate, bins.per_candidate):
        number = int(bins.number(torch.tensor([first, row, column])))
        if number != here and pixels_of(comparison, 1, number).any():
            return (row - second, column - third), number
    raise AssertionError("no other cell of this plane has pixels")
