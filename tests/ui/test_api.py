"""The app's endpoints, asked over HTTP as another program would."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
import torch
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from ensir import write_statistics
from ensir.comparison import CHANNELS, FUSED, compare
from ensir.ensemble.levels import levels_of
from ensir.ensemble.lookup_table import LookupTable
from ensir.fitting import fit_statistics
from ensir.images import read_image, read_picture, write_image
from ensir.inspection import inspect_pixel
from ensir.limits import MOST_CANDIDATES
from ensir.published_tables import published_bytes
from ensir.restorers import restore_with
from ensir.summaries import about_table
from ensir.table_files import read_table, table_bytes, write_table
from ensir.ui import api, launch
from ensir.ui.inputs import FOREIGN
from ensir.ui.reference import sample_statistics, sample_words
from tests.conftest import make_pictures, make_statistics

# Gradio and pandas warn, and leave event loops to the garbage collector.
pytestmark = pytest.mark.filterwarnings("default")

MODELS = ["bilateral", "total variation", "median"]
PAIR = MODELS[:2]
CANDIDATES, _ = make_pictures(seed=21, members=3, height=40, width=36, contrast=20)
ABC = dict(zip("ABC", CANDIDATES, strict=True))
PIXELS = [[0, 128, 255], [10, 120, 250], [40, 131, 215]]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    yield launch(wait=False)
    gr.close_all(verbose=False)


@pytest.fixture(scope="module")
def client(address: str, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(address, verbose=False, download_files=tmp_path_factory.mktemp("answers"))


@pytest.fixture(scope="module")
def fitted() -> LookupTable:
    """Fitted for C, A and B in this order."""
    pictures = make_pictures(seed=22, members=3, height=64, width=64, contrast=20)
    gathered = replace(make_statistics(pictures, 32), candidate_names=("C", "A", "B"))
    return fit_statistics(gathered).table


@pytest.fixture
def beside(uploads: Path) -> Iterator[str]:
    """A picture beside the upload folder."""
    path = uploads.parent / f"{uploads.name}-beside.png"
    write_image(path, CANDIDATES[0])
    yield str(path)
    path.unlink()


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that Gradio fetches for a client."""
    addresses: list[str] = []

    async def fetch(url: str, cache_dir: str) -> str:
        addresses.append(url)
        raise OSError

    monkeypatch.setattr("gradio.processing_utils.async_ssrf_protected_download", fetch)
    return addresses


def call(address: str, endpoint: str, *arguments: object) -> tuple[str, Any]:
    """How a call ends, "complete" or "error", and what it answers; nothing is checked before."""
    if endpoint == "fuse" and len(arguments) == 5:
        arguments = (*arguments, False)  # nothing is cropped
    # Not json=: httpx refuses NaN.
    joined = httpx.post(
        f"{address}gradio_api/call/{endpoint}",
        content=json.dumps({"data": arguments}),
        headers={"content-type": "application/json"},
    )
    joined.raise_for_status()
    event = joined.json()["event_id"]
    ended = httpx.get(f"{address}gradio_api/call/{endpoint}/{event}", timeout=60)
    lines = dict(line.split(": ", 1) for line in ended.text.splitlines() if line)
    return lines["event"], json.loads(lines["data"])


def assert_refused(address: str, sentence: str, endpoint: str, *arguments: object) -> None:
    """The answer is this sentence and no path."""
    how, answer = call(address, endpoint, *arguments)
    assert how == "error"
    assert sentence in answer["error"]
    assert "/" not in answer["error"]
    assert "\n" not in answer["error"]
    assert os.environ["GRADIO_TEMP_DIR"] not in json.dumps(answer)


def assert_goes_on(address: str) -> None:
    """The next good call is answered."""
    assert call(address, "table_info", PAIR, 256, "em", None)[0] == "complete"


def file_data(path: str, **more: object) -> dict[str, object]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}


def uploaded_file(address: str, path: Path) -> dict[str, object]:
    """What a client sends for a file that it has uploaded."""
    with path.open("rb") as file:
        answer = httpx.post(f"{address}gradio_api/upload", files={"files": (path.name, file)})
    return file_data(answer.json()[0])


def saved(folder: Path) -> list[Any]:
    """A, B and C as files, ready to be uploaded."""
    for name, candidate in ABC.items():
        write_image(folder / f"{name}.png", candidate)
    return [handle_file(folder / f"{name}.png") for name in ABC]


def test_the_example_of_the_readme_fuses_as_the_engine_does(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_image(Path("noisy.png"), CANDIDATES[0])

    # The README shows these lines, with an address of its own.
    client = Client(address, download_files=".")
    models = ["non-local means", "bilateral", "median"]
    fused = client.predict([handle_file("noisy.png")], models, api_name="/fuse")
    pixels = [[200, 120, 60], [205, 118, 64], [198, 125, 61]]  # red, green, blue of each model
    answer = client.predict(pixels, models, bin_width=16, api_name="/weights_at")
    weights = answer["red"]["weights"]

    restored = restore_with(models, CANDIDATES[0], lambda done, of: None, lambda: False)
    expected = compare(restored, reference=sample_statistics(), bin_width=32, method="em")
    assert torch.equal(read_image(Path(fused)), levels_of(expected.fusion.image))
    assert Path(fused).is_relative_to(tmp_path)
    assert list(weights) == models
    assert sum(weights.values()) == pytest.approx(1, abs=1e-9)  # float64


def test_own_candidates_are_fused_with_uploaded_statistics(client: Client, tmp_path: Path) -> None:
    pictures = make_pictures(seed=22, members=3, height=64, width=64, contrast=20)
    gathered = make_statistics(pictures, 16)
    write_statistics(gathered, tmp_path / "mine.safetensors")
    expected = compare(ABC, reference=gathered, bin_width=64, method="published")
    assert not torch.equal(expected.fusion.image, expected.averaged.image)
    table = handle_file(tmp_path / "mine.safetensors")
    fused = client.predict(
        saved(tmp_path), list(ABC), 64, "published", table=table, api_name="/fuse"
    )
    assert torch.equal(read_image(Path(fused)), levels_of(expected.fusion.image))


@pytest.mark.parametrize(
    ("file", "order"),
    [
        ("mine.safetensors", "CAB"),
        ("weight_Rain_C_A_B_b32_rgb.pth", "CAB"),
        ("mine.pth", "ABC"),  # it does not say its candidates
    ],
)
def test_own_candidates_are_fused_with_an_uploaded_table(
    client: Client, fitted: LookupTable, file: str, order: str, tmp_path: Path
) -> None:
    path = tmp_path / file
    path.write_bytes((table_bytes if path.suffix == ".safetensors" else published_bytes)(fitted))
    expected = compare(ABC, reference=read_table(path, list(order)))
    assert not torch.equal(expected.fusion.image, expected.averaged.image)
    fused = client.predict(saved(tmp_path), list(ABC), table=handle_file(path), api_name="/fuse")
    assert torch.equal(read_image(Path(fused)), levels_of(expected.fusion.image))


def test_16_bits_and_transparency_are_kept(client: Client, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(23)
    deep = torch.randint(0, 65536, (2, 3, 20, 30), generator=generator).to(torch.uint16)
    alpha = torch.randint(0, 65536, (20, 30), generator=generator).to(torch.uint16)
    for name, picture in zip(PAIR, deep, strict=True):
        write_image(tmp_path / f"{name}.png", picture, alpha)
    files = [handle_file(tmp_path / f"{name}.png") for name in PAIR]
    fused = read_picture(Path(client.predict(files, PAIR, api_name="/fuse")))
    candidates = dict(zip(PAIR, deep, strict=True))
    expected = compare(candidates, alpha=alpha, reference=sample_statistics()).fused
    assert fused.values.dtype == torch.uint16
    assert torch.equal(fused.values, expected.values)
    assert fused.alpha is not None
    assert torch.equal(fused.alpha, alpha)


def test_the_weights_of_a_pixel_are_those_of_the_engine(client: Client) -> None:
    answer = client.predict(PIXELS, MODELS, 16, "published", api_name="/weights_at")
    candidates = {
        name: torch.tensor(pixel, dtype=torch.uint8).reshape(3, 1, 1)
        for name, pixel in zip(MODELS, PIXELS, strict=True)
    }
    compared = compare(candidates, reference=sample_statistics(), bin_width=16, method="published")
    pixel = inspect_pixel(compared, 0, 0)
    assert list(answer) == list(CHANNELS)
    for place, channel in enumerate(CHANNELS):
        bin_set = pixel.bin_sets[place]
        assert answer[channel] == {
            "bin_set": bin_set.number,
            "ranges": {name: list(bin_set.ranges[name]) for name in MODELS},
            "count": bin_set.count,
            "origin": bin_set.origin,
            "weights": {name: pixel.weights[name][place] for name in MODELS},
            "fused": pixel.values[FUSED][place],
        }


def test_the_weights_of_a_pixel_explain_its_fused_value(
    client: Client, fitted: LookupTable, tmp_path: Path
) -> None:
    write_table(fitted, tmp_path / "table.safetensors")
    table = handle_file(tmp_path / "table.safetensors")
    answer = client.predict(PIXELS, ["A", "B", "C"], table=table, api_name="/weights_at")
    for place, channel in enumerate(CHANNELS):
        one = answer[channel]
        for name, pixel in zip("ABC", PIXELS, strict=True):
            first, last = one["ranges"][name]
            assert first <= pixel[place] <= last == first + 31
        levels = [pixel[place] for pixel in PIXELS]
        fused = sum(w * v for w, v in zip(one["weights"].values(), levels, strict=True))
        assert list(one["weights"]) == ["A", "B", "C"]
        assert one["fused"] == pytest.approx(fused, abs=1e-4)  # the fused image is float32


def test_a_table_is_described_as_the_command_line_does(
    client: Client, fitted: LookupTable, tmp_path: Path
) -> None:
    def plain(table: LookupTable) -> object:
        return json.loads(json.dumps(about_table(table)))

    sample = sample_statistics()
    default = fit_statistics(sample.of_candidates(PAIR), 32, "em").table
    assert client.predict(PAIR, api_name="/table_info") == plain(default)
    other = fit_statistics(sample.of_candidates(MODELS[::-1]), 64, "published").table
    assert client.predict(MODELS[::-1], 64, "published", api_name="/table_info") == plain(other)
    write_table(fitted, tmp_path / "table.safetensors")
    table = handle_file(tmp_path / "table.safetensors")
    answer = client.predict(["A", "B", "C"], table=table, api_name="/table_info")
    assert answer == plain(fitted)


def test_the_published_schema_names_types_files_and_defaults(client: Client) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    common = {
        "models": "list[str]",
        "bin_width": "int",
        "method": "str",
        "table": "None | filepath",
    }
    own = {
        "/fuse": {"pictures": "list[filepath]", "crop": "bool"},
        "/weights_at": {"values": "list[list[int]]"},
        "/table_info": {},
    }
    for endpoint, more in own.items():
        about = endpoints[endpoint]
        types = {one["parameter_name"]: one["python_type"]["type"] for one in about["parameters"]}
        assert types == more | common
        defaults = {one["parameter_name"]: one["parameter_default"] for one in about["parameters"]}
        assert [defaults[name] for name in ("bin_width", "method", "table")] == [32, "em", None]
        assert about["description"]
    returned = [one["python_type"]["type"] for one in endpoints["/fuse"]["returns"]]
    assert returned == ["filepath"]


LIST_OF_NAMES = "models is a list of names, each a text of 1 to 80 printable characters"
BIN_WIDTH = "bin_width is a whole number from 1 to 256, got "
METHOD = "method is em or published or least-squares, got "
VALUES = "values is a list of 2 pixels [red, green, blue], one for each model"
PIXEL = "the pixel of total variation is not three whole numbers from 0 to 255"
SAMPLE_KNOWS = f"the samples know {sample_words()}"


@pytest.mark.parametrize(
    ("models", "sentence"),
    [
        ("bilateral", LIST_OF_NAMES),
        (None, LIST_OF_NAMES),
        ({"bilateral": "median"}, LIST_OF_NAMES),
        (["bilateral", 7], LIST_OF_NAMES),
        (["bilateral", ["median"]], LIST_OF_NAMES),
        (["bilateral", ""], LIST_OF_NAMES),
        (["bilateral", "two\nlines"], LIST_OF_NAMES),
        (["bilateral", "x" * 81], LIST_OF_NAMES),
        ([], "two or more"),
        (["bilateral"], "two or more"),
        (["bilateral", "bilateral"], "two models have the same name: name each once"),
        (
            [str(place) for place in range(MOST_CANDIDATES + 1)],
            "at most 16 candidates are fused here, got",
        ),
        (["bilateral", "fused"], "cannot be called 'fused' here"),
        (["bilateral", "nobody"], f"{SAMPLE_KNOWS}; got bilateral, nobody"),
    ],
)
def test_models_that_cannot_be_fused_are_refused(
    address: str, models: object, sentence: str
) -> None:
    assert_refused(address, sentence, "table_info", models, 32, "em", None)
    assert_goes_on(address)


@pytest.mark.parametrize(
    ("bin_width", "method", "sentence"),
    [
        (float("nan"), "em", BIN_WIDTH + "nan"),
        (float("inf"), "em", BIN_WIDTH + "inf"),
        (32.5, "em", BIN_WIDTH + "32.5"),
        (32.0, "em", BIN_WIDTH + "32.0"),
        (True, "em", BIN_WIDTH + "True"),
        (0, "em", BIN_WIDTH + "0"),
        (257, "em", BIN_WIDTH + "257"),
        (10**30, "em", BIN_WIDTH),
        ("32", "em", BIN_WIDTH + "'32'"),
        (None, "em", BIN_WIDTH + "None"),
        ([32], "em", BIN_WIDTH + "a list"),
        ({"width": 32}, "em", BIN_WIDTH + "an object"),
        (12, "em", "multiples of 8 only, got 12"),
        (32, "EM", METHOD + "'EM'"),
        (32, "x" * 10_000, METHOD + "'xxx"),
        (32, None, METHOD + "None"),
        (32, 1, METHOD + "1"),
        (32, ["em"], METHOD + "a list"),
        (32, {}, METHOD + "an object"),
    ],
)
def test_bin_widths_and_methods_that_do_not_exist_are_refused(
    address: str, bin_width: object, method: object, sentence: str
) -> None:
    assert_refused(address, sentence, "table_info", PAIR, bin_width, method, None)
    assert_goes_on(address)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (None, VALUES),
        ("[[1, 2, 3], [4, 5, 6]]", VALUES),
        ([], VALUES),
        ([[1, 2, 3]], VALUES),
        ([[1, 2, 3]] * 3, VALUES),
        ({"0": [1, 2, 3], "1": [4, 5, 6]}, VALUES),
        ([[1, 2, 3], 4], PIXEL),
        ([[1, 2, 3], "456"], PIXEL),
        ([[1, 2, 3], [4, 5]], PIXEL),
        ([[1, 2, 3], [4, 5, 6, 7]], PIXEL),
        ([[1, 2, 3], [4, 5, 256]], PIXEL),
        ([[1, 2, 3], [4, 5, -1]], PIXEL),
        ([[1, 2, 3], [4, 5, 6.0]], PIXEL),
        ([[1, 2, 3], [4, 5, True]], PIXEL),
        ([[1, 2, 3], [4, 5, None]], PIXEL),
        ([[1, 2, 3], [4, 5, float("nan")]], PIXEL),
        ([[1, 2, 3], [4, 5, 10**30]], PIXEL),
    ],
)
def test_values_that_are_no_pixels_are_refused(address: str, values: object, sentence: str) -> None:
    assert_refused(address, sentence, "weights_at", values, PAIR, 32, "em", None)
    assert_goes_on(address)


@pytest.mark.parametrize(
    ("pictures", "sentence"),
    [
        (None, "pictures is a list of one or more uploaded files"),
        ([], "pictures is a list of one or more uploaded files"),
        ("x.png", "pictures is a list of one or more uploaded files"),
        (["x.png"], FOREIGN),
        ([None], FOREIGN),
        ([7], FOREIGN),
        ([[]], FOREIGN),
        ([{}], FOREIGN),
        ([{"path": 7}], FOREIGN),
        ([{"url": "x.png"}], FOREIGN),
    ],
)
def test_pictures_that_are_no_files_are_refused(
    address: str, pictures: object, sentence: str
) -> None:
    assert_refused(address, sentence, "fuse", pictures, PAIR, 32, "em", None)
    assert_goes_on(address)


@pytest.mark.parametrize("place", ["picture", "table", "bin_width", "page"])
@pytest.mark.parametrize(
    "as_sent",
    [file_data, lambda path: file_data(path, is_stream=True), lambda path: {"path": path}],
)
def test_only_uploaded_files_are_read_and_no_address_is_fetched(
    address: str,
    beside: str,
    uploads: Path,
    fetched: list[str],
    as_sent: Callable[[str], dict[str, object]],
    place: str,
) -> None:
    for path in (
        beside,
        f"{uploads}/../{Path(beside).name}",
        str(uploads),
        "ensir/ui/api.py",
        "",
        "http://127.0.0.1/x.png",
        "https://example.org/x.png",
        "data:image/png;base64,AAAA",
        "file:///x.png",
        "\0",
    ):
        file = as_sent(path)
        arguments = {
            "picture": ("fuse", [file], PAIR, 32, "em", None),
            "table": ("table_info", PAIR, 32, "em", file),
            "bin_width": ("weights_at", PIXELS[:2], PAIR, {"of": file}, "em", None),
            "page": ("on_run", "Restore a picture", file, *[None] * 23),
        }[place]
        assert_refused(address, FOREIGN, *arguments)
    assert not fetched
    assert_goes_on(address)


@pytest.mark.parametrize(
    "hidden",
    [
        {"more": {"path": "http://example.org/x.png", "meta": {"_type": "gradio.FileData"}}},
        {"orig_name": {"path": "https://example.org/x.png"}},
        {"more": [[{"deep": {"path": "/etc/hostname"}}]]},
        {"meta": None},
        {"meta": {"path": "http://example.org/x.png"}},
    ],
)
def test_nothing_foreign_hides_in_a_file_that_was_uploaded(
    address: str, hidden: dict[str, object], fetched: list[str], tmp_path: Path
) -> None:
    write_image(tmp_path / "x.png", make_pictures(seed=1, members=2)[1])
    good = uploaded_file(address, tmp_path / "x.png")
    assert_refused(address, FOREIGN, "fuse", [{**good, **hidden}], PAIR, 32, "em", None)
    assert not fetched
    assert_goes_on(address)


def test_candidates_of_different_sizes_are_cropped_if_asked_for(
    client: Client, fitted: LookupTable, tmp_path: Path
) -> None:
    candidates, _ = make_pictures(seed=31, members=3, height=30, width=20)
    table = tmp_path / "table.safetensors"
    write_table(fitted, table)
    sizes = ((30, 20), (28, 20), (30, 19))
    files = []
    for name, candidate, (height, width) in zip("ABC", candidates, sizes, strict=True):
        write_image(tmp_path / f"{name}.png", candidate[:, :height, :width])
        files.append(handle_file(tmp_path / f"{name}.png"))
    given = {"table": handle_file(table), "crop": True, "api_name": "/fuse"}
    answer = client.predict(files, ["A", "B", "C"], **given)
    in_order = candidates[[2, 0, 1], :, :28, :19]  # the table is for C, A, B
    fused = fitted.fuse(in_order, dtype=torch.uint8).image
    assert torch.equal(read_image(Path(answer)), fused)


def test_another_number_of_pictures_than_models_is_refused(address: str, tmp_path: Path) -> None:
    write_image(tmp_path / "x.png", CANDIDATES[0])
    file = uploaded_file(address, tmp_path / "x.png")
    sentence = "one candidate for each of the 3 models; got 2 pictures"
    assert_refused(address, sentence, "fuse", [file, file], MODELS, 32, "em", None)
    assert_goes_on(address)


def test_uploads_that_cannot_be_used_are_named_without_their_folder(
    address: str, fitted: LookupTable, tmp_path: Path
) -> None:
    (tmp_path / "text.png").write_bytes(b"no picture")
    write_image(tmp_path / "good.png", CANDIDATES[0])
    write_table(fitted, tmp_path / "table.safetensors")
    text, good, table = (
        uploaded_file(address, tmp_path / name)
        for name in ("text.png", "good.png", "table.safetensors")
    )
    assert_refused(address, "text.png is not a PNG", "fuse", [text], PAIR, 32, "em", None)
    assert_refused(address, "good.png", "table_info", PAIR, 32, "em", good)
    other = "the table is for C, A, B; got bilateral, total variation"
    assert_refused(address, other, "table_info", PAIR, 32, "em", table)
    unknown = "no restorer 'A'"
    assert_refused(address, unknown, "fuse", [good], ["A", "B", "C"], 32, "em", table)
    assert_goes_on(address)


def test_the_client_raises_the_sentence(client: Client) -> None:
    with pytest.raises(AppError, match="two or more"):
        client.predict(["bilateral"], api_name="/table_info")


def test_a_table_of_the_samples_is_fitted_once() -> None:
    first, again = (api._lookup_table(["bilateral", "median"], 72, "em", None) for _ in range(2))
    assert first is again
    assert api._lookup_table(["median", "bilateral"], 72, "em", None) is not first
