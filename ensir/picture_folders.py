"""Pictures in folders side by side, on the disk or in a zip file of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ensir.errors import InputError, in_short
from ensir.files import shown_name
from ensir.images import PICTURE_ENDINGS, Stored
from ensir.zip_members import ZipMember, is_zip, zip_members


@dataclass(frozen=True)
class PictureFolders:
    """Folders of pictures, such as `rain/gt/x.png` and `rain/MPRNet/x.png`."""

    name: str
    folders: Mapping[str, Path | Sequence[ZipMember]]
    left_out: tuple[str, ...] = ()  # what else is in a zip and not read, such as "notes.txt"

    def pictures(self, folder: str) -> dict[str, Stored]:
        """The pictures of a folder by their names without ending.

        Raises InputError where there is no such folder, and where two pictures have one name.
        """
        where = self.folders.get(folder)
        if where is None:
            there = in_short([shown_name(Path(name)) for name in sorted(self.folders)])
            raise InputError(
                f"{self.name} has no folder {folder} (there are {there or 'none'}): add it or "
                "choose another"
            )
        listed: Sequence[Stored] = sorted(where.iterdir()) if isinstance(where, Path) else where
        pictures: dict[str, Stored] = {}
        for one in listed:
            if one.suffix.lower() not in PICTURE_ENDINGS or one.name.startswith("."):
                continue
            if one.stem in pictures:
                both = " and ".join(map(shown_name, (pictures[one.stem], one)))
                raise InputError(f"{folder} has both {both}: keep one of them")
            pictures[one.stem] = one
        return pictures


def picture_folders(path: Path) -> PictureFolders | None:
    """The folders in a folder, or in a zip of one; None where the path is neither.

    In a zip one folder may lie around all others. Raises InputError for a zip that is not laid out
    like that, or not read as `zip_members` says.
    """
    if path.is_dir():
        there = {one.name: one for one in path.iterdir() if one.is_dir()}
        return PictureFolders(shown_name(path), there)
    return _in_zip(path) if is_zip(path) else None


def name_of_set(path: Path) -> str:
    """What pictures are called that come from a folder, or from a zip of that folder."""
    whole = path.resolve()
    return shown_stem(whole) if whole.suffix.lower() == ".zip" else shown_name(whole)


def shown_stem(picture: Stored) -> str:
    """The name of a picture without its ending, as `shown_name` shows it.

    >>> shown_stem(Path("rain.of.may.png"))
    'rain.of.may'
    """
    return shown_name(Path(picture.stem))


def pictures_alone(members: Sequence[ZipMember]) -> tuple[list[ZipMember], tuple[str, ...]]:
    """The pictures among the members of a zip, and the names of what else is there."""
    pictures = [one for one in members if one.suffix.lower() in PICTURE_ENDINGS]
    others = (shown_name(one) for one in members if one.suffix.lower() not in PICTURE_ENDINGS)
    return pictures, tuple(dict.fromkeys(others))


def _in_zip(path: Path) -> PictureFolders:
    shown = shown_name(path)
    pictures, left_out = pictures_alone(zip_members(path))
    if not pictures:
        raise InputError(
            f"{shown} holds no {', '.join(PICTURE_ENDINGS)}: put pictures into a folder for each "
            "model, and make the zip again"
        )
    in_folders = [one for one in pictures if one.folders]
    if not in_folders:
        raise InputError(
            f"{shown} holds pictures without a folder: put each into the folder of its model"
        )
    deepest = max(in_folders, key=lambda one: len(one.folders))
    around = int(len({one.folders[0] for one in in_folders}) == 1 and len(deepest.folders) > 1)
    if len(deepest.folders) > around + 1:
        raise InputError(
            f"{shown} has a folder within a folder, {'/'.join(deepest.folders):.80}: put the "
            "pictures right into a folder for each model"
        )
    folders: dict[str, list[ZipMember]] = {}
    for one in pictures:
        if len(one.folders) > around:
            folders.setdefault(one.folders[-1], []).append(one)
        else:
            left_out += (shown_name(one),)
    return PictureFolders(shown, folders, left_out)
