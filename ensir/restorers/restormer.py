"""Restormer: a U-Net of transformers that attend across channels, not across pixels.

Written from the paper: Zamir et al., "Restormer: Efficient Transformer for High-Resolution Image
Restoration", CVPR 2022, arXiv 2111.09881. Parameters are named as in the published files, so that
these can be loaded. No convolution has a bias; features are float (N, C, H, W).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ensir.errors import InputError
from ensir.restorers.shapes import require_multiple

NORM_EPSILON = 1e-5  # the published one
LEVELS = 4


@dataclass(frozen=True)
class RestormerSettings:
    """The width and depth of a Restormer.

    Raises InputError unless there are four levels, all numbers are positive, the width is even and
    the heads of a level divide its channels.
    """

    width: int = 48  # even; channels at full size; they double with each level
    blocks: tuple[int, ...] = (4, 6, 6, 8)  # of each level, full size first; the same up and down
    refinement: int = 4  # blocks at full size after all levels
    heads: tuple[int, ...] = (1, 2, 4, 8)  # of each level
    expansion: float = 2.66  # channels inside a feed-forward part, over those outside
    norm_bias: bool = True  # whether layer normalisation takes away the mean and adds a bias

    def __post_init__(self) -> None:
        numbers = (self.width, *self.blocks, self.refinement, *self.heads)
        if (
            len(self.blocks) != LEVELS
            or len(self.heads) != LEVELS
            or min(numbers) < 1
            or self.width % 2
            or any(width % heads for width, heads in zip(self.widths, self.heads, strict=True))
            or self.width * self.expansion < 1
        ):
            raise InputError(
                "a Restormer has an even width and four levels of one or more blocks whose heads "
                f"divide the channels, got {self}"
            )

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level."""
        return tuple(self.width * 2**level for level in range(LEVELS))

    @property
    def multiple(self) -> int:
        """Height and width are multiples of this: three halvings."""
        return 2 ** (LEVELS - 1)

    @property
    def reach(self) -> int:
        """Pixels that the convolutions look to each side, attention across channels held fixed.

        A block looks two pixels of its level on; the first and the last convolution, and each on
        the way to another level, one. Whoever goes down reads whole squares of `multiple` pixels.
        """
        *paired, latent = (2 * count * 2**level for level, count in enumerate(self.blocks))
        down = sum(2**level for level in range(LEVELS - 1))
        up = 2 * down
        return 2 + 2 * sum(paired) + latent + down + up + 2 * self.refinement + self.multiple - 1


# Millions of parameters, and GMAC for 256 × 256 pixels (141 without those of attention).
WITH_BIAS = RestormerSettings()  # 26.13, 155
BIAS_FREE = RestormerSettings(norm_bias=False)  # 26.11, 155
PUBLISHED: dict[str, RestormerSettings] = {
    "deraining": WITH_BIAS,
    "deblurring": WITH_BIAS,
    "defocus deblurring": WITH_BIAS,  # of one picture; two-view weights take six channels
    "denoising": BIAS_FREE,
}
# For training of our own on a CPU: 512 × 512 pixels on two cores in about a second.
SMALL = RestormerSettings(width=12, blocks=(1, 2, 3, 4), refinement=1, expansion=2)  # 0.84, 3.6
SMALLER = RestormerSettings(width=8, blocks=(1, 2, 3, 4), refinement=1, expansion=2)  # 0.38, 1.7


class Restormer(nn.Module):
    """Restores a picture (Fig. 2).

    `forward`: (N, 3, H, W) float in [0, 1], H and W multiples of `multiple` -> the same shape, not
    clamped. Raises InputError for another shape.

    Attention compares channels over the whole picture: so every output depends on every input, and
    a tile is restored otherwise than the same place in the whole. `reach` is how far the rest
    looks.
    """

    def __init__(self, settings: RestormerSettings) -> None:
        super().__init__()
        self.settings = settings
        self.multiple = settings.multiple
        self.reach = settings.reach
        one, two, three, four = settings.widths
        self.patch_embed = PatchEmbedding(one)
        self.encoder_level1 = _level(settings, 0)
        self.down1_2 = Down(one)
        self.encoder_level2 = _level(settings, 1)
        self.down2_3 = Down(two)
        self.encoder_level3 = _level(settings, 2)
        self.down3_4 = Down(three)
        self.latent = _level(settings, 3)
        self.up4_3 = Up(four)
        self.reduce_chan_level3 = _conv(2 * three, three, 1)
        self.decoder_level3 = _level(settings, 2)
        self.up3_2 = Up(three)
        self.reduce_chan_level2 = _conv(2 * two, two, 1)
        self.decoder_level2 = _level(settings, 1)
        self.up2_1 = Up(two)
        # At full size the joined channels are kept: twice as many as on the way down.
        self.decoder_level1 = _blocks(2 * one, settings.blocks[0], settings.heads[0], settings)
        self.refinement = _blocks(2 * one, settings.refinement, settings.heads[0], settings)
        self.output = _conv(2 * one, 3, 3)

    def forward(self, picture: Tensor) -> Tensor:
        require_multiple(picture, self.multiple, "a Restormer")
        one = self.encoder_level1(self.patch_embed(picture))
        two = self.encoder_level2(self.down1_2(one))
        three = self.encoder_level3(self.down2_3(two))
        features = self.latent(self.down3_4(three))
        features = torch.cat([self.up4_3(features), three], dim=1)
        features = self.decoder_level3(self.reduce_chan_level3(features))
        features = torch.cat([self.up3_2(features), two], dim=1)
        features = self.decoder_level2(self.reduce_chan_level2(features))
        features = torch.cat([self.up2_1(features), one], dim=1)
        features = self.refinement(self.decoder_level1(features))
        return self.output(features) + picture


class TransformerBlock(nn.Module):
    """Attention and a gated feed-forward part, each added to what came."""

    def __init__(self, width: int, heads: int, expansion: float, norm_bias: bool) -> None:
        super().__init__()
        self.norm1 = ChannelNorm(width, norm_bias)
        self.attn = TransposedAttention(width, heads)
        self.norm2 = ChannelNorm(width, norm_bias)
        self.ffn = GatedFeedForward(width, expansion)

    def forward(self, features: Tensor) -> Tensor:
        features = features + self.attn(self.norm1(features))
        return features + self.ffn(self.norm2(features))


class TransposedAttention(nn.Module):
    """MDTA: channels attend to channels of their head; a map is C/heads × C/heads (Eq. 1)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = _conv(width, 3 * width, 1)
        self.qkv_dwconv = _depthwise(3 * width)
        self.project_out = _conv(width, width, 1)

    def forward(self, features: Tensor) -> Tensor:
        # (N, heads, channels of a head, pixels) each
        query, key, value = (
            part.unflatten(1, (self.heads, -1)).flatten(3)
            for part in self.qkv_dwconv(self.qkv(features)).chunk(3, dim=1)
        )
        likeness = F.normalize(query, dim=-1) @ F.normalize(key, dim=-1).transpose(-2, -1)
        attended = (likeness * self.temperature).softmax(dim=-1) @ value
        return self.project_out(attended.reshape(features.shape))


class GatedFeedForward(nn.Module):
    """GDFN: one half of the widened channels gates the other (Eq. 2)."""

    def __init__(self, width: int, expansion: float) -> None:
        super().__init__()
        inner = int(width * expansion)
        self.project_in = _conv(width, 2 * inner, 1)
        self.dwconv = _depthwise(2 * inner)
        self.project_out = _conv(inner, width, 1)

    def forward(self, features: Tensor) -> Tensor:
        gate, value = self.dwconv(self.project_in(features)).chunk(2, dim=1)
        return self.project_out(F.gelu(gate) * value)


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of each pixel; its numbers live in `body`."""

    def __init__(self, width: int, with_bias: bool) -> None:
        super().__init__()
        self.body: nn.Module = (
            nn.LayerNorm(width, eps=NORM_EPSILON) if with_bias else BiasFreeNorm(width)
        )

    def forward(self, features: Tensor) -> Tensor:
        return self.body(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class BiasFreeNorm(nn.Module):
    """Divides the last dimension by its standard deviation, without taking away its mean."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, features: Tensor) -> Tensor:
        variance = features.var(-1, correction=0, keepdim=True)
        return features * (variance + NORM_EPSILON).rsqrt() * self.weight


class PatchEmbedding(nn.Module):
    """The first features of each pixel and its neighbours."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = _conv(3, width, 3)

    def forward(self, picture: Tensor) -> Tensor:
        return self.proj(picture)


class Down(nn.Module):
    """To half the size and double the channels: the pixels of 2 × 2 become channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(width, width // 2, 3), nn.PixelUnshuffle(2))

    def forward(self, features: Tensor) -> Tensor:
        return self.body(features)


class Up(nn.Module):
    """To double the size and half the channels: four channels become 2 × 2 pixels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(width, 2 * width, 3), nn.PixelShuffle(2))

    def forward(self, features: Tensor) -> Tensor:
        return self.body(features)


def _level(settings: RestormerSettings, level: int) -> nn.Sequential:
    return _blocks(settings.widths[level], settings.blocks[level], settings.heads[level], settings)


def _blocks(width: int, count: int, heads: int, settings: RestormerSettings) -> nn.Sequential:
    return nn.Sequential(
        *(
            TransformerBlock(width, heads, settings.expansion, settings.norm_bias)
            for _ in range(count)
        )
    )


def _conv(width: int, out: int, side: int) -> nn.Conv2d:
    return nn.Conv2d(width, out, side, padding=side // 2, bias=False)


def _depthwise(width: int) -> nn.Conv2d:
    return nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
