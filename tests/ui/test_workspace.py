import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import torch

from ensir.comparison import Comparison, compare, scores, statistics_of_truth
from ensir.images import read_picture
from ensir.looks import read_look
from ensir.statistics_files import statistics_bytes
from ensir.table_files import table_bytes
from ensir.ui import views
from ensir.ui.choices import chosen
from ensir.ui.downloads import workspace_file
from ensir.ui.events import OWN, RESTORE, View, Weights
from ensir.ui.example import example
from ensir.ui.layers import ALL
from ensir.ui.pictures import shown
from ensir.ui.reference import FILE, NONE, OWN_TRUTH, SAMPLE, reference_for
from ensir.ui.workspace import on_open
from ensir.workspaces import read_workspace
from tests.conftest import make_pictures, make_statistics

pytestmark = pytest.mark.filterwarnings("default")

CANDIDATES, TRUTH = make_pictures(seed=23, members=3, height=30, width=26, contrast=25)
STATISTICS = make_statistics((CANDIDATES, TRUTH), 8)
NAMED = dict(zip("ABC", CANDIDATES, strict=True))
VIEW = View("weight", ALL, 3, 7, "blue", 100, None)
# Behind what a new result changes: the candidates, the count, the weights, and the fields.
AFTER = ["candidates", "inputs", "ran", "start", "picture", "truth", "own", "workspace"]
AFTER += ["file", "channel"]
OF_SETTINGS = 12

Upload = Callable[[str, bytes], str]


def saved(comparison: Comparison, source: str, **changed: Any) -> str:  # noqa: ANN401
    weights = Weights(source, None, 16, "em", 1.0, False)
    values = [getattr(weights, field.name) for field in fields(weights)]
    values += [changed.get(field.name, getattr(VIEW, field.name)) for field in fields(VIEW)]
    look, task = changed.get("look"), changed.get("task", "denoising")
    return workspace_file(comparison, look, task, 25, ["median"], False, *values)


def opened(path: str) -> tuple[list[Any], dict[str, Any]]:
    """What a new result changes, and the rest by name."""
    outputs = list(on_open(path, 5))
    after = outputs[-OF_SETTINGS - len(AFTER) :]
    named = dict(zip(AFTER, after[: len(AFTER)], strict=True))
    named["settings"] = tuple(after[len(AFTER) :])
    return outputs[: -OF_SETTINGS - len(AFTER)], named


def test_the_opened_example_comes_back_with_its_fields() -> None:
    path = saved(example(), SAMPLE)
    assert Path(path).name == "workspace.zip"
    fused, after = opened(path)
    comparison = fused[0]
    assert torch.equal(comparison.fusion.image, example().fusion.image)
    assert scores(comparison) == scores(example())
    assert [fused[place]["value"] for place in (8, 9)] == [3, 7]
    assert "workspace.zip is open, as it was saved: no base model was run" in fused[7]
    assert "24 reference pictures" in fused[7]
    assert (after["start"], after["inputs"], after["channel"]) == (RESTORE, 5, "blue")
    assert after["picture"] == shown(example().degraded)
    assert after["truth"] == shown(example().truth)
    assert after["file"] == gr.update(value=None, visible=False)
    assert after["ran"].weights == Weights(SAMPLE, None, 16, "em", 1.0, False)
    assert after["settings"] == chosen(read_workspace(path).settings)
    assert (after["own"], after["workspace"]) == (None, None)


def test_weights_from_a_file_come_with_their_file() -> None:
    for reference, data in (
        (STATISTICS, statistics_bytes(STATISTICS)),
        (compare(NAMED, reference=STATISTICS).table, None),
    ):
        comparison = compare(NAMED, truth=TRUTH, reference=reference, bin_width=16)
        fused, after = opened(saved(comparison, FILE))
        file = after["file"]["value"]
        assert after["file"]["visible"] and after["ran"].weights.file == file
        assert Path(file).read_bytes() == (table_bytes(reference) if data is None else data)
        again, _ = reference_for(FILE, comparison.as_given, TRUTH, file, 16)
        assert type(again) is type(reference)
        assert torch.equal(fused[0].fusion.image, comparison.fusion.image)


def test_a_source_that_gives_the_same_stays_and_another_comes_as_a_file() -> None:
    own = compare(NAMED, truth=TRUTH, reference=statistics_of_truth(NAMED, TRUTH, 16), bin_width=16)
    averaged = compare(NAMED)
    for comparison, source, expected in (
        (own, OWN_TRUTH, OWN_TRUTH),
        (averaged, NONE, NONE),
        (averaged, SAMPLE, SAMPLE),  # which does not know these models
        (averaged, FILE, NONE),
        (averaged, OWN_TRUTH, NONE),  # new input, which was not fused yet
        (own, SAMPLE, FILE),
        (own, NONE, FILE),
        (compare(NAMED, reference=STATISTICS, bin_width=16), OWN_TRUTH, FILE),
    ):
        _, after = opened(saved(comparison, source))
        assert after["ran"].weights.source == expected
        assert after["file"]["visible"] is (expected == FILE)


def test_own_candidates_come_back_as_files_with_all_their_bits() -> None:
    deep = {
        name: one.to(torch.int32).mul(257).sub(3).clamp(0).to(torch.uint16)
        for name, one in NAMED.items()
    }
    alpha = torch.arange(780).reshape(30, 26).to(torch.uint16)
    _, after = opened(saved(compare(deep, truth=TRUTH, alpha=alpha), NONE))
    assert after["start"] == OWN
    assert after["picture"] is None
    assert [Path(path).name for path in after["own"]] == ["A.png", "B.png", "C.png"]
    pictures = [read_picture(Path(path)) for path in after["own"]]
    for picture, one in zip(pictures, deep.values(), strict=True):
        assert torch.equal(picture.values, one)
    assert torch.equal(pictures[0].alpha, alpha)
    assert pictures[1].alpha is None


@pytest.mark.parametrize("name", ["../A", "/etc/A", "a\\b", "名" * 80, "con/"])
def test_a_name_that_no_file_can_have_is_none(uploads: Path, name: str) -> None:
    named = {name: CANDIDATES[0], "B": CANDIDATES[1]}
    before = {path for path in uploads.parent.iterdir()}
    fused, after = opened(saved(compare(named), NONE))
    assert list(fused[0].candidates) == [name, "B"]
    assert after["own"] is None
    assert {path for path in uploads.parent.iterdir()} == before


def test_an_input_of_16_bits_comes_back_with_its_transparency() -> None:
    deep = TRUTH.to(torch.int32).mul(257).sub(5).clamp(0).to(torch.uint16)
    alpha = torch.arange(780).reshape(30, 26).to(torch.uint16)
    _, after = opened(saved(compare(NAMED, degraded=deep, alpha=alpha), NONE))
    picture = read_picture(Path(after["picture"]))
    assert torch.equal(picture.values, deep)
    assert torch.equal(picture.alpha, alpha)


def test_an_input_that_was_enlarged_is_not_restored_again() -> None:
    _, after = opened(saved(compare(NAMED, degraded=TRUTH), NONE, task="super-resolution"))
    assert (after["start"], after["picture"]) == (RESTORE, None)


def test_the_viewer_is_looked_into_as_it_was(small: Comparison) -> None:
    panels = [{"name": "fused", "wipe": "weight of B", "share": 0.25}]
    look = {"panels": panels, "place": [3, 7.5, 2]}
    fused, _ = opened(saved(small, FILE, look=json.dumps(look)))
    assert fused[1].look == read_look(look)
    made = {layer.name for layer in fused[1].layers if layer.picture}
    assert {"fused", "weight of B"} <= made and "weight of A" not in made
    assert opened(saved(small, FILE))[0][1].look is None


def test_no_file_changes_nothing() -> None:
    assert on_open(None, 5) == gr.skip()


def test_another_file_is_a_sentence(upload: Upload) -> None:
    path = upload("<b>holiday<b>.zip", b"PK\x05\x06" + bytes(18))
    with pytest.raises(gr.Error, match="is not a workspace of this program") as caught:
        on_open(path, 5)
    assert "<b>" not in str(caught.value)


def test_a_hostile_pixel_is_the_most_disputed_one(small: Comparison) -> None:
    fused, _ = opened(saved(small, FILE, x=9000, y=3))
    assert fused[8]["value"] < 36
    assert fused[4] == views.map_items(fused[0], "weight")
