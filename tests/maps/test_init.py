import math
from dataclasses import replace

import pytest
import torch

from ensir.comparison import CHANNELS, FUSED, Comparison, compare, fuse_again
from ensir.errors import InputError
from ensir.maps import (
    MAPS,
    Layer,
    Of,
    layers,
    map_picture,
    map_places,
    map_values,
    missing,
    scale_of,
    summary,
)
from ensir.maps.blend import blended, in_grey
from ensir.maps.scales import Categories, Scale


def test_every_kind_of_map_is_there_where_nothing_is_missing(compared: Comparison) -> None:
    found = layers(compared, channel=1)
    assert {layer.kind for layer in found} == set(MAPS)
    for name, kind in MAPS.items():
        expected = {Of.WHOLE: 1, Of.CANDIDATE: 3, Of.PICTURE: 6}[kind.of]
        assert sum(layer.kind == name for layer in found) == expected
        assert not missing(compared, kind)


def test_without_a_table_and_a_truth_only_maps_of_candidates_and_weights_are_there(
    averaged: Comparison,
) -> None:
    kinds = {layer.kind for layer in layers(averaged)}
    assert kinds == set(MAPS) - {
        *("coverage", "reference pixels", "expected error", "error", "signed error", "gain")
    }


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("coverage", "needs a lookup table"),
        ("reference pixels", "needs a lookup table"),
        ("expected error", "needs a lookup table"),
        ("gain", "errors need a ground truth"),
    ],
)
def test_what_is_missing_is_said(averaged: Comparison, kind: str, said: str) -> None:
    assert said in missing(averaged, MAPS[kind])
    with pytest.raises(InputError, match=said):
        map_values(averaged, Layer(kind))


def test_a_table_that_says_less_has_fewer_maps(compared: Comparison) -> None:
    assert compared.table is not None
    silent = replace(
        compared.table, count=torch.full_like(compared.table.count, -1), expected_error=None
    )
    by_table = fuse_again(compared, reference=silent, bin_width=32, method="em")
    assert "does not say how many" in missing(by_table, MAPS["reference pixels"])
    assert "does not say what error" in missing(by_table, MAPS["expected error"])
    kinds = {layer.kind for layer in layers(by_table)}
    assert "coverage" in kinds and not kinds & {"reference pixels", "expected error"}


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (Layer("heat"), "there is no map 'heat'"),
        (Layer(["weight"]), "there is no map"),
        (Layer("weight", "D"), "no map 'weight' of 'D': it is of each candidate"),
        (Layer("weight"), "no map 'weight' of ''"),
        (Layer("entropy", "A"), "of the whole"),
        (Layer("entropy", channel=3), "a channel is 0 to 2, got 3"),
    ],
)
def test_an_unknown_map_is_refused(compared: Comparison, layer: Layer, said: str) -> None:
    with pytest.raises(InputError, match=said):
        map_values(compared, layer)


def test_maps_are_the_same_together_and_alone_and_in_bands_of_any_height(
    compared: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [*layers(compared), *layers(compared, 2)]
    together = map_values(compared, *wanted)
    monkeypatch.setattr("ensir.comparison.PIXELS_AT_ONCE", 7 * 50)
    for layer, values in zip(wanted, together, strict=True):
        again = map_values(compared, layer)[0]
        assert torch.equal(again.nan_to_num(-1), values.nan_to_num(-1))
        assert values.dtype == torch.float32
        assert values.shape == ((3, 70, 50) if MAPS[layer.kind].mixed else (70, 50))


def test_the_picture_of_a_map_has_the_colours_of_its_scale(compared: Comparison) -> None:
    for layer in layers(compared, 0):
        values = map_values(compared, layer)[0]
        picture = map_picture(compared, layer, values)
        assert (picture.shape, picture.dtype) == ((3, 70, 50), torch.uint8)
        if MAPS[layer.kind].mixed:
            assert (picture.double() - values).abs().max() <= 0.5
            continue
        scale = scale_of(compared, layer)
        # The same value has the same colour wherever it stands.
        once = {float(value): (y, x) for y, row in enumerate(values) for x, value in enumerate(row)}
        for value, (y, x) in list(once.items())[:20]:
            alone = scale.picture(torch.tensor([[value]]))
            assert torch.equal(alone[:, 0, 0], picture[:, y, x])


def test_places_in_a_palette_are_the_picture_of_a_map(
    compared: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ensir.comparison.PIXELS_AT_ONCE", 50 * 9)  # in several bands
    unknown = set()
    for layer in layers(compared, 0):
        values = map_values(compared, layer)[0]
        places = map_places(compared, layer, values)
        if places is None:
            unknown.add(layer.kind)
            assert MAPS[layer.kind].mixed or values.isnan().any()
            continue
        assert (places.shape, places.dtype) == ((70, 50), torch.uint8)
        palette = scale_of(compared, layer).palette
        assert palette.dtype == torch.uint8 and len(palette) <= 256
        coloured = palette[places.long()].permute(2, 0, 1)
        assert torch.equal(coloured, map_picture(compared, layer, values))
    assert "weight" not in unknown and "mixed colours" in unknown


def test_every_map_is_named_with_its_channel(compared: Comparison) -> None:
    assert Layer("weight", "A", 1).title == "weight of A, green"
    assert Layer("weight", "A").title == "weight of A, mean of the three channels"
    assert Layer("coverage").title == "coverage, worst of the three channels"
    titles = [
        layer.title for one in (None, *range(len(CHANNELS))) for layer in layers(compared, one)
    ]
    assert len(set(titles)) == len(titles)


def test_a_name_is_put_into_a_title_as_it_is(compared: Comparison) -> None:
    named = compare({"{of}": compared.candidates["A"], "B": compared.candidates["B"]})
    assert Layer("weight", "{of}", 0) in layers(named, 0)
    assert Layer("weight", "{of}", 0).title == "weight of {of}, red"


def test_a_summary_says_the_mean_or_the_shares(compared: Comparison, averaged: Comparison) -> None:
    error = Layer("error", FUSED)
    values = map_values(compared, error)[0]
    assert summary(compared, error, values) == f"mean {values.mean():.3g}"
    assert summary(averaged, Layer("weight", "A"), torch.full((2, 2), -0.5)).startswith("mean −0.5")
    places = torch.tensor([[0.0, 1.0], [1.0, 1.0]])
    said = summary(compared, Layer("largest weight"), places)
    assert said == "A 25.0%, B 75.0%"
    assert summary(compared, Layer("mixed colours"), torch.zeros(3, 2, 2)) == ""
    unknown = torch.tensor([[1, math.nan], [3, math.nan]])
    assert summary(compared, Layer("expected error"), unknown) == "mean 2"
    for layer in (Layer("expected error"), Layer("largest weight")):
        assert summary(compared, layer, torch.full((2, 2), math.nan)) == ""
    assert summary(compared, Layer("reference pixels"), torch.full((2, 2), 12345.0)) == (
        "mean 12,345"
    )


def test_scales_are_data_and_candidates_have_their_own(compared: Comparison) -> None:
    assert isinstance(scale_of(compared, Layer("entropy")), Scale)
    colours = ("#0072B2", "#D55E00", "#009E73")
    assert scale_of(compared, Layer("mixed colours")) == Categories(("A", "B", "C"), colours)
    assert scale_of(compared, Layer("largest weight")) == Categories(
        ("A", "B", "C", "equal weights"), (*colours, "#B4B4B4")
    )


def test_a_map_is_seen_over_the_fused_picture_in_grey(compared: Comparison) -> None:
    for layer in (Layer("entropy"), Layer("largest weight"), Layer("mixed colours")):
        values = map_values(compared, layer)[0]
        alone = map_picture(compared, layer, values)
        assert torch.equal(map_picture(compared, layer, values, 1.0), alone)
        grey = in_grey(compared.fused.values)
        assert torch.equal(map_picture(compared, layer, values, 0), grey)
        half = map_picture(compared, layer, values, 0.5)
        assert torch.equal(half, blended(alone, grey, 0.5))


def test_what_is_transparent_is_white_below_a_map(compared: Comparison) -> None:
    clear = replace(compared, alpha=torch.zeros(70, 50, dtype=torch.uint8))
    values = map_values(clear, Layer("entropy"))[0]
    assert (map_picture(clear, Layer("entropy"), values, 0) == 255).all()
