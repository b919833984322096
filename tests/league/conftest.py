"""A small reference set on disk, and a league on it."""

from pathlib import Path

import pytest

from ensir import ReferenceSet
from ensir.images import write_image
from ensir.league.running import run_league
from ensir.league.standings import League
from tests.conftest import make_pictures

NAMES = ("A", "B", "C")


def make_reference_set(folder: Path, pictures: dict[str, float]) -> Path:
    """Pictures of so much noise by name: three candidates, an input and the ground truth."""
    for seed, (picture, noise) in enumerate(pictures.items()):
        candidates, truth = make_pictures(seed, 4, height=40, width=32, noise=noise)
        folders = zip((*NAMES, "lq", "gt"), (*candidates, truth), strict=True)
        for name, image in folders:
            (folder / name).mkdir(parents=True, exist_ok=True)
            write_image(folder / name / f"{picture}.png", image)
    return folder


@pytest.fixture(scope="session")
def reference_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("league") / "rain"
    return make_reference_set(folder, {"one": 4, "three": 6, "two": 20})


@pytest.fixture(scope="session")
def reference_set(reference_folder: Path) -> ReferenceSet:
    return ReferenceSet(reference_folder, NAMES)


@pytest.fixture(scope="session")
def league(reference_set: ReferenceSet) -> League:
    """Everyone, regressors on a few hundred pixels."""
    return run_league(reference_set, pixels=300)
