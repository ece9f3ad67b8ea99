"""Described: a datadef as help text and as a signature, what ``Deposit?`` and Shift-Tab tell in a notebook.

A class is asked for them by ``getdoc`` and ``__signature__``, which the datadefs' metaclass answers; the classes' own
docstrings stay.
"""

from __future__ import annotations

from inspect import Parameter, Signature, cleandoc
from typing import Any

from workbench.domain.convert import shown
from workbench.domain.function_text import ABSENT, is_replaceable


def help_of(cls: Any) -> str:
    """A datadef as text: its name and docstring, then its fields, one a line: type, whether required, doc, choices."""
    fields = cls._public
    width = max(map(len, fields), default=0)
    lines = [f"    {name:{width}}  {_words(field)}" for name, field in fields.items()]
    rules = [f"    it holds that {(rule.__doc__ or name.replace('_', ' ')).strip().rstrip('.')}"
             for name, rule in cls._rules]
    call = ", ".join(f"{name}=…" for name, field in fields.items() if field.required)
    head = [f"{cls.__name__}({call})"]
    if doc := cls.__dict__.get("__doc__"):
        head += ["", cleandoc(doc)]
    return "\n".join([*head, "", *(lines or ["    no fields"]), *rules])


def signature_of(cls: Any) -> Signature:
    """How a datadef is called: its fields, with types and initial values, and the stamps that must be given.

    Raises AttributeError where it is made in a way of its own, which is looked at instead."""
    if not is_replaceable(cls.__new__) or cls.__init__ is not object.__init__:
        raise AttributeError(f"{cls.__name__} is made in a way of its own")
    return Signature([
        Parameter(name, Parameter.KEYWORD_ONLY, annotation=field.kind.annotation, default=(
            Parameter.empty if field.required else ABSENT if field.generates else field.initial))
        for name, field in cls._fields.items() if field.required or name in cls._public])


def _words(field: Any) -> str:
    words = [field.kind.name]
    if field.required:
        words.append("required")
    else:
        words.append("made anew for each" if field.generates else f"initially {shown(field.kind.dump(field.initial))}")
    if field.choices is not None:
        words.append(f"one of {', '.join(str(field.kind.dump(choice)) for choice in field.choices)}")
    if field.limits is not None:
        words.append(field.limits.words)
    return ", ".join(words) + (f": {field.doc}" if field.doc else "")
