"""Any network as a restorer: on any size of picture, on the best device there is."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ensir.degradations import larger
from ensir.devices import best_device
from ensir.ensemble.levels import WHITE, levels_of
from ensir.errors import Cancelled, InputError
from ensir.limits import MOST_PIXELS
from ensir.progress import IsCancelled, OnProgress
from ensir.restorers.tiling import restore_in_tiles

# With its halo about 740 × 740 pixels, which take our small networks 1 to 2 s on two cores and
# 0.6 to 1.5 GB: soon enough for a stop.
TILE = 640
BLEND = 16  # pixels on each side of a cut: two tiles overlap by 2 * (BLEND + halo) in all
# What a network sees of a picture far away says little; a larger margin costs more than it mends.
MOST_HALO = 32
WHOLE_SHARE = 0.5  # of a device's memory that a picture restored at once may take
UNKNOWN_MEMORY = 4 * 2**30  # where the system does not say
HALVINGS = 3  # of the tile on a GPU that runs out of memory, before the CPU takes over
MOST_NETWORKS = 4  # kept in memory; the largest published one takes 460 MB

MakeNetwork = Callable[[], nn.Module]

# Whether the work of this thread should stop, for networks that are in the middle of a tile.
_CANCELLED: ContextVar[IsCancelled] = ContextVar("cancelled", default=lambda: False)


@dataclass(frozen=True)
class NetworkRestorer:
    """A network with its weights as a restorer.

    `network` makes it, on the CPU: a module that takes (1, 3, H, W) float32 in [0, 1], H and W
    multiples of its `multiple`, and returns the same or a list that begins with it. Its `reach` is
    how many pixels it looks to each side. It is made at first use and kept; two that compare equal
    share it.

    A picture larger than `tile` is restored in tiles that fade into one another. A network that
    pools over the whole picture sees other averages in a tile; its result is then another, no worse
    one: it was trained on crops smaller than any tile. With `bytes_per_pixel`, what its features
    take, it gets the whole picture at once, as its authors do, where that fits into half the
    device's memory. A stop is heard before every layer, so that a large tile is no long wait.
    """

    name: str
    task: str
    licence: str
    parameters: int
    seconds_per_megapixel: float
    network: MakeNetwork
    scale: int = 1
    enlarges: bool = False  # by itself; else it gets the picture enlarged before
    tile: int = TILE
    bytes_per_pixel: int | None = None
    uses_gpu: bool = True

    def restore(self, image: Tensor, on_progress: OnProgress, cancelled: IsCancelled) -> Tensor:
        """The candidate: uint8 (3, H, W), H and W from 1 on -> uint8 (3, scale H, scale W).

        Raises InputError for anything else, for weights that cannot be used or that make no
        numbers of it, and where memory is too small for a tile; Cancelled when the user stops the
        work.
        """
        if image.dtype != torch.uint8 or image.ndim != 3 or image.shape[0] != 3:
            raise InputError(
                f"{self.name} restores uint8 (3, H, W), got {image.dtype} {tuple(image.shape)}"
            )
        if image[0].numel() * self.scale**2 > MOST_PIXELS:
            raise InputError(
                f"{self.name} would make {image[0].numel() * self.scale**2 / 1e6:.1f} million "
                f"pixels, more than {MOST_PIXELS / 1e6:.4g} million, the limit here: give it a "
                "smaller picture"
            )
        if self.scale > 1 and not self.enlarges:
            image = larger(image, self.scale)
        best = best_device()
        tile = self._side_at_once(image, best)
        attempts = [(best, tile)]
        if best.type != "cpu":
            cpu = torch.device("cpu")
            attempts += [(best, max(1, tile >> halved)) for halved in range(1, HALVINGS + 1)]
            attempts += [(cpu, self._side_at_once(image, cpu))]
        for device, tile in attempts:
            try:
                return self._restored_on(device, tile, image, on_progress, cancelled)
            except torch.OutOfMemoryError:
                torch.cuda.empty_cache()
            except RuntimeError as error:
                # What the CPU's allocator raises has no type of its own.
                if "allocate memory" not in str(error):
                    raise
        raise InputError(
            f"{self.name} does not fit into the memory of this machine: choose a smaller network"
        )

    def _side_at_once(self, image: Tensor, device: torch.device) -> int:
        """How large a tile is, without its halo: the whole picture where that may be."""
        longest = max(image.shape[1:])
        if self.bytes_per_pixel is not None:
            needed = self.bytes_per_pixel * image[0].numel()
            if needed <= WHOLE_SHARE * memory_of(device):
                return longest
        return min(self.tile, longest)

    def _restored_on(
        self,
        device: torch.device,
        tile: int,
        image: Tensor,
        on_progress: OnProgress,
        cancelled: IsCancelled,
    ) -> Tensor:
        network = loaded(self.network, device)
        multiple, scale = network.multiple, self.scale if self.enlarges else 1
        halo = _up_to(multiple, BLEND + min(network.reach, MOST_HALO))

        def restore_tile(piece: Tensor) -> Tensor:
            height, width = piece.shape[1:]
            picture = padded(piece[None].to(device, torch.float32) / WHITE, multiple)
            made = network(picture.contiguous(memory_format=torch.channels_last))
            first = made[0] if isinstance(made, list | tuple) else made
            kept = first[0, :, : scale * height, : scale * width]
            if kept.isnan().any():
                raise InputError(
                    f"{self.name} makes no numbers of this picture: its weights are of no use for "
                    "it; choose another model"
                )
            return kept.clamp(0, 1).mul(WHITE).cpu()

        with torch.inference_mode(), _stopped_by(cancelled):
            restored = restore_in_tiles(
                image,
                restore_tile,
                tile=_up_to(multiple, tile),
                halo=halo,
                blend=BLEND,
                step=multiple,
                scale=scale,
                on_progress=on_progress,
                cancelled=cancelled,
            )
        return levels_of(restored)


@contextmanager
def _stopped_by(cancelled: IsCancelled) -> Iterator[None]:
    """Networks that run in here raise Cancelled before the next of their layers."""
    before = _CANCELLED.set(cancelled)
    try:
        yield
    finally:
        _CANCELLED.reset(before)


def _heed(_layer: nn.Module, _given: object) -> None:
    if _CANCELLED.get()():
        raise Cancelled


@lru_cache(maxsize=MOST_NETWORKS)
def loaded(make: MakeNetwork, device: torch.device) -> Any:  # noqa: ANN401 - types hide what it has
    """The network on a device, ready to restore; the last few are kept."""
    # On a CPU channels-last halves the time of MPRNet and NAFNet and takes a sixth off Restormer.
    network: Any = make().eval().requires_grad_(False)
    for layer in network.modules():
        layer.register_forward_pre_hook(_heed)
    return network.to(device, torch.float32, memory_format=torch.channels_last)


def memory_of(device: torch.device) -> int:
    """The bytes that a GPU has free, or that this machine has in all."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return UNKNOWN_MEMORY


def padded(picture: Tensor, multiple: int) -> Tensor:
    """A picture (1, C, H, W) with sides that are multiples, more of it at the right and the bottom.

    What is added is the reflection of what is there, or the edge where too little is there.
    """
    for axis in (-1, -2):
        side = picture.shape[axis]
        added = -side % multiple
        if added:
            widths = (0, added, 0, 0) if axis == -1 else (0, 0, 0, added)
            mode = "reflect" if added < side else "replicate"
            picture = F.pad(picture, widths, mode=mode)
    return picture


def _up_to(multiple: int, length: int) -> int:
    return -(-length // multiple) * multiple
