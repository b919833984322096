"""What all tests share: devices, the shared data, and small reference sets made by a seed."""

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in the app: cores may be shared
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from torch import Tensor

from ensir.ensemble.bin_statistics import gather_statistics
from ensir.ensemble.bins import Bins
from ensir.reference_set import ReferenceStatistics

# The same examples in every run, and no deadline: a busy machine is no defect.
settings.register_profile("ensir", derandomize=True, deadline=None, database=None, max_examples=25)
settings.load_profile("ensir")

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared data, `../shared/data` from the project's root."""
    if not SHARED.is_dir():
        pytest.skip("the shared data are not here: ../shared/data is missing")
    return SHARED


@pytest.fixture(scope="session")
def sample() -> tuple[Tensor, Tensor]:
    """Three candidates (3, 3, 40, 36) and their ground truth (3, 40, 36), uint8."""
    return make_pictures(seed=1, members=3, height=40, width=36)


def make_pictures(
    seed: int,
    members: int,
    *,
    channels: int = 3,
    height: int = 24,
    width: int = 24,
    contrast: float = 60,
    noise: float = 6,
    bias: float = 0,
) -> tuple[Tensor, Tensor]:
    """Candidates (M, C, H, W) and truth (C, H, W), uint8: a smooth picture and what models make.

    The candidates share half of their error, as models that were trained alike do; each is off by
    its own constant of up to `bias` levels. A low contrast fills few bin sets with many pixels.
    """
    random = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random)

    row = torch.linspace(0, 1, height)[:, None]
    column = torch.linspace(0, 1, width)
    phase = 6 * normal(channels, 1, 1)
    wave = torch.sin(4 * row + 3 * column + phase) + 0.5 * torch.sin(9 * column - 7 * row + phase)
    truth = 110 + 40 * normal(channels, 1, 1) + contrast * wave
    common = normal(channels, height, width)
    own = normal(members, channels, height, width)
    scale = 0.5 + torch.rand(members, 1, 1, 1, generator=random)
    offset = bias * (2 * torch.rand(members, 1, 1, 1, generator=random) - 1)
    candidates = truth + noise * (0.7 * common + 0.7 * scale * own) + offset

    def levels(values: Tensor) -> Tensor:
        return values.round().clamp(0, 255).to(torch.uint8)

    return levels(candidates), levels(truth)


def identical_candidates(seed: int, members: int) -> tuple[Tensor, Tensor]:
    """Candidates that agree in every pixel, and a truth that differs from them."""
    candidates, truth = make_pictures(seed, 1, contrast=20)
    return candidates.repeat(members, 1, 1, 1), truth


def constant_pictures(seed: int, members: int) -> tuple[Tensor, Tensor]:
    """Each candidate has one value throughout, and so has the truth."""
    random = torch.Generator().manual_seed(seed)
    levels = torch.randint(0, 256, (members + 1, 1, 1, 1), generator=random).to(torch.uint8)
    pictures = levels.expand(members + 1, 3, 20, 20).contiguous()
    return pictures[:-1], pictures[-1]


def one_pixel(seed: int, members: int) -> tuple[Tensor, Tensor]:
    """Pictures of a single pixel."""
    return make_pictures(seed, members, height=1, width=1)


def biased_candidates(seed: int, members: int) -> tuple[Tensor, Tensor]:
    """Candidates far from the truth, each by its own constant."""
    return make_pictures(seed, members, bias=60, contrast=25, noise=3)


def two_levels(seed: int, members: int) -> tuple[Tensor, Tensor]:
    """Every value is 0 or 255, so bin sets are full and far apart."""
    random = torch.Generator().manual_seed(seed)
    truth = torch.randint(0, 2, (3, 24, 24), generator=random)
    flipped = torch.rand(members, 3, 24, 24, generator=random) < 0.1
    return ((truth ^ flipped.long()) * 255).to(torch.uint8), (truth * 255).to(torch.uint8)


ADVERSARIAL: dict[str, Callable[[int, int], tuple[Tensor, Tensor]]] = {
    "identical candidates": identical_candidates,
    "constant pictures": constant_pictures,
    "one pixel": one_pixel,
    "biased candidates": biased_candidates,
    "two levels": two_levels,
}


def make_statistics(
    pictures: tuple[Tensor, Tensor], bin_width: int, name: str = "made"
) -> ReferenceStatistics:
    """The statistics of one picture; its candidates are called A, B, C and so on."""
    candidates, truth = pictures
    names = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(candidates)])
    gathered = gather_statistics(candidates, truth, Bins(bin_width, len(candidates)))
    return ReferenceStatistics(gathered, names, (name,), 1)
