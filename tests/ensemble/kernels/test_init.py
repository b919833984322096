import subprocess
import sys

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
