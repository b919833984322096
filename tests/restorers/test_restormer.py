"""Restormer against the equations of the paper, written once more as sums and loops."""

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ensir.errors import InputError
from ensir.restorers import restormer
from ensir.restorers.restormer import (
    BIAS_FREE,
    SMALL,
    SMALLER,
    WITH_BIAS,
    Restormer,
    RestormerSettings,
    TransformerBlock,
    TransposedAttention,
)

TINY = RestormerSettings(width=4, blocks=(1, 1, 1, 1), refinement=1, heads=(1, 2, 2, 4))
TINY_BIAS_FREE = RestormerSettings(
    width=4, blocks=(1, 1, 1, 1), refinement=1, heads=(1, 2, 2, 4), norm_bias=False
)
both_norms = pytest.mark.parametrize(
    "settings", [TINY, TINY_BIAS_FREE], ids=["with bias", "bias-free"]
)


def picture(*shape: int, seed: int = 1, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def on_meta(settings: RestormerSettings) -> Restormer:
    """The network without memory for its weights."""
    with torch.device("meta"):
        return Restormer(settings)


def make(settings: RestormerSettings, dtype: torch.dtype = torch.float32) -> Restormer:
    torch.manual_seed(0)
    return Restormer(settings).to(dtype).eval()


def columns_read(network: Restormer, width: int, column: int) -> Tensor:
    """The columns of a picture that a column of the result depends on, by its derivative."""
    image = picture(1, 3, network.multiple, width, dtype=torch.float64).requires_grad_()
    network(image)[..., column].sum().backward()
    assert image.grad is not None
    return image.grad.abs().sum((0, 1, 2)).nonzero().flatten()


def shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(it.shape) for name, it in module.state_dict().items()}


@pytest.mark.parametrize(
    ("settings", "parameters"),
    # The paper has 26.13 million with biases; 26.11 without.
    [(WITH_BIAS, 26_126_644), (BIAS_FREE, 26_111_668), (SMALL, 836_491), (SMALLER, 384_355)],
    ids=["with bias", "bias-free", "small", "smaller"],
)
def test_the_number_of_parameters_is_the_stated_one(
    settings: RestormerSettings, parameters: int
) -> None:
    assert sum(it.numel() for it in on_meta(settings).parameters()) == parameters


@pytest.mark.parametrize(
    ("settings", "convolutions", "attention"),
    # The paper counts 140.99 GMAC, those of attention left out.
    [(WITH_BIAS, 140.99, 13.89), (SMALL, 3.35, 0.24), (SMALLER, 1.60, 0.11)],
    ids=["with bias", "small", "smaller"],
)
def test_the_work_is_the_stated_one(
    settings: RestormerSettings, convolutions: float, attention: float
) -> None:
    network = on_meta(settings)
    with FlopCounterMode(display=False) as work:
        network(torch.empty(1, 3, 256, 256, device="meta"))
    counts = work.get_flop_counts()["Global"]
    found = {str(kind): count / 2e9 for kind, count in counts.items()}
    assert found == {
        "aten.convolution": pytest.approx(convolutions, abs=0.01),
        "aten.bmm": pytest.approx(attention, abs=0.01),
    }


def test_the_small_network_has_at_most_a_million_parameters() -> None:
    assert sum(it.numel() for it in on_meta(SMALL).parameters()) <= 1_000_000


def test_names_are_those_of_published_files() -> None:
    with torch.device("meta"):
        block = TransformerBlock(8, heads=2, expansion=2.66, norm_bias=True)
        bias_free = TransformerBlock(8, heads=2, expansion=2.66, norm_bias=False)
    expected = {
        "norm1.body.weight": (8,),
        "norm1.body.bias": (8,),
        "attn.temperature": (2, 1, 1),
        "attn.qkv.weight": (24, 8, 1, 1),
        "attn.qkv_dwconv.weight": (24, 1, 3, 3),
        "attn.project_out.weight": (8, 8, 1, 1),
        "norm2.body.weight": (8,),
        "norm2.body.bias": (8,),
        "ffn.project_in.weight": (42, 8, 1, 1),
        "ffn.dwconv.weight": (42, 1, 3, 3),
        "ffn.project_out.weight": (8, 21, 1, 1),
    }
    assert shapes(block) == expected
    assert shapes(bias_free) == {n: shape for n, shape in expected.items() if "bias" not in n}

    network = shapes(on_meta(WITH_BIAS))
    outside = {n: shape for n, shape in network.items() if not any(n.endswith(e) for e in expected)}
    assert outside == {
        "patch_embed.proj.weight": (48, 3, 3, 3),
        "down1_2.body.0.weight": (24, 48, 3, 3),
        "down2_3.body.0.weight": (48, 96, 3, 3),
        "down3_4.body.0.weight": (96, 192, 3, 3),
        "up4_3.body.0.weight": (768, 384, 3, 3),
        "reduce_chan_level3.weight": (192, 384, 1, 1),
        "up3_2.body.0.weight": (384, 192, 3, 3),
        "reduce_chan_level2.weight": (96, 192, 1, 1),
        "up2_1.body.0.weight": (192, 96, 3, 3),
        "output.weight": (3, 96, 3, 3),
    }
    blocks = {n.rsplit(".attn.", 1)[0]: s for n, s in network.items() if "temperature" in n}
    assert {(name.split(".")[0], shape[0]) for name, shape in blocks.items()} == {
        ("encoder_level1", 1),
        ("encoder_level2", 2),
        ("encoder_level3", 4),
        ("latent", 8),
        ("decoder_level3", 4),
        ("decoder_level2", 2),
        ("decoder_level1", 1),
        ("refinement", 1),
    }
    assert len(blocks) == 2 * (4 + 6 + 6) + 8 + 4


def test_attention_compares_each_pair_of_channels_of_a_head() -> None:
    torch.manual_seed(2)
    attention = TransposedAttention(6, heads=2).double()
    nn.init.uniform_(attention.temperature, 0.5, 3)
    features = picture(2, 6, 4, 5, dtype=torch.float64)
    with torch.inference_mode():
        result = attention(features)
        mixed = attention.qkv_dwconv(attention.qkv(features))
        for sample in range(2):
            query, key, value = mixed[sample, :6], mixed[sample, 6:12], mixed[sample, 12:]
            attended = torch.zeros(6, 4, 5, dtype=torch.float64)
            for head in range(2):
                channels = range(3 * head, 3 * head + 3)
                for one in channels:
                    likeness = []
                    for other in channels:
                        inner = torch.einsum("hw,hw->", query[one], key[other])
                        size = query[one].square().sum().sqrt() * key[other].square().sum().sqrt()
                        likeness.append(inner / size * attention.temperature[head, 0, 0])
                    weight = torch.stack(likeness).exp()
                    for share, other in zip(weight / weight.sum(), channels, strict=True):
                        attended[one] += share * value[other]
            projection = attention.project_out.weight[:, :, 0, 0]
            expected = torch.einsum("oi,ihw->ohw", projection, attended)
            torch.testing.assert_close(result[sample], expected, rtol=0, atol=1e-12)


def test_the_feed_forward_part_gates_one_half_with_the_other() -> None:
    torch.manual_seed(2)
    part = restormer.GatedFeedForward(4, expansion=1.5).double()
    features = picture(1, 4, 3, 5, dtype=torch.float64)
    with torch.inference_mode():
        inner = part.dwconv(part.project_in(features))[0]
        # GELU of x is x times the normal distribution up to x.
        gate = inner[:6] * (1 + torch.erf(inner[:6] / 2**0.5)) / 2
        expected = torch.einsum(
            "oi,ihw->ohw", part.project_out.weight[:, :, 0, 0], gate * inner[6:]
        )
        torch.testing.assert_close(part(features)[0], expected, rtol=0, atol=1e-12)


def test_a_block_adds_attention_of_one_norm_and_then_the_gated_part_of_the_other() -> None:
    torch.manual_seed(2)
    block = TransformerBlock(4, heads=2, expansion=1.5, norm_bias=False)
    features = picture(1, 4, 3, 5)
    with torch.inference_mode():
        attended = features + block.attn(block.norm1(features))
        assert torch.equal(block(features), attended + block.ffn(block.norm2(attended)))
        # Nothing enters a part whose norm is 0, and nothing comes out.
        nn.init.zeros_(block.norm2.body.weight)
        assert torch.equal(block(features), attended)
        nn.init.zeros_(block.norm1.body.weight)
        assert torch.equal(block(features), features)


@pytest.mark.parametrize("with_bias", [True, False])
def test_the_norm_of_a_pixel_is_taken_over_its_channels(with_bias: bool) -> None:
    torch.manual_seed(2)
    norm = restormer.ChannelNorm(6, with_bias).double()
    for parameter in norm.parameters():
        nn.init.uniform_(parameter, 0.5, 2)
    features = picture(2, 6, 3, 4, dtype=torch.float64)
    result = norm(features)
    state = norm.state_dict()
    for row in range(3):
        for column in range(4):
            pixel = features[:, :, row, column]
            normal = nn.functional.layer_norm(pixel, (6,), eps=1e-5)
            if with_bias:
                expected = normal * state["body.weight"] + state["body.bias"]
            else:
                # The mean stays in: the normal values, moved by the mean over the deviation.
                deviation = (pixel.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
                expected = (normal + pixel.mean(1, keepdim=True) / deviation) * state["body.weight"]
            torch.testing.assert_close(result[:, :, row, column], expected, rtol=0, atol=1e-12)


def test_pixels_become_channels_on_the_way_down_and_channels_pixels_on_the_way_up() -> None:
    torch.manual_seed(2)
    features = picture(1, 4, 4, 6)
    down, up = restormer.Down(4), restormer.Up(4)
    with torch.inference_mode():
        narrow, below = down.body[0](features), down(features)
        wide, above = up.body[0](features), up(features)
    assert below.shape == (1, 8, 2, 3) and above.shape == (1, 2, 8, 12)
    for row in range(2):
        for column in range(2):
            for channel in range(2):
                place = 4 * channel + 2 * row + column
                assert torch.equal(below[:, place], narrow[:, channel, row::2, column::2])
                assert torch.equal(above[:, channel, row::2, column::2], wide[:, place])


@pytest.mark.parametrize(("join", "below"), [(2, "decoder_level3"), (3, "latent")])
def test_what_comes_up_is_joined_before_what_is_taken_over(join: int, below: str) -> None:
    network = make(TINY)
    reduce = network.get_submodule(f"reduce_chan_level{join}").weight
    image = picture(1, 3, 16, 16)
    with torch.inference_mode():
        reduce[:, : reduce.shape[1] // 2] = 0
        before = network(image)
        for weight in network.get_submodule(below).parameters():
            weight.add_(1)
        assert torch.equal(network(image), before)


def test_without_the_last_convolution_the_picture_stays() -> None:
    network = make(TINY)
    image = picture(1, 3, 8, 16)
    with torch.inference_mode():
        before = network(image)
        nn.init.zeros_(network.output.weight)
        assert torch.equal(network(image), image)
    assert not torch.equal(before, image)
    with torch.inference_mode():
        assert make(TINY)(4 * image).max() > 1  # not clamped


@both_norms
@pytest.mark.parametrize("size", [(8, 8), (8, 24), (40, 16)])
def test_a_picture_of_the_size_given_comes_out(
    size: tuple[int, int], settings: RestormerSettings
) -> None:
    with torch.inference_mode():
        restored = make(settings)(picture(2, 3, *size))
    assert restored.shape == (2, 3, *size) and restored.isfinite().all()


@pytest.mark.parametrize(
    "shape", [(1, 3, 8, 12), (1, 3, 4, 8), (1, 3, 8, 0), (1, 6, 8, 8), (3, 8, 8)], ids=str
)
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"H and W multiples of 8, got .*: pad the picture"):
        on_meta(TINY)(torch.empty(shape, device="meta"))


@both_norms
def test_pictures_in_a_batch_do_not_touch_each_other(settings: RestormerSettings) -> None:
    network = make(settings)
    one, other = picture(1, 3, 16, 24), picture(1, 3, 16, 24, seed=2)
    with torch.inference_mode():
        together = network(torch.cat([one, other, one]))
        alone = torch.cat([network(one), network(other)])
    # Batches may be cut otherwise between threads: a few roundings at values of about 1.
    torch.testing.assert_close(together[0], together[2], rtol=0, atol=1e-5)
    torch.testing.assert_close(together[:2], alone, rtol=0, atol=1e-5)


@both_norms
def test_single_and_double_precision_agree(settings: RestormerSettings) -> None:
    image = picture(1, 3, 32, 40)
    with torch.inference_mode():
        single, double = make(settings)(image), make(settings).double()(image.double())
    # About a hundred roundings of 1e-7 at values of about 1.
    torch.testing.assert_close(single.double(), double, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [TINY, SMALL, RestormerSettings(4, (1, 2, 1, 2), refinement=3, heads=(1, 1, 1, 1))],
    ids=["tiny", "small", "more blocks"],
)
def test_the_convolutions_reach_as_far_as_stated_and_no_further(
    settings: RestormerSettings,
) -> None:
    network = make(settings, torch.float64)
    for module in network.modules():
        if isinstance(module, TransposedAttention):
            nn.init.zeros_(module.temperature)  # all channels alike, whatever the picture
    multiple = network.multiple
    middle = multiple * (settings.reach // multiple + 1)
    distances = []
    for column in range(middle, middle + multiple):
        read = columns_read(network, 2 * middle + multiple, column)
        distances += [column - int(read[0]), int(read[-1]) - column]
    assert max(distances) == settings.reach


def test_attention_makes_every_pixel_depend_on_the_far_corner() -> None:
    network = make(TINY, torch.float64)
    width = network.multiple * (network.reach // 4)
    assert width > network.reach
    assert columns_read(network, width, column=0)[-1] == width - 1


@pytest.mark.parametrize(
    "settings",
    [
        {"width": 0},
        {"width": 3, "heads": (1, 1, 1, 1)},
        {"blocks": (1, 1, 1)},
        {"blocks": (1, 0, 1, 1)},
        {"heads": (1, 2, 4)},
        {"heads": (5, 2, 4, 8)},
        {"heads": (0, 2, 4, 8)},
        {"refinement": 0},
        {"expansion": 0.01},
    ],
    ids=str,
)
def test_settings_that_make_no_network_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(InputError, match="even width and four levels"):
        RestormerSettings(**settings)
