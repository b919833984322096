"""The folder where visitors' pictures lie: private, gone with the app, and swept while it runs.

Gradio's own cleaner knows the files that it made in this process; this one goes by what is there.
Nothing of Gradio is imported here: the folder must be there before it is.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ensir.limits import SWEEP_SECONDS, TEMP_SECONDS

PREFIX = "ensir-app-"
NEW = 60  # seconds in which a folder is not yet locked, at the very most


def private_folder(parent: Path | None = None) -> Path:
    """A new folder for this user alone, in `parent` or where temporary files go.

    It is removed when the process ends; where that could not be, the next app removes it.
    """
    parent = Path(tempfile.gettempdir()) if parent is None else parent
    parent.mkdir(parents=True, exist_ok=True)
    remove_left_behind(parent)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    _lock(folder)  # until the process ends, however it ends
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def remove_left_behind(parent: Path) -> None:
    """Removes the private folders of processes that were killed."""
    for folder in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            about = folder.lstat()
            ours = stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid()
            if ours and time.time() - about.st_mtime > NEW and (handle := _lock(folder)):
                shutil.rmtree(folder, ignore_errors=True)
                os.close(handle)


def sweep(folder: Path, keep: frozenset[Path], seconds: float, most_bytes: int, now: float) -> int:
    """Removes files older than `seconds`, then the oldest until `most_bytes` are left.

    Files in `keep` stay and do not count. Empty folders go when they are older, too. Returns the
    bytes that are left.
    """
    files = sorted(
        (about.st_mtime, about.st_size, path)
        for path, about in _everything(folder)
        if path not in keep and not stat.S_ISDIR(about.st_mode)
    )
    left = sum(size for _, size, _ in files)
    for changed, size, path in files:
        if now - changed <= seconds and left <= most_bytes:
            break
        with contextlib.suppress(OSError):
            path.unlink()
            left -= size
    for path, about in _everything(folder):
        if stat.S_ISDIR(about.st_mode) and now - about.st_mtime > seconds:
            with contextlib.suppress(OSError):  # it is not empty
                path.rmdir()
    return left


def keep_swept(folder: Path, most_bytes: int) -> Callable[[], None]:
    """Sweeps a folder again and again from now on; what is there now stays. Returns how to stop."""
    keep = frozenset(path for path, _ in _everything(folder))
    stopped = threading.Event()

    def again_and_again() -> None:
        while not stopped.wait(SWEEP_SECONDS):
            sweep(folder, keep, TEMP_SECONDS, most_bytes, time.time())

    threading.Thread(target=again_and_again, name="sweeper", daemon=True).start()
    return stopped.set


def _everything(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """All that is in a folder, however deep, the deepest first; links are not followed."""
    for root, folders, files in os.walk(folder, topdown=False):
        for name in (*files, *folders):
            path = Path(root, name)
            with contextlib.suppress(OSError):  # gone in the meantime
                yield path, path.lstat()


def _lock(folder: Path) -> int | None:
    """A handle that locks the folder while it is open; None where another process has it."""
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock
    except ImportError:  # Windows
        return None
    handle = os.open(folder, os.O_RDONLY)
    try:
        flock(handle, LOCK_EX | LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle
