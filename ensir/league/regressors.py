"""scikit-learn's ensembles of regressors, as the paper compares with them.

A regressor predicts the ground truth of one pixel in one channel from the candidates' values there;
the channels are pooled and nothing is clamped. Settings are scikit-learn's defaults.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ensir.ensemble.levels import values_of
from ensir.errors import Cancelled, InputError
from ensir.league.gathered import Gathered
from ensir.progress import IsCancelled

# Predicted at once: AdaBoost keeps 50 float64 for each, and cancelling waits for a block.
ROWS_AT_ONCE = 2**15
MOST_KEY_BITS = 62  # of a positive int64


class Estimator(Protocol):
    """What is used of an estimator: rows of values (N, M) and one target for each."""

    def fit(self, values: np.ndarray, truth: np.ndarray) -> object: ...

    def predict(self, values: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class Regressor:
    """An estimator of `sklearn.ensemble`, and what it is in a sentence."""

    title: str
    estimator: str
    about: str


REGRESSORS: dict[str, Regressor] = {
    "bagging": Regressor(
        "bagging",
        "BaggingRegressor",
        "The mean of 10 fully grown decision trees, each fitted to its own random resample.",
    ),
    "adaboost": Regressor(
        "AdaBoost",
        "AdaBoostRegressor",
        "The weighted median of up to 50 small trees, each fitted with more weight on what the "
        "trees before it predict badly.",
    ),
    "random-forest": Regressor(
        "random forest",
        "RandomForestRegressor",
        "The mean of 100 fully grown decision trees, each fitted to its own random resample.",
    ),
    "extra-trees": Regressor(
        "extra trees",
        "ExtraTreesRegressor",
        "The mean of 100 fully grown decision trees whose cuts are drawn at random.",
    ),
    "gradient-boosting": Regressor(
        "gradient boosting",
        "GradientBoostingRegressor",
        "The sum of 100 small trees, each fitted to what those before it leave over.",
    ),
    "histogram-gradient-boosting": Regressor(
        "histogram gradient boosting",
        "HistGradientBoostingRegressor",
        "Gradient boosting on values sorted into histograms first, which makes it much faster.",
    ),
}


def fit_regressor(
    regressor: Regressor, gathered: Gathered, seed: int, cancelled: IsCancelled
) -> Callable[[Tensor], Tensor]:
    """Fits to the sample and returns what predicts a picture.

    Raises InputError where scikit-learn is missing.
    """
    estimator = _made(regressor, seed)
    estimator.fit(gathered.values.numpy(), gathered.truth.numpy())
    return lambda candidates: predicted(estimator, candidates, cancelled)


def predicted(estimator: Estimator, candidates: Tensor, cancelled: IsCancelled) -> Tensor:
    """The estimator's picture: (M, C, H, W) uint8 or uint16 -> (C, H, W) float32, not clamped.

    Pixels whose candidates agree in all values have one prediction, which is computed once.
    Raises Cancelled, between blocks, when asked to stop.
    """
    values, place = distinct_values(candidates)
    blocks = []
    for block in values.split(ROWS_AT_ONCE):
        if cancelled():
            raise Cancelled
        blocks.append(torch.from_numpy(estimator.predict(block.numpy())))
    return torch.cat(blocks)[place].reshape(candidates.shape[1:]).float()


def distinct_values(candidates: Tensor) -> tuple[Tensor, Tensor]:
    """The distinct rows of candidates' values, and which of them each pixel and channel has.

    (M, C, H, W) uint8 or uint16 -> (K, M) float32, 0..255, and (C * H * W,) int64.
    """
    flat = candidates.flatten(1)
    width = 8 * candidates.element_size()
    key = torch.zeros(flat.shape[1], dtype=torch.int64)
    bits = 0
    for values in flat:
        if bits + width > MOST_KEY_BITS:  # too long: its distinct values are numbered instead
            key = torch.unique(key, return_inverse=True)[1]
            bits = len(key).bit_length()
        key = (key << width) | values.long()
        bits += width
    distinct, place = torch.unique(key, return_inverse=True)
    # Any of the pixels that share a row stands for it.
    one = torch.empty_like(distinct).scatter_(0, place, torch.arange(len(place)))
    return values_of(flat[:, one]).T.float().contiguous(), place


def _made(regressor: Regressor, seed: int) -> Estimator:
    try:
        from sklearn import ensemble
    except ImportError:
        raise InputError(
            'regressors need scikit-learn: pip install -e ".[league]", or choose contestants '
            "without them"
        ) from None
    estimator: Estimator = getattr(ensemble, regressor.estimator)(random_state=seed)
    return estimator
