"""Makes docs/degradations.png: every degradation on a picture of assets, to be looked at.

python scripts/make_contact_sheet.py
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ensir.degradations import (
    Rain,
    gaussian_noise,
    jpeg,
    larger,
    motion_blur,
    poisson_gaussian_noise,
    rainy,
    smaller,
)
from ensir.images import read_image, write_image

ROOT = Path(__file__).parent.parent
SIDE, GAP = 200, 6  # pixels
TOP, LEFT = 40, 100  # of the face

# A row each, from light to heavy.
ROWS: list[list[Callable[[Tensor], Tensor]]] = [
    [
        lambda image: gaussian_noise(image, 15, seed=1),
        lambda image: gaussian_noise(image, 50, seed=1),
        lambda image: poisson_gaussian_noise(image, 60, 5, seed=1),
    ],
    [
        lambda image: rainy(image, Rain(0.06, length=14, angle=12, brightness=110), seed=1),
        lambda image: rainy(image, Rain(0.2, length=24, angle=-20, width=2, veil=0.1), seed=2),
        lambda image: rainy(image, Rain(0.3, length=40, angle=35, width=1, veil=0.4), seed=3),
    ],
    [
        lambda image: motion_blur(image, 6, seed=1),
        lambda image: motion_blur(image, 14, seed=2),
        lambda image: motion_blur(image, 40, seed=3),
    ],
    [
        lambda image: larger(smaller(image, 2), 2),
        lambda image: larger(smaller(image, 4), 4),
        lambda image: jpeg(image, 10),
    ],
]


def main() -> int:
    clean = read_image(ROOT / "assets" / "astronaut.png")[:, TOP : TOP + SIDE, LEFT : LEFT + SIDE]
    rows = [[clean, *(degrade(clean) for degrade in degradations)] for degradations in ROWS]
    height, width = (count * (SIDE + GAP) - GAP for count in (len(rows), len(rows[0])))
    sheet = torch.full((3, height, width), 255, dtype=torch.uint8)
    for down, row in enumerate(rows):
        for right, cell in enumerate(row):
            top, left = down * (SIDE + GAP), right * (SIDE + GAP)
            sheet[:, top : top + SIDE, left : left + SIDE] = cell
    write_image(ROOT / "docs" / "degradations.png", sheet)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
