"""The runner of the lessons fails where a reader would stumble, and only there. Each test runs a real kernel."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

RUN = Path(__file__).parent.parent / "notebooks" / "run.py"


def run_lessons(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(RUN), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def lesson(tmp_path):
    """Runs a notebook of the given code cells; a cell that starts with `# meant` is tagged raises-exception."""
    path = tmp_path / "lesson.ipynb"

    def run(*cells: str, option: str = "--show") -> subprocess.CompletedProcess[str]:
        notebook = nbformat.v4.new_notebook()
        for source in cells:
            tags = {"tags": ["raises-exception"]} if source.startswith("# meant") else {}
            notebook.cells.append(nbformat.v4.new_code_cell(source, metadata=tags))
        nbformat.write(notebook, path)
        return run_lessons(option, str(path))

    return run


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


def test_what_a_kernel_says_as_it_dies_is_passed_on(lesson):
    """A kernel that ends in the middle of a lesson has said why."""
    done = lesson("import os\n_ = os.write(2, b'no memory\\n')\nos._exit(3)")
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
    """A tag that has become untrue is a fault."""
    done = lesson("# meant\n1 + 1")
    assert done.returncode == 1
    assert "cell 1 is tagged raises-exception and raised nothing" in done.stderr


def test_an_error_in_a_widget_callback_fails(lesson):
    """What a click raises stops no kernel, yet fails the lesson."""
    done = lesson("import ipywidgets", "b = ipywidgets.Button()\nb.on_click(lambda _: 1 / 0)\nb.click()")
    assert done.returncode == 1
    assert "cell 2 raised ZeroDivisionError" in done.stderr


def test_outputs_are_kept_only_from_a_clean_run(lesson, tmp_path):
    """--keep writes outputs into the notebook, the same bytes each time; a faulty run leaves it as it was."""
    path = tmp_path / "lesson.ipynb"
    assert lesson("6 * 7", option="--keep").returncode == 0
    first = path.read_bytes()
    assert nbformat.reads(first.decode(), as_version=4).cells[0].outputs[0].data == {"text/plain": "42"}
    again = run_lessons("--keep", str(path))
    assert (again.returncode, path.read_bytes()) == (0, first)
    assert lesson("6 * 7", "1 / 0", option="--keep").returncode == 1
    assert [cell.outputs for cell in nbformat.read(path, as_version=4).cells] == [[], []]


def test_a_lesson_that_is_not_there_is_named():
    """A pattern that matched nothing is an error, not an empty success."""
    done = run_lessons("none.ipynb")
    assert done.returncode == 2
    assert "no such lesson: none.ipynb" in done.stderr
