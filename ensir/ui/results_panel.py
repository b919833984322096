"""The right column: the viewer, why a pixel has its value, and what there is of the whole."""

from __future__ import annotations

from dataclasses import dataclass, fields

import gradio as gr

from ensir.comparison import CHANNELS, Comparison
from ensir.inspection import PixelInspection, inspect_pixel, most_disputed_pixel
from ensir.ui import views
from ensir.ui.downloads import DOWNLOADS, MAPS_LABEL, WORKSPACE_LABEL
from ensir.ui.em_replay import em_replay_panel
from ensir.ui.events import FIRST_MAPS
from ensir.ui.inputs import choice_input
from ensir.ui.inspecting import BIN_SETS_TAB, NO_CANDIDATE, REPLAY_TAB, TABLE_TAB
from ensir.ui.layers import ALL, MAP_CHANNELS, SOLID, viewer_value
from ensir.ui.league_panel import league_panel
from ensir.ui.links import COPY_LABEL
from ensir.ui.lut_explorer import lut_explorer_panel
from ensir.ui.viewer import viewer

GREEN = 1  # the channel that is inspected first: it weighs most in what one sees
HISTOGRAM_CAPTION = """
<p class="legend"><span><i class="bar"></i>ground truth of the reference set</span>
<span><i class="line dashed"></i>each candidate before the fit</span>
<span><i class="line"></i>after it</span> <span><i class="line sum"></i>their sum.</span>
Marks on the axis: this pixel's candidates; | fused, ★ truth.</p>
<p class="legend"><label><input type="checkbox" id="in-picture" checked> Below: what the candidates
have in this bin set, in this picture</label></p>
"""


@dataclass(frozen=True)
class Results:
    """The components of the column."""

    viewer: gr.HTML
    score_table: gr.HTML
    downloads: list[gr.Button]
    kept: list[gr.DownloadButton]
    save: gr.Button
    kept_workspace: gr.DownloadButton
    look: gr.Textbox
    copy: gr.Button
    link: gr.Textbox
    x: gr.Number
    y: gr.Number
    channel: gr.Radio
    pixel_table: gr.HTML
    sentence: gr.HTML
    histogram: gr.HTML
    changed: gr.Dropdown
    changed_value: gr.Slider
    map_kind: gr.Dropdown
    map_channel: gr.Radio
    map_opacity: gr.Slider
    map_legend: gr.HTML
    maps: gr.Gallery
    map_download: gr.Button
    kept_maps: gr.DownloadButton
    candidates: gr.Gallery
    tabs: gr.Tabs
    open_tab: gr.Textbox
    bin_sets: gr.Gallery
    bin_sets_help: gr.HTML
    sort_by: gr.Dropdown
    replay: gr.HTML
    explorer: gr.HTML

    @property
    def inspected(self) -> list[gr.components.Component]:
        """What a pixel fills, in the order of `inspecting.inspected`."""
        return [self.pixel_table, self.sentence, self.histogram]

    @property
    def view(self) -> list[gr.components.Component]:
        """What a visitor looks at, in the order of `events.View`."""
        return [
            *(self.map_kind, self.map_channel, self.x, self.y, self.channel),
            *(self.map_opacity, self.sort_by),
        ]


def results_panel(opened: Comparison, comparison: gr.State) -> Results:
    """Lays the column out inside the Blocks being built; the state holds what is looked at."""
    x, y = most_disputed_pixel(opened)
    pixel = inspect_pixel(opened, x, y)
    made: dict[str, object] = {}
    made["viewer"] = viewer(viewer_value(opened, pinned=(x, y)), elem_id="viewer")
    with gr.Row():
        with gr.Column(scale=5, min_width=320):
            made |= _pixel(opened, pixel)
        with gr.Column(scale=3, min_width=320):
            made |= _bin_set(opened, pixel)
    # Never seen: what is open is known to the page, whatever the server forgets of it.
    made["open_tab"] = gr.Textbox(visible="hidden", elem_id="open-tab")
    with gr.Tabs(elem_id="whole") as made["tabs"]:
        with gr.Tab("Maps", elem_id="maps-tab"):
            made |= _maps(opened)
        with gr.Tab("Candidates", elem_id="candidates-tab"):
            made["candidates"] = _gallery(views.candidate_items(opened), "Candidates", 3)
        with gr.Tab(BIN_SETS_TAB, elem_id="bin-sets-tab"):
            made |= _bin_sets(opened)
        with gr.Tab(REPLAY_TAB, elem_id="replay-tab"):
            made["replay"] = em_replay_panel(comparison)
        with gr.Tab(TABLE_TAB, elem_id="explorer-tab"):
            made["explorer"] = lut_explorer_panel(comparison)
        with gr.Tab("Every ensemble", elem_id="league-tab"):
            league_panel(comparison)
    return Results(**{field.name: made[field.name] for field in fields(Results)})  # type: ignore[arg-type]


def _pixel(opened: Comparison, pixel: PixelInspection) -> dict[str, object]:
    """The pixel that is looked at, its numbers, and the scores of the whole."""
    made: dict[str, object] = {}
    with gr.Row():
        made["x"] = gr.Number(pixel.x, label="x", precision=0, minimum=0, min_width=70)
        made["y"] = gr.Number(pixel.y, label="y", precision=0, minimum=0, min_width=70)
        made["channel"] = gr.Radio(
            list(CHANNELS),
            value=CHANNELS[GREEN],
            label="Channel",
            elem_id="channel",
            scale=3,
            min_width=270,
        )
    made["pixel_table"] = gr.HTML(
        views.pixel_table(pixel, GREEN), elem_id="pixel-table", padding=False
    )
    with gr.Row():
        made["changed"] = gr.Dropdown(
            [NO_CANDIDATE, *opened.candidates],
            value=NO_CANDIDATE,
            label="What if another value had",
            elem_id="changed",
            min_width=160,
        )
        made["changed_value"] = gr.Slider(
            0, 255, value=128, step=1, label="It would be", elem_id="changed-value",
            min_width=160, scale=2,
        )  # fmt: skip
    made["score_table"] = gr.HTML(views.score_table(opened), elem_id="scores", padding=False)
    return made


def _bin_set(opened: Comparison, pixel: PixelInspection) -> dict[str, object]:
    """The bin set of the pixel, and what can be taken along."""
    made: dict[str, object] = {}
    made["histogram"] = gr.HTML(
        views.histogram(opened, pixel, GREEN), elem_id="histogram", padding=False
    )
    gr.HTML(HISTOGRAM_CAPTION, padding=False)
    made["sentence"] = gr.HTML(views.sentence(pixel, GREEN), elem_id="sentence", padding=False)
    with gr.Row():
        made["downloads"] = [gr.Button(label, size="sm", min_width=100) for label in DOWNLOADS]
    # Never seen: made on demand, a file is handed over by a script.
    made["kept"] = [
        gr.DownloadButton(visible="hidden", elem_id=f"kept-{place}")
        for place in range(len(DOWNLOADS))
    ]
    made |= _keeping()
    return made


def _bin_sets(opened: Comparison) -> dict[str, object]:
    """The list of bin sets."""
    made: dict[str, object] = {}
    with gr.Row(equal_height=False):
        made["bin_sets_help"] = gr.HTML(
            views.bin_sets_help(opened),
            elem_id="bin-sets-help",
            padding=False,
            min_width=320,
        )
        made["sort_by"] = choice_input(
            choices=views.sort_keys(opened),
            value=views.sort_key(opened),
            label="Sorted by, the largest first",
            elem_id="sort-by",
            scale=0,
            min_width=320,
        )
    made["bin_sets"] = gr.Gallery(
        label="Bin sets",
        show_label=False,
        format="png",
        columns=6,
        object_fit="contain",
        allow_preview=False,
        elem_id="bin-sets",
        interactive=False,
        buttons=[],
    )
    return made


def _keeping() -> dict[str, object]:
    """What brings the visitor, or a colleague, back to all this."""
    with gr.Row():
        save = gr.Button(WORKSPACE_LABEL, size="sm", min_width=100, elem_id="save")
        copy = gr.Button(COPY_LABEL, size="sm", min_width=100, elem_id="copy-link")
    link = gr.Textbox(
        label="Link to these settings",
        info="Settings and our examples, never your own pictures",
        buttons=["copy"],
        visible=False,
        interactive=False,
        max_lines=1,
        elem_id="link",
    )
    kept = gr.DownloadButton(visible="hidden", elem_id="kept-workspace")
    look = gr.Textbox(visible=False)  # filled by a script, on the way to the server
    return {"save": save, "copy": copy, "link": link, "kept_workspace": kept, "look": look}


def _maps(opened: Comparison) -> dict[str, object]:
    with gr.Row():
        map_kind = choice_input(
            choices=views.map_kinds(opened),
            value=FIRST_MAPS,
            label="Maps of",
            elem_id="map-kind",
            min_width=210,
        )
        map_channel = gr.Radio(
            list(MAP_CHANNELS),
            value=ALL,
            label="Channel of the maps",
            min_width=420,
            elem_id="map-channel",
        )
        map_opacity = gr.Slider(
            0,
            SOLID,
            value=SOLID,
            step=5,
            label="Opacity of maps, %",
            elem_id="map-opacity",
            min_width=210,
        )
    map_legend = gr.HTML(views.map_legend(opened, FIRST_MAPS), elem_id="map-legend", padding=False)
    maps = _gallery(views.map_items(opened, FIRST_MAPS), "Maps", 3)
    with gr.Row():
        map_download = gr.Button(MAPS_LABEL, size="sm", min_width=100, elem_id="map-download")
    kept_maps = gr.DownloadButton(visible="hidden", elem_id="kept-maps")
    return {
        "map_kind": map_kind,
        "map_channel": map_channel,
        "map_opacity": map_opacity,
        "map_legend": map_legend,
        "maps": maps,
        "map_download": map_download,
        "kept_maps": kept_maps,
    }


def _gallery(items: list[tuple[str, str]], label: str, columns: int) -> gr.Gallery:
    return gr.Gallery(
        items,
        label=label,
        show_label=False,
        format="png",
        columns=columns,
        object_fit="contain",
        elem_id=label.lower(),
        interactive=False,
        buttons=["download", "fullscreen"],
    )
