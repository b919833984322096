"""The network families there are, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from ensir.restorers.mprnet import SMALL as SMALL_MPRNET
from ensir.restorers.mprnet import SMALLER as SMALLER_MPRNET
from ensir.restorers.mprnet import MPRNet, MPRNetSettings
from ensir.restorers.nafnet import SMALL as SMALL_NAFNET
from ensir.restorers.nafnet import NAFNet, NAFNetSettings
from ensir.restorers.restormer import SMALL as SMALL_RESTORMER
from ensir.restorers.restormer import SMALLER as SMALLER_RESTORMER
from ensir.restorers.restormer import Restormer, RestormerSettings

Settings = MPRNetSettings | NAFNetSettings | RestormerSettings


@dataclass(frozen=True)
class Architecture:
    """A family of networks: `network(settings)` is one of them."""

    network: Callable[[Any], nn.Module]
    settings: type[Settings]
    ours: tuple[Settings, ...]  # that we trained ourselves, those that we train now first

    @property
    def small(self) -> Settings:
        """The settings that we train."""
        return self.ours[0]


ARCHITECTURES: dict[str, Architecture] = {
    "mprnet": Architecture(MPRNet, MPRNetSettings, (SMALL_MPRNET, SMALLER_MPRNET)),
    "nafnet": Architecture(NAFNet, NAFNetSettings, (SMALL_NAFNET,)),
    "restormer": Architecture(Restormer, RestormerSettings, (SMALL_RESTORMER, SMALLER_RESTORMER)),
}
