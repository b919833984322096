"""Each kind of map against loops and formulas of NumPy, from the comparison's own arrays."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ensir.comparison import AVERAGE, FUSED, INPUT, Comparison, compare
from ensir.ensemble.levels import in_depth
from ensir.ensemble.lookup_table import Origin
from ensir.maps import Layer, layers, map_values
from ensir.palettes import candidate_colours

Array = NDArray[np.float64]
CHOICES = (None, 0, 1, 2)
# Values are kept as float32: half a step at 255 is 8e-6.
STORED = 1e-5


def made(comparison: Comparison, kind: str, channel: int | None, of: str = "") -> Array:
    return map_values(comparison, Layer(kind, of, channel))[0].numpy().astype(np.float64)


def weights_of(comparison: Comparison) -> Array:
    return comparison.fusion.weights.numpy()


def candidates_of(comparison: Comparison) -> Array:
    return torch.stack(list(comparison.candidates.values())).numpy().astype(np.float64)


def chosen(values: Array, channel: int | None) -> Array:
    """One channel of (C, H, W), or their mean."""
    return values.mean(0) if channel is None else values[channel]


def cells_of(comparison: Comparison) -> NDArray[np.int64]:
    """The number of each pixel's bin set (C, H, W), one pixel after the other."""
    table = comparison.table
    assert table is not None
    values = candidates_of(comparison).astype(int)
    numbers = np.zeros(values.shape[1:], dtype=np.int64)
    for place in np.ndindex(numbers.shape):
        for candidate in values:
            digits = -(-256 // table.bins.width)
            numbers[place] = numbers[place] * digits + candidate[place] // table.bins.width
    return numbers


@pytest.mark.parametrize("channel", CHOICES)
def test_a_weight_is_that_of_the_fusion_and_its_gain_that_over_averaging(
    compared: Comparison, channel: int | None
) -> None:
    for place, name in enumerate("ABC"):
        expected = chosen(weights_of(compared)[place], channel)
        assert np.abs(made(compared, "weight", channel, name) - expected).max() < 1e-7
        gain = made(compared, "weight gain", channel, name)
        assert np.abs(gain - (expected - 1 / 3)).max() < 1e-7


def test_averaging_gains_no_weight(averaged: Comparison) -> None:
    assert not made(averaged, "weight gain", None, "B").any()


@pytest.mark.parametrize("channel", CHOICES)
def test_the_largest_weight_is_that_of_the_candidate_shown(
    compared: Comparison, channel: int | None
) -> None:
    weights = np.stack([chosen(one, channel) for one in weights_of(compared)])
    found, ordered = made(compared, "largest weight", channel), np.sort(weights, axis=0)
    is_alone = ordered[-1] > ordered[-2]
    assert np.array_equal(found[is_alone], weights.argmax(0)[is_alone])
    assert (found[~is_alone] == 3).all() and not is_alone.all()


def test_nobody_has_the_largest_weight_in_an_average(averaged: Comparison) -> None:
    for channel in (None, 1):
        assert (made(averaged, "largest weight", channel) == 3).all()


@pytest.mark.parametrize("channel", CHOICES)
def test_mixed_colours_are_the_candidates_colours_by_their_weights(
    compared: Comparison, channel: int | None
) -> None:
    colours = [bytes.fromhex(colour[1:]) for colour in candidate_colours(3)]
    weights = np.stack([chosen(one, channel) for one in weights_of(compared)])
    expected = sum(
        weight * np.array(list(colour))[:, None, None]
        for weight, colour in zip(weights, colours, strict=True)
    )
    mixed = made(compared, "mixed colours", channel)
    assert mixed.shape == (3, 70, 50)
    assert np.abs(mixed - expected).max() < STORED


@pytest.mark.parametrize("channel", CHOICES)
def test_the_entropy_is_that_of_the_weights_as_a_share_of_the_largest(
    compared: Comparison, channel: int | None
) -> None:
    weights = weights_of(compared)
    logarithm = np.log(weights, out=np.zeros_like(weights), where=weights > 0)
    expected = chosen(-(weights * logarithm).sum(0) / np.log(3), channel)
    assert np.abs(made(compared, "entropy", channel) - expected).max() < 1e-7


def test_the_entropy_is_1_for_averaging_and_0_where_one_has_all_the_weight(
    averaged: Comparison,
) -> None:
    assert np.abs(made(averaged, "entropy", None) - 1).max() < 1e-7
    alone = torch.tensor([0, 1, 0], dtype=torch.float64).reshape(3, 1, 1, 1).expand(3, 3, 70, 50)
    fusion = replace(averaged.fusion, weights_at=lambda rows, columns: alone[:, :, rows, columns])
    assert not made(replace(averaged, fusion=fusion), "entropy", None).any()


@pytest.mark.parametrize("channel", CHOICES)
def test_candidates_disagree_by_their_deviation_and_spread_from_end_to_end(
    compared: Comparison, channel: int | None
) -> None:
    values = candidates_of(compared)
    apart = made(compared, "disagreement", channel)
    assert np.abs(apart - chosen(values.std(0), channel)).max() < STORED
    spread = made(compared, "spread", channel)
    assert np.abs(spread - chosen(np.ptp(values, axis=0), channel)).max() < STORED


@pytest.mark.parametrize("channel", CHOICES)
def test_the_change_is_the_fused_picture_less_the_average(
    compared: Comparison, channel: int | None
) -> None:
    fused = compared.fusion.image.numpy().astype(np.float64)
    average = compared.averaged.image.numpy().astype(np.float64)
    assert np.abs(made(compared, "change", channel) - chosen(fused - average, channel)).max() < 1e-5


def test_coverage_is_the_origin_of_each_pixels_cell_and_the_worst_of_the_channels(
    compared: Comparison,
) -> None:
    table = compared.table
    assert table is not None
    cells = cells_of(compared)
    origin = np.stack([table.origin[one].numpy()[cells[one]] for one in range(3)])
    assert set(np.unique(origin)) == set(Origin)
    for channel in range(3):
        assert np.array_equal(made(compared, "coverage", channel), origin[channel])
    assert np.array_equal(made(compared, "coverage", None), origin.max(0))


def test_reference_pixels_are_those_of_each_pixels_cell_and_the_fewest_of_the_channels(
    compared: Comparison,
) -> None:
    table = compared.table
    assert table is not None
    cells = cells_of(compared)
    count = np.stack([table.count[one].numpy()[cells[one]] for one in range(3)])
    for channel in range(3):
        assert np.array_equal(made(compared, "reference pixels", channel), count[channel])
    assert np.array_equal(made(compared, "reference pixels", None), count.min(0))


def test_the_expected_error_is_that_of_each_pixels_cell(compared: Comparison) -> None:
    table = compared.table
    assert table is not None and table.expected_error is not None
    cells = cells_of(compared)
    errors = np.stack([table.expected_error[one].numpy()[cells[one]] for one in range(3)])
    assert np.isnan(errors).any()
    for channel in range(3):
        found = made(compared, "expected error", channel)
        assert np.allclose(found, errors[channel], rtol=1e-6, equal_nan=True)  # float32
    together = np.sqrt((errors.astype(np.float64) ** 2).mean(0))
    found = made(compared, "expected error", None)
    assert np.allclose(found, together, rtol=1e-6, equal_nan=True)


@pytest.mark.parametrize("channel", CHOICES)
@pytest.mark.parametrize("name", [FUSED, AVERAGE, "B", INPUT])
def test_errors_are_differences_to_the_ground_truth(
    compared: Comparison, name: str, channel: int | None
) -> None:
    assert compared.truth is not None
    picture = compared.scored[name].numpy().astype(np.float64)
    error = picture - compared.truth.numpy().astype(np.float64)
    signed = made(compared, "signed error", channel, name)
    assert np.abs(signed - chosen(error, channel)).max() < STORED
    absolute = made(compared, "error", channel, name)
    assert np.abs(absolute - chosen(np.abs(error), channel)).max() < STORED


@pytest.mark.parametrize("channel", CHOICES)
def test_a_gain_is_the_error_of_the_average_less_that_of_the_fused_picture(
    compared: Comparison, channel: int | None
) -> None:
    expected = made(compared, "error", channel, AVERAGE) - made(compared, "error", channel, FUSED)
    gain = made(compared, "gain", channel)
    assert np.abs(gain - expected).max() < 2 * STORED
    assert channel is not None or gain.min() < 0 < gain.max()


def test_the_same_values_with_16_bits_make_the_same_maps(compared: Comparison) -> None:
    deep = compare(
        {name: in_depth(one, torch.uint16) for name, one in compared.candidates.items()},
        degraded=compared.degraded,
        truth=compared.truth,
        reference=compared.table,
    )
    wanted = layers(compared, 1)
    for one, other in zip(map_values(compared, *wanted), map_values(deep, *wanted), strict=True):
        assert torch.equal(one.nan_to_num(-1), other.nan_to_num(-1))
