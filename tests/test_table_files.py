import dataclasses
import hashlib
import json
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from ensir import tensor_files
from ensir.ensemble import bins as bins_module
from ensir.ensemble.lookup_table import LookupTable, Origin, Provenance
from ensir.errors import InputError
from ensir.fitting import METHODS, fit_statistics
from ensir.limits import MOST_NAME
from ensir.published_tables import published_bytes
from ensir.reference_set import ReferenceStatistics
from ensir.statistics_files import read_statistics, statistics_bytes, write_statistics
from ensir.table_files import is_released_table, read_table, table_bytes, write_table
from tests.conftest import ADVERSARIAL, make_pictures, make_statistics

Read = TypeVar("Read", LookupTable, ReferenceStatistics)
TABLE_FIELDS = ("weights", "origin", "count", "starts", "expected_error")
STATISTICS_FIELDS = ("sets", "sums", "products", "truth_products", "histogram")


def same_table(one: LookupTable, other: LookupTable) -> bool:
    return (
        (one.bins, one.candidate_names, one.provenance)
        == (other.bins, other.candidate_names, other.provenance)
    ) and all(
        torch.equal(getattr(one, name).nan_to_num(-1), getattr(other, name).nan_to_num(-1))
        for name in TABLE_FIELDS
    )


def same_statistics(one: ReferenceStatistics, other: ReferenceStatistics) -> bool:
    return (
        (one.candidate_names, one.reference_sets, one.pictures, one.statistics.bins)
        == (other.candidate_names, other.reference_sets, other.pictures, other.statistics.bins)
    ) and all(
        torch.equal(getattr(one.statistics, name), getattr(other.statistics, name))
        for name in STATISTICS_FIELDS
    )


def gathered(bin_width: int = 64, members: int = 3, **options: int) -> ReferenceStatistics:
    return make_statistics(make_pictures(1, members, **options), bin_width, "rain")


def small_table(prior: list[float] | None = None) -> LookupTable:
    return fit_statistics(gathered(), prior=prior).table


def sparse_table() -> LookupTable:
    return fit_statistics(gathered(32, 8, contrast=10, noise=2)).table


def read_bytes(
    data: bytes, tmp_path: Path, read: Callable[[Path], Read], name: str = "x.safetensors"
) -> Read:
    path = tmp_path / name
    path.write_bytes(data)
    return read(path)


def opened(data: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """The library's entries, our header and the content of a file."""
    length = int.from_bytes(data[:8], "little")
    entries = json.loads(data[8 : 8 + length])
    header = json.loads(entries.pop("__metadata__")["ensir"])
    return entries, header, data[8 + length :]


def closed(
    entries: dict[str, Any], header: dict[str, Any], content: bytes = b"", length: int | None = None
) -> bytes:
    """A file of our format from its parts."""
    whole = {"__metadata__": {"ensir": json.dumps(header)}, **entries}
    head = json.dumps(whole).encode()
    head += b" " * (-len(head) % 8)
    size = len(head) if length is None else length
    return size.to_bytes(8, "little") + head + content


@pytest.fixture
def forged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every checksum fits: whoever makes a file for us to trip over computes a right one."""
    monkeypatch.setattr(tensor_files, "digest", lambda data: "0" * 64)


@pytest.mark.parametrize("make", [small_table, sparse_table])
def test_a_table_is_read_as_it_was_written_and_written_as_it_was_read(
    make: Callable[[], Any], tmp_path: Path
) -> None:
    table = make()
    first, second = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    table.save(first)
    again = read_table(first)
    assert same_table(again, table) and again.dense == table.dense
    again.save(str(second))
    assert first.read_bytes() == second.read_bytes() == table_bytes(table)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "one.safetensors",
        "two.safetensors",
    ]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("prior", [None, [0.1, 0.3, 0.6]])
@pytest.mark.parametrize("width", [64, 96, 256])
def test_tables_of_every_kind_come_back(
    method: str, prior: list[float] | None, width: int, tmp_path: Path
) -> None:
    table = fit_statistics(gathered(width), method=method, prior=prior).table
    assert same_table(read_bytes(table_bytes(table), tmp_path, read_table), table)


@pytest.mark.parametrize("channels, members", [(1, 1), (1, 4), (3, 1), (3, 2)])
def test_tables_of_grey_pictures_and_few_candidates_come_back(
    channels: int, members: int, tmp_path: Path
) -> None:
    table = fit_statistics(gathered(32, members, channels=channels)).table
    assert same_table(read_bytes(table_bytes(table), tmp_path, read_table), table)


def test_a_table_above_the_dense_limit_with_a_row_for_every_bin_set_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bins_module, "DENSE_BIN_SETS", 3)
    levels = torch.cartesian_prod(torch.arange(2), torch.arange(2)).T.reshape(2, 1, 2, 2) * 200
    pictures = (
        levels.to(torch.uint8).repeat(1, 1, 10, 10),
        levels[0].to(torch.uint8).repeat(1, 10, 10),
    )
    table = fit_statistics(make_statistics(pictures, 128)).table
    assert len(table.starts) == table.bins.sets == 4 and not table.bins.dense
    assert same_table(read_bytes(table_bytes(table), tmp_path, read_table), table)


def test_a_table_read_again_fuses_to_the_same_picture(tmp_path: Path) -> None:
    for table in (small_table(), sparse_table()):
        candidates, _ = make_pictures(5, table.bins.candidates)
        again = read_bytes(table_bytes(table), tmp_path, read_table)
        assert torch.equal(again.fuse(candidates).image, table.fuse(candidates).image)


@pytest.mark.parametrize(
    "bin_width, members, options",
    [
        (64, 3, {}),
        (1, 2, {}),
        (32, 8, {}),
        (256, 1, {}),
        (8, 3, {"channels": 1}),
        (256, 2, {"height": 300, "width": 300}),
    ],
)
def test_statistics_are_read_as_they_were_written(
    bin_width: int, members: int, options: dict[str, Any], tmp_path: Path
) -> None:
    one = gathered(bin_width, members, **options)
    path = tmp_path / "statistics.safetensors"
    write_statistics(one, path)
    again = read_statistics(path)
    assert same_statistics(again, one)
    assert statistics_bytes(again) == path.read_bytes()


def test_the_header_is_text_that_says_how_the_table_was_made() -> None:
    table = small_table(prior=[0.1, 0.3, 0.6])
    entries, header, _ = opened(table_bytes(table))
    assert {name: entry["dtype"] for name, entry in entries.items()} == {
        "weights": "F64",
        "count": "I64",
        "origin": "U8",
        "expected_error": "F32",
    }
    assert header["format"] == "ensir lookup table 1"
    assert header["candidates"] == ["A", "B", "C"] and header["bin_width"] == 64
    assert header["method"] == "em" and header["prior"] == [0.1, 0.3, 0.6]
    assert header["first_weights"] == "prior"
    assert (header["trust"], header["ridge"], header["back_off"]) == (1, None, None)
    assert header["reference_set"] == "rain" and header["pictures"] == 1
    assert header["pixels"] == 24 * 24 and header["software"].startswith("ensir ")
    assert len(header["statistics_sha256"]) == 64
    assert header["cells"] == {
        kind.name.lower(): int((table.origin == kind).sum()) for kind in Origin
    }
    assert sum(header["cells"].values()) == 3 * 64


def test_a_least_squares_table_says_its_trust_and_ridge(tmp_path: Path) -> None:
    table = fit_statistics(gathered(), method="least-squares", trust=0.25, ridge=7).table
    header = opened(table_bytes(table))[1]
    assert (header["method"], header["trust"], header["ridge"]) == ("least-squares", 0.25, 7)
    again = read_bytes(table_bytes(table), tmp_path, read_table)
    assert same_table(again, table) and again.provenance.trust == 0.25


def test_a_table_written_before_trust_and_expected_errors_is_read(
    forged: None, tmp_path: Path
) -> None:
    """Files of earlier versions have neither the tensor nor the words in the header."""
    table = small_table()
    tensors, header = tensor_files.unpack(table_bytes(table), "x", "ensir lookup table 1")
    del tensors["expected_error"]
    for word in ("trust", "ridge", "back_off", "chosen"):
        del header[word]
    again = read_bytes(tensor_files.pack(tensors, header), tmp_path, read_table)
    assert again.expected_error is None and again.provenance.trust is None
    assert torch.equal(again.weights, table.weights)
    assert read_bytes(table_bytes(again), tmp_path, read_table).expected_error is None


@pytest.mark.parametrize(
    "word, value",
    [
        ("trust", 1.1), ("trust", -0.1), ("trust", "much"), ("trust", True), ("ridge", -1),
        ("ridge", float("nan")), ("ridge", 1e300), ("back_off", [1]), ("chosen", 3),
    ],
)  # fmt: skip
def test_a_header_with_numbers_that_no_fit_has_is_refused(
    word: str, value: object, forged: None, tmp_path: Path
) -> None:
    tensors, header = tensor_files.unpack(table_bytes(small_table()), "x", "ensir lookup table 1")
    with pytest.raises(InputError, match=rf"for {word.replace('_', ' ')}; make it or fetch"):
        read_bytes(tensor_files.pack(tensors, {**header, word: value}), tmp_path, read_table)


def test_a_sparse_table_has_sorted_starts() -> None:
    entries, _, content = opened(table_bytes(sparse_table()))
    begin, end = entries["starts"]["data_offsets"]
    starts = np.frombuffer(content[begin:end], dtype="<i8")
    assert starts[0] == 0 and (np.diff(starts) > 0).all()


def test_statistics_have_sorted_histogram_rows() -> None:
    one = gathered(8)
    entries, header, content = opened(statistics_bytes(one))
    names = ("row_channel", "row_set", "row_level", "row_count")
    columns = [written_numbers(entries, header, content, name) for name in names]
    rows = np.stack([column.astype(np.int64) for column in columns], axis=1)
    keys = [tuple(row) for row in rows[:, :3].tolist()]
    assert keys == sorted(set(keys)) and rows[:, 3].min() > 0
    assert np.array_equal(rows, one.statistics.histogram.numpy())
    assert header["reference_sets"] == ["rain"] and header["pixels"] == 24 * 24


def written_numbers(
    entries: dict[str, Any], header: dict[str, Any], content: bytes, name: str
) -> NDArray[Any]:
    """A tensor of a statistics file, read without the code that wrote it."""
    kind, shape = header["compressed"][name]
    begin, end = entries[name]["data_offsets"]
    planes = np.frombuffer(zlib.decompress(content[begin:end]), dtype="u1")
    sizes = {"U8": "u1", "I16": "<i2", "I32": "<i4", "I64": "<i8"}
    together = planes.reshape(np.dtype(sizes[kind]).itemsize, -1).T.tobytes()
    return np.frombuffer(together, dtype=sizes[kind]).reshape(shape)


def test_statistics_count_values_from_the_lower_edges_of_their_bins() -> None:
    candidates, truth = make_pictures(1, 3)
    parts = opened(statistics_bytes(make_statistics((candidates, truth), 64)))
    above = (candidates.long() % 64).flatten(2).numpy()
    level = truth.long().flatten(1).numpy()
    assert np.array_equal(written_numbers(*parts, "sums").sum(1), above.sum(-1).T)
    assert np.array_equal(
        written_numbers(*parts, "truth_products").sum(1), (above * level).sum(-1).T
    )
    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    assert np.array_equal(
        written_numbers(*parts, "products").sum(1),
        np.stack([(above[one] * above[other]).sum(-1) for one, other in pairs], axis=-1),
    )


@pytest.mark.parametrize("kind", ADVERSARIAL)
@pytest.mark.parametrize("bin_width", [1, 24, 255, 256])
def test_statistics_of_odd_pictures_come_back(kind: str, bin_width: int, tmp_path: Path) -> None:
    one = make_statistics(ADVERSARIAL[kind](3, 3), bin_width)
    data = statistics_bytes(one)
    again = read_bytes(data, tmp_path, read_statistics)
    assert same_statistics(again, one) and statistics_bytes(again) == data


def test_compressed_statistics_are_much_smaller_than_their_sums() -> None:
    data = statistics_bytes(gathered(8, 4, height=200, width=200))
    header = opened(data)[1]
    sizes = {"U8": 1, "I16": 2, "I32": 4, "I64": 8}
    plain = sum(sizes[kind] * np.prod(shape) for kind, shape in header["compressed"].values())
    assert len(data) < plain / 2


def test_a_table_names_its_statistics_file_by_its_sha256(tmp_path: Path) -> None:
    one = gathered(32) + make_statistics(make_pictures(2, 3), 32, "fog")
    path = tmp_path / "statistics.safetensors"
    write_statistics(one, path)
    table = fit_statistics(one).table
    assert table.provenance.statistics_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert fit_statistics(read_statistics(path)).table.provenance == table.provenance


def test_a_table_names_the_file_it_was_fitted_from_at_a_wider_width_too(tmp_path: Path) -> None:
    """Refitting at another width needs that file: coarser sums would not do."""
    path = tmp_path / "statistics.safetensors"
    write_statistics(gathered(8), path)
    for one in (read_statistics(path), gathered(8)):
        made_of = fit_statistics(one, 32).table.provenance.statistics_sha256
        assert made_of == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("width", [16, 24, 64])
def test_refitting_from_the_file_at_a_wider_width_is_fitting_there(
    width: int, tmp_path: Path
) -> None:
    read = read_bytes(statistics_bytes(gathered(8)), tmp_path, read_statistics)
    refitted, direct = fit_statistics(read, width).table, fit_statistics(gathered(width)).table
    for field in TABLE_FIELDS:
        one, other = getattr(refitted, field), getattr(direct, field)
        assert torch.equal(one.nan_to_num(-1), other.nan_to_num(-1))


def test_statistics_read_from_files_merge_like_those_in_memory(tmp_path: Path) -> None:
    several = [make_statistics(make_pictures(seed, 3), 32, f"set {seed}") for seed in range(3)]
    read = [read_bytes(statistics_bytes(one), tmp_path, read_statistics) for one in several]
    merged = statistics_bytes(read[2] + (read[0] + read[1]))
    assert merged == statistics_bytes(several[0] + several[1] + several[2])


def test_candidates_given_must_be_those_of_the_table(tmp_path: Path) -> None:
    data = table_bytes(small_table())
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    assert read_table(path, candidates=["A", "B", "C"]).candidate_names == ("A", "B", "C")
    with pytest.raises(InputError, match=r"fitted for A, B, C in this order; got C, B, A"):
        read_table(path, candidates=["C", "B", "A"])


# Names that a folder or a visitor may well have must not make files that cannot be read again.
@pytest.mark.parametrize(
    "name",
    ["é 雨 (2)", "x" * MOST_NAME, "x" * (MOST_NAME + 1), "a\tb", "x" * 255],
    ids=["foreign", "longest", "too long", "tab", "longest of a folder"],
)
@pytest.mark.parametrize("place", ["candidate", "reference set"])
def test_what_can_be_written_can_be_read(name: str, place: object, tmp_path: Path) -> None:
    one = gathered()
    if place == "candidate":
        one = dataclasses.replace(one, candidate_names=("A", "B", name))
    else:
        one = dataclasses.replace(one, reference_sets=(name,))
    try:
        data = statistics_bytes(one)
        table = table_bytes(fit_statistics(one).table)
    except InputError:
        return  # refused before it is written
    assert same_statistics(read_bytes(data, tmp_path, read_statistics), one)
    assert read_bytes(table, tmp_path, read_table).candidate_names == one.candidate_names


KINDS = {
    "table": (lambda: table_bytes(small_table()), read_table, same_table),
    "sparse table": (lambda: table_bytes(sparse_table()), read_table, same_table),
    "statistics": (lambda: statistics_bytes(gathered()), read_statistics, same_statistics),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_byte_is_found_out_or_changes_nothing(kind: str, tmp_path: Path) -> None:
    make, read, same = KINDS[kind]
    data = make()
    whole = read_bytes(data, tmp_path, read)
    random = np.random.default_rng(1)
    head = 8 + int.from_bytes(data[:8], "little")
    places = [*range(head), *random.integers(head, len(data), 150).tolist(), len(data) - 1]
    silent = []
    for place in places:
        for change in {1, int(random.integers(1, 256))}:
            damaged = bytearray(data)
            damaged[place] ^= change
            try:
                other = read_bytes(bytes(damaged), tmp_path, read)
            except InputError as refusal:
                assert "x.safetensors" in str(refusal) or "candidates" in str(refusal), refusal
                continue
            if not same(other, whole):
                silent.append((place, bytes(damaged[max(0, place - 12) : place + 12])))
    assert not silent, (
        f"{len(silent)} changes pass unnoticed, such as {silent[:: len(silent) // 5 + 1]}"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_ends_early_or_late_is_refused(kind: str, tmp_path: Path) -> None:
    make, read, _ = KINDS[kind]
    data = make()
    random = np.random.default_rng(2)
    lengths = [*range(20), *random.integers(20, len(data), 100).tolist(), len(data) - 1]
    for length in lengths:
        with pytest.raises(InputError, match=r"x\.safetensors"):
            read_bytes(data[:length], tmp_path, read)
    with pytest.raises(InputError, match=r"x\.safetensors"):
        read_bytes(data + b"\0", tmp_path, read)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"hello, this is a text file of some length\n" * 9,
        b"\x89PNG\r\n\x1a\n" + b"\0" * 99,
        b"\0" * 4096,
        b"\xff" * 4096,
        (2).to_bytes(8, "little") + b"{}",
        b"[]" * 50,
        (2).to_bytes(8, "little") + b"[]",
        (4).to_bytes(8, "little") + b"null",
        (17).to_bytes(8, "little") + b'{"__metadata__":1',
        (4).to_bytes(8, "little") + b"\xff\xfe\0\0",
        (2**63).to_bytes(8, "little") + b"{}" * 99,
        (60_000).to_bytes(8, "little") + b"[" * 60_000,
        (19).to_bytes(8, "little") + b'{"__metadata__":[]}',
    ],
)
def test_foreign_files_are_refused_in_one_sentence(data: bytes, tmp_path: Path) -> None:
    for read in (read_table, read_statistics):
        with pytest.raises(InputError, match=r"^x\.dat .* of this program: ") as refusal:
            read_bytes(data, tmp_path, read, "x.dat")
        assert "\n" not in str(refusal.value)


def test_safetensors_of_others_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import save

    for metadata in (
        None,
        {"format": "pt"},
        {"ensir": "no json"},
        {"ensir": "[1]"},
        {"ensir": "{}"},
    ):
        data = save({"weights": torch.zeros(3)}, metadata=metadata)
        with pytest.raises(InputError, match=r"^x\.safetensors .* of this program"):
            read_bytes(data, tmp_path, read_table)


def test_statistics_are_no_table_and_a_table_no_statistics(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds 'ensir bin statistics 2', wanted 'ensir lookup"):
        read_bytes(statistics_bytes(gathered()), tmp_path, read_table)
    with pytest.raises(InputError, match=r"holds 'ensir lookup table 1', wanted 'ensir bin"):
        read_bytes(table_bytes(small_table()), tmp_path, read_statistics)


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    for read in (read_table, read_statistics):
        with pytest.raises(InputError, match=r"^none\.safetensors is not there: check"):
            read(tmp_path / "none.safetensors")
        (tmp_path / "folder").mkdir(exist_ok=True)
        with pytest.raises(InputError, match=r"^folder "):
            read(tmp_path / "folder")


def test_a_released_table_is_told_by_its_content_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(published_bytes(small_table()))
    assert is_released_table(path)
    path.write_bytes(table_bytes(small_table()))
    assert not is_released_table(path)
    with pytest.raises(InputError, match=r"^gone\.pth is not there"):
        is_released_table(tmp_path / "gone.pth")


def test_a_table_is_not_written_into_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"t\.safetensors could not be written"):
        write_table(small_table(), tmp_path / "no" / "t.safetensors")


def test_a_library_header_of_any_length_is_refused(tmp_path: Path) -> None:
    parts = opened(table_bytes(small_table()))
    for length in (0, 1, 10**7, 2**31, 2**40, 2**63, 2**64 - 1):
        with pytest.raises(InputError):
            read_bytes(closed(*parts, length=length), tmp_path, read_table)


NONSENSE = [
    None,
    True,
    False,
    -1,
    0,
    1.5,
    10**30,
    -(10**400),
    float("nan"),
    float("inf"),
    "",
    "x",
    "x" * 10**5,
    [],
    [1],
    [[]],
    ["A", "A", "A"],
    [None] * 3,
    {},
    {"a": 1},
    [float("nan")] * 3,
    [10**400, 0, 0],
    ["x"] * 3,
    [1e999] * 3,
]


@pytest.mark.parametrize("kind", ["table", "statistics"])
def test_nonsense_in_a_field_of_the_header_is_refused_or_harmless(
    kind: str, forged: None, tmp_path: Path
) -> None:
    """Whatever a field holds, reading ends in an InputError or in something that is sane."""
    make, read, _ = KINDS[kind]
    entries, header, content = opened(make())
    assert read_bytes(closed(entries, header, content), tmp_path, read)
    faults = []
    for field in header:
        for value in [*NONSENSE, "left out"]:
            changed = {key: entry for key, entry in header.items() if key != field}
            if value != "left out":
                changed[field] = value
            data = closed(entries, changed, content)
            shown = f"{field} = {value!r:.30}"
            try:
                found = read_bytes(data, tmp_path, read)
            except InputError:
                continue
            except Exception as error:
                faults.append(f"{shown}: {type(error).__name__}: {error!s:.60}")
                continue
            if kind == "table" and not is_sane(found.provenance):
                faults.append(f"{shown}: taken as {getattr(found.provenance, field)!r:.40}")
    assert not faults, "\n".join(faults)


def is_sane(provenance: Provenance) -> bool:
    texts = (provenance.method, provenance.first_weights, provenance.reference_set)
    numbers = (provenance.pictures, provenance.pixels)
    prior = provenance.prior
    return (
        all(text is None or isinstance(text, str) for text in texts)
        and isinstance(provenance.method, str)
        and all(number is None or (type(number) is int and number >= 0) for number in numbers)
        and (prior is None or (len(prior) == 3 and all(np.isfinite(prior))))
    )


SHAPES = [
    None,
    5,
    "x",
    [],
    [0],
    [-1],
    [2**63],
    [2**64],
    [1.5],
    [True],
    ["a"],
    [[0]],
    [None],
    {},
    [0, 10**30],
    [float("inf")],
    [float("nan")],
]
OFFSETS = [
    None,
    5,
    "ab",
    [],
    [0],
    [0, 1, 2],
    [-8, 0],
    [0, 2**64],
    [1.0, 9.0],
    ["a", "b"],
    [None, None],
    {},
    {"a": 1, "b": 2},
    [8, 0],
    [True, False],
    [[0], [1]],
]
DTYPES = [None, 5, "", "F32", "F64", "I64", "U8", "BF16", "f64", [], {}, ["F64"], True]


@pytest.mark.parametrize("kind", ["table", "sparse table", "statistics"])
def test_nonsense_in_an_entry_of_the_library_is_refused(
    kind: str, forged: None, tmp_path: Path
) -> None:
    make, read, same = KINDS[kind]
    entries, header, content = opened(make())
    whole = read_bytes(closed(entries, header, content), tmp_path, read)
    faults = []

    def attempt(changed: dict[str, Any], what: str) -> None:
        try:
            found = read_bytes(closed(changed, header, content), tmp_path, read)
        except InputError:
            return
        except Exception as error:
            faults.append(f"{what}: {type(error).__name__}: {error!s:.60}")
            return
        if not same(found, whole):
            faults.append(f"{what}: taken")

    for name, entry in entries.items():
        for field, values in (("shape", SHAPES), ("data_offsets", OFFSETS), ("dtype", DTYPES)):
            for value in values:
                attempt(
                    {**entries, name: {**entry, field: value}}, f"{name}.{field} = {value!r:.30}"
                )
            attempt(
                {**entries, name: {k: v for k, v in entry.items() if k != field}},
                f"no {name}.{field}",
            )
        for value in (None, 5, "x", [], {}):
            attempt({**entries, name: value}, f"{name} = {value}")
        attempt({k: v for k, v in entries.items() if k != name}, f"no {name}")
        begin, _ = entry["data_offsets"]
        for other, second in entries.items():
            if other != name:
                length = second["data_offsets"][1] - second["data_offsets"][0]
                overlap = {**second, "data_offsets": [begin, begin + length]}
                attempt({**entries, other: overlap}, f"{other} over {name}")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("shape", [[10**30, "a"], [2**40, [0]], [2**40, "a"]])
def test_shapes_that_multiply_to_long_sequences_are_refused_at_once(
    shape: list[object], forged: None, tmp_path: Path
) -> None:
    entries, header, content = opened(table_bytes(small_table()))
    entries["weights"] = {**entries["weights"], "shape": shape}
    with pytest.raises(InputError):
        read_bytes(closed(entries, header, content), tmp_path, read_table)


def test_nonsense_in_what_is_said_of_compressed_tensors_is_refused(
    forged: None, tmp_path: Path
) -> None:
    entries, header, content = opened(statistics_bytes(gathered()))
    whole = read_bytes(closed(entries, header, content), tmp_path, read_statistics)
    said = header["compressed"]
    faults = []

    def attempt(compressed: object, what: str) -> None:
        data = closed(entries, {**header, "compressed": compressed}, content)
        try:
            found = read_bytes(data, tmp_path, read_statistics)
        except InputError:
            return
        except Exception as error:
            faults.append(f"{what}: {type(error).__name__}: {error!s:.60}")
            return
        if not same_statistics(found, whole):
            faults.append(f"{what}: taken")

    for name, (kind, shape) in said.items():
        values: list[object] = [
            *NONSENSE,
            [kind],
            [kind, shape, 0],
            *([kind, other] for other in SHAPES),
            *([kind, [*shape, extra]] for extra in (0, 2, 2**40)),
            *([kind, [size + more for size in shape]] for more in (-1, 1, 2**30)),
            *([other, shape] for other in DTYPES if other != kind),
        ]
        for value in values:
            attempt({**said, name: value}, f"{name} = {value!r:.40}")
        attempt({key: value for key, value in said.items() if key != name}, f"no {name}")
    attempt({**said, "another": ["U8", [1]]}, "another tensor")
    assert not faults, "\n".join(faults)


def with_content(stored: bytes, shape: list[int], numbers: int = 1) -> bytes:
    """A statistics file whose tensors are all `stored`, said to be bytes of a shape."""
    _, header, _ = opened(statistics_bytes(gathered()))
    names = list(header["compressed"])[:numbers]
    entries = {
        name: {
            "dtype": "U8",
            "shape": [len(stored)],
            "data_offsets": [place * len(stored), (place + 1) * len(stored)],
        }
        for place, name in enumerate(names)
    }
    header = {**header, "compressed": {name: ["U8", shape] for name in names}}
    return closed(entries, header, stored * numbers)


ZEROS = zlib.compress(bytes(10**7))


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"x",
        b"no stream at all" * 9,
        zlib.compress(bytes(99)),
        zlib.compress(bytes(101)),
        zlib.compress(bytes(100))[:-1],
        zlib.compress(bytes(100)) + b"x",
        zlib.compress(bytes(100)) * 2,
        zlib.compress(bytes(100))[:-1] + b"x",
        ZEROS,
    ],
    ids=["empty", "x", "text", "short", "long", "cut", "more", "twice", "checksum", "flood"],
)
def test_content_that_is_not_what_the_header_says_is_refused(
    stored: bytes, forged: None, tmp_path: Path
) -> None:
    unpack = tensor_files.unpack
    fits = unpack(with_content(zlib.compress(bytes(100)), [100]), "x", "ensir bin statistics 2")
    assert [values.tolist() for values in fits[0].values()] == [[0] * 100]
    with pytest.raises(InputError, match="does not describe its content"):
        unpack(with_content(stored, [100]), "x", "ensir bin statistics 2")


def test_a_flood_is_refused_before_it_takes_memory(
    forged: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several tensors count together, and a stream longer than said ends where it was said to."""
    unpack = tensor_files.unpack
    with pytest.raises(InputError, match="does not describe its content"):
        unpack(with_content(ZEROS, [10**7], 2), "x", "ensir bin statistics 2")  # 1000 times smaller
    monkeypatch.setattr(tensor_files, "MOST_COMPRESSION", 10**4)
    monkeypatch.setattr(tensor_files, "MOST_STATISTICS_BYTES", 8 * 2 * 10**7)
    assert unpack(with_content(ZEROS, [10**7], 2), "x", "ensir bin statistics 2")
    for data in (with_content(ZEROS, [10**7], 3), with_content(ZEROS, [1000])):
        tracemalloc.start()
        with pytest.raises(InputError):
            unpack(data, "x", "ensir bin statistics 2")
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert most < 10**6
    with pytest.raises(InputError, match="GB in memory, the limit here"):
        tensor_files.pack(
            {"x": torch.zeros(10**7, 3, dtype=torch.uint8)}, {"candidates": ["A"]}, compressed=True
        )


def with_tensors(data: bytes, change: Callable[[dict[str, Tensor]], object]) -> bytes:
    """The file with other tensors in it."""
    said = opened(data)[1]
    tensors, header = tensor_files.unpack(data, "x", said["format"])
    change(tensors)
    return tensor_files.pack(tensors, header, compressed="compressed" in said)


def put(name: str, value: Callable[[Tensor], Tensor]) -> Callable[[dict[str, Tensor]], None]:
    return lambda tensors: tensors.update({name: value(tensors[name])})


def set_item(name: str, place: object, value: float) -> Callable[[dict[str, Tensor]], None]:
    def change(tensors: dict[str, Tensor]) -> None:
        tensors[name] = tensors[name].clone()
        tensors[name][place] = value

    return change


TABLE_CHANGES = {
    "scalar weights": put("weights", lambda w: w.sum()),
    "flat weights": put("weights", lambda w: w.flatten()),
    "no rows": put("weights", lambda w: w[:, :0]),
    "no channels": put("weights", lambda w: w[:0]),
    "float32 weights": put("weights", lambda w: w.float()),
    "NaN": set_item("weights", (0, 0, 0), float("nan")),
    "infinity": set_item("weights", (2, 1, 0), float("inf")),
    "negative": set_item("weights", (1, 1, 0), -0.5),
    "sum of 1.01": put("weights", lambda w: w * 1.01),
    "scalar count": put("count", lambda c: c.sum()),
    "short count": put("count", lambda c: c[:, 1:]),
    "negative count": set_item("count", (0, 0), -2),
    "unknown origin": set_item("origin", (0, 0), 3),
    "scalar origin": put("origin", lambda o: o[0, 0]),
    "another tensor": lambda tensors: tensors.update(extra=torch.zeros(2)),
    "scalar starts": lambda tensors: tensors.update(starts=torch.tensor(0)),
    "two-dimensional starts": lambda tensors: tensors.update(starts=torch.arange(64)[:, None]),
    "starts that fall": lambda tensors: tensors.update(starts=torch.arange(64).flip(0)),
    "starts beyond": lambda tensors: tensors.update(starts=torch.arange(64) * 2),
    "expected errors of other cells": put("expected_error", lambda e: e[:, 1:]),
    "expected errors where there is no pixel": put("expected_error", lambda e: e.nan_to_num(1)),
    "no expected error where there are pixels": put("expected_error", lambda e: e * torch.nan),
    "negative expected errors": put("expected_error", lambda e: -1 - e),
    "infinite expected errors": put("expected_error", lambda e: e / 0),
    "expected errors in float64": put("expected_error", lambda e: e.double()),
    "negative starts": lambda tensors: tensors.update(starts=torch.arange(64) - 3),
}


@pytest.mark.parametrize("name", TABLE_CHANGES)
def test_a_table_of_other_tensors_is_refused(name: str, forged: None, tmp_path: Path) -> None:
    data = with_tensors(table_bytes(small_table()), TABLE_CHANGES[name])
    with pytest.raises(
        InputError, match=r"^x\.safetensors is damaged: .*; make it or fetch it again$"
    ):
        read_bytes(data, tmp_path, read_table)


STATISTICS_CHANGES = {
    "scalar sums": put("sums", lambda s: s.sum()),
    "no channels": put("sums", lambda s: s[:0]),
    "scalar sets": put("sets", lambda s: s.sum()),
    "scalar counts": put("row_count", lambda c: c.sum()),
    "short rows": put("row_count", lambda c: c[1:]),
    "no rows": lambda tensors: tensors.update(
        {name: tensors[name][:0] for name in tensors if name.startswith("row_")}
    ),
    "unsorted sets": put("sets", lambda s: s.flip(0)),
    "sets beyond": put("sets", lambda s: s.long() + 10**9),
    "float sums": put("sums", lambda s: s.double()),
    "floats that are no numbers": put("sums", lambda s: s.double() * float("nan")),
    "sums too large": put("sums", lambda s: s.long() * 1000),
    "negative sums": put("sums", lambda s: -s.long()),
    "products too small": put("products", lambda p: p * 0),
    "level 256": put("row_level", lambda p: p.long() + 256),
    "channel 3": put("row_channel", lambda p: p.long() + 1),
    "a count of 0": put("row_count", lambda p: p * 0),
    "a huge count": set_item("row_count", 0, 127),
    "counts that wrap around": put("row_count", lambda p: p.long() + 2**62),
    "another tensor": lambda tensors: tensors.update(extra=torch.zeros(2, dtype=torch.uint8)),
    "one missing": lambda tensors: tensors.pop("truth_products"),
}


@pytest.mark.parametrize("name", STATISTICS_CHANGES)
def test_statistics_of_other_tensors_are_refused(name: str, forged: None, tmp_path: Path) -> None:
    data = with_tensors(statistics_bytes(gathered()), STATISTICS_CHANGES[name])
    with pytest.raises(InputError):
        read_bytes(data, tmp_path, read_statistics)


def test_sums_that_are_read_as_floats_are_refused(forged: None, tmp_path: Path) -> None:
    """I64 and F64 have one size: a single byte of the header turns one into the other."""
    candidates = torch.full((1, 1, 300, 300), 250, dtype=torch.uint8)
    data = statistics_bytes(make_statistics((candidates, candidates[0]), 256))
    entries, header, content = opened(data)
    assert header["compressed"]["products"] == ["I64", [1, 1, 1]]
    header["compressed"]["products"][0] = "F64"
    with pytest.raises(InputError):
        read_bytes(closed(entries, header, content), tmp_path, read_statistics)


def test_products_that_no_values_have_are_refused(forged: None, tmp_path: Path) -> None:
    """The sum of squares is at least the square of the sum over the count."""

    def change(tensors: dict[str, Tensor]) -> None:
        tensors["products"] = tensors["products"].clone()
        tensors["products"][:] = 0

    data = with_tensors(statistics_bytes(gathered(256)), change)
    with pytest.raises(InputError):
        read_bytes(data, tmp_path, read_statistics)


@pytest.mark.parametrize("read", [read_table, read_statistics])
def test_keys_that_stand_twice_are_refused(read: Callable[..., Any], tmp_path: Path) -> None:
    data = KINDS["table" if read is read_table else "statistics"][0]()
    length = int.from_bytes(data[:8], "little")
    head = data[8 : 8 + length].decode()
    entries = json.loads(head)
    name = next(key for key in entries if key != "__metadata__")
    entry = f'"{name}":{json.dumps(entries[name])},'
    text = "{" + entry + head.strip()[1:]
    text += " " * (-len(text) % 8)
    twice = len(text).to_bytes(8, "little") + text.encode() + data[8 + length :]
    with pytest.raises(InputError):
        read_bytes(twice, tmp_path, read)
    inner = entries["__metadata__"]["ensir"]
    entries["__metadata__"]["ensir"] = '{"bin_width": 32,' + inner[1:]
    text = json.dumps(entries)
    text += " " * (-len(text) % 8)
    twice = len(text).to_bytes(8, "little") + text.encode() + data[8 + length :]
    with pytest.raises(InputError):
        read_bytes(twice, tmp_path, read)


def test_as_many_candidates_as_a_header_holds_are_refused(forged: None, tmp_path: Path) -> None:
    entries, header, content = opened(table_bytes(small_table()))
    for number in (7, 200, 5000):
        for width in (1, 64):
            wide = {**header, "candidates": [f"c{i}" for i in range(number)], "bin_width": width}
            with pytest.raises(InputError):
                read_bytes(closed(entries, wide, content), tmp_path, read_table)


def test_merged_statistics_keep_their_names(tmp_path: Path) -> None:
    one = ReferenceStatistics(gathered().statistics, ("A", "B", "C"), ("b", "a c"), 2)
    assert read_bytes(statistics_bytes(one), tmp_path, read_statistics).reference_sets == (
        "b",
        "a c",
    )
