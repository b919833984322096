"""The blocks that an MPRNet is made of: channel attention, supervised attention, U-Nets.

Zamir et al., "Multi-Stage Progressive Image Restoration", CVPR 2021, section 3 and Figs. 3 and 4.
No convolution has a bias; features are float (N, C, H, W).
"""

from __future__ import annotations

from torch import Tensor, nn

Pyramid = tuple[Tensor, Tensor, Tensor]  # features at full, half and quarter size

CABS_AT_A_LEVEL = 2
CAB_REACH = 2  # pixels: two 3 × 3 convolutions


class ChannelAttention(nn.Module):
    """Weighs the channels by their averages over the picture."""

    def __init__(self, width: int, reduction: int) -> None:
        super().__init__()
        self.conv_du = nn.Sequential(
            conv(width, width // reduction, 1),
            nn.ReLU(),
            conv(width // reduction, width, 1),
            nn.Sigmoid(),
        )

    def forward(self, features: Tensor) -> Tensor:
        return features * self.conv_du(features.mean((2, 3), keepdim=True))


class ChannelAttentionBlock(nn.Module):
    """CAB: two convolutions and channel attention, added to what came."""

    def __init__(self, width: int, reduction: int, slope: nn.PReLU) -> None:
        super().__init__()
        self.CA = ChannelAttention(width, reduction)
        self.body = nn.Sequential(conv(width, width, 3), slope, conv(width, width, 3))

    def forward(self, features: Tensor) -> Tensor:
        return features + self.CA(self.body(features))


class SupervisedAttention(nn.Module):
    """SAM: a picture is made of the features, and the features are gated by it (Fig. 4)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = conv(width, width, 1)
        self.conv2 = conv(width, 3, 1)
        self.conv3 = conv(3, width, 1)

    def forward(self, features: Tensor, degraded: Tensor) -> tuple[Tensor, Tensor]:
        """The gated features and the restored picture."""
        restored = self.conv2(features) + degraded
        return features + self.conv1(features) * self.conv3(restored).sigmoid(), restored


class Down(nn.Module):
    """To half the size, by the mean of 2 × 2 pixels."""

    def __init__(self, width: int, wider: int) -> None:
        super().__init__()
        self.down = nn.Sequential(_resize(0.5), conv(width, wider, 1))

    def forward(self, features: Tensor) -> Tensor:
        return self.down(features)


class Up(nn.Module):
    """To double the size, interpolated."""

    def __init__(self, width: int, narrower: int) -> None:
        super().__init__()
        self.up = nn.Sequential(_resize(2), conv(width, narrower, 1))

    def forward(self, features: Tensor) -> Tensor:
        return self.up(features)


class Encoder(nn.Module):
    """The way down of a U-Net: three levels of two CABs (Fig. 3a)."""

    def __init__(self, widths: tuple[int, int, int], reduction: int, slope: nn.PReLU) -> None:
        super().__init__()
        full, half, quarter = widths
        self.encoder_level1 = cabs(full, CABS_AT_A_LEVEL, reduction, slope)
        self.encoder_level2 = cabs(half, CABS_AT_A_LEVEL, reduction, slope)
        self.encoder_level3 = cabs(quarter, CABS_AT_A_LEVEL, reduction, slope)
        self.down12 = Down(full, half)
        self.down23 = Down(half, quarter)

    def forward(
        self, features: Tensor, added: tuple[Tensor | float, ...] = (0.0, 0.0, 0.0)
    ) -> Pyramid:
        full = self.encoder_level1(features) + added[0]
        half = self.encoder_level2(self.down12(full)) + added[1]
        quarter = self.encoder_level3(self.down23(half)) + added[2]
        return full, half, quarter


class FusingEncoder(Encoder):
    """An encoder that takes in the pyramids of the stage before: CSFF (Fig. 3c)."""

    def __init__(self, widths: tuple[int, int, int], reduction: int, slope: nn.PReLU) -> None:
        super().__init__(widths, reduction, slope)
        full, half, quarter = widths
        self.csff_enc1 = conv(full, full, 1)
        self.csff_enc2 = conv(half, half, 1)
        self.csff_enc3 = conv(quarter, quarter, 1)
        self.csff_dec1 = conv(full, full, 1)
        self.csff_dec2 = conv(half, half, 1)
        self.csff_dec3 = conv(quarter, quarter, 1)

    def fused(self, encoded: Pyramid, decoded: Pyramid) -> Pyramid:
        """What is to be added at each level."""
        return (
            self.csff_enc1(encoded[0]) + self.csff_dec1(decoded[0]),
            self.csff_enc2(encoded[1]) + self.csff_dec2(decoded[1]),
            self.csff_enc3(encoded[2]) + self.csff_dec3(decoded[2]),
        )


class Decoder(nn.Module):
    """The way up of a U-Net; what is taken over from the way down passes a CAB (Fig. 3a)."""

    def __init__(self, widths: tuple[int, int, int], reduction: int, slope: nn.PReLU) -> None:
        super().__init__()
        full, half, quarter = widths
        self.decoder_level1 = cabs(full, CABS_AT_A_LEVEL, reduction, slope)
        self.decoder_level2 = cabs(half, CABS_AT_A_LEVEL, reduction, slope)
        self.decoder_level3 = cabs(quarter, CABS_AT_A_LEVEL, reduction, slope)
        self.skip_attn1 = ChannelAttentionBlock(full, reduction, slope)
        self.skip_attn2 = ChannelAttentionBlock(half, reduction, slope)
        self.up21 = Up(half, full)
        self.up32 = Up(quarter, half)

    def forward(self, encoded: Pyramid) -> Pyramid:
        quarter = self.decoder_level3(encoded[2])
        half = self.decoder_level2(self.up32(quarter) + self.skip_attn2(encoded[1]))
        full = self.decoder_level1(self.up21(half) + self.skip_attn1(encoded[0]))
        return full, half, quarter


def conv(width: int, out: int, side: int) -> nn.Conv2d:
    """A convolution that keeps the size."""
    return nn.Conv2d(width, out, side, padding=side // 2, bias=False)


def cabs(width: int, count: int, reduction: int, slope: nn.PReLU) -> nn.Sequential:
    """So many channel attention blocks, one after the other."""
    return nn.Sequential(*(ChannelAttentionBlock(width, reduction, slope) for _ in range(count)))


def _resize(factor: float) -> nn.Upsample:
    return nn.Upsample(scale_factor=factor, mode="bilinear", align_corners=False)
