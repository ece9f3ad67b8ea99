"""Processes, told apart for certain: whether one still lives, and which of them work on a data folder of Postgres.

A process number says little: the process may be a zombie (in many containers nobody reaps), or gone and its number
given to another one. ``born`` tells a process from all later ones, ``works_on`` which data folder it is busy with.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PROGRAMS = ("postgres", "initdb", "pg_ctl")


def born(pid: int) -> str | None:
    """What tells a process from any later one of the same number; None when it is gone or a zombie."""
    if sys.platform == "linux":
        # Ticks since boot, not psutil's create_time(): that moves with the wall clock, and a machine that slept would
        # take every holder for a stranger.
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"
    import psutil  # type: ignore[import-untyped]

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None


def place_of(pid: int) -> str | None:
    """The data folder that a live process of Postgres works on, where it is now; None for any other process.

    Every postgres stands in its data folder, however that was given to it; so do the programs that Cluster runs. When
    the folder is moved they are moved with it."""
    import psutil

    try:
        process = psutil.Process(pid)
        if process.name().removesuffix(".exe") not in PROGRAMS or process.status() == psutil.STATUS_ZOMBIE:
            return None
        return str(process.cwd())
    except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
        return None


def works_on(pid: int, data: Path) -> bool:
    """Whether a live process of Postgres works on this data folder, or on one that was removed from its place."""
    place = place_of(pid)
    try:
        return place is not None and (place == str(data) or os.path.samefile(place, data))
    except OSError:
        return False


def all_on(data: Path) -> list[int]:
    """The processes of Postgres that work on a data folder; takes a look at every process of the machine."""
    import psutil

    return [pid for pid in psutil.pids() if works_on(pid, data)]


def started_with(argument: str) -> list[int]:
    """The servers that were started with an argument; takes a look at every process of the machine."""
    import psutil

    found = []
    for pid in psutil.pids():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if place_of(pid) and argument in psutil.Process(pid).cmdline():
                found.append(pid)
    return found


def end_all_on(data: Path) -> list[int]:
    """Ends all processes of Postgres that work on a folder; gives those that did not go in 10 s.

    For a server without a usable postmaster: an immediate shutdown, which loses nothing that was committed."""
    found = all_on(data)
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGQUIT)
    until(lambda: not any(works_on(pid, data) for pid in found), seconds=10)
    return [pid for pid in found if works_on(pid, data)]


def until(done: Callable[[], bool], *, seconds: float) -> bool:
    """Looks every 5 ms whether something is done; False when the time is over."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True
