from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ensir.comparison import (
    AVERAGE,
    FUSED,
    INPUT,
    TRUTH,
    Comparison,
    compare,
    error_map,
    gain_map,
    inspect_pixel,
    largest_weights,
    weight_maps,
)
from ensir.errors import InputError
from ensir.images import read_image
from ensir.palettes import (
    coloured_candidates,
    coloured_errors,
    coloured_gains,
    coloured_weights,
)
from ensir.ui import views

pytestmark = pytest.mark.filterwarnings("default")

MARKUP = "<b>x</b>"


@pytest.fixture(scope="module")
def averaged(small: Comparison) -> Comparison:
    """Two candidates, one of them called by markup, without reference and truth."""
    return compare({MARKUP: small.candidates["A"], "B": small.candidates["B"]})


def test_the_layers_are_the_pictures_and_the_weights(small: Comparison) -> None:
    names = views.layer_names(small)
    weights = ["weight of A", "weight of B", "weight of C", "largest weight"]
    errors = [f"error of {name}" for name in (FUSED, AVERAGE, "A", "B", "C")]
    assert names == [FUSED, AVERAGE, "A", "B", "C", TRUTH, *weights, "gain over average", *errors]
    assert torch.equal(views.layer_picture(small, "A"), small.candidates["A"])
    assert torch.equal(views.layer_picture(small, FUSED), small.fused.values)
    expected = coloured_weights(weight_maps(small)["B"])
    assert torch.equal(views.layer_picture(small, "weight of B"), expected)
    green = coloured_weights(weight_maps(small, 1)["B"])
    assert torch.equal(views.layer_picture(small, "weight of B", "green"), green)
    expected = coloured_candidates(largest_weights(small, 2))
    assert torch.equal(views.layer_picture(small, "largest weight", "blue"), expected)
    expected = coloured_errors(error_map(small, AVERAGE))
    assert torch.equal(views.layer_picture(small, "error of average"), expected)
    expected = coloured_gains(gain_map(small))
    assert torch.equal(views.layer_picture(small, "gain over average"), expected)


def test_without_truth_no_layer_is_an_error(averaged: Comparison) -> None:
    weights = [f"weight of {name}" for name in (MARKUP, "B")]
    assert views.layer_names(averaged) == [FUSED, AVERAGE, MARKUP, "B", *weights, "largest weight"]


def test_every_map_says_what_its_colours_mean(small: Comparison) -> None:
    for name, said in (
        ("weight of A", "mixture weight"),
        ("largest weight", "The model with the largest weight, mean of the three channels"),
        ("error of B", "64 or more levels"),
        ("gain over average", "better by 16"),
    ):
        assert said in views.layer_legend(small, name)
    assert all(not views.layer_legend(small, name) for name in small.pictures)
    assert "largest weight, red;" in views.layer_legend(small, "largest weight", "red")
    assert "absolute error" in views.map_legend(small, views.ERRORS)
    assert "mixture weight" in views.map_legend(small, views.WEIGHTS)


def test_a_wipe_keeps_its_layers_as_far_as_they_are_there(
    small: Comparison, averaged: Comparison
) -> None:
    assert views.wiped_names(small, "A", "weight of B") == ("A", "weight of B")
    assert views.wiped_names(averaged, "A", "C") == (AVERAGE, FUSED)
    with_input = replace(averaged, degraded=averaged.candidates["B"])
    assert views.wiped_names(with_input, "gone", FUSED) == (INPUT, FUSED)


def test_a_wipe_shows_its_two_layers_and_each_legend_once(small: Comparison) -> None:
    left, right = views.wiped_pictures(small, "A", "weight of B", "red")
    assert torch.equal(read_image(Path(left)), small.candidates["A"])
    expected = views.layer_picture(small, "weight of B", "red")
    assert torch.equal(read_image(Path(right)), expected)
    assert views.wiped_legend(small, "A", FUSED) == ""
    legend = views.wiped_legend(small, "error of A", "error of B")
    assert legend == views.layer_legend(small, "error of A")


def test_an_unknown_channel_of_maps_is_refused(small: Comparison) -> None:
    with pytest.raises(InputError, match="maps are of mean, red, green, blue; got 'alpha'"):
        views.layer_picture(small, "weight of A", "alpha")


@pytest.mark.parametrize("name", ["D", "", "weight of D", "weight of ", "error of D", "error of "])
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
    green = views.map_items(small, views.WEIGHTS, "green")
    assert torch.equal(read_image(Path(green[2][0])), coloured_weights(weight_maps(small, 1)["C"]))


def test_the_gallery_shows_the_error_of_every_layer(
    small: Comparison, averaged: Comparison
) -> None:
    items = views.map_items(small, views.ERRORS)
    assert [caption.split(",")[0] for _, caption in items] == [FUSED, AVERAGE, "A", "B", "C"]
    expected = coloured_errors(error_map(small, FUSED))
    assert torch.equal(read_image(Path(items[0][0])), expected)
    assert views.map_items(averaged, views.ERRORS) == []
    assert "Add a ground truth" in views.map_legend(averaged, views.ERRORS)


def test_names_are_only_ever_text(averaged: Comparison) -> None:
    pixel = inspect_pixel(averaged, 0, 0)
    with_truth = replace(averaged, truth=averaged.candidates["B"])
    for html in (
        views.pixel_table(pixel, 0),
        views.score_table(with_truth),
        views.notes(MARKUP),
        views.layer_legend(averaged, "largest weight"),
    ):
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
