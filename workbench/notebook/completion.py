"""Completion: what the Tab key offers in the workbench's magics and inside ``wb.issue("…``.

``Completion`` is a matcher of IPython's completer: it reads the line up to the cursor, finds the workbench that is
meant, and answers from the registry and the cache alone; the database is never asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from shlex import quote
from typing import Any

from IPython.core.completer import SimpleCompletion, context_matcher

from workbench.domain.datadef import Field
from workbench.domain.kinds import EnumKind, OptionalKind
from workbench.domain.registry import Registry
from workbench.errors import WorkbenchError
from workbench.notebook.workbench import Workbench

IDENTIFIERS = 50        # at most, of one resource
_MAGIC = re.compile(r"^\s*%{1,2}(\w+)\s+(.*)$")
_ADDRESS = re.compile(r"""(\w+)(?:\.aio)?\.issue\(\s*(["'])([^"']*)$""")
_FIELDS = re.compile(r"""(\w+)(?:\.aio)?\.issue\(\s*(["'])([^"']*)\2\s*,(?:.*,)?\s*([^,]*)$""")

Find = Callable[[str | None], Workbench | None]     # the workbench of a name, or the one the magics use


class Completion:
    """Offers addresses, resources, identifiers, fields and their values; ``find`` gives the workbench that is meant."""

    def __init__(self, find: Find) -> None:
        self._find = find

    @context_matcher(identifier="workbench", priority=200)    # type: ignore[untyped-decorator,unused-ignore]
    def match(self, context: Any) -> dict[str, Any]:
        """What fits before the cursor, and the text that it takes the place of; others are asked where nothing does."""
        try:
            fragment, offered = self._offered(context.text_until_cursor, context.full_text)
        except WorkbenchError:      # a name that is not there yet: there is nothing to offer for it
            fragment, offered = "", []
        fitting = [text for text in offered if text.startswith(fragment)]
        return {"completions": [SimpleCompletion(text=text, type="workbench") for text in fitting],
                "matched_fragment": fragment, "suppress": bool(fitting)}

    def _offered(self, line: str, whole: str) -> tuple[str, Iterable[str]]:
        if magic := _MAGIC.match(line):
            name, rest = magic.groups()
            if name == "issue" and (wb := self._find(None)):
                *before, fragment = re.split(r"\s+", rest)
                return (_value(wb, before[0], fragment, quote) if before
                        else (fragment, _addresses(wb, fragment)))
            if name == "items" and (wb := self._find(None)):
                return rest, _resources(wb.session.registry)
        elif string := _ADDRESS.search(line):
            if wb := self._find(string[1]):
                return string[3], _addresses(wb, string[3])
        elif call := _FIELDS.search(line):
            if wb := self._find(call[1]):
                return _value(wb, call[3], call[4], repr)
        elif (head := re.match(r"\s*%%issue\s+(\S+)", whole)) and (wb := self._find(None)):
            name, equals, value = line.partition("=")
            fragment, offered = _value(wb, head[1], f"{name.strip()}={value.lstrip()}" if equals else name, _toml)
            return fragment, [text.replace("=", " = ") for text in offered] if not equals else offered
        return "", []


def _toml(text: str) -> str:
    return text.lower() if text in ("True", "False") else f'"{text}"'


def _resources(registry: Registry, home: str | None = None) -> list[str]:
    """The resources as they are typed: with their domain where there are several and it is not ``home``."""
    alone = len(registry.domains) == 1
    return [key if alone or domain == home else f"{domain}:{key}" for domain, key in registry.resources]


def _identifiers(wb: Workbench, resource: Any) -> list[str]:
    return [str(target.identifier) for state, target, _ in wb.session.manager.items(resource)
            if state != "deleted"][:IDENTIFIERS]


def _addresses(wb: Workbench, typed: str) -> list[str]:
    """The next part of an address: ``bank:deposit``, ``bank:deposit/account/``, ``bank:deposit/account/<id>``."""
    registry = wb.session.registry
    registry.refresh()
    head, slash, rest = typed.partition("/")
    if not slash:
        whole = [(domain.key, key) for domain in registry.domains.values() for key in domain.commands]
        keys = [key for _, key in whole]
        bare = [key for key in keys if head and keys.count(key) == 1]
        return [f"{domain}:{key}" for domain, key in whole] + bare
    home, command = _command(registry, head)
    resource, slash, _ = rest.partition("/")
    if slash:
        return [f"{head}/{resource}/{identifier}"
                for identifier in _identifiers(wb, ":".join(registry.kindred(resource, home=home)))]
    if command.on is not None:
        domain, key = registry.kindred(command.on)
        return [f"{head}/{key if domain == home else f'{domain}:{key}'}/"]
    return [f"{head}/{resource}/" for resource in _resources(registry, home)]


def _command(registry: Registry, head: str) -> tuple[str, Any]:
    """The domain's key and the definition of the command that an address begins with."""
    domain, colon, key = head.partition("/")[0].rpartition(":")
    for known in registry.domains.values():
        if (not colon or known.key == domain) and key in known.commands:
            return known.key, known.commands[key]
    raise WorkbenchError(f'there is no command "{head}"')


def _value(wb: Workbench, address: str, typed: str, written: Callable[[str], str]) -> tuple[str, list[str]]:
    """The names of fields, or behind ``name=`` the values that are known of one, as they are ``written``."""
    wb.session.registry.refresh()
    _, definition = _command(wb.session.registry, address)
    fields = {name: field for name, field in definition.cls._fields.items() if not name.startswith("_")}
    name, equals, fragment = typed.partition("=")
    if not equals:
        return typed.strip(), [f"{name}=" for name in fields]
    values = _values(wb, fields[name.strip()]) if name.strip() in fields else []
    return fragment, [text if text in ("True", "False") and written is repr else written(text) for text in values]


def _values(wb: Workbench, field: Field) -> list[str]:
    kind = field.kind.inner if isinstance(field.kind, OptionalKind) else field.kind
    if field.choices is not None:
        return [str(kind.dump(choice)) for choice in field.choices if choice is not None]
    if isinstance(kind, EnumKind):
        return list(kind.members)
    if kind.annotation is bool:
        return ["True", "False"]
    if isinstance(field.references, type):
        return _identifiers(wb, field.references)
    return []
