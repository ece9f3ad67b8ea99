"""The public names, one by one: what is exported is meant to be, and is documented."""

from __future__ import annotations

import ast
import inspect
from functools import cached_property
from pathlib import Path

import pytest

import workbench
from workbench import errors

NAMES = [
    "Command", "Conflict", "Context", "Datadef", "Delete", "Domain", "Event", "File", "Insert", "Invalid", "NotFound",
    "Rejected", "Resource", "Response", "Session", "Target", "Update", "Workbench", "WorkbenchError", "field",
    "given", "invariant", "values_of"]


def test_the_public_names() -> None:
    """What ``import workbench`` offers is this list: a name more or less is a decision."""
    tree = ast.parse(Path(workbench.__file__).read_text())
    exported = [alias.asname for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
                if alias.asname]
    assert sorted(exported) == NAMES
    assert set(NAMES) <= set(dir(workbench))


def test_the_star_brings_all_of_them() -> None:
    """``from workbench import *``, as it is typed in cells, brings the names that are imported late as well."""
    cell: dict[str, object] = {}
    exec("from workbench import *", cell)
    assert sorted(name for name in cell if not name.startswith("__")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_documented(name: str) -> None:
    """Each has a docstring of its own; so has each public method and property of a class, those of our bases too."""
    thing = getattr(workbench, name)
    doc = thing.__doc__ or ""
    assert len(doc) > 20
    assert not doc.startswith(f"{name}(")       # what NamedTuple writes by itself
    if inspect.isclass(thing):
        lacking = [f"{base.__name__}.{key}" for base in thing.__mro__ if base.__module__.startswith("workbench")
                   for key, value in vars(base).items() if not key.startswith("_") and _is_code(value)
                   and not value.__doc__]
        assert lacking == []


def _is_code(value: object) -> bool:
    """Whether a name of a class stands for a method or a property of any kind."""
    return inspect.isfunction(value) or isinstance(value, property | classmethod | staticmethod | cached_property)


def test_the_tree_of_errors() -> None:
    """Every error is a WorkbenchError, is documented, and stands in the tree at the top of errors.py."""
    classes = [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, Exception)]
    assert len(classes) > 15
    for cls in classes:
        assert issubclass(cls, errors.WorkbenchError)
        assert cls.__doc__
        assert f" {cls.__name__} " in f"{errors.__doc__}\n".replace("\n", " \n")


def test_an_unknown_name() -> None:
    """A name that is not there is an AttributeError, as of any module."""
    with pytest.raises(AttributeError, match="module 'workbench' has no attribute 'Workbenhc'"):
        _ = workbench.Workbenhc
