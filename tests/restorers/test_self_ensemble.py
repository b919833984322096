"""The self-ensemble is the average over all flips and rotations, at eight times the cost."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from ensir.ensemble.levels import levels_of
from ensir.errors import Cancelled
from ensir.progress import IsCancelled, OnProgress
from ensir.restorers.classical import CLASSICAL
from ensir.restorers.self_ensemble import VIEWS, SelfEnsemble, view, view_back


@dataclass(frozen=True)
class Sloping:
    """Adds more to the right of what it is shown: turning the picture turns what is added."""

    name: str = "sloping"
    task: str = "denoising"
    scale: int = 1
    licence: str = "MIT"
    parameters: int = 7
    seconds_per_megapixel: float = 0.5
    uses_gpu: bool = True

    def restore(self, image: Tensor, on_progress: OnProgress, cancelled: IsCancelled) -> Tensor:
        if cancelled():
            raise Cancelled
        on_progress(1, 2)
        on_progress(2, 2)
        return image + 3 * torch.arange(image.shape[2], dtype=torch.uint8)


def sample() -> Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.randint(0, 200, (3, 5, 9), generator=draw, dtype=torch.uint8)


def test_the_eight_views_differ_and_are_turned_back() -> None:
    image = sample()
    views = [view(image, number) for number in range(VIEWS)]
    assert len({(tuple(one.shape), bytes(one.numpy())) for one in views}) == VIEWS
    for number, one in enumerate(views):
        assert torch.equal(view_back(one, number), image)


def test_the_candidate_is_the_average_rounded_half_up() -> None:
    image = sample()
    found = SelfEnsemble(Sloping()).restore(image, lambda done, total: None, lambda: False)
    # Across is seen from either side in four views, and down in the other four.
    across, down = torch.arange(9), torch.arange(5)[:, None]
    added = 3 * torch.stack([across + 0 * down, 8 - across + 0 * down] * 2
                            + [down + 0 * across, 4 - down + 0 * across] * 2)  # fmt: skip
    assert torch.equal(found, levels_of(image + added.double().mean(0)))


def test_what_does_not_depend_on_direction_is_as_without() -> None:
    median = next(one for one in CLASSICAL if one.name == "median")
    image = sample()
    found = SelfEnsemble(median).restore(image, lambda done, total: None, lambda: False)
    assert torch.equal(found, median.restore(image, lambda done, total: None, lambda: False))


def test_the_cost_is_eight_times_that_of_the_restorer_and_the_rest_is_its() -> None:
    one = SelfEnsemble(Sloping())
    assert (one.name, one.seconds_per_megapixel) == ("sloping ×8", 4.0)
    assert (one.task, one.scale, one.licence, one.parameters, one.uses_gpu) == (
        "denoising", 1, "MIT", 7, True
    )  # fmt: skip
    assert one == SelfEnsemble(Sloping()) and hash(one) == hash(SelfEnsemble(Sloping()))


def test_progress_rises_over_all_views_and_a_stop_is_honoured() -> None:
    steps: list[tuple[int, int]] = []
    ensemble = SelfEnsemble(Sloping())
    ensemble.restore(sample(), lambda done, total: steps.append((done, total)), lambda: False)
    assert steps == [(done, 16) for done in range(1, 17)]
    steps.clear()
    with pytest.raises(Cancelled):
        ensemble.restore(sample(), lambda *step: steps.append(step), lambda: len(steps) == 4)
    assert len(steps) == 4
