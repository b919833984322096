"""Restorers are found by name, make each candidate once, and say what they will take."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ensir.errors import InputError
from ensir.progress import IsCancelled, OnProgress
from ensir.restorers import (
    RESTORERS,
    Restorer,
    estimated_seconds,
    find_restorers,
    restore_with,
    weights_folder,
)
from ensir.restorers.classical import CLASSICAL
from ensir.restorers.weights import write_weights
from tests.restorers.test_weights_folder import small

IMAGE = torch.arange(3 * 4 * 5, dtype=torch.uint8).reshape(3, 4, 5)
CALLS: Counter[str] = Counter()


@dataclass(frozen=True)
class Counted:
    """A restorer that counts how often it is asked."""

    name: str
    parameters: int = 1
    scale: int = 1
    task: str = "denoising"
    licence: str = "MIT"
    seconds_per_megapixel: float = 2.0
    uses_gpu: bool = False

    def restore(self, image: Tensor, on_progress: OnProgress, cancelled: IsCancelled) -> Tensor:
        CALLS[self.name] += 1
        on_progress(1, 1)
        return image // 2


def restored(*restorers: Restorer, image: Tensor = IMAGE) -> dict[str, Tensor]:
    among = {one.name: one for one in restorers}
    return restore_with(list(among), image, lambda done, total: None, lambda: False, among)


def test_a_network_is_asked_once_for_a_picture_and_a_filter_each_time() -> None:
    CALLS.clear()
    for _ in range(2):
        found = restored(Counted("once"), Counted("filter", parameters=0))
        assert all(torch.equal(one, IMAGE // 2) for one in found.values())
    restored(Counted("once"), image=IMAGE + 1)
    assert CALLS == {"once": 2, "filter": 2}


def test_progress_comes_to_its_end_with_what_was_kept_too() -> None:
    among = {name: Counted(name) for name in ("one", "two")}
    shares = []
    for _ in range(2):
        seen: list[float] = []
        restore_with(
            list(among),
            IMAGE + 2,
            lambda done, total, seen=seen: seen.append(done / total),
            lambda: False,
            among,
        )
        assert seen == sorted(seen)
        assert len(seen) == len(set(seen))  # nothing is said twice
        shares.append(seen)
    assert shares == [[0.5, 1]] * 2


def test_restorers_of_different_scales_are_refused() -> None:
    with pytest.raises(InputError, match="A 1 times and B 4 times enlarge a picture differently"):
        restored(Counted("A"), Counted("B", scale=4))


def test_the_estimate_is_that_of_all_chosen() -> None:
    among = {name: Counted(name) for name in "AB"}
    megapixel = torch.zeros(1, dtype=torch.uint8).expand(3, 1000, 1000)
    assert estimated_seconds(["A", "B", "C"], megapixel, among) == pytest.approx(4)


def test_weights_that_came_are_found_when_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights_folder, "SHIPPED", tmp_path / "shipped")
    monkeypatch.setenv("ENSIR_WEIGHTS", str(tmp_path))
    find_restorers()
    assert list(RESTORERS) == [one.name for one in CLASSICAL]
    write_weights(small("denoising", "nafnet"), tmp_path / "x.safetensors")
    find_restorers()
    assert list(RESTORERS) == [*(one.name for one in CLASSICAL), "small NAFNet denoising"]
    assert all(name == restorer.name for name, restorer in RESTORERS.items())
    monkeypatch.undo()
    find_restorers()
