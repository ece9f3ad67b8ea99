"""The embedded Postgres: a server of one's own in a folder, with nothing to install or to configure.

An ``EmbeddedPostgres`` is a handle on the server of a folder. Any number of handles, in any number of processes, may
be held on one folder; each has an entry in ``postgres.json`` beside the data (under a lock between processes), and the
last one that is stopped stops the server. Entries of processes that were killed are struck off by whoever comes next,
so that nothing is leaked for ever (record.py). The data folder and its processes are a ``Cluster`` (cluster.py).

    .workbench/.gitignore       keeps the folder out of a commit
    .workbench/postgres/        the data, and server.log
    .workbench/postgres.json    who holds the server; where its socket is
    .workbench/postgres.lock    held while somebody starts or stops

The folder may be moved while it is open: the server goes with it, and a handle finds it again when it is stopped. A
copy of the folder has a server of its own: the record says of which folder it is, and one that was copied counts for
nothing.
"""

from __future__ import annotations

import atexit
import os
import sys
import uuid
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from workbench.errors import EmbeddedError
from workbench.postgres.server.cluster import Cluster
from workbench.postgres.server.folder_lock import folder_lock
from workbench.postgres.server.postmaster import Postmaster, fits_socket
from workbench.postgres.server.processes import born, place_of, works_on
from workbench.postgres.server.record import Record


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
        self.dsn = _dsn(postmaster)
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
        folder = _absolute(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder = folder.resolve()
            if not (folder / ".gitignore").exists():
                (folder / ".gitignore").write_text("*\n")
            with folder_lock(folder):
                handle = cls._start(folder, Cluster(folder / "postgres"))
        except OSError as error:
            raise EmbeddedError(folder, f"the folder cannot be used: {error}",
                                "choose a folder that you can write, on a local disk with 50 MB left") from error
        atexit.register(handle.stop)
        return handle

    @classmethod
    def _start(cls, folder: Path, cluster: Cluster) -> EmbeddedPostgres:
        record, key = Record(folder), uuid.uuid4().hex
        others = record.hold(key)       # before the server is there: of one killed now the next finds a dead holder
        try:
            return cls(folder, cluster, cls._served(record, folder, cluster, others), key)
        except BaseException:     # a KeyboardInterrupt too: the server may have come up all the same
            record.let_go(key, cluster)
            raise

    @staticmethod
    def _served(record: Record, folder: Path, cluster: Cluster, others: Collection[int]) -> Postmaster:
        """The server of a folder, started where there is none; ``others`` are the processes that may be connected."""
        if (postmaster := cluster.running(held_by=others)) is not None:
            return postmaster
        if record.killed:     # while it started the server, it may be: what it began is still at work
            cluster.end_strays()
        cluster.prepare()
        # Looked for where we were not before: it costs a look at every process of the machine.
        claimed = record.path != str(folder) and sys.platform != "win32" and cluster.is_claimed()
        record.path = "" if claimed else str(folder)
        within = (fits_socket(cluster.data) and not claimed) or sys.platform == "win32"
        record.sockets = None if within else cluster.socket_folder(record.sockets)
        record.save()
        return cluster.launch(record.sockets)

    def revive(self) -> bool:
        """Starts the server again where it has ended, as when it was killed. Says whether ``dsn`` leads to one; not
        where the folder is gone, or this was let go. Blocks; raises EmbeddedError."""
        if self._stopped or os.getpid() != self._owner or not self._cluster.data.exists():
            return False
        try:
            with folder_lock(self.folder):
                record = Record(self.folder)
                postmaster = self._served(record, self.folder, self._cluster, record.hold(self._key))
        except OSError as error:
            raise EmbeddedError(self.folder, f"the server has ended and could not be started again: {error}") from error
        self.pid, self._server_born = postmaster.pid, born(postmaster.pid)
        return self.dsn == _dsn(postmaster)

    def stop(self) -> None:
        """Lets go; the last handle of all processes on this folder stops the server. A second call does nothing.

        In a forked child it does nothing either: the handle is its parent's.
        """
        if self._stopped or os.getpid() != self._owner:
            return
        self._stopped = True
        atexit.unregister(self.stop)
        try:
            self._follow()
            if self._cluster.data.exists():
                with folder_lock(self.folder):
                    Record(self.folder).let_go(self._key, self._cluster)
            elif born(self.pid) == self._server_born:     # the folder was removed under us, and the record with it
                self._cluster.halt(self.pid)
        except OSError as error:
            raise EmbeddedError(self.folder, f"the server was not let go in order: {error}",
                                f"should it still run, end its process by hand (pid {self.pid})") from error

    def _follow(self) -> None:
        """Turns to where the folder is now, when it was moved and its server with it."""
        if born(self.pid) != self._server_born or works_on(self.pid, self._cluster.data):
            return
        place = place_of(self.pid)
        if place and (folder := Path(place).parent).joinpath("postgres.json").exists():
            self.folder, self._cluster = folder, Cluster(Path(place))

    def __repr__(self) -> str:
        state = "let go" if self._stopped else f"pid {self.pid}"
        return f"<EmbeddedPostgres {self.folder} ({state})>"


def _dsn(postmaster: Postmaster) -> str:
    host = quote(postmaster.sockets) or "127.0.0.1"
    # What PGPORT, PGSSLMODE and PGTARGETSESSIONATTRS of the environment would say is said.
    said = f"host={host}&port={postmaster.port}&sslmode=disable&target_session_attrs=any"
    return f"postgresql://postgres@/postgres?{said}"


def _absolute(folder: Path | str) -> Path:
    """Raises EmbeddedError for a path that no folder can have: with a NUL in it, or below the home of nobody."""
    try:
        path = Path(folder).expanduser().absolute()
        with suppress(OSError):
            path.lstat()
        return path
    except (ValueError, RuntimeError) as error:
        raise EmbeddedError(ascii(str(folder)), f"no folder can have that path: {error}",
                            "choose another one, such as .workbench") from error
