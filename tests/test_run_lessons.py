"""The runner of the lessons fails where a reader would stumble, and only there. Each test runs a real kernel; the
runner is called here, as it takes longer to start than a kernel does. As a program test_lessons.py has it.
"""

import json
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

RUN = Path(__file__).parent.parent / "notebooks" / "run.py"


@pytest.fixture(scope="module")
def main():
    """The runner's ``main``, which brings nbclient."""
    return runpy.run_path(str(RUN))["main"]


@pytest.fixture
def run_lessons(main, monkeypatch, capfd):
    """Calls the runner with these words."""
    def run(*words):
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", [str(RUN), *words])
        try:
            code = main()
        except SystemExit as end:
            code = end.code
        said = capfd.readouterr()
        return SimpleNamespace(returncode=code, stdout=said.out, stderr=said.err)

    return run


@pytest.fixture
def written(tmp_path):
    """Writes a notebook of the given code cells; a cell that starts with `# meant` is tagged raises-exception."""
    path = tmp_path / "lesson.ipynb"

    def write(*cells):
        path.write_text(json.dumps({"metadata": {}, "nbformat": 4, "nbformat_minor": 5, "cells": [
            {"cell_type": "code", "id": f"cell-{number}", "source": source, "execution_count": None, "outputs": [],
             "metadata": {"tags": ["raises-exception"]} if source.startswith("# meant") else {}}
            for number, source in enumerate(cells)]}))
        return str(path)

    return write


@pytest.fixture
def lesson(written, run_lessons):
    """Runs a notebook of the given code cells."""
    return lambda *cells, option="--show": run_lessons(option, written(*cells))


def test_what_a_kernel_says_is_passed_on(lesson):
    """All that goes to the kernel's own stderr, but for ipykernel's words when it has closed its own socket."""
    end = """\
ERROR:tornado.general:Uncaught exception in ZMQStream callback
Traceback (most recent call last):
  File "iostream.py", line 343, in schedule
    self._event_pipe.send(b"")
zmq.error.ZMQError: Socket operation on non-socket
"""
    said = f"before\n{end}{end.replace('non-socket', 'nothing')}after\n"
    done = lesson(f"import os\n_ = os.write(2, {said!r}.encode())")
    assert (done.returncode, done.stderr) == (0, said.replace(end, ""))


def test_what_a_kernel_says_as_it_dies_is_passed_on(written):
    """A kernel that ends in the middle of a lesson has said why, before the runner ends with the error."""
    path = written("import os\n_ = os.write(2, b'no memory\\n')\nos._exit(3)")
    done = subprocess.run([sys.executable, str(RUN), path], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("no memory\n")
    assert "DeadKernelError" in done.stderr


def test_outputs_are_shown_as_text(lesson):
    """Prints and results of every cell come out in order, below their code."""
    done = lesson("print('first')\n6 * 7", "'last'")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "\n>>> print('first')\n>>> 6 * 7\nfirst\n42\n\n>>> 'last'\n'last'\n"


def test_an_error_that_was_not_meant_fails(lesson):
    """A cell that raises is named with its error and its code, and the rest is not run."""
    done = lesson("1 / 0", "print('after')")
    assert done.returncode == 1
    assert "cell 1 raised ZeroDivisionError: division by zero\n    1 / 0" in done.stderr
    assert "\nafter" not in done.stdout


def test_an_error_that_was_meant_passes(lesson):
    """A cell tagged raises-exception may raise, and the lesson goes on."""
    done = lesson("# meant\n1 / 0", "print('after')")
    assert done.returncode == 0, done.stderr
    assert "ZeroDivisionError: division by zero" in done.stdout
    assert "\nafter" in done.stdout


def test_a_meant_error_that_does_not_come_fails(lesson):
    """A cell that is tagged to raise and does not is a fault."""
    done = lesson("# meant\n1 + 1")
    assert done.returncode == 1
    assert "cell 1 is tagged raises-exception and raised nothing" in done.stderr


def test_an_error_in_a_widget_callback_fails(lesson):
    """What a click raises stops no kernel, yet fails the lesson."""
    done = lesson("import ipywidgets", "b = ipywidgets.Button()\nb.on_click(lambda _: 1 / 0)\nb.click()")
    assert done.returncode == 1
    assert "cell 2 raised ZeroDivisionError" in done.stderr


def test_outputs_are_kept_only_from_a_clean_run(lesson, run_lessons, tmp_path):
    """--keep writes outputs into the notebook, the same bytes each time; a faulty run leaves it as it was."""
    path = tmp_path / "lesson.ipynb"
    assert lesson("6 * 7", option="--keep").returncode == 0
    first = path.read_bytes()
    assert json.loads(first)["cells"][0]["outputs"][0]["data"] == {"text/plain": ["42"]}
    again = run_lessons("--keep", str(path))
    assert (again.returncode, path.read_bytes()) == (0, first)
    assert lesson("6 * 7", "1 / 0", option="--keep").returncode == 1
    assert [cell["outputs"] for cell in json.loads(path.read_bytes())["cells"]] == [[], []]


def test_a_lesson_that_is_not_there_is_named(run_lessons):
    """A pattern that matched nothing is an error, not an empty success."""
    done = run_lessons("none.ipynb")
    assert done.returncode == 2
    assert "no such lesson: none.ipynb" in done.stderr
