"""When a picture is called unlike the reference set: never on its own kind, always on others."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ensir.comparison import compare
from ensir.ensemble.bin_statistics import gather_statistics
from ensir.ensemble.bins import Bins
from ensir.errors import InputError
from ensir.fitting import fit_statistics
from ensir.gathering import gather_pictures, statistics_of_picture
from ensir.reference_set import ReferencePictures, ReferenceSet, ReferenceStatistics
from ensir.seen import Seen
from ensir.shift import IN_WORDS, Shift, shift, shift_notes, shift_of
from ensir.tolerance import FIXED, tolerance_of
from ensir.truth_fit import TruthFit, truth_fit
from tests.conftest import make_pictures, make_statistics

TASKS = {
    "deraining": ("MPRNet", "MAXIM", "Restormer"),
    "deblurring": ("MPRNet", "Restormer", "DGUNet"),
}


def made(seeds: range, **how: float) -> ReferencePictures:
    parts = tuple(
        make_statistics(make_pictures(seed, 3, height=60, width=60, **how), 32) for seed in seeds
    )
    return ReferencePictures(tuple(map(str, seeds)), parts)


def without(pictures: ReferencePictures, place: int) -> ReferencePictures:
    kept = [other for other in range(len(pictures.names)) if other != place]
    return ReferencePictures(
        tuple(pictures.names[other] for other in kept),
        tuple(pictures.parts[other] for other in kept),
    )


def shift_from(part: ReferenceStatistics, reference: ReferencePictures) -> tuple[Shift, Shift]:
    """By the distances of the reference's own pictures, and as if only their sum were known."""
    total = reference.total
    table = fit_statistics(total, method="least-squares").table
    tolerance = tolerance_of(reference, 32)
    beside = next(iter(part.grains), None)
    known = shift(
        part.statistics, table, total.statistics, tolerance, has_truth=True, beside=beside
    )
    return known, replace(known, tolerance=FIXED)


@pytest.fixture(scope="module")
def gathered(shared: Path) -> dict[str, ReferencePictures]:
    return {
        task: gather_pictures(ReferenceSet(shared / "ensir_reference" / task, names), 32)
        for task, names in TASKS.items()
    }


@pytest.mark.parametrize("task", TASKS)
def test_no_picture_of_the_shared_sets_is_unlike_the_others(
    gathered: dict[str, ReferencePictures], task: str
) -> None:
    pictures = gathered[task]
    for place, part in enumerate(pictures.parts):
        for found in shift_from(part, without(pictures, place)):
            assert found.warnings == ()


@pytest.mark.parametrize("task", TASKS)
def test_every_picture_of_another_task_is_unlike_the_shared_sets(
    gathered: dict[str, ReferencePictures], task: str
) -> None:
    (other,) = set(TASKS) - {task}
    for part in gathered[other].parts:
        for found in shift_from(part, gathered[task]):
            assert any("differ from each other otherwise" in said for said in found.warnings)


@pytest.mark.parametrize("task", TASKS)
def test_a_truth_degraded_on_purpose_is_found_out(shared: Path, task: str) -> None:
    """In the reference set, and in a picture that is compared with its truth."""
    candidates, truth = ReferenceSet(shared / "ensir_reference" / task, TASKS[task])[0]
    random = torch.Generator().manual_seed(1)
    noise = 20 * torch.randn(truth.shape, generator=random)
    noisy = (truth + noise).round().clamp(0, 255).to(torch.uint8)
    bins = Bins(32, 3)
    right = gather_statistics(candidates, truth, bins)
    wrong = gather_statistics(candidates, noisy, bins)
    assert shift(right, reference=right, has_truth=True).warnings == ()
    assert any("In this picture" in said for said in shift(wrong, has_truth=True).warnings)
    of_reference = shift(right, reference=wrong, has_truth=False)
    assert any("In the reference set" in said for said in of_reference.warnings)


def test_a_truth_is_looked_at_in_the_bins_of_the_reference_set() -> None:
    """Its limits were found there; in the wider ones of the table it has no floor."""
    candidates, truth = make_pictures(1, 3, height=60, width=60)
    wide, narrow = (gather_statistics(candidates, truth, Bins(width, 3)) for width in (64, 16))
    found = shift(wide, has_truth=True, in_reference_bins=narrow)
    assert found.truth == truth_fit(narrow)


def test_candidates_that_agree_everywhere_are_no_error(sample: tuple[Tensor, Tensor]) -> None:
    candidates, truth = sample
    alike = gather_statistics(candidates[:1].repeat(3, 1, 1, 1), truth, Bins(32, 3))
    whole = gather_statistics(candidates, truth, Bins(32, 3))
    assert truth_fit(alike) is None
    assert shift(alike, reference=alike, has_truth=True).warnings == ()
    assert len(shift(alike, reference=whole, has_truth=True).warnings) == 1


def test_values_in_cells_without_a_reference_pixel_are_counted() -> None:
    candidates, truth = make_pictures(5, 2, contrast=60)
    pixels = candidates.shape[2] * candidates.shape[3]
    bins = Bins(32, 2)
    half = candidates.shape[2] // 2
    reference = ReferenceStatistics(
        gather_statistics(candidates[:, :, :half], truth[:, :half], bins), ("A", "B"), ("x",), 1
    )
    table = fit_statistics(reference).table
    found = shift_of(Seen(list(candidates), None), table)
    index = bins.index(candidates)
    unseen = sum(
        int((~torch.isin(index[channel], index[channel, :half])).sum()) for channel in range(3)
    )
    assert unseen > 0
    assert found.unseen == pytest.approx(unseen / (3 * pixels))
    assert found.error is None and found.truth is None and found.distance is None


def test_a_harder_picture_than_the_reference_set_is_said_to_be() -> None:
    easy, hard = made(range(1), noise=2), made(range(1), noise=12)
    table = fit_statistics(easy.total).table
    found = shift(hard.total.statistics, table, has_truth=True)
    assert found.error is not None and found.error > 3
    assert any("times what the reference set expects" in said for said in found.warnings)
    same = shift(easy.total.statistics, table, has_truth=True)
    assert same.error == pytest.approx(1, abs=1e-6)  # expected errors are float32


def test_a_large_picture_is_looked_at_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    candidates, truth = make_pictures(1, 2, height=64, width=64)
    gathered = make_statistics((candidates, truth), 32)
    table = fit_statistics(gathered).table
    whole = shift_of(Seen(list(candidates), truth), table)
    monkeypatch.setattr("ensir.seen.PIXELS", 64 * 16)
    part = shift_of(Seen(list(candidates), truth), table)
    assert part.truth is not None and whole.truth is not None and part.truth != whole.truth
    assert part.truth.far == pytest.approx(whole.truth.far, rel=0.1)  # every fourth row of noise


def test_notes_are_of_the_table_and_silent_about_the_average() -> None:
    candidates, truth = make_pictures(1, 3, noise=3)
    pictures = dict(zip("ABC", candidates, strict=True))
    assert shift_notes(compare(pictures, truth=truth)) == ()
    own = make_statistics((candidates, truth), 32)
    assert shift_notes(compare(pictures, reference=own)) == ()
    other = make_statistics(make_pictures(1, 3, bias=60), 32)
    assert shift_notes(compare(pictures, reference=other))
    fitted = fit_statistics(other, 32).table
    assert len(shift_notes(compare(pictures, truth=truth, reference=fitted))) <= 2


def test_a_displaced_truth_is_seen_where_its_pixels_are_at_hand() -> None:
    candidates, truth = make_pictures(1, 3, height=60, width=60, noise=2)
    table = fit_statistics(make_statistics((candidates, truth), 32)).table
    for target, displaced in ((truth, False), (truth.roll(2, 1), True)):
        found = shift_of(Seen(list(candidates), target), table)
        assert any("displaced" in said for said in found.warnings) == displaced
    assert shift_of(Seen(list(candidates), None), table).detail is None


def test_candidates_that_differ_alike_in_another_order_of_the_pixels_are_unlike() -> None:
    """Their sums are the same: it is seen where the pixels are at hand."""
    pictures = [make_pictures(seed, 2, height=60, width=60, noise=20) for seed in range(4)]
    bins = Bins(32, 2)
    parts = tuple(statistics_of_picture(*both, ("A", "B"), "made", bins) for both in pictures)
    reference = ReferencePictures(("a", "b", "c", "d"), parts)
    table = fit_statistics(reference.total).table
    tolerance = tolerance_of(reference, 32)
    candidates, _ = pictures[0]
    values = candidates.flatten(-2)
    rising = (values[0].int() - values[1].int()).argsort(-1)
    smooth = values.gather(-1, rising.expand_as(values)).reshape(candidates.shape)
    own, other = (
        shift_of(Seen(list(those), None), table, reference.total.statistics, tolerance)
        for those in (candidates, smooth)
    )
    assert own.distance is not None and other.distance is not None
    assert own.distance < 1 < other.distance and other.differs in ("smooth", "coarse")
    assert any("from pixel to pixel" in said or "patches" in said for said in other.warnings)
    by_sums = replace(tolerance, grain=None)
    forgotten = shift_of(Seen(list(smooth), None), table, reference.total.statistics, by_sums)
    assert forgotten.distance is not None and forgotten.distance < 1


def test_every_warning_is_one_sentence() -> None:
    doubtful = TruthFit(12.0, 0.9, 20.0, 0.99, 0.0, 0.0, 0.0)
    for differs in IN_WORDS:
        found = Shift(0.5, 9.0, differs, error=9.0, truth=doubtful)
        assert len(found.warnings) == 4
        for said in found.warnings:
            assert said[0].isupper() and not said.endswith(".") and "\n" not in said
    twice = replace(found, doubts=("In the reference set all is wrong",))
    assert twice.warnings[-1] == "In the reference set all is wrong" and len(twice.warnings) == 4


def test_of_many_candidates_no_more_is_looked_at_than_can_be_summed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Noise, where nearly every value has a bin set of its own."""
    random = torch.Generator().manual_seed(2)
    pictures = torch.randint(0, 256, (6, 3, 60, 50), generator=random).to(torch.uint8)
    table = fit_statistics(make_statistics((pictures[:, :, :2], pictures[0, :, :2]), 64)).table
    most = 72 * (6 * 6 + 2 * 6) * 10 * 50  # ten rows of 50 values in 3 channels, all apart
    monkeypatch.setattr("ensir.ensemble.bin_statistics.MOST_STATISTICS_BYTES", most)
    with pytest.raises(InputError, match="occupy"):
        gather_statistics(pictures, pictures[0], Bins(64, 6))
    monkeypatch.setattr("ensir.seen.MOST_STATISTICS_BYTES", most)
    assert shift_of(Seen(list(pictures), None), table).warnings
