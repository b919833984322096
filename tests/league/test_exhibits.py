import torch

from ensir import ReferenceSet, average, fit_lookup_table
from ensir.league.exhibits import SIDE, STRIDE, Window, most_disputed, weights_in


def test_the_most_disputed_part_holds_the_dispute() -> None:
    candidates = torch.full((2, 3, 400, 600), 100, dtype=torch.uint8)
    candidates[1, :, 200:240, 320:380] = 140
    window = most_disputed(candidates)
    assert (window.width, window.height) == (SIDE, SIDE)
    assert window.left % STRIDE == window.top % STRIDE == 0
    assert window.of(candidates[1]).sum(dtype=torch.int64) == SIDE**2 * 300 + 40 * 60 * 3 * 40


def test_a_small_picture_is_shown_whole() -> None:
    candidates = torch.zeros(2, 3, 30, 500, dtype=torch.uint8)
    assert most_disputed(candidates) == Window(0, 0, SIDE, 30)


def test_weights_of_a_part_are_those_of_the_whole_there(
    reference_set: ReferenceSet,
) -> None:
    candidates, _ = reference_set[0]
    window = Window(3, 5, 8, 6)
    fusion = fit_lookup_table(reference_set, 32).fuse(candidates)
    assert torch.equal(weights_in(fusion, window), window.of(fusion.weights.mean(1)))
    assert torch.equal(
        weights_in(average(candidates), window), torch.full((3, 6, 8), 1 / 3, dtype=torch.float64)
    )
