"""The slow reference: everything pixel by pixel, from the paper's equations, without the engine.

A cell is a channel and a tuple of bins; it holds the values of its pixels, never a histogram.
Paper: Sun et al., EnsIR, NeurIPS 2024, arXiv 2410.22959.
"""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Cell = tuple[int, tuple[int, ...]]  # channel, bin of each candidate

FLOOR = 1 / 12
LEAST_GAIN = 1e-5
MOST_STEPS = 1000
ENOUGH = 100


@dataclass
class Fit:
    """Weights of a cell and how they came about."""

    weights: Array  # (M,)
    fitted: bool
    steps: int = 0
    scores: list[float] = field(default_factory=list)  # before the first step and after each


def pixels_of_cells(
    candidates: NDArray[np.uint8], truth: NDArray[np.uint8], width: int
) -> dict[Cell, tuple[Array, Array]]:
    """The candidates' values (N, M) and the truth's (N,) in each cell that has a pixel."""
    members, channels, height, columns = candidates.shape
    values: dict[Cell, list[list[int]]] = defaultdict(list)
    for channel in range(channels):
        for row in range(height):
            for column in range(columns):
                pixel = [int(candidates[m, channel, row, column]) for m in range(members)]
                bins = tuple(value // width for value in pixel)
                values[channel, bins].append([*pixel, int(truth[channel, row, column])])
    arrays = {cell: np.array(rows, dtype=np.float64) for cell, rows in values.items()}
    return {cell: (rows[:, :-1], rows[:, -1]) for cell, rows in arrays.items()}


def released_weights(values: Array) -> Array:
    """softmax over m of 1 / (1e-10 + RMS of the differences to the candidates' mean)."""
    members = values.shape[1]
    # M times the difference is a whole number, so equal distances are equal here too.
    difference = (members * values - values.sum(axis=1, keepdims=True)) / members
    closeness = 1 / (1e-10 + np.sqrt((difference**2).mean(axis=0)))
    power = np.exp(closeness - closeness.max())
    return power / power.sum()


def em(values: Array, truth: Array, first: Array) -> Fit:
    """Equations 9 to 13: means fixed at the candidates', variance about them, clamped below."""
    mean = values.mean(axis=0)
    variance = np.maximum(((values - mean) ** 2).mean(axis=0), FLOOR)
    weight = first.copy()

    def joint() -> Array:
        with np.errstate(divide="ignore"):  # a weight of 0 has the logarithm minus infinity
            log_weight = np.log(weight)
        return (
            log_weight
            - 0.5 * np.log(2 * np.pi * variance)
            - (truth[:, None] - mean) ** 2 / (2 * variance)
        )

    def likelihood(logs: Array) -> Array:
        largest = logs.max(axis=1)
        return largest + np.log(np.exp(logs - largest[:, None]).sum(axis=1))

    logs = joint()
    scores = [float(likelihood(logs).mean())]
    while len(scores) <= MOST_STEPS:
        responsibility = np.exp(logs - likelihood(logs)[:, None])  # Eq. 9
        mass = responsibility.sum(axis=0)
        weight = mass / mass.sum()  # Eq. 10
        squared_error = (responsibility * (truth[:, None] - mean) ** 2).sum(axis=0)
        explains = mass > 0
        spread = np.divide(squared_error, mass, out=np.zeros_like(mass), where=explains)  # Eq. 11
        variance = np.maximum(spread, FLOOR)
        logs = joint()
        scores.append(float(likelihood(logs).mean()))
        if scores[-1] - scores[-2] < LEAST_GAIN:
            break
    return Fit(weight, True, len(scores) - 1, scores)


def fit(
    candidates: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    width: int,
    prior: list[float] | None = None,
    first_weights: str = "released",
) -> dict[Cell, Fit]:
    """The fit of each cell that has a pixel; the others take `prior`, else the average."""
    members = len(candidates)
    average = np.full(members, 1 / members)
    given = average if prior is None else np.array(prior)
    fits = {}
    for cell, (values, levels) in pixels_of_cells(candidates, truth, width).items():
        if len(levels) < ENOUGH:
            fits[cell] = Fit(given, False)
        elif prior is not None:
            fits[cell] = em(values, levels, given)
        elif first_weights == "uniform":
            fits[cell] = em(values, levels, average)
        else:
            fits[cell] = em(values, levels, released_weights(values))
    return fits


def fuse(
    weights: dict[Cell, Array], otherwise: Array, candidates: NDArray[np.uint8], width: int
) -> Array:
    """The fused picture (C, H, W), one mask for each cell (Eq. 3, 14, 15)."""
    bins = candidates // width if width < 256 else np.zeros_like(candidates)
    fused = np.full(candidates.shape[1:], np.nan)
    for channel in range(candidates.shape[1]):
        present = {
            tuple(int(b) for b in column) for column in bins[:, channel].reshape(len(bins), -1).T
        }
        for cell in present:
            mask = np.ones(fused.shape[1:], dtype=bool)
            for plane, number in zip(bins[:, channel], cell, strict=True):
                mask &= plane == number
            weight = weights.get((channel, cell), otherwise)
            value = candidates[:, channel].astype(np.float64)
            fused[channel][mask] = np.tensordot(weight, value, axes=1)[mask]
    return fused
