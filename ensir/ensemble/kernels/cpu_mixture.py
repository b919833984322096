"""EM compiled for CPUs: each cell iterates by itself, over the levels its pixels have.

The definition is `fit_mixtures` in `ensir.ensemble.mixture`. Constants come as arguments, for what
is compiled is kept on disk until this file changes, and only then.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit  # noqa: TID253 - a module of compiled kernels
from numpy.typing import NDArray

from ensir.ensemble.kernels.rules import CompiledRule

Doubles = NDArray[np.float64]

# Sums may be added in any order and products be added unrounded: vector instructions do both.
FAST = {"reassoc", "contract"}
TINY = float(np.finfo(np.float64).tiny)
LEAST = -745.2  # exp of it, and of less, is 0
BITS, EXPONENT_OF_ONE = 52, 1023  # of a double: the fraction's length, the exponent's offset
ONE, ROOT_OF_HALF = 0x3FF0000000000000, 0x3FE6A09E667F3BCD  # as bits
LN2 = 0.6931471805599453
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # LN2 in two parts


@njit(nogil=True, cache=True, error_model="numpy")
def fit_cells(
    first: int,
    last: int,
    histogram: NDArray[np.int64],  # (K, L)
    mean: Doubles,  # (K, M)
    weight: Doubles,  # (K, M) of the start; overwritten by what is fitted
    variance: Doubles,  # (K, M) as the weight
    prior: Doubles,  # (K, M)
    rule: CompiledRule,
    score: Doubles,  # (K,) written
    steps: NDArray[np.int64],  # (K,) written
    converged: NDArray[np.bool_],  # (K,) written
) -> None:
    """EM in the cells `first` to `last - 1`."""
    levels, members = histogram.shape[1], mean.shape[1]
    level, count = np.empty(levels), np.empty(levels)
    squared_error = np.empty((members, levels))
    responsibility = np.empty((members, levels))
    peak, total = np.empty(levels), np.empty(levels)
    for cell in range(first, last):
        occupied = 0
        pixels = 0.0
        for value in range(levels):
            if histogram[cell, value] > 0:
                level[occupied] = value
                count[occupied] = histogram[cell, value]
                pixels += histogram[cell, value]
                occupied += 1
        for member in range(members):
            for place in range(occupied):
                squared_error[member, place] = (level[place] - mean[cell, member]) ** 2
        at = weight[cell], mean[cell], variance[cell], prior[cell]
        observed = level[:occupied], count[:occupied], squared_error
        work = responsibility, peak, total
        step, rise = 0, math.inf
        now = _e_step(at, observed, pixels, rule, work)
        while step < rule.most_steps:
            step += 1
            _m_step(at, observed, pixels, rule, responsibility)
            before, now = now, _e_step(at, observed, pixels, rule, work)
            rise = now - before
            if now != now or (rise < rule.least_gain and step >= rule.least_steps):
                break
        score[cell], steps[cell] = now, step
        converged[cell] = rise < rule.least_gain and step >= rule.least_steps


@njit(nogil=True, error_model="numpy", fastmath=FAST)
def _e_step(
    at: tuple[Doubles, Doubles, Doubles, Doubles],
    observed: tuple[Doubles, Doubles, Doubles],
    pixels: float,
    rule: CompiledRule,
    work: tuple[Doubles, Doubles, Doubles],
) -> float:
    """Responsibilities (Eq. 9) into `work`; the mean log-likelihood, penalised by the prior."""
    weight, _, variance, prior = at
    level, count, squared_error = observed
    responsibility, peak, total = work
    members, places = len(weight), len(level)
    for member in range(members):
        scale = math.log(weight[member]) - 0.5 * math.log(2 * math.pi * variance[member])
        slope = -0.5 / variance[member]
        for place in range(places):
            responsibility[member, place] = scale + squared_error[member, place] * slope
    for place in range(places):
        peak[place] = responsibility[0, place]
        total[place] = 0.0
    for member in range(1, members):
        for place in range(places):
            peak[place] = max(peak[place], responsibility[member, place])
    for member in range(members):
        for place in range(places):
            density = _exp_of_negative(responsibility[member, place] - peak[place])
            responsibility[member, place] = density
            total[place] += density
    likelihood = 0.0
    for place in range(places):
        likelihood += count[place] * (peak[place] + _log_of_positive(total[place]))
        total[place] = 1 / total[place]
    for member in range(members):
        for place in range(places):
            responsibility[member, place] *= total[place]
    penalty = 0.0
    for member in range(members):
        if prior[member] > 0:
            penalty += prior[member] * math.log(weight[member])
    if rule.prior_pixels > 0:
        likelihood += rule.prior_pixels * penalty
    return likelihood / pixels


@njit(nogil=True, error_model="numpy", fastmath=FAST)
def _m_step(
    at: tuple[Doubles, Doubles, Doubles, Doubles],
    observed: tuple[Doubles, Doubles, Doubles],
    pixels: float,
    rule: CompiledRule,
    responsibility: Doubles,
) -> None:
    """Weights (Eq. 10) and variances (Eq. 11), or those of the released code, in place."""
    weight, mean, variance, prior = at
    level, count, _ = observed
    back_off = rule.prior_pixels / (pixels + rule.prior_pixels)
    for member in range(len(weight)):
        mass = moment = 0.0
        for place in range(len(level)):
            share = responsibility[member, place]
            share = 0.0 if share < rule.underflow else share * count[place]
            responsibility[member, place] = share
            mass += share
            moment += share * level[place]
        centre = moment / (mass + rule.epsilon) if rule.about_truth else mean[member]
        spread = 0.0
        for place in range(len(level)):
            spread += responsibility[member, place] * (level[place] - centre) ** 2
        seen = (mass + rule.epsilon) / pixels
        weight[member] = seen + back_off * (prior[member] - seen)
        found = spread / max(mass, TINY) + rule.epsilon
        if mass == 0 and rule.variance_floor == 0:
            found = math.nan
        elif found < rule.variance_floor:
            found = rule.variance_floor
        variance[member] = found


@njit(inline="always", error_model="numpy")
def _exp_of_negative(value: float) -> float:
    """exp of a number up to 0, within 1e-15 of its value; NaN stays NaN.

    exp(v) = 2**k exp(r) with |r| <= log(2) / 2, and the Taylor series of exp(r). The C library's
    is called for each value alone, which takes four times as long.
    """
    bounded = max(value, LEAST)
    power = np.floor(bounded / LN2 + 0.5)
    rest = bounded - power * LN2_HIGH - power * LN2_LOW
    series = 1 / 6227020800  # 1 / 13!; the next term is below 4e-18
    series = series * rest + 1 / 479001600
    series = series * rest + 1 / 39916800
    series = series * rest + 1 / 3628800
    series = series * rest + 1 / 362880
    series = series * rest + 1 / 40320
    series = series * rest + 1 / 5040
    series = series * rest + 1 / 720
    series = series * rest + 1 / 120
    series = series * rest + 1 / 24
    series = series * rest + 1 / 6
    series = series * rest + 1 / 2
    series = series * rest + 1
    series = series * rest + 1
    # In two parts, for 2**k itself may be too small for a normal number.
    half = np.int64(power) >> 1
    first = np.int64((half + EXPONENT_OF_ONE) << BITS).view(np.float64)
    second = np.int64((np.int64(power) - half + EXPONENT_OF_ONE) << BITS).view(np.float64)
    result = series * first * second
    return result if value == value else value


@njit(inline="always", error_model="numpy")
def _log_of_positive(value: float) -> float:
    """log of a normal number above 0, within 1e-15; NaN stays NaN.

    log(v) = k log(2) + 2 artanh(s), s = (f - 1) / (f + 1), with 0.7 < f < 1.42 and v = 2**k f.
    """
    bits = np.float64(value).view(np.int64)
    power = np.int64(((bits + (ONE - ROOT_OF_HALF)) >> BITS) - EXPONENT_OF_ONE)
    fraction = np.int64(bits - (power << BITS)).view(np.float64)
    part = (fraction - 1) / (fraction + 1)
    square = part * part
    series = 1 / 21  # the next term is below 2e-18 of the first
    series = series * square + 1 / 19
    series = series * square + 1 / 17
    series = series * square + 1 / 15
    series = series * square + 1 / 13
    series = series * square + 1 / 11
    series = series * square + 1 / 9
    series = series * square + 1 / 7
    series = series * square + 1 / 5
    series = series * square + 1 / 3
    series = series * square + 1
    result = power * LN2 + 2 * part * series
    return result if value == value else value
