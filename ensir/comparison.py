"""All that a screen may ask about one picture: its candidates, their fusion, and why.

Everything here is a plain value or a uint8 picture; no numerics are left to the screen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ensir.ensemble.baselines import average
from ensir.ensemble.bin_statistics import gather_statistics
from ensir.ensemble.bins import Bins, levels_of
from ensir.ensemble.fusion import EVERYTHING, Fusion, values_of
from ensir.ensemble.lookup_table import LookupTable, Origin
from ensir.ensemble.mixture import Mixture
from ensir.errors import InputError
from ensir.fitting import BinSetFits, fit_statistics
from ensir.metrics import SMALLEST_SSIM_SIDE, psnr, rounded, ssim
from ensir.reference_set import ReferenceStatistics

PIXEL_COLUMNS = ("", "value", "weight", "before EM", "bin", "mean ± σ")
CHANNELS = ("red", "green", "blue")
# Layers of our own; a candidate of such a name could not be told from them.
FUSED, AVERAGE, INPUT, TRUTH = "fused", "average", "input", "ground truth"
# Rows of a map worked on at once, so that all weights or errors of a large picture never stand
# in memory together.
ROWS_AT_ONCE = 256
# Levels at the ends of the scales of error maps and gain maps; what lies beyond is shown as these.
LARGEST_SHOWN_ERROR = 64
LARGEST_SHOWN_GAIN = 16

ORIGIN_WORDS = {
    Origin.FITTED: "fitted by EM",
    Origin.PRIOR: "too few pixels to fit: the weights given beforehand",
    Origin.EMPTY: "empty in the reference set: the weights given beforehand",
}


@dataclass(frozen=True, eq=False)
class Comparison:
    """One picture, its candidates and their fusion."""

    candidates: dict[str, Tensor]  # by name, (3, H, W) uint8
    degraded: Tensor | None  # what the restorers were given
    truth: Tensor | None  # ground truth
    table: LookupTable | None  # None: the average is all there is
    fits: BinSetFits | None  # None: the table came without its statistics
    fusion: Fusion
    averaged: Fusion

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        height, width = self.fusion.image.shape[1:]
        return width, height

    @property
    def layers(self) -> dict[str, Tensor]:
        """Every picture there is, by the name shown, (3, H, W) uint8."""
        layers = {FUSED: self.fused, AVERAGE: rounded(self.averaged.image), **self.candidates}
        if self.degraded is not None:
            layers[INPUT] = self.degraded
        if self.truth is not None:
            layers[TRUTH] = self.truth
        return layers

    @property
    def fused(self) -> Tensor:
        """The fused picture rounded half up, (3, H, W) uint8."""
        return rounded(self.fusion.image)

    @property
    def scored(self) -> dict[str, Tensor]:
        """What is held against the ground truth, (3, H, W): fused and average not yet rounded."""
        pictures = {FUSED: self.fusion.image, AVERAGE: self.averaged.image, **self.candidates}
        if self.degraded is not None:
            pictures[INPUT] = self.degraded
        return pictures


@dataclass(frozen=True, eq=False)
class BinSetInspection:
    """What is known of one channel's bin set, and the mixture behind its weights."""

    channel: str
    number: int
    ranges: dict[str, tuple[int, int]]  # by candidate, the first and last level of its bin
    count: int | None  # pixels of the reference set; None where the table does not say
    origin: str  # in words
    steps: int | None  # EM steps made
    histogram: list[int] | None  # of the ground truth, by level; None without statistics
    first: Mixture | None  # (M,) before EM
    fitted: Mixture | None  # (M,) after it; None where EM did not run


@dataclass(frozen=True, eq=False)
class PixelInspection:
    """One pixel: its values, its weights and its bin set in every channel."""

    x: int
    y: int
    candidate_names: tuple[str, ...]
    values: dict[str, tuple[float, ...]]  # by layer, a value for each channel, 0..255
    weights: dict[str, tuple[float, ...]]  # by candidate, a weight for each channel
    bin_sets: tuple[BinSetInspection, ...]  # one for each channel; empty without a table

    def rows(self, channel: int) -> list[list[str]]:
        """One channel as a table: PIXEL_COLUMNS for each layer, empty where one has no meaning."""
        bin_set = self.bin_sets[channel] if self.bin_sets else None
        rows = []
        for name, values in self.values.items():
            value = f"{values[channel]:.2f}".rstrip("0").rstrip(".")
            rows.append([name, value, *[""] * (len(PIXEL_COLUMNS) - 2)])
        for place, name in enumerate(self.candidate_names):
            rows[place][2] = f"{self.weights[name][channel]:.3f}"
            if bin_set is None:
                continue
            rows[place][4] = "{}–{}".format(*bin_set.ranges[name])
            if bin_set.first is None:
                continue
            mixture = bin_set.fitted or bin_set.first
            rows[place][3] = f"{bin_set.first.weight[place]:.3f}"
            rows[place][5] = f"{mixture.mean[place]:.1f} ± {mixture.variance[place].sqrt():.1f}"
        return rows


def compare(
    candidates: Mapping[str, Tensor],
    *,
    degraded: Tensor | None = None,
    truth: Tensor | None = None,
    reference: ReferenceStatistics | LookupTable | None = None,
    bin_width: int = 32,
    method: str = "em",
) -> Comparison:
    """Fuses candidates (3, H, W) uint8 by name, with weights from `reference`.

    Statistics are fitted at `bin_width`, for these candidates alone; a table is taken as it is,
    and the candidates in its order; without either they are averaged. Raises InputError where
    sizes or names do not fit.
    """
    if len(candidates) < 2:
        raise InputError(f"two or more candidates are needed to fuse, got {len(candidates)}")
    taken = {FUSED, AVERAGE, INPUT, TRUTH} & set(candidates)
    if taken:
        raise InputError(f"a candidate cannot be called {min(taken)!r} here: rename it")
    if isinstance(reference, LookupTable) and set(reference.candidate_names) == set(candidates):
        candidates = {name: candidates[name] for name in reference.candidate_names}
    averaged = average(candidates)
    for name, picture in (("the input", degraded), ("the ground truth", truth)):
        if picture is not None and picture.shape != averaged.image.shape:
            raise InputError(
                f"{name} is {_size(picture)}, but the candidates are {_size(averaged.image)}: "
                "give pictures of one size"
            )
    fits, table = None, None
    if isinstance(reference, ReferenceStatistics):
        chosen = reference.of_candidates(tuple(candidates))
        fits = fit_statistics(chosen, bin_width, method)
        table = fits.table
    elif reference is not None:
        table = reference
    return Comparison(
        dict(candidates),
        degraded,
        truth,
        table,
        fits,
        averaged if table is None else table.fuse(candidates),
        averaged,
    )


def statistics_of_truth(
    candidates: Mapping[str, Tensor], truth: Tensor, bin_width: int
) -> ReferenceStatistics:
    """The picture as its own reference set: what a table would say that has seen the answer."""
    pictures = list(candidates.values())
    for name, picture in candidates.items():
        if picture.shape != truth.shape:
            raise InputError(
                f"the ground truth is {_size(truth)}, but {name} is {_size(picture)}: "
                "give pictures of one size"
            )
    bins = Bins(bin_width, len(pictures))
    statistics = gather_statistics(torch.stack(pictures), truth, bins)
    return ReferenceStatistics(statistics, tuple(candidates), ("this picture",), 1)


def scores(comparison: Comparison) -> list[list[str]]:
    """PSNR (dB) and SSIM against the ground truth in RGB: layer, PSNR, gain over the average, SSIM.

    The fused picture and the average are scored before rounding, as the paper does. Empty without
    a ground truth.
    """
    truth = comparison.truth
    if truth is None:
        return []
    base = psnr(comparison.averaged.image, truth)
    rows = []
    for name, picture in comparison.scored.items():
        decibel = psnr(picture, truth)
        gain = 0.0 if decibel == base else decibel - base  # two perfect pictures are equal
        large_enough = min(truth.shape[1:]) >= SMALLEST_SSIM_SIDE
        similarity = f"{ssim(picture, truth):.4f}" if large_enough else "–"
        row = [name, f"{decibel:.2f}", f"{gain:+.3f}", similarity]
        rows.append([cell.replace("inf", "∞") for cell in row])
    return rows


def weight_maps(comparison: Comparison, channel: int | None = None) -> dict[str, Tensor]:
    """The weight of each candidate at each pixel as levels, 255 for 1, (H, W) uint8.

    Of one channel, or the mean over the channels.
    """
    width, height = comparison.size
    maps = torch.empty(len(comparison.candidates), height, width, dtype=torch.uint8)
    for rows, weights in _weights(comparison, channel):
        maps[:, rows] = _nearest_levels(weights * 255)
    return dict(zip(comparison.candidates, maps, strict=True))


def largest_weights(comparison: Comparison, channel: int | None = None) -> Tensor:
    """The place of the candidate with the largest weight at each pixel, (H, W) uint8.

    By the weights of one channel, or their mean over the channels; of equal ones the first.
    """
    width, height = comparison.size
    places = torch.zeros(height, width, dtype=torch.uint8)
    for rows, weights in _weights(comparison, channel):
        largest = weights[0].clone()
        for place, weight in enumerate(weights):
            larger = weight > largest
            largest[larger] = weight[larger]
            places[rows][larger] = place
    return places


def error_map(comparison: Comparison, name: str) -> Tensor:
    """The error of a layer at each pixel as levels, 255 for LARGEST_SHOWN_ERROR, (H, W) uint8.

    The mean over the channels of the absolute difference to the ground truth; larger ones are cut.
    """
    width, height = comparison.size
    shown = torch.empty(height, width, dtype=torch.uint8)
    for rows, errors in _errors(comparison, name):
        shown[rows] = _nearest_levels(errors * (255 / LARGEST_SHOWN_ERROR))
    return shown


def mean_error(comparison: Comparison, name: str) -> float:
    """The mean absolute difference of a layer to the ground truth, in levels, nothing cut."""
    width, height = comparison.size
    return sum(float(errors.sum()) for _, errors in _errors(comparison, name)) / (width * height)


def gain_map(comparison: Comparison) -> Tensor:
    """By how much fusing errs less than averaging at each pixel, (H, W) uint8.

    128 where both err alike, 255 where fusing errs less by LARGEST_SHOWN_GAIN levels or more, 1
    where it errs more by as much.
    """
    width, height = comparison.size
    shown = torch.empty(height, width, dtype=torch.uint8)
    both = zip(_errors(comparison, AVERAGE), _errors(comparison, FUSED), strict=True)
    for (rows, averaged), (_, fused) in both:
        gain = (averaged - fused).clamp(-LARGEST_SHOWN_GAIN, LARGEST_SHOWN_GAIN)
        shown[rows] = _nearest_levels(128 + gain * (127 / LARGEST_SHOWN_GAIN))
    return shown


def mean_weights(maps: Mapping[str, Tensor]) -> dict[str, float]:
    """The mean weight of each candidate over a picture, from its `weight_maps`."""
    return {name: float(weights.double().mean()) / 255 for name, weights in maps.items()}


def inspect_pixel(comparison: Comparison, x: int, y: int) -> PixelInspection:
    """Everything about the pixel in column x and row y, both from 0."""
    width, height = comparison.size
    for name, value, end in (("x", x, width), ("y", y, height)):
        if not 0 <= value < end:
            raise InputError(f"{name} goes from 0 to {end - 1} in this picture, got {value}")
    weights = comparison.fusion.weights_at(y, x)
    exact = comparison.scored
    values = {
        name: tuple(exact.get(name, layer)[:, y, x].tolist())
        for name, layer in comparison.layers.items()
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


def most_disputed_pixel(comparison: Comparison) -> tuple[int, int]:
    """x and y of the pixel whose candidates lie furthest apart, all channels together."""
    levels = torch.stack(list(comparison.candidates.values())).int()
    spread = (levels.amax(0) - levels.amin(0)).sum(0)
    y, x = divmod(int(spread.argmax()), spread.shape[1])
    return x, y


def _weights(comparison: Comparison, channel: int | None) -> Iterator[tuple[slice, Tensor]]:
    """Bands of rows, and the weights there (M, rows, W) float64."""
    for rows in _bands(comparison):
        weights = comparison.fusion.weights_at(rows, EVERYTHING)
        yield rows, weights.mean(1) if channel is None else weights[:, channel]


def _errors(comparison: Comparison, name: str) -> Iterator[tuple[slice, Tensor]]:
    """Bands of rows, and the mean absolute error of a layer there (rows, W) float64."""
    truth = comparison.truth
    if truth is None:
        raise InputError("errors need a ground truth: add one first")
    picture = comparison.scored[name]
    for rows in _bands(comparison):
        yield rows, (values_of(picture[:, rows]) - values_of(truth[:, rows])).abs().mean(0)


def _bands(comparison: Comparison) -> Iterator[slice]:
    _, height = comparison.size
    for top in range(0, height, ROWS_AT_ONCE):
        yield slice(top, top + ROWS_AT_ONCE)


def _nearest_levels(values: Tensor) -> Tensor:
    return (values + 0.5).floor().clamp(0, 255).to(torch.uint8)


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


def inspect_bin_set(
    table: LookupTable, fits: BinSetFits | None, channel: int, number: int
) -> BinSetInspection:
    """What the table, and the fits it came from if they are known, say of one bin set."""
    width = table.bins.width
    row = int(table.rows_of(torch.tensor(number)))
    lower = [place * width for place in table.bins.bins_of(torch.tensor(number)).tolist()]
    ranges = {
        name: (low, min(low + width, 256) - 1)
        for name, low in zip(table.candidate_names, lower, strict=True)
    }
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
            steps = int(fits.steps[channel, listed])
    return BinSetInspection(
        CHANNELS[channel],
        number,
        ranges,
        None if count < 0 else count,
        ORIGIN_WORDS[origin],
        steps,
        histogram,
        first,
        fitted,
    )


def _size(picture: Tensor) -> str:
    return f"{picture.shape[-1]} × {picture.shape[-2]}"
