"""Weights between bin centres: no steps, the table's own at the centres, and convex everywhere."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from ensir.ensemble.baselines import average
from ensir.ensemble.bins import Bins
from ensir.ensemble.lookup_table import LookupTable, Origin, Provenance
from ensir.ensemble.soft_lookup import MOST_CANDIDATES
from ensir.errors import InputError
from tests.conftest import ADVERSARIAL


def table_of(weights: Tensor, bins: Bins, starts: Tensor | None = None) -> LookupTable:
    """A table of weights (C, S, M) by hand."""
    cells = weights.shape[:2]
    return LookupTable(
        bins,
        weights,
        torch.full(cells, int(Origin.FITTED), dtype=torch.uint8),
        torch.ones(cells, dtype=torch.int64),
        tuple("ABCDEFGHIJKL"[: bins.candidates]),
        Provenance("em"),
        torch.arange(cells[1]) if starts is None else starts,
    )


def random_table(width: int, members: int, channels: int = 3, seed: int = 0) -> LookupTable:
    """Weights that have nothing in common from one bin set to the next."""
    random = torch.Generator().manual_seed(seed)
    bins = Bins(width, members)
    weights = torch.rand(channels, bins.sets, members, generator=random, dtype=torch.float64)
    return table_of(weights / weights.sum(-1, keepdim=True), bins)


def looked_up(table: LookupTable, values: Sequence[float]) -> Tensor:
    """The soft weights (M,) of one pixel, by loops over the corners: an independent reference."""
    width, count = table.bins.width, table.bins.per_candidate
    centres = [(place * width + min((place + 1) * width - 1, 255)) / 2 for place in range(count)]
    total = torch.zeros(len(values), dtype=torch.float64)
    for corner in range(2 ** len(values)):
        number, share = 0, 1.0
        for place, value in enumerate(values):
            below = max([one for one in range(count) if centres[one] <= value], default=0)
            above = min(below + 1, count - 1)
            part = 0.0
            if above > below:
                part = (value - centres[below]) / (centres[above] - centres[below])
                part = min(max(part, 0.0), 1.0)
            upper = corner >> place & 1
            share *= part if upper else 1 - part
            number = number * count + (above if upper else below)
        total += share * table.weights[0, number]
    return total


def test_a_smooth_ramp_has_no_step_at_bin_edges() -> None:
    """A step of 1/257 level moves the result by no more than the slope allows, edges included.

    Weights change by at most 1 over a bin of 32 levels in each of two candidates, times their
    difference of 20 levels, besides the slope of the ramp itself: below 3 levels a level.
    """
    ramp = torch.arange(0, 230 * 257, dtype=torch.int32).reshape(1, 1, -1)
    pictures = [one.to(torch.uint16) for one in (ramp, ramp + 20 * 257)]
    table = random_table(32, 2, channels=1)
    soft = table.fuse(pictures, soft=True).image.double().diff(dim=-1).abs().max()
    hard = table.fuse(pictures).image.double().diff(dim=-1).abs().max()
    assert soft < 3 / 257 + 1e-4  # float32 near 255 is exact to 1.5e-5
    assert hard > 1  # what the ramp had without


@pytest.mark.parametrize("width", [1, 31, 85, 100])
def test_at_bin_centres_it_is_the_hard_look_up(width: int) -> None:
    table = random_table(width, 2)
    bins = torch.arange(table.bins.per_candidate)
    centre = (bins * width + (bins * width + width - 1).clamp(max=255)) / 2
    grid = torch.meshgrid(centre, centre, indexing="ij")
    pictures = [one.float().expand(3, -1, -1).contiguous() for one in grid]
    soft, hard = table.fuse(pictures, soft=True), table.fuse(pictures)
    assert torch.allclose(soft.weights, hard.weights, atol=1e-12)
    assert torch.allclose(soft.image, hard.image, atol=1e-4)  # float32


@pytest.mark.parametrize(("width", "members"), [(32, 2), (100, 3), (256, 3), (64, 1), (7, 2)])
def test_the_weights_are_those_of_loops_over_the_corners(width: int, members: int) -> None:
    table = random_table(width, members, channels=1)
    random = torch.Generator().manual_seed(3)
    values = torch.randint(0, 256, (members, 1, 1, 40), generator=random).to(torch.uint8)
    values[..., 0], values[..., 1] = 0, 255
    weights = table.fuse(values, soft=True).weights
    for place in range(40):
        expected = looked_up(table, values[:, 0, 0, place].tolist())
        assert torch.allclose(weights[:, 0, 0, place], expected, atol=1e-12)


@pytest.mark.parametrize("kind", ADVERSARIAL)
def test_the_weights_stay_on_the_simplex(kind: str) -> None:
    pictures, _ = ADVERSARIAL[kind](2, 3)
    fusion = random_table(32, 3).fuse(pictures, soft=True)
    assert bool((fusion.weights >= 0).all())
    assert torch.allclose(fusion.weights.sum(0), torch.ones(pictures.shape[1:]).double())
    low, high = pictures.float().aminmax(dim=0)
    assert bool(((low <= fusion.image) & (fusion.image <= high)).all())


def test_equal_weights_fuse_to_the_average(sample: tuple[Tensor, Tensor]) -> None:
    pictures, _ = sample
    bins = Bins(32, 3)
    table = table_of(torch.full((3, bins.sets, 3), 1 / 3, dtype=torch.float64), bins)
    soft = table.fuse(pictures, soft=True).image
    assert torch.allclose(soft, average(pictures).image, atol=1e-4)  # float32


def test_a_constant_table_fuses_as_without(sample: tuple[Tensor, Tensor]) -> None:
    pictures, _ = sample
    bins = Bins(32, 3)
    weights = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64).expand(3, bins.sets, 3)
    table = table_of(weights.contiguous(), bins)
    soft, hard = table.fuse(pictures, soft=True), table.fuse(pictures)
    assert torch.allclose(soft.image, hard.image, atol=1e-4)  # float32
    assert torch.allclose(soft.weights, hard.weights, atol=1e-12)


def test_the_image_is_the_sum_by_its_own_weights(sample: tuple[Tensor, Tensor]) -> None:
    """Maps are drawn of what fused the picture, whole and at single pixels."""
    pictures, _ = sample
    fusion = random_table(32, 3).fuse(pictures, soft=True)
    summed = (fusion.weights * pictures.double()).sum(0)
    assert torch.allclose(fusion.image.double(), summed, atol=1e-4)  # float32
    assert torch.equal(fusion.weights_at(7, 9), fusion.weights[:, :, 7, 9])


def test_a_sparse_table_serves_corners_without_a_row_of_their_own() -> None:
    """What stands for a gap is interpolated with as well as what was fitted."""
    bins = Bins(64, 2)  # 16 bin sets, of which rows at 0 and 5 serve all
    rows = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]], dtype=torch.float64)
    sparse = table_of(rows, bins, torch.tensor([0, 5]))
    dense = table_of(rows[:, [0] * 5 + [1] * 11], bins)
    random = torch.Generator().manual_seed(4)
    pictures = torch.randint(0, 256, (2, 1, 9, 9), generator=random).to(torch.uint8)
    assert torch.equal(
        sparse.fuse(pictures, soft=True).weights, dense.fuse(pictures, soft=True).weights
    )


def test_too_many_candidates_are_refused_in_a_sentence() -> None:
    members = MOST_CANDIDATES + 1
    table = table_of(torch.full((1, 1, members), 1 / members).double(), Bins(256, members))
    with pytest.raises(InputError, match="a soft look-up takes at most 8 candidates, got 9"):
        table.fuse(torch.zeros(members, 1, 2, 2, dtype=torch.uint8), soft=True)
