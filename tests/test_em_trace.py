import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ensir.em_trace import RULES, EmTrace, Stop, trace_bin_set, trace_em
from ensir.ensemble.bin_statistics import BinStatistics
from ensir.ensemble.mixture import LEAST_GAIN, Mixture, candidate_moments, fit_mixtures
from ensir.errors import InputError
from ensir.fitting import ENOUGH_PIXELS, fit_statistics
from ensir.reference_set import ReferenceStatistics
from tests.conftest import make_pictures, make_statistics

# A bin set fitted alone adds its pixels up in another order than among others: rounding of float64.
ROUNDING = 1e-12


@pytest.fixture(scope="module")
def gathered() -> ReferenceStatistics:
    pictures = make_pictures(seed=7, members=3, height=64, width=64, contrast=25, noise=12)
    return make_statistics(pictures, 32)


@pytest.fixture(scope="module")
def statistics(gathered: ReferenceStatistics) -> BinStatistics:
    return gathered.statistics


def fullest(statistics: BinStatistics, channel: int = 1) -> int:
    """The number of the bin set with the most pixels."""
    return int(statistics.sets[statistics.count[channel].argmax()])


def responsibilities(trace: EmTrace, step: int) -> Tensor:
    """Those that the E step after `step` steps finds, by the formula, (M, L), at every level."""
    level = torch.arange(256, dtype=torch.float64)
    before = trace.mixture[step]
    weight, mean, variance = (
        part[:, None] for part in (before.weight, before.mean, before.variance)
    )
    log_density = -((level - mean) ** 2) / (2 * variance) - (2 * math.pi * variance).log() / 2
    return (weight.log() + log_density).softmax(0)


def cells(statistics: BinStatistics) -> list[tuple[int, int, int]]:
    """Channel, place and number of each bin set that a fit takes."""
    found = (statistics.count >= ENOUGH_PIXELS).nonzero().tolist()
    return [(channel, place, int(statistics.sets[place])) for channel, place in found]


@pytest.mark.parametrize("method", list(RULES))
def test_the_last_step_is_what_the_table_says(gathered: ReferenceStatistics, method: str) -> None:
    fits = fit_statistics(gathered, method=method)
    assert cells(fits.statistics)
    for channel, place, number in cells(fits.statistics):
        trace = trace_bin_set(fits.statistics, channel, number, RULES[method])
        assert trace.steps == fits.steps[channel, place]
        if trace.stop == Stop.BREAKDOWN:
            assert fits.score[channel, place].isnan()
            continue
        last = trace.mixture[-1]
        for ours, fitted in (
            (last.weight, fits.fitted.weight[channel, place]),
            (last.variance, fits.fitted.variance[channel, place]),
            (trace.score[-1], fits.score[channel, place]),
        ):
            torch.testing.assert_close(ours, fitted, rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.parametrize("method", list(RULES))
@pytest.mark.parametrize("weights", ["uniform", [0.7, 0.2, 0.1], [1.0, 0.0, 0.0]])
def test_other_first_weights_lead_where_fit_mixtures_leads(
    statistics: BinStatistics, method: str, weights: str | list[float]
) -> None:
    trace = trace_bin_set(statistics, 1, fullest(statistics), RULES[method], weights)
    first = trace.mixture[0]
    fits = fit_mixtures(
        Mixture(first.weight[None], first.mean[None], first.variance[None]),
        trace.histogram[None],
        RULES[method],
    )
    assert trace.steps == fits.steps[0]
    torch.testing.assert_close(
        trace.mixture[-1].weight, fits.mixture.weight[0], rtol=ROUNDING, atol=0, equal_nan=True
    )
    assert (trace.stop == Stop.SMALL_GAIN) == bool(fits.converged[0])


def test_the_first_mixture_has_the_candidates_moments(statistics: BinStatistics) -> None:
    number = fullest(statistics)
    place = int(torch.searchsorted(statistics.sets, number))
    mean, variance = candidate_moments(statistics)
    trace = trace_bin_set(statistics, 1, number)
    assert torch.equal(trace.mixture[0].mean, mean[1, place])
    assert torch.equal(trace.mixture[0].variance, variance[1, place])
    assert int(trace.histogram.sum()) == int(statistics.count[1, place])


def test_the_weights_of_a_step_are_the_mean_responsibilities_of_the_step_before(
    statistics: BinStatistics,
) -> None:
    trace = trace_bin_set(statistics, 0, fullest(statistics, 0))
    share = trace.histogram.double() / trace.histogram.sum()
    for step in range(trace.steps):
        mean = (responsibilities(trace, step) * share).sum(-1)
        torch.testing.assert_close(trace.mixture[step + 1].weight, mean, rtol=1e-10, atol=1e-12)


def test_every_step_of_the_papers_rule_raises_the_score_until_the_gain_is_small(
    statistics: BinStatistics,
) -> None:
    trace = trace_bin_set(statistics, 1, fullest(statistics), weights=[0.8, 0.1, 0.1])
    gains = trace.score.diff()
    assert trace.stop == Stop.SMALL_GAIN
    assert (gains[:-1] >= LEAST_GAIN).all() and -1e-10 <= gains[-1] < LEAST_GAIN


def test_what_em_can_learn_is_said_by_distance_deviation_and_movement() -> None:
    histogram = torch.zeros(256, dtype=torch.int64)
    histogram[100], histogram[110] = 30, 10

    def traced(*mean: float) -> EmTrace:
        weight, variance = torch.full((2,), 0.5).double(), torch.tensor([4.0, 16.0]).double()
        return trace_em(Mixture(weight, torch.tensor(mean).double(), variance), histogram)

    far = traced(100, 110)
    assert (far.pixels, far.apart, far.deviation) == (40, 10, 3)
    assert far.tells_apart and not far.stays
    assert far.moved == pytest.approx(0.25, abs=0.01)  # three quarters of the pixels are near one
    assert traced(100, 103).tells_apart and not traced(100, 102).tells_apart
    alike = trace_em(replace(far.mixture[0], mean=far.mixture[0].mean * 0 + 104), histogram)
    assert alike.apart == 0 and not alike.tells_apart
    still = trace_em(
        replace(alike.mixture[0], variance=alike.mixture[0].variance * 0 + 9), histogram
    )
    assert still.stays and still.moved == pytest.approx(0, abs=1e-12)


def narrow() -> tuple[Mixture, Tensor]:
    """A candidate so far from all pixels, and so sure, that it explains none of them."""
    histogram = torch.zeros(256, dtype=torch.int64)
    histogram[98:103] = torch.tensor([10, 40, 80, 40, 10])
    weight = torch.tensor([0.5, 0.5], dtype=torch.float64)
    mean = torch.tensor([100.0, 130.0], dtype=torch.float64)
    return Mixture(weight, mean, torch.tensor([4.0, 0.5], dtype=torch.float64)), histogram


def test_what_explains_nothing_breaks_the_published_rule_and_loses_its_weight_by_the_papers() -> (
    None
):
    first, histogram = narrow()
    published = trace_em(first, histogram, RULES["published"])
    assert published.stop == Stop.BREAKDOWN and published.score[-1].isnan()
    papers = trace_em(first, histogram)
    assert papers.stop == Stop.SMALL_GAIN and papers.mixture[-1].weight[1] < 1e-100


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        ([0.5, 0.5], "3 numbers of at least 0"),
        ([1.5, -0.5, 0.0], "3 numbers of at least 0"),
        ([0.5, 0.4, 0.3], "add up to 1, got 1.2"),
        ([math.nan, 0.5, 0.5], "3 numbers of at least 0"),
        ("hand-set", "released or uniform"),
    ],
)
def test_first_weights_that_are_none_are_refused(
    statistics: BinStatistics, weights: str | list[float], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        trace_bin_set(statistics, 1, fullest(statistics), weights=weights)


@pytest.mark.parametrize(("channel", "number"), [(1, 7), (1, 10**6), (5, 0), (-1, 0), (1, -3)])
def test_a_bin_set_without_pixels_is_refused(
    statistics: BinStatistics, channel: int, number: int
) -> None:
    with pytest.raises(InputError, match="no pixel fell into bin set"):
        trace_bin_set(statistics, channel, number)


def test_an_empty_histogram_is_refused() -> None:
    first, histogram = narrow()
    with pytest.raises(InputError, match="empty"):
        trace_em(first, torch.zeros_like(histogram))


def test_a_trace_is_frozen(statistics: BinStatistics) -> None:
    trace: EmTrace = trace_bin_set(statistics, 1, fullest(statistics))
    with pytest.raises(AttributeError):
        trace.stop = Stop.BREAKDOWN  # type: ignore[misc]
