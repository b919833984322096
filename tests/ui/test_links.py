from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr
import pytest
import torch

from ensir.comparison import Comparison, compare
from ensir.images import read_image
from ensir.restorers import restore_with
from ensir.tasks import TASKS, degraded
from ensir.ui.addresses import Link, read_query
from ensir.ui.choices import chosen
from ensir.ui.events import FIRST_MAPS, RESTORE
from ensir.ui.example import (
    BIN_WIDTH,
    METHOD,
    RESTORERS,
    SEED,
    TASK,
    example_files,
    example_pictures,
)
from ensir.ui.layers import ALL, SOLID
from ensir.ui.links import on_arrive, on_copy, on_linked
from ensir.ui.reference import SAMPLE, sample_statistics

pytestmark = pytest.mark.filterwarnings("default")

(TEXT,) = (path for path in example_files() if path.stem == "text")
WEIGHTS = [SAMPLE, None, BIN_WIDTH, METHOD, 1.0, False]
VIEW = [FIRST_MAPS, ALL, 30, 40, "red", SOLID, None]


def arrive(**query: str) -> Any:  # noqa: ANN401
    return on_arrive(3, SimpleNamespace(query_params=query))


def copied(picture: str | None, strength: float = TASKS[TASK].usual) -> dict[str, str]:
    update = on_copy(picture, TASK, strength, list(RESTORERS), False, *WEIGHTS, *VIEW)
    assert update["visible"] and update["value"].startswith("?")
    return dict(parse_qsl(update["value"][1:]))


def test_a_link_names_the_example_that_is_there() -> None:
    noisy, truth = example_pictures(TEXT, TASK, TASKS[TASK].usual)
    query = copied(noisy)
    assert (query["example"], query["x"], query["y"]) == ("text", "30", "40")
    assert "example" not in copied(truth)  # not as the page degrades it
    assert "example" not in copied(noisy, strength=12)
    assert "example" not in copied(None)


def test_a_picture_of_the_visitor_stands_in_no_link(upload: Any) -> None:  # noqa: ANN401
    path = upload("my holiday.png", TEXT.read_bytes())
    query = copied(path)
    assert not {"example", "x", "y"} & set(query)
    assert "holiday" not in str(query)


def test_an_address_without_settings_changes_nothing() -> None:
    assert arrive(__theme="dark") == gr.skip()


def test_an_address_sets_the_fields_and_counts_as_new_input() -> None:
    link, said, note, inputs, start, picture, truth, *fields = arrive(
        example="text", width="24", trust="2", x="3", y="4", map="error", sort="pixels"
    )
    assert link.settings.bin_width == 24
    assert (inputs, start) == (4, RESTORE)
    assert (picture, truth) == example_pictures(TEXT, TASK, TASKS[TASK].usual)
    assert said["visible"] and "trust=2 in the address is passed over" in said["value"]
    assert "New input" in note
    assert fields == ["error", 3, 4, "pixels", *chosen(link.settings)]


def test_what_an_address_says_comes_back_as_text() -> None:
    _, said, *_ = arrive(example="<b>x</b>")
    assert "&lt;b&gt;x&lt;/b&gt;" in said["value"] and "<b>" not in said["value"]


def test_what_an_address_asks_for_is_restored_and_fused() -> None:
    link, _, _, inputs, _, picture, truth, *_ = arrive(
        task="denoising",
        example="text",
        width="24",
        models="median,bilateral",
        x="31",
        y="12",
        channel="blue",
    )
    *_, outputs = on_linked(link, picture, truth, inputs)
    comparison = outputs[0]
    assert isinstance(comparison, Comparison)
    noisy = degraded(read_image(TEXT), "denoising", 25, SEED)
    names = ("median", "bilateral")
    restored = restore_with(names, noisy, lambda done, of: None, lambda: False)
    expected = compare(
        restored,
        degraded=noisy,
        truth=read_image(TEXT),
        reference=sample_statistics(),
        bin_width=24,
    )
    assert torch.equal(comparison.fusion.image, expected.fusion.image)
    assert (outputs[16].x, outputs[16].y) == (31, 12)
    assert outputs[-1] == "blue"
    assert inputs in outputs


def test_without_an_address_nothing_is_run() -> None:
    assert list(on_linked(None, None, None, 0)) == [gr.skip()]


def test_a_link_can_be_compared_as_a_state_must() -> None:
    link = read_query({"example": "text"})
    assert isinstance(link, Link) and hash(link) == hash(read_query({"example": "text"}))
