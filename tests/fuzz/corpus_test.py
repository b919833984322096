"""What once went wrong, or would have, is kept as a file and read again in every run."""

from pathlib import Path

import pytest

from ensir.ensemble import kernels
from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted(path for path in CORPUS.rglob("*") if path.is_file())


@pytest.fixture(autouse=True, scope="module")
def compiled() -> None:
    """So that no file is held to account for the compiling of what reads it."""
    kernels.warm().join()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(CORPUS).as_posix())
def test_a_file_of_the_corpus_is_read_or_refused(path: Path, tmp_path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes(), tmp_path)


def test_there_are_files_for_every_target() -> None:
    assert {path.parent.name for path in FILES} == {*TARGETS}
