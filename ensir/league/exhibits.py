"""Parts of pictures to look at: where the candidates disagree most."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ensir.ensemble.fusion import Fusion
from ensir.ensemble.levels import values_of
from ensir.scoring import Who

SIDE = 160  # of a part, in pixels
STRIDE = 16  # between the parts that are compared


@dataclass(frozen=True)
class Window:
    """A part of a picture, in pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def rows(self) -> slice:
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        return slice(self.left, self.left + self.width)

    def of(self, picture: Tensor) -> Tensor:
        """The part of a picture: (..., H, W) -> (..., height, width)."""
        return picture[..., self.rows, self.columns].clone()


@dataclass(frozen=True, eq=False)
class Exhibit:
    """A part of a picture as each contestant fused it."""

    picture: str
    window: Window
    truth: Tensor  # (3, h, w) uint8 or uint16
    degraded: Tensor | None  # the same of the input, where there is one of the same size
    images: dict[Who, Tensor]  # (3, h, w) uint8, uint16 or float32, 0..255
    weights: dict[Who, Tensor]  # (M, h, w) mean over the channels, where the weights vary


def most_disputed(candidates: Tensor) -> Window:
    """The square where the variance among the candidates (M, C, H, W) is largest."""
    variance = values_of(candidates).var(0, correction=0).sum(0)
    height, width = (min(SIDE, size) for size in variance.shape)
    means = avg_pool2d(variance[None, None], (height, width), STRIDE)[0, 0]
    row, column = divmod(int(means.argmax()), means.shape[1])
    return Window(column * STRIDE, row * STRIDE, width, height)


def weights_in(fusion: Fusion, window: Window) -> Tensor:
    """The mean of each candidate's weights over the channels, (M, h, w)."""
    return torch.as_tensor(fusion.weights_at(window.rows, window.columns)).mean(1)
