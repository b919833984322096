"""What the tests of the screen share; ensir.ui comes first, for it sets how Gradio is imported."""

import ensir.ui  # isort: skip
import asyncio
import gc
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ensir.comparison import Comparison, compare
from ensir.files import digest
from tests.conftest import make_pictures, make_statistics

assert ensir.ui  # imported for what it does


@pytest.fixture(scope="module", autouse=True)
def loops_that_gradio_leaves() -> Iterator[None]:
    """Drops Gradio's unclosed event loops here, not in a test where a warning is an error."""
    yield
    asyncio.set_event_loop(None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


@pytest.fixture
def uploads() -> Path:
    """The folder where Gradio puts what visitors upload."""
    folder = Path(os.environ["GRADIO_TEMP_DIR"])
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def upload(uploads: Path) -> Callable[[str, bytes], str]:
    """Puts a file where an upload would lie and returns its path."""

    def put(name: str, data: bytes) -> str:
        path = uploads / digest(data) / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return str(path)

    return put


@pytest.fixture(scope="session")
def small() -> Comparison:
    """Three candidates A, B and C of a small picture, with statistics of their own."""
    pictures = make_pictures(seed=3, members=3, height=40, width=36, contrast=20)
    candidates, truth = pictures
    return compare(
        dict(zip("ABC", candidates, strict=True)),
        truth=truth,
        reference=make_statistics(pictures, 16),
        bin_width=32,
    )
