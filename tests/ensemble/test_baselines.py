from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ensir.ensemble.baselines import BASELINES, average, inverse_mse, zzpm
from ensir.errors import InputError
from ensir.images import read_image
from tests.conftest import identical_candidates, make_pictures

CROP = slice(100, 228)  # of the golden README


def expected_weights(candidates: Tensor, name: str) -> np.ndarray:
    """The weights by numpy from the formulas of the golden README, section 1, item 9."""
    values = candidates.double().numpy()
    closeness = 1 / (1e-3 + ((values - values.mean(0)) ** 2).mean((1, 2, 3)))
    if name == "average":
        return np.full(len(values), 1 / len(values))
    if name == "inverse-mse":
        return closeness / closeness.sum()
    power = np.exp(closeness - closeness.max())
    return power / power.sum()


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("members", [1, 2, 3, 6])
def test_weights_are_those_of_the_formula_at_every_pixel(
    name: str, members: int, device: str
) -> None:
    candidates, _ = make_pictures(members, members)
    fusion = BASELINES[name](candidates.to(device))
    expected = expected_weights(candidates, name)
    assert fusion.weights.shape == candidates.shape
    everywhere = torch.from_numpy(expected).reshape(-1, 1, 1, 1).expand(candidates.shape)
    assert torch.allclose(fusion.weights.cpu(), everywhere, atol=1e-12)  # float64 sums
    image = np.tensordot(expected, candidates.double().numpy(), axes=1)
    # Half a unit in the last place of a float32 below 256.
    assert np.allclose(fusion.image.cpu().numpy(), image, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", BASELINES)
def test_two_candidates_are_averaged(name: str) -> None:
    candidates, _ = make_pictures(1, 2)
    assert torch.allclose(BASELINES[name](candidates).weights, torch.tensor(0.5).double())


@pytest.mark.parametrize("name", BASELINES)
def test_identical_candidates_stay_as_they_are(name: str) -> None:
    candidates, _ = identical_candidates(1, 5)
    fuse = BASELINES[name]
    assert torch.equal(fuse(candidates, dtype=torch.uint8).image, candidates[0])
    assert torch.equal(fuse(candidates).image, candidates[0].float())


@pytest.mark.parametrize("name", BASELINES)
def test_16_bit_and_float_candidates_fuse_like_8_bit_ones(name: str) -> None:
    candidates, _ = make_pictures(2, 3)
    image = BASELINES[name](candidates).image
    wide = (candidates.int() * 257).to(torch.uint16)
    assert torch.equal(BASELINES[name](wide).image, image)
    assert torch.equal(BASELINES[name](candidates.float()).image, image)


@pytest.mark.parametrize("name", BASELINES)
def test_weights_of_a_part_are_a_part_of_the_weights(name: str) -> None:
    candidates, _ = make_pictures(3, 3)
    fusion = BASELINES[name](candidates)
    part = fusion.weights_at(slice(3, 9), slice(2, 5))
    assert torch.equal(part, fusion.weights[:, :, 3:9, 2:5])
    assert torch.equal(fusion.weights_at(4, 7), fusion.weights[:, :, 4, 7])
    rows, columns = torch.tensor([1, 5, 5]), torch.tensor([0, 2, 20])
    assert torch.equal(fusion.weights_at(rows, columns), fusion.weights[:, :, rows, columns])


@pytest.mark.parametrize("members", [1, 2, 3, 4, 5, 6, 7, 8, 10, 12])
def test_the_average_rounds_half_up(members: int) -> None:
    """The sum of the levels decides ties exactly: floor(sum / M + 1 / 2)."""
    candidates, _ = make_pictures(4, members, noise=3)
    total = candidates.long().sum(0)
    exact = (2 * total + members) // (2 * members)
    assert torch.equal(average(candidates, dtype=torch.uint8).image.long(), exact)


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_take_a_mapping_and_refuse_what_does_not_belong_together(name: str) -> None:
    candidates, _ = make_pictures(5, 2)
    fuse = BASELINES[name]
    named = fuse({"one": candidates[0], "two": candidates[1]})
    assert torch.equal(named.image, fuse(candidates).image)
    with pytest.raises(InputError, match=r"at least one candidate"):
        fuse([])
    with pytest.raises(InputError, match=r"but candidate 2 is 23 × 24 with 3 channels"):
        fuse([candidates[0], candidates[1][..., 1:]])


@pytest.mark.parametrize(
    "task, models",
    [
        ("deblurring", ("MPRNet", "Restormer", "DGUNet")),
        ("deraining", ("MPRNet", "MAXIM", "Restormer")),
    ],
)
def test_fused_pictures_are_the_golden_ones(
    shared: Path, task: str, models: tuple[str, ...]
) -> None:
    golden = np.load(shared / "golden" / "ensir_fit.npz", allow_pickle=False)
    folder = shared / "ensir_reference" / task
    truth = min((folder / "gt").iterdir())
    files = [next((folder / model).glob(truth.stem + ".*")) for model in models]
    candidates = torch.stack([read_image(file) for file in files])
    for name, fuse in (("average", average), ("zzpm", zzpm)):
        crop = fuse(candidates).image[:, CROP, CROP].permute(1, 2, 0).numpy()
        # The released code works in float32: 1e-4 as for fused crops with stored weights.
        assert np.abs(crop - golden[f"{task}_{name}_crop"]).max() <= 1e-4


def test_inverse_mse_weighs_in_proportion_and_zzpm_by_softmax() -> None:
    candidates, _ = make_pictures(6, 3)
    assert not torch.allclose(inverse_mse(candidates).weights, zzpm(candidates).weights, atol=1e-3)
