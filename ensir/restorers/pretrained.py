"""Networks that are not built in, by the optional package spandrel, which knows many more.

It tells a network by its weights. They are read by `ensir.checkpoints`: no unpickler of its own
touches a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ensir.checkpoints import read_checkpoint
from ensir.errors import InputError
from ensir.files import shown_name

TASKS = {"SR": "super-resolution", "FaceSR": "super-resolution"}  # by spandrel's words
REACH = 1_000_000  # nobody says: as far as is affordable
HOW_TO_GET_IT = (
    "the package spandrel knows more networks: pip install spandrel, and a torchvision that fits "
    "torch"
)


class Pretrained(nn.Module):
    """A network as spandrel describes it: takes (1, 3, H, W) in [0, 1] and pads by itself."""

    def __init__(self, described: Any) -> None:  # noqa: ANN401 - of an optional package
        super().__init__()
        self.network = described.model
        self.title = str(described.architecture.name)
        self.task = TASKS.get(described.purpose, "restoration")
        self.scale = int(described.scale)
        self.multiple = max(1, int(described.size_requirements.multiple_of))
        self.reach = REACH
        self._restore = described

    def forward(self, picture: Tensor) -> Tensor:
        return self._restore(picture)


@dataclass(frozen=True)
class PretrainedFile:
    """Makes the network whose weights a file holds, when it is called."""

    path: Path
    changed: int  # nanoseconds of some clock

    def __call__(self) -> nn.Module:
        """The network, on the CPU. Raises InputError where spandrel is gone or does not know it."""
        return pretrained(read_checkpoint(self.path).tensors, shown_name(self.path))


def pretrained(tensors: Mapping[str, Tensor], name: str) -> Pretrained:
    """The network that spandrel finds in weights; `name` is what the file is called.

    Raises InputError where the package is not here or does not fit torch, and for weights that it
    does not know or that are not of a network from colour pictures to colour pictures.
    """
    try:
        from spandrel import (  # type: ignore[import-not-found, unused-ignore]
            ImageModelDescriptor,
            ModelLoader,
        )
    except (ImportError, RuntimeError):  # the latter from a torchvision that does not fit torch
        raise InputError(f"{name} is of no network that is built in; {HOW_TO_GET_IT}") from None
    try:
        described = ModelLoader().load_from_state_dict(dict(tensors))
    except Exception:  # whatever its many detectors raise means the same to the user
        raise InputError(
            f"{name} is of no network that is built in or that spandrel knows: choose another file"
        ) from None
    channels = (described.input_channels, described.output_channels)
    if not isinstance(described, ImageModelDescriptor) or channels != (3, 3):
        raise InputError(
            f"{name} is of a network that does not make colour pictures of colour pictures: "
            "choose another file"
        )
    return Pretrained(described)
