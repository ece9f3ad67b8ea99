"""Completion: what the Tab key offers in the workbench's magics and inside ``wb.issue("…`` and its kin.

``Completion`` is a matcher of IPython's completer: it reads the cell up to the cursor, finds the workbench that is
meant, and answers from the registry and the cache alone; the database is never asked. ``notebook.offers``
knows which addresses, fields and values there are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from shlex import quote
from typing import Any, TypeGuard

from IPython.core.completer import SimpleCompletion, context_matcher

from workbench.domain.datadef import Datadef
from workbench.errors import WorkbenchError
from workbench.notebook.offers import Offer, addresses, lines, names, resources, targets, values
from workbench.notebook.workbench import Workbench

# A cell may hold one word of a megabyte: each run of letters or blanks is taken once, from its beginning and whole.
_MAGIC = re.compile(r"^\s*+(?:[\w, ]++=\s*)?%{1,2}(\w+)\s+(.*)$")
_LINES = ("switch", "merge", "pick", "drop", "compare", "restore")      # verbs that take a branch or checkpoint by name
_STRING = re.compile(
    rf"""(?<!\w)(\w++)(?:\.aio)?\.(issue|form|items|find|refresh|fetch|{'|'.join(_LINES)})\(\s*(["'])([^"'\n]*)$""")
_FIELDS = re.compile(
    r"""(?<!\w)(\w++)(?:\.aio)?\.(?:issue|form)\(\s*(["'])([^"'\n]*)\2\s*,(?:.*,)?\s*([^,]*)$""", re.DOTALL)
_JSON_NAME = re.compile(r'[{,]\s*"(\w*)$')
_JSON_VALUE = re.compile(r'"(\w+)"\s*:\s*([^,{}]*)$')

_PARTING = " \"'\\?"      # what ends a word of a magic's line, or makes of the line a question
_RUN = "{}$"                # what IPython runs in such a line, in quotes too

Find = Callable[[str | None], Workbench | None]     # the workbench of a name, or the one the magics use
Offered = tuple[str, Iterable[Offer]]       # the text before the cursor that is completed, and what may stand there


class Completion:
    """Offers what may come next; ``find`` gives the workbench that is meant, ``there`` the names of the open ones, and
    ``named`` what a name of the notebook stands for."""

    def __init__(self, find: Find, there: Callable[[], Iterable[str]], named: Callable[[str], object]) -> None:
        self._find, self._there, self._named = find, there, named

    @context_matcher(identifier="workbench", priority=200)    # type: ignore[untyped-decorator,unused-ignore]
    def match(self, context: Any) -> dict[str, Any]:
        """What fits at the cursor, and the text that it replaces; where nothing fits, IPython's matchers are asked."""
        line: str = context.text_until_cursor
        above = context.full_text.split("\n")[:context.cursor_line]
        try:
            fragment, offered = self._offered(line, "\n".join([*above, line]))
        except WorkbenchError:      # a name that is not there yet: there is nothing to offer for it
            fragment, offered = "", []
        fitting = [SimpleCompletion(text=one.text, type=one.kind) for one in offered if one.text.startswith(fragment)]
        return {"completions": fitting, "matched_fragment": fragment, "suppress": bool(fitting)}

    def _offered(self, line: str, text: str) -> Offered:
        """What is offered after a line up to the cursor, in a cell of that text."""
        if (magic := _MAGIC.match(line)) and line == text:
            return self._in_magic(*magic.groups())
        if string := _STRING.search(line):
            name, verb, mark, typed = string.groups()
            wb = self._find(name)
            return (typed, _without(mark + "\\", self._in_string(verb, typed, wb))) if wb else ("", [])
        if (built := _call(text)) and _is_record(cls := self._named(built[0])):
            return built[1], [Offer(f"{name}=", "field") for name in cls._public]
        if call := _FIELDS.search(text):
            return _field(wb, call[3], call[4], repr) if (wb := self._find(call[1])) else ("", [])
        head = re.match(r"\s*%%issue\s+(\S+)[^\n]*\n(.*)$", text, re.DOTALL)
        wb = self._find(None) if head else None
        return _in_body(wb, head[1], head[2], line) if head and wb else ("", [])

    def _in_magic(self, magic: str, rest: str) -> Offered:
        if magic == "workbench":
            return rest, [Offer(name, "workbench") for name in self._there()]
        wb = self._find(None)
        if wb is None or magic not in ("issue", "items"):
            return "", []
        if magic == "items":
            return rest, resources(wb.session.registry)
        *before, fragment = re.split(r"\s+", rest)
        if not before:
            return fragment, _without(_PARTING + _RUN, addresses(wb, fragment))
        fragment, offered = _field(wb, before[0], fragment, quote)
        return fragment, _without(_RUN, offered)

    @staticmethod
    def _in_string(verb: str, typed: str, wb: Workbench) -> Iterable[Offer]:
        if verb in ("issue", "form"):
            return addresses(wb, typed)
        if verb in _LINES:
            return lines(wb, branches=verb != "restore", checkpoints=verb in ("restore", "compare"))
        return targets(wb, typed) if verb == "fetch" else resources(wb.session.registry)


def _without(signs: str, offered: Iterable[Offer]) -> list[Offer]:
    """The offers without those in which a sign would be more than a letter: what an item is called in the database
    would be code in the cell, or another field of the command."""
    return [one for one in offered if one.text.isprintable() and not set(signs) & set(one.text)]


def _call(text: str) -> tuple[str, str] | None:
    """The name of what is being called at the end of a text, and the name of an argument that is begun there."""
    depth, place = 0, len(text) - 1
    while place >= 0 and (depth or text[place] != "("):
        depth += (text[place] in ")]}") - (text[place] in "([{")
        place -= 1
    name, begun = re.search(r"(?<!\w)(\w++)$", text[:max(place, 0)]), re.search(r"[(,]\s*(\w*)$", text)
    return (name[1], begun[1]) if name and begun else None


def _is_record(it: object) -> TypeGuard[type[Datadef]]:
    return isinstance(it, type) and issubclass(it, Datadef)


def _field(wb: Workbench, address: str, typed: str, written: Callable[[str], str]) -> Offered:
    """The names of fields, or behind ``name=`` the values that are known of one, as they are ``written``."""
    name, equals, fragment = typed.partition("=")
    if equals:
        return fragment, [_written(one, written) for one in values(wb, address, name.strip(), fragment.strip("'\""))]
    called = names(wb, address) if written is not repr else [*names(wb, address), Offer("on", "on")]
    return typed.strip(), [Offer(f"{one.text}=", one.kind) for one in called]


def _in_body(wb: Workbench, address: str, body: str, line: str) -> Offered:
    """In the cell of ``%%issue``, as JSON or as TOML."""
    if body.lstrip().startswith("{"):
        if value := _JSON_VALUE.search(body):
            offered = values(wb, address, value[1], value[2].strip().strip('"'))
            return value[2], [_written(one, _toml) for one in offered]
        name = _JSON_NAME.search(body)
        return (name[1], [Offer(f'{one.text}": ', one.kind) for one in names(wb, address)]) if name else ("", [])
    key, equals, fragment = line.partition("=")
    if not equals:
        return line.strip(), [Offer(f"{one.text} = ", one.kind) for one in names(wb, address)]
    fragment = fragment.lstrip()
    return fragment, [_written(one, _toml) for one in values(wb, address, key.strip(), fragment.strip('"'))]


def _written(offer: Offer, written: Callable[[str], str]) -> Offer:
    """A value as it is written in its place; True and False have no quotes, and in TOML and JSON no capital letter."""
    if offer.text not in ("True", "False"):
        return Offer(written(offer.text), offer.kind)
    return Offer(offer.text.lower() if written is _toml else offer.text, offer.kind)


def _toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
