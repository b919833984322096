"""A network is recognised by the names and shapes of its weights, and by nothing else."""

import pytest
import torch
from torch import Tensor

from ensir.errors import InputError
from ensir.restorers.architectures import ARCHITECTURES, Settings
from ensir.restorers.mprnet import DERAINING
from ensir.restorers.nafnet import GOPRO_32
from ensir.restorers.recognition import PUBLISHED, fitted, layout, recognised
from ensir.restorers.restormer import BIAS_FREE

KNOWN = [
    (architecture, settings)
    for architecture in ARCHITECTURES
    for settings in dict.fromkeys(
        [*PUBLISHED[architecture].values(), *ARCHITECTURES[architecture].ours]
    )
]


def weights_of(architecture: str, settings: Settings) -> dict[str, Tensor]:
    """Weights of one value: as many numbers as there are, without the memory for them."""
    shapes = layout(architecture, settings)
    return {name: torch.tensor(0.5).expand(shape) for name, shape in shapes.items()}


@pytest.mark.parametrize(("architecture", "settings"), KNOWN, ids=str)
def test_every_known_network_is_recognised(architecture: str, settings: Settings) -> None:
    assert recognised(weights_of(architecture, settings), "x.pth") == (architecture, settings)


def test_one_slope_or_all_its_copies_are_accepted() -> None:
    weights = weights_of("mprnet", DERAINING)
    slopes = [name for name, it in weights.items() if it.shape == (1,)]
    for name in slopes[1:]:
        del weights[name]
    assert recognised(weights, "x.pth") == ("mprnet", DERAINING)
    whole = fitted("mprnet", DERAINING, weights, "x.pth")
    assert list(whole) == list(layout("mprnet", DERAINING))
    assert all(it.dtype == torch.float32 for it in whole.values())


def test_half_precision_becomes_float32() -> None:
    weights = {name: it.half() for name, it in weights_of("nafnet", GOPRO_32).items()}
    assert {it.dtype for it in fitted("nafnet", GOPRO_32, weights, "x").values()} == {torch.float32}


def test_what_is_missing_or_too_many_is_said_with_the_name_of_the_file() -> None:
    weights = weights_of("restormer", BIAS_FREE)
    del weights["output.weight"]
    with pytest.raises(InputError, match=r"^x\.pth is not of this network: it lacks .*output"):
        recognised(weights, "x.pth")
    weights = weights_of("mprnet", DERAINING)
    weights["extra"] = torch.zeros(1)
    with pytest.raises(InputError, match=r"^x\.pth cannot be used: an MPRNet of 40 .*'extra'"):
        recognised(weights, "x.pth")


def test_weights_of_another_network_are_refused_with_what_is_known() -> None:
    with pytest.raises(InputError, match=r"x\.pth holds no weights of MPRNet, NAFNet, Restormer"):
        recognised({"conv.weight": torch.zeros(3, 3)}, "x.pth")
