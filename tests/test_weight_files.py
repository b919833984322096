import io

import numpy as np
import pytest
import torch

from ensir.comparison import Comparison, compare
from ensir.weight_files import weights_bytes
from tests.conftest import make_pictures, make_statistics

PICTURES = make_pictures(seed=41, members=3, height=30, width=20, contrast=25)
NAMES = ("A", "<b>", "Grün")


@pytest.fixture(scope="module")
def compared() -> Comparison:
    return compare(
        dict(zip("ABC", PICTURES[0], strict=True)),
        reference=make_statistics(PICTURES, 16),
        bin_width=32,
    )


def test_the_file_holds_the_weights_and_the_names(compared: Comparison) -> None:
    loaded = np.load(io.BytesIO(weights_bytes(compared.fusion, NAMES)), allow_pickle=False)
    assert set(loaded) == {"weights", "names"}
    assert loaded["names"].tolist() == list(NAMES)
    assert loaded["weights"].dtype == np.float32
    assert torch.equal(torch.from_numpy(loaded["weights"]), compared.fusion.weights.float())


def test_the_file_is_the_same_each_time_and_however_many_rows_are_done_at_once(
    compared: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = weights_bytes(compared.fusion, NAMES)
    assert weights_bytes(compared.fusion, NAMES) == whole
    monkeypatch.setattr("ensir.weight_files.ROWS_AT_ONCE", 7)
    assert weights_bytes(compared.fusion, NAMES) == whole


def test_the_same_weight_everywhere_is_written_everywhere() -> None:
    averaged = compare({"A": PICTURES[0][0], "B": PICTURES[0][1]})
    loaded = np.load(io.BytesIO(weights_bytes(averaged.fusion, "AB")))
    assert loaded["weights"].shape == (2, 3, 30, 20)
    assert (loaded["weights"] == 0.5).all()
