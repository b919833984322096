"""Compiled makers of what `ensir.ensemble` defines in torch: faster, never different.

A maker serves the device that the data are on. Torch, the definition, serves every other device,
the CPU too where there is no Numba, and GPUs where there is no Triton.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from types import ModuleType

import torch

_cold = threading.Event()  # the CPU's kernels are to be warmed, and torch serves until they are


def compiled(device: torch.device) -> ModuleType | None:
    """The module of kernels for tensors on `device`; None where torch is to serve them.

    It has `fuse_pictures`, `sum_by_bin_set` and `fit_mixtures`, and `weights_of_pixels`, which is
    None where torch is to look those up.
    """
    if device.type == "cpu":
        return None if _cold.is_set() else _for_cpu()
    return _for_cuda() if device.type == "cuda" else None


def warm(wait: Callable[[], bool] | None = None) -> threading.Thread:
    """Compiles the kernels in the background, or reads them from disk where they are compiled.

    It begins when `wait` returns True, and takes many seconds the first time on a machine, one
    after that. Nobody waits for it: if no kernel was needed yet, torch serves until it is done.
    """

    def compile_all() -> None:
        if wait is not None and not wait():
            return
        try:
            kernels = _for_cpu()
            if kernels is not None:
                kernels.compile_all()
        finally:
            _cold.clear()

    if not _for_cpu.cache_info().currsize:
        _cold.set()
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


@cache
def _for_cuda() -> ModuleType | None:
    if not torch.cuda.is_available():
        return None
    try:
        from ensir.ensemble.kernels import cuda

        cuda.occupied_sets(torch.zeros(1, 1, 1, 1, dtype=torch.uint8, device="cuda"), 256, 1)
    except Exception:  # no Triton, or it finds no C compiler, or does not know the GPU
        return None
    return cuda
