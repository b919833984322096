"""NAFNet: a U-Net whose blocks multiply halves of the channels instead of bending them.

Written from the paper: Chen et al., "Simple Baselines for Image Restoration", ECCV 2022,
arXiv 2204.04676. Parameters are named as in the published files, so that these can be loaded.
Features are float (N, C, H, W).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ensir.errors import InputError
from ensir.restorers.shapes import require_multiple

NORM_EPSILON = 1e-6  # the published one


@dataclass(frozen=True)
class NAFNetSettings:
    """The width and depth of a NAFNet.

    Raises InputError unless there is a level, all numbers are positive, and both ways have as many.
    """

    width: int  # channels at full size; they double with each level
    encoder: tuple[int, ...]  # blocks of each level on the way down, full size first
    middle: int  # blocks of the smallest size
    decoder: tuple[int, ...]  # blocks of each level on the way up, full size last

    def __post_init__(self) -> None:
        numbers = (self.width, *self.encoder, self.middle, *self.decoder)
        levels = len(self.encoder)
        if min(numbers) < 1 or not levels or levels != len(self.decoder):
            raise InputError(
                "a NAFNet has a positive width and as many levels of one or more blocks down as "
                f"up, got {self}"
            )

    @property
    def levels(self) -> int:
        """How often the size is halved."""
        return len(self.encoder)

    @property
    def multiple(self) -> int:
        """Height and width are multiples of this.

        >>> SIDD_32.multiple
        16
        """
        return 2**self.levels

    @property
    def reach(self) -> int:
        """Pixels that the convolutions look to each side, the pooled averages held fixed.

        A block looks one pixel of its level on; so do the first and the last convolution. Whoever
        goes down reads whole squares of `multiple` pixels.
        """
        down = sum(count * 2**level for level, count in enumerate(self.encoder))
        up = sum(count * 2**level for level, count in enumerate(reversed(self.decoder)))
        return 2 + down + self.middle * self.multiple + up + self.multiple - 1


# Millions of parameters, and GMAC for 256 × 256 pixels.
SIDD_32 = NAFNetSettings(32, encoder=(2, 2, 4, 8), middle=12, decoder=(2, 2, 2, 2))  # 29.2, 16
SIDD_64 = NAFNetSettings(64, encoder=(2, 2, 4, 8), middle=12, decoder=(2, 2, 2, 2))  # 116, 63
GOPRO_32 = NAFNetSettings(32, encoder=(1, 1, 1, 28), middle=1, decoder=(1, 1, 1, 1))  # 17.1, 16
GOPRO_64 = NAFNetSettings(64, encoder=(1, 1, 1, 28), middle=1, decoder=(1, 1, 1, 1))  # 67.9, 63
PUBLISHED: dict[str, NAFNetSettings] = {
    "denoising, width 32": SIDD_32,
    "denoising, width 64": SIDD_64,
    "deblurring, width 32": GOPRO_32,
    "deblurring, width 64": GOPRO_64,
}
# For training of our own on a CPU: 512 × 512 pixels on two cores in less than a second.
SMALL = NAFNetSettings(24, encoder=(1, 2, 2), middle=1, decoder=(1, 2, 1))  # 0.74, 2.9


class NAFNet(nn.Module):
    """Restores a picture (Fig. 2c with the blocks of Fig. 3d).

    `forward`: (N, 3, H, W) float in [0, 1], H and W multiples of `multiple` -> the same shape, not
    clamped. Raises InputError for another shape.

    Channel attention averages over the whole picture: so every output depends on every input, and
    a tile is restored otherwise than the same place in the whole. `reach` is how far the rest
    looks.
    """

    def __init__(self, settings: NAFNetSettings) -> None:
        super().__init__()
        self.settings = settings
        self.multiple = settings.multiple
        self.reach = settings.reach
        widths = [settings.width * 2**level for level in range(settings.levels + 1)]
        self.intro = nn.Conv2d(3, settings.width, 3, padding=1)
        self.ending = nn.Conv2d(settings.width, 3, 3, padding=1)
        self.encoders = nn.ModuleList(
            _blocks(width, count)
            for width, count in zip(widths[:-1], settings.encoder, strict=True)
        )
        self.downs = nn.ModuleList(nn.Conv2d(w, 2 * w, 2, stride=2) for w in widths[:-1])
        self.middle_blks = _blocks(widths[-1], settings.middle)
        self.ups = nn.ModuleList(_up(width) for width in reversed(widths[1:]))
        self.decoders = nn.ModuleList(
            _blocks(width, count)
            for width, count in zip(reversed(widths[:-1]), settings.decoder, strict=True)
        )

    def forward(self, picture: Tensor) -> Tensor:
        require_multiple(picture, self.multiple, "this NAFNet")
        features = self.intro(picture)
        skips = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            features = encoder(features)
            skips.append(features)
            features = down(features)
        features = self.middle_blks(features)
        for up, decoder in zip(self.ups, self.decoders, strict=True):
            features = decoder(up(features) + skips.pop())
        return self.ending(features) + picture


class NAFBlock(nn.Module):
    """Two gated parts, each added to what came, scaled by `beta` and `gamma` (Fig. 3d, 4).

    Both scales are 0 at first: an untrained block passes on what came.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, 2 * width, 1)
        self.conv2 = nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width)
        self.conv3 = nn.Conv2d(width, width, 1)
        self.sca = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(width, width, 1))
        self.conv4 = nn.Conv2d(width, 2 * width, 1)
        self.conv5 = nn.Conv2d(width, width, 1)
        self.norm1 = ChannelNorm(width)
        self.norm2 = ChannelNorm(width)
        self.beta = nn.Parameter(torch.zeros(1, width, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, width, 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        mixed = simple_gate(self.conv2(self.conv1(self.norm1(features))))
        features = features + self.beta * self.conv3(mixed * self.sca(mixed))
        mixed = simple_gate(self.conv4(self.norm2(features)))
        return features + self.gamma * self.conv5(mixed)


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of each pixel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, features: Tensor) -> Tensor:
        channels_last = features.permute(0, 2, 3, 1)
        normal = F.layer_norm(
            channels_last, self.weight.shape, self.weight, self.bias, NORM_EPSILON
        )
        return normal.permute(0, 3, 1, 2)


def simple_gate(features: Tensor) -> Tensor:
    """The first half of the channels times the second (Fig. 4c)."""
    first, second = features.chunk(2, dim=1)
    return first * second


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(NAFBlock(width) for _ in range(count)))


def _up(width: int) -> nn.Sequential:
    """To double the size and half the channels."""
    return nn.Sequential(nn.Conv2d(width, 2 * width, 1, bias=False), nn.PixelShuffle(2))
