"""What compiled EM has to know of a rule, as numbers."""

from __future__ import annotations

from typing import NamedTuple


class CompiledStep(NamedTuple):
    """An M step: weight (mass + epsilon) / N, variance spread / mass + epsilon or the floor."""

    about_truth: bool  # the spread is about the weighted truth, else about the candidate's mean
    epsilon: float
    underflow: float  # smaller responsibilities count as 0
    variance_floor: float  # levels squared; 0: a component that explains nothing has variance NaN


class CompiledRule(NamedTuple):
    """A whole rule of EM."""

    about_truth: bool
    epsilon: float
    underflow: float
    variance_floor: float
    least_steps: int
    most_steps: int
    least_gain: float  # nats a pixel
    prior_pixels: float
