"""Run lessons from top to bottom, each in a kernel and a folder of its own, and fail where a reader would stumble.

A lesson fails when a cell shows an error and is not tagged `raises-exception` (also an error out of a widget callback,
which stops no kernel), or is so tagged and shows none.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


def run(lesson: Any) -> list[str]:
    """Execute the cells in place; gives what went wrong, in words.

    The kernel works in an empty folder, so a lesson starts from an empty database and leaves none behind.
    """
    with tempfile.TemporaryDirectory(prefix="lesson-") as folder:
        client = NotebookClient(
            lesson,
            timeout=600,
            kernel_name="python3",
            extra_arguments=["--log-level=ERROR"],  # ipykernel 7 warns at each start that local TCP is not encrypted
            record_timing=False,  # kept outputs must not differ from run to run
            resources={"metadata": {"path": folder}},
        )
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
            try:
                with suppress(CellExecutionError):  # its output is in the cell, where `faults` reads it
                    client.execute(stderr=said)
            finally:    # also when the kernel has died, and has said why
                said.seek(0)
                sys.stderr.write(without_its_end(said.read()))
    return list(faults(lesson))


def without_its_end(said: str) -> str:
    """What a kernel said, but for what ipykernel 7 says at times when it has closed its own socket at the end."""
    return re.sub(
        r"ERROR:tornado\.general:Uncaught exception in ZMQStream callback\n((?!ERROR:).*\n)*?"
        r"zmq\.error\.ZMQError: Socket operation on non-socket\n", "", said)


def faults(lesson: Any) -> Iterator[str]:
    for number, cell in enumerate(lesson.cells, 1):
        if cell.cell_type != "code":
            continue
        errors = [output for output in cell.outputs if output.output_type == "error"]
        meant = "raises-exception" in cell.metadata.get("tags", ())
        if errors and not meant:
            yield f"cell {number} raised {errors[0].ename}: {errors[0].evalue}\n{indented(cell.source)}"
            return  # nothing below it was run
        if meant and not errors:
            yield f"cell {number} is tagged raises-exception and raised nothing\n{indented(cell.source)}"


def shown(lesson: Any) -> Iterator[str]:
    """The lesson as text, cell by cell: prose, code behind `>>>`, outputs in their plain form."""
    for cell in lesson.cells:
        yield ""
        if cell.cell_type != "code":
            yield cell.source
            continue
        yield indented(cell.source, ">>> ")
        for output in cell.outputs:
            if output.output_type == "stream":
                yield output.text.rstrip("\n")
            elif output.output_type == "error":
                yield f"{output.ename}: {output.evalue}"
            elif "text/plain" in output.get("data", ()):
                yield output.data["text/plain"]


def indented(text: str, prefix: str = "    ") -> str:
    return "\n".join(prefix + line for line in text.splitlines())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("lessons", nargs="+", type=Path, metavar="lesson.ipynb")
    parser.add_argument("--show", action="store_true", help="print the cells and their outputs")
    parser.add_argument("--keep", action="store_true", help="write the outputs back, when the lesson has no fault")
    options = parser.parse_args()
    if missing := [str(path) for path in options.lessons if not path.is_file()]:
        parser.error(f"no such lesson: {', '.join(missing)}")
    failed = False
    for path in options.lessons:
        lesson = nbformat.read(path, as_version=4)
        problems = run(lesson)
        if options.show:
            print(*shown(lesson), sep="\n")
        for problem in problems:
            print(f"{path}: {problem}", file=sys.stderr)
        if options.keep and not problems:
            lesson.metadata.get("language_info", {}).pop("version", None)  # the reader's Python may be another
            nbformat.write(lesson, path)
        if not options.show:
            print(f"{path}: {'FAILED' if problems else 'ok'}")
        failed = failed or bool(problems)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
