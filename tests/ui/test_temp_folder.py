import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ensir.ui import temp_folder
from ensir.ui.temp_folder import PREFIX, keep_swept, private_folder, remove_left_behind, sweep

pytestmark = pytest.mark.skipif(os.name != "posix", reason="locks and modes are of POSIX")

NOW = 1_000_000.0
HOUR = 3600
MAKE = "import sys; from pathlib import Path; from ensir.ui.temp_folder import private_folder; "
MAKE += "folder = private_folder(Path(sys.argv[1])); (folder / 'x').touch(); print(folder); "


def put(path: Path, size: int, age: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (NOW - age, NOW - age))
    return path


def process(parent: Path, end: str) -> Path:
    """The folder that a process made, which then ended."""
    said = subprocess.run(
        [sys.executable, "-c", MAKE + end, parent], capture_output=True, text=True, check=False
    )
    return Path(said.stdout.strip())


def grown_old(folder: Path) -> None:
    os.utime(folder, (NOW, NOW))


def test_the_folder_of_uploads_is_for_this_user_alone() -> None:
    assert stat.S_IMODE(Path(os.environ["GRADIO_TEMP_DIR"]).stat().st_mode) == 0o700


def test_the_folder_goes_with_the_process(tmp_path: Path) -> None:
    folder = process(tmp_path, "")
    assert folder.name.startswith(PREFIX) and not folder.exists()


def test_what_a_killed_process_left_goes_with_the_next(tmp_path: Path) -> None:
    folder = process(tmp_path, "import os; sys.stdout.flush(); os.kill(os.getpid(), 9)")
    assert (folder / "x").exists()
    remove_left_behind(tmp_path)
    assert folder.exists()  # too new to be sure that it is nobody's
    grown_old(folder)
    process(tmp_path, "")
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_process_that_lives_stays(tmp_path: Path) -> None:
    folder = private_folder(tmp_path)
    grown_old(folder)
    process(tmp_path, "")
    assert folder.exists()


def test_other_folders_and_links_stay(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "other")
    put(tmp_path / f"{PREFIX}file", 1, 0)
    put(tmp_path / "other" / "x", 1, 0)
    grown_old(tmp_path / "other")
    remove_left_behind(tmp_path)
    assert (tmp_path / "other" / "x").exists() and len(list(tmp_path.iterdir())) == 3


def test_old_files_go_and_new_ones_stay(tmp_path: Path) -> None:
    old = put(tmp_path / "a" / "old.png", 10, 3 * HOUR)
    new = put(tmp_path / "b" / "new.png", 20, HOUR)
    assert sweep(tmp_path, frozenset(), 2 * HOUR, 1000, NOW) == 20
    assert not old.exists() and new.exists()


def test_above_the_bound_the_oldest_go_first(tmp_path: Path) -> None:
    files = [put(tmp_path / str(age), 100, age) for age in (1, 2, 3, 4)]
    assert sweep(tmp_path, frozenset(), HOUR, 250, NOW) == 200
    assert [path.exists() for path in files] == [True, True, False, False]


def test_what_is_kept_stays_whatever_its_age(tmp_path: Path) -> None:
    kept = put(tmp_path / "example" / "kept.png", 500, 9 * HOUR)
    assert sweep(tmp_path, frozenset({kept}), HOUR, 100, NOW) == 0
    assert kept.exists()


def test_links_go_and_what_they_lead_to_stays(tmp_path: Path) -> None:
    mine = put(tmp_path / "mine.png", 10, 0)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(mine)
    sweep(folder, frozenset(), -1, 0, time.time())
    assert mine.exists() and list(folder.iterdir()) == []


def test_empty_folders_go_when_they_are_old(tmp_path: Path) -> None:
    (tmp_path / "old" / "older").mkdir(parents=True)
    for folder in (tmp_path / "old" / "older", tmp_path / "old"):
        os.utime(folder, (NOW - 3 * HOUR, NOW - 3 * HOUR))
    (tmp_path / "new").mkdir()
    os.utime(tmp_path / "new", (NOW, NOW))
    sweep(tmp_path, frozenset(), 2 * HOUR, 0, NOW)
    assert not (tmp_path / "old" / "older").exists() and (tmp_path / "new").exists()


def test_a_running_app_sweeps_but_keeps_what_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temp_folder, "SWEEP_SECONDS", 0.01)
    kept = put(tmp_path / "example.png", 10, 0)
    stop = keep_swept(tmp_path, 1000)
    late = put(tmp_path / "late.png", 10, 0)  # NOW is long ago
    until = time.monotonic() + 10
    while late.exists() and time.monotonic() < until:
        time.sleep(0.01)
    stop()
    assert kept.exists() and not late.exists()
