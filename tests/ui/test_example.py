import json
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from ensir.comparison import scores
from ensir.ensemble import kernels
from ensir.files import digest
from ensir.images import read_image
from ensir.metrics import psnr
from ensir.restorers import restore_with
from ensir.restorers.weights_folder import SHIPPED
from ensir.ui import example as module
from ensir.ui.example import (
    ABOUT_STORED,
    BIN_WIDTH,
    PICTURE,
    RESTORERS,
    STORED,
    WIDTHS,
    begin_example,
    compare_example,
    example,
    example_files,
    page_is_open,
    rainy_picture,
    warm_up,
)

ABOUT = json.loads(ABOUT_STORED.read_bytes())

pytestmark = pytest.mark.filterwarnings("default")


def test_the_example_is_made_once_and_finished() -> None:
    opened = example()
    assert opened is example()
    assert tuple(opened.candidates) == RESTORERS
    assert opened.fits is not None


def test_the_stored_candidates_are_what_the_networks_make(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ensir.restorers.network.best_device", lambda: torch.device("cpu"))
    made = restore_with(RESTORERS, rainy_picture(), lambda done, total: None, lambda: False)
    for name, candidate in made.items():
        stored = read_image(STORED[name])
        # Another processor sums in another order: a value at half a level may round the other way.
        assert (candidate.int() - stored.int()).abs().max() <= 1
        assert (candidate != stored).float().mean() < 0.01


def test_the_stored_candidates_are_made_with_the_weights_that_are_shipped() -> None:
    files = [SHIPPED / f"{path.stem}.safetensors" for path in STORED.values()]
    assert ABOUT["weights"] == {path.name: digest(path.read_bytes()) for path in files}


def test_the_stored_scores_are_those_of_the_example() -> None:
    compared = compare_example(example().candidates)
    scores(compared)
    assert list(ABOUT["scores"]) == list(compared.known_scores)
    for name, computed in compared.known_scores.items():
        # Kernels and processors differ in the last bits of a float.
        assert ABOUT["scores"][name] == pytest.approx(computed, rel=1e-6)
    assert scores(example()) == scores(compared)


def test_who_comes_while_the_example_is_made_gets_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernels, "warm", lambda wait: threading.Thread())
    monkeypatch.setattr(module, "warm_up", lambda loading: None)
    begin_example()
    with ThreadPoolExecutor(4) as visitors:
        results = [visitors.submit(example) for _ in range(4)]
        assert all(result.result() is example() for result in results)


def test_what_a_refit_is_held_against_is_worked_out_when_the_kernels_are_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded, widths = threading.Event(), []

    def tolerance_for(source: str, names: object, file: None, width: int) -> None:
        assert loaded.is_set() and names == RESTORERS
        widths.append(width)

    monkeypatch.setattr(module, "tolerance_for", tolerance_for)
    monkeypatch.setattr(module, "PAUSE", 0)
    loading = threading.Timer(0.05, loaded.set)
    loading.start()
    warm_up(loading)
    assert tuple(widths) == WIDTHS and widths[0] == BIN_WIDTH


def test_kernels_are_loaded_when_a_page_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[Callable[[], None]] = []
    monkeypatch.setattr(kernels, "warm", lambda wait: waits.append(wait) or threading.Thread())
    monkeypatch.setattr(module, "warm_up", lambda loading: None)
    monkeypatch.setattr(module, "_opened", threading.Event())
    monkeypatch.setattr(module, "PAUSE", 0)
    begin_example()
    waiting = threading.Thread(target=waits[0])
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    page_is_open()
    waiting.join(30)
    assert not waiting.is_alive()


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_a_program_that_ends_while_kernels_are_loaded_ends_well(seconds: float) -> None:
    program = (
        "import time\n"
        "from ensir.ui.example import begin_example, page_is_open\n"
        "begin_example()\n"
        "page_is_open()\n"
        f"time.sleep({seconds})\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=300)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_in_the_example_the_fusion_beats_the_average_and_every_candidate() -> None:
    opened = example()
    assert opened.truth is not None
    fused = psnr(opened.fusion.image, opened.truth)
    assert fused > psnr(opened.averaged.image, opened.truth)
    assert all(fused > psnr(picture, opened.truth) for picture in opened.candidates.values())


def test_the_examples_are_the_photographs_of_the_assets() -> None:
    files = example_files()
    assert PICTURE in files
    assert not [path for path in files if path.stem.startswith("screenshot")]
    assert all(path.suffix == ".png" for path in files)
