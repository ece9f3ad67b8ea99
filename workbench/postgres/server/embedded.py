"""The embedded Postgres: a server of one's own in a folder, with nothing to install or to configure.

An ``EmbeddedPostgres`` is a handle on the server of a folder. Any number of handles, in any number of processes, may
be held on one folder; each has an entry in ``postgres.json`` beside the data (under a lock between processes), and the
last one that is stopped stops the server. Entries of processes that were killed are struck off by whoever comes next,
so that nothing is leaked for ever. The data folder and its processes are a ``Cluster`` (cluster.py).

    .workbench/.gitignore       keeps the folder out of a commit
    .workbench/postgres/        the data, and server.log
    .workbench/postgres.json    who holds the server; where its socket is
    .workbench/postgres.lock    held while somebody starts or stops
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from workbench.errors import EmbeddedError
from workbench.postgres.server.cluster import Cluster, Postmaster
from workbench.postgres.server.processes import born


class EmbeddedPostgres:
    """A handle on the PostgreSQL server of a folder.

        server = EmbeddedPostgres.start()      # in .workbench; blocks: 0.6 s the first time, then 0.04 s
        await asyncpg.connect(server.dsn)
        server.stop()                          # or leave it to the exit of the process

    ``dsn`` fits asyncpg and psql, ``bin`` is the folder of psql and pg_ctl, ``log`` the server's log, ``pid`` its
    process.

    What is committed is on the disk: fsync, synchronous_commit and full_page_writes are left on. Chosen otherwise than
    PostgreSQL does: text sorts by code point (locale C.UTF-8, built in), the time zone is UTC, and the server listens
    on a unix socket alone, in a folder private to the user. There is no password. On Windows it listens on a port of
    the loopback address instead, which every user of that machine can reach.

    PostgreSQL refuses to run as root. There the server runs as the owner of the data, at first a system user
    ``pgserver`` that is made for it. That user must reach the folder and the installed binaries, so every folder above
    both gets the right to pass through for others (``chmod o+x``: to pass, not to list). Choose the folder accordingly.
    """

    def __init__(self, folder: Path, cluster: Cluster, postmaster: Postmaster, key: str) -> None:
        self.folder, self.bin, self.log, self.pid = folder, cluster.bin, cluster.log, postmaster.pid
        host = quote(postmaster.sockets) or "127.0.0.1"
        # Port and sslmode are said, or PGPORT and PGSSLMODE of the environment would count.
        self.dsn = f"postgresql://postgres@/postgres?host={host}&port={postmaster.port}&sslmode=disable"
        self._cluster, self._key, self._owner, self._server_born = cluster, key, os.getpid(), born(postmaster.pid)
        self._stopped = False

    @classmethod
    def start(cls, folder: Path | str = ".workbench") -> EmbeddedPostgres:
        """A handle on the server of ``folder``, which is made, and the server started, where needed.

        Blocks; from an event loop call it in a thread. The handle is stopped when the process exits: what must be
        closed before (a pool) is to be registered with atexit after this.

        Raises:
            EmbeddedError: with the last lines of the server's log, and what to try.
        """
        folder = Path(folder).expanduser().absolute()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder = folder.resolve()
            if not (folder / ".gitignore").exists():
                (folder / ".gitignore").write_text("*\n")
            with _locked(folder):
                handle = cls._start(folder, Cluster(folder / "postgres"))
        except OSError as error:
            raise EmbeddedError(folder, f"the folder cannot be used: {error}",
                                "choose a folder that you can write, on a local disk with 50 MB left") from error
        atexit.register(handle.stop)
        return handle

    @classmethod
    def _start(cls, folder: Path, cluster: Cluster) -> EmbeddedPostgres:
        record, key = _Record(folder), uuid.uuid4().hex
        record.holders[key] = {"pid": os.getpid(), "born": born(os.getpid())}
        record.save()       # before the server is there: should we be killed now, the next one finds a dead holder
        try:
            postmaster = cluster.running()
            if postmaster is None:
                if record.killed:     # while it started the server, it may be: what it began is still at work
                    cluster.end_strays()
                cluster.prepare()
                within = cluster.fits_socket() or sys.platform == "win32"
                record.sockets = None if within else cluster.socket_folder(record.sockets)
                record.save()
                postmaster = cluster.launch(record.sockets)
            return cls(folder, cluster, postmaster, key)
        except BaseException:     # a KeyboardInterrupt too: the server may have come up all the same
            record.let_go(key, cluster)
            raise

    def stop(self) -> None:
        """Let go; the last handle of all processes on this folder stops the server. A second call does nothing.

        In a forked child it does nothing either: the handle is its parent's.
        """
        if self._stopped or os.getpid() != self._owner:
            return
        self._stopped = True
        atexit.unregister(self.stop)
        try:
            if self._cluster.data.exists():
                with _locked(self.folder):
                    _Record(self.folder).let_go(self._key, self._cluster)
            elif born(self.pid) == self._server_born:     # the folder was removed under us, and the record with it
                self._cluster.halt(self.pid)
        except OSError as error:
            raise EmbeddedError(self.folder, f"the server was not let go in order: {error}",
                                f"should it still run, end its process by hand (pid {self.pid})") from error

    def __repr__(self) -> str:
        state = "let go" if self._stopped else f"pid {self.pid}"
        return f"<EmbeddedPostgres {self.folder} ({state})>"


class _Record:
    """``postgres.json``: the live holders by key, and the folder of the socket when that is not the data folder."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "postgres.json"
        try:
            read: dict[str, Any] = json.loads(self._file.read_text())
        except (FileNotFoundError, ValueError):
            read = {}
        self.sockets: str | None = read.get("sockets")
        held: dict[str, dict[str, Any]] = read.get("holders", {})
        self.holders = {
            key: holder for key, holder in held.items()
            if holder["born"] is not None and born(holder["pid"]) == holder["born"]    # else killed, or a number reused
        }
        self.killed = len(held) > len(self.holders)     # whether some of them were found dead

    def save(self) -> None:
        """Write it whole or not at all."""
        draft = self._file.with_suffix(".draft")
        draft.write_text(json.dumps({"sockets": self.sockets, "holders": self.holders}, indent=1))
        draft.replace(self._file)

    def let_go(self, key: str, cluster: Cluster) -> None:
        """Strike off one holder; after the last one the server is stopped."""
        self.holders.pop(key, None)
        if not self.holders:
            if (postmaster := cluster.running()) is not None:
                cluster.halt(postmaster.pid)
            if self.sockets:
                shutil.rmtree(self.sockets, ignore_errors=True)
                self.sockets = None
        self.save()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process and one thread at a time, by a lock of the operating system: it goes when its process goes."""
    descriptor = os.open(folder / "postgres.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if sys.platform == "win32":
            import msvcrt

            while True:
                try:
                    msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
                    break
                except OSError:
                    time.sleep(0.05)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:      # said aloud: a child that was forked meanwhile holds the file open too
            if sys.platform == "win32":
                msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
            else:
                fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)
