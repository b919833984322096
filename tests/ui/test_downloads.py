import io
import json
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from ensir.comparison import Comparison, compare
from ensir.errors import InputError
from ensir.images import read_image
from ensir.looks import Look, Panel
from ensir.maps import MAPS, map_picture, map_values
from ensir.maps.export import png_with_legend
from ensir.table_files import read_table
from ensir.ui.downloads import (
    DOWNLOADS,
    fused_file,
    maps_file,
    table_file,
    weights_file,
    workspace_file,
)
from ensir.ui.layers import ALL
from ensir.ui.reference import FILE
from ensir.ui.views import maps_of
from ensir.workspaces import read_workspace, workspace_bytes

pytestmark = pytest.mark.filterwarnings("default")


def test_the_fused_picture_is_that_of_the_engine(small: Comparison) -> None:
    path = Path(fused_file(small))
    assert path.name == "fused.png"
    assert torch.equal(read_image(path), small.fused.values)


def test_the_weights_are_those_of_the_engine(small: Comparison) -> None:
    path = Path(weights_file(small))
    assert path.name == "weights.npz"
    loaded = np.load(io.BytesIO(path.read_bytes()))
    assert loaded["names"].tolist() == ["A", "B", "C"]
    assert torch.equal(torch.from_numpy(loaded["weights"]), small.fusion.weights.float())


def test_the_table_fuses_again_to_the_same_picture(small: Comparison) -> None:
    path = Path(table_file(small))
    assert path.name == "table.safetensors"
    again = compare(small.candidates, reference=read_table(path))
    assert torch.equal(again.fusion.image, small.fusion.image)


def test_an_average_has_no_table(small: Comparison) -> None:
    with pytest.raises(InputError, match="there is no table to download"):
        table_file(compare(small.candidates))


def test_a_workspace_is_that_of_the_engine(small: Comparison) -> None:
    weights_and_view = [FILE, None, 32, "em", 1.0, False, "weight", ALL, 3, 7, "green", 100, None]
    look = Look((Panel("fused", "A", 0.25),), (3, 7.5, 2))
    chosen = ("denoising", 25, ["median"], False, *weights_and_view)
    path = Path(workspace_file(small, json.dumps(asdict(look)), *chosen))
    assert path.name == "workspace.zip"
    workspace = read_workspace(path)
    assert workspace.look == look
    assert torch.equal(workspace.comparison.fusion.image, small.fusion.image)
    assert (workspace.settings.x, workspace.settings.y) == (3, 7)
    assert path.read_bytes() == workspace_bytes(small, workspace.settings, look)
    assert read_workspace(workspace_file(small, None, *chosen)).look is None
    for nonsense in ("[", "{}", "1e999", "[" * 100_000):
        with pytest.raises(InputError, match="not how panels are looked into"):
            workspace_file(small, nonsense, *chosen)


def test_files_lie_in_the_folder_of_the_app_and_are_written_once(
    small: Comparison, uploads: Path
) -> None:
    for make in DOWNLOADS.values():
        path = Path(make(small))
        written = path.stat().st_ino
        assert path.parent.parent == uploads
        assert make(small) == str(path)
        assert path.stat().st_ino == written  # a file written again is another one


@pytest.mark.parametrize("kind", MAPS)
@pytest.mark.parametrize("channel", [ALL, "green"])
def test_maps_come_as_pictures_with_legends_and_as_the_numbers_of_the_engine(
    small: Comparison, tmp_path: Path, kind: str, channel: str
) -> None:
    path = Path(maps_file(small, kind, channel))
    assert path.name == "maps.zip"
    there = maps_of(small, kind, channel)
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        found = {name: file.read(name) for name in file.namelist()}
    numbered = [f"map_{place}" for place in range(1, len(there) + 1)]
    endings = [f"{name}.{ending}" for name in numbered for ending in ("png", "npy")]
    assert list(found) == [*endings, "maps.txt"]
    listed = found["maps.txt"].decode().splitlines()
    for name, layer, line in zip(numbered, there, listed, strict=True):
        assert line == f"{name}: {layer.title}"
        (values,) = map_values(small, layer)
        array = np.load(io.BytesIO(found[f"{name}.npy"]), allow_pickle=False)
        assert array.dtype == np.float32
        assert np.array_equal(array, values.numpy(), equal_nan=True)
        assert found[f"{name}.png"] == png_with_legend(small, layer, values)
        (tmp_path / f"{name}.png").write_bytes(found[f"{name}.png"])
        picture = read_image(tmp_path / f"{name}.png")
        assert torch.equal(picture[:, :40, :36], map_picture(small, layer, values))
        assert picture.shape[1] > 40  # the legend stands below


def test_no_name_of_a_model_is_that_of_a_file(small: Comparison) -> None:
    name = "../../<b> \\ 名.png"
    named = compare({name: small.candidates["A"], "B": small.candidates["B"]})
    with zipfile.ZipFile(maps_file(named, "weight", ALL)) as file:
        assert file.namelist() == [
            *("map_1.png", "map_1.npy", "map_2.png", "map_2.npy", "maps.txt")
        ]
        assert (
            f"map_1: weight of {name}, mean of the three channels" in file.read("maps.txt").decode()
        )


def test_the_same_maps_are_the_same_file(small: Comparison, uploads: Path) -> None:
    path = Path(maps_file(small, "error", "red"))
    data = path.read_bytes()
    path.unlink()
    assert maps_file(small, "error", "red") == str(path)
    assert path.read_bytes() == data
    assert path.parent.parent == uploads
    assert maps_file(small, "error", "blue") != str(path)


def test_maps_that_there_are_not_are_refused(small: Comparison) -> None:
    for comparison, kind, channel, sentence in (
        (compare(small.candidates), "error", ALL, "errors need a ground truth"),
        (small, "magic", ALL, "there is no map 'magic'"),
        (small, "weight", "alpha", "maps are of all three, red, green, blue"),
    ):
        with pytest.raises(InputError, match=sentence):
            maps_file(comparison, kind, channel)
