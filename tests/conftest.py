"""One embedded server for all tests of a process, and a database of its own for each test that wants one."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from workbench.postgres.server.embedded import EmbeddedPostgres


@pytest.fixture(scope="session")
def server_dsn() -> Iterator[str]:
    """The DSN of a running server; its folder is not pytest's own, which other sessions close to the server's user."""
    place = Path(tempfile.mkdtemp(prefix="wb-test-")).resolve()
    server = EmbeddedPostgres.start(place / "data")
    try:
        # Nothing here must outlive the machine, and each database that is dropped waits for the disk otherwise.
        hasty = ["-c", "ALTER SYSTEM SET fsync = off", "-c", "SELECT pg_reload_conf()"]
        subprocess.run([server.bin / "psql", server.dsn, "-XAtq", *hasty], check=True, capture_output=True)
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
