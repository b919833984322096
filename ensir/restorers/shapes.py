"""The shape of picture that a network takes."""

from torch import Tensor

from ensir.errors import InputError


def require_multiple(picture: Tensor, multiple: int, network: str) -> None:
    """Raises InputError unless it is (N, 3, H, W), not empty, with H and W multiples of `multiple`.

    `network` is what the sentence calls the network: "a Restormer".
    """
    shape = tuple(picture.shape)
    if len(shape) != 4 or shape[1] != 3 or 0 in shape or any(side % multiple for side in shape[2:]):
        raise InputError(
            f"{network} restores (N, 3, H, W) with H and W multiples of {multiple}, got {shape}: "
            "pad the picture"
        )
