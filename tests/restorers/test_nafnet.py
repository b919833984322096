"""NAFNet against the equations of the paper, written once more as sums and loops."""

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ensir.errors import InputError
from ensir.restorers import nafnet
from ensir.restorers.nafnet import (
    GOPRO_32,
    GOPRO_64,
    SIDD_32,
    SIDD_64,
    SMALL,
    NAFBlock,
    NAFNet,
    NAFNetSettings,
)

TINY = NAFNetSettings(4, encoder=(1, 2), middle=1, decoder=(2, 1))
BLOCK = {
    "beta": (1, 6, 1, 1),
    "gamma": (1, 6, 1, 1),
    "conv1.weight": (12, 6, 1, 1),
    "conv1.bias": (12,),
    "conv2.weight": (12, 1, 3, 3),
    "conv2.bias": (12,),
    "conv3.weight": (6, 6, 1, 1),
    "conv3.bias": (6,),
    "sca.1.weight": (6, 6, 1, 1),
    "sca.1.bias": (6,),
    "conv4.weight": (12, 6, 1, 1),
    "conv4.bias": (12,),
    "conv5.weight": (6, 6, 1, 1),
    "conv5.bias": (6,),
    "norm1.weight": (6,),
    "norm1.bias": (6,),
    "norm2.weight": (6,),
    "norm2.bias": (6,),
}


def picture(*shape: int, seed: int = 1, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def on_meta(settings: NAFNetSettings) -> NAFNet:
    """The network without memory for its weights."""
    with torch.device("meta"):
        return NAFNet(settings)


def randomise(module: nn.Module) -> nn.Module:
    """Norms, scales and shifts of all sizes, so that each of them counts."""
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim == 1 or parameter.shape[0] == 1:
                parameter.copy_(0.5 + torch.rand(parameter.shape))
    return module


def make(settings: NAFNetSettings, dtype: torch.dtype = torch.float32) -> NAFNet:
    torch.manual_seed(0)
    network = NAFNet(settings)
    randomise(network)
    return network.to(dtype).eval()


def columns_read(network: NAFNet, width: int, column: int) -> Tensor:
    """The columns of a picture that a column of the result depends on, by its derivative."""
    image = picture(1, 3, network.multiple, width, dtype=torch.float64).requires_grad_()
    network(image)[..., column].sum().backward()
    assert image.grad is not None
    return image.grad.abs().sum((0, 1, 2)).nonzero().flatten()


@pytest.mark.parametrize(
    ("settings", "parameters", "billions"),
    [
        # The paper has 29.16 and 115.98 million for SIDD; it counts about 16 and 65 GMAC.
        (SIDD_32, 29_159_715, 16.05),
        (SIDD_64, 115_982_915, 63.24),
        (GOPRO_32, 17_111_907, 15.96),
        (GOPRO_64, 67_888_835, 63.05),
        (SMALL, 743_115, 2.94),
    ],
    ids=["SIDD 32", "SIDD 64", "GoPro 32", "GoPro 64", "small"],
)
def test_size_and_work_are_the_stated_ones(
    settings: NAFNetSettings, parameters: int, billions: float
) -> None:
    network = on_meta(settings)
    assert sum(it.numel() for it in network.parameters()) == parameters
    with FlopCounterMode(display=False) as work:
        network(torch.empty(1, 3, 256, 256, device="meta"))
    assert work.get_total_flops() / 2e9 == pytest.approx(billions, abs=0.01)


def test_the_small_network_has_at_most_a_million_parameters() -> None:
    assert sum(it.numel() for it in on_meta(SMALL).parameters()) <= 1_000_000


def test_names_are_those_of_published_files() -> None:
    with torch.device("meta"):
        block = NAFBlock(6)
    assert {name: tuple(it.shape) for name, it in block.state_dict().items()} == BLOCK
    outside = {
        name: tuple(it.shape)
        for name, it in on_meta(TINY).state_dict().items()
        if not any(name.endswith(ending) for ending in BLOCK)
    }
    assert outside == {
        "intro.weight": (4, 3, 3, 3),
        "intro.bias": (4,),
        "ending.weight": (3, 4, 3, 3),
        "ending.bias": (3,),
        "downs.0.weight": (8, 4, 2, 2),
        "downs.0.bias": (8,),
        "downs.1.weight": (16, 8, 2, 2),
        "downs.1.bias": (16,),
        "ups.0.0.weight": (32, 16, 1, 1),
        "ups.1.0.weight": (16, 8, 1, 1),
    }
    blocks = {name.removesuffix(".beta") for name in on_meta(TINY).state_dict() if "beta" in name}
    assert blocks == {
        "encoders.0.0",
        "encoders.1.0",
        "encoders.1.1",
        "middle_blks.0",
        "decoders.0.0",
        "decoders.0.1",
        "decoders.1.0",
    }


def test_an_untrained_block_passes_on_what_came() -> None:
    torch.manual_seed(0)
    features = picture(2, 6, 5, 7)
    with torch.inference_mode():
        assert torch.equal(NAFBlock(6)(features), features)


def test_a_block_follows_its_equations() -> None:
    torch.manual_seed(4)
    block = randomise(NAFBlock(6)).double()
    weight = {name: it.detach() for name, it in block.state_dict().items()}
    features = picture(1, 6, 4, 5, dtype=torch.float64)

    def mix(name: str, x: Tensor) -> Tensor:
        by_channel = torch.einsum("oi,ihw->ohw", weight[f"{name}.weight"][:, :, 0, 0], x)
        return by_channel + weight[f"{name}.bias"][:, None, None]

    def norm(name: str, x: Tensor) -> Tensor:
        mean = x.mean(0)
        spread = ((x - mean) ** 2).mean(0)
        scale, shift = (weight[f"{name}.{part}"][:, None, None] for part in ("weight", "bias"))
        return (x - mean) / torch.sqrt(spread + 1e-6) * scale + shift

    def neighbours(x: Tensor) -> Tensor:
        padded = torch.zeros(12, 6, 7, dtype=x.dtype)
        padded[:, 1:-1, 1:-1] = x
        kernel = weight["conv2.weight"][:, 0]
        total = torch.zeros_like(x) + weight["conv2.bias"][:, None, None]
        for row in range(3):
            for column in range(3):
                shifted = padded[:, row : row + 4, column : column + 5]
                total = total + kernel[:, row, column, None, None] * shifted
        return total

    x = features[0]
    inner = neighbours(mix("conv1", norm("norm1", x)))
    gated = inner[:6] * inner[6:]
    average = gated.sum((1, 2), keepdim=True) / 20
    x = x + weight["beta"][0] * mix("conv3", gated * mix("sca.1", average))
    inner = mix("conv4", norm("norm2", x))
    x = x + weight["gamma"][0] * mix("conv5", inner[:6] * inner[6:])
    torch.testing.assert_close(block(features)[0].detach(), x, rtol=0, atol=1e-12)


def test_the_norm_of_a_pixel_is_the_layer_norm_of_its_channels() -> None:
    norm = randomise(nafnet.ChannelNorm(6))
    reference = nn.LayerNorm(6, eps=1e-6)
    reference.load_state_dict(norm.state_dict())
    features = picture(2, 6, 3, 4)
    result = norm(features)
    assert result.shape == features.shape
    for row in range(3):
        for column in range(4):
            pixel = reference(features[:, :, row, column])
            torch.testing.assert_close(result[:, :, row, column], pixel, rtol=0, atol=1e-6)


def test_on_the_way_up_four_channels_become_two_by_two_pixels() -> None:
    up = nafnet._up(4)
    features = picture(1, 4, 2, 3)
    with torch.inference_mode():
        wide, result = up[0](features), up(features)
    assert result.shape == (1, 2, 4, 6)
    for channel in range(2):
        for row in range(4):
            for column in range(6):
                source = 4 * channel + 2 * (row % 2) + column % 2
                assert result[0, channel, row, column] == wide[0, source, row // 2, column // 2]


def test_without_the_last_convolution_the_picture_stays() -> None:
    network = make(TINY)
    nn.init.zeros_(network.ending.weight)
    nn.init.zeros_(network.ending.bias)
    image = picture(1, 3, 8, 12)
    with torch.inference_mode():
        assert torch.equal(network(image), image)
        nn.init.constant_(network.ending.bias, 0.7)
        assert network(image).max() > 1  # not clamped


@pytest.mark.parametrize("size", [(4, 4), (4, 12), (20, 8)])
def test_a_picture_of_the_size_given_comes_out(size: tuple[int, int]) -> None:
    with torch.inference_mode():
        restored = make(TINY)(picture(2, 3, *size))
    assert restored.shape == (2, 3, *size) and restored.isfinite().all()


@pytest.mark.parametrize(
    "shape", [(1, 3, 8, 10), (1, 3, 6, 8), (1, 3, 0, 4), (1, 4, 8, 8), (3, 8, 8)], ids=str
)
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"H and W multiples of 4, got .*: pad the picture"):
        on_meta(TINY)(torch.empty(shape, device="meta"))


def test_pictures_in_a_batch_do_not_touch_each_other() -> None:
    network = make(TINY)
    one, other = picture(1, 3, 16, 24), picture(1, 3, 16, 24, seed=2)
    with torch.inference_mode():
        together = network(torch.cat([one, other, one]))
        alone = torch.cat([network(one), network(other)])
    # Batches may be cut otherwise between threads: a few roundings at values below 10.
    torch.testing.assert_close(together[0], together[2], rtol=0, atol=1e-5)
    torch.testing.assert_close(together[:2], alone, rtol=0, atol=1e-5)


def test_single_and_double_precision_agree() -> None:
    image = picture(1, 3, 32, 40)
    with torch.inference_mode():
        single, double = make(TINY)(image), make(TINY).double()(image.double())
    # About a hundred roundings of 1e-7 at values below 10.
    torch.testing.assert_close(single.double(), double, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "settings",
    [TINY, SMALL, NAFNetSettings(2, encoder=(1, 1, 1, 2), middle=2, decoder=(2, 1, 1, 1))],
    ids=["tiny", "small", "four levels"],
)
def test_the_convolutions_reach_as_far_as_stated_and_no_further(settings: NAFNetSettings) -> None:
    network = make(settings, torch.float64)
    for block in network.modules():
        if isinstance(block, NAFBlock):
            nn.init.zeros_(block.sca[1].weight)  # attention no longer depends on the averages
    multiple = network.multiple
    middle = multiple * (settings.reach // multiple + 1)
    distances = []
    for column in range(middle, middle + multiple):
        read = columns_read(network, 2 * middle + multiple, column)
        distances += [column - int(read[0]), int(read[-1]) - column]
    assert max(distances) == settings.reach


def test_attention_makes_every_pixel_depend_on_the_far_corner() -> None:
    network = make(TINY, torch.float64)
    width = 4 * network.reach
    assert columns_read(network, width, column=0)[-1] == width - 1


@pytest.mark.parametrize(
    "settings",
    [
        (0, (1,), 1, (1,)),
        (4, (), 1, ()),
        (4, (1, 1), 1, (1,)),
        (4, (1, 0), 1, (1, 1)),
        (4, (1,), 0, (1,)),
    ],
    ids=str,
)
def test_settings_that_make_no_network_are_refused(
    settings: tuple[int, tuple[int, ...], int, tuple[int, ...]],
) -> None:
    with pytest.raises(InputError, match="as many levels of one or more blocks down as up"):
        NAFNetSettings(*settings)
