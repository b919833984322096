"""The values of each kind of map in a band of rows: (band, of, channel) -> (rows, W).

Candidates are gone through one by one: torch is several times as slow over a first dimension of
few. `of` is the name of a candidate or picture, empty for a map of the whole; `channel` None is the
mean over the channels, or what the function says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor

from ensir.comparison import AVERAGE, FUSED
from ensir.errors import InputError
from ensir.maps.band import Band
from ensir.palettes import candidate_colours, levels_of_colours

TINY = torch.finfo(torch.float64).tiny  # w log w is 0 for no weight


def weight(band: Band, of: str, channel: int | None) -> Tensor:
    """The mixture weight of a candidate, 0..1."""
    return band.mean_weights(channel)[band.place(of)]


def weight_gain(band: Band, of: str, channel: int | None) -> Tensor:
    """The weight of a candidate less that of the average, 1 / M."""
    return weight(band, of, channel) - 1 / len(band.weights)


def largest_weight(band: Band, of: str, channel: int | None) -> Tensor:
    """The place of the candidate with the largest weight; M where another has as much."""
    largest, *others = band.mean_weights(channel)
    undecided = len(others) + 1
    places = torch.zeros_like(largest, dtype=torch.uint8)
    for place, weights in enumerate(others, start=1):
        places.masked_fill_(weights == largest, undecided).masked_fill_(weights > largest, place)
        largest = torch.maximum(largest, weights)
    return places


def mixed_colours(band: Band, of: str, channel: int | None) -> Tensor:
    """The candidates' colours mixed by their weights, (3, rows, W), 0..255."""
    weights = torch.stack(band.mean_weights(channel))
    colours = levels_of_colours(candidate_colours(len(weights))).to(weights)
    return torch.einsum("mhw,mc->chw", weights, colours)


def entropy(band: Band, of: str, channel: int | None) -> Tensor:
    """- sum of w log w over log M: 0 where one candidate has all the weight, 1 for the average."""
    nats = _sum([one * one.clamp(min=TINY).log() for one in band.weights_of(channel)])
    return nats.mean(0).div_(-math.log(len(band.weights))).clamp_(0, 1)


def disagreement(band: Band, of: str, channel: int | None) -> Tensor:
    """The root of the candidates' mean squared difference to their average, in levels."""
    values = band.candidates(channel)
    average = _sum(values) / len(values)
    return (_sum([(one - average).square_() for one in values]) / len(values)).sqrt_().mean(0)


def spread(band: Band, of: str, channel: int | None) -> Tensor:
    """The largest candidate less the smallest, in levels."""
    values = band.candidates(channel)
    return (reduce(torch.maximum, values) - reduce(torch.minimum, values)).mean(0)


def fused_change(band: Band, of: str, channel: int | None) -> Tensor:
    """The fused picture less the average of the candidates, in levels."""
    return (band.values(FUSED, channel) - band.values(AVERAGE, channel)).mean(0)


def coverage(band: Band, of: str, channel: int | None) -> Tensor:
    """Where the weights come from, an Origin; None is the worst of the channels."""
    return reduce(torch.maximum, band.cell_values(band.table.origin, channel))


def count(band: Band, of: str, channel: int | None) -> Tensor:
    """Reference pixels in the cell, float32 (exact below 2**24); None is the fewest."""
    return reduce(torch.minimum, band.cell_values(band.table.count, channel))


def expected_error(band: Band, of: str, channel: int | None) -> Tensor:
    """The root of the mean squared error in the cell on the reference set, in levels; NaN in an
    empty one. None is the root of the mean of the channels' squares."""
    errors = band.table.expected_error
    if errors is None:
        raise InputError("this table does not say what error to expect: fit it again")
    squares = [error.double() ** 2 for error in band.cell_values(errors, channel)]
    return (_sum(squares) / len(squares)).sqrt_()


def signed_error(band: Band, of: str, channel: int | None) -> Tensor:
    """A picture less the ground truth, in levels."""
    return band.errors(of, channel).mean(0)


def absolute_error(band: Band, of: str, channel: int | None) -> Tensor:
    """The absolute difference of a picture to the ground truth, in levels."""
    return band.errors(of, channel).abs().mean(0)


def gain(band: Band, of: str, channel: int | None) -> Tensor:
    """The absolute error of the average less that of the fused picture, in levels."""
    return absolute_error(band, AVERAGE, channel) - absolute_error(band, FUSED, channel)


def _sum(parts: Sequence[Tensor]) -> Tensor:
    return reduce(torch.add, parts)
