"""Outputs of other programs are restorers by the names of their files."""

from pathlib import Path

import pytest
import torch

from ensir.errors import Cancelled, InputError
from ensir.images import write_image
from ensir.restorers.precomputed import PrecomputedOutput
from tests.conftest import make_pictures

CANDIDATES, PICTURE = make_pictures(1, 2)


def watch(done: int, total: int) -> None:
    assert (done, total) == (1, 1)


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    (tmp_path / "MambaIR").mkdir()
    for number, candidate in enumerate(CANDIDATES):
        write_image(tmp_path / "MambaIR" / f"{number}.png", candidate)
    return tmp_path / "MambaIR"


def test_the_output_of_the_same_name_is_the_candidate(outputs: Path) -> None:
    one = PrecomputedOutput(outputs, "1")
    assert one.name == "MambaIR"
    assert torch.equal(one.restore(PICTURE, watch, lambda: False), CANDIDATES[1])


def test_a_missing_or_doubled_output_is_said_without_a_folder(outputs: Path) -> None:
    with pytest.raises(InputError, match=r"^MambaIR holds no output for 7: keep one") as refused:
        PrecomputedOutput(outputs, "7").restore(PICTURE, watch, lambda: False)
    assert str(outputs.parent) not in str(refused.value)
    (outputs / "1.jpg").write_bytes((outputs / "1.png").read_bytes())
    with pytest.raises(InputError, match=r"holds 1\.jpg and 1\.png for 1"):
        PrecomputedOutput(outputs, "1").restore(PICTURE, watch, lambda: False)
    with pytest.raises(InputError, match="nowhere is not a folder of outputs"):
        PrecomputedOutput(outputs / "nowhere", "1").restore(PICTURE, watch, lambda: False)


def test_an_output_of_another_size_is_refused(outputs: Path) -> None:
    with pytest.raises(InputError, match="0 is 20 × 24 pixels and its output in MambaIR 24 × 24"):
        PrecomputedOutput(outputs, "0").restore(PICTURE[:, :, :20], watch, lambda: False)


def test_a_stop_is_honoured(outputs: Path) -> None:
    with pytest.raises(Cancelled):
        PrecomputedOutput(outputs, "0").restore(PICTURE, watch, lambda: True)
