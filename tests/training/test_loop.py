"""Training learns, survives being killed, and says what it made."""

import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ensir.errors import InputError
from ensir.images import write_image
from ensir.restorers.architectures import ARCHITECTURES
from ensir.restorers.mprnet import SMALLER, MPRNet
from ensir.restorers.nafnet import SMALL, NAFNet
from ensir.restorers.weights import Weights, load_weights, pack, unpack
from ensir.training import loop
from ensir.training.loop import Plan, Training, held_out_psnr, restored, train
from ensir.training.recipes import RECIPES

DENOISING = RECIPES["denoising"]


def smooth_photo(seed: int, height: int = 72, width: int = 80) -> Tensor:
    """Waves of a few colours: something that noise can be told from."""
    random = torch.Generator().manual_seed(seed)
    row, column = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 1, width)
    phase, pitch = 6 * torch.rand(2, 3, 1, 1, generator=random)
    wave = torch.sin(pitch * row + 3 * column + phase) + torch.sin(5 * column - pitch * row)
    return (128 + 50 * wave).clamp(0, 255).to(torch.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos")
    for seed in range(5):
        write_image(path / f"{seed}.png", smooth_photo(seed))
    return path


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Sums in one order: the same bits again."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("architecture", ["mprnet", "nafnet", "restormer"])
def test_a_killed_run_that_is_resumed_ends_with_the_weights_of_an_undisturbed_one(
    architecture: str, folder: Path, tmp_path: Path
) -> None:
    plan = Plan("denoising", architecture, steps=5, seed=3, warm_up=2)
    whole = train(plan, folder, tmp_path / "whole", tmp_path / "whole.safetensors")
    torch.manual_seed(99)  # nothing may depend on the state of the process
    photos = list(loop.read_photos(folder)[0].values())
    killed = Training(plan, torch.device("cpu"))
    for _ in range(2):
        killed.advance(photos, DENOISING)
    killed.save(tmp_path / "state")
    killed.advance(photos, DENOISING)  # lost
    resumed = train(plan, folder, tmp_path / "state", tmp_path / "resumed.safetensors")
    assert resumed.about["steps"] == 5
    assert all(torch.equal(it, resumed.tensors[name]) for name, it in whole.tensors.items())
    one, other = load_weights(tmp_path / "whole.safetensors"), resumed
    assert all(torch.equal(it, other.tensors[n].half().float()) for n, it in one.tensors.items())


def test_a_run_that_breaks_off_leaves_a_state_and_weights_of_the_last_step(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SAVE_EVERY", 0)
    monkeypatch.setattr(loop, "CHECK_EVERY", 0)
    plan = Plan("denoising", "nafnet", steps=5, seed=3, warm_up=2)

    def break_off(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    state, output = tmp_path / "state", tmp_path / "out.safetensors"
    with pytest.raises(KeyboardInterrupt):
        train(plan, folder, state, output, on_progress=break_off)
    assert unpack(state, loop.STATE_FORMAT)[1]["step"] == 2
    assert load_weights(output).about["steps"] == 2
    resumed = train(plan, folder, state, output)
    whole = train(plan, folder, tmp_path / "whole", tmp_path / "whole.safetensors")
    assert all(torch.equal(it, resumed.tensors[name]) for name, it in whole.tensors.items())


@pytest.mark.parametrize(
    ("task", "height", "width"), [("denoising", 65, 100), ("super-resolution", 99, 130)]
)
def test_photos_with_hardly_room_for_a_crop_are_trained_on(
    task: str, height: int, width: int, tmp_path: Path
) -> None:
    for seed in range(2):
        write_image(tmp_path / f"{seed}.png", smooth_photo(seed, height, width))
    for architecture in ARCHITECTURES:
        output = tmp_path / f"{architecture}.safetensors"
        plan = Plan(task, architecture, steps=1)
        assert train(plan, tmp_path, tmp_path / architecture, output).about["steps"] == 1


def test_photos_without_room_are_refused_before_the_first_step(tmp_path: Path) -> None:
    for seed in range(9):
        write_image(tmp_path / f"{seed}.png", smooth_photo(seed, 60 if seed == 8 else 70))
    steps: list[int] = []
    with pytest.raises(InputError, match=r"64 pixels or more a side, got 8\.png of 80 × 60"):
        train(
            Plan("denoising", "nafnet", steps=1),
            tmp_path,
            tmp_path / "state",
            tmp_path / "out.safetensors",
            on_progress=lambda done, total: steps.append(done),
        )
    assert not steps


def test_another_seed_gives_other_weights(folder: Path, tmp_path: Path) -> None:
    def weights(seed: int) -> Weights:
        plan = Plan("denoising", "nafnet", steps=1, seed=seed)
        return train(plan, folder, tmp_path / f"{seed}", tmp_path / f"{seed}.safetensors")

    one, other = weights(1), weights(2)
    assert not torch.equal(one.tensors["intro.weight"], other.tensors["intro.weight"])


def test_some_steps_make_noise_weaker(folder: Path) -> None:
    train_on, kept = loop.read_photos(folder)
    plan = Plan("denoising", "nafnet", steps=40, rate=1e-3, warm_up=5)
    training = Training(plan, torch.device("cpu"))
    before = held_out_psnr(partial(restored, training.average), kept, DENOISING.checks)
    losses = [training.advance(list(train_on.values()), DENOISING) for _ in range(40)]
    after = held_out_psnr(partial(restored, training.average), kept, DENOISING.checks)
    assert all(map(math.isfinite, losses))
    assert after["sigma 25"] > before["sigma 25"] + 1


def test_no_time_still_leaves_a_state_and_weights(folder: Path, tmp_path: Path) -> None:
    plan = Plan("denoising", "nafnet", steps=1000)
    lines: list[dict[str, object]] = []
    output = tmp_path / "out.safetensors"
    weights = train(plan, folder, tmp_path / "state", output, minutes=0, report=lines.append)
    assert weights.about["steps"] == 1 and weights.about["planned_steps"] == 1000
    assert [line["step"] for line in lines] == [1]
    again = train(plan, folder, tmp_path / "state", output, minutes=0)
    assert again.about["steps"] == 2


def test_a_finished_run_goes_on_when_more_steps_are_planned(folder: Path, tmp_path: Path) -> None:
    state, output = tmp_path / "state", tmp_path / "out.safetensors"
    short, longer = (Plan("denoising", "nafnet", steps=steps) for steps in (1, 3))
    first = train(short, folder, state, output)
    same = train(short, folder, state, output)
    assert all(torch.equal(it, same.tensors[name]) for name, it in first.tensors.items())
    assert train(longer, folder, state, output).about["steps"] == 3


def test_weights_are_gone_on_with_where_no_state_was_kept(folder: Path, tmp_path: Path) -> None:
    begun = replace(
        train(
            Plan("denoising", "mprnet", steps=1), folder, tmp_path / "a", tmp_path / "a.safetensors"
        ),
        settings=SMALLER,  # what an older run made may be of other settings than those of today
    )
    begun = replace(begun, tensors=MPRNet(SMALLER).state_dict())
    plan = Plan("denoising", "mprnet", steps=4, seed=3, warm_up=2)
    untouched = Training(plan, torch.device("cpu"), weights=begun)
    assert untouched.step == untouched.plan.begun == 1
    averages = untouched.average.state_dict()
    assert all(torch.equal(it, averages[name]) for name, it in begun.tensors.items())

    def trained(name: str, minutes: float = math.inf) -> Weights:
        paths = tmp_path / name, tmp_path / f"{name}.safetensors"
        return train(plan, folder, *paths, minutes=minutes, weights=begun)

    whole = trained("whole")
    assert whole.about["steps"] == 4 and whole.settings == SMALLER
    assert whole.about["seconds"] >= begun.about["seconds"]
    assert trained("killed", minutes=0).about["steps"] == 2
    resumed = trained("killed")
    assert all(torch.equal(it, resumed.tensors[name]) for name, it in whole.tensors.items())
    others = {name: it + 1 for name, it in begun.tensors.items()}
    for weights in (None, replace(begun, tensors=others)):
        with pytest.raises(InputError, match="begun by another plan or network"):
            train(plan, folder, tmp_path / "killed", tmp_path / "o.safetensors", weights=weights)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "deraining"}, "nafnet for deraining, wanted nafnet for denoising"),
        ({"architecture": "mprnet"}, "mprnet for denoising, wanted nafnet for denoising"),
        ({"about": {"steps": 3}}, "do not say how many steps and seconds"),
        ({"about": {"steps": 5, "seconds": 1}}, "trained for 5 steps, wanted fewer than the 5"),
    ],
    ids=str,
)
def test_weights_that_cannot_be_gone_on_with_are_refused(
    change: dict[str, object], message: str
) -> None:
    known = {"steps": 3, "seconds": 1}
    weights = Weights("denoising", "nafnet", SMALL, NAFNet(SMALL).state_dict(), known)
    with pytest.raises(InputError, match=message):
        Training(
            Plan("denoising", "nafnet", steps=5),
            torch.device("cpu"),
            weights=replace(weights, **change),
        )


def test_the_state_of_another_plan_is_refused(folder: Path, tmp_path: Path) -> None:
    state, output = tmp_path / "state", tmp_path / "out.safetensors"
    train(Plan("denoising", "nafnet", steps=1), folder, state, output)
    for other in (
        Plan("denoising", "nafnet", steps=1, seed=1),
        Plan("denoising", "mprnet", steps=1),
    ):
        with pytest.raises(InputError, match="begun by another plan"):
            train(other, folder, state, output)


def test_a_state_of_before_there_were_weights_to_begin_with_is_gone_on_from(
    folder: Path, tmp_path: Path
) -> None:
    state, output = tmp_path / "state", tmp_path / "out.safetensors"
    train(Plan("denoising", "nafnet", steps=1), folder, state, output)
    tensors, header = unpack(state, loop.STATE_FORMAT)
    assert header["plan"].pop("begun") == 0
    state.write_bytes(pack(tensors, {"format": loop.STATE_FORMAT, **header}))
    assert train(Plan("denoising", "nafnet", steps=2), folder, state, output).about["steps"] == 2


def test_weights_are_no_state_and_a_state_is_no_weights(folder: Path, tmp_path: Path) -> None:
    state, output = tmp_path / "state", tmp_path / "out.safetensors"
    plan = Plan("denoising", "nafnet", steps=1)
    train(plan, folder, state, output)
    with pytest.raises(InputError, match="holds 'ensir weights 1', wanted 'ensir training 1'"):
        Training(plan, torch.device("cpu")).resume(output)
    with pytest.raises(InputError, match="holds 'ensir training 1', wanted 'ensir weights 1'"):
        load_weights(state)


def test_the_rate_rises_once_and_falls_to_a_hundredth() -> None:
    plan = Plan("denoising", "nafnet", steps=1000, rate=2e-3, warm_up=100)
    rates = [plan.rate_at(step) for step in range(1001)]
    peak = rates.index(max(rates))
    assert max(rates) == pytest.approx(2e-3) and peak in (99, 100)
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] == pytest.approx(2e-5)
    again = [replace(plan, begun=400).rate_at(step) for step in range(400, 1001)]
    assert again[0] == pytest.approx(rates[500] / 100)  # in a hundred steps to where it would be
    assert again[:100] == sorted(again[:100]) and again[100:] == rates[500:]


def test_what_is_restored_has_whole_levels_in_range() -> None:
    network = torch.nn.Conv2d(3, 3, 1)
    with torch.no_grad():
        network.weight.copy_(2 * torch.eye(3).reshape(3, 3, 1, 1))
        network.bias.fill_(-0.5)
    degraded = torch.tensor([0, 100, 255], dtype=torch.uint8).reshape(1, 1, 3).repeat(3, 1, 1)
    # 2 x - 127.5, halves up, within levels
    assert restored(network, degraded)[0, 0].tolist() == [0, 73, 255]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"task": "dehazing"}, "there is no task 'dehazing': choose denoising"),
        ({"architecture": "unet"}, "there is no architecture 'unet': choose mprnet"),
        ({"steps": 0}, "training takes 1 step or more"),
        ({"rate": math.nan}, "training takes 1 step or more"),
        ({"seed": -1}, "training takes 1 step or more"),
    ],
    ids=str,
)
def test_a_plan_that_cannot_be_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Plan(**{"task": "denoising", "architecture": "nafnet", "steps": 1, **fields})


def test_half_precision_takes_the_same_steps_but_for_rounding(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = []  # compiling takes a minute: what it is told is enough
    monkeypatch.setattr(torch.nn.Module, "compile", lambda network: compiled.append(network))
    plan = Plan("denoising", "nafnet", steps=4, seed=3, warm_up=2)
    photos = list(loop.read_photos(folder)[0].values())
    full, half = (Training(plan, torch.device("cpu"), half=half) for half in (False, True))
    losses = [[it.advance(photos, DENOISING) for it in (full, half)] for _ in range(3)]
    assert compiled == [half.network]
    assert all(weight.dtype == torch.float32 for weight in half.network.parameters())
    for exact, rounded in losses:
        assert exact != rounded
        assert rounded == pytest.approx(exact, rel=0.02)  # bfloat16 keeps 8 bits: 0.4 % a value
