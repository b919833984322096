"""What spandrel knows becomes a restorer; it is stood in for, since it is optional.

The stand-in has what the package offers: a loader from weights, and descriptors that restore.
"""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ensir.errors import InputError
from ensir.restorers import bring_weights, weights_folder
from ensir.restorers.bring_weights import add_weights
from ensir.restorers.pretrained import PretrainedFile, pretrained
from ensir.restorers.weights_folder import header_of, network_restorers

WEIGHTS = {"body.weight": torch.full((3, 3, 1, 1), 0.0)}
IMAGE = torch.arange(3 * 5 * 7, dtype=torch.uint8).reshape(3, 5, 7)


class Network(nn.Module):
    """A convolution of one pixel, then larger."""

    def __init__(self, state: dict[str, Tensor], scale: int) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 3, 1, bias=False)
        self.load_state_dict(state)
        self.scale = scale

    def forward(self, picture: Tensor) -> Tensor:
        return F.interpolate(self.body(picture) + picture, scale_factor=float(self.scale))


class Descriptor:
    def __init__(self, state: dict[str, Tensor]) -> None:
        self.scale = 2
        self.model = Network(state, self.scale)
        self.architecture = SimpleNamespace(name="SwinIR")
        self.purpose = "SR"
        self.input_channels = self.output_channels = 3
        self.size_requirements = SimpleNamespace(minimum=0, multiple_of=4, square=False)

    def __call__(self, image: Tensor) -> Tensor:
        return self.model(image)


class Loader:
    def load_from_state_dict(self, state: dict[str, Tensor]) -> object:
        if "body.weight" in state:
            return Descriptor(state)
        if "grey.weight" in state:
            return SimpleNamespace(input_channels=1, output_channels=1)
        raise RuntimeError("unsupported")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ENSIR_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setattr(weights_folder, "SHIPPED", tmp_path / "shipped")
    return tmp_path / "weights"


@pytest.fixture
def spandrel(monkeypatch: pytest.MonkeyPatch) -> None:
    package = ModuleType("spandrel")
    package.ModelLoader, package.ImageModelDescriptor = Loader, Descriptor  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spandrel", package)
    monkeypatch.setattr(bring_weights, "find_spec", lambda name: True)


@pytest.mark.usefixtures("spandrel")
def test_weights_that_spandrel_knows_become_a_restorer(folder: Path, tmp_path: Path) -> None:
    torch.save({"params": WEIGHTS}, tmp_path / "x4.pth")
    output, restorer = add_weights(tmp_path / "x4.pth")
    assert (restorer.name, restorer.task, restorer.scale) == (
        "SwinIR super-resolution, x4", "super-resolution", 2
    )  # fmt: skip
    assert list(network_restorers()) == [restorer.name]
    assert header_of(output) is not None and restorer.parameters == 9
    found = restorer.restore(IMAGE, lambda done, total: None, lambda: False)
    assert torch.equal(found, IMAGE.repeat_interleave(2, 1).repeat_interleave(2, 2))
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(output.read_bytes())
    assert add_weights(copy)[0].read_bytes() == output.read_bytes()


@pytest.mark.usefixtures("spandrel")
def test_a_name_too_long_to_be_listed_is_refused(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / f"{'x' * 70}.pth"
    torch.save({"params": WEIGHTS}, path)
    with pytest.raises(InputError, match=r"would be listed with the name 'SwinIR .*: rename"):
        add_weights(path)
    assert not folder.exists()


@pytest.mark.usefixtures("spandrel")
def test_what_it_does_not_know_or_is_not_of_colours_is_refused(
    folder: Path, tmp_path: Path
) -> None:
    for name, sentence in (
        ("other", "is of no network that is built in or that spandrel knows"),
        ("grey.weight", "is of a network that does not make colour pictures of colour pictures"),
    ):
        with pytest.raises(InputError, match=f"^x {sentence}"):
            pretrained({name: torch.zeros(1)}, "x")
    torch.save({"other": torch.zeros(1)}, tmp_path / "x.pth")
    with pytest.raises(InputError, match=r"^x\.pth is of no network"):
        add_weights(tmp_path / "x.pth")
    assert not folder.exists()


def test_without_it_the_sentence_says_how_to_get_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    monkeypatch.setattr(bring_weights, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install spandrel, and a torchvision that fits"):
        pretrained(WEIGHTS, "x")
    torch.save(WEIGHTS, tmp_path / "x.pth")
    with pytest.raises(InputError, match=r"holds no weights of MPRNet.*pip install spandrel"):
        add_weights(tmp_path / "x.pth")


def test_a_changed_file_is_another_network(tmp_path: Path) -> None:
    assert PretrainedFile(tmp_path, 1) == PretrainedFile(tmp_path, 1) != PretrainedFile(tmp_path, 2)
