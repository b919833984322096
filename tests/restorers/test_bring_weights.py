"""Files of others become ours with nothing lost, or are refused."""

import math
import os
import pickle
import tracemalloc
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from zipfile import ZIP_DEFLATED as DEFLATED

import pytest
import torch

from ensir.__main__ import main
from ensir.checkpoints import read_checkpoint
from ensir.errors import InputError
from ensir.files import digest
from ensir.images import encode_png
from ensir.limits import MOST_CHECKPOINT_BYTES
from ensir.restorers import bring_weights as module
from ensir.restorers.architectures import ARCHITECTURES
from ensir.restorers.bring_weights import add_weights, get_weights
from ensir.restorers.mprnet import DERAINING, MPRNet
from ensir.restorers.registry import ENTRIES
from ensir.restorers.restormer import WITH_BIAS, Restormer
from ensir.restorers.weights import (
    WEIGHTS_FORMAT,
    load_weights,
    pack,
    weights_bytes,
    write_weights,
)
from ensir.restorers.weights_folder import header_of, network_restorers
from tests.restorers.test_weights_folder import (
    WITHOUT_A_LOOK,
    deraining,
    directly,
    folder,
    image,
    save,
    small,
)
from tests.test_checkpoints import (
    dict_of,
    legacy_with,
    safetensors_with,
    saved,
    storage,
    tensor,
    zip_of,
    zip_with,
)
from tests.test_downloads import CUT, Server, server

assert folder and server  # the fixtures


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_an_added_checkpoint_is_stored_bit_by_bit_with_its_hash(
    folder: Path, tmp_path: Path, zipped: bool
) -> None:
    network = deraining()
    path = save(tmp_path / "model_deraining.pth", network.state_dict(), zipped=zipped)
    output, restorer = add_weights(path)
    assert output == folder / "model_deraining.safetensors"
    assert restorer.name == "MPRNet deraining"
    header = header_of(output)
    assert header is not None and header["sha256"] == read_checkpoint(path).sha256
    stored = load_weights(output).tensors
    assert all(torch.equal(stored[name], it) for name, it in network.state_dict().items())
    assert add_weights(path)[0] == output  # again: nothing new
    assert [one.name for one in network_restorers().values()] == ["MPRNet deraining"]
    expected = directly(network, image())
    found = restorer.restore(image(), *WITHOUT_A_LOOK)
    assert (found.int() - expected.int()).abs().max() <= 1


def test_a_file_of_a_name_that_is_there_is_not_replaced(folder: Path, tmp_path: Path) -> None:
    path = save(tmp_path / "model_deraining.pth", deraining().state_dict())
    output, _ = add_weights(path)
    before = output.read_bytes()
    torch.manual_seed(1)
    save(path, MPRNet(DERAINING).state_dict())
    with pytest.raises(InputError, match="in the weights folder with other weights"):
        add_weights(path)
    assert output.read_bytes() == before


def test_our_own_file_is_added_as_it_is(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    write_weights(small("deraining", "restormer"), path)
    output, restorer = add_weights(path)
    assert output.read_bytes() == path.read_bytes()
    assert restorer.name == "small Restormer deraining"


def test_the_task_is_told_by_the_network_or_the_name_or_has_to_be_said(
    folder: Path, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    state = {name: it.half() for name, it in Restormer(WITH_BIAS).state_dict().items()}
    for name, task in (
        ("motion_deblurring", "deblurring"),
        ("single_image_defocus_deblurring", "defocus deblurring"),
    ):
        path = save(tmp_path / f"{name}.pth", state)
        output, restorer = add_weights(path)
        assert (restorer.task, restorer.name) == (task, f"Restormer {task}")
        output.unlink()
        path.unlink()
    path = save(tmp_path / "latest.pth", state)
    with pytest.raises(InputError, match="deraining or deblurring or defocus deblurring: say by"):
        add_weights(path)
    with pytest.raises(InputError, match="not denoising"):
        add_weights(path, "denoising")
    assert add_weights(path, "deraining")[1].name == "Restormer deraining, latest"


def test_a_known_hash_is_demanded(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "model_deraining.pth", deraining().state_dict())
    pinned = replace(module.entry_of("model_deraining"), sha256="0" * 64)  # type: ignore[type-var]
    monkeypatch.setattr(module, "entry_of", lambda file: pinned)
    with pytest.raises(InputError, match=r"not the file that github\.com/swz30/MPRNet offers"):
        add_weights(path)
    assert not list(folder.iterdir())


@pytest.fixture
def offered(server: Server, tmp_path: Path) -> Callable[[str], str]:
    """The links of a server that offers MPRNet's checkpoint for rain."""
    path = save(tmp_path / "there.pth", deraining().state_dict())
    server.content = path.read_bytes()
    return lambda path: f"http://127.0.0.1:{server.server_port}/{path}"


def unwatched(done: int, total: int) -> None:
    """Progress that nobody looks at."""


def test_a_link_with_its_hash_is_fetched_and_added_and_what_was_cut_off_goes_on(
    folder: Path, server: Server, offered: Callable[[str], str]
) -> None:
    sha256 = digest(server.content)
    with pytest.raises(InputError, match=r"model_deraining\.pth could not be fetched whole"):
        get_weights(offered("cut/model_deraining.pth"), unwatched, sha256=sha256)
    assert network_restorers() == {}  # half a file is none
    link = offered("a/model_deraining.pth?raw=1")
    output, restorer = get_weights(link, unwatched, sha256=sha256.upper())
    assert server.ranges == [None, f"bytes={CUT}-"]
    assert output == folder / "model_deraining.safetensors"
    assert restorer.name == "MPRNet deraining"
    header = header_of(output)
    assert header is not None and header["sha256"] == sha256
    assert [path.name for path in folder.rglob("*") if path.is_file()] == [output.name]


def test_what_a_link_brings_is_looked_at_as_any_file(
    folder: Path, server: Server, offered: Callable[[str], str]
) -> None:
    link, sha256 = offered("model_deraining.pth"), digest(server.content)
    with pytest.raises(InputError, match="another content than is known"):
        get_weights(link, unwatched, sha256="0" * 64)
    assert not [path for path in folder.rglob("*") if path.is_file()]
    with pytest.raises(InputError, match=r"^model_deraining\.pth .* not denoising"):
        get_weights(link, unwatched, sha256=sha256, task="denoising")
    asked = len(server.ranges)
    assert get_weights(link, unwatched, sha256=sha256)[1].task == "deraining"
    assert len(server.ranges) == asked  # it had come
    server.content = b"0.3, 0.3, 0.4"
    with pytest.raises(InputError, match=r"neither of torch\.save nor safetensors"):
        get_weights(link, unwatched, sha256=digest(server.content))
    assert [path.name for path in folder.iterdir() if path.is_file()] == [
        "model_deraining.safetensors"
    ]


def test_what_came_of_a_file_is_no_part_of_another_of_that_name(
    folder: Path, server: Server, offered: Callable[[str], str]
) -> None:
    with pytest.raises(InputError, match="could not be fetched whole"):
        get_weights(offered("cut/model_deraining.pth"), unwatched, sha256="0" * 64)
    get_weights(offered("model_deraining.pth"), unwatched, sha256=digest(server.content))
    assert server.ranges == [None, None]


@pytest.mark.parametrize(
    ("link", "sha256", "sentence"),
    [
        ("https://there/model.pth", None, "SHA-256 of its file, .* got 'none': say it by --sha256"),
        ("https://there/model.pth", "abc", "64 hexadecimal digits, got 'abc'"),
        ("https://there/", "0" * 64, "leads to '', wanted a file that ends in"),
        ("https://there/model.zip", "0" * 64, r"leads to 'model\.zip'"),
        ("https://there/a%2F..%5Cmodel.pth", "0" * 64, r"leads to '\.\.\\\\model\.pth'"),
        ("file:///etc/model.pth", "0" * 64, "fetched from an address of https://"),
    ],
)
def test_a_link_that_cannot_be_fetched_is_refused(
    folder: Path, link: str, sha256: str | None, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        get_weights(link, unwatched, sha256=sha256)


def test_a_published_network_is_fetched_by_its_name_where_link_and_hash_are_known(
    folder: Path,
    server: Server,
    offered: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(InputError, match="no published network 'magic'"):
        get_weights("magic", unwatched)
    with pytest.raises(InputError, match="no file with a known hash to fetch"):
        get_weights("mprnet deraining", unwatched)
    pinned = replace(ENTRIES[2], sha256=digest(server.content), link=offered("any"))
    monkeypatch.setattr(module, "ENTRIES", [pinned])
    assert get_weights("mprnet DERAINING", unwatched)[1].name == "MPRNet deraining"


@pytest.mark.parametrize("task", ["rain/snow", "", "..", "x" * 81, "a\nb"])
def test_a_task_that_cannot_be_listed_is_refused_before_anything_is_written(
    folder: Path, tmp_path: Path, task: str
) -> None:
    path = save(tmp_path / "mine.pth", small("deraining", "nafnet").tensors)
    with pytest.raises(InputError, match="would be listed with the task"):
        add_weights(path, task)
    assert not list(folder.iterdir())
    _, restorer = add_weights(path, "deraining")
    # Who trained it, and on what, is not known.
    assert restorer.name == "NAFNet deraining, mine" and "BSDS500" not in restorer.licence


def cut_off(data: bytes) -> bytes:
    return data[: len(data) // 2]


def one_bit_flipped(data: bytes) -> bytes:
    """Within the values, which are most of a file."""
    place = len(data) // 2
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


HUGE = 4 * 10**8  # values that a small file says it holds
VALUES = bytes(2**24)
BAD: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "nothing": ("model_deraining.pth", bytes, "not a checkpoint: empty"),
    "a text": ("weights.pth", lambda: b"0.3, 0.3, 0.4", "neither of torch.save nor safetensors"),
    "a picture": ("weights.pth", lambda: encode_png(image()), "neither of torch.save nor safe"),
    "a zip of something else": (
        "weights.pth",
        lambda: zip_of([("photo.png", b"x")]),
        "a zip, but not one of torch.save",
    ),
    "a zip that unpacks to a thousand times its size": (
        "bomb.pth",
        lambda: zip_of([("a/data.pkl", dict_of(("a", tensor()))), ("a/data/0", VALUES)], DEFLATED),
        "compressed",
    ),
    "a zip with a storage larger than the file": (
        "huge.pth",
        lambda: zip_with(dict_of(("a", tensor((HUGE,), of=storage(HUGE))))),
        "has 24 bytes for the storage 0 of 1,600,000,000 bytes",
    ),
    "a legacy file with a storage larger than the file": (
        "huge.pth",
        lambda: legacy_with(
            dict_of(("a", tensor((HUGE,), of=storage(HUGE)))), storages=HUGE.to_bytes(8, "little")
        ),
        "damaged or cut off",
    ),
    "safetensors of a million million values": (
        "huge.safetensors",
        lambda: safetensors_with({"a": described([10**12])}, b""),
        "header does not describe its content",
    ),
    "safetensors with a header larger than the file": (
        "huge.safetensors",
        lambda: (2**60).to_bytes(8, "little") + b"{}",
        "nor whole safetensors",
    ),
    "our own format with settings of a network beyond all measure": (
        "huge.safetensors",
        lambda: pack({"a": torch.ones(1)}, own_header(width=10**9)),
        "header does not describe a network",
    ),
    "our own format with weights of another network": (
        "mine.safetensors",
        lambda: pack({"a": torch.ones(1)}, own_header()),
        "is not of this network",
    ),
    "our own format cut off": (
        "mine.safetensors",
        lambda: cut_off(weights_bytes(small("denoising", "nafnet"))),
        "header does not describe its content",
    ),
    "a checkpoint cut off": (
        "model_deraining.pth",
        lambda: cut_off(saved(deraining().state_dict())),
        "damaged or cut off",
    ),
    "a legacy checkpoint cut off": (
        "model_deraining.pth",
        lambda: cut_off(saved(deraining().state_dict(), zipped=False)),
        "damaged or cut off",
    ),
    "a checkpoint with a flipped bit": (
        "model_deraining.pth",
        lambda: one_bit_flipped(saved(deraining().state_dict())),
        "damaged",
    ),
    "weights of a network that nobody knows here": (
        "resnet.pth",
        lambda: saved({"conv1.weight": torch.ones(64, 3, 7, 7)}),
        "holds no weights of MPRNet, NAFNet, Restormer",
    ),
    "a weight that is not a number": (
        "model_deraining.pth",
        lambda: saved({"a": torch.tensor([1.0, float("nan")])}),
        "infinite or not a number",
    ),
}


def described(shape: list[int]) -> dict[str, object]:
    return {"dtype": "F32", "shape": shape, "data_offsets": [0, 4 * math.prod(shape)]}


def own_header(**other: int) -> dict[str, object]:
    settings = asdict(ARCHITECTURES["nafnet"].small) | other
    return {
        "format": WEIGHTS_FORMAT,
        "task": "denoising",
        "architecture": "nafnet",
        "settings": settings,
    }


@pytest.fixture
def refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[Path], str]:
    """The one sentence of `ensir models add`, which must write nothing at all."""

    def add(path: Path) -> str:
        before = sorted(folder.parent.rglob("*"))
        assert main(["models", "add", str(path)]) == 2
        said = capsys.readouterr()
        assert not said.out and said.err.startswith(f"ensir: {path.name} ")
        assert said.err.count("\n") == 1 and str(folder.parent) not in said.err
        assert sorted(folder.parent.rglob("*")) == before
        return said.err

    return add


@pytest.mark.parametrize(("name", "content", "sentence"), BAD.values(), ids=BAD)
def test_a_bad_file_is_refused_in_a_sentence_and_nothing_is_written(
    refused: Callable[[Path], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    content: Callable[[], bytes],
    sentence: str,
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda package: None)  # with or without spandrel
    data = content()
    (tmp_path / name).write_bytes(data)
    tracemalloc.start()
    try:
        assert sentence in refused(tmp_path / name)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The file, once more the storages of its tensors, and what Python itself needs: never what a
    # header claims.
    assert most < 3 * len(data) + 8 * 2**20


def test_a_file_over_the_limit_is_refused_unread(
    refused: Callable[[Path], str], tmp_path: Path
) -> None:
    for name in ("large.pth", "large.safetensors"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(MOST_CHECKPOINT_BYTES + 1)  # no disk is taken for what was not written
        assert "more than 2048 MB, the limit here" in refused(tmp_path / name)


class Harmful:
    """What a pickle makes an unpickler call."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.trace}",)


@pytest.mark.parametrize("inside", ["alone", "beside the weights", "as a weight"])
@pytest.mark.parametrize("container", ["zip", "legacy", "pickle"])
def test_no_code_in_a_file_is_run(
    refused: Callable[[Path], str], tmp_path: Path, container: str, inside: str
) -> None:
    trace = tmp_path / "trace"
    harmful, weights = Harmful(trace), deraining().state_dict()
    value = {
        "alone": harmful,
        "beside the weights": {"state_dict": weights, "optimizer": harmful},
        "as a weight": {**weights, "tail.weight": harmful},
    }[inside]
    path = tmp_path / "model_deraining.pth"
    data = pickle.dumps(value) if container == "pickle" else saved(value, container == "zip")
    path.write_bytes(data)
    words = "neither of torch.save" if container == "pickle" else r"system"
    assert words in refused(path)
    assert not trace.exists()
    pickle.loads(pickle.dumps(harmful))  # an unpickler would have
    assert trace.exists()
