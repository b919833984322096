"""MPRNet: three stages, on quarters, on halves and on the whole picture.

Written from the paper: Zamir et al., "Multi-Stage Progressive Image Restoration", CVPR 2021,
arXiv 2102.02808. Parameters are named as in the authors' files, so that these can be loaded.
No convolution has a bias; features are float (N, C, H, W).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ensir.errors import InputError
from ensir.restorers.shapes import require_multiple

Pyramid = tuple[Tensor, Tensor, Tensor]  # features at full, half and quarter size

FIRST_WEIGHT = "shallow_feat1.0.weight"  # its rows tell which of the networks it is
PREFIX = "module."  # written by the authors' training on several devices
CAB_REACH = 2  # pixels: two 3 × 3 convolutions
CABS_AT_A_LEVEL = 2


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
# For training of our own on a CPU: 512 × 512 pixels on two cores in less than a second.
SMALL = MPRNetSettings(features=12, scale_unet=12, scale_orsnet=4, cabs=2)  # 0.39, 7.8


class MPRNet(nn.Module):
    """Restores a picture in three stages (Fig. 2).

    `forward`: (N, 3, H, W) float in [0, 1], H and W multiples of `multiple` -> [third, second,
    first stage], each the whole picture in that shape, not clamped; the first of the list is the
    result, the others serve training. Raises InputError for another shape.

    Channel attention averages over quarters, halves and the whole, and the cuts lie in the middle:
    so every output depends on every input and on the size, and a tile is restored otherwise than
    the same place in the whole. `reach` is how far the rest looks.
    """

    halo: int | None = None  # no margin makes tiles agree with the whole
    global_pooling = True

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
        self.stage1_encoder = Encoder(settings, slope)
        self.stage1_decoder = Decoder(settings, slope)
        self.stage2_encoder = FusingEncoder(settings, slope)
        self.stage2_decoder = Decoder(settings, slope)
        self.stage3_orsnet = OriginalResolutionNet(settings, slope)
        self.sam12 = SupervisedAttention(width)
        self.sam23 = SupervisedAttention(width)
        self.concat12 = _conv(2 * width, width, 3)
        self.concat23 = _conv(2 * width, wide, 3)
        self.tail = _conv(wide, 3, 3)

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


class ChannelAttention(nn.Module):
    """Weighs the channels by their averages over the picture."""

    def __init__(self, width: int, reduction: int) -> None:
        super().__init__()
        self.conv_du = nn.Sequential(
            _conv(width, width // reduction, 1),
            nn.ReLU(),
            _conv(width // reduction, width, 1),
            nn.Sigmoid(),
        )

    def forward(self, features: Tensor) -> Tensor:
        return features * self.conv_du(features.mean((2, 3), keepdim=True))


class ChannelAttentionBlock(nn.Module):
    """CAB: two convolutions and channel attention, added to what came."""

    def __init__(self, width: int, reduction: int, slope: nn.PReLU) -> None:
        super().__init__()
        self.CA = ChannelAttention(width, reduction)
        self.body = nn.Sequential(_conv(width, width, 3), slope, _conv(width, width, 3))

    def forward(self, features: Tensor) -> Tensor:
        return features + self.CA(self.body(features))


class SupervisedAttention(nn.Module):
    """SAM: a picture is made of the features, and the features are gated by it (Fig. 4)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = _conv(width, width, 1)
        self.conv2 = _conv(width, 3, 1)
        self.conv3 = _conv(3, width, 1)

    def forward(self, features: Tensor, degraded: Tensor) -> tuple[Tensor, Tensor]:
        """The gated features and the restored picture."""
        restored = self.conv2(features) + degraded
        return features + self.conv1(features) * self.conv3(restored).sigmoid(), restored


class Encoder(nn.Module):
    """The way down of a U-Net: three levels of two CABs (Fig. 3a)."""

    def __init__(self, settings: MPRNetSettings, slope: nn.PReLU) -> None:
        super().__init__()
        full, half, quarter = settings.widths
        self.encoder_level1 = _cabs(full, CABS_AT_A_LEVEL, settings, slope)
        self.encoder_level2 = _cabs(half, CABS_AT_A_LEVEL, settings, slope)
        self.encoder_level3 = _cabs(quarter, CABS_AT_A_LEVEL, settings, slope)
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

    def __init__(self, settings: MPRNetSettings, slope: nn.PReLU) -> None:
        super().__init__(settings, slope)
        full, half, quarter = settings.widths
        self.csff_enc1 = _conv(full, full, 1)
        self.csff_enc2 = _conv(half, half, 1)
        self.csff_enc3 = _conv(quarter, quarter, 1)
        self.csff_dec1 = _conv(full, full, 1)
        self.csff_dec2 = _conv(half, half, 1)
        self.csff_dec3 = _conv(quarter, quarter, 1)

    def fused(self, encoded: Pyramid, decoded: Pyramid) -> Pyramid:
        """What is to be added at each level."""
        return (
            self.csff_enc1(encoded[0]) + self.csff_dec1(decoded[0]),
            self.csff_enc2(encoded[1]) + self.csff_dec2(decoded[1]),
            self.csff_enc3(encoded[2]) + self.csff_dec3(decoded[2]),
        )


class Decoder(nn.Module):
    """The way up of a U-Net; what is taken over from the way down passes a CAB (Fig. 3a)."""

    def __init__(self, settings: MPRNetSettings, slope: nn.PReLU) -> None:
        super().__init__()
        full, half, quarter = settings.widths
        self.decoder_level1 = _cabs(full, CABS_AT_A_LEVEL, settings, slope)
        self.decoder_level2 = _cabs(half, CABS_AT_A_LEVEL, settings, slope)
        self.decoder_level3 = _cabs(quarter, CABS_AT_A_LEVEL, settings, slope)
        self.skip_attn1 = ChannelAttentionBlock(full, settings.reduction, slope)
        self.skip_attn2 = ChannelAttentionBlock(half, settings.reduction, slope)
        self.up21 = Up(half, full)
        self.up32 = Up(quarter, half)

    def forward(self, encoded: Pyramid) -> Pyramid:
        quarter = self.decoder_level3(encoded[2])
        half = self.decoder_level2(self.up32(quarter) + self.skip_attn2(encoded[1]))
        full = self.decoder_level1(self.up21(half) + self.skip_attn1(encoded[0]))
        return full, half, quarter


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
        self.conv_enc1 = _conv(full, wide, 1)
        self.conv_enc2 = _conv(full, wide, 1)
        self.conv_enc3 = _conv(full, wide, 1)
        self.conv_dec1 = _conv(full, wide, 1)
        self.conv_dec2 = _conv(full, wide, 1)
        self.conv_dec3 = _conv(full, wide, 1)

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
        self.body = _cabs(width, settings.cabs, settings, slope).append(_conv(width, width, 3))

    def forward(self, features: Tensor) -> Tensor:
        return features + self.body(features)


class Down(nn.Module):
    """To half the size, by the mean of 2 × 2 pixels."""

    def __init__(self, width: int, wider: int) -> None:
        super().__init__()
        self.down = nn.Sequential(_resize(0.5), _conv(width, wider, 1))

    def forward(self, features: Tensor) -> Tensor:
        return self.down(features)


class Up(nn.Module):
    """To double the size, interpolated."""

    def __init__(self, width: int, narrower: int) -> None:
        super().__init__()
        self.up = nn.Sequential(_resize(2), _conv(width, narrower, 1))

    def forward(self, features: Tensor) -> Tensor:
        return self.up(features)


def settings_of(weights: Mapping[str, Tensor]) -> MPRNetSettings:
    """The settings of the network that has these weights, told by the rows of the first one.

    Names may begin with "module.". Raises InputError when no network of known settings has them.
    """
    known = {**PUBLISHED, "small": SMALL}
    first = _without_prefix(weights).get(FIRST_WEIGHT)
    if first is None:
        raise InputError(
            f"weights of an MPRNet hold {FIRST_WEIGHT!r}, got {len(weights)} names without it: "
            "choose a file of MPRNet"
        )
    for settings in known.values():
        if first.shape == (settings.features, 3, 3, 3):
            return settings
    rows = ", ".join(f"{settings.features} ({name})" for name, settings in known.items())
    raise InputError(
        f"{FIRST_WEIGHT!r} of an MPRNet is (rows, 3, 3, 3) with rows {rows}, got "
        f"{tuple(first.shape)}: choose a file for one of these tasks"
    )


def state_dict_for(settings: MPRNetSettings, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `MPRNet(settings).load_state_dict` takes, made of weights as they are found in files.

    Names may begin with "module."; the one PReLU slope may stand there once or in all its copies.
    Nothing is copied. Raises InputError when names are missing or too many, when a shape is
    another, and when the copies of the slope differ.
    """
    with torch.device("meta"):
        wanted = {name: tuple(it.shape) for name, it in MPRNet(settings).state_dict().items()}
    given = _without_prefix(weights)
    network = f"an MPRNet of {settings.features} features"
    extra = [name for name in given if name not in wanted]
    if extra:
        raise InputError(
            f"{network} has {len(wanted)} weights, got {_listed(extra)} besides: choose a file of "
            "the same network"
        )
    for name, tensor in given.items():
        if tuple(tensor.shape) != wanted[name]:
            raise InputError(
                f"{network} has {name!r} of shape {wanted[name]}, got {tuple(tensor.shape)}: "
                "choose a file of the same network"
            )
    slopes = [name for name, shape in wanted.items() if shape == (1,)]
    found = [given[name] for name in slopes if name in given]
    missing = [name for name in wanted if name not in given and (name not in slopes or not found)]
    if missing:
        raise InputError(
            f"{network} has {len(wanted)} weights, {_listed(missing)} not given: choose a file "
            "that holds the whole network"
        )
    if not all(torch.equal(slope, found[0]) for slope in found):
        raise InputError(
            f"{network} has one PReLU slope in {len(slopes)} equal copies, got "
            f"{len({slope.item() for slope in found})} different ones: choose a file of the "
            "published network"
        )
    return {name: given.get(name, found[0]) for name in wanted}


def _without_prefix(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if all(name.startswith(PREFIX) for name in weights):
        return {name.removeprefix(PREFIX): tensor for name, tensor in weights.items()}
    return dict(weights)


def _listed(names: Sequence[str]) -> str:
    return repr(names[0]) + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def _split(whole: Tensor, dim: int) -> Tensor:
    """Both halves as a batch of twice the size, the first halves first."""
    return torch.cat(whole.chunk(2, dim))


def _join(halves: Tensor, dim: int) -> Tensor:
    """What `_split` took apart."""
    return torch.cat(halves.chunk(2), dim)


def _join_all(pyramid: Pyramid, dim: int) -> Pyramid:
    full, half, quarter = pyramid
    return _join(full, dim), _join(half, dim), _join(quarter, dim)


def _conv(width: int, out: int, side: int) -> nn.Conv2d:
    return nn.Conv2d(width, out, side, padding=side // 2, bias=False)


def _cabs(width: int, count: int, settings: MPRNetSettings, slope: nn.PReLU) -> nn.Sequential:
    return nn.Sequential(
        *(ChannelAttentionBlock(width, settings.reduction, slope) for _ in range(count))
    )


def _shallow(settings: MPRNetSettings, slope: nn.PReLU) -> nn.Sequential:
    width = settings.features
    block = ChannelAttentionBlock(width, settings.reduction, slope)
    return nn.Sequential(_conv(3, width, 3), block)


def _resize(factor: float) -> nn.Upsample:
    return nn.Upsample(scale_factor=factor, mode="bilinear", align_corners=False)
