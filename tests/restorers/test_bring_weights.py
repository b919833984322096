"""Files of others become ours with nothing lost, or are refused."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ensir.checkpoints import read_checkpoint
from ensir.errors import InputError
from ensir.restorers import bring_weights as module
from ensir.restorers.bring_weights import add_weights
from ensir.restorers.mprnet import DERAINING, MPRNet
from ensir.restorers.restormer import WITH_BIAS, Restormer
from ensir.restorers.weights import load_weights, write_weights
from ensir.restorers.weights_folder import header_of, network_restorers
from tests.restorers.test_weights_folder import (
    WITHOUT_A_LOOK,
    deraining,
    directly,
    folder,
    image,
    save,
    small,
)

assert folder  # the fixture


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_an_added_checkpoint_is_stored_bit_by_bit_with_its_hash(
    folder: Path, tmp_path: Path, zipped: bool
) -> None:
    network = deraining()
    path = save(tmp_path / "model_deraining.pth", network.state_dict(), zipped=zipped)
    output, restorer = add_weights(path)
    assert output == folder / "model_deraining.safetensors"
    assert restorer.name == "MPRNet deraining"
    header = header_of(output)
    assert header is not None and header["sha256"] == read_checkpoint(path).sha256
    stored = load_weights(output).tensors
    assert all(torch.equal(stored[name], it) for name, it in network.state_dict().items())
    assert add_weights(path)[0] == output  # again: nothing new
    assert [one.name for one in network_restorers().values()] == ["MPRNet deraining"]
    expected = directly(network, image())
    found = restorer.restore(image(), *WITHOUT_A_LOOK)
    assert (found.int() - expected.int()).abs().max() <= 1


def test_a_file_of_a_name_that_is_there_is_not_replaced(folder: Path, tmp_path: Path) -> None:
    path = save(tmp_path / "model_deraining.pth", deraining().state_dict())
    output, _ = add_weights(path)
    before = output.read_bytes()
    torch.manual_seed(1)
    save(path, MPRNet(DERAINING).state_dict())
    with pytest.raises(InputError, match="in the weights folder with other weights"):
        add_weights(path)
    assert output.read_bytes() == before


def test_our_own_file_is_added_as_it_is(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    write_weights(small("deraining", "restormer"), path)
    output, restorer = add_weights(path)
    assert output.read_bytes() == path.read_bytes()
    assert restorer.name == "small Restormer deraining"


def test_the_task_is_told_by_the_network_or_the_name_or_has_to_be_said(
    folder: Path, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    state = {name: it.half() for name, it in Restormer(WITH_BIAS).state_dict().items()}
    for name, task in (
        ("motion_deblurring", "deblurring"),
        ("single_image_defocus_deblurring", "defocus deblurring"),
    ):
        path = save(tmp_path / f"{name}.pth", state)
        output, restorer = add_weights(path)
        assert (restorer.task, restorer.name) == (task, f"Restormer {task}")
        output.unlink()
        path.unlink()
    path = save(tmp_path / "latest.pth", state)
    with pytest.raises(InputError, match="deraining or deblurring or defocus deblurring: say by"):
        add_weights(path)
    with pytest.raises(InputError, match="not denoising"):
        add_weights(path, "denoising")
    assert add_weights(path, "deraining")[1].name == "Restormer deraining, latest"


def test_a_known_hash_is_demanded(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "model_deraining.pth", deraining().state_dict())
    pinned = replace(module.entry_of("model_deraining"), sha256="0" * 64)  # type: ignore[type-var]
    monkeypatch.setattr(module, "entry_of", lambda file: pinned)
    with pytest.raises(InputError, match=r"not the file that github\.com/swz30/MPRNet offers"):
        add_weights(path)
    assert not list(folder.iterdir())


@pytest.mark.parametrize("content", [b"", b"rain", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_refused_and_nothing_is_written(
    folder: Path, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "model_deraining.pth").write_bytes(content)
    with pytest.raises(InputError, match=r"^model_deraining\.pth"):
        add_weights(tmp_path / "model_deraining.pth")
    assert not list(folder.iterdir())
