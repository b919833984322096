import torch
from torch import Tensor

from ensir import ReferenceSet, gather_reference_set
from ensir.league.gathered import gathered_pictures, sample_values


def test_a_sample_is_of_values_and_their_truth(sample: tuple[Tensor, Tensor]) -> None:
    candidates, truth = sample
    # The truth of each value says where it comes from.
    numbers = torch.arange(truth.numel(), dtype=torch.int32).reshape(truth.shape)
    values, places = sample_values(candidates, numbers, 500, seed=3)
    assert values.dtype == torch.float32 and values.shape == (500, 3)
    assert len(places.unique()) == 500  # none twice
    flat = candidates.flatten(1)
    assert torch.equal(values, flat[:, places.long()].T.float())


def test_a_small_picture_is_taken_whole(sample: tuple[Tensor, Tensor]) -> None:
    values, truth = sample_values(*sample, 10**9, seed=0)
    assert len(values) == sample[1].numel()
    assert torch.equal(truth.sort().values, sample[1].flatten().double().sort().values)


def test_pictures_add_up_to_the_reference_set(reference_set: ReferenceSet) -> None:
    first, *others = gathered_pictures(reference_set, 32, 100, seed=0)
    whole = first
    for one in others:
        whole = whole + one
    expected = gather_reference_set(reference_set, 32)
    assert torch.equal(whole.statistics.statistics.count, expected.statistics.count)
    assert whole.statistics.pictures == len(reference_set)
    assert whole.values.shape == (100 * len(reference_set), 3)
    assert whole.truth.shape == (100 * len(reference_set),)
    assert whole.statistics_seconds > first.statistics_seconds > 0
    assert whole.sample_seconds > first.sample_seconds > 0
