"""What is usual among the pictures of a reference set, and how far another one lies from it.

A picture is a few numbers here. Those of a set spread as a normal distribution whose covariance
must be guessed from few: it is drawn towards one that holds for any set, as the conjugate prior
does (Gelman et al., "Bayesian Data Analysis", 3rd edition, section 3.6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Units = Mapping[str, float | tuple[float, ...]]

PRIOR = 4.0  # pictures that the prior covariance counts for
MOST = 256  # pictures of a set that are looked at
ROOM = 1.1  # over the farthest of the set's own, each left out of the others
# Over the limit: what lies farther from the others is odd, and says nothing of what is usual. By
# one picture of another task in 24 a wider set no longer warns of that task's others.
ODD = 1.25


@dataclass(frozen=True, eq=False)
class Usual:
    """Where the pictures of a set lie: D numbers each, in units of what is usual in any set."""

    mean: Tensor  # (D,) float64
    covariance: Tensor  # (D, D) float64
    number: int  # of pictures
    limit: float  # farther than this is unlike them

    def distance(self, values: Tensor) -> float:
        """How far a picture (D,) lies from these, over the limit: above 1 it is unlike them."""
        away = (values - self.mean)[None]
        return float(_lengths(away, self.covariance[None], self.number)) / self.limit

    def farthest(self, values: Tensor, groups: Sequence[str]) -> str:
        """The group of numbers by which it lies farthest away, each of the D in one of them."""

        def away(group: str) -> float:
            places = torch.tensor([place for place, one in enumerate(groups) if one == group])
            block = self.covariance[places][:, places]
            return float(_lengths((values - self.mean)[places][None], block[None], self.number))

        return max(dict.fromkeys(groups), key=away)


def usual(pictures: Tensor, room: float = 1.0) -> Usual:
    """Of the pictures (J, D) of one set, J at least 1; of very many, some.

    A picture may lie `room` times as far as is usual. Odd ones are left out; of the others none is
    unlike them, where there are three.
    """
    pictures = without_odd(pictures[:: -(-len(pictures) // MOST)], room)
    limit = room * limit_of(len(pictures))
    if len(pictures) > 2:
        limit = max(limit, ROOM * float(left_out(pictures).max()))
    mean, covariance = _moments(pictures)
    return Usual(mean, covariance, len(pictures), limit)


def without_odd(pictures: Tensor, room: float = 1.0) -> Tensor:
    """Those of the pictures (J, D) that lie near the others; all, where fewer than three do."""
    if len(pictures) < 3:
        return pictures
    near = left_out(pictures) <= ODD * room * limit_of(len(pictures) - 1)
    return pictures[near] if near.sum() >= 3 else pictures


def left_out(pictures: Tensor) -> Tensor:
    """How far each of the pictures (J, D), J at least 2, lies from the others, (J,) float64."""
    number = len(pictures)
    mean = pictures.mean(0)
    away = (pictures - mean) * (number / (number - 1))  # from the mean of the others
    outer = away[:, :, None] * away[:, None, :] * ((number - 1) / number)
    scatter = (pictures - mean).T @ (pictures - mean) - outer
    return _lengths(away, _drawn(scatter, number - 1), number - 1)


def limit_of(number: int) -> float:
    """How far another picture like so many may lie from them.

    Of pictures held against 5 others of their set 1 to 2 % lay farther, against 23 fewer than 1 %:
    `benchmarks/doubts.py` says how often with limits from other sets.
    """
    return 2 + 0.6 / number


def times_the_limit(distance: float) -> str:
    """How far over the limit, in brackets; nothing where that is hardly over it."""
    return f" ({distance:.1f} times the limit)" if distance >= 1.05 else ""


def in_units(values: Mapping[str, Tensor], units: Units) -> Tensor:
    """Named numbers in one row (D,) float64, each over its unit."""
    return torch.cat(
        [value.double() / torch.tensor(units[name]).double() for name, value in values.items()]
    )


def _moments(pictures: Tensor) -> tuple[Tensor, Tensor]:
    mean = pictures.mean(0)
    away = pictures - mean
    return mean, _drawn(away.T @ away, len(pictures))


def _drawn(scatter: Tensor, number: int) -> Tensor:
    """The covariance of so many pictures, drawn towards that of any set, 1 in each number."""
    prior = PRIOR * torch.eye(scatter.shape[-1], dtype=scatter.dtype)
    return (scatter + prior) / (number - 1 + PRIOR)


def _lengths(away: Tensor, covariance: Tensor, number: int) -> Tensor:
    """Mahalanobis lengths of (J, D), per root of a number, the mean of so many being uncertain."""
    solved = torch.linalg.solve(covariance, away[..., None])[..., 0]
    squared = (away * solved).sum(-1) / (away.shape[-1] * (1 + 1 / number))
    return squared.sqrt()
