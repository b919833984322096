from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ensir.comparison import AVERAGE, CHANNELS, FUSED, INPUT, TRUTH, Comparison, compare
from ensir.ensemble.levels import levels_of
from ensir.errors import InputError
from ensir.images import on_white, read_image
from ensir.maps import MAPS, Layer, layers, map_picture, map_values, scale_of
from ensir.maps.scales import Categories, Scale
from ensir.palettes import candidate_colours
from ensir.ui import layers as module
from ensir.ui import viewer
from ensir.ui.layers import (
    ALL,
    MAP_CHANNELS,
    WINNER,
    first_panels,
    legend_of,
    maps_by_name,
    maps_in_panels,
    picture_names,
    place_of,
    values_of_maps,
    viewer_value,
)
from ensir.ui.viewer import Values, ViewerValue
from tests.ui.layer_pictures import layer_picture

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def averaged(small: Comparison) -> Comparison:
    """Two candidates, one of them called like a map, without reference and truth."""
    return compare(
        {"coverage": small.candidates["A"], "entropy of the weights": small.candidates["B"]}
    )


@pytest.fixture
def whole(small: Comparison, uploads: Path) -> ViewerValue:
    """Every layer made, of the green channel."""
    names = [*picture_names(small), *maps_by_name(small, 1)]
    return viewer_value(small, names, map_channel="green")


def stored(values: Values, size: tuple[int, int]) -> np.ndarray:
    width, height = size
    return np.fromfile(values.path, values.type).reshape(values.channels, height, width)


def shown_in(layer: viewer.Layer) -> Tensor:
    assert layer.picture is not None
    return read_image(Path(layer.picture))


def test_layers_are_every_picture_and_then_every_map(small: Comparison) -> None:
    value = viewer_value(small)
    names = [layer.name for layer in value.layers]
    pictures = [FUSED, AVERAGE, TRUTH, "A", "B", "C"]
    assert names[:6] == picture_names(small) == pictures
    assert [layer.kind for layer in value.layers] == ["picture"] * 6 + ["map"] * (len(names) - 6)
    assert len(names) - 6 == len(layers(small))
    for name in ("weight of B", WINNER, "error of average", "signed error of C", "coverage"):
        assert name in names[6:]
    assert {it.kind for it in maps_by_name(small, None).values()} == set(MAPS)
    degraded = replace(small, degraded=small.candidates["A"])
    assert picture_names(degraded)[0] == INPUT


def test_the_viewer_opens_on_what_came_what_became_of_it_and_the_winner(small: Comparison) -> None:
    assert first_panels(small) == (AVERAGE, FUSED, WINNER)
    value = viewer_value(small, pinned=(3, 4))
    assert (value.panels, value.reference, value.truth) == (first_panels(small), TRUTH, TRUTH)
    assert (value.size, value.pinned) == ((36, 40), (3, 4))
    degraded = replace(small, degraded=small.candidates["A"], truth=None)
    value = viewer_value(degraded)
    assert value.panels == (INPUT, FUSED, WINNER)
    assert (value.reference, value.truth) == (INPUT, None)


def test_only_what_is_looked_at_is_made(small: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Layer] = []

    def noted(comparison: Comparison, *wanted: Layer) -> list[Tensor]:
        made.extend(wanted)
        return map_values(comparison, *wanted)

    monkeypatch.setattr(module, "map_values", noted)
    small = replace(small)  # of which nothing was made yet
    value = viewer_value(small)
    assert {it.name for it in value.layers if it.picture} == {AVERAGE, FUSED, WINNER, TRUTH}
    assert not [it for it in value.layers if it.values and not it.picture]
    assert made == [Layer("largest weight")]
    wanted = viewer_value(small, ["B", "weight of C", "gone"], map_channel="red")
    assert {it.name for it in wanted.layers if it.picture} == {
        *(AVERAGE, FUSED, WINNER, TRUTH, "B", "weight of C")
    }
    assert set(made[1:]) == {Layer("largest weight", "", 0), Layer("weight", "C", 0)}
    assert all(it.legend is not None for it in wanted.layers if it.kind == "map")


def test_what_was_made_is_made_again_only_where_its_file_is_gone(
    small: Comparison, uploads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = replace(small)
    names = ["A", "weight of B"]
    first = viewer_value(small, names)
    with monkeypatch.context() as nothing_made:
        nothing_made.setattr(module, "map_values", lambda comparison: [])
        nothing_made.setattr(module, "layer_picture", None)
        assert viewer_value(small, names) == first
    by_name = {it.name: it for it in first.layers}
    numbers = by_name["weight of B"].values
    assert numbers is not None
    lost = [by_name["A"].picture, by_name[WINNER].picture, numbers.path]
    for file in filter(None, lost):
        Path(file).unlink()
    assert viewer_value(small, names) == first
    assert all(Path(file).exists() for file in filter(None, lost))


def test_values_that_are_known_are_not_worked_out_again(small: Comparison) -> None:
    both = [Layer("weight", "A"), Layer("entropy")]
    known = {both[0]: torch.zeros(40, 36)}
    values = values_of_maps(small, both, known)
    assert values[both[0]] is known[both[0]]
    assert torch.equal(values[both[1]], map_values(small, both[1])[0])
    assert maps_in_panels(small, "red") == [Layer("largest weight", "", 0)]


def test_a_picture_is_its_levels_and_its_exact_values(
    small: Comparison, whole: ViewerValue
) -> None:
    for layer in whole.layers[:6]:
        picture = small.pictures[layer.name]
        assert torch.equal(shown_in(layer), levels_of(picture))
        assert layer.legend is None
        if picture.dtype == torch.uint8:  # the levels of the PNG are its numbers
            assert layer.values is None
        else:
            assert layer.values is not None
            assert np.array_equal(stored(layer.values, small.size), picture.numpy())


def test_a_map_is_the_engines_colours_and_values(small: Comparison, whole: ViewerValue) -> None:
    named = {layer.name: layer for layer in whole.layers[6:]}
    for name, layer in maps_by_name(small, 1).items():
        (values,) = map_values(small, layer)
        assert torch.equal(shown_in(named[name]), map_picture(small, layer, values))
        found = named[name].values
        if MAPS[layer.kind].mixed:  # colours are no numbers
            assert found is None
        else:
            is_key = isinstance(scale_of(small, layer), Categories)
            assert found is not None and found.type == ("uint8" if is_key else "float32")
            assert np.array_equal(stored(found, small.size)[0], values.numpy(), equal_nan=True)


def test_16_bits_are_shown_as_8_and_read_on_the_scale_of_all_pictures() -> None:
    random = torch.Generator().manual_seed(1)
    deep = torch.randint(0, 65536, (2, 3, 20, 24), generator=random).to(torch.uint16)
    alpha = torch.randint(0, 65536, (20, 24), generator=random).to(torch.uint16)
    comparison = compare(dict(zip("AB", deep, strict=True)), alpha=alpha)
    by_name = {it.name: it for it in viewer_value(comparison, ["A", "B"]).layers}
    layer = by_name["A"]
    assert torch.equal(shown_in(layer), on_white(levels_of(deep[0]), alpha))
    assert layer.values is not None
    read = stored(layer.values, (24, 20))
    assert np.array_equal(read, (deep[0].double() / 257).float().numpy())
    assert np.array_equal((read * 257).round(), deep[0].numpy())  # and no bit is lost


def test_what_is_transparent_is_shown_on_white_and_read_as_it_is(small: Comparison) -> None:
    alpha = torch.arange(40 * 36).reshape(40, 36).remainder(256).to(torch.uint8)
    layer = viewer_value(replace(small, alpha=alpha), ["A"]).layers[3]
    assert layer.name == "A"
    assert torch.equal(shown_in(layer), on_white(small.candidates["A"], alpha))
    assert layer.values is not None
    assert np.array_equal(stored(layer.values, small.size), small.candidates["A"].numpy())


def test_numbers_of_a_large_layer_are_not_sent(
    small: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_key, of_picture = 40 * 36, 3 * 4 * 40 * 36  # bytes of uint8 and float32
    for most, sent in ((of_picture, {FUSED, AVERAGE, WINNER}), (of_key, {WINNER}), (1, set())):
        monkeypatch.setattr(module, "MOST_NUMBERS", most)
        value = viewer_value(replace(small))
        assert {it.name for it in value.layers if it.values} == sent
        assert torch.equal(shown_in(value.layers[0]), small.fused.values)


@pytest.mark.parametrize("opacity", [0, 35.0, 100])
def test_maps_are_seen_over_the_fused_picture_and_read_as_ever(
    small: Comparison, uploads: Path, opacity: float
) -> None:
    names = ["B", "weight of B"]
    plain = {it.name: it for it in viewer_value(small, names).layers}
    blended = {it.name: it for it in viewer_value(small, names, opacity=opacity).layers}
    assert blended["B"] == plain["B"]
    for name in (WINNER, "weight of B"):
        assert blended[name].values == plain[name].values
        assert torch.equal(shown_in(blended[name]), layer_picture(small, name, opacity=opacity))
        legend, alone = blended[name].legend, plain[name].legend
        assert legend is not None and alone is not None
        ending = "" if opacity == 100 else f"{round(opacity * 2.55):02x}"
        assert legend.colours == tuple(colour + ending for colour in alone.colours)
        assert legend.meaning.startswith(alone.meaning)
    assert (shown_in(blended[WINNER]) != shown_in(plain[WINNER])).any() == (opacity < 100)


@pytest.mark.parametrize("opacity", [-1, 101, float("nan"), None, "50", [50], True])
def test_an_opacity_that_is_none_is_refused(small: Comparison, opacity: float) -> None:
    with pytest.raises(InputError, match="an opacity is a number from 0 to 100 percent, got"):
        viewer_value(small, opacity=opacity)


def test_a_map_whose_name_a_picture_has_is_said_to_be_one(averaged: Comparison) -> None:
    assert picture_names(averaged) == [FUSED, AVERAGE, "coverage", "entropy of the weights"]
    names = list(maps_by_name(averaged, None))
    assert "entropy of the weights (map)" in names and "entropy of the weights" not in names
    assert len({it.name for it in viewer_value(averaged).layers}) == len(names) + 4
    picture = layer_picture(averaged, "entropy of the weights")
    assert torch.equal(picture, averaged.candidates["entropy of the weights"])
    assert (layer_picture(averaged, "entropy of the weights (map)") != picture).any()


def test_without_a_table_or_truth_their_maps_are_left_out(averaged: Comparison) -> None:
    kinds = {it.kind for it in maps_by_name(averaged, None).values()}
    assert not kinds & {"coverage", "reference pixels", "expected error", "error", "gain"}
    assert {"weight", "largest weight", "disagreement"} <= kinds


def test_maps_are_of_all_channels_or_of_one() -> None:
    assert [place_of(channel) for channel in (ALL, *CHANNELS)] == [None, 0, 1, 2]
    assert list(MAP_CHANNELS) == [ALL, *CHANNELS]


@pytest.mark.parametrize("channel", ["alpha", "mean", "", None, ["red"]])
def test_an_unknown_channel_of_maps_is_refused(small: Comparison, channel: str) -> None:
    for refused in (
        lambda: place_of(channel),
        lambda: viewer_value(small, map_channel=channel),
    ):
        with pytest.raises(InputError, match="maps are of all three, red, green, blue; got"):
            refused()


def test_a_legend_says_what_the_colours_mean_and_of_which_channel(small: Comparison) -> None:
    for channel, said in ((None, "Of the mean of the three channels."), (2, "Of blue.")):
        for layer in layers(small, channel):
            legend, scale = legend_of(small, layer), scale_of(small, layer)
            assert legend.meaning.startswith(MAPS[layer.kind].meaning)
            if MAPS[layer.kind].all_channels == "mean of the three channels" or channel:
                assert said in legend.meaning
            if isinstance(scale, Scale):
                assert legend.meaning.endswith(f"In {scale.unit}.")
                assert legend.colours == tuple(scale.stops(16))
                assert legend.labels == tuple(text for _, text in scale.ticks)
                assert legend.places == tuple(scale.place(value) for value, _ in scale.ticks)
                assert not legend.is_key
            else:
                assert (legend.colours, legend.labels) == (scale.colours, scale.names)
                assert legend.is_key
    winner = legend_of(small, Layer("largest weight"))
    assert winner.labels == ("A", "B", "C", "equal weights")
    assert list(winner.colours[:3]) == candidate_colours(3)


def test_the_first_label_of_a_scale_has_its_first_colour_and_the_last_its_last(
    small: Comparison,
) -> None:
    for layer in layers(small, 0):
        scale = scale_of(small, layer)
        if not isinstance(scale, Scale):
            continue
        legend = legend_of(small, layer)
        ends = torch.tensor([[scale.ticks[0][0], scale.ticks[-1][0]]])
        colours = scale.picture(ends)[:, 0].T.tolist()
        assert [
            list(bytes.fromhex(one[1:])) for one in (legend.colours[0], legend.colours[-1])
        ] == (colours)


def test_of_maps_one_look_is_remembered(small: Comparison, uploads: Path) -> None:
    """However many opacities are asked for: the page's example lives as long as the app."""
    for opacity in (100, 50, 25.5, 12.25):
        viewer_value(small, opacity=opacity)
        made = module._made[small]
        assert made.look == (None, opacity / 100)
        assert {layer.kind for layer in made.maps.values()} == {"map"}
    viewer_value(small, [*maps_by_name(small, None)], opacity=12.25)
    assert set(module._made[small].maps) == {*maps_by_name(small, None)}
    assert set(module._made[small].pictures) >= {FUSED, TRUTH}
