from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ensir.ensemble import fusion as fusion_module
from ensir.ensemble.fusion import Place, checked_candidates, fuse_pictures
from ensir.ensemble.levels import values_of
from ensir.errors import InputError
from tests.conftest import make_pictures


def shares(
    seed: int, members: int, channels: int = 3, height: int = 24, width: int = 24
) -> tuple[Tensor, Callable[[Place, Place], Tensor]]:
    """Weights (M, C, H, W) drawn by chance, and the function that gives a part of them."""
    random = torch.Generator().manual_seed(seed)
    weights = torch.rand(members, channels, height, width, generator=random, dtype=torch.float64)
    weights /= weights.sum(0)
    return weights, lambda rows, columns: weights[:, :, rows, columns]


def as_type(candidates: Tensor, dtype: torch.dtype) -> Tensor:
    if dtype == torch.uint16:
        noise = torch.randint(
            -128, 129, candidates.shape, generator=torch.Generator().manual_seed(1)
        )
        return (candidates.int() * 257 + noise).clamp(0, 65535).to(torch.uint16)
    if dtype == torch.float32:
        noise = torch.rand(candidates.shape, generator=torch.Generator().manual_seed(1)) - 0.5
        return (candidates.float() + noise).clamp(0, 255)
    return candidates


@given(
    st.integers(0, 9999),
    st.integers(1, 6),
    st.sampled_from([torch.uint8, torch.uint16, torch.float32]),
    st.sampled_from([torch.uint8, torch.float32]),
)
def test_every_fused_value_lies_between_the_candidates(
    seed: int, members: int, dtype: torch.dtype, result: torch.dtype
) -> None:
    candidates = as_type(make_pictures(seed, members, noise=1)[0], dtype)
    _, weights_at = shares(seed, members)
    image = fuse_pictures(list(candidates), weights_at, result).image
    values = values_of(candidates)
    if result == torch.uint8:
        values = (values + 0.5).floor()
    # A float32 result is compared with the candidates in float32; rounding keeps the order.
    values = values.float()
    assert (image.float() >= values.amin(0)).all() and (image.float() <= values.amax(0)).all()


@given(st.integers(0, 9999), st.integers(1, 6))
def test_the_fused_picture_is_the_weighted_sum(seed: int, members: int) -> None:
    candidates, _ = make_pictures(seed, members)
    weights, weights_at = shares(seed, members)
    image = fuse_pictures(list(candidates), weights_at, torch.float32).image
    expected = (weights * candidates.double()).sum(0)
    assert torch.allclose(image.double(), expected, rtol=0, atol=1e-5)  # one float32 rounding


@given(
    st.integers(0, 9999),
    st.integers(1, 6),
    st.sampled_from([torch.uint8, torch.uint16, torch.float32]),
)
def test_the_8_bit_result_is_the_float_result_rounded_half_up(
    seed: int, members: int, dtype: torch.dtype
) -> None:
    candidates = list(as_type(make_pictures(seed, members)[0], dtype))
    _, weights_at = shares(seed, members)
    exact = fuse_pictures(candidates, weights_at, torch.float32).image
    rounded = fuse_pictures(candidates, weights_at, torch.uint8).image
    assert rounded.dtype == torch.uint8
    assert torch.equal(rounded.double(), (exact.double() + 0.5).floor())


def test_an_exact_half_rounds_up_whatever_the_order_of_the_sum() -> None:
    """Equal weights that are no binary fractions: 1/6, 1/10, 1/12, 1/14 and so on."""
    for members in (6, 10, 12, 14, 18, 20):
        share = torch.full((members, 1, 1, 1), 1 / members, dtype=torch.float64)
        for ones in torch.randperm(2**10, generator=torch.Generator().manual_seed(members))[:200]:
            # Half of the candidates are one level brighter, at places drawn by chance.
            random = torch.Generator().manual_seed(int(ones))
            bright = torch.randperm(members, generator=random)[: members // 2]
            levels = torch.full((members, 1, 1, 1), int(ones) % 255, dtype=torch.uint8)
            levels[bright] += 1
            fusion = fuse_pictures(list(levels), lambda rows, columns, s=share: s, torch.uint8)
            assert fusion.image.item() == int(ones) % 255 + 1


def test_a_picture_of_many_bands_is_fused_as_one_of_a_single_band(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    candidates, _ = make_pictures(1, 3)
    _, weights_at = shares(1, 3)
    whole = fuse_pictures(list(candidates), weights_at, torch.float32).image
    for values in (1, 24, 100, 10_000):
        monkeypatch.setattr(fusion_module, "VALUES_AT_ONCE", values)
        assert torch.equal(fuse_pictures(list(candidates), weights_at, torch.float32).image, whole)


def test_weights_are_computed_only_when_read() -> None:
    candidates, _ = make_pictures(1, 3)
    weights, part = shares(1, 3)
    asked = []

    def weights_at(rows: Place, columns: Place) -> Tensor:
        asked.append((rows, columns))
        return part(rows, columns)

    fusion = fuse_pictures(list(candidates), weights_at, torch.float32)
    number = len(asked)
    assert torch.equal(fusion.weights, weights) and fusion.weights is fusion.weights
    assert len(asked) == number + 1


@pytest.mark.parametrize("dtype", [torch.float64, torch.int32, torch.uint16, torch.float16])
def test_other_result_types_are_refused(dtype: torch.dtype) -> None:
    candidates, _ = make_pictures(1, 2)
    with pytest.raises(InputError, match=r"torch.float32 or torch.uint8"):
        fuse_pictures(list(candidates), shares(1, 2)[1], dtype)


def fault(picture: Tensor, *, of: str = "B") -> dict[str, Tensor]:
    return {"A": torch.zeros(3, 4, 5, dtype=torch.uint8), of: picture}


@pytest.mark.parametrize(
    "candidates, sentence",
    [
        (fault(torch.zeros(3, 4, 6).byte()), r"^A is 5 × 4 with 3 channels, but B is 6 × 4"),
        (fault(torch.zeros(1, 4, 5).byte()), r"but B is 5 × 4 with 1 channel:"),
        (fault(torch.zeros(3, 4, 5)), r"A is torch.uint8, but B is torch.float32"),
        (fault(torch.zeros(3, 4, 5).int()), r"^B is uint8, uint16 or float32, got torch.int32"),
        (fault(torch.zeros(4, 5).byte()), r"^B is a picture of channels, height and width"),
        (fault(torch.zeros(3, 0, 5).byte()), r"^B is a picture of channels, height and width"),
        ({"A": torch.full((1, 2, 2), float("nan"))}, r"^A has values from nan"),
        ({"A": torch.full((1, 2, 2), float("inf"))}, r"^A has values from inf to inf"),
        ({"A": torch.tensor([[[0.0, -0.01]]])}, r"^A has values from -0.01 to 0"),
        ({"A": torch.tensor([[[0.0, 255.5]]])}, r"^A has values from 0 to 255.5"),
        ({"A": torch.tensor([[[0.0, float("nan"), 3]]])}, r"^A has values from nan"),
        ({}, r"got none"),
    ],
)
def test_wrong_candidates_are_refused_by_name(candidates: dict[str, Tensor], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        checked_candidates(candidates, None)


@pytest.mark.parametrize("wrong", [np.zeros((2, 3, 4, 5), np.uint8), [np.zeros((3, 4, 5))]])
def test_arrays_that_are_no_tensors_are_refused(wrong: object) -> None:
    with pytest.raises(InputError):
        checked_candidates(wrong, None)


def test_the_ends_of_the_range_are_taken() -> None:
    ends = torch.tensor([[[0.0, 255.0]]])
    assert len(checked_candidates([ends, ends], None)) == 2
