from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor

from ensir import ReferenceSet, gather_reference_set
from ensir.ensemble.errors_about_average import Errors, errors_about_average
from ensir.ensemble.least_squares import (
    LEAST_RIDGE,
    LEAST_SHARE,
    RIDGE,
    least_squares_weights,
    simplex_minimum,
    trusted,
)
from tests.conftest import ADVERSARIAL, make_pictures, make_statistics

CLOSE = 1e-8  # two exact solvers of well-conditioned problems, far above float64's rounding
MODELS = {
    "deraining": ("MPRNet", "MAXIM", "Restormer"),
    "deblurring": ("MPRNet", "Restormer", "DGUNet"),
}


def random_problems(members: int, number: int, seed: int) -> tuple[Tensor, Tensor]:
    """Problems of least squares: some end at a corner, most on a face, some inside."""
    random = torch.Generator().manual_seed(seed)
    candidates = torch.randn(number, 40, members, generator=random, dtype=torch.float64)
    candidates += 2 * torch.randn(number, 40, 1, generator=random, dtype=torch.float64)
    truth = candidates[..., :1] * torch.rand(number, 1, 1, generator=random) + torch.randn(
        number, 40, 1, generator=random, dtype=torch.float64
    )
    return candidates.mT @ candidates, (candidates.mT @ truth).squeeze(-1)


def by_faces(matrix: Tensor, vector: Tensor) -> Tensor:
    """The minimum by trying every face of the simplex: slow, and nothing can be missed."""
    members = len(vector)
    best, best_error = torch.empty(0), float("inf")
    for size in range(1, members + 1):
        for face in map(list, combinations(range(members), size)):
            system = torch.ones(size + 1, size + 1, dtype=torch.float64)
            system[:size, :size], system[size, size] = matrix[face][:, face], 0
            weight = torch.zeros(members, dtype=torch.float64)
            weight[face] = torch.linalg.solve(system, torch.cat([vector[face], torch.ones(1)]))[
                :size
            ]
            error = float(weight @ matrix @ weight - 2 * weight @ vector)
            if (weight >= -1e-12).all() and error < best_error:
                best, best_error = weight, error
    return best


@pytest.mark.parametrize("members", range(1, 9))
def test_the_minimum_is_the_best_of_every_face(members: int) -> None:
    matrix, vector = random_problems(members, 8 if members > 6 else 40, seed=members)
    found = simplex_minimum(matrix, vector, torch.full_like(vector, 1 / members))
    expected = torch.stack([by_faces(*one) for one in zip(matrix, vector, strict=True)])
    assert (found - expected).abs().max() <= CLOSE
    assert members < 4 or (found == 0).any()  # else the test would say little


@pytest.mark.parametrize("members", range(2, 9))
def test_the_minimum_is_that_of_an_independent_solver(members: int) -> None:
    """SciPy's SLSQP, which stops when the error changes by less than its tolerance."""
    matrix, vector = random_problems(members, 15, seed=100 + members)
    found = simplex_minimum(matrix, vector, torch.full_like(vector, 1 / members))
    for a, b, weight in zip(matrix.numpy(), vector.numpy(), found.numpy(), strict=True):
        scale = np.abs(a).max()
        solved = minimize(
            lambda w, a=a, b=b, scale=scale: (w @ a @ w - 2 * w @ b) / scale,
            np.full(members, 1 / members),
            jac=lambda w, a=a, b=b, scale=scale: 2 * (a @ w - b) / scale,
            bounds=[(0, None)] * members,
            constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
            method="SLSQP",
            options={"ftol": 1e-16, "maxiter": 500},
        )
        ours = (weight @ a @ weight - 2 * weight @ b) / scale
        assert ours <= solved.fun + CLOSE and abs(ours - solved.fun) <= CLOSE


@pytest.mark.parametrize("members", [2, 3, 5, 8])
def test_the_minimum_does_not_depend_on_the_start(members: int) -> None:
    matrix, vector = random_problems(members, 60, seed=7)
    starts = [torch.full_like(vector, 1 / members), torch.eye(members).double()[0].repeat(60, 1)]
    one, other = (simplex_minimum(matrix, vector, start) for start in starts)
    assert torch.allclose(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("members", [2, 3, 4, 8])
@pytest.mark.parametrize("kind", [None, *ADVERSARIAL])
def test_the_weights_meet_the_conditions_of_a_minimum(kind: str | None, members: int) -> None:
    """Karush, Kuhn, Tucker: the slope is least and equal wherever a weight is above 0."""
    pictures = ADVERSARIAL[kind](5, members) if kind else make_pictures(5, members)
    statistics = make_statistics(pictures, 48).statistics
    errors = errors_about_average(statistics)
    weights, channel = least_squares_weights(errors, statistics.pixels)
    assert_shares(weights)
    assert_shares(channel)
    spread, pull = errors.spread.double() / members**2, errors.pull.double() / members**2
    trace = spread.diagonal(dim1=-2, dim2=-1).sum(-1, keepdim=True)
    penalty = RIDGE * errors.pooled().loss_of_average / statistics.pixels
    penalty = penalty[:, None, None].maximum(LEAST_SHARE * trace).clamp(min=LEAST_RIDGE)
    slope = (spread @ weights.unsqueeze(-1)).squeeze(-1) - pull
    slope = slope + penalty * (weights - channel.unsqueeze(1))
    least = slope.amin(-1, keepdim=True)
    above = torch.where(weights > 1e-9, slope - least, 0.0)
    assert (above <= 1e-9 * (trace + penalty)).all()


def assert_shares(weights: Tensor) -> None:
    assert weights.dtype == torch.float64 and weights.isfinite().all()
    assert (weights >= 0).all() and ((weights.sum(-1) - 1).abs() <= 1e-12).all()


@pytest.mark.parametrize("task", MODELS)
def test_no_other_weights_err_less_on_the_shared_reference_sets(task: str, shared: Path) -> None:
    """Without a ridge, the weights of every bin set are the best there are."""
    reference_set = ReferenceSet(shared / "ensir_reference" / task, MODELS[task])[:2]
    statistics = gather_reference_set(reference_set, 32).statistics
    errors = errors_about_average(statistics)
    weights, _ = least_squares_weights(errors, statistics.pixels, ridge=0)
    least = errors.of(weights)
    random = torch.Generator().manual_seed(1)
    # What the floor of the ridge, a billionth of the spread, may cost, and rounding.
    trace = errors.spread.diagonal(dim1=-2, dim2=-1).sum(-1) / 9
    allowed = 1e-8 * trace + 1e-9 * errors.loss_of_average + 1e-6
    for size in (1.0, 0.1, 0.001):
        for _ in range(20):
            share = torch.rand(weights.shape, generator=random, dtype=torch.float64)
            other = (1 - size) * weights + size * share / share.sum(-1, keepdim=True)
            assert (errors.of(other) >= least - allowed).all()
    for corner in torch.eye(3, dtype=torch.float64):
        assert (errors.of(corner.expand_as(weights)) >= least - allowed).all()


@pytest.mark.parametrize("members", [2, 3, 6])
def test_permuting_the_candidates_permutes_the_weights(members: int) -> None:
    statistics = make_statistics(make_pictures(4, members, bias=10), 64).statistics
    errors = errors_about_average(statistics)
    order = torch.randperm(members, generator=torch.Generator().manual_seed(members))
    permuted = Errors(
        errors.spread[..., order, :][..., order], errors.pull[..., order], errors.loss
    )
    weights, channel = least_squares_weights(errors, statistics.pixels)
    again, channel_again = least_squares_weights(permuted, statistics.pixels)
    assert torch.allclose(again, weights[..., order], rtol=0, atol=1e-12)
    assert torch.allclose(channel_again, channel[..., order], rtol=0, atol=1e-12)


def test_bin_sets_without_a_say_take_the_weights_of_their_channel() -> None:
    """No pixel, or candidates that agree in all of them: nothing can be learnt there."""
    statistics = make_statistics(make_pictures(2, 3), 64).statistics
    errors = errors_about_average(statistics)
    silent = (statistics.count == 0) | (errors.spread == 0).all(-1).all(-1)
    assert silent.any()
    weights, channel = least_squares_weights(errors, statistics.pixels)
    parents = channel.unsqueeze(1).expand_as(weights)
    assert torch.allclose(weights[silent], parents[silent], rtol=0, atol=1e-15)


def test_candidates_that_always_agree_share_alike() -> None:
    candidates, truth = make_pictures(3, 2)
    twins = torch.cat([candidates, candidates[:1]])
    for width in (64, 256):
        statistics = make_statistics((twins, truth), width).statistics
        weights, channel = least_squares_weights(
            errors_about_average(statistics), statistics.pixels
        )
        assert torch.allclose(weights[..., 0], weights[..., 2], rtol=0, atol=1e-9)
        assert torch.allclose(channel[..., 0], channel[..., 2], rtol=0, atol=1e-9)


def test_a_larger_ridge_draws_towards_the_channel_and_it_towards_its_root() -> None:
    statistics = make_statistics(make_pictures(6, 3, bias=8), 64).statistics
    errors = errors_about_average(statistics)
    root = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
    away = []
    for ridge in (0, 20, 1e3, 1e9):
        weights, channel = least_squares_weights(errors, statistics.pixels, ridge, root)
        away.append((weights - root).abs().mean())
    assert all(more > less for more, less in pairwise(away))
    assert torch.allclose(channel, root.expand_as(channel), atol=1e-4)


def test_a_perfect_average_is_kept() -> None:
    """Averaging makes no error: the ridge is nothing, and the minimum is where it was."""
    candidates = torch.stack([torch.full((3, 20, 20), level) for level in (90, 100, 110)])
    truth = torch.full((3, 20, 20), 100)
    statistics = make_statistics((candidates.byte(), truth.byte()), 256).statistics
    errors = errors_about_average(statistics)
    weights, _ = least_squares_weights(errors, statistics.pixels)
    # Rounding by 1e-16 against a ridge of 1e-9.
    assert torch.allclose(weights, torch.full_like(weights, 1 / 3), rtol=0, atol=1e-6)


@pytest.mark.parametrize("members", [1, 4])
def test_statistics_without_a_bin_set_give_the_average(members: int) -> None:
    one = make_statistics(make_pictures(1, members), 64)
    errors = errors_about_average((one - one).statistics)
    weights, channel = least_squares_weights(errors, 0)
    assert weights.shape == (3, 0, members)
    assert torch.equal(channel, torch.full_like(channel, 1 / members))


def test_trust_goes_from_the_average_to_the_fit() -> None:
    weights = torch.tensor([0.0, 0.2, 0.8], dtype=torch.float64)
    assert torch.equal(trusted(weights, 1), weights)
    assert torch.equal(trusted(weights, 0), torch.full_like(weights, 1 / 3))
    assert torch.allclose(trusted(weights, 0.5) - 1 / 6, weights / 2)


def test_sums_that_no_pixels_have_raise_nothing() -> None:
    """A forged file may hold products of no values: not the moments of anything."""
    random = torch.Generator().manual_seed(1)
    spread = torch.randint(-(10**6), 10**6, (3, 200, 4, 4), generator=random)
    spread[:, :50] = spread[:, :50, :1, :1]
    pull = torch.randint(-(10**6), 10**6, (3, 200, 4), generator=random)
    weights, _ = least_squares_weights(Errors(spread + spread.mT, pull, pull[..., 0]), 1000)
    shares = weights.isnan().any(-1) | (
        (weights >= 0).all(-1) & ((weights.sum(-1) - 1).abs() < 1e-9)
    )
    assert shares.all()
