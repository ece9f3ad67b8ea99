"""Saved values: the values of a saved plan as those of a live one are shown: choices without quotes, records without
braces.

What takes a class stands in the file as JSON has it; the definitions there spell its type, as in
``Address(street: str, kind: Kind(home, work)) | None``. They are only shown: a file that was changed by hand may have
anything anywhere, and what does not fit its type is shown as it stands.
"""

from __future__ import annotations

import re
from typing import Any

from workbench.notebook.written import Fields, Word
from workbench.state.saved.document import retyped

_WITH_CLASS = re.compile(r"\w+\((.*)\)", re.DOTALL)
_WORDS = re.compile(r"[\w-]+(?: [\w-]+)*")      # nothing that could be taken for another value


def as_live(spelled: str, value: Any) -> Any:
    """A value, as JSON or of its simple type, to be shown as one of the type that ``spelled`` says in words."""
    spelled = spelled.removesuffix(" | None")
    if isinstance(value, list) and spelled.startswith("list[") and spelled.endswith("]"):
        return [as_live(spelled[5:-1], member) for member in value]
    found = _WITH_CLASS.fullmatch(spelled)
    if found and isinstance(value, dict):
        types = dict(part.strip().partition(": ")[::2] for part in _parts(found[1]))
        return Fields({name: as_live(types.get(name, ""), member) for name, member in value.items()})
    if found and isinstance(value, str) and _WORDS.fullmatch(value):
        return Word(value)
    return retyped(spelled, value)


def _parts(text: str) -> list[str]:
    """A text between its commas; those within brackets part nothing."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign in "([") - (sign in ")]")
        if sign == "," and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    return parts
