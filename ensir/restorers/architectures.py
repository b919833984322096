"""The network families there are, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from ensir.restorers.mprnet import SMALL as SMALL_MPRNET
from ensir.restorers.mprnet import MPRNet, MPRNetSettings
from ensir.restorers.nafnet import SMALL as SMALL_NAFNET
from ensir.restorers.nafnet import NAFNet, NAFNetSettings
from ensir.restorers.restormer import SMALL as SMALL_RESTORMER
from ensir.restorers.restormer import Restormer, RestormerSettings

Settings = MPRNetSettings | NAFNetSettings | RestormerSettings


@dataclass(frozen=True)
class Architecture:
    """A family of networks: `network(settings)` is one of them."""

    network: Callable[[Any], nn.Module]
    settings: type[Settings]
    small: Settings  # the settings that we train ourselves


ARCHITECTURES: dict[str, Architecture] = {
    "mprnet": Architecture(MPRNet, MPRNetSettings, SMALL_MPRNET),
    "nafnet": Architecture(NAFNet, NAFNetSettings, SMALL_NAFNET),
    "restormer": Architecture(Restormer, RestormerSettings, SMALL_RESTORMER),
}
