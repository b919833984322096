import json
import math
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

from ensir.comparison import Comparison
from ensir.em_trace import EmTrace, trace_em
from ensir.ensemble.mixture import Mixture
from ensir.inspection import inspect_pixel, most_disputed_pixel
from ensir.ui.em_replay.scripts import MIXTURE_JS
from ensir.ui.example import example
from ensir.ui.learn import learn_panel, lesson
from ensir.ui.learn.lesson import GREEN
from tests.test_em_trace import responsibilities
from tests.ui.test_em_replay import opened_in_browser

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None

# Gradio and pandas warn, and leave event loops to the garbage collector.
pytestmark = pytest.mark.filterwarnings("default")

STEPS = 6
TOY_PIXELS = 1000
HEAP_DEVIATION = 8
ACCURATE = 5e-4  # the page shows three digits
CUT_OFF = """() => {
  const edge = document.querySelector(".learn").getBoundingClientRect().right + 1;
  const all = [...document.querySelectorAll(".learn :not(svg *)")];
  const words = [...document.querySelectorAll(".learn svg text")].filter((one) => {
    const [word, chart] = [one, one.closest("svg.chart")].map((it) => it.getBoundingClientRect());
    return word.width && (word.left < chart.left - 1 || word.right > chart.right + 1);
  });
  const beyond = all.filter((one) => one.getBoundingClientRect().right > edge);
  return [...beyond, ...words].map((one) => one.outerHTML);
}"""
HEAD = 177  # pixels of a screen that the app's title and tabs take
SOURCE = r"Eq\. \d+(, \d+)?|Krogh, Vedelsby 1995"


@pytest.fixture(scope="module")
def opened() -> Iterator[Callable[..., "Page"]]:
    with opened_in_browser(learn_panel) as open_page:

        def open_walk(step: int = 1, **size: Any) -> "Page":  # noqa: ANN401
            page = open_page(**size)
            page.locator("#learn nav button").nth(step - 1).click()
            expect(page.locator("#learn footer [data-live]")).to_have_text(
                f"Step {step} of {STEPS}"
            )
            return page

        yield open_walk


@pytest.fixture(scope="module")
def compared() -> Comparison:
    return example()


def live(page: "Page", name: str) -> "Locator":
    return page.locator(f'#learn :is(article, figure):not([hidden]) [data-live="{name}"]')


def numbers(page: "Page", *names: str) -> list[float]:
    return [float(live(page, name).inner_text().replace("−", "-")) for name in names]


def handle(page: "Page", name: str) -> "Locator":
    return page.get_by_role("slider", name=name, exact=True)


def gaussian(level: Tensor, mean: float, variance: float) -> Tensor:
    return torch.exp(-((level - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)


def toy_trace(mean: list[float], centres: list[float], share: float) -> EmTrace:
    """The engine's EM on the toy, its histogram made anew from what its handles say."""
    level = torch.arange(256, dtype=torch.float64)
    shares = [share, 1 - share]
    density = sum(
        part * gaussian(level, centre, HEAP_DEVIATION**2)
        for part, centre in zip(shares, centres, strict=True)
    )
    histogram = (TOY_PIXELS * torch.as_tensor(density) + 0.5).floor().long()
    first = [[0.5, 0.5], mean, [81.0, 81.0]]
    return trace_em(
        Mixture(*(torch.tensor(part, dtype=torch.float64) for part in first)), histogram
    )


def test_the_numbers_of_the_example_are_the_engines(compared: Comparison) -> None:
    value = json.loads(json.dumps(lesson(compared), allow_nan=False))
    x, y = most_disputed_pixel(compared)
    pixel = inspect_pixel(compared, x, y)
    assert [value["x"], value["y"]] == [x, y]
    assert value["values"] == [pixel.values[name][GREEN] for name in compared.candidates]
    for short, name in zip(value["names"], compared.candidates, strict=True):
        assert name == f"{short} deraining"
    assert compared.table is not None
    table = compared.table
    assert len(value["cells"]) == int((table.count[GREEN] > 0).sum())
    for cell in value["cells"][::50]:
        row = table.rows_of(table.bins.number(torch.tensor(cell["bins"])))
        assert cell["weights"] == table.weights[GREEN, row].tolist()
        assert cell["count"] == int(table.count[GREEN, row])


def test_empty_bin_sets_of_the_example_take_the_average(compared: Comparison) -> None:
    assert compared.table is not None
    weights = compared.table.weights[GREEN][compared.table.count[GREEN] == 0]
    empty = torch.tensor(lesson(compared)["empty"], dtype=torch.float64)
    torch.testing.assert_close(weights, empty.expand_as(weights))


def test_what_bin_sets_of_one_bin_hold_and_bring_is_said_of_every_value(
    compared: Comparison,
) -> None:
    assert compared.table is not None and compared.truth is not None
    models = torch.stack(list(compared.candidates.values())).long()
    same = (models // compared.table.bins.width).amax(0) == (
        models // compared.table.bins.width
    ).amin(0)
    truth = compared.truth.double()
    of_average = (models.double().mean(0) - truth).square()
    of_fused = (compared.fusion.image.double() - truth).square()
    brought = (of_average - of_fused)[same].sum() / (of_average - of_fused).sum()
    value = lesson(compared)
    assert value["same_values"] == f"{100 * same.double().mean():.0f}%"
    assert value["same_gain"] == f"{100 * brought:.0f}%"


@pytest.mark.browser
def test_the_scripts_em_is_the_engines() -> None:
    script = MIXTURE_JS.read_text(encoding="utf-8")
    with opened_in_browser(lambda: None) as open_page:
        page = open_page()
        for mean, centres, share in (
            ([100.0, 132.0], [102.0, 134.0], 0.7),
            ([110.0, 113.0], [95.0, 140.0], 0.2),
            ([80.0, 160.0], [120.0, 121.0], 0.5),
        ):
            trace = toy_trace(mean, centres, share)
            found = page.evaluate(
                f"([first, histogram]) => {{ {script} return fitted(first, histogram) }}",
                [
                    {"weight": [0.5, 0.5], "mean": mean, "variance": [81, 81]},
                    trace.histogram.tolist(),
                ],
            )
            assert len(found["mixtures"]) == trace.steps + 1
            for part in ("weight", "variance"):
                script_says = torch.tensor(
                    [mixture[part] for mixture in found["mixtures"]], dtype=torch.float64
                )
                # Sums in another order, over up to hundreds of steps.
                torch.testing.assert_close(
                    script_says, getattr(trace.mixture, part), rtol=1e-9, atol=1e-12
                )
            scores = torch.tensor(found["scores"], dtype=torch.float64)
            torch.testing.assert_close(scores, trace.score, rtol=1e-12, atol=0)


@pytest.mark.browser
@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844), (360, 740)])
def test_six_steps_lead_through_the_method_on_any_screen(
    opened: Callable[..., "Page"], width: int, height: int
) -> None:
    page = opened(width=width, height=height)

    def fits() -> bool:
        section = page.locator("#learn .learn").bounding_box()
        return section is not None and (width < 1280 or section["height"] <= height - HEAD)

    expect(page.get_by_role("button", name="Back", exact=True)).to_be_disabled()
    for step in range(1, STEPS + 1):
        expect(page.locator("#learn article:not([hidden])")).to_have_count(1)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert not page.evaluate(CUT_OFF)
        assert fits()
        if step == 2:  # its longest numbers
            for level in page.locator("#learn figure.pixel .handle:visible").all():
                level.press("End")
            expect(live(page, "set-number")).to_have_text(re.compile(r" = 4,095$"))
            assert not page.evaluate(CUT_OFF)
            assert fits()
        if step < STEPS:
            page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("button", name="Next")).to_be_disabled()


@pytest.mark.browser
def test_every_formula_names_its_equation_and_every_symbol_has_a_live_number(
    opened: Callable[..., "Page"],
) -> None:
    page = opened()
    for formula in page.locator("#learn .formula").all():
        cited = formula.locator("cite").all_inner_texts()
        assert len(cited) == 1 and re.fullmatch(SOURCE, cited[0])
        expect(formula.locator("[data-live]")).to_have_count(1)
    said = ":is(.symbols, .formula) [data-live]"
    for step in range(1, STEPS + 1):
        page.locator("#learn nav button").nth(step - 1).click()
        for place in page.locator(f"#learn article:not([hidden]) {said}").all():
            expect(place).to_have_text(re.compile(r"\d"))


@pytest.mark.browser
def test_a_dragged_mean_changes_the_responsibilities_as_the_engine_says(
    opened: Callable[..., "Page"],
) -> None:
    page = opened(step=3)
    mean = handle(page, "Mean of A")
    box = mean.locator(".shape").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y, steps=4)
    page.mouse.up()
    dragged = float(mean.get_attribute("aria-valuenow") or 0)
    assert 105 < dragged < 120
    trace = toy_trace([dragged, 132], [102, 134], 0.7)
    (level,) = numbers(page, "level")
    expected = responsibilities(trace, 0)[:, int(level)]
    assert numbers(page, "gamma-0", "gamma-1") == pytest.approx(expected.tolist(), abs=ACCURATE)
    assert numbers(page, "mu-0") == [dragged]
    mean.locator(".shape").hover()
    page.mouse.down(button="right")
    page.mouse.move(x, y)
    page.mouse.up(button="right")
    assert numbers(page, "mu-0") == [dragged]


@pytest.mark.browser
def test_em_on_the_dragged_toy_ends_where_the_engines_ends(opened: Callable[..., "Page"]) -> None:
    page = opened(step=3)
    for name, key, times in (("Mean of B", "ArrowLeft", 12), ("Left heap of pixels", "PageUp", 1)):
        handle(page, name).focus()
        for _ in range(times):
            page.keyboard.press(key)
    page.get_by_role("button", name="Next").click()
    trace = toy_trace([100, 120], [112, 134], 0.7)
    expect(live(page, "em-where")).to_have_text(f"Step 1 of {trace.steps}: E step done")
    mass = (responsibilities(trace, 0) * trace.histogram).sum(-1)
    assert numbers(page, "mass-0", "mass-1") == pytest.approx(mass.tolist(), abs=0.05)
    following = float(trace.mixture.weight[1, 0])
    expect(live(page, "alpha-sum")).to_have_text(re.compile(f" = {following:.3f}$"))
    page.locator('[data-do="half"]').click()
    expect(live(page, "em-where")).to_have_text(f"Step 1 of {trace.steps}: M step done")
    weights = numbers(page, "new-alpha-0", "new-alpha-1")
    assert weights == pytest.approx(trace.mixture.weight[1].tolist(), abs=ACCURATE)
    expect(handle(page, "Deviation of A")).to_be_hidden()  # the variance is the engine's now
    page.get_by_role("button", name="To the end").click()
    weights = numbers(page, "new-alpha-0", "new-alpha-1")
    assert weights == pytest.approx(trace.mixture.weight[-1].tolist(), abs=ACCURATE)
    assert numbers(page, "score") == pytest.approx([float(trace.score[-1])], abs=ACCURATE)


@pytest.mark.browser
def test_the_bin_set_and_its_count_are_the_engines_at_every_width(
    opened: Callable[..., "Page"], compared: Comparison
) -> None:
    assert compared.fits is not None
    page = opened(step=2)
    values = torch.tensor(lesson(compared)["values"], dtype=torch.uint8)
    for width in (16, 32, 64, 128):
        page.locator('[data-field="width"]').select_option(str(width))
        statistics = compared.fits.statistics.coarser(width)
        number = int(statistics.bins.index(values))
        count = int(statistics.count[GREEN][statistics.sets == number])
        expect(live(page, "set-number")).to_have_text(re.compile(f" = {number:,}$"))
        expect(live(page, "set-count")).to_have_text(f"{count:,}")


@pytest.mark.browser
def test_a_moved_candidate_is_fused_by_the_table(
    opened: Callable[..., "Page"], compared: Comparison
) -> None:
    page = opened(step=5)
    value = lesson(compared)
    name = value["names"][0]
    handle(page, f"{name}'s level").focus()
    for _ in range(4):
        page.keyboard.press("PageUp")
    values = [value["values"][0] + 40, *value["values"][1:]]
    assert compared.table is not None
    row = compared.table.rows_of(compared.table.bins.index(torch.tensor(values, dtype=torch.uint8)))
    weights = compared.table.weights[GREEN, row].tolist()
    cells = page.locator("#learn .lookup tbody td:nth-child(4)").all_inner_texts()
    assert [float(cell) for cell in cells] == pytest.approx(weights, abs=ACCURATE)
    fused = sum(weight * one for weight, one in zip(weights, values, strict=True))
    expect(live(page, "fused-sum")).to_have_text(re.compile(f" = {fused:.1f}$"))
    page.get_by_role("button", name="Back to the example's pixel").click()
    expect(page.locator("#learn .lookup tbody td:nth-child(2)").first).to_have_text(
        str(value["values"][0])
    )


@pytest.mark.browser
def test_where_the_means_coincide_em_keeps_what_it_starts_from(
    opened: Callable[..., "Page"],
) -> None:
    page = opened(step=6)
    slider = page.locator('[data-field="start"]')
    for _ in range(6):
        slider.press("ArrowRight")
    expect(live(page, "distance-words")).to_contain_text("A starts at 0.60.")
    expect(live(page, "distance-words")).to_contain_text("0 apart it ends at 0.60,")
    expect(live(page, "distance-words")).to_contain_text("with 36 at 0.70.")


@pytest.mark.browser
def test_who_leads_where_all_models_share_a_bin_is_counted_from_the_table(
    opened: Callable[..., "Page"], compared: Comparison
) -> None:
    assert compared.table is not None
    bins = compared.table.bins
    same = torch.arange(bins.per_candidate)[:, None].expand(-1, len(compared.candidates))
    leaders = compared.table.weights[GREEN, compared.table.rows_of(bins.number(same))].argmax(-1)
    changes = int((leaders[1:] != leaders[:-1]).sum())
    page = opened(step=6)
    expect(live(page, "changes")).to_have_text(f"{changes} times in {len(leaders)} bins")


@pytest.mark.browser
def test_what_no_table_can_mend_is_shown_on_the_pixel(opened: Callable[..., "Page"]) -> None:
    page = opened(step=6)
    for failure, words in (("miss", "no weights reach it"), ("unseen", "no reference pixel")):
        page.locator(f'[data-do="{failure}"]').click()
        expect(page.locator("#learn footer [data-live]")).to_have_text(f"Step 5 of {STEPS}")
        expect(live(page, "lookup-words")).to_contain_text(words)
        expect(live(page, "pixel-caption")).to_contain_text("Green, moved from pixel")
        page.get_by_role("button", name="Next").click()
    page.locator("#learn nav button").first.click()
    expect(live(page, "pixel-caption")).to_contain_text("Green at pixel")


@pytest.mark.browser
def test_no_error_is_written_upon_the_truths_line(opened: Callable[..., "Page"]) -> None:
    page = opened(width=390, height=844)
    words = page.locator("#learn figure.pixel :is(.handle:not(:last-child) text, .word)")
    diamond = handle(page, "Ground truth's level")
    for key in ("ArrowLeft", "Home", "PageUp", "End"):
        for level in page.locator("#learn figure.pixel .handle").all()[:-1]:
            level.press(key)
        truth = diamond.locator(".shape").bounding_box()
        assert truth is not None
        middle = truth["x"] + truth["width"] / 2
        for word in filter(lambda one: one.inner_html().endswith(")"), words.all()):
            box = word.bounding_box()
            assert box is not None
            assert not box["x"] < middle < box["x"] + box["width"], word.inner_html()


@pytest.mark.browser
def test_the_focus_is_never_lost_and_the_next_step_is_seen_from_its_top(
    opened: Callable[..., "Page"],
) -> None:
    page = opened(step=5, width=390, height=844)
    page.get_by_role("button", name="Next").press("Enter")
    expect(page.get_by_role("button", name="Back", exact=True)).to_be_focused()
    expect(page.locator("#learn nav button").last).to_be_in_viewport()
    for _ in range(STEPS - 1):
        page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Next")).to_be_focused()
    page.locator("#learn nav button").nth(3).click()
    page.get_by_role("button", name="To the end").press("Enter")
    expect(page.get_by_role("button", name="Start again")).to_be_focused()
    for failure in ("miss", "unseen"):
        page.locator("#learn nav button").last.click()
        page.locator(f'[data-do="{failure}"]').press("Enter")
        expect(page.locator("#learn nav button").nth(4)).to_be_focused()
