"""Checkpoints against what torch.save was given, and files that must be refused."""

import copy
import datetime
import hashlib
import io
import json
import pickle
import random
import struct
import tarfile
import time
import warnings
import zipfile
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import save as saved_safetensors
from torch import Tensor, nn

from ensir.checkpoints import PARTS, Checkpoint, read_checkpoint, require_names
from ensir.errors import InputError
from ensir.legacy_archive import LEGACY_MAGIC

FLOATS = [torch.float32, torch.float16, torch.bfloat16, torch.float64]
WHOLE = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]
SHAPES = [(), (1,), (0,), (3, 0, 2), (7,), (4, 3), (2, 3, 3, 3), (1, 2, 1, 2, 1, 2, 1)]
CONTAINERS = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


def saved(value: object, zipped: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def read(folder: Path, data: bytes) -> Checkpoint:
    path = folder / "given.pth"
    path.write_bytes(data)
    return read_checkpoint(path)


def refusal(folder: Path, data: bytes) -> str:
    """The sentence that refuses these bytes: one line, the file's name, no folder."""
    with pytest.raises(InputError) as caught:
        read(folder, data)
    sentence = str(caught.value)
    assert sentence.startswith("given.pth ") and "\n" not in sentence
    assert str(folder) not in sentence and len(sentence) < 400
    return sentence


def random_tensor(shape: Sequence[int], dtype: torch.dtype, drawn: torch.Generator) -> Tensor:
    if dtype.is_floating_point:
        return torch.randn(tuple(shape), generator=drawn).to(dtype)
    if dtype == torch.bool:
        return torch.randint(2, shape, generator=drawn).bool()
    return torch.randint(0, 100, shape, generator=drawn).to(dtype)


def all_kinds(seed: int) -> dict[str, Tensor]:
    """A tensor of each type and shape."""
    drawn = torch.Generator().manual_seed(seed)
    return {
        f"{dtype}.{'x'.join(map(str, shape))}".replace("torch.", ""): random_tensor(
            shape, dtype, drawn
        )
        for dtype in FLOATS + WHOLE
        for shape in SHAPES
    }


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.PReLU(), nn.Conv2d(5, 3, 1))


def trained(seed: int = 0) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A network in DataParallel after one step of Adam, which then has its moments."""
    model = nn.DataParallel(network(seed))
    optimizer = torch.optim.Adam(model.parameters())
    model.module(torch.rand(1, 3, 6, 6)).sum().backward()
    optimizer.step()
    return model, optimizer


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """Equal to the bit, in the same order."""
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype and found[name].shape == tensor.shape
        assert bits(found[name]) == bits(tensor), name


def bits(tensor: Tensor) -> bytes:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


@CONTAINERS
@pytest.mark.parametrize("seed", range(3))
def test_tensors_of_each_type_and_shape_are_read_to_the_bit(
    folder: Path, zipped: bool, seed: int
) -> None:
    tensors = all_kinds(seed)
    found = read(folder, saved(tensors, zipped))
    assert_same(found.tensors, tensors)
    assert found.part == ""


def test_safetensors_are_read_to_the_bit(folder: Path) -> None:
    tensors = all_kinds(4)
    data = saved_safetensors(tensors, metadata={"format": "pt"})
    found = read(folder, data)
    assert_same(dict(sorted(found.tensors.items())), dict(sorted(tensors.items())))
    assert found.sha256 == hashlib.sha256(data).hexdigest()


@CONTAINERS
def test_the_digest_is_that_of_the_file(folder: Path, zipped: bool) -> None:
    data = saved(network().state_dict(), zipped)
    assert read(folder, data).sha256 == hashlib.sha256(data).hexdigest()


@CONTAINERS
def test_a_checkpoint_of_training_gives_the_weights_alone(folder: Path, zipped: bool) -> None:
    model, optimizer = trained()
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 3, 3])
    checkpoint = {
        "epoch": 3,
        "best": 31.25,
        "loss": torch.tensor(float("nan")),  # not a weight: not looked at
        "state_dict": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": schedule.state_dict(),
        "random": torch.get_rng_state(),
        "history": defaultdict(list, {"psnr": [30.5, None, True, 2**40]}),
        "counts": Counter("aab"),
    }
    found = read(folder, saved(checkpoint, zipped))
    assert_same(found.tensors, model.module.state_dict())
    assert found.part == "state_dict"
    again = network(seed=1)
    again.load_state_dict(found.tensors)
    picture = torch.rand(1, 3, 8, 8)
    assert torch.equal(again.eval()(picture), model.module.eval()(picture))


def test_the_optimizer_is_not_looked_at_beyond_its_description(folder: Path) -> None:
    model, optimizer = trained()
    data = saved({"state_dict": model.state_dict(), "optimizer": optimizer.state_dict()})
    weights = len({tensor.data_ptr() for tensor in model.state_dict().values()})
    members = members_of(data)
    for name in members:
        if "/data/" in name and int(name.rpartition("/")[2]) >= weights:
            members[name] = b""
    assert_same(read(folder, zip_of(members.items())).tensors, model.module.state_dict())


@CONTAINERS
@pytest.mark.parametrize("part", PARTS)
def test_weights_are_found_under_each_name(folder: Path, zipped: bool, part: str) -> None:
    weights = network().state_dict()
    found = read(folder, saved({"iteration": 5, part: weights}, zipped))
    assert found.part == part
    assert_same(found.tensors, weights)


def test_averaged_weights_are_preferred(folder: Path) -> None:
    parts = {part: {"weight": torch.full((2,), float(place))} for place, part in enumerate(PARTS)}
    found = read(folder, saved(dict(reversed(parts.items()))))
    assert found.part == "params_ema" and found.tensors["weight"].tolist() == [0, 0]


def test_a_prefix_is_taken_off_only_if_all_names_have_it(folder: Path) -> None:
    one = torch.ones(1)
    found = read(folder, saved({"module.module.a": one, "module.b": one}))
    assert list(found.tensors) == ["module.a", "b"]
    found = read(folder, saved({"module.module.a": one, "module.module.b": one}))
    assert list(found.tensors) == ["a", "b"]
    found = read(folder, saved({"module.a": one, "b": one}))
    assert list(found.tensors) == ["module.a", "b"]
    found = read(folder, saved_safetensors({"module.a": torch.ones(1)}))
    assert list(found.tensors) == ["a"]


@CONTAINERS
def test_views_of_one_storage_share_it_and_are_where_they_were(folder: Path, zipped: bool) -> None:
    base = torch.arange(120.0)
    picture = base.reshape(2, 3, 4, 5)
    views = {
        "whole": base,
        "middle": base[40:60],
        "turned": base.reshape(10, 12).T,
        "every third": base[2::3],
        "window": base.reshape(10, 12)[3:7, 2:9],
        "channels last": picture.contiguous(memory_format=torch.channels_last),
        "of no values": base[120:],
        "one": base[7],
    }
    found = read(folder, saved(views, zipped)).tensors
    assert_same(found, views)
    assert all(found[name].stride() == view.stride() for name, view in views.items())
    found["whole"][45] = -1
    assert found["middle"][5] == -1 and found["turned"][9, 3] == -1
    assert found["channels last"].flatten().tolist() == picture.flatten().tolist()


@CONTAINERS
def test_parameters_and_tensors_with_gradients_are_plain_tensors(
    folder: Path, zipped: bool
) -> None:
    weight = nn.Parameter(torch.rand(3))
    saved_weights = OrderedDict(a=weight, b=weight, c=torch.rand(2, requires_grad=True))
    found = read(folder, saved(saved_weights, zipped)).tensors
    assert_same(found, saved_weights)
    assert all(type(tensor) is Tensor and not tensor.requires_grad for tensor in found.values())
    assert found["a"].data_ptr() == found["b"].data_ptr()


def test_the_file_may_be_deleted_and_the_tensors_changed(folder: Path) -> None:
    path = folder / "once.pth"
    torch.save({"a": torch.ones(3)}, path)
    found = read_checkpoint(path)
    path.unlink()
    found.tensors["a"] += 1
    assert found.tensors["a"].tolist() == [2, 2, 2]


def test_torch_reads_the_same(folder: Path) -> None:
    model, _ = trained()
    for zipped in (True, False):
        data = saved(model.state_dict(), zipped)
        theirs = torch.load(io.BytesIO(data), weights_only=True)
        ours = read(folder, data).tensors
        assert_same({f"module.{name}": tensor for name, tensor in ours.items()}, dict(theirs))


# What torch.save writes, put together by hand: numbers, texts, a storage, a tensor of it.
def number(value: int) -> bytes:
    content = value.to_bytes(20, "little", signed=True)
    return b"\x8a\x14" + content


def text(value: str) -> bytes:
    return b"X" + struct.pack("<L", len(value.encode())) + value.encode()


def row(values: Iterable[int]) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def storage(count: int = 6, key: str = "0", kind: str = "FloatStorage", end: bytes = b"") -> bytes:
    parts = text("storage"), b"ctorch\n" + kind.encode() + b"\n", text(key), text("cpu")
    return b"(" + b"".join(parts) + number(count) + end + b"tQ"


def tensor(
    shape: Sequence[int] = (6,),
    strides: Sequence[int] = (1,),
    offset: int = 0,
    of: bytes | None = None,
) -> bytes:
    view = (of or storage()) + number(offset) + row(shape) + row(strides)
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + view + b"\x89}tR"


def dict_of(*items: tuple[str, bytes]) -> bytes:
    pairs = b"".join(text(name) + value for name, value in items)
    return b"\x80\x02}(" + pairs + b"u."


def zip_of(members: Iterable[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of a second member of one name
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=method)
    return file.getvalue()


def members_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


SIX = struct.pack("<6f", *range(6))


def zip_with(code: bytes, *contents: bytes) -> bytes:
    """A zip of this pickle and these storages, six values if none are given."""
    storages = {f"archive/data/{place}": part for place, part in enumerate(contents or (SIX,))}
    return zip_of({"archive/data.pkl": code, **storages}.items())


def legacy_with(code: bytes, keys: object = ("0",), storages: bytes | None = None) -> bytes:
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
    listed = pickle.dumps(list(keys) if isinstance(keys, tuple) else keys, 2)
    six = struct.pack("<q", 6) + SIX
    return LEGACY_MAGIC + pickle.dumps(system, 2) + code + listed + (storages or six)


def test_a_file_put_together_by_hand_is_read(folder: Path) -> None:
    code = dict_of(("a", tensor()))
    old = dict_of(("a", tensor(of=storage(end=b"N"))))
    oldest = code.replace(b"_rebuild_tensor_v2", b"_rebuild_tensor").replace(b"\x89}tR", b"tR")
    python_2 = b"\x80\x02ccollections\nOrderedDict\n](](U\x01a" + tensor() + b"ee\x85R."
    for data in (
        zip_with(code),
        zip_with(oldest),
        zip_with(python_2),
        legacy_with(old),
        legacy_with(code),
    ):
        assert read(folder, data).tensors["a"].tolist() == list(range(6))


OUTSIDE = {
    "a view past the end": (tensor((7,)), "would end after 7"),
    "an offset past the end": (tensor(offset=1), "would end after 7"),
    "an offset of nothing past the end": (tensor((0,), offset=7), "would end after 7"),
    "a stride past the end": (tensor((3,), (3,)), "would end after 7"),
    "a huge view": (tensor((2**30, 2**10), (2**10, 1)), "million parameters"),
    "a negative size": (tensor((-6,)), "whole numbers"),
    "a negative stride": (tensor(strides=(-1,), offset=5), "whole numbers"),
    "a negative offset": (tensor(offset=-1), "whole numbers"),
    "a size that overflows": (tensor((2**63,)), "whole numbers"),
    "sizes that overflow before a zero": (tensor((2**40, 2**40, 0), (1, 1, 1)), "whole"),
    "an offset that overflows": (tensor((1,), offset=2**64), "whole numbers"),
    "a stride that overflows": (tensor((1,), (2**70,)), "whole numbers"),
    "one value many times": (tensor((4,), (0,)), "overlap"),
    "rows that overlap": (tensor((2, 4), (2, 1)), "overlap"),
    "more strides than sizes": (tensor((6,), (1, 1)), "without a shape"),
    "too many dimensions": (tensor((1,) * 17, (1,) * 17), "up to 16"),
    "a truth value as a size": (tensor().replace(number(6) + b"t(", b"\x88t("), "without"),
    "a storage of a negative size": (tensor(of=storage(-6)), "not described as"),
    "a storage larger than the file": (
        tensor((4 * 10**8,), of=storage(4 * 10**8)),
        "24 bytes for the storage 0 of 1,600,000,000 bytes",
    ),
    "a storage larger than any file": (tensor(of=storage(2**60)), "not described as"),
    "a storage smaller than said": (tensor((5,), of=storage(5)), "24 bytes for the storage 0"),
    "a storage that is not there": (tensor(of=storage(key="9")), "lacks its member data/9"),
    "a storage elsewhere": (tensor(of=storage(key="../../x")), "lacks its member data/../../x"),
    "a view of a storage": (tensor(of=storage(end=row((0, 0, 6)))), "not described as"),
    "complex numbers": (tensor(of=storage(kind="ComplexFloatStorage")), "ComplexFloatStorage"),
    "a number for a storage": (tensor(of=number(1)), "an unexpected call"),
    "hooks": (tensor().replace(b"}tR", b"}K\x01K\x01stR"), "an unexpected call"),
    "a tensor as a shape": (tensor().replace(row((6,)), tensor()), "an unexpected call"),
    "a tensor as a key": (b"}" + tensor() + b"K\x01s", "has a key"),
}


@pytest.mark.parametrize("code, sentence", OUTSIDE.values(), ids=OUTSIDE)
def test_a_tensor_that_is_not_in_its_storage_is_refused(
    folder: Path, code: bytes, sentence: str
) -> None:
    assert sentence in refusal(folder, zip_with(dict_of(("a", code))))


def test_a_storage_described_in_two_ways_is_refused(folder: Path) -> None:
    for other in (storage(3), storage(kind="IntStorage")):
        code = dict_of(("a", tensor()), ("b", tensor((3,), of=other)))
        assert "in two ways" in refusal(folder, zip_with(code))


def test_one_list_made_into_many_dicts_costs_its_length_once(folder: Path) -> None:
    pairs = b"](" + b"".join(b"](" + number(place) + b"Ne" for place in range(1000)) + b"e"
    code = b"\x80\x02](ccollections\nOrderedDict\nq\x01" + pairs + b"q\x00\x85R"
    code += b"h\x01h\x00\x85R" * 50_000 + b"e."
    start = time.thread_time()
    assert "no dict of tensors" in refusal(folder, zip_with(code))
    assert time.thread_time() - start < 5  # 0.2 s here, and 2 GB less


@CONTAINERS
@pytest.mark.parametrize("value", [datetime.date(2024, 5, 1), Path("a"), print, nn.ReLU()])
def test_a_file_with_program_code_is_refused_and_says_so(
    folder: Path, zipped: bool, value: object
) -> None:
    for beside in ({"state_dict": {"a": torch.ones(1)}, "other": value}, value):
        sentence = refusal(folder, saved(beside, zipped))
        assert "holds program code (" in sentence and sentence.endswith("), not weights")


@CONTAINERS
@pytest.mark.parametrize(
    "value, sentence",
    [
        ([torch.ones(1)], "no dict of tensors"),
        (torch.ones(1), "no dict of tensors"),
        ("text", "no dict of tensors"),
        ({}, "holds no weights"),
        ({"epoch": 1}, "holds no weights, neither by themselves nor as params_ema, params, "),
        ({"state_dict": {}}, "holds no weights"),
        ({"state_dict": {"a": 1}}, "holds no weights"),
        ({"a": torch.ones(1), "b": 1.5}, "has b among its weights, which is no tensor"),
        ({"net": {"a": torch.ones(1), "b": {"c": torch.ones(1)}}}, "has b among its weights"),
        ({1: torch.ones(1)}, "has a weight called 1"),
        ({"a\n": torch.ones(1)}, "has a weight called a?,"),
        ({"a": torch.ones(1).expand(4)}, "overlap"),
        ({"a" * 1001: torch.ones(1)}, "text of more than 1000 characters"),
        ({"a": torch.ones(1, dtype=torch.complex64)}, "program code"),
        ({"a": torch.tensor([1.0, float("nan")])}, "weight of a that is infinite or not a number"),
        ({"a": torch.tensor(float("-inf")).half()}, "weight of a that is infinite"),
        ({"a": torch.tensor([[1, float("inf")]]).bfloat16()}, "weight of a that is infinite"),
    ],
    ids=range(17),
)
def test_another_value_is_refused_with_what_is_wrong(
    folder: Path, zipped: bool, value: object, sentence: str
) -> None:
    assert sentence in refusal(folder, saved(value, zipped))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("place", [0, 1, 500, 998, 999])
def test_one_value_that_is_not_finite_is_found_wherever_it_is(
    folder: Path, dtype: torch.dtype, place: int
) -> None:
    for value in ("nan", "inf", "-inf"):
        values = torch.ones(1000, dtype=dtype)
        values[place] = float(value)
        sentence = refusal(folder, saved_safetensors({"fine": torch.ones(2), "sick": values}))
        assert "weight of sick that is infinite or not a number" in sentence


def test_what_is_not_finite_outside_of_a_view_does_not_matter(folder: Path) -> None:
    values = torch.full((9,), float("nan"))
    values[3:6] = 1
    assert read(folder, saved({"a": values[3:6]})).tensors["a"].tolist() == [1, 1, 1]


def test_truth_values_are_0_or_1(folder: Path) -> None:
    code = dict_of(("a", tensor(of=storage(kind="BoolStorage"))))
    assert "truth values of a" in refusal(folder, zip_with(code, bytes([0, 1, 2, 0, 1, 0])))
    found = read(folder, zip_with(code, bytes([0, 1, 1, 0, 1, 0]))).tensors["a"]
    assert found.tolist() == [False, True, True, False, True, False]


HOSTILE = {
    "a list that holds itself": (b"\x80\x02]q\x00h\x00a.", "no dict of tensors"),
    "a dict that holds itself": (
        b"\x80\x02}q\x00X\x03\x00\x00\x00neth\x00s.",
        "holds no weights",
    ),
    "a deep nest": (b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".", "no dict of tensors"),
    "too many operations": (b"\x80\x02" + b"N" * 2_000_001 + b".", "2,000,000 operations"),
    "a long number": (b"\x80\x02\x8a\xff" + b"\x7f" * 255 + b".", "no dict of tensors"),
    "a name that may not be called": (b"\x80\x02cos\nsystem\nX\x01\x00\x00\x00a\x85R.", "os."),
    "a name as the value": (b"\x80\x02ctorch\nFloatStorage\n.", "no dict of tensors"),
    "a name as a weight": (dict_of(("a", b"ctorch\nFloatStorage\n")), "holds no weights"),
    "a storage as a weight": (dict_of(("a", storage())), "holds no weights"),
    "an end in the middle": (dict_of(("a", tensor()))[:-40] + b".", "damaged"),
    "more behind the end": (dict_of(("a", tensor())) + b".", "damaged"),
}


@pytest.mark.parametrize("code, sentence", HOSTILE.values(), ids=HOSTILE)
@CONTAINERS
def test_a_pickle_built_to_hurt_is_refused(
    folder: Path, zipped: bool, code: bytes, sentence: str
) -> None:
    said = refusal(folder, zip_with(code) if zipped else legacy_with(code))
    assert not zipped or sentence in said


def test_a_zip_that_torch_never_writes_is_refused(folder: Path) -> None:
    members = list(members_of(saved({"a": torch.arange(6.0)})).items())
    assert read(folder, zip_of(members))
    assert "compressed" in refusal(folder, zip_of(members, zipfile.ZIP_DEFLATED))
    assert "twice" in refusal(folder, zip_of([*members, members[-1]]))
    other = zip_of([*members, ("b/data.pkl", b".")])
    assert "is not a checkpoint: a zip, but not one of torch.save" in refusal(folder, other)
    assert "big-endian" in refusal(
        folder, zip_of((dict(members) | {"archive/byteorder": b"big"}).items())
    )


def test_a_changed_value_fails_its_checksum(folder: Path) -> None:
    data = saved({"a": torch.arange(6.0)})
    assert "checksum of data/0" in refusal(folder, data.replace(SIX, SIX[:-1] + b"\x41"))


def test_a_legacy_file_whose_parts_do_not_agree_is_refused(folder: Path) -> None:
    code = dict_of(("a", tensor()))
    six = struct.pack("<q", 6) + SIX
    assert "list of storages" in refusal(folder, legacy_with(code, ()))
    assert "list of storages" in refusal(folder, legacy_with(code, ("1",)))
    assert "list of storages" in refusal(folder, legacy_with(code, ("0", "0"), 2 * six))
    assert "damaged" in refusal(folder, legacy_with(code, {"0": 1}))
    assert "damaged" in refusal(folder, legacy_with(code, (0,)))
    assert "more bytes" in refusal(folder, legacy_with(code, ("0",), six + b"\0"))
    assert "cut off" in refusal(folder, legacy_with(code, ("0",), six[:-1]))
    for count in (5, 7, -6, 2**62):
        changed = legacy_with(code, ("0",), struct.pack("<q", count) + SIX)
        assert "another size" in refusal(folder, changed)
    huge = dict_of(("a", tensor((4 * 10**8,), of=storage(4 * 10**8))))
    assert "cut off" in refusal(folder, legacy_with(huge))
    big_endian = legacy_with(code).replace(b"\x88", b"\x89", 1)
    assert "big-endian" in refusal(folder, big_endian)


def tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("storages"))
    return file.getvalue()


@pytest.mark.parametrize(
    "data, sentence",
    [
        (b"", "is not a checkpoint: empty"),
        (b"weights: 0.3, 0.3, 0.4\n", "neither of torch.save nor safetensors"),
        (b"\x89PNG\r\n\x1a\n" + bytes(25), "neither of torch.save nor safetensors"),
        (pickle.dumps({"a": [1.0]}), "neither of torch.save nor safetensors"),
        (b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'}", "neither of torch.save nor safetensors"),
        (tar(), "is a .tar of an early torch"),
        (b"PK\x03\x04", "damaged or cut off"),
        (b"PK\x03\x04" + bytes(200), "damaged or cut off"),
        (LEGACY_MAGIC, "damaged or cut off"),
        (zip_of([("photo.png", b"x")]), "is not a checkpoint: a zip, but not one of torch.save"),
    ],
    ids=range(10),
)
def test_another_kind_of_file_is_refused(folder: Path, data: bytes, sentence: str) -> None:
    assert sentence in refusal(folder, data)


def test_a_folder_and_a_missing_file_are_refused(folder: Path) -> None:
    for path, fault in ((folder, "is not a file"), (folder / "missing.pth", "is not there")):
        with pytest.raises(InputError, match=f"{path.name} {fault}"):
            read_checkpoint(path)


def test_a_file_over_the_limit_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved({"a": torch.ones(20_000), "b": torch.ones(3)})
    for name, limit, sentence in (
        ("MOST_CHECKPOINT_BYTES", 2**16, "more than 0.0625 MB"),
        ("MOST_PARAMETERS", 20_002, "million parameters"),
        ("MOST_TENSORS", 1, "has 2 tensors; the limit here is 1"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(f"ensir.checkpoints.{name}", limit)
            assert sentence in refusal(folder, data)
    assert read(folder, data)


def test_what_does_not_fit_into_memory_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("ensir.checkpoints.load_tensors", full)
    assert "memory of this machine" in refusal(folder, saved({"a": torch.ones(1)}))


def safetensors_with(header: object, content: bytes = SIX) -> bytes:
    said = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(said)) + said + content


GOOD = {"dtype": "F32", "shape": [6], "data_offsets": [0, 24]}


@pytest.mark.parametrize(
    "data",
    [
        safetensors_with({}, b""),
        safetensors_with({"__metadata__": {"a": "b"}}, b""),
        safetensors_with({"a": GOOD}, SIX[:-1]),
        safetensors_with({"a": GOOD}, SIX + b"\0"),
        safetensors_with({"a": GOOD, "b": GOOD}),
        safetensors_with({"a": GOOD | {"dtype": "C64"}}),
        safetensors_with({"a": GOOD | {"dtype": []}}),
        safetensors_with({"a": GOOD | {"shape": [-6]}}),
        safetensors_with({"a": GOOD | {"shape": [6.0]}}),
        safetensors_with({"a": GOOD | {"shape": 6}}),
        safetensors_with({"a": GOOD | {"shape": [[6]]}}),
        safetensors_with({"a": GOOD | {"shape": [6] + [1] * 16}}),
        safetensors_with({"a": GOOD | {"shape": [2**40, 2**40, 0], "data_offsets": [0, 0]}}, b""),
        safetensors_with({"a": GOOD | {"data_offsets": [24, 0]}}),
        safetensors_with({"a": GOOD | {"data_offsets": [-24, 0]}}),
        safetensors_with({"a": GOOD | {"data_offsets": [0.0, 24]}}),
        safetensors_with({"a": GOOD | {"data_offsets": [True, 25]}}),
        safetensors_with({"a": [1]}),
        safetensors_with({"a\x07": GOOD}),
        safetensors_with({"a" * 1001: GOOD}),
        safetensors_with({"__metadata__": 5, "a": GOOD}),
        safetensors_with(b'{"a":' + json.dumps(GOOD).encode() + b',"a":1}'),
        safetensors_with(b'{"a":' * 5000),
        safetensors_with(b'{"a":\xff}'),
        safetensors_with(b'{"a":' + b"9" * 5000 + b"}"),
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2**20 + 1) + b"{" + bytes(2**21),
    ],
    ids=range(27),
)
def test_a_safetensors_file_that_is_not_as_its_header_says_is_refused(
    folder: Path, data: bytes
) -> None:
    sentence = refusal(folder, data)
    assert "header does not describe its content" in sentence or "nor whole safetensors" in sentence
    assert read(folder, safetensors_with({"a": GOOD})).tensors["a"].tolist() == list(range(6))


@CONTAINERS
def test_a_file_cut_off_anywhere_is_refused(folder: Path, zipped: bool) -> None:
    data = saved({"epoch": 1, "state_dict": network().state_dict()}, zipped)
    for length in range(0, len(data), len(data) // 300):
        assert refusal(folder, data[:length])


def valid_or_refused(folder: Path, data: bytes) -> bool:
    """Whether the file was read; then its tensors take no more memory than itself."""
    try:
        found = read(folder, data)
    except InputError as error:
        sentence = str(error)
        assert sentence.startswith("given.pth ") and "\n" not in sentence
        return False
    storages = {
        tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes()
        for tensor in found.tensors.values()
    }
    assert found.tensors and sum(storages.values()) <= len(data)
    for tensor in found.tensors.values():
        assert bool(tensor.isfinite().all())
    return True


def changed(data: bytes, drawn: random.Random) -> bytes:
    """One to four bytes put in place of others, sometimes a piece taken out or put in again."""
    mutant = bytearray(data)
    for _ in range(drawn.randint(1, 4)):
        mutant[drawn.randrange(len(mutant))] = drawn.choice(
            [drawn.randrange(256), *b"}])(.RtaeusbQqhK\x85\x86\x87\x88\x89\x8a\x00\x01\xff"]
        )
    if drawn.random() < 0.2:
        begin, end = sorted(drawn.randrange(len(mutant)) for _ in range(2))
        piece = mutant[begin : min(end, begin + 40)]
        if drawn.random() < 0.5:
            del mutant[begin : begin + len(piece)]
        else:
            mutant[begin:begin] = piece
    return bytes(mutant)


def small_checkpoint() -> dict[str, object]:
    weights = {"a.weight": torch.arange(12.0).reshape(3, 4), "a.bias": torch.ones(3).half()}
    weights["a.turned"] = weights["a.weight"].T
    moments = {0: {"step": 1, "exp_avg": torch.ones(3, 4)}}
    return {"epoch": 1, "state_dict": OrderedDict(weights), "optimizer": {"state": moments}}


def test_mutated_files_are_read_or_refused(folder: Path) -> None:
    drawn = random.Random(20)
    value = small_checkpoint()
    zipped = saved(value)
    members = members_of(zipped)
    code = members["archive/data.pkl"]
    legacy = saved(copy.deepcopy(value), zipped=False)
    flat = saved_safetensors({"a": torch.arange(12.0).reshape(3, 4), "b": torch.ones(3).half()})
    assert all(valid_or_refused(folder, data) for data in (zipped, legacy, flat))
    read_count = 0
    for _ in range(1000):
        sound_zip = zip_of((members | {"archive/data.pkl": changed(code, drawn)}).items())
        for data in (
            changed(zipped, drawn),
            sound_zip,
            changed(legacy, drawn),
            changed(flat, drawn),
        ):
            read_count += valid_or_refused(folder, data)
    assert 100 < read_count < 3900  # both ways out are taken


def test_the_names_and_shapes_of_a_network_are_required() -> None:
    model = network()
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    require_names(expected, model.state_dict(), "a.pth")
    require_names({}, {}, "a.pth")
    require_names({"a": torch.Size([2])}, {"a": torch.ones(2)}, "a.pth")


def test_names_and_shapes_that_do_not_fit_are_named() -> None:
    expected = {"a": (2,), "b": (3, 3), "c": (), "d": (1,), "e": (1,), "f": (1,)}
    got = {"a": torch.ones(2), "b": torch.ones(9), "x\x1b": torch.ones(1)}
    with pytest.raises(InputError) as caught:
        require_names(expected, got, "model.pth")
    assert str(caught.value) == (
        "model.pth is not of this network: it lacks c, d, e and 1 more, and has unknown x?, "
        "and has b of shape (9,) for (3, 3); choose its own weights"
    )
