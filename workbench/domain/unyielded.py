"""Unyielded: what a handler makes and then drops, as where a ``yield`` was forgotten, read off its source.

The code is never run. Where there is no source, or it is that of something else by now, nothing is found.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Container, Sequence
from inspect import getsource, unwrap
from textwrap import dedent
from types import FunctionType, ModuleType
from typing import Any

import workbench


def unyielded(function: Callable[..., Any], bases: tuple[type, ...]) -> list[str]:
    """The names of the classes, derived from ``bases``, of which a function makes something that goes nowhere.

    It is a statement of its own, or gets a name that is not used."""
    function = unwrap(function)
    tree = _tree(function)
    if tree is None or not isinstance(function, FunctionType):
        return []
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    unused = {*function.__code__.co_varnames} - used
    dropped = []
    for node in ast.walk(tree):
        if (value := _goes_nowhere(node, unused)) is not None:
            made = _made(value, function)
            if isinstance(made, type) and issubclass(made, bases):
                dropped.append(made.__name__)
    return list(dict.fromkeys(dropped))


def _goes_nowhere(node: ast.AST, unused: Container[str]) -> ast.expr | None:
    """The expression whose value a statement drops: by itself, or under names that are not used."""
    names: Sequence[ast.expr]
    match node:
        case ast.Expr(value=value):
            names = ()
        case ast.Assign(targets=names, value=value):
            pass
        case ast.AnnAssign(target=name, value=value):
            names = (name,)
        case _:
            return None
    return value if all(isinstance(name, ast.Name) and name.id in unused for name in names) else None


def _tree(function: Callable[..., Any]) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The definition of a function as it was written."""
    try:
        (tree,) = ast.parse(dedent(getsource(function))).body
    except (OSError, TypeError, SyntaxError, ValueError):       # made by exec, a lambda within a line, …
        return None
    same = isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef) and tree.name == function.__name__
    return tree if same else None       # type: ignore[return-value]  # of these two


def _made(value: ast.expr, function: FunctionType) -> Any:
    """The class of what an expression makes, ``Fined(…)`` or ``Fined(…).on(…)``; None where it is another one."""
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in ("on", "set"):
        value = value.func.value
    return _known(value.func, function) if isinstance(value, ast.Call) else None


def _known(name: ast.expr, function: FunctionType) -> Any:
    """What a name, or that of something in a module, stands for in a function."""
    if isinstance(name, ast.Attribute):
        module = _known(name.value, function)
        if module is workbench:     # which imports a name when it is asked for
            return getattr(module, name.attr, None)
        return vars(module).get(name.attr) if isinstance(module, ModuleType) else None
    if not isinstance(name, ast.Name) or name.id in function.__code__.co_varnames:
        return None
    for free, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        if free == name.id:
            try:
                return cell.cell_contents
            except ValueError:      # it has no value yet
                return None
    return function.__globals__.get(name.id)
