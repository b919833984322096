from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ensir.comparison import AVERAGE, FUSED, TRUTH, Comparison, compare, inspect_pixel, weight_maps
from ensir.errors import InputError
from ensir.images import read_image
from ensir.palettes import coloured_weights
from ensir.ui import views

pytestmark = pytest.mark.filterwarnings("default")

MARKUP = "<b>x</b>"


@pytest.fixture(scope="module")
def averaged(small: Comparison) -> Comparison:
    """Two candidates, one of them called by markup, without reference and truth."""
    return compare({MARKUP: small.candidates["A"], "B": small.candidates["B"]})


def test_the_layers_are_the_pictures_and_the_weights(small: Comparison) -> None:
    names = views.layer_names(small)
    weights = ["weight of A", "weight of B", "weight of C"]
    assert names == [FUSED, AVERAGE, "A", "B", "C", TRUTH, *weights]
    assert torch.equal(views.layer_picture(small, "A"), small.candidates["A"])
    assert torch.equal(views.layer_picture(small, FUSED), small.fused)
    expected = coloured_weights(weight_maps(small)["B"])
    assert torch.equal(views.layer_picture(small, "weight of B"), expected)


@pytest.mark.parametrize("name", ["D", "", "weight of D", "weight of "])
def test_an_unknown_layer_is_refused(small: Comparison, name: str) -> None:
    with pytest.raises(InputError, match="there is no picture"):
        views.layer_picture(small, name)


def test_galleries_show_every_candidate_and_its_weights(small: Comparison) -> None:
    items = views.candidate_items(small)
    assert [caption for _, caption in items] == ["A", "B", "C"]
    assert torch.equal(read_image(Path(items[1][0])), small.candidates["B"])
    maps = views.map_items(small)
    assert [caption.split(",")[0] for _, caption in maps] == ["A", "B", "C"]
    means = [float(caption.split()[-1]) for _, caption in maps]
    assert sum(means) == pytest.approx(1, abs=0.02)  # two decimals each


def test_names_are_only_ever_text(averaged: Comparison) -> None:
    pixel = inspect_pixel(averaged, 0, 0)
    with_truth = replace(averaged, truth=averaged.candidates["B"])
    for html in (views.pixel_table(pixel, 0), views.score_table(with_truth), views.note(MARKUP)):
        assert MARKUP not in html
        assert "&lt;b&gt;x&lt;/b&gt;" in html


def test_without_truth_the_scores_say_what_is_missing(averaged: Comparison) -> None:
    assert views.score_table(averaged) == "<p>Add a ground truth to see scores.</p>"


def test_the_sentence_says_what_the_bin_set_is(small: Comparison, averaged: Comparison) -> None:
    pixel = inspect_pixel(small, 3, 5)
    bin_set = pixel.bin_sets[1]
    said = views.sentence(pixel, 1)
    assert f"Bin set {bin_set.number:,}" in said
    assert f"{bin_set.count:,} reference pixels" in said
    assert bin_set.origin in said
    assert "averaged" in views.sentence(inspect_pixel(averaged, 0, 0), 1)
