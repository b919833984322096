"""One statistics file serves every choice of our restorers, at every width."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ensir.degradations import gaussian_noise
from ensir.ensemble.bin_statistics import gather_statistics
from ensir.ensemble.bins import Bins
from ensir.ensemble.lookup_table import Origin
from ensir.fitting import fit_statistics
from ensir.limits import LEVELS
from ensir.reference_set import ReferenceStatistics
from ensir.restorers import RESTORERS
from ensir.restorers.classical import CLASSICAL
from ensir.statistics_files import read_pictures, read_statistics, write_statistics
from tests.conftest import make_pictures

FILE = Path(__file__).parents[1] / "sample_luts" / "noise25_b8.statistics.safetensors"
MOST_BYTES = 8_000_000
MOST_BYTES_OF_ALL = 13_000_000  # what a clone fetches
APART = 16  # levels: bins of the pictures apart
FILTERS = {restorer.name: restorer for restorer in CLASSICAL}
NAMES = tuple(FILTERS)
WIDTHS = range(8, LEVELS + 1, 8)
SUBSETS = [subset for number in range(2, len(NAMES) + 1) for subset in combinations(NAMES, number)]
INTEGERS = ("sets", "sums", "products", "truth_products", "histogram")

Pictures = list[tuple[dict[str, Tensor], Tensor]]  # candidates by name, and ground truth


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Thousands of small steps: on a busy machine threads would only wait for one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    """Two small pictures with noise, as our restorers leave them."""
    made = []
    for seed in range(2):
        _, truth = make_pictures(seed, 1, height=40, width=32)
        noisy = gaussian_noise(truth, 25, seed)
        restored = {
            name: restorer.restore(noisy, lambda done, total: None, lambda: False)
            for name, restorer in FILTERS.items()
        }
        made.append((restored, truth))
    return made


def gathered(pictures: Pictures, names: Sequence[str], width: int) -> ReferenceStatistics:
    """The statistics of some restorers, from the pixels."""
    first, *others = (
        ReferenceStatistics(
            gather_statistics(
                torch.stack([candidates[name] for name in names]), truth, Bins(width, len(names))
            ),
            tuple(names),
            ("made",),
            1,
        )
        for candidates, truth in pictures
    )
    return sum(others, start=first)


@pytest.fixture(scope="module")
def of_all(pictures: Pictures, tmp_path_factory: pytest.TempPathFactory) -> ReferenceStatistics:
    """The statistics of all restorers at the finest width, through a file as the shipped ones."""
    path = tmp_path_factory.mktemp("sample") / "all.statistics.safetensors"
    write_statistics(gathered(pictures, NAMES, WIDTHS[0]), path)
    return read_statistics(path)


@pytest.mark.parametrize("names", SUBSETS, ids=" + ".join)
def test_a_table_from_the_file_of_all_is_the_one_fitted_from_pixels(
    names: tuple[str, ...], pictures: Pictures, of_all: ReferenceStatistics
) -> None:
    chosen = of_all.of_candidates(names)
    for width in WIDTHS:
        from_file, from_pixels = chosen.coarser(width), gathered(pictures, names, width)
        assert from_file.statistics.bins == from_pixels.statistics.bins
        for field in INTEGERS:
            one = getattr(from_file.statistics, field)
            assert torch.equal(one, getattr(from_pixels.statistics, field)), (width, field)
        table, wanted = fit_statistics(from_file).table, fit_statistics(from_pixels).table
        assert table.candidate_names == wanted.candidate_names == names
        for field in ("weights", "origin", "count", "starts"):
            assert torch.equal(getattr(table, field), getattr(wanted, field)), (width, field)
        assert width == 8 or (table.origin == Origin.FITTED).any()


def test_the_order_of_the_restorers_is_the_one_asked_for(
    pictures: Pictures, of_all: ReferenceStatistics
) -> None:
    names = NAMES[::-1]
    one, other = of_all.of_candidates(names).coarser(32), gathered(pictures, names, 32)
    for field in INTEGERS:
        assert torch.equal(getattr(one.statistics, field), getattr(other.statistics, field))


@pytest.fixture(scope="module")
def shipped() -> ReferenceStatistics:
    return read_statistics(FILE)


def test_the_shipped_file_is_small_and_knows_our_restorers(shipped: ReferenceStatistics) -> None:
    assert FILE.stat().st_size <= MOST_BYTES
    assert shipped.candidate_names == NAMES
    assert shipped.statistics.bins == Bins(WIDTHS[0], len(NAMES))
    (name,) = shipped.reference_sets
    assert name == f"{shipped.pictures} photos of BSDS500, gaussian noise of sigma 25"
    assert shipped.statistics.pixels == shipped.pictures * 481 * 321


@pytest.mark.parametrize("names", list(combinations(NAMES, 2)), ids=" + ".join)
@pytest.mark.parametrize("width", [16, 64])
def test_the_shipped_file_has_a_table_for_every_pair(
    names: tuple[str, str], width: int, shipped: ReferenceStatistics
) -> None:
    table = fit_statistics(shipped.of_candidates(names), width).table
    assert table.candidate_names == names and table.bins == Bins(width, 2)
    assert int(table.count.clamp(min=0).sum()) == 3 * shipped.statistics.pixels
    assert (table.weights >= 0).all()
    torch.testing.assert_close(table.weights.sum(-1), torch.ones_like(table.weights[..., 0]))
    # Some bin sets are told apart from the average.
    assert (table.weights - 0.5).abs().max() > 0.2


@pytest.mark.parametrize(
    "file", sorted(FILE.parent.glob("*.statistics.safetensors")), ids=lambda file: file.name
)
def test_every_shipped_file_serves_restorers_of_one_task_that_are_here(file: Path) -> None:
    assert file.stat().st_size <= MOST_BYTES
    sample = read_statistics(file)
    assert set(sample.candidate_names) <= set(RESTORERS) and len(sample.candidate_names) <= 4
    assert len({RESTORERS[name].task for name in sample.candidate_names}) == 1
    assert sample.statistics.bins.width == WIDTHS[0]
    scale = RESTORERS[sample.candidate_names[0]].scale
    assert sample.statistics.pixels == sample.pictures * (481 - 481 % scale) * (321 - 321 % scale)
    for names in combinations(sample.candidate_names, 2):
        table = fit_statistics(sample.of_candidates(names), 64).table
        assert table.candidate_names == names and (table.origin == Origin.FITTED).any()


@pytest.mark.parametrize(
    "file", sorted(FILE.parent.glob("*.statistics.safetensors")), ids=lambda file: file.name
)
def test_the_pictures_beside_a_sample_add_up_to_it(file: Path) -> None:
    beside = file.name.replace("_b8.statistics", f"_b{APART}.pictures")
    pictures, sample = read_pictures(file.with_name(beside)), read_statistics(file)
    total, wanted = pictures.total, sample.coarser(APART)
    assert len(pictures.names) == total.pictures == sample.pictures
    assert total.candidate_names == sample.candidate_names
    assert total.reference_sets == sample.reference_sets
    for field in INTEGERS:
        assert torch.equal(getattr(total.statistics, field), getattr(wanted.statistics, field))


def test_all_samples_together_are_small() -> None:
    files = list(FILE.parent.glob("*.safetensors"))
    assert len(files) == 10
    assert sum(file.stat().st_size for file in files) <= MOST_BYTES_OF_ALL
