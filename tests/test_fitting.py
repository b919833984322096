import dataclasses
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ensir.ensemble import bins as bins_module
from ensir.ensemble.bin_statistics import gather_statistics
from ensir.ensemble.bins import Bins
from ensir.ensemble.lookup_table import LookupTable, Origin
from ensir.ensemble.mixture import MOST_STEPS
from ensir.errors import Cancelled, InputError
from ensir.fitting import (
    ENOUGH_PIXELS,
    METHODS,
    fit_lookup_table,
    fit_pictures,
    fit_statistics,
)
from ensir.gathering import gather_pictures, gather_reference_set
from ensir.images import write_image
from ensir.reference_set import ReferenceSet, ReferenceStatistics
from ensir.statistics_files import statistics_bytes
from ensir.table_files import table_bytes
from tests import per_pixel
from tests.conftest import ADVERSARIAL, make_pictures, make_statistics

SAME = 1e-9  # issue 2, Shows 4 and 5
BY_EM = ("em", "published")
SUM = 1e-12  # issue 2, Show 4


def weights_of_sets(table: LookupTable, sets: Tensor) -> Tensor:
    """The weights that serve bin sets, (C, n, M), whether the table is dense or sparse."""
    return table.weights[:, table.rows_of(sets)]


def origins_of_sets(table: LookupTable, sets: Tensor) -> Tensor:
    return table.origin[:, table.rows_of(sets)]


def some_sets(bins: Bins, seed: int = 0, most: int = 3000) -> Tensor:
    """All bin sets, or some of them drawn by chance."""
    if bins.sets <= most:
        return torch.arange(bins.sets)
    random = torch.Generator().manual_seed(seed)
    return torch.randint(0, bins.sets, (most,), generator=random)


def largest_difference(
    pictures: tuple[Tensor, Tensor],
    width: int,
    prior: list[float] | None = None,
    first_weights: str = "released",
) -> tuple[float, dict[per_pixel.Cell, per_pixel.Fit]]:
    """To the per-pixel EM: weights of all its cells; also checks origins and what others get."""
    candidates, truth = pictures
    slow = per_pixel.fit(candidates.numpy(), truth.numpy(), width, prior, first_weights)
    fits = fit_statistics(
        make_statistics(pictures, width), prior=prior, first_weights=first_weights
    )
    table, bins = fits.table, fits.table.bins
    worst = 0.0
    for (channel, key), expected in slow.items():
        number = bins.number(torch.tensor(key))
        row = table.rows_of(number)
        worst = max(worst, np.abs(table.weights[channel, row].numpy() - expected.weights).max())
        assert table.origin[channel, row] == (Origin.FITTED if expected.fitted else Origin.PRIOR)
        if expected.fitted:
            place = torch.searchsorted(fits.statistics.sets, number)
            assert abs(fits.score[channel, place].item() - expected.scores[-1]) < SAME
            assert fits.steps[channel, place].item() == expected.steps <= MOST_STEPS
    sets = some_sets(bins)
    given_weights = torch.tensor(
        prior or [1 / bins.candidates] * bins.candidates, dtype=torch.float64
    )
    empty = origins_of_sets(table, sets) == Origin.EMPTY
    assert torch.allclose(weights_of_sets(table, sets)[empty], given_weights, atol=1e-15)
    if len(sets) == bins.sets:
        assert (~empty).sum() == len(slow)
    return worst, slow


priors = st.sampled_from(["released", "uniform", "prior"])


def choices(first: str, members: int, seed: int) -> dict[str, Any]:
    if first != "prior":
        return {"first_weights": first}
    share = np.random.default_rng(seed).random(members) + 0.05
    return {"prior": (share / share.sum()).tolist()}


@settings(max_examples=40)
@given(
    st.integers(0, 9999),
    st.integers(1, 6),
    st.one_of(st.integers(1, 256), st.sampled_from([24, 32, 64, 96, 128])),
    st.sampled_from([4.0, 25.0, 60.0]),
    st.sampled_from([0.6, 3.0, 12.0]),
    st.sampled_from([0.0, 20.0]),
    priors,
)
def test_fitting_statistics_is_fitting_pixels(
    seed: int, members: int, width: int, contrast: float, noise: float, bias: float, first: str
) -> None:
    pictures = make_pictures(
        seed, members, height=18, width=20, contrast=contrast, noise=noise, bias=bias
    )
    worst, _ = largest_difference(pictures, width, **choices(first, members, seed))
    assert worst <= SAME


@pytest.mark.parametrize("kind", ADVERSARIAL)
@pytest.mark.parametrize("first", ["released", "uniform", "prior"])
@pytest.mark.parametrize("members, width", [(1, 32), (3, 48), (6, 256)])
def test_fitting_statistics_of_odd_pictures_is_fitting_pixels(
    kind: str | None, first: str, members: int, width: int
) -> None:
    worst, _ = largest_difference(
        ADVERSARIAL[kind](7, members), width, **choices(first, members, 1)
    )
    assert worst <= SAME


@pytest.mark.parametrize("members", range(1, 7))
@pytest.mark.parametrize("width", [1, 16, 32, 64, 256])
def test_filled_cells_of_every_size_are_fitted_as_pixels_are(members: int, width: int) -> None:
    noise, contrast = (0.2, 1.0) if width == 1 else (5.0, 30.0)
    pictures = make_pictures(members, members, height=30, width=40, contrast=contrast, noise=noise)
    worst, slow = largest_difference(pictures, width)
    assert worst <= SAME
    assert any(fit.fitted for fit in slow.values())  # else the test would say little


@settings(max_examples=30)
@given(st.integers(0, 9999), st.integers(2, 5), st.integers(30, 256), priors, st.randoms())
def test_permuting_the_candidates_permutes_the_weights(
    seed: int, members: int, width: int, first: str, random: Random
) -> None:
    candidates, truth = make_pictures(seed, members, bias=10)
    order = list(range(members))
    random.shuffle(order)
    chosen = choices(first, members, seed)
    table = fit_statistics(make_statistics((candidates, truth), width), **chosen).table
    if "prior" in chosen:
        chosen["prior"] = [chosen["prior"][place] for place in order]
    other = fit_statistics(make_statistics((candidates[order], truth), width), **chosen).table
    sets = some_sets(table.bins, seed)
    there = table.bins.number(table.bins.bins_of(sets)[:, order])
    expected = weights_of_sets(table, sets)[..., order]
    assert torch.allclose(weights_of_sets(other, there), expected, rtol=0, atol=SAME)
    assert torch.equal(origins_of_sets(other, there), origins_of_sets(table, sets))


@pytest.mark.parametrize("method", METHODS)
def test_merging_pictures_in_any_order_gives_the_same_table_to_the_byte(method: str) -> None:
    several = [make_statistics(make_pictures(seed, 3), 32, f"set {seed}") for seed in range(4)]
    random = np.random.default_rng(1)
    tables, files = set(), set()
    for _ in range(8):
        left = [several[place] for place in random.permutation(4)]
        while len(left) > 1:
            one = left.pop(int(random.integers(len(left))))
            left[-1] = left[-1] + one
        files.add(statistics_bytes(left[0]))
        tables.add(table_bytes(fit_statistics(left[0], method=method).table))
    assert len(files) == len(tables) == 1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", [None, *ADVERSARIAL])
@pytest.mark.parametrize("members", [1, 2, 4])
def test_weights_are_shares(method: str, kind: str | None, members: int) -> None:
    pictures = ADVERSARIAL[kind](3, members) if kind else make_pictures(3, members)
    table = fit_statistics(make_statistics(pictures, 64), method=method).table
    assert (table.weights >= 0).all() and table.weights.isfinite().all()
    assert ((table.weights.sum(-1) - 1).abs() <= SUM).all()
    assert table.weights.dtype == torch.float64
    assert torch.equal(table.count > 0, table.origin != Origin.EMPTY)


@settings(max_examples=20)
@given(
    st.integers(0, 9999),
    st.integers(1, 5),
    st.integers(20, 256),
    st.sampled_from(list(METHODS)),
    st.sampled_from([torch.uint8, torch.uint16, torch.float32]),
)
def test_fused_values_lie_between_the_candidates(
    seed: int, members: int, width: int, method: str, dtype: torch.dtype
) -> None:
    pictures = make_pictures(seed, members)
    table = fit_statistics(make_statistics(pictures, width), method=method).table
    other = make_pictures(seed + 1, members)[0]  # falls into bin sets that were never filled
    scaled = (other.int() * 257).to(dtype) if dtype == torch.uint16 else other.to(dtype)
    image = table.fuse(scaled).image
    values = other.float()
    assert (image >= values.amin(0)).all() and (image <= values.amax(0)).all()


def tables_dense_and_sparse(
    statistics: ReferenceStatistics, limit: int = 0, **choice: object
) -> tuple[LookupTable, LookupTable]:
    dense = fit_statistics(statistics, **choice).table
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bins_module, "DENSE_BIN_SETS", limit)
        sparse = fit_statistics(statistics, **choice).table
    return dense, sparse


@settings(max_examples=30)
@given(
    st.integers(0, 9999),
    st.integers(1, 4),
    st.integers(24, 256),
    st.sampled_from(list(METHODS)),
    st.booleans(),
)
def test_dense_and_sparse_tables_give_the_same(
    seed: int, members: int, width: int, method: str, with_prior: bool
) -> None:
    pictures = make_pictures(seed, members)
    prior = choices("prior", members, seed)["prior"] if with_prior else None
    dense, sparse = tables_dense_and_sparse(
        make_statistics(pictures, width), method=method, prior=prior
    )
    sets = torch.arange(dense.bins.sets)
    assert dense.dense and len(sparse.starts) <= len(dense.starts)
    assert torch.equal(weights_of_sets(sparse, sets), dense.weights)
    assert torch.equal(origins_of_sets(sparse, sets), dense.origin)
    occupied = (dense.count > 0).any(0)
    assert torch.equal(sparse.count[:, sparse.rows_of(sets[occupied])], dense.count[:, occupied])
    assert sparse.count.sum() == dense.count.sum()
    random = torch.Generator().manual_seed(seed)
    anything = torch.randint(0, 256, (members, 3, 30, 30), generator=random).to(torch.uint8)
    for candidates in (pictures[0], anything):
        one, two = dense.fuse(candidates), sparse.fuse(candidates)
        assert torch.equal(one.image, two.image) and torch.equal(one.weights, two.weights)


def test_eight_candidates_at_width_32_fit_and_fuse() -> None:
    pictures = make_pictures(2, 8, height=40, width=40, contrast=25, noise=3)
    fits = fit_statistics(make_statistics(pictures, 32))
    assert not fits.table.dense and len(fits.table.starts) < 40 * 40 * 3 * 2
    assert (fits.table.origin == Origin.FITTED).any()
    fused = fits.table.fuse(pictures[0])
    assert ((fused.weights.sum(0) - 1).abs() <= SUM).all()
    slow = per_pixel.fit(pictures[0].numpy(), pictures[1].numpy(), 32)
    expected = per_pixel.fuse(
        {cell: fit.weights for cell, fit in slow.items()},
        np.full(8, 1 / 8),
        pictures[0].numpy(),
        32,
    )
    assert np.abs(fused.image.numpy() - expected).max() <= 1e-5  # one float32 rounding
    other = make_pictures(3, 8, contrast=90)[0]
    weights = fits.table.fuse(other).weights
    number = fits.table.bins.index(other)
    seen = torch.isin(number, fits.statistics.sets)
    assert not seen.all() and (weights[:, ~seen] == 1 / 8).all()


@pytest.mark.parametrize("method", BY_EM)
def test_reference_sets_without_a_full_cell_are_fitted(method: str) -> None:
    """Fewer than 100 pixels in every cell: nothing to fit, and no reason to fail."""
    pictures = make_pictures(1, 3, height=5, width=5)
    table = fit_statistics(make_statistics(pictures, 32), method=method).table
    assert not (table.origin == Origin.FITTED).any()
    if method == "em":
        assert torch.equal(table.weights, torch.full_like(table.weights, 1 / 3))


@pytest.mark.parametrize("pixels", [ENOUGH_PIXELS - 1, ENOUGH_PIXELS])
def test_a_cell_is_fitted_from_100_pixels_on(pixels: int) -> None:
    candidates, truth = make_pictures(1, 2, channels=1, height=1, width=pixels, noise=20)
    for method in BY_EM:
        table = fit_statistics(make_statistics((candidates, truth), 256), method=method).table
        expected = Origin.FITTED if pixels == ENOUGH_PIXELS else Origin.PRIOR
        assert table.origin.tolist() == [[expected]] and table.count.tolist() == [[pixels]]


def test_a_prior_is_the_start_and_what_cells_without_a_fit_get() -> None:
    prior = [0.1, 0.3, 0.6]
    gathered = make_statistics(make_pictures(1, 3), 32)
    for method in BY_EM:
        fits = fit_statistics(gathered, method=method, prior=prior)
        wanted = torch.tensor(prior, dtype=torch.float64)
        assert torch.equal(fits.first.weight, wanted.expand_as(fits.first.weight))
        few = fits.table.origin == Origin.PRIOR
        assert torch.allclose(fits.table.weights[few], wanted, atol=1e-15)
        assert fits.table.provenance.first_weights == "prior"
        assert fits.table.provenance.prior == tuple(prior)
    table = fit_statistics(gathered, prior=prior).table
    assert torch.allclose(table.weights[table.origin == Origin.EMPTY], wanted, atol=1e-15)


def test_a_prior_of_zero_leaves_a_candidate_out() -> None:
    gathered = make_statistics(make_pictures(1, 3), 64)
    table = fit_statistics(gathered, prior=[0.5, 0.0, 0.5]).table
    assert (table.weights[..., 1] == 0).all()


def test_the_header_says_how_the_table_was_made() -> None:
    gathered = make_statistics(make_pictures(1, 3), 32, "rain") + make_statistics(
        make_pictures(2, 3), 32, "fog"
    )
    how = fit_statistics(gathered, first_weights="uniform").table.provenance
    assert dataclasses.asdict(how) | {"statistics_sha256": "", "software": ""} == {
        "method": "em",
        "first_weights": "uniform",
        "prior": None,
        "trust": 1.0,
        "ridge": None,
        "back_off": None,
        "chosen": None,
        "reference_set": "fog + rain",
        "pictures": 2,
        "pixels": 2 * 24 * 24,
        "statistics_sha256": "",
        "software": "",
    }


@pytest.mark.parametrize("width", [16, 24, 64, 256])
@pytest.mark.parametrize("method", METHODS)
def test_refitting_at_a_wider_width_is_fitting_there(width: int, method: str) -> None:
    pictures = make_pictures(3, 3)
    refitted = fit_statistics(make_statistics(pictures, 8), width, method).table
    direct = fit_statistics(make_statistics(pictures, width), method=method).table
    for name in ("weights", "origin", "count", "starts"):
        assert torch.equal(getattr(refitted, name), getattr(direct, name))


def test_statistics_cannot_be_fitted_in_narrower_bins() -> None:
    with pytest.raises(InputError, match=r"multiples of 32 only, got 16"):
        fit_statistics(make_statistics(make_pictures(1, 3), 32), 16)


@pytest.mark.parametrize(
    "choice, sentence",
    [
        (dict(method="gmm"), r"a method is em, published or least-squares, got 'gmm'$"),
        (dict(method=["em"]), r"a method is em, published or least-squares, got \['em'\]$"),
        (dict(method={"em": 1}), r"a method is em, published or least-squares, got \{"),
        (dict(method="x" * 5000), r"a method is em, published or least-squares, got .{80}$"),
        (dict(first_weights="random"), r"first weights are released or uniform, got 'random'"),
        (dict(first_weights=["x"] * 5000), r"first weights are released or uniform, got .{80}$"),
        (
            dict(method="published", first_weights="uniform"),
            r"published method has its own first weights",
        ),
        (dict(prior=[0.5, 0.5]), r"a prior has 3 numbers"),
        (dict(prior=[0.5, 0.6, -0.1]), r"a prior has 3 numbers of at least 0"),
        (dict(prior=[0.5, 0.5, float("nan")]), r"a prior has 3 numbers of at least 0"),
        (dict(prior=[0.5, 0.5, float("inf")]), r"add up to 1"),
        (dict(prior=[0.5, 0.5, 0.5]), r"add up to 1, got 1.5"),
        (dict(prior=[]), r"a prior has 3 numbers"),
        (dict(prior=[0.5] * 5000), r"one for each candidate; got .{80}$"),
        (dict(bin_width=0), r"multiples of 32 only"),
        (dict(method="least-squares", first_weights="uniform"), r"its own first weights"),
        (dict(trust=1.5), r"trust is a number from 0 to 1, got 1.5"),
        (dict(trust=-0.1), r"trust is a number from 0 to 1"),
        (dict(trust=float("nan")), r"trust is a number from 0 to 1, got nan"),
        (dict(trust=True), r"trust is a number from 0 to 1, got True"),
        (dict(trust="much"), r"trust is a number from 0 to 1, got 'much'"),
        (dict(trust=["x"] * 5000), r"trust is a number from 0 to 1, got .{80}$"),
        (dict(method="least-squares", ridge=-1), r"a ridge is a number of pixels from 0 to 1,000"),
        (dict(method="least-squares", ridge=float("inf")), r"a ridge is a number of pixels"),
        (dict(ridge=20), r"a ridge is for least-squares, not for em"),
        (dict(method="least-squares", back_off=5), r"a back-off is for em, not for least-squares"),
        (dict(back_off="x"), r"a back-off is a number of pixels"),
        (dict(method="least-squares", ridge="auto"), r"an automatic ridge leaves out one picture"),
        (dict(trust="auto"), r"an automatic trust leaves out one picture at a time"),
        (dict(bin_width="auto"), r"an automatic bin width leaves out one picture at a time"),
    ],
)
def test_wrong_choices_are_refused(choice: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        fit_statistics(make_statistics(make_pictures(1, 3), 32), **choice)


@pytest.fixture
def reference(tmp_path: Path) -> ReferenceSet:
    for number in range(3):
        candidates, truth = make_pictures(number, 3, height=20, width=30)
        for name, picture in zip(("A", "B", "C", "gt"), (*candidates, truth), strict=True):
            (tmp_path / "made" / name).mkdir(parents=True, exist_ok=True)
            write_image(tmp_path / "made" / name / f"{number}.png", picture)
    return ReferenceSet(tmp_path / "made", ["A", "B", "C"])


def test_a_table_of_a_reference_set_is_that_of_its_statistics(
    reference: ReferenceSet, device: str
) -> None:
    told = []
    table = fit_lookup_table(
        reference, 64, device=device, on_progress=lambda done, of: told.append((done, of))
    )
    assert told == [(1, 3), (2, 3), (3, 3)]
    total = None
    for candidates, truth in reference:
        one = gather_statistics(candidates, truth, Bins(64, 3))
        total = one if total is None else total + one
    gathered = ReferenceStatistics(total, ("A", "B", "C"), ("made",), 3)
    expected = fit_statistics(gathered).table
    assert torch.allclose(table.weights.cpu(), expected.weights, atol=SAME)
    assert table.provenance == expected.provenance
    picture = reference[0][0]
    assert torch.allclose(
        table.fuse(picture.to(device)).image.cpu(), expected.fuse(picture).image, atol=1e-4
    )


def test_the_parts_of_a_reference_set_add_up_to_the_whole(reference: ReferenceSet) -> None:
    parts = [gather_reference_set(reference[rank::2], 32) for rank in range(2)]
    whole = gather_reference_set(reference, 32)
    assert statistics_bytes(parts[1] + parts[0]) == statistics_bytes(whole)


def test_gathering_stops_when_asked_to(reference: ReferenceSet) -> None:
    read = []
    with pytest.raises(Cancelled):
        gather_reference_set(
            reference,
            32,
            on_progress=lambda done, of: read.append(done),
            cancelled=lambda: len(read) == 2,
        )
    assert read == [1, 2]


def test_a_fit_of_no_picture_is_refused(reference: ReferenceSet) -> None:
    with pytest.raises(InputError, match=r"at least one picture"):
        gather_reference_set(reference[3:], 32)


def test_wrong_choices_are_refused_before_a_picture_is_read(reference: ReferenceSet) -> None:
    (reference.folder / "A" / "0.png").write_bytes(b"no picture")
    for choice in (dict(method="gmm"), dict(prior=[1.0]), dict(bin_width=0)):
        with pytest.raises(InputError) as refusal:
            fit_lookup_table(reference, **choice)
        assert "0.png" not in str(refusal.value)


def test_statistics_of_which_everything_was_taken_out_are_refused_or_average() -> None:
    one = make_statistics(make_pictures(1, 3), 32)
    try:
        table = fit_statistics(one - one).table
    except InputError:
        return
    assert (table.origin == Origin.EMPTY).all()
    assert torch.equal(table.weights, torch.full_like(table.weights, 1 / 3))


def test_statistics_without_a_cell_to_fit_are_done_at_once() -> None:
    few = make_statistics(make_pictures(1, 3, height=9, width=11), 32)  # 99 pixels
    told: list[tuple[int, int]] = []
    fits = fit_statistics(few, on_progress=lambda done, of: told.append((done, of)))
    assert not told and not fits.steps.any() and fits.score.isnan().all()
    assert not (fits.table.origin == Origin.FITTED).any()


@settings(max_examples=20)
@given(st.integers(0, 9999), st.integers(1, 6), st.integers(24, 256))
def test_least_squares_errs_less_on_its_reference_set_than_any_em_table(
    seed: int, members: int, width: int
) -> None:
    """Without a ridge its weights are the best there are in every cell."""
    gathered = make_statistics(make_pictures(seed, members, bias=8), width)
    best = fit_statistics(gathered, method="least-squares", trust=1, ridge=0).table
    other = fit_statistics(gathered).table
    worse = best.expected_error > other.expected_error * (1 + 1e-6) + 1e-3  # the ridge's floor
    assert not worse.any()


def test_every_cell_of_a_least_squares_table_is_served() -> None:
    gathered = make_statistics(make_pictures(1, 3, bias=10), 32)
    fits = fit_statistics(gathered, method="least-squares", trust=1)
    table, channel = fits.table, fits.first.weight[:, :1]
    empty = table.count == 0
    assert torch.equal(table.origin == Origin.EMPTY, empty)
    assert (table.origin[~empty] == Origin.FITTED).all()  # one pixel is enough
    parents = channel.expand_as(table.weights)
    assert torch.allclose(table.weights[empty], parents[empty], rtol=0, atol=1e-12)
    assert fits.score.isnan().all() and not fits.steps.any()
    assert torch.allclose(
        table.weights[:, fits.statistics.sets], fits.fitted.weight, rtol=0, atol=1e-12
    )
    how = table.provenance
    assert (how.method, how.trust, how.ridge, how.first_weights) == ("least-squares", 1, 20, None)


@pytest.mark.parametrize("method", METHODS)
def test_trust_blends_a_table_with_the_average(method: str) -> None:
    gathered = make_statistics(make_pictures(1, 3, bias=10), 64)
    whole = fit_statistics(gathered, method=method, trust=1).table
    for trust in (0, 0.3, 1.0):
        table = fit_statistics(gathered, method=method, trust=trust).table
        expected = trust * whole.weights + (1 - trust) / 3
        assert torch.allclose(table.weights, expected, rtol=0, atol=SUM)
        assert table.provenance.trust == trust
    usual = fit_statistics(gathered, method=method).table
    assert usual.provenance.trust == (0.5 if method == "least-squares" else 1.0)


def test_a_prior_is_what_least_squares_draws_its_channels_towards() -> None:
    gathered = make_statistics(make_pictures(1, 3), 64)
    prior = [0.1, 0.3, 0.6]
    fits = fit_statistics(gathered, method="least-squares", prior=prior, ridge=1e9, trust=1)
    wanted = torch.tensor(prior, dtype=torch.float64)
    assert torch.allclose(fits.table.weights, wanted.expand_as(fits.table.weights), atol=1e-3)
    assert fits.table.provenance.first_weights == "prior"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("trust", [None, 0.0, 0.7])
def test_the_expected_error_is_that_of_the_fused_pixels(method: str, trust: float | None) -> None:
    candidates, truth = make_pictures(2, 3, height=40, width=40)
    table = fit_statistics(
        make_statistics((candidates, truth), 64), method=method, trust=trust
    ).table
    squares = (table.fuse(candidates).image.double() - truth).square()
    rows = table.rows_of(table.bins.index(candidates))
    assert table.expected_error.dtype == torch.float32
    for channel in range(3):
        total = torch.zeros(len(table.starts), dtype=torch.float64)
        total.index_add_(0, rows[channel].flatten(), squares[channel].flatten())
        expected = (total / table.count[channel]).sqrt()
        seen = table.count[channel] > 0
        found = table.expected_error[channel].double()
        assert torch.equal(found.isnan(), ~seen)
        # A fused pixel is rounded to float32, and so is the table's error.
        assert torch.allclose(found[seen], expected[seen], rtol=1e-5, atol=1e-4)


def test_a_back_off_fits_every_cell_with_a_pixel() -> None:
    gathered = make_statistics(make_pictures(1, 3, bias=10), 32)
    fits = fit_statistics(gathered, back_off=20)
    table = fits.table
    assert torch.equal(table.origin == Origin.FITTED, table.count > 0)
    assert torch.equal(fits.steps > 0, fits.statistics.count > 0)
    assert table.provenance.back_off == 20
    empty = table.weights[table.count == 0]
    whole = fit_statistics(gathered.coarser(256)).table.weights[:, 0]
    assert all((empty - one).abs().sum(-1).min() <= SUM for one in whole)


def test_a_large_back_off_gives_the_weights_of_the_channel_everywhere() -> None:
    gathered = make_statistics(make_pictures(1, 3, bias=10), 32)
    table = fit_statistics(gathered, back_off=1e9).table
    whole = fit_statistics(gathered.coarser(256)).table.weights
    assert torch.allclose(table.weights, whole.expand_as(table.weights), rtol=0, atol=1e-5)


def test_pictures_kept_apart_add_up_to_the_reference_set(reference: ReferenceSet) -> None:
    pictures = gather_pictures(reference, 32)
    assert pictures.names == reference.names and len(pictures.parts) == 3
    assert statistics_bytes(pictures.total) == statistics_bytes(gather_reference_set(reference, 32))
    for method in METHODS:
        table = fit_pictures(pictures, 64, method).table
        expected = fit_statistics(pictures.total, 64, method).table
        assert table_bytes(table) == table_bytes(expected)


def test_what_is_automatic_is_said_by_the_table(reference: ReferenceSet) -> None:
    told: list[tuple[int, int]] = []
    table = fit_lookup_table(
        reference,
        "auto",
        "least-squares",
        trust="auto",
        ridge="auto",
        on_progress=lambda done, of: told.append((done, of)),
    )
    assert told[:3] == [(1, 3), (2, 3), (3, 3)]
    assert told[3:] == [(done, 36) for done in range(1, 37)]  # at twelve widths
    fits = fit_pictures(
        gather_pictures(reference), "auto", "least-squares", trust="auto", ridge="auto"
    )
    assert table_bytes(fits.table) == table_bytes(table)
    assert fits.chosen is not None and table.provenance.chosen == fits.chosen.sentence
    best = fits.chosen.best
    assert table.bins.width == best.bin_width
    assert (table.provenance.trust, table.provenance.ridge) == (
        best.choices.trust,
        best.choices.ridge,
    )


def test_an_automatic_choice_needs_two_pictures(reference: ReferenceSet) -> None:
    with pytest.raises(InputError, match=r"at least two, got 1: add one"):
        fit_lookup_table(reference[:1], "auto")
    with pytest.raises(InputError, match=r"a bin width is a whole number or auto, got 'wide'"):
        fit_lookup_table(reference, "wide")
