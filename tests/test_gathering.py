from pathlib import Path

import pytest

from ensir import gathering
from ensir.errors import Cancelled, InputError
from ensir.gathering import gather_pictures, gather_reference_set
from ensir.grain import grain
from ensir.images import write_image
from ensir.reference_set import ReferenceSet
from ensir.statistics_files import statistics_bytes
from ensir.truth_detail import truth_detail
from tests.conftest import make_pictures

NAMES = ("A", "B", "C")
PICTURES = 12


def make_folder(folder: Path, pictures: int = PICTURES) -> ReferenceSet:
    for seed in range(pictures):
        candidates, truth = make_pictures(seed, members=3, height=60, width=80)
        for name, picture in zip((*NAMES, "gt"), (*candidates, truth), strict=True):
            (folder / name).mkdir(exist_ok=True)
            write_image(folder / name / f"{seed:02}.png", picture)
    return ReferenceSet(folder, NAMES)


@pytest.fixture(scope="module")
def reference_set(tmp_path_factory: pytest.TempPathFactory) -> ReferenceSet:
    return make_folder(tmp_path_factory.mktemp("reference"))


@pytest.fixture
def short_set(tmp_path: Path) -> ReferenceSet:
    """A set of a test's own, whose pictures it may change."""
    (tmp_path / "set").mkdir()
    return make_folder(tmp_path / "set", 3)


def test_a_gathering_stopped_after_any_picture_is_gone_on_from_to_the_same_bits(
    reference_set: ReferenceSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "SAVE_EVERY", 0)
    unfinished, reported = tmp_path / "sums.safetensors", []
    for stop_at in (1, 4, 5, 11):

        def report(done: int, total: int) -> None:
            reported.append(done)

        def stop(at: int = stop_at) -> bool:
            return bool(reported) and reported[-1] >= at

        with pytest.raises(Cancelled):
            gather_reference_set(reference_set, 16, "cpu", report, stop, unfinished)
    whole = gather_reference_set(reference_set, 16, "cpu", report, unfinished=unfinished)
    assert reported == list(range(1, PICTURES + 1))  # none was read twice
    assert statistics_bytes(whole) == statistics_bytes(gather_reference_set(reference_set, 16))


def test_sums_of_other_pictures_or_bins_are_refused_and_stay(
    short_set: ReferenceSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "SAVE_EVERY", 0)
    folder, unfinished = short_set.folder, tmp_path / "sums.safetensors"
    gather_reference_set(short_set, 16, unfinished=unfinished)
    kept = unfinished.read_bytes()
    with pytest.raises(InputError, match=r"sums.safetensors was left by an unfinished fit"):
        gather_reference_set(short_set, 32, unfinished=unfinished)
    _, changed = make_pictures(99, members=1, height=60, width=80)
    write_image(folder / "B" / "01.png", changed)
    with pytest.raises(InputError, match="to other pictures or bins"):
        gather_reference_set(ReferenceSet(folder, NAMES), 16, unfinished=unfinished)
    assert unfinished.read_bytes() == kept


def test_a_picture_that_changes_after_it_was_summed_is_found_out(
    short_set: ReferenceSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "SAVE_EVERY", 0)
    folder, unfinished = short_set.folder, tmp_path / "sums.safetensors"
    done_so_far = []

    def change_the_first(done: int, total: int) -> None:
        done_so_far.append(done)
        if done == 1:
            _, changed = make_pictures(99, members=1, height=60, width=80)
            write_image(folder / "A" / "00.png", changed)

    with pytest.raises(Cancelled):
        gather_reference_set(
            short_set, 16, "cpu", change_the_first, lambda: len(done_so_far) == 2, unfinished
        )
    with pytest.raises(InputError, match="to other pictures or bins"):
        gather_reference_set(ReferenceSet(folder, NAMES), 16, unfinished=unfinished)


def test_pictures_kept_apart_add_up_to_the_whole(reference_set: ReferenceSet) -> None:
    apart = gather_pictures(reference_set, 16)
    assert apart.names == reference_set.names
    whole = gather_reference_set(reference_set, 16)
    assert statistics_bytes(apart.total) == statistics_bytes(whole)


def test_how_each_truth_lies_to_its_candidates_is_kept(reference_set: ReferenceSet) -> None:
    found = gather_pictures(reference_set, 32)
    details = [truth_detail(*reference_set[place]) for place in range(PICTURES)]
    assert [part.details for part in found.parts] == [(one,) for one in details]
    assert gather_reference_set(reference_set, 32).details == found.total.details


def test_how_the_candidates_differ_is_kept(reference_set: ReferenceSet) -> None:
    found = gather_pictures(reference_set, 32)
    grains = [grain(reference_set[place][0]) for place in range(PICTURES)]
    assert [part.grains for part in found.parts] == [(one,) for one in grains]
    assert gather_reference_set(reference_set, 32).grains == found.total.grains
