"""What a newcomer runs first must agree with what the project says it needs."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_requirements_are_those_of_the_package_and_its_app() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    listed = {line for line in lines if line and not line.startswith("#")}
    assert listed == {*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["app"]}


@pytest.mark.parametrize("name", ["scripts/app", "scripts/test", ".ci/run"])
def test_scripts_can_be_run_and_are_sound_bash(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK)
    assert not subprocess.run(["bash", "-n", ROOT / name], check=False).returncode


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert "scripts/test" in (ROOT / ".ci/run").read_text().splitlines()
    assert "scripts/test " in (ROOT / "README.md").read_text()


def test_the_version_is_said_once_for_all() -> None:
    from ensir import __version__

    assert __version__ == PROJECT["version"]


def test_a_space_finds_in_the_readme_what_it_needs_to_start() -> None:
    _, head, text = (ROOT / "README.md").read_text().split("---\n", 2)
    told = dict(line.split(": ", 1) for line in head.splitlines())
    assert told["sdk"] == "gradio" and text.lstrip().startswith("# EnsIR visualizer")
    assert f"gradio=={told['sdk_version']}" in PROJECT["optional-dependencies"]["app"]
    assert (ROOT / told["app_file"]).is_file()
    assert told["license"] == PROJECT["license"].lower()
    least = tuple(map(int, PROJECT["requires-python"].removeprefix(">=").split(".")))
    assert tuple(map(int, told["python_version"].split(".")[:2])) >= least


@pytest.mark.parametrize("name", ["make_samples.py"])
def test_scripts_in_python_say_what_they_take(name: str) -> None:
    said = subprocess.run(
        [sys.executable, ROOT / "scripts" / name, "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "PHOTOS" in said.stdout
