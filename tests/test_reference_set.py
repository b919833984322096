import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ensir.errors import InputError
from ensir.grain import Grain
from ensir.images import write_image
from ensir.reference_set import ReferencePictures, ReferenceSet, ReferenceStatistics
from ensir.truth_detail import TruthDetail
from tests.conftest import make_pictures, make_statistics
from tests.zips import put_zip, reference_files

NAMES = ("Ann", "Bob", "Cyd")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A reference set of four pictures of different sizes, written as PNG files."""
    for number in range(4):
        candidates, truth = make_pictures(number, 3, height=16 + number, width=20)
        for name, picture in zip((*NAMES, "gt"), (*candidates, truth), strict=True):
            (tmp_path / "rain" / name).mkdir(parents=True, exist_ok=True)
            write_image(tmp_path / "rain" / name / f"x{number}.png", picture)
    return tmp_path / "rain"


def test_a_zip_of_the_folder_is_the_same_reference_set(folder: Path, tmp_path: Path) -> None:
    files = {
        path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in folder.rglob("*.png")
    }
    zipped = ReferenceSet(put_zip(tmp_path / "rain.zip", files), NAMES)
    of_folder = ReferenceSet(folder, NAMES)
    assert (
        (zipped.name, zipped.names) == (of_folder.name, of_folder.names) == ("rain", zipped.names)
    )
    for ours, theirs in zip(zipped, of_folder, strict=True):
        assert torch.equal(ours[0], theirs[0]) and torch.equal(ours[1], theirs[1])
    part = pickle.loads(pickle.dumps(zipped[1:3]))  # as a worker gets it
    assert part.names == ("x1", "x2") and torch.equal(part[0][1], of_folder[1][1])


def test_another_zip_has_another_fingerprint(tmp_path: Path) -> None:
    files = reference_files(2)
    one = ReferenceSet(put_zip(tmp_path / "a.zip", files), NAMES)
    assert ReferenceSet(put_zip(tmp_path / "b.zip", files), NAMES).fingerprint == one.fingerprint
    files["Bob/x0.png"] = files["Ann/x0.png"]
    assert ReferenceSet(put_zip(tmp_path / "b.zip", files), NAMES).fingerprint != one.fingerprint


def test_pictures_come_by_name_with_their_ground_truth(folder: Path) -> None:
    reference = ReferenceSet(folder, NAMES)
    assert len(reference) == 4 and reference.names == ("x0", "x1", "x2", "x3")
    assert reference.name == "rain" and reference.candidate_names == NAMES
    for number, (candidates, truth) in enumerate(reference):
        expected = make_pictures(number, 3, height=16 + number, width=20)
        assert torch.equal(candidates, expected[0]) and torch.equal(truth, expected[1])


def test_candidates_come_in_the_order_asked_for(folder: Path) -> None:
    forward, _ = ReferenceSet(folder, ["Ann", "Cyd"])[1]
    backward, _ = ReferenceSet(folder, ["Cyd", "Ann"])[1]
    assert torch.equal(forward, backward.flip(0))


def test_a_slice_is_a_part_of_the_set(folder: Path) -> None:
    reference = ReferenceSet(str(folder), list(NAMES))
    part = reference[1::2]
    assert part.names == ("x1", "x3") and len(part) == 2 and len(reference) == 4
    assert torch.equal(part[1][0], reference[3][0])
    assert torch.equal(reference[-1][1], reference[3][1])
    assert part[1:].names == ("x3",) and len(reference[4:]) == 0
    with pytest.raises(IndexError):
        part[2]


def test_files_that_are_no_pictures_are_passed_over(folder: Path) -> None:
    (folder / "gt" / "notes.txt").write_text("none")
    (folder / "Ann" / ".hidden.png").write_bytes(b"")
    assert len(ReferenceSet(folder, NAMES)) == 4


def test_endings_may_differ_between_folders(folder: Path) -> None:
    (folder / "Ann" / "x0.png").rename(folder / "Ann" / "x0.PNG")
    assert torch.equal(
        ReferenceSet(folder, NAMES)[0][0], make_pictures(0, 3, height=16, width=20)[0]
    )


def test_what_is_missing_is_named(folder: Path) -> None:
    cases = [
        (
            lambda: ReferenceSet(folder, ["Ann", "Dan"]),
            r"rain has no folder Dan \(there are Ann, Bob, Cyd, gt\): add it",
        ),
        (lambda: ReferenceSet(folder / "snow", NAMES), r"no folder snow"),
        (lambda: ReferenceSet(folder, []), r"names differ, got none: name"),
        (
            lambda: ReferenceSet(folder, ["Ann", "Ann"]),
            r"names differ, got Ann, Ann: name each once",
        ),
        (lambda: ReferenceSet(folder, ["Ann", "gt"]), r"gt is the ground truth, not a candidate"),
    ]
    for make, sentence in cases:
        with pytest.raises(InputError, match=sentence):
            make()


def test_a_missing_picture_is_named_on_either_side(folder: Path) -> None:
    (folder / "Bob" / "x2.png").unlink()
    with pytest.raises(InputError, match=r"Bob lacks x2 \(1 of 4\)"):
        ReferenceSet(folder, NAMES)
    (folder / "gt" / "x2.png").unlink()
    with pytest.raises(InputError, match=r"gt lacks x2 \(1 of 4\)"):
        ReferenceSet(folder, NAMES)


def test_two_files_of_one_name_are_refused(folder: Path) -> None:
    (folder / "Cyd" / "x1.jpg").write_bytes(b"")
    with pytest.raises(InputError, match=r"Cyd has both x1.jpg and x1.png: keep one"):
        ReferenceSet(folder, NAMES)


def test_an_empty_ground_truth_is_refused(folder: Path) -> None:
    for file in (folder / "gt").iterdir():
        file.unlink()
    with pytest.raises(
        InputError, match=r"^rain has no picture in gt: put the ground truth there$"
    ):
        ReferenceSet(folder, NAMES)


def test_pictures_of_different_sizes_are_refused_when_read(folder: Path) -> None:
    write_image(folder / "Bob" / "x1.png", torch.zeros(3, 5, 7, dtype=torch.uint8))
    reference = ReferenceSet(folder, NAMES)
    with pytest.raises(InputError, match=r"x1: the ground truth is 20 × 17, but Bob is 7 × 5"):
        reference[1]


def test_a_damaged_picture_is_refused_by_name(folder: Path) -> None:
    for name in ("Bob", "gt"):
        (folder / name / "x1.png").write_bytes(b"no picture")
        with pytest.raises(InputError, match=rf"^x1\.png \({name}\) is not a PNG"):
            ReferenceSet(folder, NAMES)[1]


def statistics(seed: int, name: str = "made", members: int = 3) -> ReferenceStatistics:
    return make_statistics(make_pictures(seed, members), 32, name)


def test_statistics_add_up_with_the_names_of_their_sets() -> None:
    one, two, three = statistics(1, "b"), statistics(2, "a"), statistics(3, "b")
    total = one + two + three
    assert total.reference_sets == ("a", "b") and total.pictures == 3
    again = three + (two + one)
    assert again.reference_sets == total.reference_sets
    assert torch.equal(again.statistics.histogram, total.statistics.histogram)
    without = total - three
    assert without.pictures == 2
    assert torch.equal(without.statistics.products, (one + two).statistics.products)


def test_what_is_known_of_each_truth_is_added_and_taken_out_with_it() -> None:
    made = make_statistics(make_pictures(0, 2), 32)
    details = [TruthDetail(shift / 4, 1.0, 0.0, 0.0) for shift in (2, 0, 2)]
    first, second, third = (replace(made, details=(one,)) for one in details)
    total = first + second + third
    assert total.details == tuple(details)
    assert (total - third).details == (details[0], details[1])
    assert (total - third - second - first + made).details == ()


def test_how_candidates_differ_is_added_and_taken_out_and_forgotten_of_fewer() -> None:
    made = make_statistics(make_pictures(0, 3), 32)
    grains = [Grain(step / 4, 0.5, 0.0, 0.0) for step in (2, 0, 2)]
    first, second, third = (replace(made, grains=(one,)) for one in grains)
    total = first + second + third
    assert total.grains == total.coarser(64).grains == tuple(grains)
    assert (total - third).grains == (grains[0], grains[1])
    assert total.of_candidates("CAB").grains == tuple(grains)
    assert total.of_candidates("CA").grains == ()


def test_statistics_of_other_candidates_are_not_combined() -> None:
    one = statistics(1)
    other = ReferenceStatistics(one.statistics, ("B", "A", "C"), ("made",), 1)
    for combine in (lambda: one + other, lambda: one - other):
        with pytest.raises(InputError, match=r"A, B, C cannot be combined with those of B, A, C"):
            combine()


def test_statistics_of_some_candidates_are_chosen_by_name() -> None:
    pictures = make_pictures(4, 3)
    chosen = make_statistics(pictures, 32).of_candidates(["C", "A"])
    direct = make_statistics((pictures[0][[2, 0]], pictures[1]), 32)
    assert chosen.candidate_names == ("C", "A")
    assert torch.equal(chosen.statistics.histogram, direct.statistics.histogram)
    assert torch.equal(chosen.statistics.products, direct.statistics.products)


@pytest.mark.parametrize("names", [[], ["A", "X"], ["A", "A"]])
def test_candidates_are_chosen_among_the_known_each_once(names: list[str]) -> None:
    with pytest.raises(InputError, match=r"choose among them, each once"):
        statistics(1).of_candidates(names)


def test_coarser_statistics_keep_their_names() -> None:
    wide = statistics(1, "b").coarser(64)
    assert wide.reference_sets == ("b",) and wide.statistics.bins.width == 64


def test_pictures_kept_apart_are_chosen_by_candidate_as_their_sum_is() -> None:
    pictures = ReferencePictures(("1", "2"), (statistics(1), statistics(2)))
    chosen = pictures.of_candidates(["C", "A"])
    expected = (statistics(1) + statistics(2)).of_candidates(["C", "A"])
    assert chosen.names == ("1", "2") and chosen.total.pictures == 2
    assert torch.equal(chosen.total.statistics.products, expected.statistics.products)
    assert torch.equal(chosen.total.statistics.histogram, expected.statistics.histogram)


def test_pictures_seen_by_all_candidates_are_the_same_object() -> None:
    pictures = ReferencePictures(("1", "2"), (statistics(1), statistics(2)))
    assert pictures.of_candidates(["A", "B", "C"]) is pictures
    assert pictures.of_candidates(["A", "B"]) is not pictures


@pytest.mark.parametrize("names", [(), ("1", "2")])
def test_pictures_kept_apart_have_a_name_each(names: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=r"at least one picture, and a name for each"):
        ReferencePictures(names, (statistics(1),) if names else ())
