from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ensir import write_statistics
from ensir.comparison import Comparison, compare
from ensir.ensemble.lookup_table import LookupTable
from ensir.errors import InputError
from ensir.fitting import fit_statistics
from ensir.published_tables import published_bytes
from ensir.reference_set import ReferencePictures, ReferenceStatistics
from ensir.statistics_files import pictures_bytes, statistics_bytes
from ensir.tolerance import FIXED, tolerance_of
from ensir.ui.reference import (
    FILE,
    NONE,
    OWN_TRUTH,
    SAMPLE,
    SOURCES,
    pictures_for,
    reference_for,
    sample_statistics,
    tolerance_for,
)
from tests.conftest import make_pictures, make_statistics

pytestmark = pytest.mark.filterwarnings("default")

Upload = Callable[[str, bytes], str]
CANDIDATES, TRUTH = make_pictures(seed=7, members=3, contrast=20)
ABC = dict(zip("ABC", CANDIDATES, strict=True))


@pytest.fixture(scope="module")
def table() -> LookupTable:
    """Fitted for C, A and B in this order."""
    pictures = make_pictures(seed=8, members=3, contrast=20)
    gathered = replace(make_statistics(pictures, 32), candidate_names=("C", "A", "B"))
    return fit_statistics(gathered).table


def fused(candidates: dict[str, torch.Tensor], table: LookupTable) -> torch.Tensor:
    return compare(candidates, reference=table).fusion.image


def test_the_sample_serves_the_restorers_it_was_made_with() -> None:
    names = sample_statistics().candidate_names
    some = {name: CANDIDATES[0] for name in names[:2]}
    reference, about = reference_for(SAMPLE, some, None, None, 16)
    assert reference is sample_statistics()
    assert "24 reference pictures" in about


def test_candidates_that_the_sample_does_not_know_are_averaged_and_the_visitor_told() -> None:
    reference, about = reference_for(SAMPLE, ABC, None, None, 16)
    assert reference is None
    assert "averaged" in about
    assert "other models than A, B, C" in about


def test_no_reference_gives_equal_weights() -> None:
    assert reference_for(NONE, ABC, None, None, 16)[0] is None


def test_a_ground_truth_gives_statistics_of_this_picture() -> None:
    reference, about = reference_for(OWN_TRUTH, ABC, TRUTH, None, 32)
    assert isinstance(reference, ReferenceStatistics)
    assert reference.candidate_names == ("A", "B", "C")
    assert reference.statistics.bins.width == 32
    assert "this very picture" in about


def test_a_missing_truth_or_file_is_a_sentence() -> None:
    with pytest.raises(InputError, match="no ground truth yet: add one"):
        reference_for(OWN_TRUTH, ABC, None, None, 16)
    for file in (None, ""):
        with pytest.raises(InputError, match="no file yet: choose"):
            reference_for(FILE, ABC, None, file, 16)


def test_a_file_that_is_gone_and_a_folder_are_a_sentence(uploads: Path) -> None:
    with pytest.raises(InputError, match=r"^gone\.safetensors is not there: check its name"):
        reference_for(FILE, ABC, None, str(uploads / "gone.safetensors"), 16)
    (uploads / "folder").mkdir()
    with pytest.raises(InputError, match=r"^folder is not a file: choose one$"):
        reference_for(FILE, ABC, None, str(uploads / "folder"), 16)


@pytest.mark.parametrize("source", ["", "elsewhere", None, [], "x" * 5000])
def test_an_unknown_source_is_a_sentence(source: str) -> None:
    with pytest.raises(InputError, match=r"weights come from one of 'Sample .*'; got .{2,80}$"):
        reference_for(source, ABC, TRUTH, None, 16)
    assert len(set(SOURCES)) == 4


def test_a_statistics_file_is_read_and_its_origin_told(uploads: Path) -> None:
    path = uploads / "statistics.safetensors"
    write_statistics(make_statistics((CANDIDATES, TRUTH), 16, "my set"), path)
    reference, about = reference_for(FILE, ABC, None, str(path), 16)
    assert isinstance(reference, ReferenceStatistics)
    assert "1 reference picture with" in about
    assert "my set" in about


def test_a_table_of_ours_takes_its_candidates_by_name(uploads: Path, table: LookupTable) -> None:
    path = uploads / "table.safetensors"
    table.save(path)
    reference, about = reference_for(FILE, ABC, None, str(path), 16)
    assert isinstance(reference, LookupTable)
    assert "bin width is 32" in about
    in_its_order = {name: ABC[name] for name in "CAB"}
    assert torch.equal(fused(ABC, reference), table.fuse(in_its_order).image)


def test_a_released_table_takes_its_candidates_as_its_file_name_says(
    upload: Upload, table: LookupTable
) -> None:
    path = upload("weight_My_Set_c_A_B_b32_rgb.pth", published_bytes(table))
    reference, about = reference_for(FILE, ABC, None, path, 16)
    assert isinstance(reference, LookupTable)
    assert reference.candidate_names == ("C", "A", "B")
    assert "c, A, B, in this order" in about
    expected = table.fuse({name: ABC[name] for name in "CAB"}).image
    # Released files hold float32: weights off by 6e-8, times 255.
    assert (fused(ABC, reference) - expected).abs().max() < 1e-4


def test_a_released_table_of_other_candidates_by_its_file_name_is_refused(
    upload: Upload, table: LookupTable
) -> None:
    path = upload("weight_Set_X_A_B_b32_rgb.pth", published_bytes(table))
    with pytest.raises(InputError, match=r"is for X, A, B, as its name says; got A, B, C"):
        reference_for(FILE, ABC, None, path, 16)


def test_a_released_table_without_a_telling_name_says_the_order_taken(
    upload: Upload, table: LookupTable
) -> None:
    path = upload("mine.pth", published_bytes(table))
    reference, about = reference_for(FILE, ABC, None, path, 16)
    assert isinstance(reference, LookupTable)
    assert reference.candidate_names == ("A", "B", "C")
    assert "in the order A, B, C" in about
    two = {name: ABC[name] for name in "AB"}
    with pytest.raises(InputError, match="3 candidates"):
        reference_for(FILE, two, None, path, 16)


def test_shared_released_tables_fuse_as_their_names_say(shared: Path, small: Comparison) -> None:
    path = shared / "ensir_luts" / "weight_GoPro_MPRNet_Restormer_DGUNet_b32_rgb.pth"
    names = ("DGUNet", "MPRNet", "Restormer")
    given = dict(zip(names, CANDIDATES, strict=True))
    reference, _ = reference_for(FILE, given, None, str(path), 16)
    assert isinstance(reference, LookupTable)
    assert reference.candidate_names == ("MPRNet", "Restormer", "DGUNet")


def test_a_file_of_another_kind_is_a_sentence(upload: Upload) -> None:
    for name in ("x.pth", "x.safetensors"):
        with pytest.raises(InputError, match=name):
            reference_for(FILE, ABC, None, upload(name, b"hello, hello"), 16)


def test_models_averaged_over_eight_views_take_the_weights_of_the_models() -> None:
    plain, eightfold = ("bilateral", "median"), ("bilateral ×8", "median")
    nothing = torch.empty(0)
    one, _ = reference_for(SAMPLE, dict.fromkeys(plain, nothing), None, None, 16)
    other, about = reference_for(SAMPLE, dict.fromkeys(eightfold, nothing), None, None, 16)
    assert isinstance(one, ReferenceStatistics) and isinstance(other, ReferenceStatistics)
    assert other.candidate_names == eightfold and "without ×8" in about
    fitted = fit_statistics(one.of_candidates(plain), 16).table
    assert torch.equal(fit_statistics(other, 16).table.weights, fitted.weights)


def test_the_sample_has_its_pictures_apart_in_the_order_of_the_candidates() -> None:
    pictures = pictures_for(SAMPLE, ("median ×8", "bilateral"), None)
    assert pictures is not None and len(pictures.names) == 24
    assert pictures.total.candidate_names == ("median", "bilateral")
    total = pictures.total.statistics
    wanted = sample_statistics().of_candidates(("median", "bilateral")).statistics
    assert torch.equal(total.sums, wanted.coarser(total.bins.width).sums)


def test_only_a_file_of_reference_pictures_has_them_apart(upload: Upload) -> None:
    parts = tuple(make_statistics(make_pictures(seed, 3), 32) for seed in range(3))
    pictures = ReferencePictures(("x", "y", "z"), parts)
    apart = upload("apart.safetensors", pictures_bytes(pictures))
    added = upload("added.safetensors", statistics_bytes(pictures.total))
    found = pictures_for(FILE, "CAB", apart)
    assert found is not None and found.total.candidate_names == ("C", "A", "B")
    assert pictures_for(FILE, "CAB", apart) is found  # chosen once
    assert pictures_for(FILE, "ABC", added) is None and pictures_for(FILE, "ABC", None) is None
    for source in (SAMPLE, OWN_TRUTH, NONE):
        assert pictures_for(source, "ABC", apart) is None


def test_warnings_go_by_the_pictures_where_they_are_apart(upload: Upload) -> None:
    parts = tuple(make_statistics(make_pictures(seed, 3), 32) for seed in range(4))
    pictures = ReferencePictures(tuple("wxyz"), parts)
    apart = upload("apart.safetensors", pictures_bytes(pictures))
    found, wanted = tolerance_for(FILE, "ABC", apart, 64), tolerance_of(pictures, 64)
    assert found.disagreement is not None and wanted.disagreement is not None
    assert torch.equal(found.disagreement.mean, wanted.disagreement.mean)
    assert found.error == wanted.error
    assert tolerance_for(FILE, "ABC", None, 64) is FIXED
    assert tolerance_for(SAMPLE, "ABC", None, 16) is FIXED  # of no sample
    filters = ("bilateral", "median")
    known = tolerance_for(SAMPLE, filters, None, 16)
    assert known.disagreement is not None and known.disagreement.number == 24
    assert known.truth is not None
    assert tolerance_for(SAMPLE, filters, None, 16) is known  # read and compared once
