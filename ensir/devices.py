"""The devices there are, and what to call them."""

from __future__ import annotations

import os

import torch


def best_device() -> torch.device:
    """The first GPU that torch can use here, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_words(device: torch.device) -> str:
    """What a device is called on screen.

    >>> device_words(torch.device("cpu")).endswith((" CPU core", " CPU cores"))
    True
    """
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cores = _cores()
    return f"{cores} CPU core{'s' * (cores != 1)}"


def _cores() -> int:
    """The cores that this process may use, which on a shared machine are fewer than it has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
