"""The networks whose weights are here: those that are shipped, and those of the weights folder."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from ensir.checkpoints import read_checkpoint
from ensir.files import is_name, shown_name
from ensir.limits import MOST_HEADER_BYTES
from ensir.restorers.architectures import ARCHITECTURES
from ensir.restorers.network import TILE, NetworkRestorer
from ensir.restorers.pretrained import PretrainedFile
from ensir.restorers.recognition import fitted
from ensir.restorers.registry import (
    ENTRIES,
    HEAVY_TILE,
    SMALL_SECONDS,
    TITLES,
    UNKNOWN_SECONDS,
    Entry,
    entry_of,
)
from ensir.restorers.weights import HEADER_KEY, WEIGHTS_FORMAT, load_weights

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "assets" / "weights"
FOLDER_VARIABLE = "ENSIR_WEIGHTS"
OWN, RELEASED = ".safetensors", ".pth"
OWN_LICENCE = "code MIT, weights for research (photographs of BSDS500)"
OTHER_LICENCE = "its authors': see where it comes from"
ENLARGED = {"super-resolution": 4}  # how many times, by task; all others keep the size
SCALES = (1, 2, 3, 4, 8)
FOREIGN_FORMAT = "ensir weights for spandrel 1"
# MPRNet stores its one slope in as many copies; they count once.
SLOPE = ".body.1.weight"


@dataclass(frozen=True)
class StoredNetwork:
    """Makes the network whose weights a file holds, when it is called.

    Of the authors' files the entry says which network it must be. Two are equal as long as the
    file is not changed.
    """

    path: Path
    changed: int  # nanoseconds of some clock
    entry: Entry | None = None

    def __call__(self) -> nn.Module:
        """The network, on the CPU. Raises InputError when the file is not what it should be."""
        if self.entry is None:
            return load_weights(self.path).network()
        entry = self.entry
        tensors = read_checkpoint(self.path).tensors
        network = ARCHITECTURES[entry.architecture].network(entry.settings)
        wanted = fitted(entry.architecture, entry.settings, tensors, shown_name(self.path))
        network.load_state_dict(wanted)
        return network


@dataclass(frozen=True)
class Listed:
    """A network as `ensir models` lists it."""

    name: str
    task: str
    parameters: int
    bytes: int | None  # of its file; None where it is not there
    licence: str
    state: str

    def row(self) -> dict[str, object]:
        """Its values by name, as a line of a table."""
        return asdict(self)


def weights_folder() -> Path:
    """Where the operator keeps weights: what ENSIR_WEIGHTS names, else `weights` beside the app."""
    said = os.environ.get(FOLDER_VARIABLE)
    return Path(said) if said else ROOT / "weights"


def network_restorers() -> dict[str, NetworkRestorer]:
    """The restorers whose weights are here, by name; shipped ones first.

    Only the headers of files are read: a damaged file is found out when it is used. Files that are
    neither ours nor called like published ones are passed over; where two have one name, the file's
    own is added.
    """
    return {restorer.name: restorer for restorer, _, _ in found_networks()}


def listed() -> list[Listed]:
    """All networks there are and could be: what is here, then the published ones that are not."""
    found = found_networks()
    rows = [
        Listed(one.name, one.task, one.parameters, path.stat().st_size, one.licence, state)
        for one, path, state in found
    ]
    here = {path.stem for _, path, state in found if path.parent != SHIPPED}
    return rows + [
        Listed(
            entry.name,
            entry.task,
            entry.parameters,
            None,
            entry.licence,
            f"not there: get {entry.file}{RELEASED} from {entry.source} and `ensir models add` it",
        )
        for entry in ENTRIES
        if entry.file not in here
    ]


def header_of(path: Path) -> dict[str, Any] | None:
    """What the header of weights of ours says, with `parameters` counted; None for other files.

    Nothing but the header is read.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            text = file.read(length) if length <= MOST_HEADER_BYTES else b""
        entries = json.loads(text)
        header = json.loads(entries.pop("__metadata__")[HEADER_KEY])
        shapes = {name: entry["shape"] for name, entry in entries.items()}
        slopes = sum(name.endswith(SLOPE) and shape == [1] for name, shape in shapes.items())
        count = sum(math.prod(shape) for shape in shapes.values()) - max(slopes - 1, 0)
        ours = header["format"] == WEIGHTS_FORMAT and header["architecture"] in ARCHITECTURES
        if not (ours or header["format"] == FOREIGN_FORMAT) or not is_name(header["task"]):
            return None
        return {**header, "parameters": int(count)}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def found_networks() -> list[tuple[NetworkRestorer, Path, str]]:
    """The restorers whose weights are here, with their files and where these lie, in words."""
    found: dict[str, tuple[NetworkRestorer, Path, str]] = {}
    for folder, state in ((SHIPPED, "shipped"), (weights_folder(), "in the weights folder")):
        for path in _files(folder):
            restorer = restorer_of(path)
            if restorer is not None and restorer.name in found:
                restorer = restorer_of(path, besides=f", {path.stem}")
            if restorer is not None and restorer.name not in found:
                found[restorer.name] = restorer, path, state
    return list(found.values())


def _files(folder: Path) -> list[Path]:
    """The files that may hold weights, by name; of a file and its safetensors the latter."""
    try:
        there = sorted(path for path in folder.iterdir() if path.suffix in (OWN, RELEASED))
    except OSError:
        return []
    own = {path.stem for path in there if path.suffix == OWN}
    return [path for path in there if path.suffix == OWN or path.stem not in own]


def restorer_of(path: Path, besides: str = "") -> NetworkRestorer | None:
    """The restorer of a file, its name with something besides; None if it is not known whose."""
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return None
    if path.suffix == RELEASED:
        released = entry_of(path.stem)
        if released is None:
            return None
        network = StoredNetwork(path, changed, released)
        return _of_entry(released, network, released.name + besides, released.task)
    header = header_of(path)
    if header is None:
        return None
    if header["format"] == FOREIGN_FORMAT:
        return _of_spandrel(path, changed, header, besides)
    network = StoredNetwork(path, changed)
    architecture, task = header["architecture"], header["task"]
    said = header.get("settings")
    small = any(_same(asdict(ours), said) for ours in ARCHITECTURES[architecture].ours)
    name = f"{'small ' * small}{TITLES[architecture]} {task}"
    if is_name(header.get("name")):
        name = header["name"]
    if not names_a_restorer(name):
        return None
    entry = _entry_with(architecture, said)
    if entry is not None:
        return _of_entry(entry, network, name + besides, task)
    scale = ENLARGED.get(task, 1)
    seconds = SMALL_SECONDS[architecture] if small else UNKNOWN_SECONDS
    return NetworkRestorer(
        name=name + besides,
        task=task,
        licence=OWN_LICENCE if path.parent == SHIPPED else OTHER_LICENCE,
        parameters=header["parameters"],
        seconds_per_megapixel=seconds * scale**2,
        network=network,
        scale=scale,
        tile=TILE if small else HEAVY_TILE,
    )


def _of_spandrel(
    path: Path, changed: int, header: Mapping[str, Any], besides: str
) -> NetworkRestorer | None:
    """The restorer of weights that spandrel makes a network of."""
    name, scale = str(header.get("name")), header.get("scale")
    if not names_a_restorer(name) or scale not in SCALES:
        return None
    return NetworkRestorer(
        name=name + besides,
        task=header["task"],
        licence=OTHER_LICENCE,
        parameters=header["parameters"],
        seconds_per_megapixel=UNKNOWN_SECONDS,
        network=PretrainedFile(path, changed),
        scale=scale,
        enlarges=scale > 1,
        tile=HEAVY_TILE,
    )


def names_a_restorer(name: str) -> bool:
    """Whether it can be shown whole, and a folder called so: the command line writes into such."""
    return is_name(name) and Path(name).name == name and name != ".." and "\\" not in name


def _of_entry(entry: Entry, network: StoredNetwork, name: str, task: str) -> NetworkRestorer:
    return NetworkRestorer(
        name=name,
        task=task,
        licence=entry.licence,
        parameters=entry.parameters,
        seconds_per_megapixel=entry.seconds_per_megapixel,
        network=network,
        tile=entry.tile,
        bytes_per_pixel=entry.bytes_per_pixel,
    )


def _entry_with(architecture: str, settings: object) -> Entry | None:
    """An entry of this network, whatever it is for: all of them take the same time."""
    same = (
        entry
        for entry in ENTRIES
        if entry.architecture == architecture and _same(asdict(entry.settings), settings)
    )
    return next(same, None)


def _same(settings: Mapping[str, object], said: object) -> bool:
    """Whether a header says these settings; in JSON a tuple is a list."""
    return json.loads(json.dumps(settings)) == said
