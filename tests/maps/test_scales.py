import pytest
import torch

from ensir.maps import MAPS, scales
from ensir.maps.scales import COVERAGE, GAIN, PIXELS, SIGNED_ERROR, UNKNOWN, WEIGHT, Scale
from ensir.palettes import colour_table, levels_of_colours

ALL = [kind.scale for kind in MAPS.values() if isinstance(kind.scale, Scale)]


@pytest.mark.parametrize("scale", ALL, ids=lambda scale: f"{scale.unit} {scale.low:g}")
def test_a_scale_runs_from_its_first_to_its_last_colour_and_cuts_what_is_beyond(
    scale: Scale,
) -> None:
    values = torch.tensor([[scale.low - 9, scale.low, scale.high, scale.high * 3]])
    assert scale.levels(values).tolist() == [[scale.first_level] * 2 + [255] * 2]
    colours = colour_table(scale.colours)
    assert torch.equal(scale.picture(values)[:, 0, 0], colours[scale.first_level])
    assert torch.equal(scale.picture(values)[:, 0, 3], colours[255])
    assert scale.stops(2) == [
        "#{:02x}{:02x}{:02x}".format(*colours[end].tolist()) for end in (scale.first_level, 255)
    ]


@pytest.mark.parametrize("scale", ALL, ids=lambda scale: f"{scale.unit} {scale.low:g}")
def test_ticks_stand_where_their_colours_are(scale: Scale) -> None:
    places = [scale.place(value) for value, _ in scale.ticks]
    assert places == sorted(places) and places[0] == 0 and places[-1] == 1
    levels = scale.levels(torch.tensor([[value for value, _ in scale.ticks]]))[0]
    on_bar = scale.first_level + torch.tensor(places) * (255 - scale.first_level)
    assert (levels - on_bar).abs().max() <= 0.5 + 1e-4  # the nearest whole level, of float32


@pytest.mark.parametrize("scale", [GAIN, SIGNED_ERROR, scales.WEIGHT_GAIN])
def test_nothing_is_white_on_a_signed_scale_and_both_sides_are_as_far(scale: Scale) -> None:
    values = torch.linspace(0, scale.high, 101)[None]
    up, down = scale.levels(values).int(), scale.levels(-values).int()
    assert up[0, 0] == 128
    assert scale.picture(values)[:, 0, 0].tolist() == [0xF7, 0xF7, 0xF7]
    # Halves are rounded up on either side.
    assert (up + down - 256).abs().max() <= 1


def test_weights_are_nearest_levels() -> None:
    assert WEIGHT.levels(torch.tensor([[0.0, 0.5, 1.0, 0.2]])).tolist() == [[0, 128, 255, 51]]


def test_a_logarithmic_scale_shows_few_and_many() -> None:
    few = PIXELS.levels(torch.tensor([[0.0, 1.0, 10.0, 100.0, 1e6, 1e9]]))[0].tolist()
    assert few == sorted(few)
    assert few[0] == 0 and few[-2:] == [255, 255]
    # log(101) / log(1,000,001) of the bar.
    assert few[3] == round(255 * 0.33405)


def test_what_is_not_known_is_grey() -> None:
    picture = WEIGHT.picture(torch.tensor([[float("nan"), 0.0]]))
    assert picture[:, 0, 0].tolist() == [UNKNOWN] * 3
    assert torch.equal(picture[:, 0, 1], colour_table("viridis")[0])
    for scale in ALL:
        colours = colour_table(scale.colours).int()
        assert (colours != UNKNOWN).any(1).all()


def test_categories_have_their_own_colours() -> None:
    picture = COVERAGE.picture(torch.tensor([[0.0, 1.0, 2.0]]))
    assert torch.equal(picture[:, 0].T, levels_of_colours(COVERAGE.colours))
    assert len(COVERAGE.names) == len(COVERAGE.colours) == 3
