"""The rules of the released code, kept to reproduce its tables; `em` follows the paper instead.

Each differs from the paper's equations; the sentence beside it says how. The released code works
in float32, this in float64: weights agree within 5e-3 (a stop one step earlier or later).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ensir.ensemble.kernels.rules import CompiledStep
from ensir.ensemble.mixture import EmRule, Mixture, Observed

EPSILON = 1e-6  # added by the released code to the mass and to the variance
# Smaller responsibilities are 0 in float32 (half of its smallest number, rounded to even), and a
# component left without any makes the released code fall back to the first weights.
UNDERFLOW = 2.0**-150


def published_m_step(mixture: Mixture, responsibility: Tensor, observed: Observed) -> Mixture:
    """Eq. 10 with an added epsilon, and the variance about the weighted mean of the truth.

    Eq. 11 takes it about the candidate's mean. The likelihood may fall. A component that
    explains nothing turns the variance into NaN, which ends the fit as the released code's
    exception does.
    """
    level = observed.level.unsqueeze(-2)
    seen = torch.where(responsibility < UNDERFLOW, 0.0, responsibility)
    share = seen * observed.count.unsqueeze(-2)
    mass = share.sum(-1)
    centre = (share * level).sum(-1) / (mass + EPSILON)
    squared_error = (level - centre.unsqueeze(-1)) ** 2
    return Mixture(
        weight=(mass + EPSILON) / observed.count.sum(-1, keepdim=True),
        mean=mixture.mean,
        variance=(share * squared_error).sum(-1) / mass + EPSILON,
    )


# The score before the first step counts as minus infinity, so there are at least two; the loop
# tests its limit after counting, so there are at most 1001.
PUBLISHED = EmRule(
    m_step=published_m_step,
    least_variance=0.0,
    least_steps=2,
    most_steps=1001,
    compiled=CompiledStep(
        about_truth=True, epsilon=EPSILON, underflow=UNDERFLOW, variance_floor=0.0
    ),
)


def inherited(weights: Tensor, occupied: Tensor) -> Tensor:
    """Weights (C, S, M) with empty cells filled as the released code fills them.

    It visits bin set by bin set and in each channel by channel; a cell without a pixel takes the
    weights of the cell before, the very first the average. `occupied` is (C, S) bool.
    """
    channels, sets, members = weights.shape
    visited = weights.transpose(0, 1).reshape(-1, members)
    full = occupied.T.flatten()
    number = torch.arange(1, len(full) + 1, device=full.device)
    last = torch.where(full, number, 0).cummax(0).values
    average = torch.full_like(visited[:1], 1 / members)
    filled = torch.cat([average, visited])[last]
    return filled.reshape(sets, channels, members).transpose(0, 1)
