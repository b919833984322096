"""Weights that err least: constrained least squares in every bin set at once.

Weights are at least 0 and add up to 1, so a fused value lies between its candidates. A ridge draws
the weights of a bin set towards those of its whole channel, and these towards the average: what
few pixels say counts little, without a threshold. Stacked regressions (Breiman 1996), per bin set.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ensir.ensemble.errors_about_average import Errors

# Pixels of the channel's mean error that the parent's weights count as. From 5 to 500 all held-out
# errors lie within 0.003 dB of each other on the published reference sets.
RIDGE = 20.0
# The ridge is at least this share of the candidates' spread, and this many levels squared: where
# candidates are the same combination of each other, or all alike, the parent decides.
LEAST_SHARE, LEAST_RIDGE = 1e-9, 1e-9
# A multiplier or weight below 0 by less than this, at a scale of 1, is a rounding error.
ROUNDING = 1e-13


def least_squares_weights(
    errors: Errors, pixels: int, ridge: float = RIDGE, root: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Weights of each bin set, (C, K, M), and of each channel as a whole, (C, M), both float64.

    `errors` are (C, K, ...), each channel of `pixels` pixels. A channel's weights w minimise
    error(w) + penalty * |w - root|**2, where the root is the average or weights (M,) given; those
    of a bin set the same with the channel's in place of the root. The penalty is `ridge` times the
    mean squared error of averaging in the channel.
    """
    channel = errors.pooled()
    members = channel.pull.shape[-1]
    if root is None:
        root = channel.pull.new_full((members,), 1 / members, dtype=torch.float64)
    penalty = ridge * channel.loss_of_average / max(pixels, 1)  # (C,)
    pooled = _towards(channel, penalty, root)
    return _towards(errors, penalty.unsqueeze(-1), pooled.unsqueeze(-2)), pooled


def trusted(weight: Tensor, trust: float) -> Tensor:
    """Weights (..., M) between the average (trust 0) and what was fitted (trust 1).

    >>> trusted(torch.tensor([0.0, 0.2, 0.8]), trust=0.5)
    tensor([0.1667, 0.2667, 0.5667])
    """
    return trust * weight + (1 - trust) / weight.shape[-1]


def simplex_minimum(matrix: Tensor, vector: Tensor, start: Tensor) -> Tensor:
    """The w >= 0 that add up to 1 and minimise w'Aw - 2 w'b, one for each of K problems.

    `matrix` A is (K, M, M), positive definite, `vector` b and `start`, any such weights, (K, M),
    all float64. By active sets: the minimum on the face of free weights is one linear solve; a
    weight that would fall below 0 leaves the face, one whose growth would help joins it. Each step
    lowers the error, or leaves it, so the end is the minimum, whatever the start.
    """
    result = start.clone()
    cells = torch.arange(len(start), device=start.device)
    weight, free = start, torch.ones_like(start, dtype=torch.bool)
    for _ in range(_most_steps(start.shape[-1])):
        if not len(cells):
            break
        best, multiplier = _best_on_face(matrix, vector, free)
        inside = (best >= -ROUNDING).all(-1)
        # As far towards the best of the face as no weight falls below 0.
        room = torch.where(best < -ROUNDING, weight / (weight - best), torch.inf)
        step = room.amin(-1, keepdim=True).clamp(max=1)
        weight = torch.where(inside.unsqueeze(-1), best, weight + step * (best - weight))
        leaves = ~inside.unsqueeze(-1) & (room <= step)
        weight = torch.where(leaves, 0.0, weight).clamp(min=0)

        slope = (matrix @ weight.unsqueeze(-1)).squeeze(-1) - vector - multiplier
        scale = matrix.diagonal(dim1=-2, dim2=-1).amax(-1, keepdim=True)
        helps = torch.where(free, torch.inf, slope)
        joins = (helps == helps.amin(-1, keepdim=True)) & (helps < -ROUNDING * scale)
        joins &= inside.unsqueeze(-1)
        free = (free & ~leaves) | joins

        result[cells] = weight
        left = ~inside | joins.any(-1)
        cells, weight, free = cells[left], weight[left], free[left]
        matrix, vector = matrix[left], vector[left]
    return result / result.sum(-1, keepdim=True)


def _best_on_face(matrix: Tensor, vector: Tensor, free: Tensor) -> tuple[Tensor, Tensor]:
    """The w that add up to 1 and minimise w'Aw - 2 w'b where only `free` (K, M) ones are not 0.

    Gives them, (K, M), of either sign, and the multiplier of their sum, (K, 1).
    """
    both = free.unsqueeze(-1) & free.unsqueeze(-2)
    eye = torch.eye(free.shape[-1], dtype=matrix.dtype, device=matrix.device)
    sides = torch.stack([torch.where(free, vector, 0.0), free.to(vector)], dim=-1)
    # Raises nothing: sums of a forged file, which no pixels have, may have no solution.
    solved = torch.linalg.solve_ex(torch.where(both, matrix, eye), sides).result
    plain, shift = solved.unbind(-1)
    multiplier = (1 - plain.sum(-1, keepdim=True)) / shift.sum(-1, keepdim=True)
    return plain + multiplier * shift, multiplier


def _towards(errors: Errors, penalty: Tensor, parent: Tensor) -> Tensor:
    """Weights (..., M) that minimise error(w) + penalty * |w - parent|**2."""
    members = errors.pull.shape[-1]
    spread = errors.spread.double().reshape(-1, members, members) / members**2
    pull = errors.pull.double().reshape(-1, members) / members**2
    parent = parent.expand(errors.pull.shape).reshape(-1, members)
    trace = spread.diagonal(dim1=-2, dim2=-1).sum(-1)
    penalty = penalty.expand(errors.loss.shape).flatten()
    penalty = penalty.maximum(LEAST_SHARE * trace).clamp(min=LEAST_RIDGE).unsqueeze(-1)
    # Any multiple of a matrix of ones adds a constant where weights add up to 1; this one makes
    # the solve exact in the direction in which the spread is 0.
    matrix = spread + torch.diag_embed(penalty.expand_as(pull)) + (trace / members)[:, None, None]
    weight = simplex_minimum(matrix, pull + penalty * parent, parent)
    return weight.reshape(errors.pull.shape)


def _most_steps(members: int) -> int:
    """Far more than any problem took; a guard against a circle of rounding errors."""
    return 20 + 10 * members
