from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ensir.ensemble import bins as bins_module
from ensir.ensemble.bins import Bins
from ensir.ensemble.fusion import Place
from ensir.ensemble.lookup_table import LookupTable, Origin, Provenance, table_rows
from ensir.errors import InputError
from tests import per_pixel
from tests.conftest import make_pictures

NAMES = tuple("ABCDEFGH")
TYPES = (torch.uint8, torch.uint16, torch.float32)


def random_table(
    seed: int, bins: Bins, channels: int = 3, starts: Tensor | None = None
) -> LookupTable:
    random = torch.Generator().manual_seed(seed)
    starts = torch.arange(bins.sets) if starts is None else starts
    shape = (channels, len(starts), bins.candidates)
    weights = torch.rand(shape, generator=random, dtype=torch.float64) ** 3
    return table_of(bins, weights / weights.sum(-1, keepdim=True), starts)


def table_of(
    bins: Bins, weights: Tensor, starts: Tensor | None = None, names: tuple[str, ...] | None = None
) -> LookupTable:
    starts = torch.arange(bins.sets) if starts is None else starts
    cells = weights.shape[:2]
    return LookupTable(
        bins,
        weights,
        torch.zeros(cells, dtype=torch.uint8),
        torch.zeros(cells, dtype=torch.int64),
        NAMES[: bins.candidates] if names is None else names,
        Provenance("em"),
        starts,
    )


def constant_table(bins: Bins, weight: list[float], channels: int = 3) -> LookupTable:
    row = torch.tensor(weight, dtype=torch.float64)
    return table_of(bins, row.expand(channels, bins.sets, bins.candidates).clone())


def as_type(candidates: Tensor, dtype: torch.dtype) -> Tensor:
    if dtype == torch.uint16:
        return (candidates.int() * 257).to(torch.uint16)
    return candidates.to(dtype)


@given(st.integers(0, 9999), st.integers(1, 4), st.integers(20, 256))
def test_fusing_by_the_table_is_fusing_by_masks(seed: int, members: int, width: int) -> None:
    bins = Bins(width, members)
    candidates, _ = make_pictures(seed, members, height=12, width=10)
    table = random_table(seed, bins)
    weights = {
        (channel, tuple(bins.bins_of(torch.tensor(number)).tolist())): table.weights[
            channel, number
        ].numpy()
        for channel in range(3)
        for number in bins.index(candidates)[channel].unique().tolist()
    }
    expected = per_pixel.fuse(weights, np.full(members, np.nan), candidates.numpy(), width)
    image = table.fuse(candidates).image
    assert np.abs(image.numpy() - expected).max() <= 1e-5  # one float32 rounding below 256


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("chosen", range(3))
def test_a_table_of_one_candidate_gives_that_candidate_exactly(
    sample: tuple[Tensor, Tensor], device: str, chosen: int, dtype: torch.dtype
) -> None:
    candidates = as_type(sample[0], dtype).to(device)
    table = constant_table(Bins(32, 3), [float(place == chosen) for place in range(3)])
    assert torch.equal(table.fuse(candidates).image.cpu(), sample[0][chosen].float())
    assert torch.equal(table.fuse(candidates, dtype=torch.uint8).image.cpu(), sample[0][chosen])


@pytest.mark.parametrize("members", range(1, 7))
def test_equal_weights_give_the_mean(members: int) -> None:
    candidates, _ = make_pictures(1, members)
    table = constant_table(Bins(128, members), [1 / members] * members)
    mean = candidates.double().mean(0)
    # One float32 rounding below 256.
    assert torch.allclose(table.fuse(candidates).image.double(), mean, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", TYPES)
def test_candidates_of_every_type_fuse_alike(
    sample: tuple[Tensor, Tensor], dtype: torch.dtype
) -> None:
    table = random_table(3, Bins(32, 3))
    for result in (torch.float32, torch.uint8):
        expected = table.fuse(sample[0], dtype=result).image
        assert torch.equal(table.fuse(as_type(sample[0], dtype), dtype=result).image, expected)


@pytest.mark.parametrize("dtype", TYPES)
@given(st.integers(0, 9999))
def test_the_8_bit_result_is_the_float_result_rounded_half_up(
    dtype: torch.dtype, seed: int
) -> None:
    candidates = as_type(make_pictures(seed, 3)[0], dtype)
    table = random_table(seed, Bins(64, 3))
    exact = table.fuse(candidates).image.double()
    rounded = table.fuse(candidates, dtype=torch.uint8).image
    assert torch.equal(rounded.double(), (exact + 0.5).floor())


def test_bins_come_from_the_8_bit_level_and_values_keep_their_precision() -> None:
    weights = torch.zeros(1, 2, 2, dtype=torch.float64)
    weights[0, 0, 0] = weights[0, 1, 1] = 1  # candidate A below level 128 of A, else B
    one, two = Bins(128, 2), torch.tensor([[[200.25, 100.75]]])
    table = table_of(one, weights[:, [0, 0, 1, 1]])
    edge = torch.tensor([[[127.49, 127.5]]])
    assert table.fuse([edge, two]).image.flatten().tolist() == [127.48999786376953, 100.75]
    wide = torch.tensor([[[127 * 257 + 128, 127 * 257 + 129]]]).to(torch.uint16)
    other = torch.full((1, 1, 2), 65535).to(torch.uint16)
    image = table.fuse([wide, other]).image.flatten()
    assert image[0].item() == torch.tensor((127 * 257 + 128) / 257).float().item()
    assert image[1].item() == 255


def test_weights_at_a_part_are_the_part_of_the_weights(
    sample: tuple[Tensor, Tensor], device: str
) -> None:
    fusion = random_table(2, Bins(32, 3)).fuse(sample[0].to(device))
    whole = fusion.weights
    assert whole.shape == sample[0].shape and whole.dtype == torch.float64
    assert torch.equal(fusion.weights_at(slice(5, 20), slice(3, 4)), whole[:, :, 5:20, 3:4])
    assert torch.equal(fusion.weights_at(7, 9), whole[:, :, 7, 9])
    rows, columns = (
        torch.tensor([0, 39, 39], device=device),
        torch.tensor([1, 35, 0], device=device),
    )
    assert torch.equal(fusion.weights_at(rows, columns), whole[:, :, rows, columns])


@pytest.mark.parametrize("dtype", TYPES)
def test_weights_of_points_are_read_for_every_type(
    sample: tuple[Tensor, Tensor], dtype: torch.dtype
) -> None:
    fusion = random_table(2, Bins(32, 3)).fuse(as_type(sample[0], dtype))
    rows, columns = torch.tensor([0, 39, 5]), torch.tensor([1, 35, 0])
    assert torch.equal(fusion.weights_at(rows, columns), fusion.weights[:, :, rows, columns])


def test_weights_add_up_to_one_and_make_the_picture(sample: tuple[Tensor, Tensor]) -> None:
    fusion = random_table(2, Bins(32, 3)).fuse(sample[0])
    assert ((fusion.weights.sum(0) - 1).abs() <= 1e-12).all()
    again = (fusion.weights * sample[0].double()).sum(0)
    assert torch.allclose(again, fusion.image.double(), rtol=0, atol=1e-5)


def test_weights_are_computed_once_when_first_read(sample: tuple[Tensor, Tensor]) -> None:
    fused = random_table(2, Bins(32, 3)).fuse(sample[0])
    looked_up: list[tuple[Place, Place]] = []

    def counted(rows: Place, columns: Place) -> Tensor:
        looked_up.append((rows, columns))
        return fused.weights_at(rows, columns)

    fusion = replace(fused, weights_at=counted)
    assert "weights" not in vars(fused) and not looked_up
    assert fusion.weights is fusion.weights
    assert len(looked_up) == 1


@pytest.mark.parametrize("dims", [(-1,), (-2,), (-2, -1)])
def test_flips_commute_with_fusion(sample: tuple[Tensor, Tensor], dims: tuple[int, ...]) -> None:
    table = random_table(4, Bins(32, 3))
    flipped = table.fuse(sample[0].flip(dims))
    assert torch.equal(flipped.image, table.fuse(sample[0]).image.flip(dims))
    assert torch.equal(flipped.weights, table.fuse(sample[0]).weights.flip(dims))


def test_crops_and_transposition_commute_with_fusion(sample: tuple[Tensor, Tensor]) -> None:
    table = random_table(4, Bins(32, 3))
    whole = table.fuse(sample[0]).image
    assert torch.equal(table.fuse(sample[0][..., 5:21, 7:30]).image, whole[..., 5:21, 7:30])
    turned = sample[0].transpose(-1, -2)  # not contiguous
    assert torch.equal(table.fuse(turned).image, whole.transpose(-1, -2))


def test_a_list_a_tensor_and_a_mapping_fuse_alike(sample: tuple[Tensor, Tensor]) -> None:
    table = random_table(5, Bins(32, 3))
    image = table.fuse(sample[0]).image
    assert torch.equal(table.fuse(list(sample[0])).image, image)
    assert torch.equal(table.fuse(dict(zip("ABC", sample[0], strict=True))).image, image)


def test_wrong_candidates_are_refused_by_name(sample: tuple[Tensor, Tensor]) -> None:
    table = random_table(5, Bins(32, 3))
    a, b, c = sample[0]
    cases = [
        ([a, b], r"for A, B, C in this order; got 2 candidates"),
        ([a], r"got 1 candidate:"),
        ([], r"got 0 candidates"),
        ([a, b, c, c], r"got 4 candidates"),
        ({"A": a, "C": c, "B": b}, r"A, B, C in this order; got A, C, B"),
        ({"A": a, "B": b}, r"got A, B:"),
        ({"A": a, "B": b, "X": c}, r"got A, B, X"),
        ({}, r"got none"),
        ([a, b, c[:, 1:]], r"but C is 36 × 39"),
        ([a, b[..., 1:], c], r"but B is 35 × 40"),
        ([a, b, c.float()], r"but C is torch.float32"),
        ([x.double() for x in (a, b, c)], r"^A is uint8, uint16 or float32, got torch.float64"),
        ([a.float(), b.float() + 9999, c.float()], r"^B has values from [\d.]+ to 1\d{4}"),
        ([a.float(), b.float(), c.float() * float("nan")], r"^C has values from nan to nan"),
        ([x[:1] for x in (a, b, c)], r"for pictures of 3 channels, A has 1"),
        ([x[0] for x in (a, b, c)], r"^A is a picture of channels, height and width"),
    ]
    for candidates, sentence in cases:
        with pytest.raises(InputError, match=sentence):
            table.fuse(candidates)


@pytest.mark.parametrize("dtype", TYPES)
def test_fused_values_lie_between_the_candidates(dtype: torch.dtype, device: str) -> None:
    for seed in range(5):
        candidates = as_type(make_pictures(seed, 4, noise=2)[0], dtype).to(device)
        image = random_table(seed, Bins(64, 4)).fuse(candidates).image
        values = candidates.float() / (257 if dtype == torch.uint16 else 1)
        assert (image >= values.amin(0)).all() and (image <= values.amax(0)).all()


def test_a_sparse_table_serves_gaps_by_one_row() -> None:
    bins = Bins(64, 2)
    starts = torch.tensor([0, 3, 4, 9])
    table = random_table(1, bins, starts=starts)
    assert not table.dense
    rows = table.rows_of(torch.arange(bins.sets)).tolist()
    assert rows == [0, 0, 0, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3]
    levels = torch.cartesian_prod(torch.arange(4), torch.arange(4)).T.reshape(2, 1, 4, 4) * 64
    candidates = levels.to(torch.uint8).expand(2, 3, 4, 4)
    weights = table.fuse(candidates).weights.reshape(2, 3, 16)
    assert torch.equal(weights, table.weights[:, rows].permute(2, 0, 1))


def test_rows_of_a_table_are_all_bin_sets_or_the_occupied_ones_and_gaps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    occupied = torch.tensor([2, 3, 7, 15])
    assert table_rows(Bins(64, 2), occupied).tolist() == list(range(16))
    monkeypatch.setattr(bins_module, "DENSE_BIN_SETS", 3)
    assert table_rows(Bins(64, 2), occupied).tolist() == [0, 2, 3, 4, 7, 8, 15]
    assert table_rows(Bins(64, 2), torch.tensor([0])).tolist() == [0, 1]
    assert table_rows(Bins(64, 2), occupied[:0]).tolist() in ([0], [0, 1])


def test_a_grey_table_fuses_grey_pictures() -> None:
    candidates, _ = make_pictures(3, 2, channels=1)
    image = constant_table(Bins(32, 2), [0.25, 0.75], channels=1).fuse(candidates).image
    expected = candidates[0].double() * 0.25 + candidates[1].double() * 0.75
    assert torch.equal(image.double(), expected)  # quarters of levels are exact


def bad(**change: object) -> LookupTable:
    bins = Bins(128, 2)
    good = dict(
        bins=bins,
        weights=torch.full((3, 4, 2), 0.5, dtype=torch.float64),
        origin=torch.zeros(3, 4, dtype=torch.uint8),
        count=torch.zeros(3, 4, dtype=torch.int64),
        candidate_names=("A", "B"),
        provenance=Provenance("em"),
        starts=torch.arange(4),
    )
    return LookupTable(**{**good, **change})


def with_weight(value: list[float]) -> Tensor:
    weights = torch.full((3, 4, 2), 0.5, dtype=torch.float64)
    weights[1, 2] = torch.tensor(value).double()
    return weights


@pytest.mark.parametrize(
    "change, sentence",
    [
        (dict(weights=with_weight([float("nan"), 1])), r"channel 1 of the bin set from \(128, 0\)"),
        (dict(weights=with_weight([float("inf"), 0])), r"channel 1 of the bin set from \(128, 0\)"),
        (dict(weights=with_weight([-0.5, 1.5])), r"at least 0"),
        (dict(weights=with_weight([0.5, 0.51])), r"add up to 1"),
        (dict(weights=torch.full((2, 4, 2), 0.5).double()), r"C = 1 or 3"),
        (dict(weights=torch.full((4, 2), 0.5).double()), r"weights are \(C, S, M\)"),
        (dict(origin=torch.zeros(3, 3).byte()), r"weights are \(C, S, M\)"),
        (dict(count=torch.zeros(4).long()), r"weights are \(C, S, M\)"),
        (dict(starts=torch.arange(5)), r"weights are \(C, S, M\)"),
        (dict(starts=torch.tensor([0, 2, 1, 3])), r"rising bin sets"),
        (dict(starts=torch.tensor([1, 2, 3, 4])), r"rising bin sets from 0 to 3"),
        (dict(starts=torch.tensor([0, 1, 2, 4])), r"rising bin sets from 0 to 3"),
        (dict(candidate_names=("A",)), r"all must agree"),
        (dict(candidate_names=("A", "A")), r"names that differ, got A, A"),
        (dict(candidate_names=("A", "")), r"names that differ"),
        (dict(bins=Bins(128, 3)), r"all must agree"),
        (
            dict(
                weights=torch.zeros(3, 0, 2).double(),
                origin=torch.zeros(3, 0).byte(),
                count=torch.zeros(3, 0).long(),
                starts=torch.arange(0),
            ),
            r"rows of a table",
        ),
    ],
)
def test_a_table_that_makes_no_sense_cannot_be_built(change: dict[str, Any], sentence: str) -> None:
    assert bad().channels == 3
    with pytest.raises(InputError, match=sentence):
        bad(**change)


def test_origins_are_numbered_as_in_files() -> None:
    assert [(kind.name, int(kind)) for kind in Origin] == [
        ("FITTED", 0),
        ("PRIOR", 1),
        ("EMPTY", 2),
    ]


@pytest.mark.parametrize(
    "error",
    [
        torch.zeros(3, 4),
        torch.zeros(3, 8, dtype=torch.float64),
        torch.full((3, 8), -1.0),
        torch.full((3, 8), torch.inf),
    ],
    ids=["shape", "type", "negative", "infinite"],
)
def test_expected_errors_are_finite_numbers_of_at_least_0(error: Tensor) -> None:
    table = constant_table(Bins(128, 3), [0.2, 0.3, 0.5])
    fits = replace(table, expected_error=torch.full((3, 8), torch.nan))
    assert fits.expected_error is not None  # unknown is allowed
    with pytest.raises(InputError, match=r"expected errors are \(C, S\) float32 of at least 0"):
        replace(table, expected_error=error)
