"""The kernels for GPUs against the definition in torch: on a GPU, or by Triton's interpreter."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

from ensir.ensemble import kernels
from ensir.ensemble.bin_statistics import gather_statistics
from ensir.ensemble.bins import Bins
from ensir.ensemble.levels import in_depth
from ensir.ensemble.lookup_table import LookupTable
from ensir.ensemble.mixture import EM, EmRule, Mixture, fit_mixtures
from ensir.ensemble.published import PUBLISHED
from tests.conftest import ADVERSARIAL, make_pictures, make_statistics
from tests.ensemble.kernels.test_cpu import (
    FIELDS,
    TYPES,
    assert_same_fits,
    by_torch,
    made_table,
    problem,
)

# Numpy, which interprets, warns of log(0); on a GPU that is minus infinity without a word.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@contextmanager
def interpreted() -> Iterator[None]:
    """Where there is no GPU, kernels that are imported run line by line on tensors of the CPU."""
    with pytest.MonkeyPatch.context() as patch:
        if DEVICE == "cpu":
            patch.setenv("TRITON_INTERPRET", "1")
        yield


with interpreted():
    pytest.importorskip("triton")
    from ensir.ensemble.kernels import cuda


@pytest.fixture(autouse=True)
def by_cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The kernels under test serve every device."""
    monkeypatch.setattr(kernels, "compiled", lambda device: cuda)
    with interpreted():
        yield


def as_type(levels: Tensor, dtype: torch.dtype, seed: int) -> Tensor:
    """Levels with all the precision of a type."""
    random = torch.Generator().manual_seed(seed)
    off = torch.rand(levels.shape, generator=random) - 0.5
    if dtype == torch.uint16:
        return ((levels + off) * 257).round().clamp(0, 65535).int().to(torch.uint16)
    return (levels + off).clamp(0, 255) if dtype == torch.float32 else levels


def assert_fuses_as_defined(table: LookupTable, pictures: list[Tensor]) -> None:
    pictures = [picture.to(DEVICE) for picture in pictures]
    image = table.fuse(pictures).image
    rounded = table.fuse(pictures, dtype=torch.uint8).image
    with by_torch():
        defined = table.fuse(pictures).image
        defined_rounded = table.fuse(pictures, dtype=torch.uint8).image
    assert image.dtype == torch.float32 and rounded.dtype == torch.uint8
    # Some ten sums in float32, of numbers up to 255 whose last place is 1.5e-5.
    assert torch.allclose(image, defined, rtol=0, atol=1e-4)
    difference = (rounded.int() - defined_rounded.int()).abs()
    # Which way a value goes that lies within those 1e-4 of a half.
    assert difference.max() <= 1 and (difference > 0).float().mean() <= 1e-4


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("members", range(1, 9))
def test_fused_pictures_are_the_defined_ones(members: int, dtype: torch.dtype) -> None:
    width = [1, 5, 16, 32, 33, 64, 96, 255][(members + TYPES.index(dtype)) % 8]
    width = width if (-(-256 // width)) ** members <= 2**52 else 32
    levels = make_pictures(members, members, channels=1 + 2 * (members % 2), width=200)[0]
    pictures = list(as_type(levels, dtype, members))
    assert_fuses_as_defined(made_table(members, width, members, len(levels[0])), pictures)


def test_averages_round_as_defined() -> None:
    """With 6 candidates a sixth of all averages lie half way between two levels."""
    random = torch.Generator().manual_seed(1)
    table = made_table(1, 64, 6, 3)
    table.weights[:] = 1 / 6
    spread = torch.randint(0, 256, (6, 3, 40, 60), generator=random).to(torch.uint8)
    for levels in (spread, make_pictures(1, 6)[0]):
        assert_fuses_as_defined(table, list(levels))
        exact = (2 * levels.long().sum(0) + 6) // 12
        fused = table.fuse(levels.to(DEVICE), dtype=torch.uint8).image
        assert torch.equal(fused.cpu().long(), exact)


@pytest.mark.parametrize("dtype", TYPES)
def test_pictures_lie_in_memory_as_they_like(dtype: torch.dtype) -> None:
    table = made_table(1, 32, 3, 3)
    whole = as_type(make_pictures(1, 3, height=40, width=46)[0], dtype, 1)
    interleaved = whole.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    for view in (
        interleaved,
        whole[..., 5:-3, 7:],
        whole.transpose(2, 3),
        whole[:, :1].expand(-1, 3, -1, -1),
        whole[..., ::2, ::3],
    ):
        assert_fuses_as_defined(table, list(view))
    assert_fuses_as_defined(table, [whole[0], *interleaved[1:]])


@pytest.mark.parametrize("dtype", TYPES)
def test_16_bit_results_are_the_defined_values_rounded(dtype: torch.dtype) -> None:
    table = made_table(2, 32, 3, 3).to(DEVICE)
    pictures = list(as_type(make_pictures(2, 3)[0], dtype, 2).to(DEVICE))
    with by_torch():
        defined = in_depth(table.fuse(pictures).image, torch.uint16)
    cut = table.bins.width, table.bins.per_candidate
    packed = cuda.packed_weights(table.weights)
    image = cuda.fuse_pictures(pictures, packed, table.starts[:0], *cut, torch.uint16)
    assert image.dtype == torch.uint16
    # One step is 4e-3 levels.
    assert (image.int() - defined.int()).abs().max() <= 1


def test_one_candidate_with_all_the_weight_comes_out_unchanged() -> None:
    for dtype in TYPES[:2]:
        pictures = as_type(make_pictures(4, 4)[0], dtype, 4)
        for member in range(4):
            table = made_table(4, 256, 4, 3)
            table.weights[:] = torch.eye(4, dtype=torch.float64)[member]
            fused = table.fuse(pictures.to(DEVICE)).image.cpu()
            values = pictures[member].float() / (257 if dtype == torch.uint16 else 1)
            assert torch.allclose(fused, values, rtol=0, atol=1.6e-5)  # a step of float32


def test_more_candidates_than_words_of_a_line_are_fused() -> None:
    assert_fuses_as_defined(made_table(2, 128, 13, 3), list(make_pictures(2, 13)[0]))


def assert_sums_as_defined(candidates: Tensor, truth: Tensor, bins: Bins) -> None:
    candidates, truth = candidates.to(DEVICE), truth.to(DEVICE)
    ours = gather_statistics(candidates, truth, bins)
    with by_torch():
        defined = gather_statistics(candidates, truth, bins)
    for name in FIELDS:
        one, other = getattr(ours, name), getattr(defined, name)
        assert one.dtype == other.dtype == torch.int64 and torch.equal(one, other), name


@pytest.mark.parametrize("members", range(1, 9))
def test_sums_are_the_defined_ones_to_the_bit(members: int) -> None:
    width = [256, 7, 16, 32, 33, 64, 96, 255][members - 1]
    candidates, truth = make_pictures(members, members, channels=1 + 2 * (members % 2))
    assert_sums_as_defined(candidates, truth, Bins(width, members))


@pytest.mark.parametrize("kind", ADVERSARIAL)
def test_sums_of_odd_pictures_are_the_defined_ones(kind: str) -> None:
    assert_sums_as_defined(*ADVERSARIAL[kind](1, 3), Bins(32, 3))


def test_sums_do_not_depend_on_where_pictures_lie() -> None:
    candidates, truth = make_pictures(3, 3, height=30, width=50)
    turned = candidates.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    assert_sums_as_defined(turned, truth.transpose(1, 2).contiguous().transpose(1, 2), Bins(40, 3))
    assert_sums_as_defined(turned[..., 3:], truth[..., 3:], Bins(40, 3))


def test_sums_are_not_cut_to_32_bits() -> None:
    """Squares of white add up to more than 2**31 in 34,000 pixels."""
    white = torch.full((1, 1, 170, 200), 255, dtype=torch.uint8)
    assert_sums_as_defined(white, white[0], Bins(256, 1))


@pytest.mark.parametrize("rule", [EM, PUBLISHED], ids=["em", "published"])
@pytest.mark.parametrize("members, prior_pixels", [(1, 0.0), (2, 0.3), (3, 0.0), (5, 50.0)])
def test_fits_are_the_defined_ones(members: int, prior_pixels: float, rule: EmRule) -> None:
    statistics = make_statistics(make_pictures(members, members, channels=1), 128).statistics
    start, histogram = problem(statistics, rule)
    start, histogram = start[:4], histogram[:4].to(DEVICE)
    start = Mixture(*(part.to(DEVICE) for part in (start.weight, start.mean, start.variance)))
    random = torch.Generator().manual_seed(members)
    prior = torch.rand(start.weight.shape, generator=random, dtype=torch.float64)
    prior = (prior / prior.sum(-1, keepdim=True)).to(DEVICE)
    ours = fit_mixtures(start, histogram, rule, prior, prior_pixels)
    with by_torch():
        assert_same_fits(ours, fit_mixtures(start, histogram, rule, prior, prior_pixels))


@pytest.mark.parametrize("rule", [EM, PUBLISHED], ids=["em", "published"])
def test_fits_of_a_dead_component_are_the_defined_ones(rule: EmRule) -> None:
    start = Mixture(
        torch.tensor([[0.5, 0.5, 0.0]], device=DEVICE).double(),
        torch.tensor([[100.0, 250.0, 101.0]], device=DEVICE).double(),
        torch.tensor([[4.0, 0.5, 3.0]], device=DEVICE).double(),
    )
    histogram = torch.zeros(1, 256, dtype=torch.int64, device=DEVICE)
    histogram[0, 95:106] = 20
    ours = fit_mixtures(start, histogram, rule)
    with by_torch():
        assert_same_fits(ours, fit_mixtures(start, histogram, rule))


def test_no_cell_is_no_work() -> None:
    start = Mixture(*(torch.zeros(0, 3, dtype=torch.float64, device=DEVICE) for _ in range(3)))
    fits = fit_mixtures(start, torch.zeros(0, 256, dtype=torch.int64, device=DEVICE))
    assert len(fits.score) == len(fits.steps) == len(fits.converged) == 0


COMPILING = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from ensir.ensemble.kernels import cuda_fusion, cuda_mixture, cuda_statistics

def machine_code(kernel, **given):
    constants = {name: value for name, value in given.items() if not isinstance(value, str | tuple)}
    types = {name: "constexpr" if name in constants else given[name] for name in given}
    source = ASTSource(kernel, signature=types, constexprs=constants)
    return triton.compile(source, target=GPUTarget("cuda", 80, 32)).asm["cubin"]

whole = dict.fromkeys(("pixels", "rows", "halvings", "reciprocal", "per_candidate"), "i32")
steps = dict(channel_steps=("i32",) * 4, pixel_steps=("i32",) * 4)
for type, result, dense in (("u8", "u8", True), ("u16", "fp32", False), ("fp32", "u16", True)):
    assert machine_code(
        cuda_fusion.fuse_planes, pictures=("*" + type,) * 4, **steps, words="*i64", starts="*i64",
        fused="*" + result, **whole, dense=dense,
    )
cut = dict.fromkeys(("pixels", "width", "per_candidate"), "i32")
levels = dict(candidates=("*u8",) * 4, **steps)
assert machine_code(cuda_statistics.mark_occupied, **levels, present="*i1", **cut)
assert machine_code(
    cuda_statistics.add_up, **levels, truth="*u8", truth_channel_step="i32",
    truth_pixel_step="i32", place_of="*i32", by_level="*i64", products="*i64", occupied="i32",
    **cut,
)
names = ("mean", "weight", "variance", "prior", "rule", "score")
assert machine_code(
    cuda_mixture.fit_cells, histogram="*i64", **dict.fromkeys(names, "*fp64"), steps="*i64",
    converged="*i1", least_steps="i32", most_steps="i32", about_truth=True, members=3, places=4,
)
"""


def test_kernels_compile_for_a_gpu_where_there_is_none() -> None:
    code = "import os; os.environ.pop('TRITON_INTERPRET', None)" + COMPILING
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
