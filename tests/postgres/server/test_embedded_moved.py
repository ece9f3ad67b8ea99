"""The embedded Postgres in a folder that is copied or moved, also while it is open."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.postgres.server.processes import HOLD, ask, copy, kill, pid_held_by, python
from workbench.errors import EmbeddedError
from workbench.postgres.server.embedded import EmbeddedPostgres
from workbench.postgres.server.processes import born

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="unix sockets and signals")


class TestCopied:
    @pytest.mark.parametrize("name", ["plain", "My Project"])
    def test_while_it_is_open(self, folder, name):
        """The copy of an open folder has a server and a socket of its own, which stops with the copy's last handle."""
        first = EmbeddedPostgres.start(folder / name)
        copy(folder / name, folder / f"{name} copy")
        second = EmbeddedPostgres.start(folder / f"{name} copy")
        for server in (first, second):
            assert ask(server, "SHOW data_directory") == str(server.folder / "postgres")
        second.stop()
        assert born(second.pid) is None
        assert ask(first, "SELECT 1") == "1"
        first.stop()
        assert born(first.pid) is None

    @pytest.mark.parametrize("copy_first", [True, False])
    def test_after_its_owner_was_killed(self, folder, copy_first):
        """Nor do they meet when the server was left running by a killed owner, whichever is opened first."""
        folders = [folder / "My Project", folder / "My Project copy"]
        process = python(HOLD, folders[0])
        pid = pid_held_by(process)
        kill(process, signal.SIGKILL)
        copy(*folders)
        servers = [EmbeddedPostgres.start(each) for each in sorted(folders, reverse=copy_first)]
        assert pid in [server.pid for server in servers]
        for server in servers:
            assert ask(server, "SHOW data_directory") == str(server.folder / "postgres")
        for server in servers:
            server.stop()
            assert born(server.pid) is None

    def test_record_that_names_a_socket_of_others(self, folder):
        """A socket at which another folder's server is listening is not taken, whatever the record says."""
        first = EmbeddedPostgres.start(folder / "My Project")
        EmbeddedPostgres.start(folder / "My Other").stop()
        record = folder / "My Other" / "postgres.json"
        content = json.loads(record.read_text())
        content["sockets"] = ask(first, "SHOW unix_socket_directories")
        record.write_text(json.dumps(content))
        second = EmbeddedPostgres.start(folder / "My Other")
        assert second.dsn != first.dsn
        second.stop()
        assert ask(first, "SHOW data_directory") == str(first.folder / "postgres")
        first.stop()

    @pytest.mark.parametrize("name", ["plain", "My Project"])
    @pytest.mark.parametrize("called", ["precious", "workbench-precious"])
    def test_record_that_names_a_folder_of_others(self, folder, name, called):
        """Whatever folder the record names for the socket, nothing in it is touched at the end."""
        EmbeddedPostgres.start(folder / name).stop()
        precious, record = folder / called, folder / name / "postgres.json"
        precious.mkdir(mode=0o700)
        owner = (folder / name / "postgres").stat()
        os.chown(precious, owner.st_uid, owner.st_gid)
        (precious / "key").write_text("secret")
        for when in ("before", "meanwhile"):
            server = EmbeddedPostgres.start(folder / name) if when == "meanwhile" else None
            content = json.loads(record.read_text())
            record.write_text(json.dumps({**content, "sockets": str(precious)}))
            server = server or EmbeddedPostgres.start(folder / name)
            assert ask(server, "SELECT 1") == "1"
            server.stop()
            assert (precious / "key").read_text() == "secret"


class TestMoved:
    @pytest.mark.parametrize("name", ["plain", "My Project"])
    def test_while_it_is_open(self, folder, name):
        """The server goes with a folder that is moved; old handles and new ones share it, and the last one stops it."""
        old = EmbeddedPostgres.start(folder / name)
        (folder / name).rename(folder / "moved")
        began = time.monotonic()
        new = EmbeddedPostgres.start(folder / "moved")
        assert time.monotonic() - began < 5
        assert new.pid == old.pid
        old.stop()
        assert old.folder == folder / "moved"
        assert ask(new, "SELECT 1") == "1"
        new.stop()
        assert born(new.pid) is None

    def test_let_go_by_the_old_handle(self, folder):
        """The old handle stops the server where it is now, in order; another one in the old place lives on."""
        old = EmbeddedPostgres.start(folder / "db")
        (folder / "db").rename(folder / "moved")
        for _ in range(2):
            other = EmbeddedPostgres.start(folder / "db")
            assert other.dsn != old.dsn     # or who has the old one would write to the wrong database
            other.stop()
        other = EmbeddedPostgres.start(folder / "db")
        old.stop()
        assert born(old.pid) is None
        assert not (folder / "moved" / "postgres" / "postmaster.pid").exists()
        assert json.loads((folder / "moved" / "postgres.json").read_text())["holders"] == {}
        assert ask(other, "SHOW data_directory") == str(folder / "db" / "postgres")
        other.stop()

    def test_where_its_socket_cannot_be(self, folder):
        """Moved to a path that no socket can have: said at once, and the server is left to those who hold it."""
        old, long = EmbeddedPostgres.start(folder / "db"), folder / ("x" * 100)
        (folder / "db").rename(long)
        began = time.monotonic()
        with pytest.raises(EmbeddedError, match=rf"was moved while it was open.*close .* \(process {os.getpid()}\)"):
            EmbeddedPostgres.start(long)
        assert time.monotonic() - began < 5
        assert born(old.pid) is not None
        old.stop()
        assert born(old.pid) is None
        new = EmbeddedPostgres.start(long)
        assert ask(new, "SELECT 1") == "1"
        new.stop()

    @pytest.mark.parametrize("lost", ["moved", "taken", "removed"])
    def test_held_by_nobody(self, folder, lost):
        """A server that nobody holds or can reach any more is replaced at once; what was committed is there."""
        process = python(HOLD, folder / "My Project")
        pid, now = pid_held_by(process), folder / "My Project"
        sockets = Path(json.loads((now / "postgres.json").read_text())["sockets"])
        kill(process, signal.SIGKILL)
        if lost == "taken":
            (sockets / ".s.PGSQL.5432.lock").write_text(f"{os.getpid()}\n/elsewhere\n")
        else:
            shutil.rmtree(sockets)
        if lost == "moved":
            now = now.rename(folder / ("x" * 100))
        began = time.monotonic()
        server = EmbeddedPostgres.start(now)
        assert time.monotonic() - began < 10
        assert server.pid != pid
        assert born(pid) is None
        assert ask(server, "SELECT 1") == "1"
        server.stop()
        shutil.rmtree(sockets, ignore_errors=True)
