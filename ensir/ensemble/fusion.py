"""What every ensemble returns, and how candidates come into one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ensir.ensemble.levels import values_of
from ensir.errors import InputError

Pictures = Tensor | Sequence[Tensor] | Mapping[str, Tensor]
# Rows or columns of a picture: one, a slice, or as many numbers as there are points.
Place = int | slice | Tensor

EVERYTHING = slice(None)
# Values of one channel worked on at once: some 100 MB of float64 and indices for 8 candidates.
VALUES_AT_ONCE = 2**20
# The largest value of each type a candidate may have; floating point is on the 0..255 scale.
LARGEST = {torch.uint8: 255, torch.uint16: 65535, torch.float32: 255}


@dataclass(frozen=True, eq=False)
class Fusion:
    """A fused picture and the weight of each candidate at each of its pixels."""

    image: Tensor  # (C, H, W), 0..255, float32, or uint8 rounded half up where asked for
    weights_at: Callable[[Place, Place], Tensor]  # rows, columns -> (M, C, ...) float64

    @cached_property
    def weights(self) -> Tensor:
        """All mixture weights, (M, C, H, W) float64, computed when first read."""
        return self.weights_at(EVERYTHING, EVERYTHING)


def checked_candidates(candidates: Pictures, names: Sequence[str] | None) -> list[Tensor]:
    """The candidates as a list of (C, H, W) pictures of one size, type and stated range.

    With `names` a mapping must have exactly those, in that order, and any other form as many
    pictures. Raises InputError naming the candidate at fault.
    """
    if isinstance(candidates, Mapping):
        if names is not None and list(candidates) != list(names):
            raise InputError(
                f"this table was fitted for {', '.join(names)} in this order; got "
                f"{', '.join(candidates) or 'none'}: give the same candidates in the same order"
            )
        names = list(candidates)
        pictures = list(candidates.values())
    else:
        pictures = _listed(candidates)
    if names is not None and len(pictures) != len(names):
        raise InputError(
            f"this table was fitted for {', '.join(names)} in this order; got {len(pictures)} "
            f"candidate{'s' * (len(pictures) != 1)}: give one picture for each or choose another "
            "table"
        )
    if not pictures:
        raise InputError("at least one candidate is needed, got none")
    labels = names or [f"candidate {place + 1}" for place in range(len(pictures))]
    for label, picture in zip(labels, pictures, strict=True):
        _check_picture(label, picture, labels[0], pictures[0])
    return pictures


def _listed(candidates: Tensor | Sequence[Tensor]) -> list[Tensor]:
    if isinstance(candidates, Tensor) and candidates.ndim != 4:
        raise InputError(
            f"candidates in one tensor are (M, C, H, W), got {tuple(candidates.shape)}"
        )
    return list(candidates)


def fuse_pictures(
    pictures: Sequence[Tensor], weights_at: Callable[[Place, Place], Tensor], dtype: torch.dtype
) -> Fusion:
    """The weighted sum of checked pictures (Eq. 15), band by band.

    `weights_at` gives (M, C, rows, columns), or (M, 1, 1, 1) where they do not depend on the
    pixel. No value leaves the range of the candidates there: rounding errors are clamped away.
    """
    check_result_type(dtype)
    _, height, width = pictures[0].shape
    image = torch.empty(pictures[0].shape, dtype=dtype, device=pictures[0].device)
    band = max(1, VALUES_AT_ONCE // max(width, 1))
    for top in range(0, height, band):
        rows = slice(top, top + band)
        weights = weights_at(rows, EVERYTHING)
        first = values_of(pictures[0][:, rows])
        fused, lowest, highest = weights[0] * first, first, first
        for weight, picture in zip(weights[1:], pictures[1:], strict=True):
            value = values_of(picture[:, rows])
            fused.addcmul_(weight, value)
            lowest, highest = torch.minimum(lowest, value), torch.maximum(highest, value)
        fused = torch.minimum(torch.maximum(fused, lowest), highest).float()
        if dtype == torch.uint8:  # of the float32 value, whose ties are free of rounding errors
            fused = fused.double().add_(0.5).floor_()
        image[:, rows] = fused
    return Fusion(image, weights_at)


def check_result_type(dtype: torch.dtype) -> None:
    """Raises InputError for a type that no fused picture has."""
    if dtype not in (torch.float32, torch.uint8):
        raise InputError(f"a fused picture is torch.float32 or torch.uint8, got {dtype}")


def _check_picture(label: str, picture: Tensor, first_label: str, first: Tensor) -> None:
    if not isinstance(picture, Tensor):
        raise InputError(f"{label} is a torch.Tensor, got {type(picture).__name__}")
    if picture.ndim != 3 or not picture.numel():
        raise InputError(
            f"{label} is a picture of channels, height and width, got {tuple(picture.shape)}"
        )
    if picture.dtype not in LARGEST:
        raise InputError(f"{label} is uint8, uint16 or float32, got {picture.dtype}")
    if picture.shape != first.shape:
        raise InputError(
            f"{first_label} is {_size(first)}, but {label} is {_size(picture)}: "
            "candidates of one picture have one size"
        )
    if picture.dtype != first.dtype:
        raise InputError(
            f"{first_label} is {first.dtype}, but {label} is {picture.dtype}: "
            "candidates of one picture have one type"
        )
    if picture.is_floating_point():
        lowest, highest = (end.item() for end in picture.aminmax())
        if not (lowest >= 0 and highest <= LARGEST[picture.dtype]):
            raise InputError(
                f"{label} has values from {lowest:g} to {highest:g}; floating-point candidates "
                "are numbers from 0 to 255: scale or clamp it first"
            )


def _size(picture: Tensor) -> str:
    channels, height, width = picture.shape
    return f"{width} × {height} with {channels} channel{'s' * (channels != 1)}"
