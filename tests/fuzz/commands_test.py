"""Whatever stands on the command line, and whatever files are called: an answer or one sentence."""

import contextlib
import importlib.util
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensir.__main__ import COMMANDS, Argument, main
from ensir.answers import printable
from ensir.errors import InputError
from ensir.files import shown_name
from ensir.statistics_files import statistics_bytes
from tests.bad_inputs import TABLE_WIDTH, cut, good_statistics, good_table, picture
from tests.fuzz.cases import assert_sentence, cases

# Not those that serve, train or fetch; and no processes or schedulers.
LEFT_OUT = {"app", "train", "models"}
LEFT_OUT_FLAGS = {"--workers", "--scheduler"}
FILES = ("table.safetensors", "statistics.safetensors", "A.png", "B.png", "C.png", "set", "cut.png")
WORDS = (
    *("", " ", "-", "--", "-1", "nan", "1e999", "0x10", "9" * 400, "auto", "em", "A", "B", "gt"),
    *(
        "\x1b[2J",
        "\u202egnp.x",
        "<b>x</b>",
        "a\nb",
        "\udcff",
        "x" * 300,
        "x" * 5000,
        "\0",
        "é" * 90,
    ),
    *("../..", "/", ".", "~", "/dev/null", "%s%n", "{x}", "new.png", "new.safetensors", "new.npz"),
)
NAMES = (
    *(
        "a\x1b[2Jb",
        "\u202egnp.x",
        "<b onclick=x>",
        "a\nb",
        "\udcffx",
        "&amp;",
        "x" * 200,
        "é" * 100,
    ),
    *("-rf", "--json", " ", "'\"", "a;b|c", "%s%n%x", "{0}", "\x07\x08", "CON", "🏞️", "a\\..\\b"),
)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of good files, in which the commands run."""
    folder = tmp_path_factory.mktemp("commands")
    files = {
        "table.safetensors": good_table(),
        "statistics.safetensors": statistics_bytes(good_statistics()),
        "cut.png": cut(picture()),
        **{f"{name}.png": picture() for name in "ABC"},
        **{f"set/{name}/0.png": picture() for name in ("A", "B", "C", "gt")},
    }
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


def assert_answers(arguments: list[str], folder: Path) -> int:
    """Runs a command; returns its exit code."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    said = out.getvalue(), err.getvalue()
    assert all(line.isprintable() for text in said for line in text.split("\n")), said
    assert str(folder) not in said[0] + said[1]
    if code:
        assert code == 2 and not said[0] and said[1].startswith("ensir: ")
        assert said[1].count("\n") == 1
        assert len(said[1]) < 50_000  # argparse repeats what it was given
        assert "Traceback" not in said[1]
    return code


def one_argument(taken: Argument) -> st.SearchStrategy[list[str]]:
    """An argument as the command takes it, with any values."""
    flag = [taken.flags[-1]] if taken.flags[0].startswith("-") else []
    if taken.options.get("action") == "store_true":
        return st.sampled_from((flag, []))
    value = st.sampled_from((*FILES, *WORDS)) | st.text(max_size=6)
    most = 3 if taken.options.get("nargs") in ("+", "*") else 1
    return st.lists(value, min_size=1, max_size=most).map(lambda values: [*flag, *values])


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    name = draw(st.sampled_from([name for name in COMMANDS if name not in LEFT_OUT]))
    arguments = [name]
    for taken in COMMANDS[name].arguments:
        needed = taken.options.get("required") or not taken.flags[0].startswith("-")
        if taken.flags[0] not in LEFT_OUT_FLAGS and (needed or draw(st.integers(0, 3)) == 3):
            arguments += draw(one_argument(taken))
    if draw(st.integers(0, 5)) == 5:
        arguments.insert(draw(st.integers(0, len(arguments))), draw(st.sampled_from(WORDS)))
    return arguments


@cases(500)
@given(arguments=command_lines())
def test_any_arguments(here: Path, arguments: list[str]) -> None:
    if not {"-h", "--help", "--version"} & {*arguments}:
        assert_answers(arguments, here)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_files_of_any_name_are_read_and_written_and_refused_by_it(here: Path, name: str) -> None:
    try:
        Path(here, name).mkdir()
    except (OSError, ValueError):
        pytest.skip("no file can be called so here")
    folder, word = f"./{name}/", f"x{name}" if name.startswith("-") else name
    for file in ("table.safetensors", "A.png", "statistics.safetensors"):
        Path(f"{folder}{name[:100]}{file}").write_bytes(Path(file).read_bytes())
    table, candidate, statistics = (
        f"{folder}{name[:100]}{file}"
        for file in ("table.safetensors", "A.png", "statistics.safetensors")
    )
    good = (
        ["show", table],
        ["fuse", table, candidate, "B.png", "C.png", "-o", f"{folder}{name[:100]}new.png"],
        ["fuse", "table.safetensors", candidate, "B.png", "C.png", "-o", f"{folder}x.png"],
        ["fit", statistics, "--bin-width", str(TABLE_WIDTH), "-o", f"{table}.safetensors"],
    )
    refused = (
        ["show", f"{folder}{name}missing"],
        ["show", candidate],
        ["fuse", table, statistics, "B.png", "C.png", "-o", "new.png"],
        ["fit", folder, "--candidates", word, "-o", "new.safetensors"],
        ["fit", "set", "--candidates", "A", word, "-o", "new.safetensors"],
        ["restore", candidate, "--models", word, "-o", "restored"],
        ["show", folder],
        [word],
    )
    for arguments in good:
        for more in ([], ["--json"]):
            code = assert_answers([*arguments, *more], here)
            assert not code, arguments
    for arguments in refused:
        assert assert_answers(arguments, here) == 2


@cases(1000)
@given(name=st.text(max_size=90) | st.sampled_from((*NAMES, *WORDS)))
def test_any_name_is_shown_on_one_line_without_markup(name: str) -> None:
    shown = shown_name(Path(name))
    assert_sentence(shown)
    assert len(shown) <= 80
    said = printable(name)
    assert said.isprintable() and (said == name or not name.isprintable())
    if importlib.util.find_spec("gradio") is not None:
        from ensir.ui.errors import shown_error

        assert not {"<", ">"} & {*shown_error(InputError(f"{shown} is damaged")).message}
