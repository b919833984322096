"""EM compiled for GPUs: each program takes one bin set from its first mixture to its last.

The definition is `fit_mixtures` of `ensir.ensemble.mixture`. All in float64; levels without a pixel
count 0 times, for a program works on all 256 at once.
"""

from __future__ import annotations

import triton  # noqa: TID253 - a module of compiled kernels
import triton.language as tl  # noqa: TID253

from ensir.limits import LEVELS

ALL_LEVELS = tl.constexpr(LEVELS)
TWO_PI = tl.constexpr(6.283185307179586)
TINY = tl.constexpr(2.2250738585072014e-308)  # the least normal float64


@triton.jit
def fit_cells(
    histogram: tl.tensor,  # (K, L) int64
    mean: tl.tensor,  # (K, M)
    weight: tl.tensor,  # (K, M) the first ones, written over
    variance: tl.tensor,  # (K, M) the same
    prior: tl.tensor,  # (K, M)
    rule: tl.tensor,  # (5,) epsilon, underflow, variance floor, least gain, prior pixels
    score: tl.tensor,  # (K,) written
    steps: tl.tensor,  # (K,) int64 written
    converged: tl.tensor,  # (K,) bool written
    least_steps: int,
    most_steps: int,
    about_truth: tl.constexpr,
    members: tl.constexpr,
    places: tl.constexpr,  # the power of 2 that the members fit into
) -> None:
    """Fits the mixture of one cell."""
    cell = tl.program_id(0).to(tl.int64)
    epsilon, underflow = tl.load(rule), tl.load(rule + 1)
    floor, least_gain, prior_pixels = tl.load(rule + 2), tl.load(rule + 3), tl.load(rule + 4)
    level = tl.arange(0, ALL_LEVELS)
    count = tl.load(histogram + cell * ALL_LEVELS + level).to(tl.float64)
    level = level.to(tl.float64)
    pixels = tl.sum(count, 0)
    member = tl.arange(0, places)
    inside = member < members
    here = cell * members + member
    centre = tl.load(mean + here, mask=inside, other=0.0)
    back_to = tl.load(prior + here, mask=inside, other=0.0)
    share = tl.load(weight + here, mask=inside, other=0.0)
    spread = tl.load(variance + here, mask=inside, other=1.0)
    squared_error = (level[None, :] - centre[:, None]) * (level[None, :] - centre[:, None])
    back_off = prior_pixels / (pixels + prior_pixels)

    # The variance of a component that explains nothing.
    of_nothing = tl.where(floor == 0, float("nan"), tl.maximum(floor, epsilon))

    step = 0
    rise = pixels * 0
    responsibility, now = _e_step(
        share, spread, back_to, inside, squared_error, count, pixels, prior_pixels
    )
    going = step < most_steps
    while going:
        step += 1
        held = tl.where(responsibility < underflow, 0.0, responsibility) * count[None, :]
        mass = tl.sum(held, 1)
        if about_truth:
            about = tl.sum(held * level[None, :], 1) / (mass + epsilon)
            error = (level[None, :] - about[:, None]) * (level[None, :] - about[:, None])
        else:
            error = squared_error
        found = tl.sum(held * error, 1) / tl.maximum(mass, TINY) + epsilon
        found = tl.where(mass == 0, of_nothing, tl.where(found < floor, floor, found))
        spread = tl.where(inside, found, 1.0)
        seen = (mass + epsilon) / pixels
        share = tl.where(inside, seen + back_off * (back_to - seen), 0.0)
        before = now
        responsibility, now = _e_step(
            share, spread, back_to, inside, squared_error, count, pixels, prior_pixels
        )
        rise = now - before
        ended = (now != now) | ((rise < least_gain) & (step >= least_steps))
        going = (step < most_steps) & (ended == 0)
    tl.store(weight + here, share, mask=inside)
    tl.store(variance + here, spread, mask=inside)
    tl.store(score + cell, now)
    tl.store(steps + cell, step)
    tl.store(converged + cell, (rise < least_gain) & (step >= least_steps))


@triton.jit
def _e_step(
    share: tl.tensor,
    spread: tl.tensor,
    back_to: tl.tensor,
    inside: tl.tensor,
    squared_error: tl.tensor,
    count: tl.tensor,
    pixels: tl.tensor,
    prior_pixels: tl.tensor,
) -> tl.tuple:
    """Responsibilities (Eq. 9) and the mean log-likelihood, penalised by the prior."""
    scale = tl.log(share) - 0.5 * tl.log(spread * TWO_PI)
    joint = scale[:, None] + squared_error * (-0.5 / spread)[:, None]
    joint = tl.where(inside[:, None], joint, float("-inf"))
    peak = tl.max(joint, 0)
    density = tl.exp(joint - peak[None, :])
    total = tl.sum(density, 0)
    likelihood = tl.sum(count * (peak + tl.log(total)), 0)
    penalty = tl.sum(tl.where(back_to > 0, back_to * tl.log(share), 0.0), 0)
    likelihood += tl.where(prior_pixels > 0, prior_pixels * penalty, 0.0)
    return density / total[None, :], likelihood / pixels
