"""Time and room that run out while a commit is at work. Always: all or nothing, everything pending is kept."""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from tests.editing import Note, at, edit
from tests.postgres.writing.proxy import NEW, OLD, stored, through
from workbench import Insert
from workbench.errors import ConnectionLost, DatabaseError


@pytest.mark.parametrize("setting, error, words", [
    ("statement_timeout", DatabaseError, "the database refused while committing: canceling statement due to statement "
                                         "timeout"),
    ("transaction_timeout", ConnectionLost, "lost while committing: nothing was written, everything pending is kept")])
async def test_time_runs_out(dsn: str, setting: str, error: type[Exception], words: str) -> None:
    """A limit that the database itself sets ends the commit: nothing is written, all is pending, the words are its."""
    admin = await asyncpg.connect(dsn)
    try:
        name = await admin.fetchval("SELECT current_database()")
        await admin.execute(f"ALTER DATABASE {name} SET {setting} = '1s'")
        async with through(dsn) as (session, _):
            async with admin.transaction():
                await admin.execute("SET LOCAL transaction_timeout = 0; SET LOCAL statement_timeout = 0")
                await admin.execute("SELECT FROM desk_note FOR UPDATE")
                with pytest.raises(error, match=words):
                    await session.commit()
            assert (await stored(dsn), len(session.plan().changes)) == (OLD, 3)
            await session.commit()
            assert await stored(dsn) == NEW
    finally:
        await admin.close()


async def test_a_disk_that_the_server_calls_full(dsn: str) -> None:
    """Postgres' own error for a full disk leaves nothing written and all pending; with room again it goes through."""
    admin = await asyncpg.connect(dsn)
    try:
        async with through(dsn) as (session, _):
            await admin.execute("""
                CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full',
                        HINT = 'Check free disk space.'; END $$;
                CREATE CONSTRAINT TRIGGER full_disk AFTER INSERT ON desk_note DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION full_disk()""")       # so that it is found at COMMIT
            with pytest.raises(DatabaseError, match="No space left on device; Check free disk space") as caught:
                await session.commit()
            assert isinstance(caught.value.__cause__, asyncpg.DiskFullError)
            assert (await stored(dsn), len(session.plan().changes)) == (OLD, 3)
            await admin.execute("DROP TRIGGER full_disk ON desk_note")
            await session.commit()
            assert await stored(dsn) == NEW
    finally:
        await admin.close()


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A folder on a disk of four megabytes."""
    place = Path(tempfile.mkdtemp(prefix="wb-full-"))
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)],
        capture_output=True, check=False).returncode == 0
    try:
        if not mounted:
            pytest.skip("a small disk can be mounted by root only, and not in every container")
        place.chmod(0o777)
        (place / "data").mkdir(mode=0o777)
        (place / "data").chmod(0o777)
        yield place / "data"
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(place)], check=True)
        place.rmdir()


async def test_a_disk_that_is_full(dsn: str, small_disk: Path) -> None:
    """On a disk of a few megabytes that fills up in the middle of a commit nothing of that commit stays."""
    admin = await asyncpg.connect(dsn)
    name, dice = await admin.fetchval("SELECT current_database()"), random.Random(1)
    try:
        owner = os.stat(await admin.fetchval("SHOW data_directory"))
        os.chown(small_disk, owner.st_uid, owner.st_gid)
        await admin.execute(f"CREATE TABLESPACE tiny_{name} LOCATION '{small_disk}'")
        await admin.execute(f"ALTER DATABASE {name} SET default_tablespace = 'tiny_{name}'")
        async with through(dsn) as (session, _):
            await edit(session, *(Insert(at(Note, f"n{number}"), text=dice.randbytes(1500).hex())
                                  for number in range(3000)))
            with pytest.raises(DatabaseError, match="No space left on device"):
                await session.commit()
            assert (await stored(dsn), len(session.plan().changes)) == (OLD, 3003)
            session.undo()
            await session.commit()
            assert await stored(dsn) == NEW
        await admin.execute("DROP TABLE desk_note")
    finally:
        await admin.execute(f"ALTER DATABASE {name} RESET default_tablespace")
        with suppress(asyncpg.ObjectInUseError):
            await admin.execute(f"DROP TABLESPACE IF EXISTS tiny_{name}")
        await admin.close()
