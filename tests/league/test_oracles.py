import torch
from torch import Tensor

from ensir import average
from ensir.league.oracles import best_pixels, best_weights


def test_the_best_pixels_are_never_further_off_than_any_candidate(
    sample: tuple[Tensor, Tensor],
) -> None:
    candidates, truth = sample
    errors = (candidates.double() - truth.double()).abs()
    assert torch.equal((best_pixels(candidates, truth).double() - truth).abs(), errors.amin(0))


def test_no_single_set_of_weights_errs_less_than_the_best(sample: tuple[Tensor, Tensor]) -> None:
    candidates, truth = sample

    def loss(image: Tensor) -> Tensor:
        return (image.double() - truth).square().sum((1, 2))

    best = loss(best_weights(candidates, truth))
    random = torch.Generator().manual_seed(0)
    rivals = torch.rand(200, 3, generator=random, dtype=torch.float64)
    rivals = torch.cat([rivals / rivals.sum(1, keepdim=True), torch.eye(3, dtype=torch.float64)])
    for weights in rivals:
        # The fused picture is rounded to float32: 1e-7 of a level.
        assert (best <= loss(torch.tensordot(weights, candidates.double(), 1)) + 1e-2).all()
    assert (best < loss(average(candidates).image)).all()
