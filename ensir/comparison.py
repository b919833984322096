"""All that a screen may ask about one picture: its candidates, their fusion, and why.

Everything here is a plain value or a uint8 picture; no numerics are left to the screen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ensir.ensemble.baselines import average
from ensir.ensemble.bin_statistics import gather_statistics
from ensir.ensemble.bins import Bins
from ensir.ensemble.fusion import EVERYTHING, Fusion
from ensir.ensemble.levels import deepest, levels_of, values_of
from ensir.ensemble.lookup_table import LookupTable, Origin
from ensir.ensemble.mixture import Mixture
from ensir.errors import InputError
from ensir.fitting import BinSetFits, fit_statistics
from ensir.images import Picture, fused_picture
from ensir.intake import in_one_depth, require_one_size
from ensir.limits import MOST_CANDIDATES
from ensir.metrics import SMALLEST_SSIM_SIDE, psnr, ssim
from ensir.progress import OnProgress
from ensir.reference_set import ReferenceStatistics

PIXEL_COLUMNS = ("", "value", "weight", "before EM", "bin", "mean ± σ")
CHANNELS = ("red", "green", "blue")
# Pictures and maps of our own; a candidate of such a name could not be told from them.
FUSED, AVERAGE, INPUT, TRUTH = "fused", "average", "input", "ground truth"
LARGEST_WEIGHT, GAIN = "largest weight", "gain over average"
WEIGHT_OF, ERROR_OF = "weight of ", "error of "
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

    # By name, (3, H, W), all uint8 or all uint16, in the order of the fusion's weights.
    candidates: dict[str, Tensor]
    given_order: tuple[str, ...]  # their names as they came, which a table may have reordered
    degraded: Tensor | None  # what the restorers were given, uint8 or uint16
    truth: Tensor | None  # ground truth, uint8 or uint16
    alpha: Tensor | None  # (H, W), put back into the result; None where every pixel is opaque
    notes: tuple[str, ...]  # what the user would not see of the pictures, a sentence each
    table: LookupTable | None  # None: the average is all there is
    fits: BinSetFits | None  # None: the table came without its statistics
    fusion: Fusion
    averaged: Fusion
    # PSNR and SSIM of `scored` by name, each computed when first asked for.
    known_scores: dict[str, tuple[float, float | None]] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        height, width = self.fusion.image.shape[1:]
        return width, height

    @property
    def as_given(self) -> dict[str, Tensor]:
        """The candidates in the order they came in, from which every fusing starts anew."""
        return {name: self.candidates[name] for name in self.given_order}

    @property
    def scored(self) -> dict[str, Tensor]:
        """What is held against the ground truth, (3, H, W): fused and average not yet rounded."""
        pictures = {FUSED: self.fusion.image, AVERAGE: self.averaged.image, **self.candidates}
        if self.degraded is not None:
            pictures[INPUT] = self.degraded
        return pictures

    @property
    def pictures(self) -> dict[str, Tensor]:
        """Every picture there is, (3, H, W), uint8, uint16 or float32."""
        return self.scored if self.truth is None else {**self.scored, TRUTH: self.truth}

    @property
    def fused(self) -> Picture:
        """The fused picture to keep: with 16 bits if any came in, and as transparent as it came."""
        came = [*self.candidates.values(), *([] if self.degraded is None else [self.degraded])]
        return fused_picture(self.fusion.image, deepest(came), self.alpha)


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
    values: dict[str, tuple[float, ...]]  # by picture, a value for each channel, 0..255
    weights: dict[str, tuple[float, ...]]  # by candidate, a weight for each channel
    bin_sets: tuple[BinSetInspection, ...]  # one for each channel; empty without a table

    def rows(self, channel: int) -> list[list[str]]:
        """One channel as a table: PIXEL_COLUMNS for each picture, empty where it has none."""
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
    alpha: Tensor | None = None,
    notes: Sequence[str] = (),
    reference: ReferenceStatistics | LookupTable | None = None,
    bin_width: int = 32,
    method: str = "em",
    on_progress: OnProgress | None = None,
) -> Comparison:
    """Fuses candidates (3, H, W) uint8 or uint16 by name, with weights from `reference`.

    Statistics are fitted at `bin_width`, for these candidates alone; a table is taken as it is,
    and the candidates in its order; without either they are averaged. Progress is that of the fit.
    Raises InputError where sizes or names do not fit.
    """
    check_names(candidates)
    others = {INPUT: degraded, TRUTH: truth}
    require_one_size(
        {**candidates, **{name: one for name, one in others.items() if one is not None}}
    )
    candidates = in_one_depth(candidates)
    averaged = average(candidates)
    plain = Comparison(
        candidates,
        tuple(candidates),
        degraded,
        truth,
        alpha,
        tuple(notes),
        table=None,
        fits=None,
        fusion=averaged,
        averaged=averaged,
    )
    return fuse_again(
        plain, reference=reference, bin_width=bin_width, method=method, on_progress=on_progress
    )


def fuse_again(
    comparison: Comparison,
    *,
    reference: ReferenceStatistics | LookupTable | None,
    bin_width: int,
    method: str,
    on_progress: OnProgress | None = None,
) -> Comparison:
    """The same candidates fused with other weights; the scores of what stays are kept.

    As `compare` does with the candidates as they were given: what fused them before is forgotten.
    """
    candidates, fits, table = comparison.as_given, None, None
    if isinstance(reference, ReferenceStatistics):
        chosen = reference.of_candidates(tuple(candidates))
        fits = fit_statistics(chosen, bin_width, method, on_progress=on_progress)
        table = fits.table
    elif reference is not None:
        table = reference
        if set(table.candidate_names) == set(candidates):
            candidates = {name: candidates[name] for name in table.candidate_names}
    kept = {name: score for name, score in comparison.known_scores.items() if name != FUSED}
    return replace(
        comparison,
        candidates=candidates,
        table=table,
        fits=fits,
        fusion=comparison.averaged if table is None else table.fuse(candidates),
        known_scores=kept,
    )


def with_truth(comparison: Comparison, truth: Tensor) -> Comparison:
    """The same comparison held against another ground truth, (3, H, W) uint8 or uint16."""
    require_one_size({**comparison.candidates, TRUTH: truth})
    return replace(comparison, truth=truth, known_scores={})


def check_names(candidates: Collection[str]) -> None:
    """Raises InputError for too few or too many candidates, and names that mean something here."""
    if len(candidates) < 2:
        raise InputError(f"two or more candidates are needed to fuse, got {len(candidates)}")
    if len(candidates) > MOST_CANDIDATES:
        raise InputError(
            f"at most {MOST_CANDIDATES} candidates are fused here, got {len(candidates)}: "
            "leave some out"
        )
    ours = {FUSED, AVERAGE, INPUT, TRUTH, LARGEST_WEIGHT, GAIN}
    for name in candidates:
        if name in ours or name.startswith((WEIGHT_OF, ERROR_OF)):
            raise InputError(f"a candidate cannot be called {name!r} here: rename it")


def statistics_of_truth(
    candidates: Mapping[str, Tensor], truth: Tensor, bin_width: int
) -> ReferenceStatistics:
    """The picture as its own reference set: what a table would say that has seen the answer."""
    require_one_size({**candidates, TRUTH: truth})
    levels = torch.stack([levels_of(picture) for picture in candidates.values()])
    bins = Bins(bin_width, len(levels))
    statistics = gather_statistics(levels, levels_of(truth), bins)
    return ReferenceStatistics(statistics, tuple(candidates), ("this picture",), 1)


def scores(comparison: Comparison) -> list[list[str]]:
    """PSNR (dB) and SSIM against the ground truth in RGB: picture, PSNR, gain over average, SSIM.

    The fused picture and the average are scored before rounding, as the paper does. Empty without
    a ground truth.
    """
    truth = comparison.truth
    if truth is None:
        return []
    large_enough = min(truth.shape[1:]) >= SMALLEST_SSIM_SIDE
    known = comparison.known_scores
    for name, picture in comparison.scored.items():
        if name not in known:
            known[name] = psnr(picture, truth), ssim(picture, truth) if large_enough else None
    base, _ = known[AVERAGE]
    rows = []
    for name in comparison.scored:
        decibel, similarity = known[name]
        gain = 0.0 if decibel == base else decibel - base  # two perfect pictures are equal
        said = "–" if similarity is None else f"{similarity:.4f}"
        cells = (f"{decibel:.2f}", f"{gain:+.3f}", said)
        rows.append([name, *(cell.replace("inf", "∞").replace("-", "−") for cell in cells)])
    return rows


def weight_maps(comparison: Comparison, channel: int | None = None) -> dict[str, Tensor]:
    """The weight of each candidate at each pixel as levels, 255 for 1, (H, W) uint8.

    Of one channel, or the mean over the channels.
    """
    width, height = comparison.size
    maps = torch.empty(len(comparison.candidates), height, width, dtype=torch.uint8)
    for rows, weights in _weights(comparison, channel):
        maps[:, rows] = levels_of(weights * 255)
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
    """The error of a picture at each pixel as levels, 255 for LARGEST_SHOWN_ERROR, (H, W) uint8.

    The mean over the channels of the absolute difference to the ground truth; larger ones are cut.
    """
    width, height = comparison.size
    shown = torch.empty(height, width, dtype=torch.uint8)
    for rows, errors in _errors(comparison, name):
        shown[rows] = levels_of(errors * (255 / LARGEST_SHOWN_ERROR))
    return shown


def mean_error(comparison: Comparison, name: str) -> float:
    """The mean absolute difference of a picture to the ground truth, in levels, nothing cut."""
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
        shown[rows] = levels_of(128 + gain * (127 / LARGEST_SHOWN_GAIN))
    return shown


def mean_weights(maps: Mapping[str, Tensor]) -> dict[str, float]:
    """The mean weight of each candidate over a picture, from its `weight_maps`."""
    return {name: float(weights.double().mean()) / 255 for name, weights in maps.items()}


def inspect_pixel(comparison: Comparison, x: int, y: int) -> PixelInspection:
    """Everything about the pixel in column x and row y, both from 0."""
    width, height = comparison.size
    for name, value, end in (("x", x, width), ("y", y, height)):
        if type(value) is not int or not 0 <= value < end:
            raise InputError(
                f"{name} is a whole number from 0 to {end - 1} in this picture, got {value!s:.40}"
            )
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


def most_disputed_pixel(comparison: Comparison) -> tuple[int, int]:
    """x and y of the pixel whose candidates lie furthest apart, all channels together."""
    spread = []
    for rows in _bands(comparison):
        levels = torch.stack([levels_of(c[:, rows]) for c in comparison.candidates.values()]).int()
        spread.append((levels.amax(0) - levels.amin(0)).sum(0))
    width, _ = comparison.size
    y, x = divmod(int(torch.cat(spread).argmax()), width)
    return x, y


def _weights(comparison: Comparison, channel: int | None) -> Iterator[tuple[slice, Tensor]]:
    """Bands of rows, and the weights there (M, rows, W) float64."""
    for rows in _bands(comparison):
        weights = comparison.fusion.weights_at(rows, EVERYTHING)
        yield rows, weights.mean(1) if channel is None else weights[:, channel]


def _errors(comparison: Comparison, name: str) -> Iterator[tuple[slice, Tensor]]:
    """Bands of rows, and the mean absolute error of a picture there (rows, W) float64."""
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
