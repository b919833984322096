"""The GPU of a ZeroGPU Space is played by a stub of its package."""

import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from ensir.restorers import RESTORERS, estimated_seconds, restore_with
from ensir.restorers.classical import CLASSICAL
from ensir.ui import base_models
from tests.conftest import make_pictures

_, IMAGE = make_pictures(seed=2, members=2, height=40, width=300)
NAMES = ["bilateral", "median"]


@pytest.fixture
def space(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The module as a Space imports it, and what its stub was asked for."""
    asked: list[int] = []
    stub: Any = ModuleType("spaces")
    stub.__spec__ = importlib.machinery.ModuleSpec("spaces", None)

    def gpu(duration: Callable[..., int]) -> Callable[..., Any]:
        def mark(function: Callable[..., Any]) -> Callable[..., Any]:
            def lent(*arguments: object) -> Any:  # noqa: ANN401 - whatever the function returns
                asked.append(duration(*arguments))
                yield from function(*arguments)

            return lent

        return mark

    stub.GPU = gpu
    monkeypatch.setitem(sys.modules, "spaces", stub)
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    yield SimpleNamespace(module=importlib.reload(base_models), asked=asked)
    monkeypatch.undo()
    importlib.reload(base_models)


def learned(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a restorer that would run on a GPU."""
    restorer = replace(CLASSICAL[3], name="network", uses_gpu=True, seconds_per_megapixel=1500)
    monkeypatch.setitem(RESTORERS, "network", restorer)
    return "network"


def test_the_steps_end_with_what_the_engine_makes() -> None:
    *progress, candidates = base_models.restored(NAMES, IMAGE)
    expected = restore_with(NAMES, IMAGE, lambda done, total: None, lambda: False)
    assert isinstance(candidates, dict) and list(candidates) == NAMES
    assert all(torch.equal(candidates[name], expected[name]) for name in NAMES)
    assert all(isinstance(step, tuple) for step in progress)


def test_elsewhere_a_function_stays_as_it_is() -> None:
    assert base_models.lent(print) is print


def test_a_space_lends_its_gpu_to_networks_for_as_long_as_is_estimated(
    space: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [learned(monkeypatch), "median", "bilateral"]
    *progress, candidates = space.module.restored(names, IMAGE)
    assert list(candidates) == names
    assert space.asked == [18]  # 0.012 megapixels at 1500 s each; filters take none of it
    shares = [done / total for done, total in progress]
    assert shares == sorted(shares) and all(0 <= share <= 1 for share in shares)


def test_a_space_keeps_its_gpu_from_filters_and_unknown_names(space: SimpleNamespace) -> None:
    *_, candidates = space.module.restored(NAMES, IMAGE)
    assert list(candidates) == NAMES
    with pytest.raises(ValueError, match="no restorer 'magic'"):
        list(space.module.restored(["magic", "median"], IMAGE))
    assert not space.asked


@pytest.mark.parametrize("seconds, asked", [(0.1, 15), (30.2, 31), (1e6, 120)])
def test_what_is_asked_for_is_neither_too_short_nor_too_long(
    monkeypatch: pytest.MonkeyPatch, seconds: float, asked: int
) -> None:
    monkeypatch.setattr(base_models, "estimated_seconds", lambda names, image: seconds)
    assert base_models.lent_seconds(NAMES, IMAGE) == asked


def test_the_estimate_grows_with_the_picture_and_the_models() -> None:
    assert estimated_seconds(["magic"], IMAGE) == 0
    both = estimated_seconds(NAMES, IMAGE)
    parts = [estimated_seconds([name], IMAGE) for name in NAMES]
    assert both == pytest.approx(sum(parts)) and all(part > 0 for part in parts)
    assert estimated_seconds(NAMES, IMAGE.repeat(1, 2, 2)) == pytest.approx(4 * both)


def test_the_screen_names_what_does_the_work(
    monkeypatch: pytest.MonkeyPatch, space: SimpleNamespace
) -> None:
    assert "a GPU that this Space lends, all else on" in space.module.where_words()
    monkeypatch.setattr(base_models, "LENDS", False)
    monkeypatch.setattr(base_models, "best_device", lambda: torch.device("cpu"))
    assert base_models.where_words().startswith("Runs on ")
    monkeypatch.setattr(base_models, "best_device", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA card")
    assert base_models.where_words().startswith("Networks run on NVIDIA card, all else on ")
