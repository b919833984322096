import ensir.ui  # isort: skip
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

import gradio as gr
import pytest
import torch

from ensir.comparison import Comparison, compare
from ensir.em_trace import MOVED, RULES, trace_bin_set
from ensir.ui.em_replay import em_replay_panel, replay_of
from ensir.ui.em_replay.em_replay import NO_STATISTICS, NO_TABLE
from ensir.ui.em_replay.scripts import ASKING_JS, CHARTS_JS, MIXTURE_JS
from ensir.ui.example import example
from tests.conftest import make_pictures, make_statistics
from tests.test_em_trace import responsibilities

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

assert ensir.ui  # imported first, for what it does
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
try:
    from playwright.sync_api import expect, sync_playwright
except ImportError:
    sync_playwright = None

# Gradio and pandas warn, and leave event loops to the garbage collector.
pytestmark = pytest.mark.filterwarnings("default")

WAIT = 60_000  # milliseconds; far more than any step takes, so that a busy machine is no failure
GREEN = 1
ACCURATE = 5e-4  # the page shows three digits
LOCAL = {"127.0.0.1", "localhost", None}


_running: list["Browser"] = []  # Playwright runs once in a thread


@contextmanager
def chromium() -> Iterator["Browser"]:
    """The browser that runs, or one for the time being."""
    if _running:
        yield _running[0]
        return
    if sync_playwright is None:
        pytest.skip("playwright is missing: pip install playwright")
    if CHROMIUM is None:
        pytest.skip("no Chromium here: install chromium or google-chrome")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--force-color-profile=srgb"]
        _running.append(playwright.chromium.launch(executable_path=CHROMIUM, args=arguments))
        expect.set_options(timeout=WAIT)
        try:
            yield _running[0]
        finally:
            _running.pop().close()


@contextmanager
def opened_in_browser(build: Callable[[], object]) -> Iterator[Callable[..., "Page"]]:
    """Opens pages of what `build` lays out; no script fails and no other machine is asked."""
    with chromium() as browser:
        with gr.Blocks(analytics_enabled=False) as app:
            build()
        _, address, _ = app.queue().launch(
            prevent_thread_lock=True, quiet=True, ssr_mode=False, run_history=False
        )
        errors: list[str] = []
        strangers: list[str] = []
        contexts: list[BrowserContext] = []

        def gate(route: Any) -> None:  # noqa: ANN401 - Playwright's
            if urlparse(route.request.url).hostname in LOCAL:
                return route.continue_()
            strangers.append(route.request.url)
            return route.abort()

        def said(message: Any) -> None:  # noqa: ANN401 - Playwright's
            if "js_on_load" in message.text or "watch callback" in message.text:
                errors.append(message.text)

        def open_page(width: int = 1280, height: int = 720, calm: bool = True) -> "Page":
            context = browser.new_context(
                viewport={"width": width, "height": height},
                reduced_motion="reduce" if calm else "no-preference",
            )
            contexts.append(context)
            context.set_default_timeout(WAIT)
            context.route("**/*", gate)
            page = context.new_page()
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("console", said)
            page.goto(address, wait_until="domcontentloaded")
            return page

        try:
            yield open_page
        finally:
            for context in contexts:
                context.close()
            app.close(verbose=False)
        assert not strangers
        assert not errors


def shown_from_the_start(panel: gr.HTML, value: dict[str, Any]) -> gr.HTML:
    """The panel, which shows a value as soon as the page is there."""
    gr.on(fn=lambda: value, outputs=panel)
    return panel


def longest(comparison: Comparison) -> int:
    """The bin set of the green channel whose fit takes the most steps."""
    assert comparison.fits is not None
    return int(comparison.fits.statistics.sets[comparison.fits.steps[GREEN].argmax()])


@pytest.fixture(scope="module")
def number(small: Comparison) -> int:
    return longest(small)


@pytest.fixture(scope="module")
def opened(small: Comparison, number: int) -> Iterator[Callable[..., "Page"]]:
    def build() -> None:
        shown_from_the_start(em_replay_panel(gr.State(small)), replay_of(small, GREEN, number))

    with opened_in_browser(build) as open_page:

        def open_replay(**size: Any) -> "Page":  # noqa: ANN401
            page = open_page(**size)
            expect(page.locator("#em-replay .where")).to_contain_text("converged")
            return page

        yield open_replay


def shown_weights(page: "Page", column: int) -> list[float]:
    cells = page.locator(f"#em-replay tbody td:nth-child({column})").all_inner_texts()
    return [float(cell) for cell in cells]


FIRST, NOW, LAST = 3, 4, 5  # columns of the table


def test_the_value_holds_every_step_of_both_rules_and_is_json(
    small: Comparison, number: int
) -> None:
    value = json.loads(json.dumps(replay_of(small, GREEN, number), allow_nan=False))
    assert small.fits is not None
    for name, rule in RULES.items():
        trace = trace_bin_set(small.fits.statistics, GREEN, number, rule)
        assert value["traces"][name]["weight"] == trace.mixture.weight.tolist()
        assert len(value["traces"][name]["score"]) == trace.steps + 1
    assert value["names"] == ["A", "B", "C"] and len(value["colours"]) == 3
    assert f"Bin set {number}" in value["title"]


def test_weights_are_called_fixed_only_where_em_keeps_them() -> None:
    """Where all candidates share a bin, of a reference set in which EM does not."""
    comparison = example()
    assert comparison.fits is not None
    bins = comparison.fits.statistics.bins
    for bin_ in range(bins.per_candidate):
        number = int(bins.number(torch.full((len(comparison.candidates),), bin_)))
        value = replay_of(comparison, GREEN, number)
        weights = torch.tensor(value["traces"]["em"]["weight"])
        moved = float((weights[-1] - weights[0]).abs().max())
        assert ("fixed point" in value["insight"]) == (moved < MOVED)
        assert f"{moved:.3f}" in value["insight"]


def test_the_last_step_is_the_table(small: Comparison, number: int) -> None:
    assert small.table is not None
    last = replay_of(small, GREEN, number)["traces"]["em"]["weight"][-1]
    table = small.table.weights[GREEN, small.table.rows_of(torch.tensor(number))]
    torch.testing.assert_close(
        torch.tensor(last, dtype=torch.float64), table, rtol=1e-12, atol=1e-12
    )


def test_what_cannot_be_replayed_is_said(small: Comparison) -> None:
    averaged = compare(small.as_given)
    assert replay_of(averaged, 0, 0) == {"note": NO_TABLE}
    assert replay_of(replace(small, fits=None), 0, 0) == {"note": NO_STATISTICS}
    empty = replay_of(small, GREEN, 7)
    assert empty["note"].startswith("No pixel fell into bin set 7")


def test_a_name_is_only_text() -> None:
    """No markup is made but that of charts, which names never enter."""
    scripts = set(MIXTURE_JS.parent.glob("*.js")) - {CHARTS_JS}
    assert len(scripts) > 3
    assert not any("HTML" in script.read_text(encoding="utf-8") for script in scripts)


@pytest.mark.browser
def test_responsibilities_of_the_script_are_the_engines(small: Comparison, number: int) -> None:
    assert small.fits is not None
    trace = trace_bin_set(small.fits.statistics, GREEN, number, weights=[0.6, 0.3, 0.1])
    mixture = {
        part: getattr(trace.mixture, part)[5].tolist() for part in ("weight", "mean", "variance")
    }
    script = MIXTURE_JS.read_text(encoding="utf-8")
    with opened_in_browser(lambda: gr.Markdown("")) as open_page:
        found = open_page().evaluate(
            f"mixture => {{ {script} return responsibilities(mixture).map(one => [...one]) }}",
            mixture,
        )
    torch.testing.assert_close(
        torch.tensor(found, dtype=torch.float64), responsibilities(trace, 5), rtol=1e-9, atol=1e-12
    )


@pytest.mark.browser
def test_the_replay_opens_on_the_last_step_and_goes_through_both_halves(
    opened: Callable[..., "Page"], small: Comparison, number: int
) -> None:
    assert small.fits is not None
    trace = trace_bin_set(small.fits.statistics, GREEN, number)
    page = opened()
    replay = page.locator("#em-replay")
    assert shown_weights(page, NOW) == pytest.approx(trace.mixture.weight[-1], abs=ACCURATE)
    expect(replay.get_by_role("button", name="E step")).to_be_disabled()
    replay.get_by_role("button", name="To the start").click()
    expect(replay.locator(".where")).to_have_text(f"Step 0 of {trace.steps}, the start")
    assert shown_weights(page, NOW) == pytest.approx(trace.mixture.weight[0], abs=ACCURATE)
    replay.get_by_role("button", name="E step").click()
    expect(replay.locator(".where")).to_have_text(f"Step 1 of {trace.steps}, E step done")
    assert shown_weights(page, NOW) == pytest.approx(trace.mixture.weight[0], abs=ACCURATE)
    expect(replay.get_by_role("button", name="E step")).to_be_disabled()
    replay.get_by_role("button", name="M step").click()
    expect(replay.locator(".where")).to_have_text(f"Step 1 of {trace.steps}, M step done")
    assert shown_weights(page, NOW) == pytest.approx(trace.mixture.weight[1], abs=ACCURATE)


@pytest.mark.browser
def test_the_keyboard_alone_steps_and_plays(opened: Callable[..., "Page"]) -> None:
    page = opened()
    page.locator("#em-replay .replay").focus()
    where = page.locator("#em-replay .where")
    for key, text in (("Home", "Step 0"), ("ArrowRight", "E step"), ("ArrowRight", "M step")):
        page.keyboard.press(key)
        expect(where).to_contain_text(text)
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.keyboard.press("End")
    expect(where).to_contain_text("converged")


@pytest.mark.browser
def test_half_steps_by_keyboard_keep_the_focus_to_the_end(
    opened: Callable[..., "Page"], small: Comparison, number: int
) -> None:
    assert small.fits is not None
    trace = trace_bin_set(small.fits.statistics, GREEN, number)
    page = opened()
    halves = [page.get_by_role("button", name=f"{half} step", exact=True) for half in "EM"]
    page.get_by_role("button", name="To the start").click()
    halves[0].focus()
    for place in range(1, 5):
        page.keyboard.press("Enter")
        expect(halves[place % 2]).to_be_focused()
    page.get_by_label("Half steps of EM").fill(str(2 * trace.steps - 1))
    halves[1].focus()
    page.keyboard.press("Enter")
    expect(page.locator("#em-replay .where")).to_contain_text("converged")
    expect(page.locator("#em-replay .replay")).to_be_focused()
    page.keyboard.press("Home")
    expect(page.locator("#em-replay .where")).to_contain_text("Step 0")


@pytest.mark.browser
def test_what_waits_to_be_asked_ends_with_its_subject() -> None:
    script = ASKING_JS.read_text(encoding="utf-8")
    with opened_in_browser(lambda: gr.Markdown("")) as open_page:
        sent, latest = open_page().evaluate(
            f"""() => {{
                {script}
                const sent = [];
                const engine = asker((question, number) => sent.push([question, number]));
                const latest = [];
                const done = () => latest.push(engine.latest);
                ["a", "b", "c"].forEach((question) => engine.ask(question));
                done();
                engine.heard(1);  // c is sent: of those that waited, the last
                done();
                engine.heard(2);
                done();
                ["d", "e"].forEach((question) => engine.ask(question));
                engine.heard(undefined);  // something else is shown
                done();
                engine.heard(3);  // e is not asked any more
                engine.ask("f");
                return [sent, latest];
            }}"""
        )
    assert sent == [["a", 1], ["c", 2], ["d", 3], ["f", 4]]
    assert latest == ["c", "c", None, None]


@pytest.mark.browser
def test_another_fit_of_the_same_bin_set_opens_on_its_own_rule_and_result() -> None:
    pictures = make_pictures(seed=3, members=3, height=40, width=36, contrast=20)
    candidates, truth = pictures
    fits = {
        name: compare(
            dict(zip("ABC", candidates, strict=True)),
            truth=truth,
            reference=make_statistics(pictures, 16),
            bin_width=32,
            method=method,
            trust=trust,
        )
        for name, method, trust in (
            ("Papers", "em", None),
            ("Released", "published", None),
            ("Half", "em", 0.5),
        )
    }
    number = longest(fits["Papers"])

    def build() -> None:
        state = gr.State(fits["Papers"])
        values = {name: replay_of(fit, GREEN, number) for name, fit in fits.items()}
        replay = shown_from_the_start(em_replay_panel(state), values["Papers"])
        for name, value in values.items():
            gr.Button(name).click(lambda value=value: value, None, replay)

    with opened_in_browser(build) as open_page:
        page = open_page()
        where = page.locator("#em-replay .where")
        expect(where).to_contain_text("converged")
        for name, rule in (("Released", "published"), ("Papers", "em"), ("Half", "em")):
            page.locator("#em-replay .sliders input").first.focus()
            page.keyboard.press("End")
            expect(where).to_contain_text("the start")
            page.get_by_role("button", name=name, exact=True).click()
            fit = fits[name].fits
            assert fit is not None
            trace = trace_bin_set(fit.statistics, GREEN, number, RULES[rule])
            expect(where).to_contain_text(f"Step {trace.steps} of {trace.steps}, converged")
            expect(page.locator(f"#em-replay [value={rule}]")).to_be_checked()
            first = trace.mixture.weight[0]
            assert shown_weights(page, FIRST) == pytest.approx(first, abs=ACCURATE)


@pytest.mark.browser
def test_the_released_codes_rule_ends_elsewhere(
    opened: Callable[..., "Page"], small: Comparison, number: int
) -> None:
    assert small.fits is not None
    trace = trace_bin_set(small.fits.statistics, GREEN, number, RULES["published"])
    page = opened()
    page.get_by_text("Its released code's").click()
    expect(page.locator("#em-replay .where")).to_contain_text(f"of {trace.steps}")
    assert shown_weights(page, NOW) == pytest.approx(trace.mixture.weight[-1], abs=ACCURATE)


@pytest.mark.browser
def test_other_first_weights_are_traced_by_the_engine(
    opened: Callable[..., "Page"], small: Comparison, number: int
) -> None:
    assert small.fits is not None
    page = opened()
    slider = page.locator("#em-replay .sliders input").first
    slider.focus()
    page.keyboard.press("End")  # all weight to A: no other ever gets any
    expect(page.locator("#em-replay .where")).to_contain_text("the start")
    assert shown_weights(page, FIRST) == [1, 0, 0]
    assert shown_weights(page, LAST) == [1, 0, 0]
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#em-replay tbody tr:first-child td").nth(1)).to_have_text("0.800")
    trace = trace_bin_set(small.fits.statistics, GREEN, number, weights=[0.8, 0.1, 0.1])
    assert shown_weights(page, FIRST) == pytest.approx([0.8, 0.1, 0.1], abs=ACCURATE)
    assert shown_weights(page, LAST) == pytest.approx(trace.mixture.weight[-1], abs=ACCURATE)
    values = [float(one.input_value()) for one in page.locator("#em-replay .sliders input").all()]
    assert sum(values) == pytest.approx(1, abs=0.02)  # each is rounded to its own hundredth
    page.get_by_role("button", name="All alike").click()
    expect(page.locator("#em-replay tbody tr:first-child td").nth(1)).to_have_text("0.333")


@pytest.mark.browser
def test_thirty_steps_a_second_are_drawn_and_played(opened: Callable[..., "Page"]) -> None:
    page = opened(calm=False)
    # Sixty half steps are drawn in less than the second they are shown in, at the best of five
    # times: what else the machine does is not ours.
    milliseconds = page.evaluate(
        """() => {
            const slider = document.querySelector("#em-replay .steps");
            const once = () => {
                const began = performance.now();
                for (let half = 0; half < 60; half += 1) {
                    slider.value = half % slider.max;
                    slider.dispatchEvent(new Event("input"));
                }
                return performance.now() - began;
            };
            return Math.min(...[1, 2, 3, 4, 5].map(once));
        }"""
    )
    assert milliseconds < 1000
    steps = int(page.locator("#em-replay .steps").get_attribute("max") or 0) / 2
    page.locator("#em-replay select").select_option("30")
    page.get_by_role("button", name="To the start").click()
    began = page.evaluate("performance.now()")
    page.get_by_role("button", name="Play").click()
    expect(page.locator("#em-replay .where")).to_contain_text("converged")
    assert page.evaluate("performance.now()") - began >= 1000 * steps / 30 - 50  # not hurried


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280])
def test_the_replay_fits_the_screen(opened: Callable[..., "Page"], width: int) -> None:
    page = opened(width=width)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(page.locator("#em-replay svg.chart path").first).to_be_attached()


@pytest.mark.browser
def test_a_bin_set_shown_later_and_a_breakdown_are_said(small: Comparison, number: int) -> None:
    """The page shows another bin set during a replay; there the released rule breaks down."""
    assert small.fits is not None
    statistics = small.fits.statistics
    broken = next(
        other
        for other in statistics.sets[statistics.count[0] > 0].tolist()
        if trace_bin_set(statistics, 0, other, RULES["published"]).stop == "breakdown"
    )

    def build() -> None:
        state = gr.State(small)
        replay = shown_from_the_start(em_replay_panel(state), {"note": "Click a pixel."})
        for label, channel, shown in (("Longest", GREEN, number), ("Broken", 0, broken)):
            value = replay_of(small, channel, shown)
            gr.Button(label).click(lambda value=value: value, None, replay)

    with opened_in_browser(build) as open_page:
        page = open_page(calm=False)
        where = page.locator("#em-replay .where")
        expect(page.locator("#em-replay .empty")).to_have_text("Click a pixel.")
        page.get_by_role("button", name="Longest").click()
        expect(where).to_contain_text("converged")
        page.locator("#em-replay select").select_option("30")
        page.get_by_role("button", name="Play").click()
        page.get_by_role("button", name="Broken").click()
        expect(page.locator("#em-replay .which")).to_contain_text(f"Bin set {broken:,} of red")
        expect(page.get_by_role("button", name="Play")).to_be_visible()
        expect(where).to_contain_text("converged")
        page.get_by_text("Its released code's").click()
        expect(where).to_contain_text("broke down")
        expect(page.locator("#em-replay .stop-rule")).to_contain_text("explains no pixel")
