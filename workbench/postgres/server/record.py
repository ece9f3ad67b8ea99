"""The record beside an embedded server's data: who holds the server, and where its socket is.

It is read and written under the lock of the folder (folder_lock.py).
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from workbench.postgres.server.cluster import Cluster
from workbench.postgres.server.processes import born


class Holder(msgspec.Struct):
    """A handle on the server: the process that has it, and what tells that from a later one of the same number."""

    pid: int
    born: str | None


class Content(msgspec.Struct):
    """What is in ``postgres.json``; ``place`` says of which folder that is, ``path`` where it was at the last start."""

    place: str
    path: str = ""
    sockets: str | None = None
    holders: dict[str, Holder] = {}


class Record:
    """``postgres.json``: the live holders by key, and the folder of the socket when that is not the data folder.

    One that cannot be read counts for nothing, and so does one that came with a copy of the folder: it names the
    socket and the holders of another server."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "postgres.json"
        # A folder that is moved keeps its number, a copy has another one.
        self._place = f"{(seen := folder.stat()).st_dev}:{seen.st_ino}"
        try:
            read = msgspec.json.decode(self._file.read_bytes(), type=Content)
        except (FileNotFoundError, msgspec.DecodeError, RecursionError):
            read = Content("")
        if read.place != self._place:
            read = Content(self._place)
        self.path, self.sockets = read.path, read.sockets
        self.holders = {
            key: holder for key, holder in read.holders.items()
            if holder.born is not None and born(holder.pid) == holder.born    # else killed, or a number reused
        }
        self.killed = len(read.holders) > len(self.holders)     # whether some of them were found dead

    def save(self) -> None:
        """Writes it whole or not at all."""
        draft = self._file.with_suffix(".draft")
        content = msgspec.json.encode(Content(self._place, self.path, self.sockets, self.holders))
        draft.write_bytes(msgspec.json.format(content, indent=1))
        draft.replace(self._file)

    def hold(self, key: str) -> list[int]:
        """Enters this process as a holder, at once; gives the processes of the others."""
        others = sorted({holder.pid for other, holder in self.holders.items() if other != key})
        self.holders[key] = Holder(os.getpid(), born(os.getpid()))
        self.save()
        return others

    def let_go(self, key: str, cluster: Cluster) -> None:
        """Strikes off one holder; after the last one the server is stopped."""
        self.holders.pop(key, None)
        if not self.holders:
            if (postmaster := cluster.running()) is not None:
                cluster.halt(postmaster.pid)
            if self.sockets:
                cluster.leave_sockets(self.sockets)
                self.sockets = None
        self.save()
