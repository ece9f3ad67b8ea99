"""What tests of the embedded Postgres share: other processes that hold a server, and a place where all are ended."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import psutil

import workbench
from workbench.postgres.server.embedded import EmbeddedPostgres

HOLD = """
import sys
from workbench.postgres.server.embedded import EmbeddedPostgres
server = EmbeddedPostgres.start(sys.argv[1])
print(server.pid, flush=True)
sys.stdin.read()
"""


@contextmanager
def place_for_servers() -> Iterator[Path]:
    """A temporary folder; at the end all servers in it are ended, then it is removed.

    Not pytest's tmp_path: as root the server's user must pass through every folder above, and each session of pytest
    that starts on the machine closes /tmp/pytest-of-root again (chmod 700), under the servers of the other sessions."""
    place = Path(tempfile.mkdtemp(prefix="wb-test-")).resolve()
    try:
        yield place
    finally:
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                if process.name() == "postgres" and Path(process.cwd()).is_relative_to(place):
                    process.kill()
        shutil.rmtree(place, ignore_errors=True)


def ask(server: EmbeddedPostgres, sql: str) -> str:
    done = subprocess.run([server.bin / "psql", server.dsn, "-XAtqc", sql], capture_output=True, text=True, check=True)
    return done.stdout.strip()


async def asked_by_asyncpg(server: EmbeddedPostgres, sql: str) -> str:
    connection = await asyncpg.connect(server.dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def python(script: str, *arguments: object, **more: object) -> subprocess.Popen[str]:
    """Another Python process that can import workbench, with warnings as errors."""
    search = [str(Path(workbench.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(search)}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script, *map(str, arguments)], text=True, env=environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)


def pid_held_by(process: subprocess.Popen[str]) -> int:
    line = process.stdout.readline()
    assert line, process.stderr.read()
    return int(line)


def end(process: subprocess.Popen[str]) -> None:
    """Let it come to its own end, which must be a clean one."""
    _, complaint = process.communicate("")
    assert (process.returncode, complaint) == (0, "")


def copy(folder: Path, to: Path) -> None:
    subprocess.run(["cp", "-a", folder, to], check=True)


def kill(process: subprocess.Popen[str], how: int) -> None:
    process.send_signal(how)
    process.communicate()
