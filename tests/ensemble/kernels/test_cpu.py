"""The kernels for CPUs against the definition in torch."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

pytest.importorskip("numba")

from ensir.ensemble import bin_statistics, kernels
from ensir.ensemble.bin_statistics import BinStatistics, gather_statistics
from ensir.ensemble.bins import Bins
from ensir.ensemble.levels import in_depth
from ensir.ensemble.lookup_table import LookupTable, Origin, Provenance, table_rows
from ensir.ensemble.mixture import (
    EM,
    LEAST_GAIN,
    EmRule,
    FittedMixtures,
    Mixture,
    candidate_moments,
    fit_mixtures,
    released_weights,
)
from ensir.ensemble.published import PUBLISHED
from tests.conftest import ADVERSARIAL, make_pictures, make_statistics

TYPES = [torch.uint8, torch.uint16, torch.float32]
RESULTS = [torch.float32, torch.uint8]
FIELDS = ("sets", "sums", "products", "truth_products", "histogram")


@contextmanager
def by_torch() -> Iterator[None]:
    """The definition serves every device."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "compiled", lambda device: None)
        yield


def as_type(levels: Tensor, dtype: torch.dtype, seed: int) -> Tensor:
    """Levels with all the precision of a type, halves between two levels among them."""
    random = torch.Generator().manual_seed(seed)
    if dtype == torch.uint16:
        off = torch.randint(-128, 129, levels.shape, generator=random)
        return (levels.int() * 257 + off).clamp(0, 65535).to(torch.uint16)
    if dtype == torch.float32:
        off = torch.randint(-4, 5, levels.shape, generator=random) / 8
        return (levels + off).clamp(0, 255)
    return levels


def made_table(seed: int, width: int, members: int, channels: int) -> LookupTable:
    """Drawn weights; some cells give one candidate all of it, some are averages."""
    random = torch.Generator().manual_seed(seed)
    bins = Bins(width, members)
    some = torch.randint(0, bins.sets, (40,), generator=random).unique()
    starts = table_rows(bins, some)
    shape = channels, len(starts)
    weights = torch.rand(*shape, members, generator=random, dtype=torch.float64) ** 3
    kind = torch.randint(0, 4, shape, generator=random)
    weights[kind == 0] = 1.0
    weights[kind == 1] = torch.eye(members, dtype=torch.float64)[seed % members]
    return LookupTable(
        bins,
        weights / weights.sum(-1, keepdim=True),
        torch.full(shape, int(Origin.FITTED), dtype=torch.uint8),
        torch.ones(shape, dtype=torch.int64),
        tuple("ABCDEFGHIJKLMNOPQR"[:members]),
        Provenance("em"),
        starts,
    )


def assert_fuses_as_defined(table: LookupTable, pictures: list[Tensor]) -> None:
    fusion, rounded = table.fuse(pictures), table.fuse(pictures, dtype=torch.uint8).image
    with by_torch():
        by_definition = table.fuse(pictures)
    assert torch.equal(fusion.weights, by_definition.weights)
    part = slice(3, 17), slice(2, 40)
    assert torch.equal(fusion.weights_at(*part), fusion.weights[(..., *part)])
    image, defined = fusion.image, by_definition.image
    assert (image.dtype, rounded.dtype) == (torch.float32, torch.uint8)
    assert image.shape == rounded.shape == defined.shape
    # Weights are rounded to 2**-30: two steps of float32 at most.
    assert torch.allclose(image, defined, rtol=0, atol=3.1e-5)
    # From levels to levels they are cut to 2**-24, and halves less the error of each go up.
    near = (255 * (len(pictures) - 1) + 64 * max(len(pictures) - 1, 2)) / 2**24
    assert ((rounded - defined.double()).abs() <= 0.5 + near).all()


@settings(max_examples=60)
@given(
    st.integers(0, 9999),
    st.integers(1, 8),
    st.sampled_from([1, 3]),
    st.sampled_from(TYPES),
    st.sampled_from([1, 5, 8, 10, 16, 31, 32, 33, 64, 96, 128, 255, 256]),
    st.booleans(),
)
def test_fused_pictures_are_the_defined_ones(
    seed: int, members: int, channels: int, dtype: torch.dtype, width: int, smooth: bool
) -> None:
    width = width if (-(-256 // width)) ** members <= 2**52 else 32
    size = {"height": 21, "width": 53}  # two blocks and a part of one
    levels = make_pictures(seed, members, channels=channels, noise=4, **size)[0]
    if not smooth:
        random = torch.Generator().manual_seed(seed)
        levels = torch.randint(0, 256, levels.shape, generator=random).to(torch.uint8)
    pictures = list(as_type(levels, dtype, seed))
    assert_fuses_as_defined(made_table(seed, width, members, channels), pictures)


@pytest.mark.parametrize("members", range(2, 9))
def test_levels_are_the_defined_ones_but_for_one_in_ten_thousand(members: int) -> None:
    pictures = list(make_pictures(5, members, height=300, width=400)[0])
    table = made_table(5, 32, members, 3)
    levels = table.fuse(pictures, dtype=torch.uint8).image
    with by_torch():
        defined = table.fuse(pictures, dtype=torch.uint8).image
    off = (levels.int() - defined.int()).abs()
    assert off.max() <= 1 and off.double().mean() <= 1e-4


@pytest.mark.parametrize("dtype", TYPES)
def test_halves_go_up_whatever_the_weights_are_in_bits(dtype: torch.dtype) -> None:
    table = made_table(1, 256, 3, 1)
    table.weights[:] = torch.tensor([0.1, 0.2, 0.7], dtype=torch.float64)
    levels = torch.tensor([[105, 100, 100], [103, 101, 100], [200, 205, 220], [9, 3, 7]])
    pictures = levels.T.reshape(3, 1, 2, 2).to(torch.uint8)
    deep = pictures.float() if dtype == torch.float32 else in_depth(pictures, dtype)
    fused = table.fuse(list(deep), dtype=torch.uint8).image
    assert fused.flatten().tolist() == [101, 101, 215, 6]


@pytest.mark.parametrize("white", [0, 1])
@pytest.mark.parametrize("dtype", RESULTS)
def test_weights_that_all_round_up_do_not_leave_the_range(dtype: torch.dtype, white: int) -> None:
    table = made_table(1, 256, 7, 1)
    table.weights[:] = torch.tensor([1 / 6] * 6 + [0.0], dtype=torch.float64)
    pictures = torch.full((7, 1, 3, 3), 255 * white, dtype=torch.uint8)
    pictures[6] = 255 * (1 - white)  # without weight
    assert (table.fuse(list(pictures), dtype=dtype).image == 255 * white).all()


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("members", [2, 3])
def test_pictures_lie_in_memory_as_they_like(dtype: torch.dtype, members: int) -> None:
    table = made_table(1, 32, members, 3)
    levels = make_pictures(1, members, height=40, width=46)[0]
    whole = as_type(levels, dtype, 1)
    interleaved = whole.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    for view in (
        interleaved,
        whole[..., 5:-3, 7:],
        whole.transpose(2, 3),
        whole[:, :1].expand(-1, 3, -1, -1),
        whole[..., ::2, ::3],
    ):
        assert_fuses_as_defined(table, list(view))
    mixed = [whole[0], *interleaved[1:]]
    assert_fuses_as_defined(table, mixed)


def test_more_candidates_than_one_kernel_takes_are_fused() -> None:
    for members in (9, 16):
        levels = make_pictures(2, members, height=9, width=11)[0]
        assert_fuses_as_defined(made_table(2, 128, members, 3), list(levels))


def test_a_picture_of_many_pieces_is_fused_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from ensir.ensemble.kernels import cpu

    table, pictures = made_table(3, 16, 3, 3), list(make_pictures(3, 3, height=50, width=60)[0])
    whole = table.fuse(pictures).image
    monkeypatch.setattr(cpu, "PIXELS_AT_ONCE", 700)
    assert torch.equal(table.fuse(pictures).image, whole)


def test_halves_of_many_equal_weights_go_up() -> None:
    table = made_table(1, 256, 6, 1)
    table.weights[:] = 1 / 6
    levels = torch.tensor([140, 140, 140, 140, 141, 100], dtype=torch.uint8)  # 133.5 in the mean
    fused = table.fuse(list(levels.reshape(6, 1, 1, 1)), dtype=torch.uint8).image
    assert fused.item() == 134


def test_one_candidate_with_all_the_weight_comes_out_unchanged() -> None:
    pictures = as_type(make_pictures(4, 4)[0], torch.float32, 4)
    table = made_table(4, 256, 4, 3)
    for member in range(4):
        table.weights[:] = torch.eye(4, dtype=torch.float64)[member]
        table.__dict__.pop("_packed", None)
        assert torch.equal(table.fuse(list(pictures)).image, pictures[member])


def assert_sums_as_defined(candidates: Tensor, truth: Tensor, bins: Bins) -> BinStatistics:
    ours = gather_statistics(candidates, truth, bins)
    with by_torch():
        defined = gather_statistics(candidates, truth, bins)
    for name in FIELDS:
        one, other = getattr(ours, name), getattr(defined, name)
        assert one.dtype == other.dtype == torch.int64 and torch.equal(one, other), name
    return ours


@given(
    st.integers(0, 9999),
    st.integers(1, 8),
    st.sampled_from([1, 3]),
    st.integers(1, 256),
    st.sampled_from([None, *ADVERSARIAL]),
)
def test_sums_are_the_defined_ones_to_the_bit(
    seed: int, members: int, channels: int, width: int, kind: str | None
) -> None:
    width = width if (-(-256 // width)) ** members <= 2**52 else 64
    pictures = ADVERSARIAL[kind](seed, members) if kind else make_pictures(seed, members)
    candidates, truth = pictures[0][:, :channels], pictures[1][:channels]
    assert_sums_as_defined(candidates, truth, Bins(width, members))
    turned = candidates.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    assert_sums_as_defined(turned.flip(3), truth.flip(2), Bins(width, members))


def test_threads_and_pieces_do_not_change_a_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    from ensir.ensemble.kernels import cpu

    monkeypatch.setattr(cpu, "PIXELS_AT_ONCE", 100)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 5)
    for seed in range(5):
        assert_sums_as_defined(*make_pictures(seed, 3), Bins(24, 3))


def test_sums_too_wide_for_each_thread_are_made_by_the_definition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bin_statistics, "DENSE_KEYS", 2000)
    assert_sums_as_defined(*make_pictures(1, 2), Bins(8, 2))


def problem(statistics: BinStatistics, rule: EmRule) -> tuple[Mixture, Tensor]:
    """First mixtures and histograms of every cell with a pixel."""
    full = (statistics.count.flatten() > 0).nonzero().flatten()
    mean, variance = (part.flatten(0, 1)[full] for part in candidate_moments(statistics))
    first = released_weights(statistics).flatten(0, 1)[full]
    start = Mixture(first, mean, variance.clamp(min=rule.least_variance))
    return start, statistics.histograms(full)


def assert_same_fits(ours: FittedMixtures, defined: FittedMixtures) -> None:
    fitted = ~defined.score.isnan()
    assert torch.equal(~ours.score.isnan(), fitted)
    assert torch.equal(ours.mixture.mean, defined.mixture.mean)
    # Components of one mean are alike but for rounding errors, which EM makes grow: the two ways
    # part after some steps.
    mean = ours.mixture.mean
    twins = (mean.unsqueeze(-1) == mean.unsqueeze(-2)).sum((-2, -1)) > mean.shape[-1]
    # A rise within rounding of the least may end a fit a step earlier or later.
    at_the_stop = (ours.steps - defined.steps).abs()[~twins]
    assert (at_the_stop <= 1).all() and (at_the_stop == 1).sum() <= 1
    alike = fitted & ~twins & (ours.steps == defined.steps)
    assert torch.equal(ours.converged[alike], defined.converged[alike])
    one, other = ours.mixture[alike], defined.mixture[alike]
    assert torch.allclose(one.weight, other.weight, rtol=0, atol=1e-9)
    assert torch.allclose(one.variance, other.variance, rtol=1e-7, atol=0)
    assert torch.allclose(ours.score[alike], defined.score[alike], rtol=1e-10, atol=1e-10)


@settings(max_examples=40)
@given(
    st.integers(0, 9999),
    st.integers(1, 8),
    st.sampled_from([8, 17, 32, 64, 256]),
    st.sampled_from([None, *ADVERSARIAL]),
    st.sampled_from([EM, PUBLISHED]),
    st.sampled_from([0.0, 0.5, 50.0]),
)
def test_fits_are_the_defined_ones(
    seed: int, members: int, width: int, kind: str | None, rule: EmRule, prior_pixels: float
) -> None:
    pictures = ADVERSARIAL[kind](seed, members) if kind else make_pictures(seed, members)
    start, histogram = problem(make_statistics(pictures, width).statistics, rule)
    before = [part.clone() for part in (start.weight, start.variance, histogram)]
    random = torch.Generator().manual_seed(seed)
    prior = torch.rand(start.weight.shape, generator=random, dtype=torch.float64)
    prior = prior / prior.sum(-1, keepdim=True)
    ours = fit_mixtures(start, histogram, rule, prior, prior_pixels)
    with by_torch():
        defined = fit_mixtures(start, histogram, rule, prior, prior_pixels)
    assert_same_fits(ours, defined)
    for part, kept in zip((start.weight, start.variance, histogram), before, strict=True):
        assert torch.equal(part, kept)


@pytest.mark.parametrize("rule", [EM, PUBLISHED], ids=["em", "published"])
def test_fits_of_a_dead_component_are_the_defined_ones(rule: EmRule) -> None:
    start = Mixture(
        torch.tensor([[0.5, 0.5, 0.0]]).double(),
        torch.tensor([[100.0, 250.0, 101.0]]).double(),
        torch.tensor([[4.0, 0.5, 3.0]]).double(),
    )
    histogram = torch.zeros(1, 256, dtype=torch.int64)
    histogram[0, 95:106] = 20
    ours = fit_mixtures(start, histogram, rule)
    with by_torch():
        assert_same_fits(ours, fit_mixtures(start, histogram, rule))


def test_no_cell_is_no_work() -> None:
    start = Mixture(*(torch.zeros(0, 3, dtype=torch.float64) for _ in range(3)))
    fits = fit_mixtures(start, torch.zeros(0, 256, dtype=torch.int64))
    assert len(fits.score) == len(fits.steps) == len(fits.converged) == 0


def test_a_rule_without_numbers_is_made_by_the_definition() -> None:
    start, histogram = problem(make_statistics(make_pictures(1, 3), 64).statistics, EM)
    same = EmRule(EM.m_step, EM.least_variance, EM.least_steps, EM.most_steps)
    assert_same_fits(fit_mixtures(start, histogram), fit_mixtures(start, histogram, same))
    assert LEAST_GAIN > 1e-6
