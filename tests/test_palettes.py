import itertools

import torch
from torch import Tensor

from ensir.palettes import (
    CANDIDATE_COLOURS,
    COLOUR_TABLES,
    ORIGIN_COLOURS,
    candidate_colours,
    colour_stops,
    colour_table,
    coloured,
    coloured_gains,
    coloured_places,
    coloured_weights,
    gain_scale,
    weight_scale,
)

LEVELS = torch.arange(256, dtype=torch.uint8).reshape(1, 256)


def luminance(colours: Tensor) -> Tensor:
    """Relative luminance of sRGB (WCAG 2): (..., 3) levels -> (...), 0 for black, 1 for white."""
    value = colours.double() / 255
    linear = torch.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return linear @ torch.tensor([0.2126, 0.7152, 0.0722], dtype=torch.float64)


def levels(colour: str) -> Tensor:
    return torch.tensor([int(colour[place : place + 2], 16) for place in (1, 3, 5)])


def test_a_higher_weight_is_lighter() -> None:
    light = luminance(coloured_weights(LEVELS)[:, 0].T)
    # Colours are whole levels: of neighbours one may be darker by a level of green.
    assert light.diff().min() > -0.7152 * 2 / 255
    assert (light[::4].diff() > 0).all()
    # From nearly black to nearly the luminance of pure yellow, 0.93.
    assert light[0] < 0.02
    assert light[-1] > 0.7


def test_gains_are_blue_losses_red_and_neither_grey() -> None:
    colours = coloured_gains(LEVELS)[:, 0].T.long()
    assert colours[128].tolist() == [0xF7, 0xF7, 0xF7]
    assert torch.equal(colours[1], levels(gain_scale()[0]))
    assert torch.equal(colours[255], levels(gain_scale()[-1]))
    red, blue = colours[1:128], colours[129:]
    assert (red[:, 0] > red[:, 2]).all()
    assert (blue[:, 2] > blue[:, 0]).all()
    light = luminance(colours)
    # Whole levels: of neighbours one may be darker by a level.
    assert light[1:129].diff().min() > -1 / 255
    assert light[128:].diff().max() < 1 / 255
    # Seen as equally far from the middle.
    assert (light[1] - light[255]).abs() < 0.05


def test_candidates_have_their_own_colours_and_begin_again_after_the_last() -> None:
    places = torch.arange(10, dtype=torch.uint8).reshape(1, 10)
    picture = coloured_places(places, candidate_colours(10))
    expected = torch.stack([levels(colour) for colour in candidate_colours(10)])
    assert torch.equal(picture[:, 0].T.long(), expected)
    assert candidate_colours(10) == [*CANDIDATE_COLOURS, *CANDIDATE_COLOURS[:2]]


def test_neighbouring_weights_differ_little_and_nearly_all_differ() -> None:
    colours = coloured_weights(LEVELS)[:, 0].T.long()
    assert len({tuple(colour) for colour in colours.tolist()}) >= 254
    assert colours.diff(dim=0).abs().max() <= 4


def test_the_map_colours_every_pixel_by_its_own_weight() -> None:
    weights = torch.tensor([[0, 255], [128, 0]], dtype=torch.uint8)
    picture = coloured_weights(weights)
    assert (picture.shape, picture.dtype) == ((3, 2, 2), torch.uint8)
    assert picture[:, 0, 0].tolist() == picture[:, 1, 1].tolist() == [68, 1, 84]
    assert picture[:, 0, 1].tolist() == [253, 231, 37]


def test_the_scale_runs_from_the_colour_of_0_to_that_of_1() -> None:
    assert weight_scale(2) == ["#440154", "#fde725"]
    ends = [levels(colour) for colour in weight_scale(256)]
    assert torch.equal(torch.stack(ends), coloured_weights(LEVELS)[:, 0].T.long())


def test_candidates_are_told_apart_by_colour() -> None:
    assert len(CANDIDATE_COLOURS) == 8
    for one, other in itertools.combinations(CANDIDATE_COLOURS, 2):
        # Levels, over the three channels: 60 is a difference seen at once between two patches.
        assert (levels(one) - levels(other)).abs().sum() >= 60


def test_colours_of_things_stand_out_from_a_light_and_a_dark_page() -> None:
    light, dark = luminance(levels("#ffffff")), luminance(levels("#1e293b"))
    for colour in (*CANDIDATE_COLOURS, *ORIGIN_COLOURS):
        own = luminance(levels(colour))
        assert (light + 0.05) / (own + 0.05) >= 2.0
        assert (own + 0.05) / (dark + 0.05) >= 2.0


def test_tables_go_by_their_names_and_have_256_colours() -> None:
    for name in COLOUR_TABLES:
        table = colour_table(name)
        assert (table.shape, table.dtype) == ((256, 3), torch.uint8)
        assert torch.equal(coloured(LEVELS, name)[:, 0].T, table)
        first, last = colour_stops(name, 2)
        assert torch.equal(levels(first), table[0].long())
        assert torch.equal(levels(last), table[255].long())


def test_cividis_is_lighter_where_there_is_more_and_goes_from_blue_to_yellow() -> None:
    colours = colour_table("cividis").long()
    assert (luminance(colours)[::4].diff() > 0).all()
    assert colours[0].argmax() == 2 and colours[255, 2] < 100 < colours[255, 0]
    # Blue and yellow alone: red and green stay close, so that no kind of colour-blindness mixes it.
    assert (colours[:, 0] - colours[:, 1]).abs().max() < 60


def test_places_have_their_own_colours_and_origins_differ_in_lightness() -> None:
    picture = coloured_places(torch.tensor([[2, 0]]), ORIGIN_COLOURS)
    assert torch.equal(picture[:, 0, 0].long(), levels(ORIGIN_COLOURS[2]))
    assert torch.equal(picture[:, 0, 1].long(), levels(ORIGIN_COLOURS[0]))
    light = luminance(torch.stack([levels(colour) for colour in ORIGIN_COLOURS]))
    assert light.diff().max() < -0.1
