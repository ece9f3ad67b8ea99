"""The lessons as they stand: each runs from top to bottom in a real kernel, and is kept as one clean run left it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs(lesson):
    """Every cell runs; those alone that are tagged so show an error."""
    command = [sys.executable, str(ROOT / "notebooks" / "run.py"), str(lesson)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_keeps_its_outputs(lesson):
    """Its cells were run once each, in order, and what they show names no place of the machine."""
    cells = [cell for cell in json.loads(lesson.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert sum(bool(cell["outputs"]) for cell in cells) > len(cells) / 2
    for place in (str(ROOT), "/tmp/", "/home/", "/root/"):
        assert not any(place in json.dumps(cell["outputs"]) for cell in cells)
