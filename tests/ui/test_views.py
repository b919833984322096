from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ensir.bin_set_plot import pixel_svg
from ensir.bin_sets import bin_sets, levels_in, thumbnails
from ensir.candidates_plot import candidates_svg
from ensir.comparison import AVERAGE, CHANNELS, FUSED, Comparison, compare, scores
from ensir.errors import InputError
from ensir.images import read_image
from ensir.inspection import inspect_pixel
from ensir.maps import MAPS, Layer, map_picture, map_values, summary
from ensir.palettes import candidate_colours, coloured
from ensir.probe import probe
from ensir.ui import views
from ensir.ui.layers import ALL, legend_of
from ensir.ui.theme import legend_html
from tests.conftest import make_statistics
from tests.ui.layer_pictures import layer_picture

pytestmark = pytest.mark.filterwarnings("default")

MARKUP = "<b>x</b>"
GREEN = 1


@pytest.fixture(scope="module")
def averaged(small: Comparison) -> Comparison:
    """Two candidates, one of them called by markup, without reference and truth."""
    return compare({MARKUP: small.candidates["A"], "B": small.candidates["B"]})


@pytest.fixture(scope="module")
def named(small: Comparison) -> Comparison:
    """The small one with a candidate called by markup."""
    candidates = dict(zip((MARKUP, "B", "C"), small.candidates.values(), strict=True))
    gathered = make_statistics((torch.stack(list(candidates.values())), small.truth), 16)
    reference = replace(gathered, candidate_names=tuple(candidates))
    return compare(candidates, reference=reference, bin_width=32)


def test_galleries_show_every_candidate_and_its_weights(small: Comparison) -> None:
    items = views.candidate_items(small)
    assert [caption for _, caption in items] == ["A", "B", "C"]
    assert torch.equal(read_image(Path(items[1][0])), small.candidates["B"])
    maps = views.map_items(small, "weight")
    assert [caption.split(",")[0] for _, caption in maps] == ["A", "B", "C"]
    means = [float(caption.split()[-1]) for _, caption in maps]
    assert sum(means) == pytest.approx(1, abs=0.002)  # three digits each
    green = views.map_items(small, "weight", "green")
    assert torch.equal(read_image(Path(green[2][0])), layer_picture(small, "weight of C", "green"))


@pytest.mark.parametrize("channel", [None, GREEN])
def test_the_gallery_shows_the_maps_of_every_kind_as_the_engine_does(
    small: Comparison, channel: int | None
) -> None:
    said = ALL if channel is None else CHANNELS[channel]
    for words, kind in views.map_kinds(small):
        items, there = views.map_items(small, kind, said), views.maps_of(small, kind, said)
        assert len(items) == len(there) and {it.channel for it in there} == {channel}
        for (path, caption), layer in zip(items, there, strict=True):
            (values,) = map_values(small, layer)
            assert torch.equal(read_image(Path(path)), map_picture(small, layer, values))
            assert summary(small, layer, values) in caption
            assert caption.startswith(layer.of or MAPS[kind].title)
        assert views.map_legend(small, kind, said) == legend_html(legend_of(small, there[0]))
        assert "{" not in words


def test_the_gallery_shows_the_error_of_every_picture(
    small: Comparison, averaged: Comparison
) -> None:
    items = views.map_items(small, "error")
    assert [caption.split(",")[0] for _, caption in items] == [FUSED, AVERAGE, "A", "B", "C"]
    error = (small.scored[FUSED].double() - small.truth.double()).abs().mean()
    assert items[0][1] == f"fused, mean {error:.3g}"
    with pytest.raises(InputError, match="errors need a ground truth: add one first"):
        views.map_items(averaged, "error")
    with pytest.raises(InputError, match="errors need a ground truth: add one first"):
        views.map_legend(averaged, "error")


def test_kinds_of_maps_are_offered_where_they_can_be_made(
    small: Comparison, averaged: Comparison
) -> None:
    assert [kind for _, kind in views.map_kinds(small)] == list(MAPS)
    offered = dict(views.map_kinds(averaged))
    assert offered["weight of each model"] == "weight"
    assert "error of each picture" not in offered and "coverage" not in offered
    assert all(views.maps_of(averaged, kind) for kind in offered.values())


@pytest.mark.parametrize("kind", ["magic", "", None, ["weight"], {"weight": 1}])
def test_an_unknown_kind_of_maps_is_refused(small: Comparison, kind: str) -> None:
    with pytest.raises(InputError, match=r"there is no map .*: choose one of weight, "):
        views.maps_of(small, kind)


def test_the_table_of_a_pixel_is_the_probe_of_the_engine(small: Comparison) -> None:
    pixel = inspect_pixel(small, 3, 5)
    for channel, name in enumerate(CHANNELS):
        html = views.pixel_table(pixel, channel)
        table = probe(pixel, channel)
        assert f"<caption>Pixel (3, 5), {name}; responsibility at the level of ground truth" in html
        for row in table.cells:
            assert "".join(f"<td>{cell}</td>" for cell in row[1:]) in html
        assert all(f">{column}</th>" in html for column in table.columns)
        assert all(colour in html for colour in candidate_colours(3))
        assert "; if" not in html
    assert "Pixel (3, 5), green if A had 7;" in views.pixel_table(pixel, 1, " if A had 7")


def test_names_are_only_ever_text(averaged: Comparison, named: Comparison) -> None:
    pixel, fitted = inspect_pixel(averaged, 0, 0), inspect_pixel(named, 3, 5)
    for html in (
        views.pixel_table(pixel, 0),
        views.pixel_table(fitted, 0),
        views.score_table(replace(averaged, truth=averaged.candidates["B"])),
        views.notes(MARKUP),
        views.map_legend(averaged, "largest weight"),
        views.histogram(named, fitted, 0),
    ):
        assert MARKUP not in html and "<b>" not in html
        assert "&lt;b&gt;x&lt;/b&gt;" in html


def test_scores_are_those_of_the_engine(small: Comparison, averaged: Comparison) -> None:
    html = views.score_table(small)
    for name, *cells in scores(small):
        assert f'<th scope="row">{name}</th>' in html
        assert "".join(f"<td>{cell}</td>" for cell in cells) in html
    assert views.score_table(averaged) == "<p>Add a ground truth to see scores.</p>"


def test_the_sentence_says_what_the_bin_set_is(small: Comparison, averaged: Comparison) -> None:
    pixel = inspect_pixel(small, 3, 5)
    bin_set = pixel.bin_sets[1]
    said = views.sentence(pixel, 1)
    assert f"Bin set {bin_set.number:,}" in said
    assert f"{bin_set.count:,} reference pixels" in said
    assert bin_set.origin in said
    assert "averaged" in views.sentence(inspect_pixel(averaged, 0, 0), 1)


def test_the_histogram_is_that_of_the_bin_set(small: Comparison, averaged: Comparison) -> None:
    pixel = inspect_pixel(small, 3, 5)
    drawn = [views.histogram(small, pixel, channel) for channel in range(3)]
    assert len(set(drawn)) == 3
    for channel, bin_set in enumerate(pixel.bin_sets):
        here = candidates_svg(bin_set, levels_in(small, channel, bin_set.number))
        assert drawn[channel] == pixel_svg(pixel, channel) + here
    of_average = views.histogram(averaged, inspect_pixel(averaged, 0, 0), 1)
    assert "Averaging needs no bin sets" in of_average and "in-picture" not in of_average


def test_a_table_is_known_by_its_pixel_whatever_else_it_shows(small: Comparison) -> None:
    table = views.pixel_table(inspect_pixel(small, 3, 5), 1, " if A had 7")
    assert views.is_of_pixel(table, 3, 5)
    for x, y in ((5, 3), (3, 50), (None, 5), (None, None)):
        assert not views.is_of_pixel(table, x, y)
    assert not views.is_of_pixel(None, 3, 5) and not views.is_of_pixel([table], 3, 5)


def test_bin_sets_that_cost_most_are_listed_first(small: Comparison) -> None:
    there = views.listed_bin_sets(small, GREEN)
    assert there == bin_sets(small, GREEN, "share of the error", views.MOST_BIN_SETS)
    costs = [it.squared_error for it in there]
    assert costs == sorted(costs, reverse=True) and 1 < len(there) <= views.MOST_BIN_SETS
    without = replace(small, truth=None)
    sizes = [it.pixels for it in views.listed_bin_sets(without, GREEN)]
    assert sizes == sorted(sizes, reverse=True)


def test_bin_sets_are_listed_by_what_is_wanted_and_known(
    small: Comparison, averaged: Comparison
) -> None:
    keys = [key for _, key in views.sort_keys(small)]
    assert keys == ["share of the error", "pixels", "error", "weight contrast"]
    for key in keys:
        there = views.listed_bin_sets(small, GREEN, key)
        assert there == bin_sets(small, GREEN, key, views.MOST_BIN_SETS)
    items = views.bin_set_items(small, there, GREEN, "weight contrast")
    assert items[0][1] == f"{there[0].pixels:,} pixels, contrast {there[0].contrast:.2f}"
    without = replace(small, truth=None)
    assert [key for _, key in views.sort_keys(without)] == ["pixels", "weight contrast"]
    assert views.sort_key(without, "error") == "pixels"
    assert views.sort_key(without, "weight contrast") == "weight contrast"
    for unknown in (None, "", "magic", ["pixels"]):
        assert views.sort_key(small, unknown) == "share of the error"
    assert views.sort_keys(averaged) == [] and views.sort_key(averaged, "pixels") is None


def test_an_empty_list_of_bin_sets_says_why(small: Comparison, averaged: Comparison) -> None:
    assert "every pixel has the same weights" in views.bin_sets_help(averaged)
    assert "Choose one to see it in the viewer" in views.bin_sets_help(small)


@pytest.mark.parametrize("opacity", [0, 40, 100])
def test_maps_and_their_legend_are_blended_alike(small: Comparison, opacity: float) -> None:
    for kind in ("entropy", "largest weight"):
        ((path, _),) = views.map_items(small, kind, "red", opacity)
        layer = Layer(kind, channel=0)
        (values,) = map_values(small, layer)
        picture = map_picture(small, layer, values, opacity / 100)
        assert torch.equal(read_image(Path(path)), picture)
        legend = views.map_legend(small, kind, "red", opacity)
        assert ("Over the fused picture in grey." in legend) == (opacity < 100)
        assert legend == legend_html(legend_of(small, layer, opacity / 100))


def test_a_bin_set_is_shown_by_where_it_lies_with_its_size_and_error(
    small: Comparison, averaged: Comparison
) -> None:
    there = views.listed_bin_sets(small, GREEN)
    items = views.bin_set_items(small, there, GREEN)
    small_ones = thumbnails(small, GREEN, [it.number for it in there])
    for (path, words), it, levels in zip(items, there, small_ones, strict=True):
        assert torch.equal(read_image(Path(path)), coloured(levels, "cividis"))
        assert words == f"{it.pixels:,} pixels, error {it.error:.1f}"
    without = replace(small, truth=None)
    items = views.bin_set_items(without, views.listed_bin_sets(without, GREEN), GREEN)
    assert items and all(words.endswith(" pixels") for _, words in items)
    assert views.listed_bin_sets(averaged, GREEN) == ()
    assert views.bin_set_items(averaged, (), GREEN) == []


def test_of_a_map_of_the_whole_the_caption_says_what_it_is(small: Comparison) -> None:
    ((_, caption),) = views.map_items(small, "entropy", "red")
    layer = Layer("entropy", channel=0)
    (values,) = map_values(small, layer)
    assert caption == f"entropy of the weights, {summary(small, layer, values)}"
