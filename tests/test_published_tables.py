"""Released tables against golden values, torch's own reader, and files that must be refused."""

import datetime
import hashlib
import io
import json
import pickle
import struct
import time
import warnings
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ensir.ensemble.bins import Bins
from ensir.ensemble.lookup_table import LookupTable, Origin, Provenance
from ensir.errors import InputError
from ensir.limits import MOST_OPERATIONS, MOST_PUBLISHED_BYTES
from ensir.published_tables import published_bytes, read_published_table
from ensir.torch_archive import is_torch_archive
from tests.conftest import SHARED

Cells = dict[int | tuple[int, ...], list[Tensor]]  # a released table as a dict

GOLDEN = SHARED / "golden" / "published_tables.json"
TABLES = json.loads(GOLDEN.read_text())["tables"] if GOLDEN.exists() else {}
RELEASED = pytest.mark.parametrize(
    "file",
    sorted(TABLES)
    or [pytest.param("", marks=pytest.mark.skip(reason="the released tables are not here"))],
)
FUZZ = settings(max_examples=250, derandomize=True, deadline=None, database=None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


def read_released(file: str) -> LookupTable:
    return read_published_table(SHARED / "ensir_luts" / file, TABLES[file]["models"])


def small_table(members: int = 2, width: int = 128) -> Cells:
    """What torch.save gets for a small table; every third cell copies the one before it."""
    drawn = torch.Generator().manual_seed(5)
    bins = Bins(width, members)
    edges = (bins.bins_of(torch.arange(bins.sets)) * width).tolist()
    cells: list[Tensor] = []
    for place in range(3 * bins.sets):
        new = torch.rand(members, generator=drawn).softmax(0)
        cells.append(cells[-1] if place % 3 == 2 else new)
    return {
        tuple(edge) if members > 1 else edge[0]: cells[3 * place : 3 * place + 3]
        for place, edge in enumerate(edges)
    }


def saved(value: object) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def members_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def zipped(members: Iterable[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip of (name, content) pairs; a name may come twice."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of a second member of one name
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=method)
    return file.getvalue()


def with_pickle(content: bytes) -> bytes:
    """A small table's file with another pickle in it."""
    return zipped((SMALL_MEMBERS | {"archive/data.pkl": content}).items())


SMALL = saved(small_table())
SMALL_MEMBERS = members_of(SMALL)
SMALL_PICKLE = SMALL_MEMBERS["archive/data.pkl"]


def read_bytes(folder: Path, data: bytes, names: Sequence[str] | None = ("A", "B")) -> LookupTable:
    path = folder / "given.pth"
    path.write_bytes(data)
    return read_published_table(path, names)


def refusal(folder: Path, data: bytes, names: Sequence[str] | None = ("A", "B")) -> str:
    """The sentence that refuses these bytes: one line, the file's name, no folder."""
    with pytest.raises(InputError) as caught:
        read_bytes(folder, data, names)
    sentence = str(caught.value)
    assert sentence.startswith("given.pth ") and "\n" not in sentence
    assert str(folder) not in sentence and len(sentence) < 400
    return sentence


def valid_or_refused(folder: Path, data: bytes) -> None:
    try:
        table = read_bytes(folder, data)
    except InputError as error:
        assert str(error).startswith("given.pth ")
    else:
        assert isinstance(table, LookupTable)
        assert bool((table.weights >= 0).all())
        assert float((table.weights.sum(-1) - 1).abs().max()) <= 1e-6


@RELEASED
def test_a_released_table_has_the_golden_weights(file: str) -> None:
    table, golden = read_released(file), TABLES[file]
    weights = table.weights.transpose(0, 1).float().contiguous().numpy()
    assert hashlib.sha256(weights.tobytes()).hexdigest() == golden["weights_sha256"]
    assert table.bins == Bins(golden["bin_width"], golden["num_models"])
    assert table.weights.shape == (3, golden["num_keys"], 3)
    for cell in golden["sample_cells"]:
        edges = table.bins.bins_of(torch.tensor(cell["index"])) * table.bins.width
        assert edges.tolist() == cell["key"]
        assert table.weights[:, cell["index"]].tolist() == cell["weights"]
    sums = table.weights.sum(-1)
    assert sums.min().item() == pytest.approx(golden["weight_sum_min"], abs=1e-12)
    assert sums.max().item() == pytest.approx(golden["weight_sum_max"], abs=1e-12)


@RELEASED
def test_a_released_table_repeats_cells_as_often_as_the_golden_count(file: str) -> None:
    table, golden = read_released(file), TABLES[file]
    visited = table.weights.transpose(0, 1).reshape(-1, 3)
    equal = (visited[1:] == visited[:-1]).all(-1)
    assert int(equal.sum()) == golden["cells_equal_to_previous_in_scan_order"]
    empty = table.origin.T.reshape(-1) == Origin.EMPTY
    assert not empty[0] and bool(equal[empty[1:]].all())
    # Only Rain100H has two neighbours that are equal by chance, each with values of its own.
    apart = 2 if "Rain100H" in file else 0
    assert int(empty.sum()) == int(equal.sum()) - apart
    assert bool((table.count == -1).all())
    assert table.provenance == Provenance(method="released")


@RELEASED
def test_a_released_table_equals_what_torch_reads_bit_by_bit(file: str) -> None:
    table = read_released(file)
    cells = torch.load(SHARED / "ensir_luts" / file, weights_only=True)
    for row, key in enumerate(sorted(cells)):
        for channel in range(3):
            ours = table.weights[channel, row].float().view(torch.int32)
            assert torch.equal(ours, cells[key][channel].view(torch.int32))


@RELEASED
def test_a_released_table_fuses_as_masks_over_its_keys_do(file: str) -> None:
    table = read_released(file)
    cells = torch.load(SHARED / "ensir_luts" / file, weights_only=True)
    drawn = torch.Generator().manual_seed(1)
    candidates = torch.randint(256, (3, 3, 11, 13), generator=drawn).to(torch.uint8)
    width = table.bins.width
    slow = torch.zeros(3, 11, 13, dtype=torch.float64)
    for key, weights in cells.items():
        lower = torch.tensor(key).reshape(3, 1, 1, 1)
        mask = ((candidates >= lower) & (candidates < lower + width)).all(0)
        for channel in range(3):
            mean = torch.einsum(
                "m,mhw->hw", weights[channel].double(), candidates[:, channel].double()
            )
            slow[channel][mask[channel]] = mean[mask[channel]]
    fused = table.fuse(candidates).image
    assert torch.allclose(fused.double(), slow, atol=1e-4, rtol=0)
    lowest, highest = candidates.amin(0), candidates.amax(0)
    assert bool(((fused >= lowest) & (fused <= highest)).all())


@RELEASED
def test_a_released_table_without_names_proposes_those_of_its_file_name(file: str) -> None:
    with pytest.raises(InputError) as caught:
        read_published_table(SHARED / "ensir_luts" / file, None)
    assert str(caught.value) == (
        f"{file} does not say its candidates: name 3 in order "
        f"(the file name suggests {', '.join(TABLES[file]['models'])})"
    )


@RELEASED
def test_a_released_table_written_again_reads_the_same(file: str, folder: Path) -> None:
    table = read_released(file)
    again = read_bytes(folder, published_bytes(table), TABLES[file]["models"])
    assert torch.equal(again.weights, table.weights)
    assert torch.equal(again.origin, table.origin)
    assert again.bins == table.bins


@pytest.mark.parametrize("members, width", [(1, 256), (1, 1), (1, 200), (2, 96), (3, 64), (4, 64)])
def test_a_table_of_each_form_survives_a_round_trip(folder: Path, members: int, width: int) -> None:
    names = tuple("ABCD"[:members])
    cells = small_table(members, width)
    table = read_bytes(folder, saved(cells), names)
    assert table.bins == Bins(width, members)
    again = read_bytes(folder, published_bytes(table), names)
    assert torch.equal(again.weights, table.weights)
    assert torch.equal(again.origin, table.origin)
    for row, key in enumerate(sorted(cells)):
        assert torch.equal(table.weights[:, row].float(), torch.stack(cells[key]))


@pytest.mark.parametrize("members", [1, 2])
def test_a_written_table_is_the_dict_that_the_released_code_reads(
    folder: Path, members: int
) -> None:
    table = read_bytes(folder, saved(small_table(members)), tuple("AB"[:members]))
    cells = torch.load(io.BytesIO(published_bytes(table)), weights_only=True)
    assert list(cells) == ([0, 128] if members == 1 else [(0, 0), (0, 128), (128, 0), (128, 128)])
    for cell in cells.values():
        assert [(weights.dtype, weights.shape) for weights in cell] == [
            (torch.float32, (members,))
        ] * 3


def test_keys_in_another_order_give_the_same_table_in_key_order(folder: Path) -> None:
    cells = small_table()
    table = read_bytes(folder, saved(dict(reversed(cells.items()))))
    assert torch.equal(table.weights, read_bytes(folder, saved(cells)).weights)


def test_a_table_saved_under_a_name_beyond_ascii_is_read(folder: Path) -> None:
    path = folder / "Größe 表.pth"
    torch.save(small_table(), path)
    assert read_published_table(path, ["A", "B"]).bins == Bins(128, 2)


def test_the_largest_table_that_is_written_can_be_read(folder: Path) -> None:
    table = uniform_table(3, 15)
    assert torch.equal(
        read_bytes(folder, published_bytes(table), "ABC").weights.float(), table.weights.float()
    )
    with pytest.raises(InputError, match="too large"):
        published_bytes(uniform_table(3, 14))


def uniform_table(
    members: int, width: int, channels: int = 3, starts: Tensor | None = None
) -> LookupTable:
    bins = Bins(width, members)
    starts = torch.arange(bins.sets) if starts is None else starts
    rows = len(starts)
    return LookupTable(
        bins,
        torch.full((channels, rows, members), 1 / members, dtype=torch.float64),
        torch.zeros(channels, rows, dtype=torch.uint8),
        torch.ones(channels, rows, dtype=torch.int64),
        tuple("ABCDEFGH"[:members]),
        Provenance(method="em"),
        starts,
    )


@pytest.mark.parametrize(
    "table, sentence",
    [
        (uniform_table(3, 64, channels=1), "has 3 channels"),
        (uniform_table(5, 128), "up to 4 candidates"),
        (uniform_table(2, 64, starts=torch.tensor([0, 5])), "every bin set"),
        (uniform_table(4, 20), "too large"),
    ],
)
def test_a_table_that_the_released_code_cannot_use_is_not_written(
    table: LookupTable, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        published_bytes(table)


@pytest.mark.parametrize("value", [datetime.date(2024, 5, 1), Path("a"), print, {0: object()}])
def test_a_file_with_program_code_is_refused_and_says_so(folder: Path, value: object) -> None:
    # torch.save pickles anything; nothing here is ever read by an unpickler.
    sentence = refusal(folder, saved(value))
    assert "holds program code (" in sentence and sentence.endswith("), not a lookup table")


def test_the_refused_name_is_shown(folder: Path) -> None:
    assert "(datetime.date)" in refusal(folder, saved(datetime.date(2024, 5, 1)))


def test_a_refused_name_is_shown_without_control_characters(folder: Path) -> None:
    code = b"\x80\x02ca\x1b[31m\nb\x07c\n."
    assert "(a?[31m.b?c)" in refusal(folder, with_pickle(code))


@pytest.mark.parametrize(
    "value, sentence",
    [
        ([1, 2], "no dict"),
        ({}, "no dict"),
        ("text", "no dict"),
        ({"A": [torch.ones(1)] * 3}, "named by numbers"),
        ({256: [torch.ones(1)] * 3}, "0 to 255"),
        ({-1: [torch.ones(1)] * 3}, "0 to 255"),
        ({(): [torch.ones(1)] * 3}, "one form"),
        ({0: [torch.ones(1)] * 3, (0, 0): [torch.ones(2) / 2] * 3}, "one form"),
        ({(0,) * 5: [torch.full((5,), 0.2)] * 3}, "up to 4"),
        ({0: [torch.ones(1)] * 2}, "has 2 channels for the bin set from"),
        ({0: torch.ones(1)}, "no list of channels"),
        ({0: [1.0, 1.0, 1.0]}, "program code"),
        ({0: [1, 1, 1]}, "has no weights for channel R"),
        ({(0, 0): [torch.ones(3) / 3] * 3}, "has 3 weights for channel R"),
        ({0: [torch.ones(1)] * 3, 7: [torch.ones(1)] * 3}, r"from (14,)"),
        ({32: [torch.ones(1)] * 3}, "from (0,)"),
        (small_table(1, 64) | {100: [torch.ones(1)] * 3}, "no bin of width 64 begins"),
        ({0: [torch.ones(1, dtype=torch.float64)] * 3}, "program code (torch.DoubleStorage)"),
        ({0: [torch.ones(1, requires_grad=True)] * 3}, "program code"),
        ({0: [torch.ones(1, 1)] * 3}, "not one plain row"),
        ({0: [torch.ones(2)[1:]] * 3}, "offset"),
        ({0: [torch.ones(2)[:1]] * 3}, "not one plain row"),
        ({(0, 0): [torch.ones(4)[::2]] * 3}, "not one plain row"),
        ({0: [torch.ones(0)] * 3}, "has 0 bytes for a tensor of 0 values"),
        ({"x" * 65: 1}, "more than 64 characters"),
    ],
)
def test_another_value_is_refused_with_what_is_wrong(
    folder: Path, value: object, sentence: str
) -> None:
    assert sentence in refusal(folder, saved(value))


@pytest.mark.parametrize(
    "weights, sentence",
    [
        ([float("nan"), 0.5], "has the weight nan"),
        ([float("inf"), 0.5], "has the weight inf"),
        ([-0.25, 1.25], "has the weight -0.25"),
        ([0.5, 0.51], "add up to 1.01, not to 1"),
        ([0.0, 0.0], "add up to 0, not to 1"),
    ],
)
def test_a_wrong_weight_is_refused_naming_channel_and_bin_set(
    folder: Path, weights: list[float], sentence: str
) -> None:
    cells = small_table()
    cells[128, 0] = [cells[0, 0][0], torch.tensor(weights), cells[0, 0][2]]
    said = refusal(folder, saved(cells))
    assert sentence in said and "channel G of the bin set from (128, 0)" in said


def test_weights_off_by_little_are_divided_by_their_sum(folder: Path) -> None:
    cells = small_table()
    cells[128, 0][0] = torch.tensor([0.50004, 0.5])
    cells[128, 0][1] = torch.tensor([0.5000004, 0.5])
    table = read_bytes(folder, saved(cells))
    assert table.weights[0, 2].sum().item() == pytest.approx(1, abs=1e-15)
    assert table.weights[1, 2].tolist() == cells[128, 0][1].double().tolist()


def test_a_missing_bin_set_is_named(folder: Path) -> None:
    cells = small_table(3, 64)
    del cells[0, 64, 128]
    assert "from (0, 64, 128) at bin width 64" in refusal(folder, saved(cells), tuple("ABC"))


@pytest.mark.parametrize(
    "names, sentence",
    [
        (("A",), "is for 2 candidates; 1 is named"),
        (tuple("ABC"), "is for 2 candidates; 3 are named"),
        ((), "is for 2 candidates; 0 are named"),
        (("A", "A"), "names differ"),
        (("A", ""), "names differ"),
        (None, "given.pth does not say its candidates: name 2 in order"),
    ],
)
def test_names_that_do_not_fit_are_refused(
    folder: Path, names: Sequence[str] | None, sentence: str
) -> None:
    assert refusal(folder, saved(small_table()), names).endswith(sentence) or (
        "names differ" in sentence
    )


def test_compressed_encrypted_and_doubled_members_are_refused(folder: Path) -> None:
    data = SMALL
    members = list(members_of(data).items())
    assert "compressed" in refusal(folder, zipped(members, zipfile.ZIP_DEFLATED))
    assert "twice" in refusal(folder, zipped([*members, members[-1]]))
    assert "not one of torch.save" in refusal(folder, zipped([*members, ("b/data.pkl", b".")]))
    assert "not one of torch.save" in refusal(folder, zipped(members[1:]))
    encrypted = bytearray(data)
    directory = data.index(b"PK\x01\x02")
    encrypted[directory + 8] |= 1
    assert "encrypted" in refusal(folder, bytes(encrypted))


def test_a_file_of_a_big_endian_machine_is_refused(folder: Path) -> None:
    members = SMALL_MEMBERS | {"archive/byteorder": b"big"}
    assert "big-endian" in refusal(folder, zipped(members.items()))


def test_members_that_overlap_or_lie_about_their_size_are_refused(folder: Path) -> None:
    data = zipped(SMALL_MEMBERS.items())
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 1)
    shared = bytearray(data)
    shared[second + 42 : second + 46] = shared[first + 42 : first + 46]  # the member's place
    assert "overlap" in refusal(folder, bytes(shared))
    for place in (20, 24):
        lying = bytearray(data)
        struct.pack_into("<L", lying, first + place, 2**31)
        assert "compressed" in refusal(folder, bytes(lying))
    struct.pack_into("<L", lying, first + 20, 2**31)
    assert refusal(folder, bytes(lying))


def test_a_record_of_another_size_than_its_tensor_is_refused(folder: Path) -> None:
    members = dict(SMALL_MEMBERS)
    for content in (b"", b"\0" * 7, b"\0" * 12):
        changed = members | {"archive/data/0": content}
        assert "for a tensor of 2 values" in refusal(folder, zipped(changed.items()))
    del members["archive/data/0"]
    assert "lacks its member" in refusal(folder, zipped(members.items()))


def test_a_changed_record_fails_its_checksum(folder: Path) -> None:
    data = SMALL
    content = members_of(data)["archive/data/0"]
    changed = data.replace(content, content[:-1] + bytes([content[-1] ^ 1]), 1)
    assert "checksum" in refusal(folder, changed)


@pytest.mark.parametrize(
    "data, sentence",
    [
        (b"", "is not a lookup table: empty"),
        (b"weights: 0.3, 0.3, 0.4\n", "not a file of torch.save"),
        (b"\x89PNG\r\n\x1a\n" + bytes(25), "not a file of torch.save"),
        (pickle.dumps(datetime.date(2024, 5, 1)), "not a file of torch.save"),
        (b"PK\x03\x04", "damaged or cut off"),
        (b"PK\x03\x04" + bytes(200), "damaged or cut off"),
        (zipped([("photo.png", b"x")]), "not one of torch.save"),
    ],
)
def test_another_kind_of_file_is_refused(folder: Path, data: bytes, sentence: str) -> None:
    assert sentence in refusal(folder, data)


def test_a_folder_and_a_missing_file_are_refused(folder: Path) -> None:
    for path, fault in ((folder, "is not a file"), (folder / "missing.pth", "is not there")):
        with pytest.raises(InputError, match=f"{path.name} {fault}"):
            read_published_table(path, None)


def test_a_file_over_the_limit_is_refused(folder: Path) -> None:
    assert "8 MB" in refusal(folder, saved(small_table()) + bytes(MOST_PUBLISHED_BYTES))


def test_a_torch_archive_is_known_by_its_first_bytes() -> None:
    assert is_torch_archive(saved(1)[:4])
    assert not is_torch_archive(b"\x89PNG")
    assert not is_torch_archive(b"")


NESTED = b"(" + b"K\x00K\x00tq\x00" + b"h\x00h\x00\x86q\x00" * 200
LONG = b"(" + b"K\x00" * 99_999 + b"t"
HOSTILE = {
    "shared tuples, exponential to hash": b"\x80\x02" + NESTED + b"}h\x00K\x01s.",
    "shared tuples as arguments": b"\x80\x02" + NESTED + b"ccollections\nOrderedDict\nh\x00R.",
    "shared tuples as the value": b"\x80\x02(" + NESTED + b"t.",
    "a long tuple as many keys": b"\x80\x02}(" + LONG + b"q\x00h\x00" * 9999 + b"u.",
    "a list in itself": b"\x80\x02]q\x00h\x00a.",
    "a dict in itself": b"\x80\x02}q\x00K\x00h\x00s.",
    "a list as a key": b"\x80\x02}]K\x01s.",
    "a tuple too deep to walk": b"\x80\x02)" + b"\x85" * 300_000 + b".",
    "too many operations": b"\x80\x02" + b"(" * MOST_OPERATIONS + b".",
    "a text that claims 4 GB": b"\x80\x02X\xff\xff\xff\xff.",
    "a long whole number": b"\x80\x02I" + b"9" * 100_000 + b"\n.",
    "nothing": b"",
    "only an end": b".",
    "an end with more behind it": b"\x80\x02}..",
    "no end": b"\x80\x02}",
    "nothing remembered there": b"\x80\x02h\x07.",
    "nothing marked": b"\x80\x02t.",
    "a mark left": b"\x80\x02}(}.",
    "an odd number of items": b"\x80\x02}(K\x01u.",
    "a key twice": b"\x80\x02}(K\x01K\x01K\x01K\x01u.",
    "an append to a tuple": b"\x80\x02)K\x01a.",
    "a call of a number": b"\x80\x02K\x01)R.",
    "a call of a storage": b"\x80\x02ctorch\nFloatStorage\n)R.",
    "a call without arguments": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.",
    "a name as the value": b"\x80\x02ctorch\nFloatStorage\n.",
    "a name as a weight": b"\x80\x02}K\x00](ctorch\nFloatStorage\nK\x00)es.",
    "another version": b"\x80\x04}.",
    "a frame": b"\x80\x02\x95\x00\x00\x00\x00\x00\x00\x00\x00}.",
}  # fmt: skip


@pytest.mark.parametrize("code", HOSTILE.values(), ids=HOSTILE)
def test_a_pickle_built_to_hurt_is_refused_quickly(folder: Path, code: bytes) -> None:
    start = time.thread_time()
    assert refusal(folder, with_pickle(code))
    assert time.thread_time() - start < 5  # 0.5 s here for the longest; some would never end


def test_a_tensor_in_place_of_a_number_is_refused(folder: Path) -> None:
    """Tensors compare element by element: a shape or a function that is one must not be asked."""
    storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
    storage += b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x02tQ"
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x00%sK\x01\x85\x89}tR"
    tensor = rebuild % b"K\x02\x85"
    assert "no dict" in refusal(folder, with_pickle(b"\x80\x02" + tensor + b"."))
    for shape in (tensor, tensor + b"\x85"):
        changed = b"\x80\x02" + rebuild % shape + b"."
        assert "not one plain row" in refusal(folder, with_pickle(changed))
    called = b"\x80\x02" + tensor + b")R."
    assert "unexpected call" in refusal(folder, with_pickle(called))


def test_a_file_cut_off_anywhere_is_refused(folder: Path) -> None:
    data = SMALL
    for length in range(0, len(data), len(data) // 300):
        assert refusal(folder, data[:length])


@FUZZ
@given(place=st.integers(0, len(SMALL) - 1), value=st.integers(0, 255))
def test_a_file_with_one_byte_changed_is_read_or_refused(
    folder: Path, place: int, value: int
) -> None:
    data = bytearray(SMALL)
    data[place] = value
    valid_or_refused(folder, bytes(data))


@FUZZ
@given(
    changes=st.lists(
        st.tuples(st.integers(0, len(SMALL_PICKLE) - 1), st.integers(0, 255)),
        min_size=1,
        max_size=4,
    )
)
def test_a_pickle_with_bytes_changed_in_a_sound_zip_is_read_or_refused(
    folder: Path, changes: list[tuple[int, int]]
) -> None:
    code = bytearray(SMALL_PICKLE)
    for place, value in changes:
        code[place] = value
    valid_or_refused(folder, with_pickle(bytes(code)))


OPERATIONS = st.sampled_from(
    [bytes([code]) for code in b"}])(.RtaeusQ\x85\x86\x87\x89"]
    + [b"K\x00", b"K\x01", b"K\x02", b"q\x00", b"q\x01", b"h\x00", b"h\x01", b"X\x01\x00\x00\x000"]
    + [b"X\x07\x00\x00\x00storage", b"X\x03\x00\x00\x00cpu", b"ctorch\nFloatStorage\n"]
    + [b"ctorch._utils\n_rebuild_tensor_v2\n", b"ccollections\nOrderedDict\n"]
)


@FUZZ
@given(operations=st.lists(OPERATIONS, max_size=40), at=st.integers(0, len(SMALL_PICKLE)))
def test_allowed_operations_put_anywhere_are_read_or_refused(
    folder: Path, operations: list[bytes], at: int
) -> None:
    extra = b"".join(operations)
    valid_or_refused(folder, with_pickle(SMALL_PICKLE[:at] + extra + SMALL_PICKLE[at:]))
    valid_or_refused(folder, with_pickle(b"\x80\x02" + extra + b"."))


@FUZZ
@given(content=st.binary(min_size=8, max_size=8))
def test_any_values_in_a_record_are_read_or_refused(folder: Path, content: bytes) -> None:
    members = SMALL_MEMBERS | {"archive/data/0": content}
    valid_or_refused(folder, zipped(members.items()))
    weights = np.frombuffer(content, "<f4")
    if not np.isfinite(weights).all():
        assert "has the weight" in refusal(folder, zipped(members.items()))
