"""The postmaster of a data folder: what its ``postmaster.pid`` says of it, and whether one can connect to it."""

from __future__ import annotations

import re
import socket
import struct
from pathlib import Path
from typing import NamedTuple

SOCKET_LIMIT = 103       # bytes in a unix socket's path: 107 on Linux, 103 on macOS
SOCKET_NAME = "/.s.PGSQL.5432"


class Postmaster(NamedTuple):
    """The server that works on ``data``; ``sockets`` is the folder of its socket ("" on Windows).

    ``ready`` is what its file says; whether that is true, ``answers`` finds out."""

    data: Path
    pid: int
    port: int
    sockets: str
    ready: bool

    @classmethod
    def read(cls, data: Path) -> Postmaster | None:
        """None when there is no such file, or it is cut short."""
        try:
            lines = (data / "postmaster.pid").read_text(errors="surrogateescape").splitlines()
            # A socket that was made in the data folder is there still when the folder was moved under its server.
            sockets = str(data) if lines[4] == lines[1] else lines[4].strip()
            return cls(data, int(lines[0]), int(lines[3]), sockets, lines[7].strip() == "ready")
        except (FileNotFoundError, ValueError, IndexError):
            return None

    def is_lost(self) -> bool:
        """Whether it runs but nobody comes to it any more.

        Its socket was removed, is now another server's, or went with the folder to a path that no socket can have."""
        if not self.ready or not self.sockets:
            return False
        guard = Path(f"{self.sockets}/.s.PGSQL.{self.port}.lock")
        return lock_line(guard, 0) != str(self.pid) or (guard.parent == self.data and not fits_socket(self.data))

    def answers(self) -> bool:
        """Whether it says that it is ready, and answers: one just killed says so still, and connects."""
        if not self.ready or self.is_lost():
            return False
        try:
            with socket.socket(socket.AF_UNIX if self.sockets else socket.AF_INET) as probe:
                probe.settimeout(5)
                probe.connect(f"{self.sockets}/.s.PGSQL.{self.port}" if self.sockets else ("127.0.0.1", self.port))
                probe.sendall(struct.pack("!ii", 8, 80877103))     # "do you speak SSL?" is answered before any login
                return probe.recv(1) in (b"N", b"S")
        except OSError:
            return False


def fits_socket(data: Path) -> bool:
    """Whether the socket can be in the data folder: a short path that says nothing to a shell or a DSN."""
    path = str(data)
    return len(path + SOCKET_NAME) <= SOCKET_LIMIT and re.fullmatch(r"[A-Za-z0-9/._-]+", path) is not None


def lock_line(file: Path, number: int) -> str | None:
    """A line of a lock file of Postgres; None when there is none."""
    try:
        return file.read_text(errors="surrogateescape").split("\n")[number].strip()
    except (OSError, IndexError):
        return None
