"""Pictures that come from different files, made fit to be fused: of one size and one depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ensir.ensemble.levels import deepest, in_depth
from ensir.errors import InputError, in_short
from ensir.files import shown_name
from ensir.images import Stored, read_picture
from ensir.picture_folders import pictures_alone, shown_stem
from ensir.reference_set import DEGRADED, GROUND_TRUTH
from ensir.zip_members import ZipMember, is_zip, zip_members

MOST_NAMED = 5  # pictures that a sentence can list
TRUTHS = (GROUND_TRUTH, "ground truth")  # what the ground truth may be called among candidates


@dataclass(frozen=True)
class Brought:
    """A picture from each model, and the ground truth, where they are; not read yet."""

    candidates: dict[str, Stored]  # by model, in the order of their names
    truth: Stored | None
    notes: tuple[str, ...]  # what was left out, a sentence each


@dataclass(frozen=True, eq=False)
class Intake:
    """Pictures that belong together, of one size."""

    pictures: dict[str, Tensor]  # by name, (3, H, W), uint8 or uint16 each
    alpha: Tensor | None  # (H, W) of the first, uint8 or uint16; None where it is opaque
    notes: tuple[str, ...]  # what a user would not see, a sentence each


def brought(files: Sequence[Path]) -> Brought:
    """The candidates among files: pictures called after their models, and zips of such.

    In a zip the model may also be the name of the folder in which its picture lies alone. A picture
    called `gt` is the ground truth, `lq`, what the models were given, is left out.

    Raises InputError for two pictures of a name, and for a zip that is laid out otherwise.
    """
    found: dict[str, Stored] = {}
    notes: tuple[str, ...] = ()
    for path in sorted(files, key=lambda path: path.name):
        pictures: Mapping[str, Stored] = {shown_stem(path): path}
        if is_zip(path):
            pictures, left_out = _of_each_model(path)
            notes += left_out
        for name, picture in pictures.items():
            if name in found:
                raise InputError(f"two candidates are called {name}: rename one")
            found[name] = picture
    truths = [name for name in found if name.casefold() in TRUTHS]
    if len(truths) > 1:
        raise InputError(f"{' and '.join(truths)} are both the ground truth: leave one out")
    truth = found.pop(truths[0]) if truths else None
    if found.pop(DEGRADED, None) is not None:
        notes += (f"{DEGRADED}, what the models were given, is left out",)
    return Brought(dict(sorted(found.items())), truth, notes)


def take_in(paths: Mapping[str, Stored], *, crop: bool = False) -> Intake:
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


def _of_each_model(path: Path) -> tuple[dict[str, ZipMember], tuple[str, ...]]:
    """The pictures in a zip by the names of their models, and what is left out in words."""
    shown = shown_name(path)
    pictures, others = pictures_alone(zip_members(path))
    if not pictures:
        raise InputError(f"{shown} holds no pictures: put one of each model into it")
    around = int(len({one.folders[:1] for one in pictures}) == 1)  # one folder around all
    found: dict[str, ZipMember] = {}
    for one in pictures:
        folders = one.folders[around:]
        if len(folders) > 1:
            raise InputError(
                f"{shown} has a folder within a folder, {'/'.join(one.folders):.80}: put one "
                "picture of each model into it, called after the model or in a folder that is"
            )
        name = shown_name(Path(folders[0])) if folders else shown_stem(one)
        if name in found and folders:
            raise InputError(
                f"{shown} has several pictures in {name}, but one of each model is fused at a "
                "time: leave one, or fit a table to all of them"
            )
        if name in found:
            raise InputError(f"two candidates are called {name}: rename one")
        found[name] = one
    notes = (f"{shown}: not read are {in_short(others)}",) if others else ()
    return found, notes


def _shared_size(pictures: Mapping[str, Tensor]) -> tuple[int, int]:
    """Height and width of what all pictures have."""
    sizes = [picture.shape[-2:] for picture in pictures.values()]
    return min((height for height, _ in sizes), default=0), min(
        (width for _, width in sizes), default=0
    )


def _are_of(pictures: Mapping[str, Tensor], height: int, width: int) -> bool:
    return all(picture.shape[-2:] == (height, width) for picture in pictures.values())
