"""The GPU of a ZeroGPU Space is played by a stub of its package."""

import importlib
import pickle
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from ensir.errors import InputError
from ensir.images import write_image
from ensir.restorers import RESTORERS, estimated_seconds, restore_with
from ensir.restorers.choice import chosen_of_offered
from ensir.restorers.classical import CLASSICAL
from ensir.restorers.self_ensemble import SelfEnsemble
from ensir.ui import base_models
from tests.conftest import make_pictures

_, IMAGE = make_pictures(seed=2, members=2, height=40, width=300)
NAMES = ["bilateral", "median"]
OUTPUTS, _ = make_pictures(seed=3, members=3, height=40, width=300)


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


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weights folder with outputs that MambaIR and DGUNet made of "street", the latter of more.

    One of its folders is called like a filter.
    """
    monkeypatch.setenv("ENSIR_WEIGHTS", str(tmp_path))
    for model in ("MambaIR", "DGUNet", "median"):
        (tmp_path / "outputs" / model).mkdir(parents=True)
    for place, path in enumerate(("MambaIR/street", "DGUNet/street", "DGUNet/park")):
        write_image(tmp_path / "outputs" / f"{path}.png", OUTPUTS[place])
    return tmp_path


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
    shares = [done / total for done, total in progress]
    assert shares == sorted(shares) and all(0 <= share <= 1 for share in shares)
    assert space.asked == [18]  # 0.012 megapixels at 1500 s each; filters take none of it
    list(space.module.restored(names, IMAGE, self_ensemble=True))
    assert space.asked == [18, 120]  # eight times that is more than a visitor may ask for


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
    monkeypatch.setattr(base_models, "estimated_seconds", lambda names, image, among: seconds)
    assert base_models.lent_seconds({}, IMAGE) == asked


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


def last(steps: base_models.Steps) -> dict[str, torch.Tensor]:
    *_, candidates = steps
    assert isinstance(candidates, dict)
    return candidates


def test_outputs_are_offered_for_the_pictures_that_they_are_of(kept: Path) -> None:
    without = base_models.offered("denoising")
    assert base_models.offered("denoising", "upload/3f/street.jpg") == [
        *without,
        "DGUNet",
        "MambaIR",
    ]
    assert base_models.offered("denoising", "upload/77/park.png") == [*without, "DGUNet"]
    assert base_models.offered("denoising", "upload/77/lake.png") == without
    assert "MambaIR" in base_models.offered("deblurring", "street.png")


def test_outputs_are_candidates_beside_what_runs_here(kept: Path) -> None:
    names = ["MambaIR", "median", "DGUNet"]
    found = last(base_models.restored(names, IMAGE, "upload/3f/street.jpg"))
    assert list(found) == names
    assert torch.equal(found["MambaIR"], OUTPUTS[0]) and torch.equal(found["DGUNet"], OUTPUTS[1])
    expected = RESTORERS["median"].restore(IMAGE, lambda done, total: None, lambda: False)
    assert torch.equal(found["median"], expected)  # the filter, not the folder


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [
        ("park.png", "MambaIR holds no output for park"),
        (None, "MambaIR is a folder of outputs, each of a picture as its file has it"),
    ],
)
def test_a_picture_without_an_output_is_a_sentence(
    kept: Path, picture: str | None, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence) as said:
        list(base_models.restored(["MambaIR", "DGUNet"], IMAGE, picture))
    assert str(kept) not in str(said.value)


@pytest.mark.parametrize("name", ["..", "../outputs/MambaIR", "outputs:MambaIR", ".", ""])
def test_no_other_folder_can_be_named(kept: Path, name: str) -> None:
    with pytest.raises(InputError, match="no restorer"):
        list(base_models.restored([name, "median"], IMAGE, "street.png"))


def test_the_self_ensemble_is_of_what_runs_here_and_says_so(kept: Path) -> None:
    found = last(
        base_models.restored(["DGUNet", "median"], IMAGE, "street.png", self_ensemble=True)
    )
    assert list(found) == ["DGUNet", "median ×8"]
    eightfold = SelfEnsemble(RESTORERS["median"])
    expected = eightfold.restore(IMAGE, lambda done, total: None, lambda: False)
    assert torch.equal(found["median ×8"], expected)


def test_what_goes_to_a_lent_gpu_can_be_pickled() -> None:
    networks = [name for name, one in RESTORERS.items() if one.uses_gpu]
    for eightfold in (False, True):
        chosen = chosen_of_offered(networks, None, self_ensemble=eightfold)
        assert pickle.loads(pickle.dumps(chosen)) == chosen


def test_a_long_run_is_announced_and_a_short_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = str(tmp_path / "x.png")
    write_image(Path(picture), IMAGE)
    names = [learned(monkeypatch), "median"]
    monkeypatch.setattr(base_models, "best_device", lambda: torch.device("cpu"))
    # 0.012 megapixels at 1500 s each; the filter adds little.
    assert base_models.estimate_words(names, picture) == "Takes about 18 s on two CPU cores."
    assert (
        base_models.estimate_words(names, picture, self_ensemble=True)
        == "Takes about 2 minutes on two CPU cores."
    )
    assert base_models.estimate_words(NAMES, picture) == ""
    monkeypatch.setattr(base_models, "LONG", 0)
    monkeypatch.setattr(base_models, "best_device", lambda: torch.device("cuda"))
    besides = base_models.estimate_words(names, picture)
    assert besides == "Takes about 0 s on two CPU cores, besides the networks."
    assert base_models.estimate_words(["network"], picture) == ""


def test_of_what_cannot_be_restored_no_time_is_said(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    for names, picture in ((NAMES, None), (NAMES, "text.png"), (["magic"], None), ([], None)):
        path = picture and str(tmp_path / picture)
        assert base_models.estimate_words(names, path) == ""
