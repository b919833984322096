"""MPRNet: three stages, on quarters, on halves and on the whole picture.

Written from the paper: Zamir et al., "Multi-Stage Progressive Image Restoration", CVPR 2021,
arXiv 2102.02808. Parameters are named as in the authors' files, so that these can be loaded.
No convolution has a bias; features are float (N, C, H, W).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ensir.errors import InputError
from ensir.restorers.mprnet_blocks import (
    CAB_REACH,
    CABS_AT_A_LEVEL,
    ChannelAttentionBlock,
    Decoder,
    Encoder,
    FusingEncoder,
    Pyramid,
    SupervisedAttention,
    Up,
    cabs,
    conv,
)
from ensir.restorers.shapes import require_multiple


@dataclass(frozen=True)
class MPRNetSettings:
    """The widths and depths of an MPRNet.

    Raises InputError unless every number is positive and `reduction` divides every width.
    """

    features: int  # channels at full size
    scale_unet: int  # channels more at each level down
    scale_orsnet: int  # channels more at full size in the last stage
    cabs: int = 8  # channel attention blocks in each of the three blocks of the last stage
    reduction: int = 4  # of channels inside channel attention

    def __post_init__(self) -> None:
        steps = (self.features, self.scale_unet, self.scale_orsnet)
        if min(*steps, self.cabs, self.reduction) < 1 or any(s % self.reduction for s in steps):
            raise InputError(
                f"an MPRNet has positive widths in multiples of its reduction, got {self}"
            )

    @property
    def widths(self) -> tuple[int, int, int]:
        """Channels of the three levels of the pyramid."""
        return (
            self.features,
            self.features + self.scale_unet,
            self.features + 2 * self.scale_unet,
        )

    @property
    def multiple(self) -> int:
        """Height and width are multiples of this: two halvings of a half picture."""
        return 8

    @property
    def reach(self) -> int:
        """Pixels that the convolutions look to each side, the pooled averages held fixed.

        >>> DERAINING.reach
        178
        """
        levels = 1 + 2 + 4  # pixels of the picture that one pixel of each level is wide
        unet = 2 * CABS_AT_A_LEVEL * CAB_REACH * levels  # down and up through all levels
        # Interpolation looks on by one pixel of the two lower levels at most. What the second stage
        # reads ends at the edge of a 4 × 4 square: from there the first looks half as far.
        second = 1 + unet + 2 + 4
        first = 1 + CAB_REACH + unet + 1 + 2
        third = 1 + 3 * (self.cabs * CAB_REACH + 1) + 1
        return first + second + third


# Millions of parameters, and GMAC for 256 × 256 pixels.
DEBLURRING = MPRNetSettings(features=96, scale_unet=48, scale_orsnet=32)  # 20.1, 759
DENOISING = MPRNetSettings(features=80, scale_unet=48, scale_orsnet=32)  # 15.7, 573
DERAINING = MPRNetSettings(features=40, scale_unet=20, scale_orsnet=16)  # 3.6, 141
PUBLISHED: dict[str, MPRNetSettings] = {
    "deblurring": DEBLURRING,
    "denoising": DENOISING,
    "deraining": DERAINING,
}
# For training of our own on a CPU: 512 × 512 pixels on two cores in about a second.
SMALL = MPRNetSettings(features=12, scale_unet=24, scale_orsnet=4, cabs=2)  # 0.88, 11.4
SMALLER = MPRNetSettings(features=12, scale_unet=12, scale_orsnet=4, cabs=2)  # 0.39, 7.8


class MPRNet(nn.Module):
    """Restores a picture in three stages (Fig. 2).

    `forward`: (N, 3, H, W) float in [0, 1], H and W multiples of `multiple` -> [third, second,
    first stage], each the whole picture in that shape, not clamped; the first of the list is the
    result, the others serve training. Raises InputError for another shape.

    Channel attention averages over quarters, halves and the whole, and the cuts lie in the middle:
    so every output depends on every input and on the size, and a tile is restored otherwise than
    the same place in the whole. `reach` is how far the rest looks.
    """

    def __init__(self, settings: MPRNetSettings) -> None:
        super().__init__()
        self.settings = settings
        self.multiple = settings.multiple
        self.reach = settings.reach
        width = settings.features
        wide = width + settings.scale_orsnet
        slope = nn.PReLU()  # one for the whole network
        self.shallow_feat1 = _shallow(settings, slope)
        self.shallow_feat2 = _shallow(settings, slope)
        self.shallow_feat3 = _shallow(settings, slope)
        levels = settings.widths, settings.reduction
        self.stage1_encoder = Encoder(*levels, slope)
        self.stage1_decoder = Decoder(*levels, slope)
        self.stage2_encoder = FusingEncoder(*levels, slope)
        self.stage2_decoder = Decoder(*levels, slope)
        self.stage3_orsnet = OriginalResolutionNet(settings, slope)
        self.sam12 = SupervisedAttention(width)
        self.sam23 = SupervisedAttention(width)
        self.concat12 = conv(2 * width, width, 3)
        self.concat23 = conv(2 * width, wide, 3)
        self.tail = conv(wide, 3, 3)

    def forward(self, picture: Tensor) -> list[Tensor]:
        require_multiple(picture, self.multiple, "an MPRNet")
        halves = _split(picture, dim=2)
        quarters = _split(halves, dim=3)

        encoded = _join_all(self.stage1_encoder(self.shallow_feat1(quarters)), dim=3)
        decoded = self.stage1_decoder(encoded)
        attended, first = self.sam12(decoded[0], halves)

        features = self.concat12(torch.cat([self.shallow_feat2(halves), attended], dim=1))
        fused = self.stage2_encoder.fused(encoded, decoded)
        encoded = _join_all(self.stage2_encoder(features, fused), dim=2)
        decoded = self.stage2_decoder(encoded)
        attended, second = self.sam23(decoded[0], picture)

        features = self.concat23(torch.cat([self.shallow_feat3(picture), attended], dim=1))
        third = self.tail(self.stage3_orsnet(features, encoded, decoded)) + picture
        return [third, second, _join(first, dim=2)]


class OriginalResolutionNet(nn.Module):
    """ORSNet: three blocks at full size; after each a level of the pyramids is added (Fig. 3d)."""

    def __init__(self, settings: MPRNetSettings, slope: nn.PReLU) -> None:
        super().__init__()
        full, half, quarter = settings.widths
        wide = full + settings.scale_orsnet
        self.orb1 = OriginalResolutionBlock(wide, settings, slope)
        self.orb2 = OriginalResolutionBlock(wide, settings, slope)
        self.orb3 = OriginalResolutionBlock(wide, settings, slope)
        self.up_enc1 = Up(half, full)
        self.up_dec1 = Up(half, full)
        self.up_enc2 = nn.Sequential(Up(quarter, half), Up(half, full))
        self.up_dec2 = nn.Sequential(Up(quarter, half), Up(half, full))
        self.conv_enc1 = conv(full, wide, 1)
        self.conv_enc2 = conv(full, wide, 1)
        self.conv_enc3 = conv(full, wide, 1)
        self.conv_dec1 = conv(full, wide, 1)
        self.conv_dec2 = conv(full, wide, 1)
        self.conv_dec3 = conv(full, wide, 1)

    def forward(self, features: Tensor, encoded: Pyramid, decoded: Pyramid) -> Tensor:
        features = self.orb1(features)
        features = features + self.conv_enc1(encoded[0]) + self.conv_dec1(decoded[0])
        features = self.orb2(features)
        features = features + self.conv_enc2(self.up_enc1(encoded[1]))
        features = features + self.conv_dec2(self.up_dec1(decoded[1]))
        features = self.orb3(features)
        features = features + self.conv_enc3(self.up_enc2(encoded[2]))
        return features + self.conv_dec3(self.up_dec2(decoded[2]))


class OriginalResolutionBlock(nn.Module):
    """ORB: CABs and a convolution, added to what came (Fig. 3b)."""

    def __init__(self, width: int, settings: MPRNetSettings, slope: nn.PReLU) -> None:
        super().__init__()
        self.body = cabs(width, settings.cabs, settings.reduction, slope).append(
            conv(width, width, 3)
        )

    def forward(self, features: Tensor) -> Tensor:
        return features + self.body(features)


def _split(whole: Tensor, dim: int) -> Tensor:
    """Both halves as a batch of twice the size, the first halves first."""
    return torch.cat(whole.chunk(2, dim))


def _join(halves: Tensor, dim: int) -> Tensor:
    """What `_split` took apart."""
    return torch.cat(halves.chunk(2), dim)


def _join_all(pyramid: Pyramid, dim: int) -> Pyramid:
    full, half, quarter = pyramid
    return _join(full, dim), _join(half, dim), _join(quarter, dim)


def _shallow(settings: MPRNetSettings, slope: nn.PReLU) -> nn.Sequential:
    width = settings.features
    block = ChannelAttentionBlock(width, settings.reduction, slope)
    return nn.Sequential(conv(3, width, 3), block)
