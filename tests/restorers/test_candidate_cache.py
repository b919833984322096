"""A candidate is made once for a picture, and the oldest make room."""

import torch
from torch import Tensor

from ensir.restorers.candidate_cache import CandidateCache, content_of


def picture(level: int, *shape: int) -> Tensor:
    return torch.full(shape or (3, 4, 5), level, dtype=torch.uint8)


def asked(cache: CandidateCache, maker: str, image: Tensor) -> bool:
    """Whether the cache had to make it."""
    made = []

    def make() -> Tensor:
        made.append(image)
        return image

    assert torch.equal(cache.candidate(maker, image, make), image)
    return bool(made)


def test_the_same_picture_by_the_same_maker_is_made_once() -> None:
    cache = CandidateCache()
    assert asked(cache, "A", picture(1))
    assert not asked(cache, "A", picture(1).clone())
    assert asked(cache, "A", picture(2))
    assert asked(cache, "B", picture(1))


def test_the_one_not_asked_for_longest_makes_room() -> None:
    cache = CandidateCache(most_bytes=2 * 60)
    for level in (1, 2):
        assert asked(cache, "A", picture(level))
    assert not asked(cache, "A", picture(1))
    assert asked(cache, "A", picture(3))
    assert not asked(cache, "A", picture(1))
    assert asked(cache, "A", picture(2))


def test_what_is_too_large_is_made_each_time() -> None:
    cache = CandidateCache(most_bytes=59)
    assert asked(cache, "A", picture(1)) and asked(cache, "A", picture(1))


def test_content_is_values_size_and_type() -> None:
    same = content_of(picture(1, 3, 4, 5))
    assert same == content_of(picture(1, 3, 5, 4).transpose(1, 2))
    others = [picture(1, 3, 5, 4), picture(2, 3, 4, 5), picture(1, 3, 4, 5).char()]
    assert same not in map(content_of, others)
