"""The losses against their definitions, written once more."""

import math

import pytest
import torch

from ensir.training.losses import (
    FREQUENCY_WEIGHT,
    SMOOTHING,
    charbonnier,
    frequency_error,
    restoration_loss,
)


def pictures(seed: int) -> torch.Tensor:
    return torch.rand(2, 3, 8, 12, generator=torch.Generator().manual_seed(seed)).double()


def test_charbonnier_is_the_absolute_error_far_from_zero_and_smooth_at_it() -> None:
    truth = torch.zeros(1, 1, 2, 2)
    assert charbonnier(truth, truth).item() == pytest.approx(SMOOTHING)
    assert charbonnier(truth + 0.5, truth).item() == pytest.approx(0.5, abs=2 * SMOOTHING**2)
    restored = truth.clone().requires_grad_()
    charbonnier(restored, truth).backward()
    assert restored.grad is not None and not restored.grad.any()


def test_the_frequency_error_is_that_of_the_sums_of_waves() -> None:
    one, other = pictures(1), pictures(2)
    rows, columns = torch.arange(8.0).double(), torch.arange(12.0).double()
    total = 0.0
    for u in range(8):
        for v in range(12 // 2 + 1):
            angle = -2 * math.pi * (u * rows[:, None] / 8 + v * columns / 12)
            wave = torch.polar(torch.ones_like(angle), angle) / math.sqrt(8 * 12)
            total += ((one - other) * wave).sum((2, 3)).abs().sum().item()
    coefficients = 2 * 3 * 8 * (12 // 2 + 1)
    assert frequency_error(one, other).item() == pytest.approx(total / coefficients, rel=1e-9)


def test_the_loss_of_several_stages_is_the_mean_of_theirs() -> None:
    stages, truth = [pictures(1), pictures(2)], pictures(3)
    alone = [restoration_loss(stage, truth).item() for stage in stages]
    assert restoration_loss(stages, truth).item() == pytest.approx(sum(alone) / 2)
    parts = charbonnier(stages[0], truth) + FREQUENCY_WEIGHT * frequency_error(stages[0], truth)
    assert alone[0] == pytest.approx(parts.item())
