"""What is usual among pictures, against the slow way, and what it means to be unlike them."""

import pytest
import torch

from ensir.usual import (
    PRIOR,
    ROOM,
    Usual,
    in_units,
    left_out,
    limit_of,
    times_the_limit,
    usual,
    without_odd,
)


def drawn(number: int, seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(number, 4, generator=random, dtype=torch.float64)


def test_a_distance_is_the_mahalanobis_length_under_a_covariance_drawn_to_the_prior() -> None:
    pictures, other = drawn(7), 3 * drawn(1, seed=1)[0]
    found = usual(pictures)
    covariance = (6 * pictures.T.cov() + PRIOR * torch.eye(4)) / (6 + PRIOR)
    away = other - pictures.mean(0)
    squared = away @ torch.linalg.inv(covariance) @ away / (4 * (1 + 1 / 7))
    assert found.distance(other) * found.limit == pytest.approx(float(squared) ** 0.5, rel=1e-12)


def test_a_single_picture_has_the_covariance_of_any_set() -> None:
    found = usual(torch.zeros(1, 4, dtype=torch.float64))
    assert torch.equal(found.covariance, torch.eye(4).double())
    assert found.limit == limit_of(1)
    away = torch.full((4,), 3.0, dtype=torch.float64)
    assert found.distance(away) == pytest.approx(3 / 2**0.5 / limit_of(1))


def test_a_picture_left_out_lies_as_far_as_from_the_others_alone() -> None:
    pictures = drawn(6)
    for place, far in enumerate(left_out(pictures).tolist()):
        others = usual(torch.cat([pictures[:place], pictures[place + 1 :]]))
        assert others.distance(pictures[place]) * others.limit == pytest.approx(far, rel=1e-9)


def test_a_picture_that_lies_far_from_the_others_widens_the_limit() -> None:
    pictures = drawn(8)
    pictures[3] *= 2
    found = usual(pictures)
    assert found.number == 8
    assert found.limit == pytest.approx(ROOM * float(left_out(pictures).max()))
    assert found.limit > limit_of(8)
    assert usual(drawn(8)).limit == limit_of(8)


def test_an_odd_picture_says_nothing_of_what_is_usual() -> None:
    pictures = drawn(8)
    pictures[3] += 20
    found, others = usual(pictures), usual(torch.cat([pictures[:3], pictures[4:]]))
    assert found.number == 7 and found.limit == others.limit
    assert torch.equal(found.mean, others.mean)
    assert torch.equal(found.covariance, others.covariance)
    assert found.distance(pictures[3]) > 1
    assert usual(pictures, room=10).number == 8  # where so much is usual it is not odd


@pytest.mark.parametrize("number", [1, 2, 3])
def test_of_few_pictures_none_is_odd(number: int) -> None:
    pictures = drawn(number)
    pictures[0] += 20
    assert torch.equal(without_odd(pictures), pictures)


def test_room_makes_the_limit_wider() -> None:
    assert usual(drawn(8), room=1.5).limit == pytest.approx(1.5 * limit_of(8))


def test_of_very_many_pictures_some_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ensir.usual.MOST", 10)
    assert usual(drawn(25)).number == 9


def test_the_group_that_lies_farthest_is_named() -> None:
    found = Usual(torch.zeros(3).double(), torch.eye(3).double(), 5, 2.0)
    row = torch.tensor([3.0, 0.0, 4.0], dtype=torch.float64)
    assert found.farthest(row, ("a", "b", "b")) == "a"  # 3 against the root of 16 / 2
    assert found.farthest(row, ("a", "a", "b")) == "b"


def test_how_far_over_the_limit_is_left_out_where_it_is_hardly() -> None:
    assert times_the_limit(1.04) == ""
    assert times_the_limit(1.06) == " (1.1 times the limit)"


def test_units_stand_under_their_numbers() -> None:
    values = {"a": torch.tensor([2.0]), "b": torch.tensor([3.0, 3.0])}
    assert in_units(values, {"a": 0.5, "b": (1.0, 1.5)}).tolist() == [4.0, 3.0, 2.0]
