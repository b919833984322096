"""Reading and writing whole files, never half of one, and naming them to people."""

import contextlib
import hashlib
import os
import secrets
from pathlib import Path
from typing import Protocol

from ensir.errors import InputError
from ensir.limits import MOST_NAME


class Named(Protocol):
    """What has the name of a file, as a Path has."""

    @property
    def name(self) -> str: ...


def shown_name(path: Named, owner: str | None = None) -> str:
    """The name of a file as a sentence may show it: no folder, printable, at most 80 characters.

    Whose file it is, its `owner`, stands behind it unless the file is called so.

    >>> shown_name(Path("/home/ann/rain\\u202egpj.png"))  # a character that reverses what follows
    'raingpj.png'
    >>> shown_name(Path("MPRNet/0.png"), owner="MPRNet")
    '0.png (MPRNet)'
    """
    if not path.name:  # of "", "." and "/"
        return "this folder"
    name = "".join(character for character in path.name if character.isprintable()).strip()
    if len(name) > MOST_NAME:
        name = name[: MOST_NAME - 1] + "…"
    name = name or "a file without a name"
    return name if owner in (None, Path(name).stem) else f"{name} ({owner})"


def is_name(value: object) -> bool:
    """Whether a name can be shown whole: text of 1 to 80 printable characters."""
    return isinstance(value, str) and 0 < len(value) <= MOST_NAME and value.isprintable()


def digest(data: bytes) -> str:
    """The SHA-256 of `data` as 64 hexadecimal digits.

    >>> digest(b"")[:16]
    'e3b0c44298fc1c14'
    """
    return hashlib.sha256(data).hexdigest()


def read_whole(path: Path, name: str, most_bytes: int) -> bytes:
    """The bytes of a file that sentences call `name`.

    Raises InputError where there is none, or a larger one.
    """
    try:
        if not path.exists():
            raise InputError(f"{name} is not there: check its name and folder")
        if not path.is_file():  # reading a pipe would wait for ever
            raise InputError(f"{name} is not a file: choose one")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > most_bytes:
                raise InputError(
                    f"{name} has more than {most_bytes / 2**20:.4g} MB, the limit here: "
                    "choose a smaller file"
                )
            return file.read(size)
    except OSError as error:
        raise InputError(
            f"{name} cannot be read ({error.strerror}): check that you may open it"
        ) from None


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file so that a reader sees the old one or the new one, never a part.

    Raises InputError, and leaves what was there, where the file cannot be written.
    """
    # Not tempfile: its files are private (0600), and a result is as readable as others here.
    part = path.parent / f"ensir-{secrets.token_hex(8)}.part"
    try:
        try:
            with part.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(
            f"{shown_name(path)} could not be written ({error.strerror}): "
            "choose a folder that exists, has room and may be written to"
        ) from None
    if os.name == "posix":
        # The file is whole already; some network folders cannot be synced.
        with contextlib.suppress(OSError):
            _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Makes the new name of a file survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
