"""Pictures in and out of a reference set, and what each does to the others."""

from pathlib import Path

import pytest
import torch

from ensir.errors import InputError
from ensir.fitting import fit_statistics
from ensir.gathering import gather_pictures
from ensir.held_out import leave_one_out
from ensir.living_reference import coarser, influences, with_pictures, without
from ensir.methods import Choices
from ensir.metrics import psnr
from ensir.reference_set import ReferencePictures, ReferenceSet, ReferenceStatistics
from tests.conftest import make_pictures, make_statistics

SQUARES = Choices("least-squares")


def made(seeds: range, width: int = 8, **how: float) -> ReferencePictures:
    parts = tuple(
        make_statistics(make_pictures(seed, 3, height=50, width=50, **how), width) for seed in seeds
    )
    return ReferencePictures(tuple(f"{seed}" for seed in seeds), parts)


def test_adding_then_removing_is_the_same_to_the_bit() -> None:
    some, more = made(range(3)), made(range(3, 5))
    both = with_pictures(some, more)
    assert both.names == ("0", "1", "2", "3", "4")
    again = without(both, more.names)
    assert again == some or again.parts == some.parts
    assert torch.equal(
        (both.total - more.total).statistics.products, some.total.statistics.products
    )


def test_added_pictures_are_brought_to_the_candidates_and_bins_of_the_others() -> None:
    some, more = made(range(2), 32), made(range(2, 4), 8)
    turned = more.of_candidates(("C", "A", "B"))
    both, plain = with_pictures(some, turned), with_pictures(some, more)
    assert both.total.statistics.bins.width == 32
    assert torch.equal(both.total.statistics.products, plain.total.statistics.products)
    with pytest.raises(InputError, match="bins of width 32 join to multiples of 32 only"):
        with_pictures(more, some)


def test_what_cannot_be_added_or_removed_is_said_in_a_sentence() -> None:
    some = made(range(2))
    with pytest.raises(InputError, match="has a picture called 0 already"):
        with_pictures(some, some)
    with pytest.raises(InputError, match="no picture called 7: it has 0, 1"):
        without(some, ["7"])
    with pytest.raises(InputError, match="without any picture teaches nothing"):
        without(some, ["0", "1"])
    fewer = made(range(3, 4)).of_candidates(("A", "B"))
    with pytest.raises(InputError, match="the statistics know A, B"):
        with_pictures(some, fewer)


def test_gains_are_those_of_leaving_one_out() -> None:
    pictures = made(range(4))
    scores = leave_one_out(coarser(pictures, 32), SQUARES).scores(0.5)
    found = influences(pictures, SQUARES, 32)
    assert [one.picture for one in found] == list(pictures.names)
    assert [one.gain for one in found] == pytest.approx(scores.gain)
    assert [one.psnr for one in found] == pytest.approx(scores.psnr)


def test_influence_is_what_refitting_with_and_without_it_gives() -> None:
    """By pixels: fits with and without the picture, fused and scored, for each of the others."""
    seeds = range(3)
    pictures = made(seeds)
    found = influences(pictures, SQUARES, 32)
    for place in seeds:
        differences = []
        for other in seeds:
            if other == place:
                continue
            candidates, truth = make_pictures(other, 3, height=50, width=50)
            with_it = without(pictures, [str(other)])
            without_it = without(with_it, [str(place)])
            scores = [
                psnr(
                    fit_statistics(one.total, 32, "least-squares").table.fuse(candidates).image,
                    truth,
                )
                for one in (with_it, without_it)
            ]
            differences.append(scores[0] - scores[1])
        # The fused picture is float32 there, and clamped to what the candidates span.
        assert found[place].influence == pytest.approx(sum(differences) / 2, abs=1e-5)


def test_progress_counts_the_pictures() -> None:
    seen: list[tuple[int, int]] = []
    influences(made(range(3)), SQUARES, 64, lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_of_two_pictures_the_influence_is_unknown() -> None:
    assert [one.influence for one in influences(made(range(2)), SQUARES, 32)] == [None, None]


def test_a_picture_whose_candidates_are_of_another_kind_is_named() -> None:
    usual, odd = made(range(6), noise=3), made(range(6, 7), noise=3, bias=20)
    found = influences(with_pictures(usual, odd), SQUARES, 32)
    unlike = [one.picture for one in found if "unlike the others'" in str(one.outlier)]
    assert unlike == ["6"]


def test_of_a_picture_that_is_odd_in_both_the_truth_is_said() -> None:
    """All candidates are brighter than the truth, each by its own constant."""
    usual, odd = made(range(6), noise=3), made(range(6, 7), noise=3, bias=60)
    found = influences(with_pictures(usual, odd), SQUARES, 32)[6]
    assert str(found.outlier).startswith("its truth is darker than the candidates")


def test_a_picture_that_the_others_lose_by_is_named() -> None:
    """There the best candidate is the worst one, so that what it teaches is wrong for them."""

    def picture(seed: int, *noise: float) -> ReferenceStatistics:
        truth = make_pictures(seed, 2, height=60, width=60)[1]
        random = torch.Generator().manual_seed(seed)
        candidates = [
            (truth + sigma * torch.randn(truth.shape, generator=random)).round().clamp(0, 255)
            for sigma in noise
        ]
        return make_statistics((torch.stack(candidates).to(torch.uint8), truth), 256)

    parts = (*(picture(seed, 3, 9) for seed in range(3)), picture(3, 9, 3))
    found = influences(ReferencePictures(tuple("abcd"), parts), SQUARES, 256)
    assert "the others lose" in str(found[3].outlier)
    assert [one.outlier for one in found[:3]] == [None] * 3


def test_a_picture_with_the_wrong_truth_is_named_and_the_shared_ones_are_not(shared: Path) -> None:
    """The truth of one picture stands with the candidates of another."""
    folder = shared / "ensir_reference" / "deraining"
    reference_set = ReferenceSet(folder, ("MPRNet", "MAXIM", "Restormer"))
    pictures = gather_pictures(reference_set, 32)
    found = influences(pictures, SQUARES, 32)
    assert [one.outlier for one in found] == [None] * 5
    (candidates, truth), (_, other) = reference_set[1], reference_set[2]
    assert truth.shape == other.shape
    wrong = make_statistics((candidates, other), 32).statistics
    part = pictures.parts[1]
    mixed = ReferencePictures(
        pictures.names,
        (
            pictures.parts[0],
            type(part)(wrong, part.candidate_names, ("x",), 1),
            *pictures.parts[2:],
        ),
    )
    found = influences(mixed, SQUARES, 32)
    assert str(found[1].outlier).startswith("its truth hardly resembles the candidates")
