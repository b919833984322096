"""The lookup table: mixture weights for each bin set, where they come from, and fusion by them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

from ensir.ensemble import kernels
from ensir.ensemble.bins import Bins
from ensir.ensemble.fusion import (
    Fusion,
    Pictures,
    Place,
    check_result_type,
    checked_candidates,
    fuse_pictures,
)
from ensir.ensemble.levels import levels_of, values_of
from ensir.ensemble.soft_lookup import check_soft, soft_weights
from ensir.errors import InputError
from ensir.limits import DENSE_KEYS

# Weights that add up to 1 within this are taken; float32 tables are off by 2e-7.
SUM_TOLERANCE = 1e-6


class Origin(IntEnum):
    """Where the weights of a cell (a channel and a bin set) come from."""

    FITTED = 0  # on the reference set
    PRIOR = 1  # EM had too few pixels or broke down: the prior or the rule's first weights
    EMPTY = 2  # no pixel of the reference set: what the method gives in their place


@dataclass(frozen=True)
class Provenance:
    """How a table was made; None where its file does not say."""

    # "em", "published" or "least-squares"; "released" for a table read from a released file.
    method: str
    first_weights: str | None = None  # "released", "uniform" or "prior"
    prior: tuple[float, ...] | None = None  # the user's weights, one for each candidate
    trust: float | None = None  # 0: the average serves every cell, 1: what was fitted does
    ridge: float | None = None  # pixels that the weights of its channel count as in a bin set
    back_off: float | None = None  # the same for EM; None: it fits cells of 100 pixels or more
    chosen: str | None = None  # in a sentence, what was chosen by held-out error and for what gain
    reference_set: str | None = None
    pictures: int | None = None
    pixels: int | None = None
    statistics_sha256: str | None = None  # of the statistics file the table was fitted from
    software: str | None = None


@dataclass(frozen=True, eq=False)
class LookupTable:
    """Weights of M candidates for each channel and bin set.

    A row serves the bin sets from its start up to the next row's. A dense table has one row for
    each of the S bin sets; a sparse one a row for each occupied bin set and one for each gap
    between them.
    """

    bins: Bins
    weights: Tensor  # (C, S, M) float64, at least 0, adds up to 1; sparse: one row for S
    origin: Tensor  # (C, S) uint8, an Origin
    count: Tensor  # (C, S) int64, pixels of the reference set; -1 where a file does not say
    candidate_names: tuple[str, ...]
    provenance: Provenance
    starts: Tensor  # (S,) int64, first bin set of each row, rising from 0
    # (C, S) float32, root of the mean squared error that these weights had on the reference set,
    # in levels; NaN without a pixel there. None where a file does not say.
    expected_error: Tensor | None = None

    def __post_init__(self) -> None:
        if self.weights.ndim != 3 or self.weights.dtype != torch.float64:
            raise InputError(
                "weights are (C, S, M) float64, got "
                f"{tuple(self.weights.shape)} {self.weights.dtype}"
            )
        channels, rows, members = self.weights.shape
        same = self.origin.shape == self.count.shape == (channels, rows)
        if not same or self.starts.shape != (rows,) or channels not in (1, 3):
            raise InputError(
                "weights are (C, S, M), origin and count (C, S) and starts (S,), C = 1 or 3; got "
                f"{tuple(self.weights.shape)}, {tuple(self.origin.shape)}, "
                f"{tuple(self.count.shape)} and {tuple(self.starts.shape)}"
            )
        if not members == self.bins.candidates == len(self.candidate_names):
            raise InputError(
                f"the table has weights for {members} candidates, bins for "
                f"{self.bins.candidates} and {len(self.candidate_names)} names: all must agree"
            )
        if len(set(self.candidate_names)) < members or not all(self.candidate_names):
            raise InputError(
                f"candidates need names that differ, got {', '.join(self.candidate_names)}"
            )
        error = self.expected_error
        if error is not None and (
            error.shape != (channels, rows)
            or error.dtype != torch.float32
            or bool(((error < 0) | error.isinf()).any())
        ):
            raise InputError(
                "expected errors are (C, S) float32 of at least 0, got "
                f"{tuple(error.shape)} {error.dtype}"
            )
        rising = bool((self.starts.diff() > 0).all())
        if not rows or not rising or self.starts[0] != 0 or self.starts[-1] >= self.bins.sets:
            raise InputError(
                f"the rows of a table start at rising bin sets from 0 to {self.bins.sets - 1}"
            )
        self._check_weights()

    @property
    def channels(self) -> int:
        return self.weights.shape[0]

    @property
    def dense(self) -> bool:
        """Whether every bin set has a row of its own."""
        return len(self.starts) == self.bins.sets

    def rows_of(self, sets: Tensor) -> Tensor:
        """The row of the table that serves each bin set: (...) int64 -> (...) int64."""
        if self.dense:
            return sets
        return torch.searchsorted(self.starts, sets, right=True) - 1

    def fuse(
        self, candidates: Pictures, *, dtype: torch.dtype = torch.float32, soft: bool = False
    ) -> Fusion:
        """Looks up the weights of every pixel and fuses the candidates (Eq. 14, 15).

        Candidates are M pictures (C, H, W) of uint8 (0..255), uint16 (0..65535) or float32
        (0..255): a tensor (M, C, H, W), a sequence in the order of `candidate_names`, or a
        mapping from those names in that order. The bin comes from the 8-bit level, the weights
        are applied at full precision. The fused image is 0..255, `dtype` torch.float32, or
        torch.uint8 rounded half up.

        A `soft` look-up interpolates between bin sets, so that nothing jumps at the edge of a bin:
        `ensir.ensemble.soft_lookup`.

        Raises InputError for another number, order, size, type or range of candidates.
        """
        if soft:
            check_soft(self.bins.candidates)
        pictures = checked_candidates(candidates, self.candidate_names)
        if len(pictures[0]) != self.channels:
            raise InputError(
                f"this table was fitted for pictures of {self.channels} channels, "
                f"{self.candidate_names[0]} has {len(pictures[0])}"
            )
        check_result_type(dtype)
        table = self.to(pictures[0].device)

        def weights_of(sets: Tensor) -> Tensor:
            row = table.rows_of(sets)
            first_cell = torch.arange(self.channels, device=row.device) * len(self.starts)
            cell = row + first_cell.reshape(-1, *[1] * (row.ndim - 1))
            return torch.stack([plane.take(cell) for plane in table._planes])

        # The kernels walk a tree of rows times bins.
        few = self.dense or len(self.starts) * self.bins.per_candidate <= DENSE_KEYS
        makers = kernels.compiled(pictures[0].device) if few and not soft else None
        starts = table.starts[:0] if self.dense else table.starts
        cut = self.bins.width, self.bins.per_candidate

        def weights_at(rows: Place, columns: Place) -> Tensor:
            here = [picture[:, rows, columns] for picture in pictures]
            if soft:
                values = torch.stack([values_of(one) for one in here])
                return soft_weights(values, self.bins, weights_of)
            if here[0].ndim == 3 and makers is not None and makers.weights_of_pixels is not None:
                found: Tensor = makers.weights_of_pixels(here, table.weights, starts, *cut)
                return found
            return weights_of(self.bins.index(torch.stack([levels_of(one) for one in here])))

        if makers is None:
            return fuse_pictures(pictures, weights_at, dtype)
        image = makers.fuse_pictures(pictures, table._packed_for(makers), starts, *cut, dtype)
        return Fusion(image, weights_at)

    @cached_property
    def _planes(self) -> Tensor:
        """The weights candidate by candidate, (M, C S): one look-up each."""
        return self.weights.permute(2, 0, 1).reshape(self.bins.candidates, -1).contiguous()

    @cached_property
    def _packed(self) -> dict[ModuleType, Tensor]:
        return {}

    def _packed_for(self, makers: ModuleType) -> Tensor:
        """The weights as these compiled kernels take them."""
        if makers not in self._packed:
            self._packed[makers] = makers.packed_weights(self.weights)
        return self._packed[makers]

    def to(self, device: str | torch.device) -> LookupTable:
        """The same table on `device`."""
        if self.weights.device == torch.device(device):
            return self
        return LookupTable(
            self.bins,
            self.weights.to(device),
            self.origin.to(device),
            self.count.to(device),
            self.candidate_names,
            self.provenance,
            self.starts.to(device),
            None if self.expected_error is None else self.expected_error.to(device),
        )

    def save(self, path: str | Path) -> None:
        """Writes the table as safetensors, whole or not at all."""
        from ensir.table_files import write_table  # upwards: saving is what a user of a table does

        write_table(self, Path(path))

    def _check_weights(self) -> None:
        wrong = ~self.weights.isfinite() | (self.weights < 0)
        wrong = wrong.any(-1) | ((self.weights.sum(-1) - 1).abs() > SUM_TOLERANCE)
        if wrong.any():
            channel, row = wrong.nonzero()[0].tolist()
            lower = (self.bins.bins_of(self.starts[row]) * self.bins.width).tolist()
            raise InputError(
                f"weights are at least 0 and add up to 1; channel {channel} of the bin set from "
                f"{tuple(lower)} has {self.weights[channel, row].tolist()}"
            )


def table_rows(bins: Bins, occupied: Tensor) -> Tensor:
    """The first bin set of each row of a table, (S,) int64.

    All bin sets while a dense table fits; else the `occupied` ones (K,) and one row for each gap.
    """
    if bins.dense:
        return torch.arange(bins.sets, device=occupied.device)
    after = (occupied + 1).clamp(max=bins.sets - 1)
    return torch.unique(torch.cat([occupied.new_zeros(1), occupied, after]))
