import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ensir.ensemble.bin_statistics import BinStatistics
from ensir.ensemble.mixture import (
    EM,
    LEAST_GAIN,
    MOST_STEPS,
    VARIANCE_FLOOR,
    EmRule,
    Mixture,
    Observed,
    candidate_moments,
    e_step,
    fit_mixtures,
    m_step,
    released_weights,
)
from tests import per_pixel
from tests.conftest import ADVERSARIAL, make_pictures, make_statistics


def cells_of(
    seed: int, members: int, bin_width: int, *, kind: str | None = None, **options: float
) -> tuple[tuple[Tensor, Tensor], BinStatistics, Tensor]:
    """Pictures, their statistics, and the place (channel, set) of every cell with a pixel."""
    pictures = ADVERSARIAL[kind](seed, members) if kind else make_pictures(seed, members, **options)
    statistics = make_statistics(pictures, bin_width).statistics
    return pictures, statistics, statistics.count.nonzero()


def problem(
    statistics: BinStatistics, first: list[float] | None = None, most: int = 200
) -> tuple[Mixture, Tensor]:
    """First mixtures and histograms of the `most` cells with the most pixels."""
    count = statistics.count.flatten()
    full = count.argsort(descending=True, stable=True)[: min(most, int((count > 0).sum()))]
    full = full.sort().values
    mean, variance = (part.flatten(0, 1)[full] for part in candidate_moments(statistics))
    if first is None:
        first = released_weights(statistics).flatten(0, 1)[full]
    else:
        first = torch.tensor(first, dtype=torch.float64).expand_as(mean)
    start = Mixture(first, mean, variance.clamp(min=VARIANCE_FLOOR))
    return start, statistics.histograms(full)


def likelihood(mixture: Mixture, histogram: Tensor) -> Tensor:
    """Mean log-likelihood of a pixel, (K,)."""
    observed = Observed.of_occupied(histogram, mixture.mean)
    share = observed.count / observed.count.sum(-1, keepdim=True)
    return (e_step(mixture, observed)[1] * share).sum(-1)


def stepped(mixture: Mixture, histogram: Tensor) -> Mixture:
    """After one step of EM."""
    observed = Observed.of_occupied(histogram, mixture.mean)
    return m_step(mixture, e_step(mixture, observed)[0], observed)


@settings(max_examples=20)
@given(
    st.integers(0, 9999),
    st.integers(1, 6),
    st.integers(1, 256),
    st.sampled_from([None, *ADVERSARIAL]),
    st.data(),
)
def test_no_step_lowers_the_likelihood_of_any_bin_set(
    seed: int, members: int, width: int, kind: str | None, data: st.DataObject
) -> None:
    _, statistics, _ = cells_of(seed, members, width, kind=kind)
    first = None
    if data.draw(st.booleans()):
        share = np.array(data.draw(st.lists(st.integers(0, 9), min_size=members, max_size=members)))
        first = (share + (share.sum() == 0)) / (share + (share.sum() == 0)).sum()
    mixture, histogram = problem(statistics, first, most=30)
    before = likelihood(mixture, histogram)
    for _ in range(12):
        mixture = stepped(mixture, histogram)
        after = likelihood(mixture, histogram)
        # Rounding: log densities of up to some hundred thousand nats have 1e-10 to spare.
        assert (after - before >= -1e-10 * before.abs().clamp(min=1)).all()
        assert ((mixture.weight.sum(-1) - 1).abs() <= 1e-12).all()
        assert (mixture.weight >= 0).all() and (mixture.variance >= VARIANCE_FLOOR).all()
        before = after


def test_the_likelihood_rises_through_a_whole_fit() -> None:
    _, statistics, _ = cells_of(3, 3, 32, height=60, width=60)
    mixture, histogram = problem(statistics, most=25)
    longest = fit_mixtures(mixture, histogram).steps.max().item()
    before = likelihood(mixture, histogram)
    for _ in range(longest):
        mixture = stepped(mixture, histogram)
        after = likelihood(mixture, histogram)
        assert (after - before >= -1e-10).all()  # rounding, as trust.md section 10 bounds it
        before = after


@pytest.mark.parametrize("kind", [None, *ADVERSARIAL])
@pytest.mark.parametrize("members", [1, 3, 6])
def test_moments_are_those_of_the_pixels(kind: str | None, members: int) -> None:
    (candidates, truth), statistics, cells = cells_of(1, members, 40, kind=kind)
    mean, variance = candidate_moments(statistics)
    pixels = per_pixel.pixels_of_cells(candidates.numpy(), truth.numpy(), 40)
    for channel, place in cells.tolist():
        bins = tuple(statistics.bins.bins_of(statistics.sets[place]).tolist())
        values, _ = pixels[channel, bins]
        # One rounding of numbers below 256 and 256 squared.
        assert np.allclose(mean[channel, place], values.mean(0), rtol=0, atol=1e-12)
        assert np.allclose(variance[channel, place], values.var(0), rtol=0, atol=1e-10)


def test_the_variance_of_equal_values_is_zero_exactly() -> None:
    _, statistics, _ = cells_of(5, 4, 256, kind="constant pictures")
    assert (candidate_moments(statistics)[1] == 0).all()


def test_moments_do_not_cancel_where_many_pixels_differ_by_one_level() -> None:
    values = torch.full((1, 1, 1000, 1000), 254, dtype=torch.uint8)
    values[0, 0, 0, 0] = 255
    statistics = make_statistics((values, values[0]), 256).statistics
    mean, variance = candidate_moments(statistics)
    share = 1e-6
    assert abs(mean.item() - (254 + share)) < 1e-12
    assert abs(variance.item() / (share * (1 - share)) - 1) < 1e-12


@pytest.mark.parametrize("kind", [None, *ADVERSARIAL])
@pytest.mark.parametrize("members", [1, 2, 3, 5])
def test_released_weights_are_those_of_the_pixels(kind: str | None, members: int) -> None:
    (candidates, truth), statistics, cells = cells_of(2, members, 50, kind=kind)
    weights = released_weights(statistics)
    pixels = per_pixel.pixels_of_cells(candidates.numpy(), truth.numpy(), 50)
    for channel, place in cells.tolist():
        bins = tuple(statistics.bins.bins_of(statistics.sets[place]).tolist())
        expected = per_pixel.released_weights(pixels[channel, bins][0])
        assert np.allclose(weights[channel, place], expected, rtol=0, atol=1e-9)


def test_two_candidates_start_alike() -> None:
    _, statistics, _ = cells_of(2, 2, 32)
    assert (released_weights(statistics) == 0.5).all()


def test_identical_candidates_start_alike() -> None:
    _, statistics, _ = cells_of(2, 5, 32, kind="identical candidates")
    assert torch.allclose(released_weights(statistics), torch.tensor(0.2).double(), atol=1e-15)


def test_what_is_observed_is_every_pixel_at_its_level() -> None:
    _, statistics, _ = cells_of(7, 3, 32)
    mixture, histogram = problem(statistics)
    observed = Observed.of_occupied(histogram, mixture.mean)
    assert observed.level.shape[-1] == (histogram > 0).sum(-1).max()
    assert (observed.level.sort(-1).values.diff() > 0).all()  # each level once
    back = torch.zeros_like(histogram).scatter(-1, observed.level.long(), observed.count.long())
    assert torch.equal(back, histogram)
    distance = observed.level[:, None] - mixture.mean[..., None]
    assert torch.equal(observed.squared_error, distance**2)


def test_responsibilities_and_likelihood_are_those_of_normal_densities() -> None:
    mixture = Mixture(
        torch.tensor([0.2, 0.5, 0.3]).double(),
        torch.tensor([100.0, 110.0, 131.5]).double(),
        torch.tensor([4.0, 25.0, 0.5]).double(),
    )
    # A pixel at each level, so that a level is its own place.
    every_level = Observed.of_occupied(torch.ones(1, 256), mixture.mean[None])
    responsibility, log_likelihood = (part[0] for part in e_step(mixture[None], every_level))
    for level in (98, 110, 131):
        density = mixture.weight * torch.exp(
            torch.distributions.Normal(mixture.mean, mixture.variance.sqrt()).log_prob(
                torch.tensor(float(level)).double()
            )
        )
        assert torch.allclose(responsibility[:, level], density / density.sum(), atol=1e-13)
        assert abs(log_likelihood[level].item() - density.sum().log().item()) < 1e-12
        at_level = mixture.density(torch.tensor([float(level)]).double())[:, 0]
        assert torch.allclose(at_level, density, rtol=1e-12)
    assert torch.allclose(responsibility.sum(0), torch.ones(256).double(), atol=1e-12)


def test_densities_add_up_to_one_over_the_levels() -> None:
    mixture = Mixture(
        torch.tensor([0.25, 0.75]).double(),
        torch.tensor([90.0, 160.5]).double(),
        torch.tensor([9.0, 30.0]).double(),
    )
    level = torch.arange(256).double()
    # A sum over whole levels is the integral to far below 1e-9 for a deviation of 3 levels.
    assert torch.allclose(mixture.density(level).sum(-1), mixture.weight, atol=1e-9)


def test_each_bin_set_is_fitted_as_if_alone() -> None:
    _, statistics, _ = cells_of(9, 3, 32, height=60, width=60)
    start, histogram = problem(statistics, most=40)
    together = fit_mixtures(start, histogram)
    assert len(set(together.steps.tolist())) > 5  # they do stop at different steps
    for cell in range(len(histogram)):
        one = slice(cell, cell + 1)
        alone = fit_mixtures(start[one], histogram[one])
        assert alone.steps.item() == together.steps[cell].item()
        assert alone.converged.item() == together.converged[cell].item()
        # Sums over levels may be ordered otherwise for another number of rows.
        assert torch.allclose(alone.mixture.weight, together.mixture.weight[one], atol=1e-12)
        assert torch.allclose(alone.mixture.variance, together.mixture.variance[one], rtol=1e-11)
        assert torch.allclose(alone.score, together.score[one], atol=1e-12)


def test_a_fit_stops_when_the_score_rises_by_too_little() -> None:
    _, statistics, _ = cells_of(4, 3, 64, height=40, width=40)
    start, histogram = problem(statistics, most=25)
    fits = fit_mixtures(start, histogram)
    assert fits.converged.all() and (fits.steps >= 1).all() and (fits.steps < MOST_STEPS).all()
    for cell in range(len(histogram)):
        mixture, one = start[cell : cell + 1], histogram[cell : cell + 1].double()
        score = likelihood(mixture, one)
        for step in range(1, fits.steps[cell].item() + 1):
            mixture = stepped(mixture, one)
            before, score = score, likelihood(mixture, one)
            last = step == fits.steps[cell].item()
            assert (score - before < LEAST_GAIN).item() == last


def test_a_fit_ends_after_the_most_steps_without_having_converged() -> None:
    _, statistics, _ = cells_of(3, 3, 32, height=60, width=60)
    start, histogram = problem(statistics)
    few = fit_mixtures(start, histogram, EmRule(m_step, VARIANCE_FLOOR, 1, most_steps=3))
    free = fit_mixtures(start, histogram)
    assert (few.steps == free.steps.clamp(max=3)).all()
    assert torch.equal(few.converged, free.steps <= 3)


def test_a_fit_leaves_its_start_as_it_was() -> None:
    _, statistics, _ = cells_of(3, 3, 32)
    start, histogram = problem(statistics)
    before = [part.clone() for part in (start.weight, start.mean, start.variance, histogram)]
    fit_mixtures(start, histogram)
    after = (start.weight, start.mean, start.variance, histogram)
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


def test_a_component_that_explains_nothing_goes_to_weight_zero() -> None:
    start = Mixture(
        torch.tensor([[0.4, 0.3, 0.3]]).double(),
        torch.tensor([[100.0, 104.0, 250.0]]).double(),
        torch.tensor([[VARIANCE_FLOOR, 2.0, VARIANCE_FLOOR]]).double(),
    )
    histogram = torch.zeros(1, 256, dtype=torch.int64)
    histogram[0, 98:107] = torch.tensor([5, 30, 90, 40, 20, 25, 60, 25, 6])
    fits = fit_mixtures(start, histogram, EM)
    assert fits.mixture.weight[0, 2].item() == 0
    assert fits.mixture.weight[0, :2].min() > 0.1
    assert fits.mixture.weight.isfinite().all() and fits.mixture.variance.isfinite().all()
    assert abs(fits.mixture.weight.sum().item() - 1) < 1e-12 and fits.converged.all()


def test_a_weight_of_zero_stays_zero() -> None:
    _, statistics, _ = cells_of(3, 3, 32)
    start, histogram = problem(statistics, [0.0, 0.25, 0.75])
    fits = fit_mixtures(start, histogram)
    assert (fits.mixture.weight[:, 0] == 0).all() and fits.score.isfinite().all()


def test_a_single_candidate_has_all_the_weight() -> None:
    _, statistics, _ = cells_of(3, 1, 16)
    fits = fit_mixtures(*problem(statistics))
    assert (fits.mixture.weight == 1).all()


def test_a_fit_is_the_same_on_each_device(device: str) -> None:
    _, statistics, _ = cells_of(6, 3, 32, height=40, width=40)
    start, histogram = problem(statistics)
    there, counts = problem(statistics.to(device))
    here, fits = fit_mixtures(start, histogram), fit_mixtures(there, counts)
    # A device may sum in another order: far below what a step changes.
    assert torch.allclose(fits.mixture.weight.cpu(), here.mixture.weight, atol=1e-9)


def test_twice_the_pixels_give_the_same_fit() -> None:
    _, statistics, _ = cells_of(6, 3, 32, height=40, width=40)
    one = fit_mixtures(*problem(statistics))
    two = fit_mixtures(*problem(statistics + statistics))
    assert torch.allclose(one.mixture.weight, two.mixture.weight, atol=1e-9)  # trust.md section 10


def test_a_prior_counts_as_so_many_pixels_of_its_weights() -> None:
    _, statistics, _ = cells_of(6, 3, 32)
    start, histogram = problem(statistics)
    prior = torch.tensor([0.5, 0.2, 0.3]).double().expand_as(start.weight)
    one_step = EmRule(m_step, VARIANCE_FLOOR, 1, most_steps=1)
    plain = fit_mixtures(start, histogram, one_step).mixture
    pulled = fit_mixtures(start, histogram, one_step, prior, 30.0).mixture
    pixels = histogram.sum(-1, keepdim=True)
    expected = (pixels * plain.weight + 30 * prior) / (pixels + 30)
    assert torch.allclose(pulled.weight, expected, rtol=0, atol=1e-12)
    assert torch.allclose(pulled.variance, plain.variance, rtol=1e-12)


@given(st.integers(0, 9999), st.integers(1, 5), st.sampled_from([0.5, 20.0, 1e4]))
def test_no_step_lowers_the_penalised_likelihood(
    seed: int, members: int, prior_pixels: float
) -> None:
    _, statistics, _ = cells_of(seed, members, 32)
    mixture, histogram = problem(statistics, most=30)
    random = torch.Generator().manual_seed(seed)
    prior = torch.rand(mixture.weight.shape, generator=random, dtype=torch.float64)
    prior = prior / prior.sum(-1, keepdim=True)
    strength = prior_pixels / histogram.sum(-1).double()
    one_step = EmRule(m_step, VARIANCE_FLOOR, 1, most_steps=1)

    def penalised(mixture: Mixture) -> Tensor:
        return likelihood(mixture, histogram) + strength * (prior * mixture.weight.log()).sum(-1)

    before = penalised(mixture)
    for _ in range(8):
        fits = fit_mixtures(mixture, histogram, one_step, prior, prior_pixels)
        mixture, after = fits.mixture, penalised(fits.mixture)
        # Rounding: what is compared may be some thousand nats a pixel where the prior is strong.
        assert (after - before >= -1e-10 * before.abs().clamp(min=1)).all()
        assert torch.allclose(fits.score, after, rtol=1e-10, atol=1e-10)
        assert ((mixture.weight.sum(-1) - 1).abs() <= 1e-12).all()
        before = after


def test_a_prior_of_no_pixels_changes_nothing() -> None:
    _, statistics, _ = cells_of(6, 3, 32)
    start, histogram = problem(statistics, [0.0, 0.5, 0.5])
    prior = torch.full_like(start.weight, 1 / 3)
    with_it, without = (
        fit_mixtures(start, histogram, EM, prior, 0.0),
        fit_mixtures(start, histogram),
    )
    assert torch.equal(with_it.mixture.weight, without.mixture.weight)
    assert torch.equal(with_it.score, without.score) and with_it.score.isfinite().all()


def test_a_strong_prior_is_what_comes_out() -> None:
    _, statistics, _ = cells_of(6, 3, 32)
    start, histogram = problem(statistics)
    prior = torch.tensor([0.6, 0.3, 0.1]).double().expand_as(start.weight)
    fits = fit_mixtures(start, histogram, EM, prior, 1e9)
    # The pixels of a cell, some thousand, in a billion.
    assert torch.allclose(fits.mixture.weight, prior, rtol=0, atol=1e-5)
