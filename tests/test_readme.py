"""The README's example, run exactly as it stands, and what its comments claim of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from workbench import Command, Conflict, Context, Event, Session, Update, field

ROOT = Path(__file__).parent.parent
# SQLAlchemy 1.3, under gino, calls it at its import; Python 3.12 says that it is deprecated.
SQLALCHEMY = "ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning"
# Runs the example one statement after the other, as cells are run, and tells what each last line showed.
CELLS = """
import ast, json, sys
source = open("example.py").read()
shown, names = {}, {"__name__": "__main__"}
for node in ast.parse(source).body:
    code = ast.get_source_segment(source, node)
    if isinstance(node, ast.Expr):
        value = eval(compile(ast.Expression(node.value), "example.py", "eval"), names)
        shown[code] = [type(value).__name__, repr(value), list(value["state"]) if hasattr(value, "columns") else None,
                       names["wb"]._bridge.run(names["wb"].session.engine.gino.scalar(
                           "SELECT count(*) FROM shop_article"))]
    else:
        exec(compile(ast.Module([node], []), "example.py", "exec"), names)
print(json.dumps(shown), file=sys.stderr)
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with the example as example.py, and all that follows it in the README as later.py; not pytest's own,
    which other users may not pass."""
    folder = Path(tempfile.mkdtemp(prefix="wb-test-"))
    example, *later = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    (folder / "example.py").write_text(example)
    (folder / "later.py").write_text("\n".join(["from example import *", *later]))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def python(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python in the folder, with no DSN in the environment."""
    environment = {key: value for key, value in os.environ.items() if key != "WORKBENCH_DSN"}
    return subprocess.run([sys.executable, *arguments], cwd=place, env=environment | {"PYTHONPATH": str(ROOT)},
                          capture_output=True, text=True, timeout=120, check=False)


def test_as_a_script(place: Path) -> None:
    """The example runs as a script, prints its plan, says nothing else, and ends; its data is in .workbench."""
    done = python(place, "-W", "error", "-W", SQLALCHEMY, "example.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("plan: 1 to add, 0 to change, 0 to delete\n")
    assert done.stdout.count("\n") == 2
    assert (place / ".workbench").is_dir()
    assert not list(place.glob(".workbench/**/postmaster.pid"))


def test_what_follows(place: Path) -> None:
    """The scenario that the README shows passes on the domain of the example."""
    done = python(place, "-W", "error", "-W", SQLALCHEMY, "later.py")
    assert (done.returncode, done.stderr) == (0, "")


async def test_on_a_table_that_is_there(dsn: str, admin: asyncpg.Connection) -> None:
    """A table made by hand is taken over as the README says; its trigger has the writing of others noticed, and lets
    the workbench's own versions be."""
    readme = (ROOT / "README.md").read_text()
    [model] = [block for block in re.findall(r"^```python\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
               if "BookRow" in block]
    [trigger] = re.findall(r"^```sql\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {"__name__": __name__}
    exec(model, names)
    await admin.execute("CREATE TABLE book (isbn varchar(13) PRIMARY KEY, title varchar(30) NOT NULL, price numeric);"
                        "INSERT INTO book VALUES ('1', 'Emma', 9.99), ('2', 'Ficciones', 8)")
    library, book = names["library"], names["Book"]

    @library.command(on=book)
    class Retitle(Command):
        title = field(str)

    @library.event
    class Retitled(Event):
        title = field(str)

    @library.command_handler(Retitle)
    async def retitle(command: Retitle, context: Context) -> AsyncIterator[Event]:
        yield Retitled(title=command.title).on(await context.fetch(context.target))

    @library.event_handler(Retitled)
    async def retitled(event: Retitled, context: Context) -> AsyncIterator[Update]:
        yield Update(await context.fetch(event.target), title=event.title)

    async with Session(library, dsn=dsn, tables_differ=True) as session:
        tables = await session.tables()
        assert tables.summary == "3 additive: tables().apply()"
        await tables.apply()
        await admin.execute(trigger)
        await session.issue(Retitle(title="Emma, again"), on="book/1")
        assert (await session.commit()).stored == {}
        await session.issue(Retitle(title="Persuasion"), on="book/1")
        await admin.execute("UPDATE book SET price = 1 WHERE isbn = '1'")
        with pytest.raises(Conflict):
            await session.commit()


def test_its_comments(place: Path) -> None:
    """What the comments say of each line is so."""
    done = python(place, "-c", CELLS)
    assert done.returncode == 0, done.stderr
    shown: dict[str, Any] = json.loads(done.stderr.splitlines()[-1])
    issued, items, printed, committed = shown.values()
    assert issued[0] == "Step"
    assert "event ArticleAdded(name='lamp')" in issued[1]
    assert "Insert(shop:article/" in issued[1]
    assert (items[0], items[2]) == ("DataFrame", ["new"])
    assert [line[3] for line in (issued, items, printed, committed)] == [0, 0, 0, 1]     # the rows that are stored
    assert committed[:2] == ["Commit", "committed: 1 added, 0 changed, 0 deleted by 1 statement"]


def test_it_is_short(place: Path) -> None:
    """The example is of some twenty lines."""
    lines = [line for line in (place / "example.py").read_text().splitlines() if line.strip()]
    assert len(lines) <= 25
