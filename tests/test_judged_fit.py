from pathlib import Path
from statistics import fmean

import pytest
import torch

from ensir import gathering
from ensir.ensemble.baselines import average
from ensir.ensemble.lookup_table import Origin
from ensir.errors import Cancelled, InputError
from ensir.fitting import fit_pictures
from ensir.gathering import gather_pictures
from ensir.judged_fit import AVERAGE, HELD_OUT, JudgedFit, fit_reference_set, judged_fit
from ensir.methods import Choices
from ensir.metrics import psnr
from ensir.reference_set import ReferenceSet
from ensir.table_files import table_bytes
from tests.zips import NAMES, put_folder, put_zip, reference_files

FILES = reference_files()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put_folder(tmp_path_factory.mktemp("sets") / "rain", FILES)


@pytest.fixture(scope="module")
def fit(folder: Path) -> JudgedFit:
    return fit_reference_set(folder, NAMES, Choices("em"), 32)


def test_a_zip_gives_the_table_of_its_folder_to_the_bit(folder: Path, fit: JudgedFit) -> None:
    zipped = put_zip(folder.parent / "rain.zip", {f"any/{path}": it for path, it in FILES.items()})
    assert table_bytes(fit_reference_set(zipped, NAMES, Choices("em"), 32).table) == table_bytes(
        fit.table
    )


def test_every_score_is_that_of_the_pixels(folder: Path, fit: JudgedFit) -> None:
    reference_set, pictures = (
        ReferenceSet(folder, NAMES),
        gather_pictures(ReferenceSet(folder, NAMES)),
    )
    for place, (candidates, truth) in enumerate(reference_set):
        for name, candidate in zip(NAMES, candidates, strict=True):
            assert fit.psnr[name][place] == pytest.approx(psnr(candidate, truth), abs=1e-9)
        averaged = psnr(average(candidates).image, truth)
        assert fit.psnr[AVERAGE][place] == pytest.approx(averaged, abs=1e-4)  # float32 pixels
        others = [one for one in range(len(reference_set)) if one != place]
        left = type(pictures)(
            tuple(pictures.names[one] for one in others),
            tuple(pictures.parts[one] for one in others),
        )
        fused = judged_fit(left, Choices("em"), 32).table.fuse(candidates).image
        assert fit.psnr[HELD_OUT][place] == pytest.approx(psnr(fused, truth), abs=1e-4)
    assert fit.mean_psnr["Ann"] == fmean(fit.psnr["Ann"])


def test_other_choices_need_no_picture(folder: Path, fit: JudgedFit) -> None:
    for choices, width in ((Choices("least-squares", trust=0.25), 64), (Choices("published"), 16)):
        again = judged_fit(fit.pictures, choices, width, earlier=fit)
        anew = fit_reference_set(folder, NAMES, choices, width)
        assert table_bytes(again.table) == table_bytes(anew.table)
        assert again.psnr == anew.psnr


def test_another_trust_takes_what_is_held_out_from_the_earlier_fit(fit: JudgedFit) -> None:
    less = judged_fit(fit.pictures, Choices("em", trust=0.5), 32, earlier=fit)
    assert less.left_out is fit.left_out
    assert less.psnr == judged_fit(fit.pictures, Choices("em", trust=0.5), 32).psnr
    none = judged_fit(fit.pictures, Choices("em", trust=0.0), 32, earlier=fit)
    assert none.psnr[HELD_OUT] == pytest.approx(fit.psnr[AVERAGE])


def test_cells_are_counted_by_how_they_were_filled(fit: JudgedFit) -> None:
    cells, table = fit.cells, fit.table
    assert cells.fitted + cells.prior + cells.empty == 3 * 8**3 == table.origin.numel()
    assert cells.empty == int((table.count == 0).sum())
    assert cells.prior == int(((table.count > 0) & (table.count < 100)).sum())
    inside = table.count[table.origin == Origin.FITTED].sum() / table.count.sum()
    assert cells.fitted_share == pytest.approx(float(inside))


def test_the_verdict_says_gain_and_distance_from_the_best_model(fit: JudgedFit) -> None:
    mean, held = fit.mean_psnr, fit.held_out
    best = max(NAMES, key=lambda name: mean[name])
    assert held is not None
    ahead = mean[HELD_OUT] - mean[best]
    gain = mean[HELD_OUT] - mean[AVERAGE]
    moves = "gains" if gain >= 0 else "loses"
    assert f"the table {moves} {abs(gain):.2f} dB against averaging" in fit.verdict
    assert f"{held.won} of 4 pictures better" in fit.verdict
    word = "ahead of" if ahead > 0 else "behind"
    assert fit.verdict.endswith(f"{abs(ahead):.2f} dB {word} the best single model, {best}.")


def test_a_single_picture_is_fitted_and_not_judged(tmp_path: Path) -> None:
    path = put_zip(tmp_path / "one.zip", reference_files(1))
    fit = fit_reference_set(path, NAMES, Choices("em"), 32)
    assert fit.held_out is None and HELD_OUT not in fit.psnr and AVERAGE in fit.psnr
    assert fit.verdict.startswith("One picture cannot be left out of the fit")


def test_progress_goes_through_the_pictures_twice(folder: Path) -> None:
    told: list[tuple[int, int]] = []
    fit_reference_set(folder, NAMES, Choices("em"), 32, lambda *step: told.append(step))
    assert sorted(set(told)) == [(done, 8) for done in range(1, 9)]
    assert told == sorted(told)


@pytest.mark.parametrize("after", [1, 4, 6])
def test_it_stops_when_asked_to(folder: Path, after: int) -> None:
    told: list[int] = []
    with pytest.raises(Cancelled):
        fit_reference_set(
            folder,
            NAMES,
            Choices("em"),
            32,
            lambda done, total: told.append(done),
            lambda: bool(told) and told[-1] >= after,
        )
    assert told[-1] <= after + 1


def test_bad_choices_are_refused_before_anything_is_read(folder: Path) -> None:
    with pytest.raises(InputError, match="a method is em, published or least-squares"):
        fit_reference_set(folder / "gone", NAMES, Choices("magic"), 32)
    with pytest.raises(InputError, match="bins of width 8 join to multiples of 8 only, got 12"):
        fit_reference_set(folder, NAMES, Choices("em"), 12)


def test_the_same_choices_give_the_same_table_as_the_command_line(fit: JudgedFit) -> None:
    from ensir.fitting import fit_pictures

    assert torch.equal(fit.table.weights, fit_pictures(fit.pictures, 32, "em").table.weights)


def test_every_choice_reaches_the_table(folder: Path) -> None:
    pictures = gather_pictures(ReferenceSet(folder, NAMES))
    for choices in (Choices("least-squares", ridge=1e6), Choices("em", back_off=50.0)):
        table = judged_fit(pictures, choices, 32).table
        wanted = fit_pictures(
            pictures, 32, choices.method, ridge=choices.ridge, back_off=choices.back_off
        ).table
        usual = judged_fit(pictures, Choices(choices.method), 32).table
        assert torch.equal(table.weights, wanted.weights)
        assert not torch.equal(table.weights, usual.weights)


def test_how_far_a_perfect_model_is_ahead_is_said(tmp_path: Path) -> None:
    files = reference_files(3)
    for path in [path for path in files if path.startswith("gt/")]:
        files[path.replace("gt/", f"{NAMES[0]}/", 1)] = files[path]
    fit = fit_reference_set(put_zip(tmp_path / "set.zip", files), NAMES, Choices("em"), 32)
    assert fit.verdict.endswith(f"and is ∞ dB behind the best single model, {NAMES[0]}.")


def test_a_model_called_like_a_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be called 'table, held out' here"):
        fit_reference_set(tmp_path, [NAMES[0], HELD_OUT], Choices("em"), 32)


def test_pictures_apart_are_bounded_together(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_STATISTICS_BYTES", 300_000)
    with pytest.raises(InputError, match="each kept apart, take more than"):
        gather_pictures(ReferenceSet(folder, NAMES))
