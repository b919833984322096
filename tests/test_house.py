"""The rules of the house that can be checked: who imports whom, what is public, where tests are."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import ensir

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "ensir"
# Saving is what a user of a table does: the one arrow that points upwards, inside a function.
STATED_EXCEPTIONS = {("ensemble/lookup_table.py", "ensir.table_files")}
# Tests of the whole, not of one module.
TESTS_OF_THE_WHOLE = {
    "test_house.py",
    "test_app.py",
    "test_bad_inputs.py",
    "test_readme.py",
    "test_scripts.py",
    "test_sample_luts.py",
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Every module that a file imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.add(node.module)
    return found


def place(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    ).stdout


HEAVY = ["torch", "gradio", "numpy", "numba", "cv2", "PIL", "skimage", "plotly", "matplotlib"]


@pytest.mark.parametrize("name", HEAVY)
def test_importing_ensir_imports_nothing_heavy(name: str) -> None:
    assert run(f"import sys, ensir; print({name!r} in sys.modules)").strip() == "False"


def test_the_command_line_says_what_it_can_do_without_anything_heavy() -> None:
    code = (
        "import contextlib, io, sys\n"
        "from ensir.__main__ import main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()) as said:\n"
        "    main(['--help'])\n"
        "assert 'fuse' in said.getvalue()\n"
        f"print(sorted(set({HEAVY}) & set(sys.modules)))"
    )
    assert run(code).strip() == "[]"


def test_asking_for_a_name_imports_its_module_alone() -> None:
    code = "import sys; from ensir import Bins; print(sorted({'gradio', 'cv2'} & set(sys.modules)))"
    assert run(code).strip() == "[]"


def test_only_the_screen_imports_gradio() -> None:
    at_fault = [
        place(path)
        for path in modules()
        if any(name.split(".")[0] == "gradio" for name in imported(path))
        and not place(path).startswith("ui/")
    ]
    assert not at_fault


def test_only_the_screen_and_the_command_line_import_the_screen() -> None:
    at_fault = [
        place(path)
        for path in modules()
        if any(name.startswith("ensir.ui") for name in imported(path))
        and not place(path).startswith("ui/")
        and place(path) != "__main__.py"
    ]
    assert not at_fault


def test_the_ensemble_imports_torch_errors_limits_and_itself() -> None:
    at_fault = []
    for path in sorted((PACKAGE / "ensemble").rglob("*.py")):
        for name in imported(path):
            compiled = place(path).startswith("ensemble/kernels/")
            allowed = (
                name.split(".")[0] in {"torch", *sys.stdlib_module_names}
                or (compiled and name.split(".")[0] in {"numba", "numpy", "triton"})
                or name in {"ensir.errors", "ensir.limits"}
                or name.startswith("ensir.ensemble")
                or (place(path), name) in STATED_EXCEPTIONS
            )
            if not allowed:
                at_fault.append((place(path), name))
    assert not at_fault


@pytest.mark.parametrize("compiler, kernels", [("numba", "cpu_"), ("triton", "cuda")])
def test_compilers_are_imported_by_compiled_kernels_alone(compiler: str, kernels: str) -> None:
    users = {
        place(path)
        for path in modules()
        if any(name.split(".")[0] == compiler for name in imported(path))
    }
    assert users and all(user.startswith(f"ensemble/kernels/{kernels}") for user in users)


def test_the_upward_import_stands_inside_a_function() -> None:
    for file, name in STATED_EXCEPTIONS:
        tree = ast.parse((PACKAGE / file).read_text(encoding="utf-8"))
        tops = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
        assert name not in tops


def test_mixtures_know_no_tables_and_tables_no_mixtures() -> None:
    mixtures = imported(PACKAGE / "ensemble" / "mixture.py") | imported(
        PACKAGE / "ensemble" / "published.py"
    )
    tables = imported(PACKAGE / "ensemble" / "lookup_table.py")
    assert not any("lookup_table" in name or "fusion" in name for name in mixtures)
    assert not any("mixture" in name or "published" in name for name in tables)


@pytest.mark.parametrize("name", ["errors", "limits"])
def test_leaves_import_nothing_of_ours(name: str) -> None:
    assert not any(other.startswith("ensir") for other in imported(PACKAGE / f"{name}.py"))


def test_public_names_are_those_that_resolve() -> None:
    assert sorted(ensir.__all__) == sorted(ensir._HOME)
    assert len(set(ensir.__all__)) == len(ensir.__all__)
    assert set(ensir.__all__) <= set(dir(ensir))


@pytest.mark.parametrize("name", ensir.__all__)
def test_each_public_name_resolves_to_what_its_module_has(name: str) -> None:
    assert getattr(ensir, name) is getattr(importlib.import_module(ensir._HOME[name]), name)


def test_type_checkers_see_the_public_names() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    homes = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert homes == ensir._HOME


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'gmm'"):
        ensir.gmm  # noqa: B018


def test_every_test_file_mirrors_a_module() -> None:
    strays = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        relative = path.relative_to(ROOT / "tests")
        if relative.as_posix() in TESTS_OF_THE_WHOLE:
            continue
        name = relative.name.removeprefix("test_")
        homes = [PACKAGE / relative.parent / other for other in (name, f"__{name[:-3]}__.py")]
        component = PACKAGE / relative.parent / name[:-3]  # a folder tested as one
        if not component.is_dir() and not any(home.is_file() for home in homes):
            strays.append(relative.as_posix())
    assert not strays


def test_no_module_is_named_like_one_of_the_standard_library() -> None:
    names = {path.stem for path in modules() if not path.stem.startswith("__")}
    assert not names & set(sys.stdlib_module_names)
