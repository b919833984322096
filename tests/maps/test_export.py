import io

import numpy as np
import pytest
import torch

from ensir.comparison import Comparison, compare
from ensir.maps import Layer, layers, map_picture, map_values, scale_of
from ensir.maps.blend import blended_bar
from ensir.maps.export import NARROWEST, array_bytes, legend_picture, png_with_legend
from tests.conftest import make_pictures


def decoded(data: bytes) -> torch.Tensor:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        return torch.from_numpy(np.asarray(image).transpose(2, 0, 1).copy())


def test_the_array_is_the_values_themselves(compared: Comparison) -> None:
    for kind in ("entropy", "mixed colours"):
        values = map_values(compared, Layer(kind))[0]
        array = np.load(io.BytesIO(array_bytes(values)), allow_pickle=False)
        assert array.dtype == np.float32
        assert np.array_equal(array, values.numpy())


def test_the_picture_with_its_legend_begins_with_the_picture_bit_for_bit(
    compared: Comparison,
) -> None:
    for layer in layers(compared, 1):
        values = map_values(compared, layer)[0]
        whole = decoded(png_with_legend(compared, layer, values))
        assert torch.equal(whole[:, :70, :50], map_picture(compared, layer, values))
        assert whole.shape[2] == NARROWEST
        assert (whole[:, :70, 50:] == 255).all()
        legend = whole[:, 70:]
        assert torch.equal(legend, legend_picture(compared, layer, values, NARROWEST))
        # Something is written, and the paper ends below it, not in it.
        assert (legend < 64).all(0).sum() > 200
        assert (legend[:, -2:] == 255).all()


@pytest.mark.parametrize("kind", ["entropy", "gain", "reference pixels"])
def test_the_bar_of_a_legend_has_the_colours_of_the_scale_from_end_to_end(
    compared: Comparison, kind: str
) -> None:
    from ensir.maps.scales import Scale
    from ensir.palettes import colour_table

    layer = Layer(kind, channel=0)
    scale = scale_of(compared, layer)
    assert isinstance(scale, Scale)
    legend = legend_picture(compared, layer, map_values(compared, layer)[0], 640)
    colours = {tuple(colour) for colour in colour_table(scale.colours).tolist()}
    drawn = {tuple(colour) for colour in legend.flatten(1).T.unique(dim=0).tolist()}
    assert len(colours & drawn) >= len(colours) - 1  # of a signed table the first is not used


def test_a_larger_map_has_larger_letters(compared: Comparison) -> None:
    layer = Layer("entropy")
    values = map_values(compared, layer)[0]
    heights = [
        legend_picture(compared, layer, values, width).shape[1] for width in (360, 1280, 4000)
    ]
    assert heights == sorted(heights)
    assert heights[2] > 4 * heights[0]


def test_long_names_are_broken_into_lines_and_nothing_is_cut() -> None:
    candidates, truth = make_pictures(seed=2, members=3, height=8, width=8)
    names = ["x" * 80, "a name of many words " * 3, "名" * 40]
    compared = compare(dict(zip(names, candidates, strict=True)), truth=truth)
    layer = Layer("largest weight")
    legend = legend_picture(compared, layer, map_values(compared, layer)[0], NARROWEST)
    assert (legend[:, -2:] == 255).all()
    assert (legend[:, :, -3:] == 255).all()


def test_the_same_map_gives_the_same_bytes(compared: Comparison) -> None:
    layer = Layer("weight", "B", 2)
    values = map_values(compared, layer)[0]
    assert png_with_legend(compared, layer, values) == png_with_legend(compared, layer, values)


def test_what_is_kept_of_a_blended_map_has_a_blended_legend(compared: Comparison) -> None:
    for layer in (Layer("entropy"), Layer("largest weight")):
        values = map_values(compared, layer)[0]
        whole = decoded(png_with_legend(compared, layer, values, 0.5))
        assert torch.equal(whole[:, :70, :50], map_picture(compared, layer, values, 0.5))
        legend = legend_picture(compared, layer, values, NARROWEST, 0.5)
        assert torch.equal(whole[:, 70 : 70 + legend.shape[1]], legend)
        alone = legend_picture(compared, layer, values, NARROWEST)
        assert legend.shape[1] >= alone.shape[1]  # one sentence more
        first = scale_of(compared, layer).picture(torch.zeros(1, 1)).flatten()
        over = {
            tuple(colour) for colour in blended_bar(first[:, None], 0.5, 12)[:, :, 0].T.tolist()
        }
        drawn = {tuple(colour) for colour in legend.flatten(1).T.unique(dim=0).tolist()}
        assert len(over & drawn) >= 2  # of as many greys as the bar is high
