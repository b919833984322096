import pytest

from ensir.maps.kinds import MAPS, MapKind, Needs, Of


@pytest.mark.parametrize("kind", MAPS.values(), ids=list(MAPS))
def test_a_kind_says_what_it_is_of_and_what_it_means(kind: MapKind) -> None:
    assert ("{of}" in kind.title) == (kind.of is not Of.WHOLE)
    assert kind.meaning.endswith(".")
    assert not kind.meaning[0].islower()
    assert kind.all_channels.strip()


def test_titles_differ() -> None:
    assert len({kind.title for kind in MAPS.values()}) == len(MAPS)


def test_what_is_held_against_the_truth_needs_it() -> None:
    assert all(kind.needs is Needs.TRUTH for kind in MAPS.values() if kind.of is Of.PICTURE)
