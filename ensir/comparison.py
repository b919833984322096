"""One picture as a screen shows it: its candidates, their fusion and how good they are.

What it looks like in maps is in `maps`, why a pixel has its weights in `inspection`; no numerics
are left to the screen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Tensor

from ensir.degradations import larger
from ensir.ensemble.baselines import average
from ensir.ensemble.bin_statistics import gather_statistics
from ensir.ensemble.bins import Bins
from ensir.ensemble.fusion import Fusion
from ensir.ensemble.levels import deepest, levels_of
from ensir.ensemble.lookup_table import LookupTable
from ensir.errors import InputError
from ensir.fitting import BinSetFits, fit_statistics
from ensir.images import Picture, fused_picture
from ensir.intake import in_one_depth, require_one_size
from ensir.limits import MOST_CANDIDATES
from ensir.metrics import SMALLEST_SSIM_SIDE, psnr, ssim
from ensir.progress import OnProgress
from ensir.reference_set import ReferenceStatistics
from ensir.seen import Seen
from ensir.tolerance import FIXED, Tolerance

CHANNELS = ("red", "green", "blue")
# Pictures and maps of our own; a candidate of such a name could not be told from them.
FUSED, AVERAGE, INPUT, TRUTH = "fused", "average", "input", "ground truth"
LARGEST_WEIGHT, GAIN = "largest weight", "gain over average"
WEIGHT_OF, ERROR_OF = "weight of ", "error of "
# Pixels of a map worked on at once, so that all weights or errors of a large picture never stand
# in memory together: 50 MB of float64 weights for 8 candidates.
PIXELS_AT_ONCE = 2**18

GREY = "The candidates are grey; each channel has weights of its own, so the result may be tinted"


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
    soft: bool = False  # weights between bin centres are interpolated
    # What the weights came from, as it was given: at any width, of more candidates perhaps.
    reference: ReferenceStatistics | LookupTable | None = None
    tolerance: Tolerance = FIXED  # what is usual for the reference set: the warnings go by it
    saved_warnings: tuple[str, ...] | None = None  # None: found when they are asked for
    # PSNR and SSIM of `scored` by name, each computed when first asked for.
    known_scores: dict[str, tuple[float, float | None]] = field(default_factory=dict)
    # What was seen of the candidates and the truth, by the order they were looked at in.
    known_seen: dict[tuple[str, ...], Seen] = field(default_factory=dict)

    def __deepcopy__(self, memo: object) -> Comparison:
        """Itself, for it is only added to: a page opens on it without copied pictures."""
        return self

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What the reference set does not cover of this picture, a sentence each."""
        from ensir.shift import shift_notes  # upwards: what is shown of a comparison

        return shift_notes(self) if self.saved_warnings is None else self.saved_warnings

    @property
    def seen(self) -> Seen:
        """What is seen of the picture, the same whatever fuses it."""
        candidates = self.candidates
        seen = Seen(tuple(candidates.values()), self.truth)
        return self.known_seen.setdefault(tuple(candidates), seen)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        height, width = self.fusion.image.shape[1:]
        return width, height

    def bands(self) -> Iterator[slice]:
        """Bands of rows, from the top to the bottom, of PIXELS_AT_ONCE or one row."""
        width, height = self.size
        step = max(1, PIXELS_AT_ONCE // width)
        for top in range(0, height, step):
            yield slice(top, min(top + step, height))

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
    trust: float | None = None,
    soft: bool = False,
    tolerance: Tolerance = FIXED,
    on_progress: OnProgress | None = None,
) -> Comparison:
    """Fuses candidates (3, H, W) uint8 or uint16 by name, with weights from `reference`.

    Statistics are fitted at `bin_width`, for these candidates alone; a table is taken as it is,
    and the candidates in its order; without either they are averaged. Progress is that of the fit.
    What candidates of a whole number of times its size were made of, and its transparency, are
    enlarged by bicubic interpolation. The tolerance is what its warnings go by.

    Raises InputError where sizes or names do not fit.
    """
    check_names(candidates)
    size = next(iter(candidates.values())).shape[1:]
    scale = 1 if degraded is None else _scale(degraded, size)
    if degraded is not None and scale > 1:
        degraded = larger(degraded, scale)
        notes = [*notes, f"The input is shown enlarged {scale} times, by bicubic interpolation"]
        if alpha is not None and alpha.shape != size:
            alpha = larger(alpha[None], scale)[0]
    if all(_is_grey(picture) for picture in candidates.values()):
        notes = [*notes, GREY]
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
        plain,
        reference=reference,
        bin_width=bin_width,
        method=method,
        trust=trust,
        soft=soft,
        tolerance=tolerance,
        on_progress=on_progress,
    )


def fuse_again(
    comparison: Comparison,
    *,
    reference: ReferenceStatistics | LookupTable | None,
    bin_width: int,
    method: str,
    trust: float | None = None,
    soft: bool = False,
    tolerance: Tolerance = FIXED,
    on_progress: OnProgress | None = None,
) -> Comparison:
    """The same candidates fused with other weights; the scores of what stays are kept.

    As `compare` does with the candidates as they were given: what fused them before is forgotten.
    """
    candidates, fits, table = comparison.as_given, None, None
    if isinstance(reference, ReferenceStatistics):
        chosen = reference.of_candidates(tuple(candidates))
        fits = fit_statistics(chosen, bin_width, method, trust=trust, on_progress=on_progress)
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
        fusion=comparison.averaged if table is None else table.fuse(candidates, soft=soft),
        soft=soft,
        reference=reference,
        tolerance=tolerance,
        known_scores=kept,
        saved_warnings=None,
    )


def with_truth(comparison: Comparison, truth: Tensor) -> Comparison:
    """The same comparison held against another ground truth, (3, H, W) uint8 or uint16."""
    require_one_size({**comparison.candidates, TRUTH: truth})
    return replace(comparison, truth=truth, known_scores={}, known_seen={}, saved_warnings=None)


def is_same_picture(one: Comparison, other: Comparison) -> bool:
    """Whether two results are of one picture: they share an input, a truth or a candidate."""
    given = [{INPUT: it.degraded, TRUTH: it.truth, **it.candidates} for it in (one, other)]
    pairs = [(picture, given[1].get(name)) for name, picture in given[0].items()]
    return any(
        a is not None and b is not None and a.dtype == b.dtype and torch.equal(a, b)
        for a, b in pairs
    )


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
        cells = (f"{decibel:.2f}", f"{gain:+z.3f}", said)
        rows.append([name, *(cell.replace("inf", "∞").replace("-", "−") for cell in cells)])
    return rows


def _scale(degraded: Tensor, size: Sequence[int]) -> int:
    """How many times larger candidates of this height and width are; 1 where it is no number."""
    scale = size[0] // max(degraded.shape[1], 1)
    return scale if [side * scale for side in degraded.shape[1:]] == list(size) else 1


def _is_grey(picture: Tensor) -> bool:
    return all(torch.equal(picture[0], channel) for channel in picture[1:])
