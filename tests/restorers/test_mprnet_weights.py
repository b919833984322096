"""Weights of MPRNet are taken however files hold them, or are refused with what was expected."""

import pytest
import torch
from torch import Tensor

from ensir.errors import InputError
from ensir.restorers.mprnet import MPRNet, MPRNetSettings
from ensir.restorers.mprnet_weights import state_dict_for
from tests.restorers.test_mprnet import TINY, make


def of_file(settings: MPRNetSettings) -> dict[str, Tensor]:
    """Weights as a file holds them: separate copies of the slope."""
    state = make(settings, seed=5).state_dict()
    return {name: tensor.clone() for name, tensor in state.items()}


@pytest.mark.parametrize("copies", ["all", "one"])
def test_files_with_one_slope_or_all_copies_load(copies: str) -> None:
    weights = of_file(TINY)
    slopes = [name for name, tensor in weights.items() if tensor.shape == (1,)]
    kept = slopes if copies == "all" else slopes[7:8]
    for name in slopes:
        weights[name].fill_(0.125)
        if name not in kept:
            del weights[name]
    network = MPRNet(TINY)
    network.load_state_dict(state_dict_for(TINY, weights))
    for name, tensor in weights.items():
        assert torch.equal(network.state_dict()[name], tensor)
    assert all(
        slope.item() == 0.125 for slope in network.state_dict().values() if slope.shape == (1,)
    )


def test_weights_that_do_not_fit_are_refused_with_what_was_expected() -> None:
    def refuse(weights: dict[str, Tensor], sentence: str) -> None:
        with pytest.raises(InputError, match=sentence):
            state_dict_for(TINY, weights)

    whole = of_file(TINY)
    slopes = [name for name, tensor in whole.items() if tensor.shape == (1,)]
    without = {name: tensor for name, tensor in whole.items() if not name.startswith("sam12")}
    refuse(without, r"has 226 weights, 'sam12.conv1.weight' and 2 more not given")
    refuse(whole | {"head.weight": torch.zeros(1)}, "got 'head.weight' besides")
    refuse(
        whole | {"tail.weight": torch.zeros(3, 5, 3, 3)},
        r"'tail.weight' of shape \(3, 12, 3, 3\), got \(3, 5, 3, 3\)",
    )
    refuse(whole | {slopes[4]: torch.tensor([0.3])}, "37 equal copies, got 2 different ones")
    refuse(whole | {slopes[4]: torch.tensor(0.25)}, r"of shape \(1,\), got \(\)")
    refuse({n: it for n, it in whole.items() if n not in slopes}, "and 36 more not given")
    refuse({}, "and 225 more not given")
