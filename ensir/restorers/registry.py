"""The published networks that can be run here once their weights are there, as data.

None of these weights is shipped or fetched: their authors say who may use them. The files are
called as their authors call them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ensir.restorers import mprnet, nafnet, restormer
from ensir.restorers.architectures import Settings

# What a family of networks is called by people.
TITLES = {"mprnet": "MPRNet", "nafnet": "NAFNet", "restormer": "Restormer"}
ACADEMIC = "Academic Public License: not for commercial use"
LICENCES = {"mprnet": ACADEMIC, "nafnet": "MIT", "restormer": ACADEMIC}
SOURCES = {
    "mprnet": "github.com/swz30/MPRNet",
    "nafnet": "github.com/megvii-research/NAFNet",
    "restormer": "github.com/swz30/Restormer/releases",
}
# Of the small networks, the widest of ours, on two cores in tiles; see benchmarks/restorers.py.
SMALL_SECONDS = {"mprnet": 4.3, "nafnet": 2.0, "restormer": 4.5}
# For settings that nobody has measured: rather too long than too short.
UNKNOWN_SECONDS = 200.0
# A tile of 480 × 480 pixels with its halo, of which Restormer's features take 1.9 GB.
HEAVY_TILE = 384


@dataclass(frozen=True)
class Entry:
    """Published weights: which network they are for, and where they come from."""

    name: str  # as a restorer
    architecture: str  # a name in ARCHITECTURES
    settings: Settings
    task: str
    file: str  # as its authors call it, without the ending
    parameters: int
    seconds_per_megapixel: float  # on two cores
    # What the features of a pixel take. Set for networks whose authors restore whole pictures.
    bytes_per_pixel: int | None = None
    tile: int = HEAVY_TILE
    sha256: str | None = None  # of the file; None while nobody who has it has said
    link: str | None = None  # to the file itself, which may be fetched where its hash is known

    @property
    def licence(self) -> str:
        """Of the published code and weights."""
        return LICENCES[self.architecture]

    @property
    def source(self) -> str:
        """Where its authors offer it."""
        return SOURCES[self.architecture]


def _mprnet(task: str, parameters: int, seconds: float, bytes_per_pixel: int) -> Entry:
    settings = mprnet.PUBLISHED[task]
    return Entry(
        f"MPRNet {task}", "mprnet", settings, task, f"model_{task}", parameters, seconds,
        bytes_per_pixel,
    )  # fmt: skip


def _nafnet(task: str, width: int, data: str, parameters: int, seconds: float) -> Entry:
    settings = nafnet.PUBLISHED[f"{task}, width {width}"]
    name, file = f"NAFNet-{width} {task}", f"NAFNet-{data}-width{width}"
    return Entry(name, "nafnet", settings, task, file, parameters, seconds)


def _restormer(name: str, task: str, file: str, parameters: int) -> Entry:
    settings = restormer.PUBLISHED[task]
    return Entry(f"Restormer {name}", "restormer", settings, task, file, parameters, 150)


ENTRIES = (
    _mprnet("deblurring", 20_127_073, 230, 7_500),
    _mprnet("denoising", 15_741_025, 170, 6_500),
    _mprnet("deraining", 3_637_249, 45, 4_000),
    _nafnet("deblurring", 32, "GoPro", 17_111_907, 9),
    _nafnet("deblurring", 64, "GoPro", 67_888_835, 30),
    _nafnet("denoising", 32, "SIDD", 29_159_715, 9),
    _nafnet("denoising", 64, "SIDD", 115_982_915, 30),
    _restormer("deraining", "deraining", "deraining", 26_126_644),
    _restormer("deblurring", "deblurring", "motion_deblurring", 26_126_644),
    _restormer(
        "defocus deblurring", "defocus deblurring", "single_image_defocus_deblurring", 26_126_644
    ),
    _restormer("denoising", "denoising", "real_denoising", 26_111_668),
    _restormer(
        "denoising, any gaussian", "denoising", "gaussian_color_denoising_blind", 26_111_668
    ),
)


def entry_of(file: str) -> Entry | None:
    """The entry whose file has this name, without its ending."""
    return next((entry for entry in ENTRIES if entry.file == file), None)


def small_networks(task: str) -> list[str]:
    """The names of our own small networks for a task, as restorers."""
    return [f"small {title} {task}" for title in TITLES.values()]
