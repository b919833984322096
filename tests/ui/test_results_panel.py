from collections.abc import Iterator
from inspect import signature

import gradio as gr
import pytest

from ensir.comparison import CHANNELS, Comparison
from ensir.inspection import inspect_pixel, most_disputed_pixel
from ensir.ui import views
from ensir.ui.downloads import DOWNLOADS, MAPS_LABEL, WORKSPACE_LABEL
from ensir.ui.events import FIRST_MAPS, View
from ensir.ui.inspecting import NO_CANDIDATE, inspected
from ensir.ui.layers import ALL, MAP_CHANNELS, SOLID, viewer_value
from ensir.ui.links import COPY_LABEL
from ensir.ui.results_panel import GREEN, Results, results_panel
from ensir.ui.viewer.layers import model_of

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def results(small: Comparison) -> Iterator[Results]:
    with gr.Blocks(analytics_enabled=False) as app:
        made = results_panel(small, gr.State(small))
    yield made
    app.close()


def test_the_column_opens_on_the_most_disputed_pixel(results: Results, small: Comparison) -> None:
    x, y = most_disputed_pixel(small)
    assert (results.x.value, results.y.value) == (x, y)
    assert results.channel.value == CHANNELS[GREEN] == "green"
    shown = [component.value for component in results.inspected]
    assert shown == list(inspected(small, inspect_pixel(small, x, y), "green"))
    value = viewer_value(small, pinned=(x, y))
    assert [layer.name for layer in value.layers] == [
        layer["name"] for layer in results.viewer.value["layers"]
    ]
    assert tuple(results.viewer.value["panels"]) == model_of(value).panels
    assert tuple(results.viewer.value["pinned"]) == (x, y)


def test_the_whole_is_there_at_once(results: Results, small: Comparison) -> None:
    def captions(gallery: gr.Gallery) -> list[str | None]:
        return [item["caption"] for item in gallery.value]

    assert results.score_table.value == views.score_table(small)
    assert captions(results.candidates) == ["A", "B", "C"]
    assert captions(results.maps) == [words for _, words in views.map_items(small, FIRST_MAPS)]
    assert results.map_legend.value == views.map_legend(small, FIRST_MAPS)


def test_tabs_that_are_closed_are_empty(results: Results) -> None:
    for closed in (results.bin_sets, results.replay, results.explorer):
        assert closed.value is None or closed.value == []


def test_everything_there_is_can_be_chosen(results: Results, small: Comparison) -> None:
    assert results.map_kind.choices == views.map_kinds(small)
    assert [value for _, value in results.map_channel.choices] == list(MAP_CHANNELS)
    assert (results.map_kind.value, results.map_channel.value) == (FIRST_MAPS, ALL)
    assert (results.map_opacity.value, results.map_opacity.maximum) == (SOLID, SOLID)
    assert results.sort_by.choices == views.sort_keys(small)
    assert results.sort_by.value == views.sort_key(small)
    changed = [value for _, value in results.changed.choices]
    assert changed == [NO_CANDIDATE, "A", "B", "C"]
    assert (results.changed_value.minimum, results.changed_value.maximum) == (0, 255)


def test_what_is_looked_at_is_handed_over_in_the_order_of_a_view(results: Results) -> None:
    names = {id(component): name for name, component in vars(results).items()}
    assert [names[id(component)] for component in results.view] == list(signature(View).parameters)


def test_every_download_has_its_button_and_what_is_handed_over(results: Results) -> None:
    assert [button.value for button in results.downloads] == list(DOWNLOADS)
    assert len(results.kept) == len(DOWNLOADS)
    assert results.map_download.value == MAPS_LABEL
    assert results.save.value == WORKSPACE_LABEL
    others = (results.kept_maps, results.kept_workspace)
    assert all(kept.visible == "hidden" for kept in (*results.kept, *others))


def test_the_link_is_seen_once_it_is_copied(results: Results) -> None:
    assert results.copy.value == COPY_LABEL
    assert not results.link.visible and not results.link.interactive
