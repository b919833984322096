"""What every restorer is."""

from typing import Protocol

from torch import Tensor

from ensir.progress import IsCancelled, OnProgress


class Restorer(Protocol):
    """Makes one candidate of an image."""

    @property
    def name(self) -> str:
        """As the user reads it, and as it is found in RESTORERS."""

    @property
    def task(self) -> str:
        """What it is for: "denoising"."""

    @property
    def scale(self) -> int:
        """How many times larger the candidate is than the image, in each direction."""

    @property
    def licence(self) -> str:
        """Of its code and weights, in a few words."""

    @property
    def parameters(self) -> int:
        """The count of learned numbers; 0 for a classical filter."""

    @property
    def seconds_per_megapixel(self) -> float:
        """Measured on two CPU cores: what an estimate before a long run is made from."""

    @property
    def uses_gpu(self) -> bool:
        """Whether it runs on a GPU where there is one."""

    def restore(self, image: Tensor, on_progress: OnProgress, cancelled: IsCancelled) -> Tensor:
        """The candidate: uint8 (3, H, W) -> uint8 (3, scale H, scale W).

        Raises errors.Cancelled soon after `cancelled()` becomes true.
        """
