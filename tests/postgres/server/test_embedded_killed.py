"""The embedded Postgres survives what is killed: owners, servers, and those who start one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from tests.postgres.server.processes import HOLD, ask, kill, pid_held_by, python
from workbench.postgres.server.embedded import EmbeddedPostgres
from workbench.postgres.server.processes import born, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="unix sockets and signals")


class TestKilled:
    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
    def test_owner(self, stopped, how):
        """A killed owner leaves its server running; the next one takes it over and, last one out, stops it."""
        process = python(HOLD, stopped)
        pid = pid_held_by(process)
        kill(process, how)
        assert born(pid) is not None
        server = EmbeddedPostgres.start(stopped)
        assert server.pid == pid
        server.stop()
        assert born(pid) is None

    def test_number_of_a_killed_owner_reused(self, stopped):
        """A holder whose process number now belongs to a later process is no holder."""
        server = EmbeddedPostgres.start(stopped)
        record = stopped / "postgres.json"
        content = json.loads(record.read_text())
        content["holders"]["dead"] = {"pid": os.getppid(), "born": "of an earlier process"}
        record.write_text(json.dumps(content))
        server.stop()
        assert born(server.pid) is None

    def test_postmaster(self, stopped):
        """A killed server, clients and all, is started again and has what was committed; old handles do no harm."""
        old = EmbeddedPostgres.start(stopped)
        ask(old, "CREATE TABLE survivor AS SELECT 7 AS n")
        client = subprocess.Popen([old.bin / "psql", old.dsn, "-Xqc", "SELECT pg_sleep(60)"], stderr=subprocess.PIPE)
        os.kill(old.pid, signal.SIGKILL)
        new = EmbeddedPostgres.start(stopped)
        assert new.pid != old.pid
        client.communicate()
        assert ask(new, "SELECT n FROM survivor") == "7"
        old.stop()
        assert ask(new, "SELECT 1") == "1"
        new.stop()
        assert born(new.pid) is None

    @pytest.mark.parametrize("content", ["another process", "a zombie", "cut short", "empty", "nonsense"])
    def test_stale_postmaster_pid(self, stopped, content):
        """A postmaster.pid that does not name a live server of this folder is cleared away, whatever it says."""
        zombie = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
        zombie.stdout.read()
        os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
        rest = f"{stopped}/postgres\n1700000000\n5432\n{stopped}/postgres\n\n  1 1\nready\n"
        (stopped / "postgres" / "postmaster.pid").write_text({
            "another process": f"{os.getpid()}\n{rest}", "a zombie": f"{zombie.pid}\n{rest}",
            "cut short": f"{os.getpid()}\n{stopped}", "empty": "", "nonsense": "\x00\xff",
        }[content])
        server = EmbeddedPostgres.start(stopped)
        assert ask(server, "SELECT 1") == "1"
        server.stop()
        zombie.communicate()

    @pytest.mark.parametrize("left", ["", "12"])
    def test_postmaster_pid_cut_under_a_live_server(self, stopped, left):
        """When the file of a running server is damaged, that server is ended before another one is started."""
        old = EmbeddedPostgres.start(stopped)
        (stopped / "postgres" / "postmaster.pid").write_text(left)
        new = EmbeddedPostgres.start(stopped)
        assert born(old.pid) is None
        assert ask(new, "SELECT 1") == "1"
        old.stop()
        new.stop()

    def test_first_start(self, folder):
        """Who is killed during the first start leaves an initdb at work: it is ended, and the next start is clean."""
        process = python(HOLD, folder)
        assert until((folder / "postgres.new" / "PG_VERSION").exists, seconds=30)
        kill(process, signal.SIGKILL)
        server = EmbeddedPostgres.start(folder)
        assert ask(server, "SELECT 1") == "1"
        assert not (folder / "postgres.new").exists()
        server.stop()
        assert born(server.pid) is None

    def test_initdb_half_way(self, folder):
        """What an initdb left that was killed half-way does not stand in the way."""
        half = folder / "postgres.new"
        half.mkdir(parents=True)
        (half / "PG_VERSION").write_text("18\n")
        server = EmbeddedPostgres.start(folder)
        server.stop()
        assert not half.exists()

    @pytest.mark.parametrize("content", [
        '{"holders": {"a', "", "[]", "\xff", '{"holders": null}', '{"place": "PLACE", "holders": {"a": {}}}',
        '{"place": "PLACE", "sockets": 5}', '{"place": "PLACE", "holders": {"a": {"pid": "x", "born": "y"}}}'])
    def test_record_of_holders_damaged(self, stopped, content):
        """A damaged postgres.json, or one that says what cannot be, counts as nobody holding."""
        place = f"{stopped.stat().st_dev}:{stopped.stat().st_ino}"
        (stopped / "postgres.json").write_text(content.replace("PLACE", place), encoding="latin-1")
        server = EmbeddedPostgres.start(stopped)
        server.stop()
        assert born(server.pid) is None

    @pytest.mark.parametrize("remade", [False, True])
    def test_folder_removed(self, folder, remade):
        """A server whose folder was removed is ended: by its handle, or by the one made in its place, which lives."""
        lost = EmbeddedPostgres.start(folder)
        while folder.exists():      # a server that notices it half-way ends, and removes files as well
            shutil.rmtree(folder, ignore_errors=True)
        new = EmbeddedPostgres.start(folder) if remade else None
        lost.stop()
        assert born(lost.pid) is None
        if new:
            assert ask(new, "SELECT 1") == "1"
            new.stop()
