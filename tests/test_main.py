import json
import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ensir import (
    ReferenceSet,
    commands,
    fit_lookup_table,
    gather_reference_set,
    read_statistics,
    read_table,
    write_statistics,
)
from ensir.__main__ import COMMANDS, main
from ensir.comparison import compare
from ensir.ensemble.bin_statistics import gather_statistics
from ensir.ensemble.bins import Bins
from ensir.ensemble.levels import in_depth, levels_of
from ensir.files import digest
from ensir.images import read_image, read_picture, write_image
from ensir.restorers import RESTORERS, bring_weights, find_restorers, weights_folder
from ensir.restorers.mprnet import DERAINING, MPRNet
from ensir.restorers.self_ensemble import SelfEnsemble
from ensir.restorers.weights import load_weights
from ensir.settings import Settings
from ensir.workspaces import write_workspace
from tests.conftest import make_pictures
from tests.restorers.test_mprnet import VALUES, golden_weights, layouts, needs_golden

NAMES = ("A", "B", "C")
Ask = Callable[..., dict[str, object]]
Refused = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four pictures of three candidates; the work is done beside them."""
    rain = tmp_path / "rain"
    for seed in range(4):
        candidates, truth = make_pictures(seed, 3, height=36, width=30)
        for name, image in zip((*NAMES, "gt"), (*candidates, truth), strict=True):
            (rain / name).mkdir(parents=True, exist_ok=True)
            write_image(rain / name / f"{seed}.png", image)
    return rain


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    """Runs a command that must succeed and returns its JSON."""

    def run(*arguments: object) -> dict[str, object]:
        assert main([*map(str, arguments), "--json"]) == 0
        said = capsys.readouterr()
        assert not said.err and said.out.count("\n") == 1
        return json.loads(said.out)

    return run


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Refused:
    """Runs a command that must be refused, in one sentence without a folder, and returns that."""

    def run(*arguments: object) -> str:
        before = files_in(tmp_path)
        assert main([str(one) for one in arguments]) == 2
        said = capsys.readouterr()
        assert not said.out and said.err.startswith("ensir: ") and said.err.count("\n") == 1
        assert str(tmp_path) not in said.err
        assert files_in(tmp_path) == before
        return said.err

    return run


@pytest.fixture
def table(folder: Path, ask: Ask) -> Path:
    path = folder.parent / "table.safetensors"
    ask("fit", folder, "--candidates", *NAMES, "--bin-width", 64, "-o", path)
    return path


def files_in(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pictures_of(folder: Path, name: str = "0.png") -> list[Path]:
    return [folder / candidate / name for candidate in NAMES]


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from ensir.__main__ import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print({'torch', 'numpy', 'gradio', 'PIL', 'cv2', 'tqdm'} & {*sys.modules})"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == "set()"
    assert all(command in said.stdout for command in COMMANDS)


def test_the_module_runs_as_a_program(table: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "ensir", "show", str(table), "--json"],
        capture_output=True,
        text=True,
    )
    assert (said.returncode, said.stderr) == (0, "")
    assert json.loads(said.stdout)["bin_width"] == 64
    wrong = subprocess.run([sys.executable, "-m", "ensir", "bake"], capture_output=True, text=True)
    assert (wrong.returncode, wrong.stdout, wrong.stderr.count("\n")) == (2, "", 1)


def test_fit_writes_the_table_of_the_library_and_its_statistics(folder: Path, ask: Ask) -> None:
    output = folder.parent / "table.safetensors"
    said = ask(
        "fit", folder, "--candidates", *NAMES, "--bin-width", 32, "--prior", 0.1, 0.3, 0.6,
        "-o", output,
    )  # fmt: skip
    reference_set = ReferenceSet(folder, NAMES)
    fit_lookup_table(reference_set, 32, prior=[0.1, 0.3, 0.6]).save(folder.parent / "same")
    assert output.read_bytes() == (folder.parent / "same").read_bytes()
    beside = folder.parent / "table.statistics.safetensors"
    assert said["statistics"] == str(beside)
    assert read_statistics(beside).pictures == said["pictures"] == 4
    assert said["prior"] == [0.1, 0.3, 0.6]
    assert ask("show", beside)["sha256"] == said["statistics_sha256"]


def assert_same_but_for_its_statistics(one: Path, other: Path) -> None:
    """The tables agree to the bit, but name the file that each was fitted from."""
    first, second = read_table(one), read_table(other)
    assert first.provenance.statistics_sha256 != second.provenance.statistics_sha256
    assert replace(first.provenance, statistics_sha256=None) == replace(
        second.provenance, statistics_sha256=None
    )
    for field in ("weights", "origin", "count", "starts"):
        assert torch.equal(getattr(first, field), getattr(second, field))


def test_fit_takes_a_zip_of_the_folder(folder: Path, ask: Ask, refused: Refused) -> None:
    beside = folder.parent
    zipped = shutil.make_archive(str(folder), "zip", beside, "rain")
    for reference, output in ((folder, "folder"), (zipped, "zip")):
        ask("fit", reference, "--candidates", *NAMES, "-o", beside / f"{output}.safetensors")
    made = [(beside / f"{name}.safetensors").read_bytes() for name in ("folder", "zip")]
    assert made[0] == made[1]
    said = refused("fit", zipped, "-o", beside / "new.safetensors")
    assert said.startswith("ensir: rain.zip holds A, B, C, gt: say by --candidates")


@pytest.mark.parametrize("method", ["em", "published"])
def test_a_refit_in_wider_bins_equals_a_fit_from_the_pictures(
    folder: Path, ask: Ask, method: str
) -> None:
    fine, coarse, again = (folder.parent / f"{name}.safetensors" for name in ("a", "b", "c"))
    choice = ["--method", method]
    ask("fit", folder, "--candidates", *NAMES, "--bin-width", 16, *choice, "-o", fine)
    ask("fit", folder, "--candidates", *NAMES, "--bin-width", 64, *choice, "-o", coarse)
    statistics = fine.with_suffix(".statistics.safetensors")
    said = ask("fit", statistics, "--bin-width", 64, *choice, "-o", again)
    assert_same_but_for_its_statistics(again, coarse)
    assert said["statistics"] == str(statistics)
    assert not again.with_suffix(".statistics.safetensors").exists()


def test_a_refit_of_some_candidates_equals_a_fit_of_these(folder: Path, ask: Ask) -> None:
    whole, few, again = (folder.parent / f"{name}.safetensors" for name in ("a", "b", "c"))
    ask("fit", folder, "--candidates", *NAMES, "-o", whole)
    ask("fit", folder, "--candidates", "C", "A", "--first-weights", "uniform", "-o", few)
    statistics = whole.with_suffix(".statistics.safetensors")
    ask("fit", statistics, "--candidates", "C", "A", "--first-weights", "uniform", "-o", again)
    assert_same_but_for_its_statistics(again, few)


def test_a_merge_of_two_halves_is_the_whole_to_the_byte(folder: Path, ask: Ask) -> None:
    reference_set = ReferenceSet(folder, NAMES)
    one, two, whole, merged = (folder.parent / f"{name}.safetensors" for name in "12wm")
    for part, path in ((reference_set[:1], one), (reference_set[1:], two), (reference_set, whole)):
        write_statistics(gather_reference_set(part), path)
    assert ask("merge", one, two, "-o", merged)["pictures"] == 4
    assert merged.read_bytes() == whole.read_bytes()
    ask("merge", two, one, "-o", merged)
    assert merged.read_bytes() == whole.read_bytes()


def test_fuse_writes_the_picture_and_the_weights_of_the_library(
    folder: Path, table: Path, ask: Ask
) -> None:
    output, weights = folder.parent / "fused.png", folder.parent / "weights.npz"
    said = ask("fuse", table, *pictures_of(folder), "-o", output, "--weights", weights)
    assert (said["width"], said["height"]) == (30, 36)
    fusion = read_table(table).fuse(
        [read_image(path) for path in pictures_of(folder)], dtype=torch.uint8
    )
    assert torch.equal(read_image(output), fusion.image)
    with np.load(weights) as saved:
        assert saved["names"].tolist() == list(NAMES)
        assert saved["weights"].dtype == np.float32 and saved["weights"].shape == (3, 3, 36, 30)
        assert np.array_equal(saved["weights"], fusion.weights.float().numpy())


def test_a_released_table_is_converted_both_ways_and_fuses_alike(
    folder: Path, table: Path, ask: Ask, refused: Refused
) -> None:
    released, back = folder.parent / "released.pth", folder.parent / "back.safetensors"
    ask("convert", table, released)
    assert "name 3 in order" in refused("show", released)
    assert "name 3 in order" in refused("convert", released, back)
    said = ask("convert", released, back, "--names", *NAMES)
    assert (said["method"], said["candidates"]) == ("released", list(NAMES))
    assert said["expected_error"] is None
    assert ask("show", released, "--names", *NAMES)["format"] == "released table"
    # Released weights are float32.
    assert torch.equal(read_table(back).weights.float(), read_table(table).weights.float())
    one, two = folder.parent / "1.png", folder.parent / "2.png"
    pictures = pictures_of(folder)
    assert "name 3 in order" in refused("fuse", released, *pictures, "-o", one)
    ask("fuse", released, *pictures, "--names", *NAMES, "-o", one)
    ask("fuse", back, *pictures, "-o", two)
    assert one.read_bytes() == two.read_bytes()


def test_score_gives_numbers_for_all_that_is_asked(folder: Path, table: Path, ask: Ask) -> None:
    said = ask("score", folder, "--candidates", *NAMES, "--table", table, "--baselines", "average")
    scores = said["scores"]
    assert [one["name"] for one in scores] == [*NAMES, "average", "table.safetensors"]
    assert all(len(one["pictures"]) == 4 and one["exact"]["psnr_rgb"] > 0 for one in scores)
    assert len(ask("score", folder, "--candidates", *NAMES)["scores"]) == 6
    assert len(ask("score", folder, "--candidates", *NAMES, "--baselines")["scores"]) == 3


def test_tables_of_one_name_are_told_apart(folder: Path, table: Path, ask: Ask) -> None:
    other = folder.parent / "other" / table.name
    other.parent.mkdir()
    other.write_bytes(table.read_bytes())
    said = ask("score", folder, "--candidates", *NAMES, "--table", table, "--table", other)
    assert [one["name"] for one in said["scores"][-2:]] == [str(table), str(other)]


def test_what_is_no_finite_number_is_null(folder: Path, ask: Ask) -> None:
    (folder / "gt" / "0.png").write_bytes((folder / "A" / "0.png").read_bytes())
    first, *_ = ask("score", folder, "--candidates", "A", "B", "--baselines")["scores"]
    assert first["pictures"][0]["exact"]["psnr_rgb"] is None
    assert first["pictures"][0]["exact"]["ssim_rgb"] == 1


def test_show_says_what_a_table_and_its_statistics_hold(
    folder: Path, table: Path, ask: Ask
) -> None:
    said = ask("show", table)
    assert said["candidates"] == list(NAMES) and said["reference_set"] == "rain"
    assert (said["method"], said["first_weights"], said["prior"]) == ("em", "released", None)
    assert said["bin_sets"] == 4**3 and sum(said["cells"].values()) == 3 * 4**3
    for over in ("cells", "pixels", "diagonal_cells"):
        # Each cell's weights add up to 1, and so do their means.
        assert sum(one[over] for one in said["mean_weights"]) == pytest.approx(1, abs=1e-12)
    pictures = [ReferenceSet(folder, NAMES)[place] for place in range(4)]
    fused = torch.stack([read_table(table).fuse(candidates).image for candidates, _ in pictures])
    error = (fused.double() - torch.stack([truth for _, truth in pictures])).square().mean().sqrt()
    assert said["expected_error"] == pytest.approx(float(error), rel=1e-5)  # float32
    found = ask("show", table.with_suffix(".statistics.safetensors"))
    assert found["cells"]["enough_pixels"] == said["cells"]["fitted"]
    assert found["cells"]["too_few_pixels"] == said["cells"]["prior"]
    assert found["pixels"] == said["pixels"] == 4 * 36 * 30


def test_show_says_what_a_workspace_holds(folder: Path, table: Path, ask: Ask) -> None:
    candidates, truth = ReferenceSet(folder, NAMES)[0]
    named = dict(zip(NAMES, candidates, strict=True))
    comparison = compare(named, truth=truth, reference=read_table(table))
    settings = Settings(
        *("denoising", 25, (), False, "file", 32, "em", 1, False),
        *("weight", "all", 100, None, "green", 3, 4),
    )
    write_workspace(comparison, settings, folder / "workspace.zip")
    said = ask("show", folder / "workspace.zip")
    assert (said["format"], said["candidates"]) == ("ensir workspace 1", list(NAMES))
    assert (said["weights_from"], said["reference_set"]) == ("a table", "rain")
    assert (said["bits"], said["ground_truth"], said["x"], said["y"]) == (8, True, 3, 4)


def test_a_sparse_table_counts_the_cells_that_it_does_not_store(folder: Path, ask: Ask) -> None:
    path = folder.parent / "sparse.safetensors"
    said = ask("fit", folder, "--candidates", *NAMES, "--bin-width", 4, "-o", path)
    assert said["stored"] == "occupied bin sets"
    assert sum(said["cells"].values()) == 3 * 64**3


def test_text_names_every_value(
    folder: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(table)]) == 0
    shown = capsys.readouterr().out
    assert "bin width          64\n" in shown and "candidates         A, B, C\n" in shown
    assert main(["score", str(folder), "--candidates", *NAMES, "--baselines", "zzpm"]) == 0
    rows = capsys.readouterr().out.splitlines()[-4:]
    assert [row.split()[0] for row in rows] == [*NAMES, "zzpm"]


def test_bad_choices_are_refused_before_a_picture_is_read(folder: Path, refused: Refused) -> None:
    for picture in folder.rglob("*.png"):
        picture.write_bytes(b"no picture")
    output = folder.parent / "t.safetensors"
    fit = ["fit", folder, "--candidates", *NAMES, "-o", output]
    assert "a method is em, published or least-squares, got 'magic'" in refused(
        *fit, "--method", "magic"
    )
    assert "first weights are" in refused(*fit, "--first-weights", "none")
    assert "add up to 1, got 0.9" in refused(*fit, "--prior", 0.1, 0.2, 0.6)
    assert "a prior has 3 numbers" in refused(*fit, "--prior", 0.4, 0.6)
    assert "1 to 256 levels wide, got 0" in refused(*fit, "--bin-width", 0)
    assert "a whole number or auto, got 'wide'" in refused(*fit, "--bin-width", "wide")
    assert "a number or auto, got 'much'" in refused(*fit, "--trust", "much")
    assert "trust is a number from 0 to 1, got 2.0" in refused(*fit, "--trust", 2)
    assert "a ridge is for least-squares" in refused(*fit, "--ridge", "auto")
    assert "a back-off is for em" in refused(*fit, "--method", "published", "--back-off", 20)
    assert "no device abacus" in refused(*fit, "--device", "abacus")
    assert "ends in .safetensors" in refused(*fit[:-1], folder.parent / "t.txt")
    assert "a folder that exists" in refused(*fit[:-1], folder / "no" / "t.safetensors")
    assert "is not a PNG" in refused(*fit)


def test_fit_by_least_squares_takes_trust_and_ridge(folder: Path, ask: Ask) -> None:
    output = folder.parent / "table.safetensors"
    said = ask(
        "fit", folder, "--candidates", *NAMES, "--method", "least-squares", "--trust", 0.25,
        "--ridge", 50, "-o", output,
    )  # fmt: skip
    assert (said["method"], said["trust"], said["ridge"]) == ("least-squares", 0.25, 50)
    assert said["first_weights"] is None and said["cells"]["prior"] == 0
    expected = fit_lookup_table(
        ReferenceSet(folder, NAMES), method="least-squares", trust=0.25, ridge=50
    )
    assert torch.equal(read_table(output).weights, expected.weights)
    assert ask("show", output)["trust"] == 0.25


def test_fit_backs_off_when_asked_to(folder: Path, ask: Ask) -> None:
    output = folder.parent / "table.safetensors"
    said = ask("fit", folder, "--candidates", *NAMES, "--back-off", 20, "-o", output)
    assert (said["method"], said["back_off"], said["cells"]["prior"]) == ("em", 20, 0)


def test_fit_says_what_auto_chose(
    folder: Path, ask: Ask, refused: Refused, capsys: pytest.CaptureFixture[str]
) -> None:
    output = folder.parent / "table.safetensors"
    fit = ["fit", folder, "--candidates", *NAMES, "--method", "least-squares", "-o", output]
    auto = ["--bin-width", "auto", "--trust", "auto", "--ridge", "auto"]
    said = ask(*fit, *auto)
    table = read_table(output)
    assert said["bin_width"] == table.bins.width and said["trust"] == table.provenance.trust
    assert said["chosen"] == table.provenance.chosen
    assert said["chosen"].startswith(f"bin width {said['bin_width']}, trust {said['trust']:g}, ")
    beside = output.with_suffix(".statistics.safetensors")
    assert read_statistics(beside).statistics.bins.width == 8  # finer ones were not tried
    assert main([*map(str, fit), *auto]) == 0
    assert "dB over averaging, the mean of 4 pictures" in capsys.readouterr().out
    # Added up, no picture can be left out any more.
    again = ["fit", beside, "--method", "least-squares", "-o", folder.parent / "t.safetensors"]
    assert "statistics have added up" in refused(*again, "--trust", "auto")
    ask(*again, "--trust", 0.25, "--bin-width", 64)


def test_a_trust_of_its_own_is_chosen_at_the_usual_width(folder: Path, ask: Ask) -> None:
    output = folder.parent / "table.safetensors"
    said = ask("fit", folder, "--candidates", *NAMES, "--trust", "auto", "-o", output)
    assert said["bin_width"] == 32 and said["chosen"].startswith("trust ")


def test_wrong_folders_are_refused_by_name(folder: Path, refused: Refused) -> None:
    end = ["-o", folder.parent / "t.safetensors"]
    assert "A, B, C, gt" in refused("fit", folder, *end)
    assert "no folder D" in refused("fit", folder, "--candidates", "A", "D", *end)
    assert "gone is not there" in refused("fit", folder.parent / "gone", *end)
    assert "no folder gone" in refused("score", folder.parent / "gone", "--candidates", "A")
    (folder / "B" / "2.png").unlink()
    assert "B lacks 2" in refused("fit", folder, "--candidates", *NAMES, *end)


def test_statistics_are_refitted_only_at_multiples_of_their_width_and_for_their_candidates(
    folder: Path, table: Path, refused: Refused
) -> None:
    statistics = table.with_suffix(".statistics.safetensors")
    fit = ["fit", statistics, "-o", folder.parent / "t.safetensors"]
    assert "multiples of 64 only, got 96" in refused(*fit, "--bin-width", 96)
    assert "the statistics know A, B, C" in refused(*fit, "--candidates", "A", "D")


def test_candidates_that_do_not_fit_the_table_are_refused(
    folder: Path, table: Path, refused: Refused
) -> None:
    end = ["-o", folder.parent / "fused.png"]
    a, b, c = pictures_of(folder)
    assert "got 2 candidates" in refused("fuse", table, a, b, *end)
    swapped = refused("fuse", table, b, a, c, *end)
    assert "A, B, C in this order" in swapped and "B, A, C" in swapped
    named = [folder.parent / f"{name}.png" for name in "CAB"]
    for path in named:
        path.write_bytes(a.read_bytes())
    assert "the pictures are of C, A, B" in refused("fuse", table, *named, *end)
    assert "got B, A, C" in refused("fuse", table, a, b, c, "--names", "B", "A", "C", *end)
    assert "gone.png (C) is not there" in refused("fuse", table, a, b, folder / "gone.png", *end)
    write_image(b, torch.zeros(3, 20, 20, dtype=torch.uint8))
    assert "have them cropped to the 20 × 20 pixels" in refused("fuse", table, a, b, c, *end)
    score = ["score", folder, "--table", table, "--candidates"]
    assert "got B, A, C" in refused(*score, "B", "A", "C")
    assert "got median" in refused("score", folder, "--candidates", "A", "--baselines", "median")


def test_foreign_and_missing_files_are_refused_as_tables(folder: Path, refused: Refused) -> None:
    picture = folder / "A" / "0.png"
    for content in (picture.read_bytes(), b"", b"PK\x03\x04 no archive", b"{}" * 100):
        foreign = folder.parent / "foreign.safetensors"
        foreign.write_bytes(content)
        out = folder.parent / "x.safetensors"
        for command in (
            ["show", foreign, "--names", "A"],
            ["fit", foreign, "-o", out],
            ["merge", foreign, "-o", out],
            ["convert", foreign, out, "--names", "A"],
            ["fuse", foreign, picture, "--names", "A", "-o", folder.parent / "x.png"],
            ["score", folder, "--candidates", "A", "--table", foreign],
        ):
            assert "foreign.safetensors" in refused(*command)
    assert "gone is not there" in refused("show", folder.parent / "gone")


def test_statistics_are_not_taken_for_a_table_nor_a_table_for_statistics(
    folder: Path, table: Path, refused: Refused
) -> None:
    statistics = table.with_suffix(".statistics.safetensors")
    fuse = ["fuse", statistics, *pictures_of(folder), "-o", folder.parent / "x.png"]
    assert "table.statistics.safetensors" in refused(*fuse)
    assert "table.safetensors" in refused("merge", table, "-o", folder.parent / "x.safetensors")


def test_no_input_is_ever_overwritten(folder: Path, table: Path, refused: Refused) -> None:
    statistics = table.with_suffix(".statistics.safetensors")
    a, b, c = pictures_of(folder)
    link = folder.parent / "link.safetensors"
    link.symlink_to(statistics)
    for command in (
        ["fit", statistics, "-o", statistics],
        ["fit", statistics, "-o", link],
        ["merge", statistics, "-o", statistics],
        ["convert", table, table],
        ["fuse", table, a, b, c, "-o", b],
    ):
        assert "would be overwritten" in refused(*command)


def test_statistics_that_would_count_twice_are_not_merged(
    folder: Path, table: Path, refused: Refused
) -> None:
    statistics = table.with_suffix(".statistics.safetensors")
    copy = folder.parent / "copy.safetensors"
    copy.write_bytes(statistics.read_bytes())
    merge = ["merge", statistics, copy, "-o", folder.parent / "m.safetensors"]
    assert "count twice" in refused(*merge)


def test_mistakes_in_the_arguments_are_one_sentence(refused: Refused) -> None:
    assert "required: COMMAND" in refused()
    assert "invalid choice: 'bake'" in refused("bake")
    assert "ensir fuse --help" in refused("fuse")
    assert "unrecognized arguments: --fast" in refused("show", "x", "--fast")


def test_what_nobody_foresaw_of_a_file_is_one_sentence_too(refused: Refused) -> None:
    assert "cannot be" in refused("show", "x" * 5000)


def test_stopping_ends_quietly_with_the_code_of_a_shell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(given: Namespace, on_progress: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(COMMANDS, "show", replace(COMMANDS["show"], run=stopped))
    assert main(["show", "x"]) == 130
    assert capsys.readouterr() == ("", "")


def test_nothing_else_is_printed_beside_the_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], table: Path
) -> None:
    original = COMMANDS["show"].run

    def show(given: Namespace, on_progress: Callable[[int, int], None]) -> object:
        print("a library says something")
        return original(given, on_progress)

    monkeypatch.setitem(COMMANDS, "show", replace(COMMANDS["show"], run=show))
    assert main(["show", str(table), "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) and said.err == "a library says something\n"


def test_without_gradio_the_app_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert 'pip install -e ".[app]"' in refused("app")


def test_the_app_is_launched_on_the_port_asked_for(
    monkeypatch: pytest.MonkeyPatch, ask: Ask
) -> None:
    pytest.importorskip("gradio")
    from ensir import ui

    ports: list[int | None] = []
    monkeypatch.setattr(ui, "launch", lambda port=None: ports.append(port))
    ask("app", "--port", 7861)
    ask("app")
    assert ports == [7861, None]


def test_restore_lays_candidates_out_as_a_reference_set(
    folder: Path, ask: Ask, tmp_path: Path
) -> None:
    pictures = [folder / "A" / "0.png", folder / "A" / "1.png"]
    out = tmp_path / "restored"
    said = ask("restore", *pictures, "--models", "median", "bilateral", "-o", out)
    assert len(said["restored"]) == 4
    for name in ("median", "bilateral"):
        wanted = RESTORERS[name].restore(read_image(pictures[1]), lambda *_: None, lambda: False)
        assert torch.equal(read_image(out / name / "1.png"), wanted)
    (out / "gt").mkdir()
    for seed in (0, 1):
        write_image(out / "gt" / f"{seed}.png", read_image(folder / "gt" / f"{seed}.png"))
    assert len(ReferenceSet(out, ["median", "bilateral"])) == 2


def test_restore_refuses_what_it_cannot_do(folder: Path, refused: Refused, tmp_path: Path) -> None:
    picture, out = folder / "A" / "0.png", tmp_path / "restored"
    assert "no restorer" in refused("restore", picture, "--models", "magic", "-o", out)
    twice = refused("restore", picture, "--models", "median", "median", "-o", out)
    assert "median is named twice" in twice and not out.exists()
    same = folder / "B" / "0.png"
    assert "two pictures are called 0" in refused(
        "restore", picture, same, "--models", "median", "-o", out
    )
    (folder.parent / "median").mkdir()
    inside = folder.parent / "median" / "0.png"
    write_image(inside, read_image(picture))
    assert "would be overwritten" in refused(
        "restore", inside, "--models", "median", "-o", folder.parent
    )


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty weights folder, and no restorers but the built-in ones."""
    monkeypatch.setenv("ENSIR_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setattr(weights_folder, "SHIPPED", tmp_path / "shipped")
    (tmp_path / "weights").mkdir()
    find_restorers()
    yield tmp_path / "weights"
    monkeypatch.undo()
    find_restorers()


def deraining_checkpoint(path: Path, *, zipped: bool) -> MPRNet:
    """Writes a file in the layout of MPRNet's authors; the network with the same weights."""
    torch.manual_seed(0)
    network = MPRNet(DERAINING).eval()
    state = {f"module.{name}": it for name, it in network.state_dict().items()}
    content = {"epoch": 1, "state_dict": state, "optimizer": {"state": {}, "param_groups": []}}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return network


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_restore_does_what_the_authors_demo_does(
    folder: Path, ask: Ask, tmp_path: Path, weights: Path, zipped: bool
) -> None:
    network = deraining_checkpoint(weights / "model_deraining.pth", zipped=zipped)
    find_restorers()
    pictures, out = folder / "A", tmp_path / "results"
    clear = torch.zeros(36, 30, dtype=torch.uint8)
    write_image(pictures / "clear.png", read_image(pictures / "0.png"), clear)
    (pictures / "notes.txt").write_text("no picture")
    said = ask(
        "restore", "--models", "mprnet", "--task", "deraining",
        "--input_dir", pictures, "--result_dir", out,
    )  # fmt: skip
    names = sorted(path.name for path in pictures.glob("*.png"))
    assert sorted(path.name for path in out.iterdir()) == names and len(said["restored"]) == 5
    assert said["expected_seconds"] == pytest.approx(5 * 36 * 30 / 1e6 * 45)
    for name in names:
        picture = read_picture(pictures / name)
        # 36 × 30 pixels, reflected to the right and the bottom up to multiples of 8.
        padded = np.pad(picture.values.numpy(), ((0, 0), (0, 4), (0, 2)), mode="reflect")
        with torch.inference_mode():
            made = network(torch.from_numpy(padded)[None].float() / 255)[0][0, :, :36, :30]
        expected, found = levels_of(255 * made.clamp(0, 1)), read_picture(out / name)
        # Channels-last sums in another order: a value at half a level may round the other way.
        assert (found.values.int() - expected.int()).abs().max() <= 1
        assert (found.values != expected).float().mean() < 0.01
        assert (found.alpha is None) == (name != "clear.png")


@needs_golden
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_restore_gives_what_the_published_network_gives(
    ask: Ask, tmp_path: Path, weights: Path, zipped: bool
) -> None:
    # What was published has no whole levels: it vouches for the network, the network for levels.
    state = golden_weights(layouts()["deraining"]["tensors"])
    network = MPRNet(DERAINING)
    network.load_state_dict(state)
    with np.load(VALUES) as golden, torch.inference_mode():
        picture = torch.from_numpy(golden["full_deraining_input"])
        published = torch.from_numpy(golden["full_deraining_stage3"])
        torch.testing.assert_close(
            network.double()(picture[None].double())[0][0], published, rtol=0, atol=1e-10
        )
        levels = levels_of(255 * picture)
        expected = levels_of(255 * network(levels[None].double() / 255)[0][0].clamp(0, 1).float())
    content = {"state_dict": {f"module.{name}": it for name, it in state.items()}}
    torch.save(content, weights / "model_deraining.pth", _use_new_zipfile_serialization=zipped)
    find_restorers()
    (tmp_path / "in").mkdir()
    write_image(tmp_path / "in" / "0.png", levels)
    ask(
        "restore", "--models", "mprnet", "--task", "deraining",
        "--input_dir", tmp_path / "in", "--result_dir", tmp_path / "out",
    )  # fmt: skip
    found = read_image(tmp_path / "out" / "0.png")
    # Single precision: a value at half a level may round the other way.
    assert (found.int() - expected.int()).abs().max() <= 1
    assert (found != expected).float().mean() < 0.01


def test_restore_refuses_half_a_choice(
    folder: Path, refused: Refused, tmp_path: Path, weights: Path
) -> None:
    picture, pictures, out = folder / "A" / "0.png", folder / "A", tmp_path / "results"
    one = ("restore", "--models", "median")
    both = ("restore", picture, *one[1:])
    assert "pictures or --input_dir" in refused(*one, "-o", out)
    assert "pictures or --input_dir" in refused(*both, "--input_dir", pictures, "-o", out)
    assert "say one of them" in refused(*both)
    assert "a single model" in refused(
        *one, "bilateral", "--input_dir", pictures, "--result_dir", out
    )
    assert "no folder of pictures" in refused(*one, "--input_dir", out, "--result_dir", out)
    assert "would be overwritten" in refused(
        *one, "--input_dir", pictures, "--result_dir", pictures
    )
    assert "rain holds no .png" in refused(*one, "--input_dir", folder, "--result_dir", out)
    said = refused("restore", picture, "--models", "mprnet", "--task", "deblurring", "-o", out)
    assert "get model_deblurring.pth from github.com/swz30/MPRNet" in said


def test_outputs_of_other_programs_are_restorers_by_name(
    folder: Path, ask: Ask, tmp_path: Path
) -> None:
    pictures, out = [folder / "gt" / "0.png", folder / "gt" / "2.png"], tmp_path / "restored"
    models = [f"outputs:{folder / 'A'}", "median", f"outputs:{folder / 'C'}"]
    ask("restore", *pictures, "--models", *models, "-o", out)
    assert sorted(path.name for path in out.iterdir()) == ["A", "C", "median"]
    for name in ("A", "C"):
        for picture in pictures:
            wanted = read_image(folder / name / picture.name)
            assert torch.equal(read_image(out / name / picture.name), wanted)


def test_the_shared_outputs_are_fused_by_a_released_table(
    ask: Ask, tmp_path: Path, shared: Path
) -> None:
    names, picture = ("MPRNet", "Restormer", "DGUNet"), "GOPR0372_07_00-000051.png"
    pictures = shared / "ensir_reference" / "deblurring"
    for name in (*names, "lq"):  # crops: of the whole everything is the same, and takes longer
        (tmp_path / name).mkdir()
        crop = read_image(pictures / name / picture)[:, 300:420, 500:700]
        write_image(tmp_path / name / picture, crop)
    models = [f"outputs:{tmp_path / name}" for name in names]
    out, fused = tmp_path / "restored", tmp_path / "fused.png"
    ask("restore", tmp_path / "lq" / picture, "--models", *models, "-o", out)
    table = shared / "ensir_luts" / "weight_GoPro_MPRNet_Restormer_DGUNet_b32_rgb.pth"
    restored = [out / name / picture for name in names]
    maps = tmp_path / "weights.npz"
    ask("fuse", table, *restored, "--names", *names, "-o", fused, "--weights", maps)
    candidates = torch.stack([read_image(tmp_path / name / picture) for name in names])
    expected = levels_of(read_table(table, names).fuse(candidates).image)
    assert torch.equal(read_image(fused), expected)
    assert maps.is_file()


def test_restore_averages_over_eight_views_when_asked(
    folder: Path, ask: Ask, tmp_path: Path
) -> None:
    picture, out = folder / "A" / "0.png", tmp_path / "restored"
    once = ask("restore", picture, "--models", "bilateral", "-o", out)
    said = ask("restore", picture, "--models", "bilateral", "--self-ensemble", "-o", out)
    assert said["restored"][0]["model"] == "bilateral ×8"
    assert said["expected_seconds"] == pytest.approx(8 * once["expected_seconds"])
    wanted = SelfEnsemble(RESTORERS["bilateral"]).restore(
        read_image(picture), lambda *_: None, lambda: False
    )
    assert torch.equal(read_image(out / "bilateral ×8" / "0.png"), wanted)


def test_restore_says_what_a_long_run_will_take(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commands, "LONG", 0)
    pictures = [str(folder / "A" / f"{number}.png") for number in range(2)]
    assert main(["restore", *pictures, "--models", "median", "-o", str(tmp_path / "out")]) == 0
    assert "s on two CPU cores if all 2 are like the first" in capsys.readouterr().err


def test_models_lists_what_is_here_and_what_could_be(ask: Ask, weights: Path) -> None:
    rows = ask("models")["models"]
    here = [one["name"] for one in rows if not one["state"].startswith("not there")]
    assert here == list(RESTORERS)
    assert all({"name", "task", "licence", "bytes", "state"} <= set(one) for one in rows)
    assert {one["state"].split(":")[0] for one in rows} == {"built in", "not there"}
    (weights / "outputs" / "MambaIR").mkdir(parents=True)
    (weights / "outputs" / "MambaIR" / "0.png").write_bytes(b"")
    kept = ask("models")["models"][-1]
    assert kept["name"] == "MambaIR" and kept["state"] == "outputs in the weights folder: 1"


def test_models_adds_a_checkpoint(
    ask: Ask, refused: Refused, tmp_path: Path, weights: Path
) -> None:
    deraining_checkpoint(tmp_path / "model_deraining.pth", zipped=False)
    said = ask("models", "add", tmp_path / "model_deraining.pth")
    assert said["weights"] == str(weights / "model_deraining.safetensors")
    assert said["name"] == "MPRNet deraining" and "MPRNet deraining" in RESTORERS
    listed = {one["name"]: one for one in ask("models")["models"]}
    assert listed["MPRNet deraining"]["state"] == "in the weights folder"
    assert "takes a file of weights: name it" in refused("models", "add")
    (tmp_path / "text.pth").write_text("no weights")
    assert "text.pth is not a checkpoint" in refused("models", "add", tmp_path / "text.pth")


def test_fuse_keeps_16_bits_and_transparency(
    folder: Path, table: Path, ask: Ask, tmp_path: Path
) -> None:
    draw = torch.Generator().manual_seed(3)
    deep = torch.randint(0, 65536, (3, 3, 20, 24), generator=draw).to(torch.uint16)
    alpha = torch.randint(0, 65536, (20, 24), generator=draw).to(torch.uint16)
    paths = [tmp_path / f"{name}.png" for name in NAMES]
    write_image(paths[0], deep[0], alpha)
    write_image(paths[1], deep[1])
    write_image(paths[2], deep[2])
    said = ask("fuse", table, *paths, "-o", tmp_path / "fused.png")
    assert said["bits"] == 16 and "partly transparent" in said["notes"][0]
    fused = read_picture(tmp_path / "fused.png")
    wanted = in_depth(read_table(table).fuse(deep).image, torch.uint16)
    assert torch.equal(fused.values.int(), wanted.int())
    assert fused.alpha is not None and torch.equal(fused.alpha.int(), alpha.int())


def test_train_writes_weights_and_goes_on_from_its_state(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, output = tmp_path / "photos", tmp_path / "it.safetensors"
    photos.mkdir()
    for seed in range(3):
        write_image(photos / f"{seed}.png", make_pictures(seed, 1, height=64, width=72)[1])
    training = ["train", "denoising", "nafnet", "--photos", str(photos), "-o", str(output)]
    for steps in (1, 2):
        assert main([*training, "--steps", str(steps), "--json"]) == 0
        said = capsys.readouterr()
        answer = json.loads(said.out)
        assert answer["steps"] == steps and set(answer["psnr"]) == {
            "sigma 15",
            "sigma 25",
            "sigma 50",
        }
        assert said.err.startswith(f"step {steps}, ")
    assert load_weights(output).about["steps"] == 2
    assert Path(answer["state"]) == tmp_path / "it.state.safetensors"
    going_on = [*training[:-1], str(tmp_path / "other.safetensors"), "--weights", str(output)]
    assert main([*going_on, "--steps", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 3
    assert main([*going_on[:-1], str(tmp_path / "none"), "--steps", "3"]) != 0
    assert "none" in capsys.readouterr().err
    assert main([*training, "--weights", str(output), "--steps", "3"]) != 0  # onto themselves
    assert load_weights(output).about["steps"] == 2


def test_train_refuses_what_it_cannot_do(folder: Path, refused: Refused, tmp_path: Path) -> None:
    photos = ["--photos", folder, "-o", tmp_path / "it.safetensors"]
    assert "no task 'haze'" in refused("train", "haze", "nafnet", *photos)
    assert "no architecture 'unet'" in refused("train", "denoising", "unet", *photos)
    assert "no device abacus" in refused(
        "train", "denoising", "nafnet", *photos, "--device", "abacus"
    )
    assert "1 step or more" in refused("train", "denoising", "nafnet", *photos, "--steps", 0)
    assert "two photographs or more" in refused("train", "denoising", "nafnet", *photos)


def test_models_gets_a_file_by_its_link_and_hash(
    ask: Ask, refused: Refused, weights: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert "takes a link, or a model's name" in refused("models", "get")
    assert "say it by --sha256" in refused("models", "get", "https://there/model_deraining.pth")
    for without_link in (("add", "x.pth"), ("get", "mprnet deraining"), ("list",)):
        assert "leave it out" in refused("models", *without_link, "--sha256", "0" * 64)
    deraining_checkpoint(tmp_path / "there.pth", zipped=True)
    content = (tmp_path / "there.pth").read_bytes()
    monkeypatch.setattr(
        bring_weights, "download", lambda link, output, sha256, watch: output.write_bytes(content)
    )
    link = "https://there/model_deraining.pth"
    said = ask("models", "get", link, "--sha256", digest(content))
    assert said["weights"] == str(weights / "model_deraining.safetensors")
    assert said["name"] == "MPRNet deraining" and "MPRNet deraining" in RESTORERS


def test_reference_keeps_pictures_apart_and_says_what_each_does(
    folder: Path, ask: Ask, tmp_path: Path
) -> None:
    kept, fewer, again = (tmp_path / f"{name}.safetensors" for name in ("kept", "fewer", "again"))
    said = ask("reference", folder, "--candidates", *NAMES, "-o", kept)
    assert [one["picture"] for one in said["influences"]] == ["0", "1", "2", "3"]
    assert (said["bin_width"], said["method"], said["trust"]) == (32, "least-squares", 0.5)
    assert said["gain"] == pytest.approx(sum(one["gain"] for one in said["influences"]) / 4)
    less = ask("reference", kept, "--remove", "1", "3", "-o", fewer)
    assert [one["picture"] for one in less["influences"]] == ["0", "2"]
    for name in ("0", "2"):  # what stays, and would be there twice
        for part in (*NAMES, "gt"):
            (folder / part / f"{name}.png").unlink()
    whole = ask("reference", fewer, "--add", folder, "-o", again)
    assert whole["pictures"] == 4 and whole["gain"] == pytest.approx(said["gain"])
    assert ask("show", again)["format"] == "ensir reference pictures 1"
    assert ask("show", again)["cells"] == ask("show", kept)["cells"]


def test_reference_writes_its_own_file_anew(folder: Path, ask: Ask, tmp_path: Path) -> None:
    kept = tmp_path / "kept.safetensors"
    ask("reference", folder, "--candidates", *NAMES, "-o", kept)
    assert ask("reference", kept, "--remove", "0", "-o", kept)["pictures"] == 3
    alone = ask("reference", kept, "--remove", "1", "2", "-o", kept)
    assert alone["pictures"] == 1 and alone["influences"] == [] and alone["gain"] is None


def test_auto_from_a_reference_file_is_auto_from_its_folder(
    folder: Path, ask: Ask, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.safetensors"
    ask("reference", folder, "--candidates", *NAMES, "-o", kept)
    how = ("--method", "least-squares", "--bin-width", "auto", "--trust", "auto", "-o")
    one, other = tmp_path / "one.safetensors", tmp_path / "other.safetensors"
    from_file = ask("fit", kept, *how, one)
    from_folder = ask("fit", folder, "--candidates", *NAMES, *how, other)
    assert from_file["chosen"] == from_folder["chosen"] is not None
    assert torch.equal(read_table(one).weights, read_table(other).weights)
    plain = ask("fit", kept, "--candidates", "C", "A", "--bin-width", 64, "-o", one)
    assert plain["candidates"] == ["C", "A"] and plain["bin_width"] == 64


def test_reference_refuses_what_it_cannot_do(
    folder: Path, ask: Ask, refused: Refused, tmp_path: Path
) -> None:
    kept, out = tmp_path / "kept.safetensors", tmp_path / "out.safetensors"
    assert "say by --candidates" in refused("reference", folder, "-o", out)
    ask("reference", folder, "--candidates", *NAMES, "-o", kept)
    assert "no picture called x" in refused("reference", kept, "--remove", "x", "-o", out)
    assert "a picture called 0 already" in refused("reference", kept, "--add", folder, "-o", out)
    assert "a method is" in refused("reference", kept, "--method", "best", "-o", out)
    ask("fit", folder, "--candidates", *NAMES, "-o", tmp_path / "t.safetensors")
    total = tmp_path / "t.statistics.safetensors"
    assert "holds the sum of its pictures" in refused("reference", total, "-o", out)


def test_fuse_looks_up_softly_when_asked_to(
    folder: Path, table: Path, ask: Ask, tmp_path: Path
) -> None:
    pictures = pictures_of(folder)
    ask("fuse", table, *pictures, "--soft", "-o", tmp_path / "soft.png")
    candidates = torch.stack([read_image(path) for path in pictures])
    expected = read_table(table).fuse(candidates, soft=True).image
    assert torch.equal(read_image(tmp_path / "soft.png"), levels_of(expected))


def test_fuse_notes_a_picture_that_is_unlike_the_reference_set(
    folder: Path, table: Path, ask: Ask, tmp_path: Path
) -> None:
    statistics = table.with_suffix(".statistics.safetensors")
    kept = tmp_path / "kept.safetensors"
    ask("reference", folder, "--candidates", *NAMES, "-o", kept)
    odd = []
    for place, (name, image) in enumerate(zip(NAMES, make_pictures(0, 3, bias=80)[0], strict=True)):
        odd.append(tmp_path / f"{place}-{name}.png")
        write_image(odd[-1], image)
    for reference in (statistics, kept):
        how = ("--reference", reference, "-o", tmp_path / "fused.png")
        assert ask("fuse", table, *pictures_of(folder), *how)["notes"] == []
        notes = ask("fuse", table, *odd, *how)["notes"]
        assert any("differ from each other otherwise" in note for note in notes)


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_grey_and_16_bit_pictures_are_fitted_and_fused(
    ask: Ask, tmp_path: Path, grey: bool, bits: int
) -> None:
    """Sums are of the nearest 8-bit levels, grey counts as three equal channels."""
    depth = torch.uint16 if bits == 16 else torch.uint8
    values: dict[str, torch.Tensor] = {}
    candidates, truth = make_pictures(3, 3, channels=1 if grey else 3, height=30, width=40)
    for name, image in zip((*NAMES, "gt"), (*candidates, truth), strict=True):
        values[name] = in_depth(image.float() + 0.3 * (image < 255), depth)
        (tmp_path / "set" / name).mkdir(parents=True)
        write_image(tmp_path / "set" / name / "0.png", values[name])
    path = tmp_path / "table.safetensors"
    ask("fit", tmp_path / "set", "--candidates", *NAMES, "-o", path)
    table = read_table(path)
    rounded = torch.stack([levels_of(values[name]) for name in NAMES])
    own = gather_statistics(rounded, levels_of(values["gt"]), Bins(32, 3))
    cells = own.count if not grey else own.count.expand(3, -1)
    assert torch.equal(table.count[:, table.rows_of(own.sets)], cells)
    if grey:
        assert torch.equal(table.weights[0], table.weights[1])
        assert torch.equal(table.weights[0], table.weights[2])
    pictures = [tmp_path / "set" / name / "0.png" for name in NAMES]
    said = ask("fuse", path, *pictures, "-o", tmp_path / "fused.png")
    fused = read_picture(tmp_path / "fused.png").values
    assert said["bits"] == bits and fused.dtype == depth
    whole = torch.stack([values[name].expand(3, -1, -1) for name in NAMES])
    assert torch.equal(fused, in_depth(table.fuse(whole).image, depth))
    if bits == 16:  # finer than the levels that the weights were chosen by
        assert bool((fused.int() % 257 != 0).any())
