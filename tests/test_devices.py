import pytest
import torch

from ensir.devices import best_device, device_words


def test_the_best_device_is_one_that_works() -> None:
    assert torch.ones(2, device=best_device()).sum().item() == 2
    assert device_words(best_device())


def test_a_gpu_is_called_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"NVIDIA {device.type}")
    assert device_words(best_device()) == "NVIDIA cuda"


@pytest.mark.parametrize("cores, words", [({0}, "1 CPU core"), ({0, 1}, "2 CPU cores")])
def test_the_cpu_is_called_by_the_cores_one_may_use(
    monkeypatch: pytest.MonkeyPatch, cores: set[int], words: str
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: cores, raising=False)
    assert device_words(torch.device("cpu")) == words
