"""Networks restore pictures of any size, in tiles without seams, and can be watched and stopped."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ensir.degradations import larger
from ensir.ensemble.levels import levels_of
from ensir.errors import Cancelled, InputError
from ensir.restorers import network as module
from ensir.restorers.architectures import ARCHITECTURES
from ensir.restorers.network import NetworkRestorer, loaded, padded

SIZES = [(1, 1), (7, 7), (8, 8), (9, 15), (64, 65)]


class Toy(nn.Module):
    """A network that looks two pixels of its coarse level far, and averages over nothing."""

    multiple = 4
    reach = 19  # 2 pixels four wide each, squares of four, then 5 × 5 pixels

    def forward(self, picture: Tensor) -> Tensor:
        coarse = F.avg_pool2d(F.avg_pool2d(picture, 4), 5, 1, 2, count_include_pad=False)
        fine = F.interpolate(coarse, scale_factor=4.0, mode="nearest")
        wide = F.avg_pool2d(picture, 5, 1, 2, count_include_pad=False)
        return 0.8 * picture + 0.7 * (wide - fine)


class Identity(nn.Module):
    multiple, reach = 8, 0

    def forward(self, picture: Tensor) -> list[Tensor]:
        assert not picture.shape[2] % 8 and not picture.shape[3] % 8
        assert picture.min() >= 0 and picture.max() <= 1
        return [picture, picture * 0]


class Doubling(nn.Module):
    multiple, reach = 8, 0

    def forward(self, picture: Tensor) -> Tensor:
        return F.interpolate(picture, scale_factor=2.0, mode="nearest")


class Pooling(nn.Module):
    """Adds half of how much the whole picture lies above grey."""

    multiple, reach = 8, 0

    def forward(self, picture: Tensor) -> Tensor:
        return picture + (picture.mean() - 0.5) / 2


def make(architecture: str) -> nn.Module:
    """A small network whose every weight, those that begin as 0 among them, is drawn."""
    torch.manual_seed(0)
    network = ARCHITECTURES[architecture].network(ARCHITECTURES[architecture].small)
    for weight in network.parameters():
        if not weight.any():
            nn.init.normal_(weight, std=0.2)
    return network


def restorer(make_network: module.MakeNetwork, **options: object) -> NetworkRestorer:
    return NetworkRestorer("toy", "denoising", "MIT", 0, 1.0, make_network, **options)  # type: ignore[arg-type]


def sample(height: int, width: int) -> Tensor:
    """A smooth picture with some noise, uint8 (3, H, W)."""
    draw = torch.Generator().manual_seed(height * 1000 + width)
    row, column = torch.arange(height)[:, None] / 40, torch.arange(width) / 30
    smooth = 128 + 60 * torch.sin(row + column) + 40 * torch.sin(column - 2 * row)
    return levels_of(smooth + 10 * torch.randn(3, height, width, generator=draw))


def restored(with_it: NetworkRestorer, image: Tensor) -> Tensor:
    return with_it.restore(image, lambda done, total: None, lambda: False)


@pytest.mark.parametrize("size", [*SIZES, (200, 150)])
def test_a_network_that_changes_nothing_leaves_every_level(size: tuple[int, int]) -> None:
    image = sample(*size)
    assert torch.equal(restored(restorer(Identity, tile=64), image), image)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("architecture", list(ARCHITECTURES))
def test_every_size_is_padded_for_the_network_and_cropped_back(
    architecture: str, size: tuple[int, int]
) -> None:
    image = sample(*size)
    network = make(architecture).eval()
    with torch.inference_mode():
        made = network(padded(image[None] / 255, 8))
    first = made[0] if isinstance(made, list) else made
    expected = levels_of(255 * first[0, :, : size[0], : size[1]])
    found = restored(restorer(partial(make, architecture)), image)
    # Channels-last sums in another order: a value at half a level may round the other way.
    assert (found.int() - expected.int()).abs().max() <= 1
    assert (found != expected).float().mean() < 0.01


def test_padding_reflects_and_repeats_the_edge_where_too_little_is_there() -> None:
    row = torch.arange(5.0).expand(1, 1, 1, 5)
    assert padded(row, 8)[0, 0].tolist() == [[0, 1, 2, 3, 4, 3, 2, 1]] * 8
    assert padded(row[..., :3], 8)[0, 0, 0].tolist() == [0, 1, 2, 2, 2, 2, 2, 2]
    whole = torch.rand(1, 3, 16, 8)
    assert padded(whole, 8) is whole


@pytest.mark.parametrize("size", [(130, 131), (64, 300), (97, 203)])
def test_tiles_of_a_local_network_agree_with_the_whole_within_a_level(
    size: tuple[int, int],
) -> None:
    image = sample(*size)
    whole = restored(restorer(Toy), image)
    in_tiles = restored(restorer(Toy, tile=64), image)
    assert (whole.int() - in_tiles.int()).abs().max() <= 1  # the blend rounds in float32
    assert (whole != in_tiles).float().mean() < 0.001


def steps_in_tiles(make_network: module.MakeNetwork) -> tuple[Tensor, Tensor]:
    """How much what tiles add to the picture changes from column to column, in levels on average
    over the column, and which of these columns lie where tiles fade into one another.
    """
    image = sample(256, 640) // 2 + 64  # nothing is clamped
    image[:, :, 250:] -= 50  # so that the averages of the tiles differ
    error = restored(restorer(make_network, tile=256), image).float()
    error -= restored(restorer(make_network), image).float()
    columns = error.mean((0, 1))
    near = torch.zeros(639, dtype=torch.bool)
    for cut in (216, 432):  # three tiles of about one size, in whole blocks of 8 pixels
        near[cut - module.BLEND - 1 : cut + module.BLEND + 1] = True
    return (columns[1:] - columns[:-1]).abs(), near


def test_tiles_that_differ_fade_into_one_another_in_a_line() -> None:
    step, near = steps_in_tiles(Pooling)
    # The averages of the first two tiles are some 40 levels apart, half of which is added; on the
    # way from one to the other rounding moves the average of a column by less than half a level.
    assert step[~near].max() < 0.2  # where a shift rounds this way or that
    assert 0.3 < step[near].max() < 20 / (2 * module.BLEND) + 0.5
    assert step[near].sum() > 10


@pytest.mark.parametrize("architecture", list(ARCHITECTURES))
def test_tiles_leave_no_step_where_a_network_pools_over_the_whole(architecture: str) -> None:
    # MPRNet cuts every picture in the middle, which is another place in a tile than in the whole:
    # those steps are its own and lie elsewhere.
    step, near = steps_in_tiles(partial(make, architecture))
    assert 0 < step[near].mean() < step[~near].mean()
    assert step[near].max() < step[~near].max()


def test_progress_rises_to_the_count_of_the_tiles_and_a_stop_is_honoured_before_each() -> None:
    image, steps = sample(100, 150), []
    small = restorer(Identity, tile=64)
    small.restore(image, lambda done, total: steps.append((done, total)), lambda: False)
    assert steps == [(done, 6) for done in range(1, 7)]
    steps.clear()
    with pytest.raises(Cancelled):
        small.restore(image, lambda done, total: steps.append(done), lambda: len(steps) == 2)
    assert steps == [1, 2]


@pytest.mark.parametrize("architecture", list(ARCHITECTURES))
def test_a_stop_is_heard_within_a_tile_before_the_next_layer(architecture: str) -> None:
    ran: list[str] = []

    def watched() -> nn.Module:
        network = make(architecture)
        for name, layer in network.named_modules():
            if isinstance(layer, nn.Conv2d):
                layer.register_forward_hook(lambda *_, called=name: ran.append(called))
        return network

    one, image = restorer(watched), sample(40, 48)
    restored(one, image)
    layers = len(ran)
    for most in (1, layers // 2, layers - 1):
        ran.clear()
        with pytest.raises(Cancelled):
            one.restore(image, lambda done, total: None, lambda most=most: len(ran) >= most)
        assert len(ran) == most
    ran.clear()
    restored(one, image)  # who was stopped before says nothing of the next
    assert len(ran) == layers


def test_a_stop_is_for_the_work_of_one_thread_alone() -> None:
    one, image = restorer(partial(make, "nafnet")), sample(40, 48)
    expected = restored(one, image)
    with ThreadPoolExecutor(max_workers=2) as pool:
        goes_on = [pool.submit(restored, one, image) for _ in range(4)]
        stopped = pool.submit(one.restore, image, lambda done, total: None, lambda: True)
        assert isinstance(stopped.exception(), Cancelled)
        assert all(torch.equal(job.result(), expected) for job in goes_on)


def test_the_picture_is_enlarged_for_a_network_that_fills_it_in() -> None:
    image = sample(9, 15)
    assert torch.equal(restored(restorer(Identity, scale=4), image), larger(image, 4))
    huge = torch.zeros(1, 1, dtype=torch.uint8).expand(3, 4000, 3000)
    with pytest.raises(InputError, match=r"192\.0 million pixels, more than 40 million"):
        restored(restorer(Identity, scale=4), huge)


@pytest.mark.parametrize("size", [(1, 1), (9, 15), (70, 150)])
def test_a_network_that_enlarges_by_itself_is_tiled_like_others(size: tuple[int, int]) -> None:
    image = sample(*size)
    found = restored(restorer(Doubling, scale=2, enlarges=True, tile=32), image)
    assert torch.equal(found, image.repeat_interleave(2, 1).repeat_interleave(2, 2))


def test_the_whole_is_restored_at_once_where_it_fits_into_half_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image, totals = sample(100, 150), []
    one = restorer(Identity, tile=64, bytes_per_pixel=1000)
    monkeypatch.setattr(module, "memory_of", lambda device: 2 * 1000 * 100 * 150)
    one.restore(image, lambda done, total: totals.append(total), lambda: False)
    monkeypatch.setattr(module, "memory_of", lambda device: 2 * 1000 * 100 * 150 - 2)
    one.restore(image, lambda done, total: totals.append(total), lambda: False)
    assert totals == [1, *[6] * 6]
    assert module.memory_of(torch.device("cpu")) > 0


def test_a_gpu_that_runs_out_of_memory_gets_smaller_tiles_and_then_the_cpu_takes_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = []
    place = NetworkRestorer._restored_on

    def full(self: NetworkRestorer, device: torch.device, tile: int, *rest: Any) -> Tensor:  # noqa: ANN401
        tried.append((device.type, tile))
        if device.type != "cpu":
            raise torch.OutOfMemoryError
        return place(self, device, tile, *rest)

    monkeypatch.setattr(NetworkRestorer, "_restored_on", full)
    monkeypatch.setattr(module, "best_device", lambda: torch.device("cuda"))
    image = sample(100, 150)
    assert torch.equal(restored(restorer(Identity, tile=128), image), image)
    assert tried == [*(("cuda", 128 >> halved) for halved in range(4)), ("cpu", 128)]


def test_what_a_gpu_takes_whole_the_cpu_takes_in_tiles_where_it_has_less_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = []

    def full(self: NetworkRestorer, device: torch.device, tile: int, *rest: Any) -> Tensor:  # noqa: ANN401
        tried.append((device.type, tile))
        raise torch.OutOfMemoryError

    whole = 1000 * 100 * 150
    memory = {"cuda": 2 * whole, "cpu": whole}
    monkeypatch.setattr(NetworkRestorer, "_restored_on", full)
    monkeypatch.setattr(module, "best_device", lambda: torch.device("cuda"))
    monkeypatch.setattr(module, "memory_of", lambda device: memory[device.type])
    with pytest.raises(InputError, match="does not fit into the memory"):
        restored(restorer(Identity, tile=64, bytes_per_pixel=1000), sample(100, 150))
    assert tried == [*(("cuda", 150 >> halved) for halved in range(4)), ("cpu", 64)]


def test_a_machine_without_memory_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*rest: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")

    monkeypatch.setattr(NetworkRestorer, "_restored_on", full)
    monkeypatch.setattr(module, "best_device", lambda: torch.device("cpu"))
    with pytest.raises(InputError, match="does not fit into the memory of this machine"):
        restored(restorer(Identity), sample(8, 8))


def test_a_network_is_made_once_and_the_last_few_are_kept() -> None:
    made = []

    def counted(number: int) -> nn.Module:
        made.append(number)
        return Identity()

    cpu = torch.device("cpu")
    networks = [partial(counted, number) for number in range(module.MOST_NETWORKS + 1)]
    for one in networks:
        loaded(one, cpu)
        loaded(one, cpu)
    assert made == list(range(module.MOST_NETWORKS + 1))
    assert loaded.cache_info().currsize <= module.MOST_NETWORKS


def test_a_network_that_makes_no_numbers_makes_no_candidate() -> None:
    class Overflowing(Identity):
        def forward(self, picture: Tensor) -> list[Tensor]:
            return [picture / 0 * 0]

    with pytest.raises(InputError, match="toy makes no numbers of this picture"):
        restored(restorer(Overflowing), sample(20, 30))


@pytest.mark.parametrize("wrong", [torch.zeros(3, 4, 4), torch.zeros(1, 4, 4, dtype=torch.uint8)])
def test_other_values_are_refused(wrong: Tensor) -> None:
    with pytest.raises(InputError, match=r"toy restores uint8 \(3, H, W\), got"):
        restored(restorer(Identity), wrong)
