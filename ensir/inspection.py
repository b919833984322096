"""Why a pixel has its fused value: its bin sets, their mixtures, and what other values would do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from ensir.comparison import CHANNELS, Comparison
from ensir.ensemble.baselines import average
from ensir.ensemble.levels import WHITE, levels_of, values_of
from ensir.ensemble.lookup_table import LookupTable, Origin
from ensir.ensemble.mixture import Mixture
from ensir.errors import InputError
from ensir.fitting import BinSetFits
from ensir.maps import Layer, map_values

ORIGIN_WORDS = {
    Origin.FITTED: "fitted by EM",
    Origin.PRIOR: "too few pixels to fit: the weights given beforehand",
    Origin.EMPTY: "empty in the reference set: what the method gives in their place",
}
FITTED_OTHERWISE = {"least-squares": "fitted by least squares"}  # by the method of the table


@dataclass(frozen=True, eq=False)
class BinSetInspection:
    """What is known of one channel's bin set, and the mixture behind its weights."""

    channel: str
    number: int
    ranges: dict[str, tuple[int, int]]  # by candidate, the first and last level of its bin
    count: int | None  # pixels of the reference set; None where the table does not say
    origin: str  # in words
    steps: int | None  # EM steps made; None where EM did not run
    histogram: list[int] | None  # of the ground truth, by level; None without statistics
    first: Mixture | None  # (M,) before EM
    fitted: Mixture | None  # (M,) after it; None where nothing was fitted


@dataclass(frozen=True, eq=False)
class PixelInspection:
    """One pixel: its values, its weights and its bin set in every channel."""

    x: int
    y: int
    candidate_names: tuple[str, ...]
    values: dict[str, tuple[float, ...]]  # by picture, a value for each channel, 0..255
    weights: dict[str, tuple[float, ...]]  # by candidate, a weight for each channel
    bin_sets: tuple[BinSetInspection, ...]  # one for each channel; empty without a table


def inspect_pixel(comparison: Comparison, x: int, y: int) -> PixelInspection:
    """Everything about the pixel in column x and row y, both from 0."""
    _check_place(comparison, x, y)
    weights = comparison.fusion.weights_at(y, x)
    values = {
        name: tuple(values_of(picture[:, y, x]).tolist())
        for name, picture in comparison.pictures.items()
    }
    names = tuple(comparison.candidates)
    ordered = [*names, *(name for name in values if name not in names)]
    return PixelInspection(
        x,
        y,
        names,
        {name: values[name] for name in ordered},
        {name: tuple(weights[place].tolist()) for place, name in enumerate(names)},
        _bin_sets(comparison, x, y),
    )


def what_if(
    comparison: Comparison, x: int, y: int, channel: int, values: Mapping[str, float]
) -> PixelInspection:
    """The pixel as it would be if some candidates had other values, 0..255, in one channel.

    The bin set, the weights and the fused value move; the table stays. Raises InputError for a
    name that is no candidate's and for a value outside the range.
    """
    _check_place(comparison, x, y)
    if channel not in range(len(CHANNELS)):
        raise InputError(f"a channel is 0 to {len(CHANNELS) - 1}, got {channel!r:.40}")
    here = (slice(None), slice(y, y + 1), slice(x, x + 1))
    candidates = {name: values_of(one[here]).float() for name, one in comparison.candidates.items()}
    for name, value in values.items():
        if name not in candidates:
            raise InputError(
                f"{name!r:.80} is no candidate here: choose one of {', '.join(candidates)}"
            )
        if type(value) not in (int, float) or not 0 <= value <= WHITE:
            raise InputError(f"the value of {name} is a number from 0 to 255, got {value!r:.40}")
        candidates[name][channel] = value
    averaged, table = average(candidates), comparison.table
    one_pixel = replace(
        comparison,
        known_scores={},
        known_seen={},
        candidates=candidates,
        degraded=None if comparison.degraded is None else comparison.degraded[here],
        truth=None if comparison.truth is None else comparison.truth[here],
        fusion=averaged if table is None else table.fuse(candidates, soft=comparison.soft),
        averaged=averaged,
    )
    return replace(inspect_pixel(one_pixel, 0, 0), x=x, y=y)


def most_disputed_pixel(comparison: Comparison) -> tuple[int, int]:
    """x and y of the pixel whose candidates lie furthest apart, all channels together.

    Where there is a table, of the pixels whose weights were fitted, if there are any: they have
    the most to show.
    """
    if comparison.table is None:
        (apart,) = map_values(comparison, Layer("spread"))
    else:
        apart, origin = map_values(comparison, Layer("spread"), Layer("coverage"))
        fitted = origin == Origin.FITTED
        if fitted.any():
            apart = apart.where(fitted, -1)
    y, x = divmod(int(apart.argmax()), apart.shape[-1])
    return x, y


def inspect_bin_set(
    table: LookupTable, fits: BinSetFits | None, channel: int, number: int
) -> BinSetInspection:
    """What the table, and the fits it came from if they are known, say of one bin set."""
    if channel not in range(table.channels) or number not in range(table.bins.sets):
        raise InputError(
            f"a bin set is a channel from 0 to {table.channels - 1} and a number from 0 to "
            f"{table.bins.sets - 1:,}, got {channel!r:.40} and {number!r:.40}"
        )
    row = int(table.rows_of(torch.tensor(number)))
    ranges = dict(zip(table.candidate_names, table.bins.ranges(number), strict=True))
    count = int(table.count[channel, row])
    origin = Origin(int(table.origin[channel, row]))
    histogram, first, fitted, steps = None, None, None, None
    if fits is not None:
        histogram = [0] * 256
        listed = int(torch.searchsorted(fits.statistics.sets, number))
        if count:
            cell = torch.tensor([channel * len(fits.statistics.sets) + listed])
            histogram = fits.statistics.histograms(cell)[0].tolist()
            first = fits.first[channel][listed]
        if origin == Origin.FITTED:
            fitted = fits.fitted[channel][listed]
            steps = int(fits.steps[channel, listed]) or None
    return BinSetInspection(
        CHANNELS[channel],
        number,
        ranges,
        None if count < 0 else count,
        origin_words(origin, table.provenance.method),
        steps,
        histogram,
        first,
        fitted,
    )


def origin_words(origin: Origin, method: str) -> str:
    """Where weights come from, in words, in a table made by `method`."""
    if origin == Origin.FITTED:
        return FITTED_OTHERWISE.get(method, ORIGIN_WORDS[origin])
    return ORIGIN_WORDS[origin]


def _check_place(comparison: Comparison, x: int, y: int) -> None:
    width, height = comparison.size
    for name, value, end in (("x", x, width), ("y", y, height)):
        if type(value) is not int or not 0 <= value < end:
            raise InputError(
                f"{name} is a whole number from 0 to {end - 1} in this picture, got {value!s:.40}"
            )


def _bin_sets(comparison: Comparison, x: int, y: int) -> tuple[BinSetInspection, ...]:
    table = comparison.table
    if table is None:
        return ()
    levels = torch.stack([levels_of(c[:, y, x]) for c in comparison.candidates.values()])
    numbers = table.bins.index(levels).tolist()
    return tuple(
        inspect_bin_set(table, comparison.fits, channel, number)
        for channel, number in enumerate(numbers)
    )
