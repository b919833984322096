import subprocess
import sys
import threading
from functools import cache
from types import ModuleType

import pytest
import torch

from ensir.ensemble import kernels


def test_kernels_are_those_of_the_device() -> None:
    assert kernels.compiled(torch.device("meta")) is None
    gpu = kernels.compiled(torch.device("cuda"))
    if not torch.cuda.is_available():
        assert gpu is None
    elif pytest.importorskip("triton"):
        assert gpu is not None and gpu.__name__.endswith("kernels.cuda")
    if pytest.importorskip("numba"):
        makers = kernels.compiled(torch.device("cpu"))
        assert makers is not None and makers.__name__.endswith("kernels.cpu")


def test_without_numba_torch_serves() -> None:
    code = (
        "import sys; sys.modules['numba'] = None\n"
        "import torch\n"
        "from ensir import Bins, gather_statistics, fit_statistics, ReferenceStatistics\n"
        "from ensir.ensemble import kernels\n"
        "assert kernels.compiled(torch.device('cpu')) is None\n"
        "kernels.warm().join()\n"
        "pictures = torch.arange(3 * 1 * 20 * 20).reshape(3, 1, 20, 20).to(torch.uint8)\n"
        "sums = gather_statistics(pictures, pictures[0], Bins(64, 3))\n"
        "table = fit_statistics(ReferenceStatistics(sums, ('a', 'b', 'c'), ('x',), 1)).table\n"
        "print(tuple(table.fuse(pictures).image.shape))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "(1, 20, 20)"


def test_warming_compiles_what_is_called_most() -> None:
    pytest.importorskip("numba")
    from ensir.ensemble.kernels import cpu

    kernels.warm().join(timeout=300)
    for kernel in (cpu.fuse_levels, cpu.mark_occupied, cpu.add_up, cpu.fit_cells):
        assert kernel.signatures


class Kernels(ModuleType):
    """Kernels that are compiled when they are let."""

    def __init__(self) -> None:
        super().__init__("kernels")
        self.let = threading.Event()

    def compile_all(self) -> None:
        assert self.let.wait(60)


@pytest.mark.parametrize("in_use", [False, True])
def test_until_kernels_are_warm_torch_serves_unless_they_are_in_use(
    monkeypatch: pytest.MonkeyPatch, in_use: bool
) -> None:
    made, cpu = Kernels(), torch.device("cpu")
    monkeypatch.setattr(kernels, "_for_cpu", cache(lambda: made))
    if in_use:
        assert kernels.compiled(cpu) is made
    loading = kernels.warm()
    assert kernels.compiled(cpu) is (made if in_use else None)
    made.let.set()
    loading.join(60)
    assert kernels.compiled(cpu) is made


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_kernels_that_cannot_be_warmed_are_asked_for_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = Kernels()
    monkeypatch.setattr(kernels, "_for_cpu", cache(lambda: made))
    monkeypatch.setattr(made, "compile_all", lambda: 1 / 0)
    kernels.warm().join(60)
    assert kernels.compiled(torch.device("cpu")) is made
