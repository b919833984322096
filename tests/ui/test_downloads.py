import io
from pathlib import Path

import numpy as np
import pytest
import torch

from ensir.comparison import Comparison, compare
from ensir.errors import InputError
from ensir.images import read_image
from ensir.table_files import read_table
from ensir.ui.downloads import DOWNLOADS, fused_file, table_file, weights_file

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


def test_files_lie_in_the_folder_of_the_app_and_are_written_once(
    small: Comparison, uploads: Path
) -> None:
    for make in DOWNLOADS.values():
        path = Path(make(small))
        written = path.stat().st_mtime_ns
        assert path.parent.parent == uploads
        assert make(small) == str(path)
        assert path.stat().st_mtime_ns == written
