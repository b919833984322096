"""Pictures that come from different files, made fit to be fused: of one size and one depth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ensir.ensemble.levels import deepest, in_depth
from ensir.errors import InputError
from ensir.images import read_picture

MOST_NAMED = 5  # pictures that a sentence can list


@dataclass(frozen=True, eq=False)
class Intake:
    """Pictures that belong together, of one size."""

    pictures: dict[str, Tensor]  # by name, (3, H, W), uint8 or uint16 each
    alpha: Tensor | None  # (H, W) of the first, uint8 or uint16; None where it is opaque
    notes: tuple[str, ...]  # what a user would not see, a sentence each


def take_in(paths: Mapping[str, Path], *, crop: bool = False) -> Intake:
    """Reads pictures that belong together, by the names they shall have.

    With `crop` all are cropped to the size they share, and a note says so. The top left corner is
    kept: networks that work on whole blocks lose rows at the bottom and columns on the right.

    Raises InputError for a file that cannot be read, and for different sizes unless cropped.
    """
    several = len(paths) > 1  # one alone is nobody else's
    read = {name: read_picture(path, name if several else None) for name, path in paths.items()}
    pictures = {name: picture.values for name, picture in read.items()}
    notes = tuple(note for picture in read.values() for note in picture.notes)
    alpha = next((one.alpha for one in read.values()), None)
    height, width = _shared_size(pictures)
    if crop and not _are_of(pictures, height, width):
        pictures = {name: picture[:, :height, :width] for name, picture in pictures.items()}
        alpha = None if alpha is None else alpha[:height, :width]
        notes = (*notes, f"Cropped to the {width} × {height} pixels that all the pictures have")
    require_one_size(
        pictures,
        otherwise=f", or have them cropped to the {width} × {height} pixels that all of them have",
    )
    return Intake(pictures, alpha, notes)


def require_one_size(pictures: Mapping[str, Tensor], otherwise: str = "") -> None:
    """Raises InputError with the first five sizes where pictures (..., H, W) differ in size.

    It ends with what else can be done, if anything.
    """
    if _are_of(pictures, *_shared_size(pictures)):
        return
    sizes = [f"{name} is {one.shape[-1]} × {one.shape[-2]}" for name, one in pictures.items()]
    listed = ", ".join(sizes[:MOST_NAMED]) + (", …" if len(sizes) > MOST_NAMED else "")
    raise InputError(
        f"the pictures have different sizes ({listed}): give pictures of one size{otherwise}"
    )


def in_one_depth(pictures: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same pictures by name, all uint16 if one of them is, else uint8; nothing is lost."""
    depth = deepest(list(pictures.values()))
    return {name: in_depth(picture, depth) for name, picture in pictures.items()}


def _shared_size(pictures: Mapping[str, Tensor]) -> tuple[int, int]:
    """Height and width of what all pictures have."""
    sizes = [picture.shape[-2:] for picture in pictures.values()]
    return min((height for height, _ in sizes), default=0), min(
        (width for _, width in sizes), default=0
    )


def _are_of(pictures: Mapping[str, Tensor], height: int, width: int) -> bool:
    return all(picture.shape[-2:] == (height, width) for picture in pictures.values())
