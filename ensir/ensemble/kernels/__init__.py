"""Compiled makers of what `ensir.ensemble` defines in torch: faster, never different.

A maker serves the device that the data are on. Torch, the definition, serves every other device,
and the CPU too where there is no Numba.
"""

from __future__ import annotations

import threading
from functools import cache
from types import ModuleType

import torch


def compiled(device: torch.device) -> ModuleType | None:
    """The module of kernels for tensors on `device`; None where torch is to serve them.

    It has `fuse_pictures`, `sum_by_bin_set` and `fit_mixtures`.
    """
    return _for_cpu() if device.type == "cpu" else None


def warm() -> threading.Thread:
    """Compiles the kernels in the background, or reads them from disk where they are compiled.

    Seconds the first time on a machine, a fraction of one after that; whoever needs a kernel
    before its time waits for it.
    """

    def compile_all() -> None:
        kernels = _for_cpu()
        if kernels is not None:
            kernels.compile_all()

    thread = threading.Thread(target=compile_all, name="ensir-warm", daemon=True)
    thread.start()
    return thread


@cache
def _for_cpu() -> ModuleType | None:
    try:
        from ensir.ensemble.kernels import cpu
    except (ImportError, RuntimeError):  # no Numba, or no folder where it may keep what it compiles
        return None
    return cpu
