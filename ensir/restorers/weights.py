"""Weights of our own networks as files: float16 safetensors under a header that says all of them.

The header is one JSON text under the key "ensir": the network, what it was trained on, and how well
it does on photographs that were held out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ensir.checkpoints import read_checkpoint, require_names
from ensir.errors import InputError
from ensir.files import shown_name, write_whole
from ensir.limits import MOST_HEADER_BYTES
from ensir.restorers.architectures import ARCHITECTURES, Settings

HEADER_KEY = "ensir"
WEIGHTS_FORMAT = "ensir weights 1"
# Of the widths and depths in a header: published networks have some hundred, and a network is laid
# out before its weights are looked at.
MOST_IN_ALL = 1_000


@dataclass(frozen=True, eq=False)
class Weights:
    """The learned numbers of a network, and what is known of them."""

    task: str
    architecture: str  # a name in ARCHITECTURES
    settings: Settings  # of that architecture
    tensors: dict[str, Tensor]  # float32, the network's state dict
    about: Mapping[str, Any]  # data, steps, seed, seconds, held-out PSNR by check, date

    def network(self) -> nn.Module:
        """The network with these weights, ready to restore, on the CPU."""
        network = ARCHITECTURES[self.architecture].network(self.settings)
        network.load_state_dict(self.tensors)
        return network.eval()


def weights_bytes(weights: Weights) -> bytes:
    """The file of weights, rounded to float16; the same weights give the same bytes."""
    # Weights that the network uses in several places are stored in each: files share nothing.
    tensors = {name: it.half().clone() for name, it in weights.tensors.items()}
    header = {
        "format": WEIGHTS_FORMAT,
        "task": weights.task,
        "architecture": weights.architecture,
        "settings": asdict(weights.settings),
        **weights.about,
    }
    return pack(tensors, header)


def write_weights(weights: Weights, path: Path) -> None:
    """Writes weights as float16, whole or not at all."""
    write_whole(path, weights_bytes(weights))


def load_weights(path: Path) -> Weights:
    """The weights in a file of ours, as float32.

    Raises InputError when the file is missing, damaged, of another kind, or when its tensors are
    not those of the network that its header describes.
    """
    name = shown_name(path)
    tensors, header = unpack(path, WEIGHTS_FORMAT)
    task, architecture = header.pop("task", None), header.pop("architecture", None)
    settings = header.pop("settings", None)
    if not isinstance(task, str) or architecture not in list(ARCHITECTURES):
        raise InputError(
            f"{name} holds weights of {str(architecture)[:80]!r}, known are "
            f"{', '.join(ARCHITECTURES)}: choose another file or a newer version of this program"
        )
    try:
        made = _settings(architecture, settings)
        with torch.device("meta"):
            state = ARCHITECTURES[architecture].network(made).state_dict()
    except (TypeError, OverflowError, RuntimeError):
        raise InputError(
            f"{name} is damaged: its header does not describe a network; make it or fetch it again"
        ) from None
    require_names({key: tuple(it.shape) for key, it in state.items()}, tensors, name)
    whole = {key: it.float() for key, it in tensors.items()}
    return Weights(task, architecture, made, whole, header)


def pack(tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> bytes:
    """Tensors under a header: the bytes of a safetensors file."""
    from safetensors.torch import save

    whole = {name: it.detach().cpu().contiguous() for name, it in tensors.items()}
    return save(whole, metadata={HEADER_KEY: json.dumps(header, sort_keys=True)})


def unpack(path: Path, wanted: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `pack` put into a file, the header without its format, which must be the one wanted."""
    tensors = read_checkpoint(path).tensors
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        text = file.read(min(length, MOST_HEADER_BYTES))
    try:
        header = json.loads(json.loads(text)["__metadata__"][HEADER_KEY])
        found = header.pop("format")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        found = "something else"
    if found != wanted:
        raise InputError(
            f"{shown_name(path)} holds {str(found)[:80]!r}, wanted {wanted!r}: choose another file"
        )
    return tensors, header


def _settings(architecture: str, said: object) -> Settings:
    """The settings in a header; TypeError or OverflowError for anything else."""
    if not isinstance(said, dict):
        raise TypeError
    fields: dict[str, Any] = {
        key: tuple(it) if isinstance(it, list) else it for key, it in said.items()
    }
    numbers = [it for value in fields.values() for it in _listed(value)]
    if not sum(numbers) <= MOST_IN_ALL:
        raise OverflowError
    return ARCHITECTURES[architecture].settings(**fields)


def _listed(value: Any) -> tuple[Any, ...]:  # noqa: ANN401 - whatever a header may hold
    return value if isinstance(value, tuple) else (value,)
