import sys

import numpy as np
import pytest
import torch
from torch import Tensor

from ensir import InputError
from ensir.errors import Cancelled
from ensir.league import regressors
from ensir.league.gathered import Gathered
from ensir.league.regressors import REGRESSORS, distinct_values, fit_regressor, predicted
from tests.conftest import make_pictures, make_statistics


class Sum:
    """Predicts the sum of the candidates, and counts what it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def fit(self, values: np.ndarray, truth: np.ndarray) -> None: ...

    def predict(self, values: np.ndarray) -> np.ndarray:
        self.asked += len(values)
        return values.sum(1)


def gathered_of(pictures: tuple[Tensor, Tensor]) -> Gathered:
    candidates, truth = pictures
    return Gathered(
        make_statistics(pictures, 32),
        candidates.flatten(1).T.float().contiguous(),
        truth.flatten().double(),
        0.0,
        0.0,
    )


@pytest.mark.parametrize("members", [1, 3, 7, 8, 12])
def test_distinct_values_put_back_are_the_candidates(members: int) -> None:
    candidates = make_pictures(0, members, contrast=2, noise=0.5)[0]
    values, place = distinct_values(candidates)
    assert torch.equal(values[place].T.reshape(candidates.shape), candidates.float())
    assert len(values.unique(dim=0)) == len(values) < candidates[0].numel()


def test_sixteen_bits_are_kept_apart() -> None:
    candidates = torch.tensor([257, 258, 257, 65535]).reshape(4, 1, 1, 1).to(torch.uint16)
    values, _ = distinct_values(torch.cat([candidates, candidates], dim=2))
    assert values.shape == (1, 4)
    assert values[0].tolist() == pytest.approx([1, 258 / 257, 1, 255])


def test_each_distinct_combination_is_predicted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regressors, "ROWS_AT_ONCE", 100)
    candidates = make_pictures(1, 2, contrast=5, noise=1)[0]
    estimator = Sum()
    picture = predicted(estimator, candidates, lambda: False)
    assert picture.dtype == torch.float32
    assert torch.equal(picture, candidates.float().sum(0))  # not clamped
    assert estimator.asked == len(distinct_values(candidates)[0]) < candidates[0].numel()


def test_a_prediction_is_cancelled_between_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regressors, "ROWS_AT_ONCE", 10)
    estimator = Sum()
    with pytest.raises(Cancelled):
        predicted(estimator, make_pictures(1, 2)[0], lambda: estimator.asked >= 30)
    assert estimator.asked == 30


@pytest.mark.parametrize("name", REGRESSORS)
def test_a_regressor_learns_which_candidate_to_believe(name: str) -> None:
    candidates, truth = make_pictures(0, 2, height=16, width=16)
    candidates[1] = truth  # the second is always right
    fuse = fit_regressor(REGRESSORS[name], gathered_of((candidates, truth)), 0, lambda: False)
    picture = fuse(candidates)
    again = fit_regressor(REGRESSORS[name], gathered_of((candidates, truth)), 0, lambda: False)
    assert torch.equal(picture, again(candidates))  # seeded
    errors = [(image - truth.float()).square().mean() for image in (picture, candidates[0].float())]
    assert errors[0] < errors[1]


def test_without_scikit_learn_a_sentence_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, sample: tuple[Tensor, Tensor]
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(InputError, match=r"pip install -e \"\.\[league\]\""):
        fit_regressor(REGRESSORS["bagging"], gathered_of(sample), 0, lambda: False)
