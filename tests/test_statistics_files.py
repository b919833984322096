"""Reference pictures as files: what comes back, and what is refused."""

from collections.abc import Callable
from dataclasses import astuple, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ensir.errors import InputError
from ensir.fitting import fit_pictures, fit_statistics
from ensir.grain import Grain
from ensir.reference_set import ReferencePictures, ReferenceStatistics
from ensir.statistics_files import (
    PICTURES_FORMAT,
    STATISTICS_FORMAT,
    pictures_bytes,
    read_gathered,
    read_pictures,
    read_statistics,
    statistics_bytes,
    write_pictures,
    write_statistics,
)
from ensir.table_files import read_reference
from ensir.tensor_files import pack, unpack
from ensir.truth_detail import TruthDetail
from tests.conftest import ADVERSARIAL, make_pictures, make_statistics


def made(count: int = 4, width: int = 8, **how: int) -> ReferencePictures:
    parts = tuple(make_statistics(make_pictures(seed, 3, **how), width) for seed in range(count))
    return ReferencePictures(tuple(f"picture {place}" for place in range(count)), parts)


def assert_same(one: ReferenceStatistics, other: ReferenceStatistics) -> None:
    for name in ("sets", "sums", "products", "truth_products", "histogram"):
        assert torch.equal(getattr(one.statistics, name), getattr(other.statistics, name)), name
    assert one.statistics.bins == other.statistics.bins
    assert one.candidate_names == other.candidate_names
    assert (one.reference_sets, one.pictures) == (other.reference_sets, other.pictures)


@pytest.mark.parametrize("how", [{}, {"channels": 1}, {"height": 1, "width": 1}])
def test_pictures_are_read_as_they_were_written(tmp_path: Path, how: dict[str, int]) -> None:
    pictures = made(**how)
    write_pictures(pictures, tmp_path / "x.safetensors")
    found = read_pictures(tmp_path / "x.safetensors")
    assert found.names == pictures.names
    for one, other in zip(found.parts, pictures.parts, strict=True):
        assert_same(one, other)
    assert pictures_bytes(found) == (tmp_path / "x.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("details", TruthDetail(0.125, 1.1, 0.5, 0.0), TruthDetail(1.0, 0.9, 4.0, 0.3)),
        ("grains", Grain(0.625, 0.25, -0.1, 1.5), Grain(0.3, 0.1, 0.2, -0.125)),
    ],
)
def test_what_was_measured_pixel_beside_pixel_comes_back(
    tmp_path: Path, name: str, first: TruthDetail | Grain, last: TruthDetail | Grain
) -> None:
    measured = [(first,), (), (last,)]
    parts = [replace(part, **{name: it}) for part, it in zip(made(3).parts, measured, strict=True)]
    pictures = ReferencePictures(("a", "b", "c"), tuple(parts))
    write_pictures(pictures, tmp_path / "x.safetensors")
    found = read_pictures(tmp_path / "x.safetensors")
    assert [getattr(part, name) for part in found.parts] == measured
    assert pictures_bytes(found) == (tmp_path / "x.safetensors").read_bytes()
    write_statistics(pictures.total, tmp_path / "sum.safetensors")
    in_sum = getattr(read_statistics(tmp_path / "sum.safetensors"), name)
    assert in_sum == tuple(sorted((first, last), key=astuple))  # a sum has no order


def test_of_more_pictures_than_a_header_should_name_the_measures_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ensir.statistics_files.MOST_DETAILS", 2)
    total = replace(made(3).total, grains=(Grain(0.625, 0.25, -0.1, 1.5),) * 3)
    write_statistics(total, tmp_path / "sum.safetensors")
    assert read_statistics(tmp_path / "sum.safetensors").grains == ()


@pytest.mark.parametrize("kind", ADVERSARIAL)
def test_odd_pictures_come_back(tmp_path: Path, kind: str) -> None:
    parts = tuple(make_statistics(ADVERSARIAL[kind](seed, 3), 32) for seed in range(2))
    write_pictures(ReferencePictures(("a", "b"), parts), tmp_path / "x.safetensors")
    for one, other in zip(read_pictures(tmp_path / "x.safetensors").parts, parts, strict=True):
        assert_same(one, other)


def test_their_sum_is_what_fit_writes_without_keeping_them_apart(tmp_path: Path) -> None:
    """A table fitted from either file names the same statistics."""
    pictures = made()
    write_pictures(pictures, tmp_path / "apart.safetensors")
    write_statistics(pictures.total, tmp_path / "sum.safetensors")
    apart = read_pictures(tmp_path / "apart.safetensors")
    whole = read_statistics(tmp_path / "sum.safetensors")
    assert_same(apart.total, whole)
    one = fit_pictures(apart, 32).table.provenance
    assert one.statistics_sha256 == fit_statistics(whole, 32).table.provenance.statistics_sha256


def test_auto_works_from_a_file(tmp_path: Path) -> None:
    pictures = made()
    write_pictures(pictures, tmp_path / "x.safetensors")
    read = read_gathered(tmp_path / "x.safetensors")
    assert isinstance(read, ReferencePictures)
    one = fit_pictures(read, "auto", "least-squares", trust="auto")
    other = fit_pictures(pictures, "auto", "least-squares", trust="auto")
    assert one.chosen == other.chosen
    assert torch.equal(one.table.weights, other.table.weights)


def test_where_statistics_are_wanted_the_pictures_are_added_up(tmp_path: Path) -> None:
    pictures = made()
    write_pictures(pictures, tmp_path / "x.safetensors")
    found = read_reference(tmp_path / "x.safetensors")
    assert isinstance(found, ReferenceStatistics)
    assert_same(found, pictures.total)


def test_either_kind_of_file_is_told_by_its_content(tmp_path: Path) -> None:
    write_statistics(made().total, tmp_path / "sum.safetensors")
    assert isinstance(read_gathered(tmp_path / "sum.safetensors"), ReferenceStatistics)
    with pytest.raises(InputError, match="wanted 'ensir reference pictures 1'"):
        read_pictures(tmp_path / "sum.safetensors")


def test_names_that_cannot_be_told_apart_are_not_written() -> None:
    parts = made(2).parts
    for names in (("a", "a"), ("a", ""), ("a", "b\n")):
        with pytest.raises(InputError, match="a picture's name has 1 to 80 printable characters"):
            pictures_bytes(ReferencePictures(names, parts))


def without_first(name: str) -> Callable[[dict[str, Tensor]], None]:
    def change(tensors: dict[str, Tensor]) -> None:
        tensors[name] = tensors[name][1:]

    return change


def swapped_counts(tensors: dict[str, Tensor]) -> None:
    counts = tensors["set_counts"].clone()
    counts[0] += 1
    counts[1] -= 1
    tensors["set_counts"] = counts


def no_sets_in_the_first(tensors: dict[str, Tensor]) -> None:
    counts = tensors["set_counts"].clone()
    counts[1] += counts[0]
    counts[0] = 0
    tensors["set_counts"] = counts


def negative_count(tensors: dict[str, Tensor]) -> None:
    counts = tensors["row_counts"].long()
    counts[1] += 2 * counts[0]
    counts[0] *= -1
    tensors["row_counts"] = counts


def one_more_in_a_sum(tensors: dict[str, Tensor]) -> None:
    tensors["sums"] = tensors["sums"].long() + 10**6


def flat_counts(tensors: dict[str, Tensor]) -> None:
    tensors["set_counts"] = tensors["set_counts"][None]


@pytest.mark.parametrize(
    "change",
    [
        *map(without_first, ("sets", "row_level", "set_counts", "row_counts", "truth_products")),
        swapped_counts,
        no_sets_in_the_first,
        negative_count,
        one_more_in_a_sum,
        flat_counts,
    ],
)
def test_what_no_pictures_have_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Tensor]], None]
) -> None:
    """With a checksum that fits: what is read does not rest on nobody having forged it."""
    tensors, header = unpack(pictures_bytes(made()), "x", PICTURES_FORMAT)
    change(tensors)
    (tmp_path / "x.safetensors").write_bytes(pack(tensors, header, compressed=True))
    with pytest.raises(InputError, match=r"x\.safetensors is damaged: "):
        read_pictures(tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("names", ["a", "b", "c"]),
        ("names", ["a", "a", "b", "c"]),
        ("names", ["a", "b", "c", 4]),
        ("names", [["a"], "b", "c", "d"]),
        ("names", "abcd"),
        ("names", []),
        ("reference_sets", [["x"]]),
        ("reference_sets", [["x"], ["x"], ["x"], "x"]),
        ("reference_sets", None),
        ("bin_width", 0),
        ("bin_width", 32),
        ("candidates", ["A", "B"]),
        ("details", [[]]),
        ("details", [[], [], [], [[0.1, 1.0, 0.0]]]),
        ("details", [[], [], [], [[0.1, 1.0, 0.0, float("nan")]]]),
        ("details", [[], [], [], [[0.1, 1.0, 0.0, "0"]]]),
        ("details", [[], [], [], [[1e308, 1.0, 0.0, 0.0]]]),
        ("details", [[], [], [], {}]),
        ("details", [[], [], [], [[0.1, 1.0, 0.0, 0.0]] * 2]),
        ("details", [[], [], [], 4]),
        ("details", {"a": 1}),
        ("grains", [[]]),
        ("grains", [[], [], [], [[0.1, 1.0, 0.0]]]),
        ("grains", [[], [], [], [[0.1, 1.0, 0.0, float("nan")]]]),
        ("grains", [[], [], [], [[0.1, 1.0, 0.0, 1]]]),
        ("grains", [[], [], [], [[-1e308, 1.0, 0.0, 0.0]]]),
        ("grains", [[], [], [], [[0.1, 1.0, 0.0, 0.0]] * 2]),
        ("grains", None),
        ("grains", {"a": 1}),
    ],
)
def test_nonsense_in_the_header_is_refused(tmp_path: Path, key: str, value: object) -> None:
    tensors, header = unpack(pictures_bytes(made()), "x", PICTURES_FORMAT)
    (tmp_path / "x.safetensors").write_bytes(pack(tensors, {**header, key: value}, compressed=True))
    with pytest.raises(InputError, match=r"x\.safetensors is damaged: |a bin is"):
        read_pictures(tmp_path / "x.safetensors")


@pytest.mark.parametrize("key", ["details", "grains"])
@pytest.mark.parametrize(
    "value",
    [
        None,
        4,
        [[]],
        [[0.1, 1.0, 0.0, float("inf")]],
        [[0.1, 1.0, 0.0, True]],
        [[0.1, 1.0, 0.0, 1e7]],
        [[0.1, 1.0, 0.0, 0.0]] * 5,
    ],
)
def test_nonsense_about_the_pictures_of_a_sum_is_refused(
    tmp_path: Path, key: str, value: object
) -> None:
    tensors, header = unpack(statistics_bytes(made().total), "x", STATISTICS_FORMAT)
    (tmp_path / "x.safetensors").write_bytes(pack(tensors, {**header, key: value}, compressed=True))
    with pytest.raises(InputError, match=r"x\.safetensors is damaged: .* describe its pictures"):
        read_statistics(tmp_path / "x.safetensors")


def test_pictures_of_grey_and_colour_do_not_mix(tmp_path: Path) -> None:
    grey, colour = made(1, channels=1), made(1)
    mixed = ReferencePictures(("a", "b"), grey.parts + colour.parts)
    with pytest.raises(InputError, match="cannot be combined"):
        write_pictures(mixed, tmp_path / "x.safetensors")
