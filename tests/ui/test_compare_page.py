from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest

from ensir.ui.app import build_app
from ensir.ui.compare_page import _shown_fields, _shown_groups
from ensir.ui.events import OWN, RESTORE
from ensir.ui.reference import FILE, OWN_TRUTH, SAMPLE

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def blocks() -> Iterator[list[Any]]:
    app = build_app()
    yield list(app.blocks.values())
    app.close()


def test_every_component_that_shows_pictures_is_lossless(blocks: list[Any]) -> None:
    formats = {
        f"{type(block).__name__} {block.elem_id}": block.format
        for block in blocks
        if hasattr(block, "format")
    }
    assert set(formats.values()) == {"png"}
    # Two inputs, the large picture, the wipe, three galleries, the plot.
    assert len(formats) >= 8
    assert any(name.startswith("ImageSlider") for name in formats)


def test_every_file_field_is_one_of_ours(blocks: list[Any]) -> None:
    takes_files = [
        block
        for block in blocks
        if isinstance(block, gr.Image | gr.ImageSlider | gr.Gallery | gr.File | gr.UploadButton)
        and getattr(block, "interactive", None) is not False
    ]
    assert len(takes_files) == 4
    assert all(type(block).__module__ == "ensir.ui.inputs" for block in takes_files)


def test_the_opened_comparison_is_kept_while_the_page_is_open(blocks: list[Any]) -> None:
    # Gradio puts the first value, the example, in the place of a state that expired.
    states = [block for block in blocks if isinstance(block, gr.State)]
    assert len(states) == 4
    assert all(state.time_to_live in (None, float("inf")) for state in states)


def test_the_choice_of_start_shows_its_fields_and_names_the_button() -> None:
    for start, own, label in ((RESTORE, False, "Restore and fuse"), (OWN, True, "Fuse")):
        restore_group, own_group, run = _shown_groups(start)
        assert (restore_group["visible"], own_group["visible"]) == (not own, own)
        assert run["value"] == label


def test_the_choice_of_weights_shows_the_field_they_need() -> None:
    assert _shown_fields(FILE)[0]["visible"]
    assert not _shown_fields(SAMPLE)[0]["visible"]
    assert _shown_fields(OWN_TRUTH)[1]["open"]
