"""The account of an embedded server: who runs Postgres' programs, which refuse to run as root.

As root another user runs them, and must be let through to the data and to the programs; anyone else runs them as
themselves.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from workbench.postgres.server.failure import failure


class Account(NamedTuple):
    """Another user, as whom Postgres' programs run."""

    uid: int
    gid: int

    @classmethod
    def needed(cls, data: Path, bin: Path) -> Account | None:
        """As root the owner of the data, else ``pgserver``, a user made for it, who is let through to both folders.

        None where one can run Postgres oneself. Raises EmbeddedError."""
        if sys.platform == "win32" or os.geteuid() != 0:
            return None
        seen = data.stat() if data.exists() else None
        account = cls(seen.st_uid, seen.st_gid) if seen and seen.st_uid else cls._made(data)
        _open_way(data.parent)
        _open_way(bin)
        if not (bin / "postgres").stat().st_mode & stat.S_IROTH:     # installed under a strict umask
            for path in (bin.parent, *bin.parent.rglob("*")):
                mode = path.stat().st_mode
                path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
        return account

    @classmethod
    def _made(cls, data: Path) -> Account:
        """The system user ``pgserver``, made where there is none."""
        import pwd

        try:
            entry = pwd.getpwnam("pgserver")
        except KeyError:
            made = subprocess.run(
                ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "pgserver"],
                check=False, capture_output=True, text=True)
            try:    # its exit code is not asked: a racing start may have made the user first
                entry = pwd.getpwnam("pgserver")
            except KeyError:
                raise failure(data, "Postgres does not run as root, and no system user could be made for it",
                              "run as an ordinary user, or make a user named pgserver", made.stderr) from None
        return cls(entry.pw_uid, entry.pw_gid)

    @property
    def options(self) -> dict[str, Any]:
        """What subprocess is to be told, to run a program as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, folder: Path | str) -> None:
        """Gives a folder that was just made to this user, and a way to it."""
        os.chown(folder, self.uid, self.gid)
        _open_way(Path(folder).parent)


def own_uid(account: Account | None) -> int:
    """The number of the user as whom the programs run; 0 on Windows, which has none."""
    return account.uid if account else os.getuid() if sys.platform != "win32" else 0


def _open_way(folder: Path) -> None:
    """Lets other users pass through a folder and its parents: pass, not look inside."""
    for step in (folder, *folder.parents):
        if not (mode := step.stat().st_mode) & stat.S_IXOTH:
            step.chmod(mode | stat.S_IXOTH)
