"""MPRNet against golden values of the published network, and against the equations of the paper."""

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ensir.errors import InputError
from ensir.restorers import mprnet
from ensir.restorers.mprnet import (
    DEBLURRING,
    DENOISING,
    DERAINING,
    PUBLISHED,
    SMALL,
    SMALLER,
    MPRNet,
    MPRNetSettings,
)
from ensir.restorers.mprnet_weights import state_dict_for
from tests.conftest import SHARED

LAYOUTS = SHARED / "golden" / "mprnet_state_dicts.json"
VALUES = SHARED / "golden" / "mprnet_golden.npz"
TINY = MPRNetSettings(features=8, scale_unet=4, scale_orsnet=4, cabs=2)
GAIN = 0.6  # of the golden weights

needs_golden = pytest.mark.skipif(
    not (LAYOUTS.is_file() and VALUES.is_file()),
    reason="the shared data are not here: ../shared/data/golden is missing",
)


def layouts() -> dict[str, dict[str, Any]]:
    """The published layouts: those of the three tasks and that of a small one."""
    golden = json.loads(LAYOUTS.read_text(encoding="utf-8"))
    return {**golden["tasks"], "tiny": golden["tiny"]}


def settings_in(constructor: dict[str, int]) -> MPRNetSettings:
    return MPRNetSettings(
        features=constructor["n_feat"],
        scale_unet=constructor["scale_unetfeats"],
        scale_orsnet=constructor["scale_orsnetfeats"],
        cabs=constructor["num_cab"],
        reduction=constructor["reduction"],
    )


def golden_weights(tensors: list[tuple[str, list[int]]]) -> dict[str, Tensor]:
    """The deterministic weights of the golden values, float32: exact whole numbers, then scaled."""
    weights = {}
    for place, (name, shape) in enumerate(tensors):
        index = np.arange(1, math.prod(shape) + 1, dtype=np.int64)
        hashed = (7919 * index**2 + 10007 * index + 15485863 * (place + 1)) % 65537
        scale = GAIN * math.sqrt(3 / math.prod(shape[1:]))
        values = scale * (2 * hashed / 65537 - 1) if shape != [1] else np.full(1, 0.25)
        weights[name] = torch.from_numpy(values.astype(np.float32)).reshape(shape)
    return weights


def on_meta(settings: MPRNetSettings) -> MPRNet:
    """The network without memory for its weights."""
    with torch.device("meta"):
        return MPRNet(settings)


def make(settings: MPRNetSettings, seed: int = 0, dtype: torch.dtype = torch.float32) -> MPRNet:
    torch.manual_seed(seed)
    return MPRNet(settings).to(dtype).eval()


def picture(*shape: int, seed: int = 1, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def columns_read(network: MPRNet, width: int, column: int) -> Tensor:
    """The columns of a picture that a column of the result depends on, by its derivative."""
    image = picture(1, 3, network.multiple, width, dtype=torch.float64).requires_grad_()
    network(image)[0][..., column].sum().backward()
    assert image.grad is not None
    return image.grad.abs().sum((0, 1, 2)).nonzero().flatten()


@needs_golden
@pytest.mark.parametrize("task", ["deblurring", "denoising", "deraining", "tiny"])
def test_names_and_shapes_are_the_published_ones_in_their_order(task: str) -> None:
    layout = layouts()[task]
    network = on_meta(settings_in(layout["constructor"]))
    found = [[name, list(tensor.shape)] for name, tensor in network.state_dict().items()]
    assert found == layout["tensors"]
    assert sum(it.numel() for it in network.parameters()) == layout["parameters"]
    if task in PUBLISHED:
        assert network.settings == PUBLISHED[task]


@needs_golden
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)], ids=str
)
@pytest.mark.parametrize("case", ["tiny", "full_deraining"])
def test_all_stages_agree_with_the_published_network(
    case: str, dtype: torch.dtype, tolerance: float
) -> None:
    # The tolerances are those of the golden values: eight times the rounding that was measured.
    layout = layouts()[case.removeprefix("full_")]
    weights = golden_weights(layout["tensors"])
    settings = settings_in(layout["constructor"])
    network = MPRNet(settings)
    network.load_state_dict(state_dict_for(settings, weights))
    with np.load(VALUES) as golden, torch.inference_mode():
        image = torch.from_numpy(golden[f"{case}_input"])[None].to(dtype)
        stages = network.to(dtype)(image)
        for stage, number in zip(stages, (3, 2, 1), strict=True):
            expected = torch.from_numpy(golden[f"{case}_stage{number}"])
            assert (stage[0].double() - expected).abs().max() < tolerance


@pytest.mark.parametrize(
    ("settings", "parameters", "billions"),
    [
        (DEBLURRING, 20_127_073, 759.4),
        (DENOISING, 15_741_025, 572.9),
        (DERAINING, 3_637_249, 141.0),
        (SMALL, 878_053, 11.4),
        (SMALLER, 388_885, 7.8),
    ],
    ids=["deblurring", "denoising", "deraining", "small", "smaller"],
)
def test_size_and_work_are_the_stated_ones(
    settings: MPRNetSettings, parameters: int, billions: float
) -> None:
    network = on_meta(settings)
    assert sum(it.numel() for it in network.parameters()) == parameters
    with FlopCounterMode(display=False) as work:
        network(torch.empty(1, 3, 256, 256, device="meta"))
    assert work.get_total_flops() / 2e9 == pytest.approx(billions, abs=0.05)


def test_the_small_network_has_at_most_a_million_parameters_and_a_width_of_its_own() -> None:
    assert sum(it.numel() for it in on_meta(SMALL).parameters()) <= 1_000_000
    assert SMALL.features not in {settings.features for settings in PUBLISHED.values()}


def test_one_slope_is_shared_by_all_attention_blocks() -> None:
    network = on_meta(DERAINING)
    slopes = [it for it in network.state_dict().values() if it.shape == (1,)]
    assert len(slopes) == 55
    assert len([it for it in network.parameters() if it.shape == (1,)]) == 1


@pytest.mark.parametrize("size", [(8, 8), (8, 24), (32, 16), (40, 40)])
def test_three_pictures_of_the_size_given_come_out(size: tuple[int, int]) -> None:
    with torch.inference_mode():
        stages = make(TINY)(picture(2, 3, *size))
    assert [stage.shape for stage in stages] == [(2, 3, *size)] * 3
    assert all(stage.isfinite().all() for stage in stages)


@pytest.mark.parametrize(
    "shape",
    [(1, 3, 64, 68), (1, 3, 60, 64), (1, 3, 4, 8), (1, 3, 0, 8), (1, 1, 8, 8), (3, 8, 8)],
    ids=str,
)
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"H and W multiples of 8, got .*: pad the picture"):
        on_meta(TINY)(torch.empty(shape, device="meta"))


@pytest.mark.parametrize(("layer", "place"), [("tail", 0), ("sam23.conv2", 1), ("sam12.conv2", 2)])
def test_the_last_stage_comes_first_and_each_adds_to_the_picture(layer: str, place: int) -> None:
    network = make(TINY)
    torch.nn.init.zeros_(network.get_submodule(layer).weight)
    image = picture(1, 3, 16, 24)
    with torch.inference_mode():
        stages = network(image)
    assert [torch.equal(stage, image) for stage in stages] == [at == place for at in range(3)]


def test_the_result_is_not_clamped() -> None:
    network = make(TINY)
    torch.nn.init.constant_(network.tail.weight, 1.0)
    with torch.inference_mode():
        restored = network(picture(1, 3, 16, 16))[0]
    assert restored.min() < 0 or restored.max() > 1


def test_pictures_in_a_batch_do_not_touch_each_other() -> None:
    network = make(TINY)
    one, other = picture(1, 3, 16, 24), picture(1, 3, 16, 24, seed=2)
    with torch.inference_mode():
        together = network(torch.cat([one, other, one]))[0]
        alone = torch.cat([network(one)[0], network(other)[0]])
    # Batches may be cut otherwise between threads: a few roundings at values of about 1.
    torch.testing.assert_close(together[0], together[2], rtol=0, atol=1e-6)
    torch.testing.assert_close(together[:2], alone, rtol=0, atol=1e-6)


def test_single_and_double_precision_agree() -> None:
    image = picture(1, 3, 32, 40)
    with torch.inference_mode():
        single = make(TINY)(image)
        double = make(TINY).double()(image.double())
    for one, other in zip(single, double, strict=True):
        # As for the golden values.
        torch.testing.assert_close(one.double(), other, rtol=0, atol=1e-5)


def test_the_first_stage_sees_quarters_in_reading_order_and_joins_them_again() -> None:
    image = torch.arange(8 * 8.0).reshape(1, 1, 8, 8).repeat(2, 1, 1, 1)
    image[1] += 100
    halves = mprnet._split(image, dim=2)
    quarters = mprnet._split(halves, dim=3)
    top_left, other_top_left, bottom_left = quarters[0], quarters[1], quarters[2]
    assert torch.equal(top_left, image[0, :, :4, :4])
    assert torch.equal(other_top_left, image[1, :, :4, :4])
    assert torch.equal(bottom_left, image[0, :, 4:, :4])
    assert torch.equal(mprnet._join(mprnet._join(quarters, dim=3), dim=2), image)


@pytest.mark.parametrize("cabs", [1, 3])
def test_the_convolutions_reach_as_far_as_stated_and_no_further(cabs: int) -> None:
    settings = MPRNetSettings(features=4, scale_unet=4, scale_orsnet=4, cabs=cabs)
    network = make(settings, dtype=torch.float64)
    for name, weight in network.named_parameters():
        if "conv_du" in name:
            torch.nn.init.zeros_(weight)  # attention no longer depends on the averages
    # Wide quarters, and a look from the middle of one: the cut stays out of sight.
    width = 8 * (settings.reach // 2 + 4)
    distances = []
    for column in range(width // 4, width // 4 + 4):
        read = columns_read(network, width, column)
        distances += [column - int(read[0]), int(read[-1]) - column]
    assert max(distances) == settings.reach


def test_attention_makes_every_pixel_depend_on_the_far_corner() -> None:
    settings = MPRNetSettings(features=4, scale_unet=4, scale_orsnet=4, cabs=1)
    network = make(settings, dtype=torch.float64)
    width = 8 * (settings.reach // 4)
    assert width > settings.reach
    assert columns_read(network, width, column=0)[-1] == width - 1


@pytest.mark.parametrize(
    "settings",
    [
        {"features": 0, "scale_unet": 4, "scale_orsnet": 4},
        {"features": 10, "scale_unet": 4, "scale_orsnet": 4},
        {"features": 8, "scale_unet": 4, "scale_orsnet": 4, "cabs": 0},
        {"features": 8, "scale_unet": 4, "scale_orsnet": 4, "reduction": 0},
    ],
    ids=str,
)
def test_settings_that_make_no_network_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(InputError, match="in multiples of its reduction, got"):
        MPRNetSettings(**settings)
