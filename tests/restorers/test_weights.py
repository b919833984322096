"""Weights come back from their file with all that is known of them; other files are refused."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save
from torch import Tensor

from ensir.errors import InputError
from ensir.restorers.architectures import ARCHITECTURES
from ensir.restorers.weights import Weights, load_weights, pack, weights_bytes, write_weights
from ensir.training.data import read_photos
from ensir.training.loop import held_out_psnr, restored
from ensir.training.recipes import RECIPES

ABOUT = {"steps": 7, "psnr": {"sigma 25": 29.5}, "date": "2026-11-21"}


@pytest.fixture(scope="module")
def held_out_photos(shared: Path) -> dict[str, Tensor]:
    return read_photos(shared / "photos")[1]


def made(architecture: str) -> Weights:
    torch.manual_seed(1)
    kind = ARCHITECTURES[architecture]
    return Weights(
        "denoising", architecture, kind.small, kind.network(kind.small).state_dict(), ABOUT
    )


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_what_is_written_is_read_again_as_the_nearest_float16(
    architecture: str, tmp_path: Path
) -> None:
    weights, path = made(architecture), tmp_path / "it.safetensors"
    write_weights(weights, path)
    again = load_weights(path)
    assert (again.task, again.architecture, again.about) == ("denoising", architecture, ABOUT)
    assert again.settings == weights.settings
    assert set(again.tensors) == set(weights.tensors)
    for name, tensor in again.tensors.items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, weights.tensors[name].half().float())
    assert weights_bytes(again) == path.read_bytes() == weights_bytes(weights)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_network_has_the_weights_and_is_ready(architecture: str, tmp_path: Path) -> None:
    write_weights(made(architecture), tmp_path / "it.safetensors")
    weights = load_weights(tmp_path / "it.safetensors")
    network = weights.network()
    assert not network.training
    assert all(torch.equal(it, weights.tensors[n]) for n, it in network.state_dict().items())


def test_the_file_is_float16_and_any_program_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "it.safetensors"
    write_weights(made("nafnet"), path)
    assert {it.dtype for it in load_file(path).values()} == {torch.float16}
    assert path.stat().st_size < 2_000_000


def file_of(tmp_path: Path, **changed: object) -> Path:
    """A file whose header or weights are not as they should be."""
    weights = made("nafnet")
    header = {
        "format": "ensir weights 1",
        "task": "denoising",
        "architecture": "nafnet",
        "settings": {"width": 24, "encoder": [1, 2, 2], "middle": 1, "decoder": [1, 2, 1]},
    }
    path = tmp_path / "it.safetensors"
    path.write_bytes(pack(weights.tensors, {**header, **changed}))
    return path


def test_the_file_of_these_tests_is_whole_when_nothing_is_changed(tmp_path: Path) -> None:
    assert load_weights(file_of(tmp_path)).settings == ARCHITECTURES["nafnet"].small


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"format": "ensir lookup table 1"}, "holds 'ensir lookup table 1', wanted"),
        ({"format": None}, "holds 'None', wanted"),
        ({"architecture": "unet"}, "holds weights of 'unet', known are mprnet, nafnet"),
        ({"architecture": ["nafnet"]}, "holds weights of"),
        ({"task": 3}, "holds weights of 'nafnet'"),
        ({"settings": None}, "its header does not describe a network"),
        ({"settings": {"width": 24}}, "its header does not describe a network"),
        ({"settings": {"depth": 24}}, "its header does not describe a network"),
        (
            {"settings": {"width": 9**9, "encoder": [1], "middle": 1, "decoder": [1]}},
            "its header does not describe a network",
        ),
        (
            {"settings": {"width": 16, "encoder": [1, 2, 2], "middle": 1, "decoder": [1, 2, 1]}},
            "is not of this network",
        ),
        (
            {"settings": {"width": "24", "encoder": [1], "middle": 1, "decoder": [1]}},
            "its header does not describe a network",
        ),
        (
            {"settings": {"width": 24.0, "encoder": [1], "middle": 1, "decoder": [1]}},
            "its header does not describe a network",
        ),
        (
            {"settings": {"width": 24, "encoder": [9**9], "middle": 1, "decoder": [1]}},
            "its header does not describe a network",
        ),
    ],
    ids=str,
)
def test_files_of_something_else_are_refused(
    changed: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        load_weights(file_of(tmp_path, **changed))


def test_tensors_without_our_header_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "it.safetensors"
    for metadata in (None, {"ensir": "no json"}, {"ensir": json.dumps([1])}):
        path.write_bytes(save({"weight": torch.zeros(2)}, metadata=metadata))
        with pytest.raises(InputError, match="holds 'something else', wanted 'ensir weights 1'"):
            load_weights(path)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.safetensors"):
        load_weights(tmp_path / "none.safetensors")


SHIPPED = sorted((Path(__file__).resolve().parents[2] / "assets" / "weights").glob("*.safetensors"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_weights_fit_their_network_and_say_what_they_are(path: Path) -> None:
    weights = load_weights(path)
    assert path.stem == f"{weights.task}-{weights.architecture}"
    assert weights.settings in ARCHITECTURES[weights.architecture].ours
    assert path.stat().st_size <= 2_000_000
    assert set(weights.about) == {
        "data",
        "date",
        "degraded_psnr",
        "held_out",
        "planned_steps",
        "psnr",
        "rate",
        "seconds",
        "seed",
        "steps",
    }


def test_the_shipped_weights_stay_small_together() -> None:
    assert sum(path.stat().st_size for path in SHIPPED) <= 24_000_000


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_model_card_says_what_the_header_says(path: Path) -> None:
    weights = load_weights(path)
    about = weights.about
    card = (path.parent / "README.md").read_text(encoding="utf-8")
    line = next(line for line in card.splitlines() if f"`{path.name}`" in line)
    said = [cell.strip() for cell in line.split("|")]
    assert f"{about['steps']:,}" in said and str(round(about["seconds"] / 60)) in said
    scores = [about["psnr"][check] for check in RECIPES[weights.task].checks]
    assert ", ".join(f"{score:.2f}" for score in scores) in said


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_weights_are_as_good_as_their_card_says(
    path: Path, held_out_photos: dict[str, Tensor]
) -> None:
    weights = load_weights(path)
    checks = list(RECIPES[weights.task].checks.items())
    name, degrade = checks[len(checks) // 2]
    restore = partial(restored, weights.network())
    found = held_out_psnr(restore, held_out_photos, {name: degrade})
    # float16 and another order of sums; a tenth of a decibel cannot be seen.
    assert found[name] == pytest.approx(weights.about["psnr"][name], abs=0.1)
