"""Brings weights into the weights folder: from a file of the user, or from a pinned link."""

from __future__ import annotations

import re
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from ensir.checkpoints import read_checkpoint
from ensir.downloads import download
from ensir.errors import InputError
from ensir.files import shown_name, write_whole
from ensir.progress import OnProgress
from ensir.restorers.network import NetworkRestorer
from ensir.restorers.pretrained import HOW_TO_GET_IT, pretrained
from ensir.restorers.recognition import fitted, recognised, tasks_of
from ensir.restorers.registry import ENTRIES, TITLES, entry_of
from ensir.restorers.weights import WEIGHTS_FORMAT, pack
from ensir.restorers.weights_folder import (
    FOREIGN_FORMAT,
    OWN,
    RELEASED,
    found_networks,
    names_a_restorer,
    restorer_of,
    weights_folder,
)

FETCHED = "fetched"  # the folder in the weights folder for what was not looked at yet
ENDINGS = (OWN, RELEASED, ".pt", ".ckpt")


def add_weights(path: Path, task: str | None = None) -> tuple[Path, NetworkRestorer]:
    """Puts the weights of a file into the weights folder, as safetensors: that, and its restorer.

    The file is a checkpoint of a published network or of a small one of ours. Its task is told by
    its network and its name; `task` says it where they do not. The header keeps the file's SHA-256.

    Raises InputError for files of other networks, for a task that the network has not, for names
    that cannot be listed, and where a file of that name is there with other weights.
    """
    stored = restorer_of(path) if path.suffix == OWN else None
    if stored is not None:
        stored.network()  # in our format already: it only has to be whole
        content = path.read_bytes()
    else:
        content = _converted(path, task)
    folder = weights_folder()
    output = folder / (path.stem + OWN)
    if output.exists() and output.read_bytes() != content:
        raise InputError(
            f"{shown_name(output)} is in the weights folder with other weights: rename one of them"
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(output, content)
    return output, next(one for one, found, _ in found_networks() if found == output)


def get_weights(
    wanted: str,
    on_progress: OnProgress,
    *,
    sha256: str | None = None,
    task: str | None = None,
) -> tuple[Path, NetworkRestorer]:
    """Fetches a file and adds it, as `add_weights` does; what was cut off goes on the next time.

    What is wanted is a link, whose file has this SHA-256, or the name of a published network.

    Raises InputError for an unknown name, for one whose file has no known link and hash, for a link
    without a hash, and as `download` and `add_weights` do.
    """
    if "://" in wanted:
        link, file = wanted, PurePosixPath(unquote(urlsplit(wanted).path)).name
        if not names_a_restorer(file) or not file.endswith(ENDINGS):
            raise InputError(
                f"the link leads to {file[:80]!r}, wanted a file that ends in "
                f"{', '.join(ENDINGS)}: choose the link of a checkpoint"
            )
        if sha256 is None or not re.fullmatch("[0-9a-fA-F]{64}", sha256):
            raise InputError(
                "a link is fetched with the SHA-256 of its file, 64 hexadecimal digits, got "
                f"{sha256 or 'none'!r:.80}: say it by --sha256"
            )
    else:
        link, file, sha256 = _known(wanted)
    # By its hash: files of one name are many, and what has come of one is no part of another.
    output = weights_folder() / FETCHED / sha256.lower() / file
    output.parent.mkdir(parents=True, exist_ok=True)
    if not output.exists():  # it stays where it could not be added: with another task it may
        download(link, output, sha256.lower(), on_progress)
    added = add_weights(output, task)
    output.unlink()
    return added


def _known(name: str) -> tuple[str, str, str]:
    """Link, file and SHA-256 of a published network."""
    wanted = name.lower()
    entry = next((it for it in ENTRIES if wanted in (it.name.lower(), it.file.lower())), None)
    if entry is None:
        names = ", ".join(it.name for it in ENTRIES)
        raise InputError(f"no published network {name[:80]!r}: there are {names}")
    if entry.link is None or entry.sha256 is None:
        raise InputError(
            f"{entry.name} has no file with a known hash to fetch: get {entry.file}{RELEASED} from "
            f"{entry.source} and `ensir models add` it"
        )
    return entry.link, entry.file + RELEASED, entry.sha256


def _converted(path: Path, task: str | None) -> bytes:
    """The safetensors file made of a checkpoint of others; InputError as `add_weights` raises."""
    name = shown_name(path)
    checkpoint = read_checkpoint(path)
    header: dict[str, object]
    try:
        architecture, settings = recognised(checkpoint.tensors, name)
    except InputError as unknown:
        if find_spec("spandrel") is None:
            raise InputError(f"{unknown}; {HOW_TO_GET_IT}") from None
        network = pretrained(checkpoint.tensors, name)
        task = task or network.task
        tensors = checkpoint.tensors
        header = {
            "format": FOREIGN_FORMAT,
            "architecture": network.title,
            "scale": network.scale,
            "name": f"{network.title} {task}, {path.stem}",
        }
    else:
        task = _task(path, tasks_of(architecture, settings), task)
        tensors = fitted(architecture, settings, checkpoint.tensors, name)
        entry = entry_of(path.stem)
        if entry is not None and (entry.settings, entry.task) != (settings, task):
            entry = None
        if entry is not None and entry.sha256 not in (None, checkpoint.sha256):
            raise InputError(
                f"{name} is not the file that {entry.source} offers under this name: "
                "get it again, or add it under another name"
            )
        header = {
            "format": WEIGHTS_FORMAT,
            "architecture": architecture,
            "settings": asdict(settings),
            "name": entry.name if entry else f"{TITLES[architecture]} {task}, {path.stem}",
        }
    for what, said, way in (
        ("task", task, "say another by --task"),
        ("name", str(header["name"]), "rename the file"),
    ):
        if not names_a_restorer(said):
            raise InputError(
                f"{name} would be listed with the {what} {said!r:.100}, wanted 1 to 80 printable "
                f"characters without slashes: {way}"
            )
    # Weights that the network uses in several places share memory, which the format refuses.
    apart = {key: tensor.clone() for key, tensor in tensors.items()}
    return pack(apart, {**header, "task": task, "sha256": checkpoint.sha256})


def _task(path: Path, tasks: list[str], said: str | None) -> str:
    """What weights are for, of what their network can be for."""
    if said is not None:
        if tasks and said not in tasks:
            raise InputError(
                f"{shown_name(path)} is of a network for {' or '.join(tasks)}, not {said}: "
                "say one of these, or choose another file"
            )
        return said
    words = path.stem.replace("_", " ").replace("-", " ").lower()
    told = [task for task in sorted(tasks, key=len, reverse=True) if task in words]
    if told or len(set(tasks)) == 1:
        return (told or tasks)[0]
    raise InputError(
        f"{shown_name(path)} is of a network for {' or '.join(tasks) or 'any task'}: say by --task "
        "which it was trained for"
    )
