"""When a ground truth is doubted: not that of candidates, but a degraded one or another's."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ensir.ensemble.bin_statistics import BinStatistics, gather_statistics
from ensir.ensemble.bins import Bins
from ensir.statistics_files import read_pictures
from ensir.truth_fit import TruthFit, truth_fit
from tests.conftest import make_pictures

SAMPLES = Path(__file__).parents[1] / "sample_luts"


def of_pixels(candidates: Tensor, truth: Tensor) -> TruthFit:
    """The same from the pixels, where bins of one level tell every disagreement apart."""
    values, average = candidates.double(), candidates.double().mean(0)
    loss = ((truth - average) ** 2).flatten()
    spread = ((values - average) ** 2).mean(0).flatten()
    order = spread.argsort()
    half, tenth = len(order) // 2, len(order) - len(order) // 10
    even = loss[order[:half]].mean() / loss[order[tenth:]].mean()
    return TruthFit(float(loss.sum() / spread.sum()) ** 0.5, float(even))


def test_what_is_said_is_what_the_pixels_say() -> None:
    candidates, truth = make_pictures(3, 3, noise=6)
    found = truth_fit(gather_statistics(candidates, truth, Bins(4, 3)))
    expected = of_pixels(candidates, truth)
    assert found is not None
    assert found.far == pytest.approx(expected.far, rel=1e-9)
    assert found.even == pytest.approx(expected.even, rel=0.2)  # cells, not pixels, are sorted


def test_noise_on_the_truth_makes_it_far_and_its_error_even() -> None:
    candidates, truth = make_pictures(3, 3, noise=3)
    noise = 30 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(1))
    noisy = (truth + noise).round().clamp(0, 255).to(torch.uint8)
    fits = [truth_fit(gather_statistics(candidates, one, Bins(8, 3))) for one in (truth, noisy)]
    assert fits[0] is not None and not fits[0].is_doubtful
    assert fits[1] is not None and fits[1].is_doubtful and fits[1].far > 5 * fits[0].far


def test_candidates_that_are_alike_say_nothing() -> None:
    candidates, truth = make_pictures(3, 1)
    alike = gather_statistics(candidates.repeat(3, 1, 1, 1), truth, Bins(32, 3))
    assert truth_fit(alike) is None


def test_a_single_cell_says_how_far_and_not_where() -> None:
    candidates, truth = make_pictures(3, 2)
    found = truth_fit(gather_statistics(candidates, truth, Bins(256, 2)))
    assert found is not None and found.far > 0 and not found.is_doubtful


@pytest.mark.parametrize(
    "file", sorted(SAMPLES.glob("*.pictures.safetensors")), ids=lambda f: f.name
)
def test_no_sample_is_doubted_as_a_whole_and_another_truth_is(file: Path) -> None:
    statistics = read_pictures(file).total.statistics
    found = truth_fit(statistics)
    assert found is not None and not found.is_doubtful
    assert truth_fit(with_other_truth(statistics)).is_doubtful  # type: ignore[union-attr]


def with_other_truth(statistics: BinStatistics) -> BinStatistics:
    """The same candidates with a truth of level 128 throughout."""
    histogram = torch.stack(
        [
            torch.arange(statistics.channels).repeat_interleave(len(statistics.sets)),
            statistics.sets.repeat(statistics.channels),
            torch.full((statistics.channels * len(statistics.sets),), 128),
            statistics.count.flatten(),
        ],
        dim=1,
    )
    histogram = histogram[histogram[:, 3] > 0]
    return replace(statistics, truth_products=128 * statistics.sums, histogram=histogram)
