"""Outputs of other programs are restorers by the names of their files."""

from pathlib import Path

import pytest
import torch

from ensir.errors import Cancelled, InputError
from ensir.images import write_image
from ensir.restorers.precomputed import PrecomputedOutput, kept_outputs
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


def test_whether_there_is_an_output_is_told_without_reading_it(outputs: Path) -> None:
    (outputs / "broken.png").write_bytes(b"")
    (outputs / "7.txt").write_bytes(b"")
    there = {name: PrecomputedOutput(outputs, name).is_there for name in ("0", "broken", "7", "")}
    assert there == {"0": True, "broken": True, "7": False, "": False}
    assert PrecomputedOutput(outputs, "").count == 3
    assert not PrecomputedOutput(outputs / "nowhere", "0").is_there


def test_folders_of_outputs_lie_in_the_weights_folder(
    outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENSIR_WEIGHTS", str(outputs.parent))
    assert kept_outputs("1") == {}
    (outputs.parent / "outputs").mkdir()
    outputs.rename(outputs.parent / "outputs" / "MambaIR")
    for name in (".hidden", "DGUNet", "x" * 81):
        (outputs.parent / "outputs" / name).mkdir()
    (outputs.parent / "outputs" / "notes.txt").write_text("no folder")
    found = kept_outputs("1")
    assert list(found) == ["DGUNet", "MambaIR"]
    assert torch.equal(found["MambaIR"].restore(PICTURE, watch, lambda: False), CANDIDATES[1])


def test_a_stop_is_honoured(outputs: Path) -> None:
    with pytest.raises(Cancelled):
        PrecomputedOutput(outputs, "0").restore(PICTURE, watch, lambda: True)
