"""Any restorer over the eight flips and rotations of a picture, averaged.

What the field calls "x8" or "+": Timofte et al., "Seven Ways to Improve Example-Based Single Image
Super Resolution", CVPR 2016, section 3.6. It costs eight times the time.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ensir.progress import IsCancelled, OnProgress
from ensir.restorers.contract import Restorer

VIEWS = 8
BEHIND_NAME = f" ×{VIEWS}"


@dataclass(frozen=True)
class SelfEnsemble:
    """A restorer that is asked eight times, and its answers averaged."""

    restorer: Restorer

    @property
    def name(self) -> str:
        return self.restorer.name + BEHIND_NAME

    @property
    def task(self) -> str:
        return self.restorer.task

    @property
    def scale(self) -> int:
        return self.restorer.scale

    @property
    def licence(self) -> str:
        return self.restorer.licence

    @property
    def parameters(self) -> int:
        return self.restorer.parameters

    @property
    def seconds_per_megapixel(self) -> float:
        return VIEWS * self.restorer.seconds_per_megapixel

    @property
    def uses_gpu(self) -> bool:
        return self.restorer.uses_gpu

    def restore(self, image: Tensor, on_progress: OnProgress, cancelled: IsCancelled) -> Tensor:
        """The average of the eight candidates, rounded half up; shapes as the restorer has them.

        Raises what the restorer raises.
        """
        total = torch.zeros(())
        for number in range(VIEWS):

            def on_part(done: int, parts: int, before: int = number) -> None:
                on_progress(before * parts + done, VIEWS * parts)

            candidate = self.restorer.restore(view(image, number), on_part, cancelled)
            total = total + view_back(candidate, number).short()
        return ((total + VIEWS // 2) // VIEWS).to(torch.uint8)


def view(image: Tensor, number: int) -> Tensor:
    """One of the eight views of a picture (..., H, W): turned `number` quarters, and from 4 on
    mirrored first.
    """
    mirrored = image.flip(-1) if number >= VIEWS // 2 else image
    return mirrored.rot90(number % 4, (-2, -1)).contiguous()


def view_back(image: Tensor, number: int) -> Tensor:
    """What `view` made that view of."""
    upright = image.rot90(-(number % 4), (-2, -1))
    return upright.flip(-1) if number >= VIEWS // 2 else upright
