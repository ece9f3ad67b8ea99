"""One embedded server for all tests of a process, a database of its own for each test that wants one, and all temporary
files in memory where that has room: a new database is some hundred files, which most disks take long to make."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from tests.memory import own_folder
from workbench.postgres.server.embedded import EmbeddedPostgres

MEMORY = Path("/dev/shm")
ROOM = 3 << 30
IN_MEMORY = pytest.StashKey[tuple[Path, int]]()


def pytest_configure(config: pytest.Config) -> None:
    """Lets temporary files lie in memory, for all workers and processes of this run, unless a TMPDIR was given; and
    has interrupts heard, which a shell that started this run behind itself has ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if "TMPDIR" not in os.environ and _has_room(MEMORY):
        place, _ = config.stash[IN_MEMORY] = own_folder(MEMORY)     # locked until this process ends
        place.chmod(0o711)      # as root the servers have a user of their own, who must pass
        os.environ["TMPDIR"], tempfile.tempdir = str(place), None


def pytest_unconfigure(config: pytest.Config) -> None:
    """Gives the memory back."""
    if (kept := config.stash.get(IN_MEMORY, None)) is not None:
        place, lock = kept
        del os.environ["TMPDIR"]
        tempfile.tempdir = None
        shutil.rmtree(place, ignore_errors=True)
        os.close(lock)


def _has_room(place: Path) -> bool:
    """Whether a folder can hold what the tests need at a time, programs among it; a container's may be too small."""
    if not place.is_dir() or os.statvfs(place).f_flag & os.ST_NOEXEC:
        return False
    return min(shutil.disk_usage(place).free, psutil.virtual_memory().available) > ROOM


@pytest.fixture(scope="session")
def server_dsn() -> Iterator[str]:
    """The DSN of a running server; its folder is not pytest's own, which other sessions close to the server's user."""
    place = Path(tempfile.mkdtemp(prefix="wb-test-")).resolve()
    server = EmbeddedPostgres.start(place / "data")
    try:
        # Nothing here must outlive the machine, and each database that is dropped waits for the disk otherwise.
        hasty = ["fsync = off", "full_page_writes = off", "min_wal_size = '32MB'", "max_wal_size = '128MB'"]
        asked = [word for setting in hasty for word in ("-c", f"ALTER SYSTEM SET {setting}")]
        subprocess.run([server.bin / "psql", server.dsn, "-XAtq", *asked, "-c", "SELECT pg_reload_conf()"],
                       check=True, capture_output=True)
        yield server.dsn
    finally:
        server.stop()
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
async def dsn(server_dsn: str) -> AsyncIterator[str]:
    """The DSN of a fresh, empty database, dropped after the test."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    admin = await asyncpg.connect(server_dsn)
    try:
        await admin.execute(f"CREATE DATABASE {name}")
        yield server_dsn.replace("@/postgres?", f"@/{name}?")
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@pytest.fixture
async def admin(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of its own to the test's database."""
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()
