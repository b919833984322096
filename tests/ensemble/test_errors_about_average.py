from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ensir.ensemble.errors_about_average import errors_about_average
from ensir.errors import InputError
from tests.conftest import ADVERSARIAL, make_pictures, make_statistics

SAME = 1e-9  # relative: both sides are float64 sums of the same numbers


def error_of_pixels(
    candidates: NDArray[np.float64],
    truth: NDArray[np.float64],
    sets: NDArray[np.int64],
    number: int,
    weight: NDArray[np.float64],
) -> float:
    inside = sets == number
    fused = np.tensordot(weight, candidates[:, inside], 1)
    return float(((fused - truth[inside]) ** 2).sum())


@pytest.mark.parametrize("kind", [None, *ADVERSARIAL])
@pytest.mark.parametrize("members, width", [(1, 64), (2, 32), (3, 64), (5, 128), (8, 256)])
def test_the_error_without_pixels_is_the_error_of_the_pixels(
    kind: str | None, members: int, width: int
) -> None:
    pictures = ADVERSARIAL[kind](3, members) if kind else make_pictures(3, members)
    candidates, truth = pictures
    statistics = make_statistics(pictures, width).statistics
    errors = errors_about_average(statistics)
    share = np.random.default_rng(members).random((3, len(statistics.sets), members))
    weight = torch.from_numpy(share / share.sum(-1, keepdims=True))
    found = errors.of(weight)
    sets = statistics.bins.index(candidates).numpy()
    for channel in range(3):
        for place, number in enumerate(statistics.sets.tolist()):
            expected = error_of_pixels(
                candidates[:, channel].double().numpy(),
                truth[channel].double().numpy(),
                sets[channel],
                number,
                weight[channel, place].numpy(),
            )
            # The difference of two large sums may be a small error.
            scale = errors.loss_of_average[channel, place].item() + expected
            assert found[channel, place].item() == pytest.approx(expected, abs=SAME * scale + 1e-9)


def test_the_average_errs_by_the_loss_exactly() -> None:
    candidates, truth = make_pictures(1, 4)
    errors = errors_about_average(make_statistics((candidates, truth), 256).statistics)
    average = torch.full((3, 1, 4), 1 / 4, dtype=torch.float64)
    assert torch.equal(errors.of(average), errors.loss_of_average)
    in_pixels = (candidates.double().mean(0) - truth).square().sum((1, 2))
    assert torch.equal(errors.loss_of_average[:, 0], in_pixels)  # quarters are exact in float64


def test_spread_and_pull_add_up_to_nothing() -> None:
    """What is common to all candidates is in neither: they are about the average."""
    errors = errors_about_average(make_statistics(make_pictures(2, 5), 32).statistics)
    assert not errors.spread.sum(-1).any() and not errors.pull.sum(-1).any()
    assert torch.equal(errors.spread, errors.spread.mT)
    assert (errors.loss >= 0).all()


def test_the_errors_of_bin_sets_pool_to_those_of_the_channel() -> None:
    pictures = make_pictures(2, 3)
    pooled = errors_about_average(make_statistics(pictures, 32).statistics).pooled()
    whole = errors_about_average(make_statistics(pictures, 256).statistics)
    for name in ("spread", "pull", "loss"):
        assert torch.equal(getattr(pooled, name), getattr(whole, name)[:, 0])


def test_errors_of_pictures_are_parts_of_the_whole_exactly() -> None:
    one, two = make_statistics(make_pictures(1, 3), 256), make_statistics(make_pictures(2, 3), 256)
    both = errors_about_average((one + two).statistics)
    parts = [errors_about_average(part.statistics) for part in (one, two)]
    for name in ("spread", "pull", "loss"):
        assert torch.equal(getattr(both, name), sum(getattr(part, name) for part in parts))


def test_less_trust_moves_the_error_along_its_parabola() -> None:
    errors = errors_about_average(make_statistics(make_pictures(1, 3), 64).statistics)
    weight = torch.softmax(torch.randn(errors.pull.shape, dtype=torch.float64), -1)
    gain, cost = errors.gain_and_cost(weight)
    for trust in (0.0, 0.3, 1.0):
        expected = errors.of(trust * weight + (1 - trust) / 3)
        found = errors.loss_of_average - 2 * trust * gain + trust**2 * cost
        assert torch.allclose(found, expected, rtol=SAME, atol=1e-6)


def test_more_pixels_than_can_be_summed_exactly_are_refused() -> None:
    one = make_statistics(make_pictures(1, 8), 256).statistics
    many = one.histogram.clone()
    many[:, 3] *= 2 * 10**9
    with pytest.raises(InputError, match=r"of 8 candidates are exact for up to 1,093,750,000,000"):
        errors_about_average(replace(one, histogram=many))
