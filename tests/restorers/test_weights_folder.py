"""Networks are found by the files that are there, and files of others become ours or are refused.

The checkpoints are in the layout of MPRNet's authors, with weights of our own.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ensir.ensemble.levels import levels_of
from ensir.errors import InputError
from ensir.restorers import weights_folder as module
from ensir.restorers.architectures import ARCHITECTURES
from ensir.restorers.mprnet import DERAINING, MPRNet
from ensir.restorers.network import NetworkRestorer
from ensir.restorers.registry import ENTRIES
from ensir.restorers.weights import Weights, write_weights
from ensir.restorers.weights_folder import (
    StoredNetwork,
    header_of,
    listed,
    network_restorers,
    weights_folder,
)
from tests.restorers.test_mprnet import VALUES, golden_weights, layouts, needs_golden

WITHOUT_A_LOOK = (lambda done, total: None, lambda: False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty weights folder, and nothing shipped."""
    monkeypatch.setenv("ENSIR_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setattr(module, "SHIPPED", tmp_path / "shipped")
    (tmp_path / "weights").mkdir()
    (tmp_path / "shipped").mkdir()
    return tmp_path / "weights"


def deraining() -> MPRNet:
    torch.manual_seed(0)
    return MPRNet(DERAINING).eval()


def save(path: Path, state: dict[str, Tensor], *, zipped: bool = True) -> Path:
    """A checkpoint as the authors of MPRNet and Restormer write them."""
    optimizer = {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 2e-4}]}
    content = {
        "epoch": 250,
        "state_dict": {f"module.{name}": it for name, it in state.items()},
        "optimizer": optimizer,
    }
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def small(task: str, architecture: str, **about: object) -> Weights:
    torch.manual_seed(0)
    made = ARCHITECTURES[architecture]
    state = made.network(made.small).state_dict()
    return Weights(task, architecture, made.small, dict(state), about)


def image() -> Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (3, 30, 43), generator=draw, dtype=torch.uint8)


def directly(network: MPRNet, picture: Tensor) -> Tensor:
    """What the network makes of a picture that is padded by hand."""
    padded = np.pad(picture.numpy(), ((0, 0), (0, 2), (0, 5)), mode="reflect")
    with torch.inference_mode():
        made = network(torch.from_numpy(padded)[None].float() / 255)[0]
    return levels_of(255 * made[0, :, :30, :43].clamp(0, 1))


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_checkpoint_of_the_authors_restores_as_the_network_does(
    folder: Path, zipped: bool
) -> None:
    network = deraining()
    save(folder / "model_deraining.pth", network.state_dict(), zipped=zipped)
    (restorer,) = network_restorers().values()
    assert (restorer.name, restorer.task) == ("MPRNet deraining", "deraining")
    assert restorer.parameters == 3_637_249
    found = restorer.restore(image(), *WITHOUT_A_LOOK)
    expected = directly(network, image())
    # Channels-last sums in another order: a value at half a level may round the other way.
    assert (found.int() - expected.int()).abs().max() <= 1
    assert (found != expected).float().mean() < 0.01


@needs_golden
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_stored_network_agrees_with_the_published_one(folder: Path, zipped: bool) -> None:
    weights = golden_weights(layouts()["deraining"]["tensors"])
    save(folder / "model_deraining.pth", weights, zipped=zipped)
    (restorer,) = network_restorers().values()
    with np.load(VALUES) as golden, torch.inference_mode():
        picture = torch.from_numpy(golden["full_deraining_input"])[None]
        made = restorer.network()(picture)[0][0]
        expected = torch.from_numpy(golden["full_deraining_stage3"])
    # The tolerance of the golden values.
    assert (made - expected).abs().max() < 1e-5


def test_a_checkpoint_of_another_network_is_refused_with_what_was_expected(folder: Path) -> None:
    save(folder / "model_deblurring.pth", deraining().state_dict())
    (restorer,) = network_restorers().values()
    with pytest.raises(InputError, match=r"model_deblurring\.pth .*MPRNet of 96 features") as said:
        restorer.restore(image(), *WITHOUT_A_LOOK)
    assert str(folder) not in str(said.value)


@pytest.mark.parametrize("content", [b"", b"rain", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_listed_and_refused_when_it_is_used(folder: Path, content: bytes) -> None:
    (folder / "model_deraining.pth").write_bytes(content)
    (restorer,) = network_restorers().values()
    with pytest.raises(InputError, match=r"model_deraining\.pth"):
        restorer.restore(image(), *WITHOUT_A_LOOK)


def test_listing_reads_headers_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(folder / "model_deraining.pth", deraining().state_dict())
    write_weights(
        small("denoising", "nafnet"), folder.parent / "shipped" / "denoising-nafnet.safetensors"
    )
    monkeypatch.setattr(module, "load_weights", None)
    monkeypatch.setattr(module, "read_checkpoint", None)
    found = network_restorers()
    assert list(found) == ["small NAFNet denoising", "MPRNet deraining"]
    rows = {row.name: row for row in listed()}
    assert rows["small NAFNet denoising"].state == "shipped"
    assert rows["MPRNet deraining"].state == "in the weights folder"
    assert rows["MPRNet deraining"].bytes == (folder / "model_deraining.pth").stat().st_size
    assert rows["MPRNet denoising"].bytes is None
    assert "get model_denoising.pth from github.com/swz30/MPRNet" in rows["MPRNet denoising"].state
    assert set(rows) == {*found, *(entry.name for entry in ENTRIES)}


@pytest.mark.parametrize("architecture", list(ARCHITECTURES))
def test_our_own_weights_are_restorers(folder: Path, architecture: str) -> None:
    weights = small("denoising", architecture)
    write_weights(weights, folder / f"denoising-{architecture}.safetensors")
    (restorer,) = network_restorers().values()
    network = weights.network()
    assert restorer.parameters == sum(it.numel() for it in network.parameters())
    assert restorer.scale == 1
    found = restorer.restore(image(), *WITHOUT_A_LOOK)
    one = NetworkRestorer("direct", "", "", 0, 0, lambda: network)
    expected = one.restore(image(), *WITHOUT_A_LOOK)
    assert (found.int() - expected.int()).abs().max() <= 1  # stored as float16


def test_super_resolution_enlarges_four_times(folder: Path) -> None:
    write_weights(small("super-resolution", "nafnet"), folder / "sr.safetensors")
    (restorer,) = network_restorers().values()
    assert restorer.scale == 4
    assert restorer.restore(image()[:, :9, :15], *WITHOUT_A_LOOK).shape == (3, 36, 60)


def test_two_files_of_one_name_are_told_apart(folder: Path) -> None:
    for name in ("a", "b"):
        write_weights(small("denoising", "nafnet"), folder / f"{name}.safetensors")
    assert list(network_restorers()) == ["small NAFNet denoising", "small NAFNet denoising, b"]


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff" * 64, b"\x02\0\0\0\0\0\0\0{}", b"\x02\0\0\0\0\0\0\0[]", b"\4\0\0\0\0\0\0\0null"],
)
def test_files_without_a_header_of_ours_are_passed_over(folder: Path, content: bytes) -> None:
    (folder / "foreign.safetensors").write_bytes(content)
    (folder / "unknown.pth").write_bytes(content)
    (folder / "folder.safetensors").mkdir()
    assert network_restorers() == {}
    assert header_of(folder / "foreign.safetensors") is None


@pytest.mark.parametrize("name", ["../up", "/root", "..", "a\\b"])
def test_a_name_that_leads_out_of_a_folder_is_passed_over(folder: Path, name: str) -> None:
    write_weights(small("denoising", "nafnet", name=name), folder / "x.safetensors")
    assert network_restorers() == {}


def test_a_changed_file_is_another_network(folder: Path) -> None:
    path = folder / "x.safetensors"
    assert StoredNetwork(path, 1) == StoredNetwork(path, 1) != StoredNetwork(path, 2)


def test_the_weights_folder_lies_beside_the_app_or_where_the_operator_says(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert weights_folder() == folder
    monkeypatch.delenv("ENSIR_WEIGHTS")
    assert weights_folder() == Path(module.__file__).parents[2] / "weights"
    ignored = (Path(module.__file__).parents[2] / ".gitignore").read_text().splitlines()
    assert "/weights/" in ignored
