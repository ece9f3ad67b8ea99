"""The folders in memory of test runs: who was killed leaves nothing for long, who is at work keeps all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.memory import own_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no such place")


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    """The next run removes the folders whose owner is gone; not its own, not those of who runs, or of anybody else, and
    none in which a process works."""
    code = (f"from tests.memory import own_folder; from pathlib import Path\n"
            f"print(own_folder(Path({str(tmp_path)!r}))[0], flush=True); input()")
    runs = [subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(3)]
    folders = [Path(run.stdout.readline().strip()) for run in runs]     # type: ignore[union-attr]  # it is a pipe
    (folders[0] / "data").mkdir()
    (folders[1] / "data").mkdir()
    other = tmp_path / "wb-other"
    other.mkdir()
    server = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, cwd=folders[1] / "data")
    try:
        for run in runs[:2]:
            run.kill()
            run.wait()
        mine, lock = own_folder(tmp_path)
        assert set(tmp_path.iterdir()) == {folders[1], folders[2], other, mine}
        os.close(lock)
    finally:
        for process in (*runs, server):
            process.kill()
            process.communicate()
