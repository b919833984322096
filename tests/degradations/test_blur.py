"""Kernels of a shaking hand keep the light where it is, and blur as a convolution does."""

import math

import numpy as np
import pytest
import torch

from ensir.degradations.blur import motion_blur, shake_kernel, shake_path
from ensir.errors import InputError

IMAGE = torch.randint(
    0, 256, (3, 30, 44), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("length", [0, 0.3, 1, 7.5, 25, 64])
def test_kernels_are_not_negative_add_up_to_one_and_are_centred(length: float, seed: int) -> None:
    kernel = shake_kernel(length, seed)
    side = len(kernel)
    assert kernel.shape == (side, side) and side % 2 == 1
    assert kernel.min() >= 0 and kernel.sum() == pytest.approx(1, abs=1e-12)
    place = np.arange(side) - side // 2
    assert kernel.sum(0) @ place == pytest.approx(0, abs=1e-9)
    assert kernel.sum(1) @ place == pytest.approx(0, abs=1e-9)


def test_a_path_has_the_length_asked_for() -> None:
    for seed in range(10):
        path = shake_path(20, np.random.default_rng(seed))
        assert np.abs(np.diff(path)).sum() == pytest.approx(20)


def test_paths_go_everywhere_and_are_crooked() -> None:
    ends = [shake_path(20, np.random.default_rng(seed))[-1] for seed in range(400)]
    # The mean end of 400 paths of length 20 lies within 4 standard errors of the start.
    assert abs(np.mean(ends)) < 4 * 20 / math.sqrt(400)
    distances = np.abs(ends)
    assert distances.min() < 5 and 8 < distances.mean() < 18 and distances.max() <= 20


def test_the_same_seed_gives_the_same_path_and_another_seed_another() -> None:
    assert torch.equal(motion_blur(IMAGE, 9, seed=4), motion_blur(IMAGE, 9, seed=4))
    assert not torch.equal(motion_blur(IMAGE, 9, seed=4), motion_blur(IMAGE, 9, seed=5))


def test_a_blurred_picture_is_the_sum_of_shifted_ones() -> None:
    kernel = shake_kernel(6, seed=3)
    reach = len(kernel) // 2
    wide = np.pad(IMAGE.numpy(), ((0, 0), (reach, reach), (reach, reach)), "symmetric")
    total = np.zeros(IMAGE.shape)
    for row in range(-reach, reach + 1):
        for column in range(-reach, reach + 1):
            shifted = wide[:, reach - row :, reach - column :][:, :30, :44]
            total += kernel[row + reach, column + reach] * shifted
    difference = motion_blur(IMAGE, 6, seed=3).double() - torch.from_numpy(total)
    assert difference.abs().max() <= 0.5 + 1e-9


def test_a_point_becomes_the_kernel() -> None:
    point = torch.zeros(1, 31, 31, dtype=torch.uint16)
    point[0, 15, 15] = 65535
    kernel = shake_kernel(12, seed=8)
    around = slice(15 - len(kernel) // 2, 16 + len(kernel) // 2)
    blurred = motion_blur(point, 12, seed=8)
    assert blurred.dtype == torch.uint16
    assert np.allclose(blurred[0, around, around].numpy() / 65535, kernel, atol=1e-5)


def test_no_path_changes_nothing_and_grey_stays_grey() -> None:
    assert torch.equal(motion_blur(IMAGE, 0, seed=1), IMAGE)
    grey = torch.full((3, 20, 20), 99, dtype=torch.uint8)
    assert torch.equal(motion_blur(grey, 30, seed=1), grey)


@pytest.mark.parametrize("length", [-1, 65, math.nan, math.inf])
def test_a_path_out_of_range_is_refused(length: float) -> None:
    with pytest.raises(InputError, match="a path is 0 to 64 pixels long"):
        motion_blur(IMAGE, length, seed=0)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(InputError, match="a seed is 0 or more"):
        motion_blur(IMAGE, 9, seed=-1)
