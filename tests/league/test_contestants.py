import pytest
import torch
from torch import Tensor

from ensir import BASELINES, InputError
from ensir.ensemble.fusion import Fusion
from ensir.fitting import METHODS, fit_statistics
from ensir.league.contestants import (
    KINDS,
    TABLES,
    all_contestants,
    candidate,
    chosen_contestants,
)
from ensir.league.regressors import REGRESSORS
from tests.league.test_regressors import gathered_of


def test_every_method_baseline_and_regressor_takes_part() -> None:
    everyone = all_contestants()
    methods = {name for method in METHODS for name, *_ in TABLES[method]}
    assert {*BASELINES, *REGRESSORS, *methods} <= set(everyone)
    assert all(one.kind in KINDS and one.about.endswith(".") for one in everyone.values())
    assert len({one.title for one in everyone.values()}) == len(everyone)


def test_each_fuses_candidates_to_a_picture(sample: tuple[Tensor, Tensor]) -> None:
    candidates, truth = sample[0][:, :, ::4, ::4], sample[1][:, ::4, ::4]
    gathered = gathered_of((candidates, truth))
    for one in all_contestants().values():
        if one.oracle is not None:
            fused: Tensor | Fusion = one.oracle(candidates, truth)
        else:
            assert one.fit is not None
            fused = one.fit(gathered, 0, lambda: False)(candidates)
        image = fused.image if isinstance(fused, Fusion) else fused
        assert image.shape == truth.shape and image.dtype == torch.float32, one.title


def test_a_base_model_is_its_own_output(sample: tuple[Tensor, Tensor]) -> None:
    gathered = gathered_of(sample)
    one = candidate("B", 1)
    assert one.fit is not None
    assert torch.equal(one.fit(gathered, 0, lambda: False)(sample[0]), sample[0][1])


@pytest.mark.parametrize(("name", "trust"), [("least-squares", 1.0), ("least-squares-half", 0.5)])
def test_least_squares_takes_part_at_two_trusts(
    name: str, trust: float, sample: tuple[Tensor, Tensor]
) -> None:
    gathered = gathered_of(sample)
    one = all_contestants()[name]
    assert one.fit is not None
    fused = one.fit(gathered, 0, lambda: False)(sample[0])
    table = fit_statistics(gathered.statistics, method="least-squares", trust=trust).table
    assert isinstance(fused, Fusion)
    assert torch.equal(fused.image, table.fuse(sample[0]).image)


def test_a_choice_keeps_averaging_and_refuses_strangers() -> None:
    assert list(chosen_contestants(["em", "zzpm"])) == ["average", "zzpm", "em"]
    with pytest.raises(InputError, match="got median"):
        chosen_contestants(["median"])
