"""Pictures that come from different files, made fit to be fused: of one size and one depth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ensir.ensemble.levels import deepest, in_depth
from ensir.errors import InputError
from ensir.files import shown_name
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

    The result is as transparent as the first; the transparency of the others is ignored. With
    `crop` all are cropped to the size they share. Notes say both. The top left corner is kept:
    networks that work on whole blocks lose rows at the bottom and columns on the right.

    Raises InputError for a file that cannot be read, and for different sizes unless cropped.
    """
    pictures: dict[str, Tensor] = {}
    alpha: Tensor | None = None
    notes: tuple[str, ...] = ()
    for name, path in paths.items():
        owner = name if len(paths) > 1 else None  # one alone is nobody else's
        picture = read_picture(path, owner)
        notes += picture.notes
        if picture.alpha is not None:
            outcome = "which is ignored" if pictures else "and so is the result"
            notes += (f"{shown_name(path, owner)} is partly transparent, {outcome}",)
        if not pictures:
            alpha = picture.alpha
        pictures[name] = picture.values
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
    """Raises InputError where pictures (..., H, W) differ in size.

    It lists five at most, a picture of each size before a second of any, and ends with what else
    can be done, if anything.
    """
    if _are_of(pictures, *_shared_size(pictures)):
        return
    sizes = {name: f"{one.shape[-1]} × {one.shape[-2]}" for name, one in pictures.items()}
    first_of = {size: name for name, size in reversed(sizes.items())}
    named = sorted(sizes, key=lambda name: first_of[sizes[name]] != name)[:MOST_NAMED]
    listed = ", ".join(f"{name} is {size}" for name, size in sizes.items() if name in named)
    listed += ", …" if len(sizes) > MOST_NAMED else ""
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
