"""What contestants are fitted to: the sums of reference pictures and a sample of their values."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ensir.ensemble.levels import values_of
from ensir.gathering import gather_reference_set
from ensir.reference_set import ReferenceSet, ReferenceStatistics


@dataclass(frozen=True, eq=False)
class Gathered:
    """One or several pictures: `a + b` is both."""

    statistics: ReferenceStatistics
    values: Tensor  # (N, M) float32, 0..255: the candidates of one pixel in one channel
    truth: Tensor  # (N,) float64, 0..255: the ground truth there
    statistics_seconds: float  # that gathering the statistics took
    sample_seconds: float  # that drawing the sample took

    def __add__(self, other: Gathered) -> Gathered:
        return Gathered(
            self.statistics + other.statistics,
            torch.cat([self.values, other.values]),
            torch.cat([self.truth, other.truth]),
            self.statistics_seconds + other.statistics_seconds,
            self.sample_seconds + other.sample_seconds,
        )


def gathered_pictures(
    reference_set: ReferenceSet, bin_width: int, most_values: int, seed: int
) -> Iterator[Gathered]:
    """Each picture's statistics, and at most `most_values` values of it drawn at random."""
    for place in range(len(reference_set)):
        begun = time.perf_counter()
        statistics = gather_reference_set(reference_set[place : place + 1], bin_width)
        gathered = time.perf_counter()
        candidates, truth = reference_set[place]
        values, target = sample_values(candidates, truth, most_values, seed + place)
        yield Gathered(statistics, values, target, gathered - begun, time.perf_counter() - gathered)


def sample_values(
    candidates: Tensor, truth: Tensor, most_values: int, seed: int
) -> tuple[Tensor, Tensor]:
    """Values drawn without replacement, all where there are fewer; the channels are pooled.

    Candidates (M, C, H, W) and truth (C, H, W) -> (N, M) float32 and (N,) float64, 0..255.
    """
    random = torch.Generator().manual_seed(seed)
    drawn = torch.randperm(truth.numel(), generator=random)[:most_values]
    values = values_of(candidates.flatten(1)[:, drawn]).T.float().contiguous()
    return values, values_of(truth.flatten()[drawn])
