import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from ensir.__main__ import main
from ensir.league.report import REPORTS, comma_separated, escaped, markdown, paper_table, report
from ensir.league.standings import League
from tests.league.conftest import NAMES


def test_markdown_has_a_row_for_everyone_in_every_table(league: League) -> None:
    said = markdown(league)
    for one in league.standings:
        tables = 2 if one.who[0] == "oracle" else 3  # an oracle is no row of the paper's
        assert said.count(f"\n| {escaped(one.title)} |") == tables
    rows = [line for line in said.splitlines() if line.startswith("|")]
    widths = {line.replace("\\|", "").count("|") for line in rows}
    assert widths == {15, 6, len(league.pictures) + 2}


def test_a_table_of_several_leagues_has_their_columns_side_by_side(league: League) -> None:
    lines = paper_table([league, league]).splitlines()
    assert all(line.count("|") == 10 for line in lines)
    first = lines[2].split("|")
    assert first[1].strip() == NAMES[0] and first[2:6] == first[6:10]
    assert [line.split("|")[1].strip() for line in lines[2:5]] == list(NAMES)


@pytest.mark.parametrize(
    "text", ["a|b", "<b>x</b>", "[x](y)", "*a* _b_ `c`", "&lt;", "back\\slash"]
)
def test_markup_in_a_name_is_text_in_markdown(text: str) -> None:
    safe = escaped(text)
    for place, one in enumerate(safe):
        if one in "|<>[]*_`&":
            assert safe[place - 1] == "\\"
    assert safe.replace("\\\\", "\0").replace("\\", "").replace("\0", "\\") == text


def test_rows_hold_every_number_that_was_measured(league: League) -> None:
    rows = list(csv.DictReader(io.StringIO(comma_separated(league))))
    assert len(rows) == len(league.standings) * len(league.pictures)
    by_place = [(one, place) for one in league.standings for place in range(3)]
    for row, (one, place) in zip(rows, by_place, strict=True):
        scores = one.scores.pictures[place]
        assert (row["kind"], row["contestant"]) == one.who and row["picture"] == scores.picture
        assert float(row["psnr_rgb"]) == scores.exact.psnr_rgb
        assert float(row["8bit_ssim_y"]) == scores.rounded.ssim_y
        assert float(row["gain_rgb"]) == one.over_average.gain.pictures[place]
        assert float(row["fuse_seconds"]) == one.fuse_seconds[place]


def test_no_spreadsheet_takes_a_name_for_a_formula(league: League) -> None:
    first = league.standings[0]
    named = replace(first, contestant=replace(first.contestant, title="=1+1"))
    row = comma_separated(replace(league, standings=(named,))).splitlines()[1]
    assert ",'=1+1," in row


def test_the_ending_says_the_form(league: League) -> None:
    starts = {".html": "<!doctype html>", ".md": "# A league", ".csv": "contestant,"}
    assert {ending: report(league, ending).startswith(starts[ending]) for ending in REPORTS} == {
        ".html": True,
        ".md": True,
        ".csv": True,
    }


def test_the_command_writes_every_report_that_is_asked_for(
    reference_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = [tmp_path / name for name in ("a.html", "b.md", "c.csv")]
    asked = [word for output in outputs for word in ("-o", str(output))]
    contestants = ["--contestants", "em", "zzpm", "histogram-gradient-boosting"]
    done = main(
        ["league", str(reference_folder), *contestants, "--pixels", "200", *asked, "--json"]
    )
    said = json.loads(capsys.readouterr().out)
    assert done == 0 and said["candidates"] == list(NAMES) and said["pictures"] == 3
    assert len(said["standings"]) == 7 and all(path.stat().st_size for path in outputs)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-o", "report.txt"], "needs a name that ends in .html or .md or .csv"),
        (["-o", "report.md", "--contestants", "median"], "got median"),
        (["-o", "report.md", "--pixels", "0"], "at least one pixel"),
        (["-o", "report.md", "--against", "gone"], "no folder gone"),
    ],
)
def test_a_league_that_cannot_be_is_refused_in_a_sentence(
    arguments: list[str],
    sentence: str,
    reference_folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["league", str(reference_folder), *arguments]) == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
