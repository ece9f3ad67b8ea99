"""Memory: the folder in memory of a test run, and those that killed runs have left there.

A run has a lock on its folder as long as it lives, which the system takes back however it ends: no number of a process
is asked for, which another one may have by now, or another container."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import psutil

PREFIX = "wb-tests-"


def own_folder(place: Path) -> tuple[Path, int]:
    """A new folder in a place, and the open file that holds its lock; those of runs that are no more are removed."""
    import fcntl  # Windows has none, and no such place

    _remove_left(place)
    made = Path(tempfile.mkdtemp(prefix="wb-new-", dir=place))
    lock = os.open(made, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return made.rename(place / f"{PREFIX}{made.name.removeprefix('wb-new-')}"), lock    # never seen without its lock


def _remove_left(place: Path) -> None:
    """Removes the folders that nobody has locked and in which no process works, as a server that was left does."""
    import fcntl

    left = [folder for folder in place.glob(f"{PREFIX}*") if folder.is_dir() and not folder.is_symlink()
            and folder.stat().st_uid == os.getuid()]
    at_work = [process.info["cwd"] or "" for process in psutil.process_iter(["cwd"])] if left else []
    for folder in left:
        try:
            lock = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:       # another run was faster
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not any(Path(cwd).is_relative_to(folder) for cwd in at_work):
                shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:     # its run is at work
            pass
        finally:
            os.close(lock)
