"""Described: a datadef as help text, what ``Deposit?`` tells in a notebook.

IPython asks a class for it by ``getdoc``, which the datadefs' metaclass answers; the classes' own docstrings stay.
"""

from __future__ import annotations

from inspect import cleandoc
from typing import Any

from workbench.domain.convert import shown


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
