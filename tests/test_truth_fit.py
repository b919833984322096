"""How a truth lies to its candidates, against the pixels."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ensir.ensemble.bin_statistics import gather_statistics
from ensir.ensemble.bins import Bins
from ensir.truth_fit import TruthFit, truth_fit
from tests.conftest import make_pictures


def fit_of(candidates: Tensor, truth: Tensor, width: int = 4) -> TruthFit:
    found = truth_fit(gather_statistics(candidates, truth, Bins(width, len(candidates))))
    assert found is not None
    return found


def test_what_is_said_is_what_the_pixels_say() -> None:
    candidates, truth = make_pictures(3, 3, noise=6, bias=5)
    found = fit_of(candidates, truth)
    values = candidates.double().flatten(2)
    average, target = values.mean(0), truth.double().flatten(1)
    loss, spread = (target - average) ** 2, ((values - average) ** 2).mean(0)
    assert found.far == pytest.approx(float(loss.mean() / spread.mean()) ** 0.5, rel=1e-9)
    order = spread.flatten().argsort()
    half, tenth = len(order) // 2, len(order) - len(order) // 10
    even = loss.flatten()[order[:half]].mean() / loss.flatten()[order[tenth:]].mean()
    assert found.even == pytest.approx(float(even), rel=0.2)  # cells, not pixels, are sorted
    a, y = (one - one.mean(-1, keepdim=True) for one in (average, target))
    # Two levels of contrast in each of the 3 channels are shared.
    (ay, aa, yy) = ((one * other).mean(-1).sum() + 4 * 3 for one, other in ((a, y), (a, a), (y, y)))
    alike = ay / (aa * yy).sqrt()
    assert found.alike == pytest.approx(float(alike), rel=1e-9)
    smoother = (a.square().sum() - (a * y).sum()) / (y - a).square().sum()
    assert found.smoother == pytest.approx(float(smoother), rel=1e-6)
    brighter = (target - average).mean() / (loss.mean() + 1).sqrt()  # a level squared
    assert found.brighter == pytest.approx(float(brighter), rel=1e-9)


def test_noise_on_the_truth_is_seen_where_candidates_agree() -> None:
    candidates, truth = make_pictures(3, 3, noise=3, contrast=20, height=90, width=90)
    noise = 30 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(1))
    noisy = (truth + noise).round().clamp(0, 255).to(torch.uint8)
    right, wrong = fit_of(candidates, truth, 16), fit_of(candidates, noisy, 16)
    assert right.floor < 3 and wrong.floor == pytest.approx(30, rel=0.2)
    assert wrong.far > 5 * right.far and wrong.even > right.even


def test_a_truth_of_other_levels_differs_by_level() -> None:
    candidates, truth = make_pictures(3, 3, noise=3)
    found = fit_of(candidates, (truth // 2 + 100), 16)
    assert found.by_level > 0.5 and found.brighter > 0.5
    assert fit_of(candidates, truth, 16).by_level < 0.2


def test_a_truth_with_half_the_contrast_is_smoother() -> None:
    candidates, truth = make_pictures(3, 3, noise=3)
    assert fit_of(candidates, truth // 2).smoother > 0.9
    assert abs(fit_of(candidates, truth).smoother) < 0.9


@pytest.mark.parametrize("level", [6.0, 120.0])
def test_the_noise_of_a_flat_picture_is_no_other_picture(level: float) -> None:
    """Candidates and truth have noise of their own, of less than a level."""
    random = torch.Generator().manual_seed(1)
    pictures = level + 0.6 * torch.randn(4, 3, 40, 40, generator=random)
    levels = pictures.round().to(torch.uint8)
    assert fit_of(levels[:3], levels[3], 16).alike > 0.9


def test_a_flat_truth_is_unlike_a_picture_and_the_other_way_round() -> None:
    candidates, truth = make_pictures(3, 3, noise=3)
    assert abs(fit_of(candidates, torch.full_like(truth, 128), 16).alike) < 0.1
    flat = torch.full_like(candidates, 128)
    flat[0] += 2
    assert abs(fit_of(flat, truth, 16).alike) < 0.1


def test_a_truth_that_is_a_level_off_is_hardly_brighter() -> None:
    truth = make_pictures(3, 1)[1].clamp(2, 250)
    random = torch.Generator().manual_seed(1)
    noise = 0.4 * torch.randn(3, *truth.shape, generator=random)
    candidates = (truth + noise).round().to(torch.uint8)
    assert 0.6 < fit_of(candidates, truth + 1, 16).brighter < 0.75
    assert fit_of(candidates, truth + 4, 16).brighter > 0.9


def test_candidates_that_are_alike_say_nothing() -> None:
    candidates, truth = make_pictures(3, 1)
    alike = gather_statistics(candidates.repeat(3, 1, 1, 1), truth, Bins(32, 3))
    assert truth_fit(alike) is None


def test_a_single_cell_says_how_far_and_not_where() -> None:
    candidates, truth = make_pictures(3, 2, channels=1)
    found = fit_of(candidates, truth, 256)
    assert found.far > 0 and math.isnan(found.even) and found.values.isfinite().all()


def test_wide_bins_and_cells_of_few_pixels_have_no_floor() -> None:
    assert math.isnan(fit_of(*make_pictures(3, 2, height=90, width=90), 64).floor)
    found = fit_of(*make_pictures(3, 2, height=6, width=6), 8)
    assert math.isnan(found.floor)


def test_a_perfect_truth_has_finite_values() -> None:
    candidates = make_pictures(3, 1)[0].repeat(2, 1, 1, 1)
    candidates[1] = (candidates[0].int() + 2).clamp(max=255).to(torch.uint8)
    average = candidates.double().mean(0).to(torch.uint8)
    found = fit_of(candidates, average, 32)
    assert replace(found, even=math.nan).values.isfinite().all()
    assert found.floor == 0
