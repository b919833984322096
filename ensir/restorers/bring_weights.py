"""Brings weights into the weights folder: from a file of the user, or from a known link."""

from __future__ import annotations

from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

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
    restorer_of,
    weights_folder,
)


def add_weights(path: Path, task: str | None = None) -> tuple[Path, NetworkRestorer]:
    """Puts the weights of a file into the weights folder, as safetensors: that, and its restorer.

    The file is a checkpoint of a published network or of a small one of ours. Its task is told by
    its network and its name; `task` says it where they do not. The header keeps the file's SHA-256.

    Raises InputError for files of other networks, for a task that the network has not, and where
    a file of that name is there with other weights.
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


def get_weights(name: str, on_progress: OnProgress) -> Path:
    """Fetches the file of a published network into the weights folder; what was cut off goes on.

    Raises InputError for an unknown name, and for one whose file has no known link and hash.
    """
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
    folder = weights_folder()
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / (entry.file + RELEASED)
    download(entry.link, output, entry.sha256, on_progress)
    return output


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
