"""What a reference set holds, looked through before anything is decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ensir.errors import InputError, in_short
from ensir.files import is_name, read_whole, shown_name
from ensir.images import Stored
from ensir.limits import MOST_PICTURE_BYTES, MOST_PIXELS, MOST_SET_PIXELS
from ensir.picture_folders import PictureFolders, picture_folders
from ensir.picture_formats import FORMATS, size_in_header
from ensir.reference_set import DEGRADED, GROUND_TRUTH
from ensir.zip_members import ZipMember

Size = tuple[int, int]  # width and height


@dataclass(frozen=True)
class FoundModel:
    """A folder of pictures that may be those of a model."""

    name: str
    pictures: int
    why_not: str | None  # it cannot be a candidate; None: it can


@dataclass(frozen=True)
class ReferenceContents:
    """The pictures with ground truth, and the models that may be fused by them."""

    pictures: tuple[str, ...]  # names without ending, sorted
    sizes: tuple[Size | None, ...]  # of the ground truth; None: not said by the header
    models: tuple[FoundModel, ...]  # by name
    left_out: tuple[str, ...]  # what is there besides, a sentence each

    @property
    def usable(self) -> tuple[str, ...]:
        """The names of the models that can be candidates."""
        return tuple(one.name for one in self.models if one.why_not is None)

    @cached_property
    def size_words(self) -> str:
        """The sizes of the pictures, the most frequent first."""
        counted = Counter(map(_said, self.sizes)).most_common()
        words = [size if len(counted) == 1 else f"{size} ({number})" for size, number in counted]
        return in_short(words, most=4)


def look_through(path: Path) -> ReferenceContents:
    """What a folder or a zip holds, laid out as a ReferenceSet is, by names and headers alone.

    Raises InputError where it holds no ground truth, fewer than two models that have a picture of
    the same size for each, a file that is no picture, or more pixels than MOST_SET_PIXELS.
    """
    folders = picture_folders(path)
    if folders is None:
        raise InputError(
            f"{shown_name(path)} is neither a folder nor a zip of one: choose a zip of folders, "
            f"{GROUND_TRUTH} and one for each model"
        )
    if GROUND_TRUTH not in folders.folders:
        raise InputError(
            f"{folders.name} has no folder {GROUND_TRUTH} with the ground truth (there are "
            f"{in_short([one[:40] for one in sorted(folders.folders)])}): add it"
        )
    truth = folders.pictures(GROUND_TRUTH)
    if not truth:
        raise InputError(
            f"{folders.name} has no picture in {GROUND_TRUTH}: put the ground truth there"
        )
    unfit = next((name for name in truth if not is_name(name)), None)
    if unfit is not None:
        raise InputError(f"a picture is called {unfit!r:.90}: shorten its name to 80 characters")
    others = sorted(set(folders.folders) - {GROUND_TRUTH, DEGRADED})
    if len(others) < 2:
        raise InputError(
            f"{folders.name} has {_how_many(others)} beside {GROUND_TRUTH}: two or more are "
            "needed, a folder each"
        )
    sizes = {name: _size(file, GROUND_TRUTH) for name, file in truth.items()}
    measured = _Pixels(folders.name)
    measured.count(sizes)
    models = tuple(_model(name, folders, sizes, measured) for name in others)
    whys = [one.why_not for one in models if one.why_not is not None]
    if len(models) - len(whys) < 2:
        raise InputError(f"{folders.name} has too few models to fuse: {whys[0]}")
    names = tuple(sorted(truth))
    return ReferenceContents(
        names, tuple(sizes[name] for name in names), models, _left_out(folders)
    )


class _Pixels:
    """Counts the pixels of a set, up to the limit."""

    def __init__(self, name: str) -> None:
        self._name, self._total = name, 0

    def count(self, sizes: Mapping[str, Size | None]) -> None:
        """Adds pictures; one that does not say its size may be as large as any."""
        for size in sizes.values():
            self._total += MOST_PIXELS if size is None else size[0] * size[1]
        if self._total > MOST_SET_PIXELS:
            raise InputError(
                f"{self._name} holds more than {MOST_SET_PIXELS / 1e6:.4g} million pixels, the "
                "limit here: leave out pictures or models, or use the command line"
            )


def _model(
    name: str, folders: PictureFolders, truth: Mapping[str, Size | None], measured: _Pixels
) -> FoundModel:
    """A folder's pictures, held against the ground truth of the same names."""
    if not is_name(name):
        shown = shown_name(Path(name))
        return FoundModel(shown, 0, "its name has more than 80 characters")
    files = folders.pictures(name)
    for missing, where in (
        (set(truth) - set(files), name),
        (set(files) - set(truth), GROUND_TRUTH),
    ):
        if missing:
            why = f"{where} lacks {min(missing)} ({len(missing)} of {len({*truth, *files})})"
            return FoundModel(name, len(files), f"{why}: {name} and {GROUND_TRUTH} need the same")
    sizes = {one: _size(file, name) for one, file in files.items()}
    measured.count(sizes)
    for one in sorted(sizes):
        size, wanted = sizes[one], truth[one]
        # Turned upright by its metadata a picture may have its sides the other way round.
        if size is not None and wanted is not None and sorted(size) != sorted(wanted):
            why = f"{one} is {_said(size)} in {name} and {_said(wanted)} in {GROUND_TRUTH}"
            return FoundModel(name, len(files), f"{why}: one size is needed")
    return FoundModel(name, len(files), None)


def _size(file: Stored, owner: str) -> Size | None:
    """The size of a picture; raises InputError for a file that does not begin as one."""
    name = shown_name(file, owner)
    if isinstance(file, ZipMember):
        data = file.content()
    else:
        data = read_whole(file, name, MOST_PICTURE_BYTES)
    if not any(kind.begins(data) for kind in FORMATS):
        raise InputError(
            f"{name} is not a PNG, JPEG, WebP, TIFF or BMP image: save it as one of these"
        )
    return size_in_header(data)


def _left_out(folders: PictureFolders) -> tuple[str, ...]:
    """What is there and not used, in sentences."""
    said = []
    if DEGRADED in folders.folders:
        said.append(f"{DEGRADED}, what the models were given, is not needed.")
    if folders.left_out:
        said.append(f"Not read: {in_short(folders.left_out)}.")
    return tuple(said)


def _how_many(models: list[str]) -> str:
    return f"one model, {models[0]:.80}," if models else "no folder of a model"


def _said(size: Size | None) -> str:
    return "of a size not said" if size is None else f"{size[0]} × {size[1]}"
