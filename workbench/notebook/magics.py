"""Magics: the workbench's verbs as lines of a notebook; each is a parser over one public method of Workbench.

    %load_ext workbench
    %issue bank:deposit/account/<id> amount=10

They use the workbench that ``%workbench name`` chose, otherwise the newest open one among the notebook's names.
"""

from __future__ import annotations

import json
import shlex
import tomllib
from typing import Any

from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, no_var_expand

from workbench.domain.kinds import Kind, ListKind, RecordKind
from workbench.errors import Invalid, Problem, UnknownName, WorkbenchError
from workbench.notebook.completion import Completion
from workbench.notebook.display import register
from workbench.notebook.workbench import Workbench


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext workbench``: the magics and their completion, and objects shown as HTML; a second time they take the
    place of the first."""
    register()
    magics = WorkbenchMagics(shell)
    shell.register_magics(magics)
    others = [matcher for matcher in shell.Completer.custom_matchers
              if getattr(matcher, "matcher_identifier", None) != "workbench"]
    shell.Completer.custom_matchers[:] = [*others, Completion(magics.find, magics.there, shell.user_ns.get).match]


@magics_class       # type: ignore[untyped-decorator,unused-ignore]
class WorkbenchMagics(Magics):      # type: ignore[misc,unused-ignore]
    """The lines ``%workbench``, ``%issue``, ``%items``, ``%plan``, ``%check``, ``%commit``, ``%undo``, ``%redo``."""

    chosen: str | None = None

    def find(self, name: str | None = None) -> Workbench | None:
        """The open workbench of that name, or without a name the one that the magics use; None where there is none."""
        there = self.there()
        name = name or self.chosen
        return there.get(name) if name else next(reversed(there.values()), None)

    def there(self) -> dict[str, Workbench]:
        """The open workbenches under the user's names, the newest name last; ``_`` and ``_3`` are IPython's own."""
        shell: Any = self.shell
        return {name: value for name, value in list(shell.user_ns.items())      # a list: others may give more meanwhile
                if isinstance(value, Workbench) and not name.startswith("_") and not value.closed}

    @property
    def _used(self) -> Workbench:
        found = self.find()
        if found is not None:
            return found
        if self.chosen is not None:
            raise UnknownName("open workbench", self.chosen, self.there(), where="this notebook")
        raise WorkbenchError("there is no open workbench in this notebook; open one first: wb = Workbench(bank)")

    @line_magic     # type: ignore[untyped-decorator,unused-ignore]
    def workbench(self, line: str) -> Workbench:
        """``%workbench wb``: the one that the magics use from now on; without a name, the one they use now."""
        name = line.strip()
        if name and name not in self.there():
            raise UnknownName("open workbench", name, self.there(), where="this notebook")
        self.chosen = name or self.chosen
        return self._used

    @no_var_expand      # type: ignore[untyped-decorator,unused-ignore]
    @line_cell_magic        # type: ignore[untyped-decorator,unused-ignore]
    def issue(self, line: str, cell: str | None = None) -> Any:
        """``%issue bank:deposit/account/<id> amount=10``, or ``%%issue <address>`` with the fields beneath, in TOML or
        as a JSON object. In the line a list or an object is JSON in quotes: ``authors='["Ada", "Eve"]'``.

        All is taken as it stands: no ``{name}`` and no ``$name`` gets a value of the notebook, as IPython does it."""
        __tracebackhide__ = True
        address, fields = parted(line)
        if cell is not None:
            beneath = body(cell)
            twice = [Problem(name, beneath[name], "stands in the line and beneath it; say it once")
                     for name in beneath if name in fields]
            if twice:
                raise Invalid("%%issue", twice)
            fields |= beneath
        wb = self._used
        return wb.issue(address, data=_read(fields, address, wb))

    @line_magic     # type: ignore[untyped-decorator,unused-ignore]
    def items(self, line: str) -> Any:
        """``%items account``: the cached items of a resource; ``%items``: how many there are of each."""
        return self._used.items(line.strip() or None)

    @line_magic     # type: ignore[untyped-decorator,unused-ignore]
    def plan(self, line: str) -> Any:
        """``%plan``: what a commit would write."""
        nothing("%plan", line)
        return self._used.plan()

    @line_magic     # type: ignore[untyped-decorator,unused-ignore]
    def check(self, line: str) -> Any:
        """``%check``: tries the plan on the database and takes it back."""
        nothing("%check", line)
        return self._used.plan().check()

    @line_magic     # type: ignore[untyped-decorator,unused-ignore]
    def commit(self, line: str) -> Any:
        """``%commit``: writes all that is pending."""
        nothing("%commit", line)
        return self._used.commit()

    @line_magic     # type: ignore[untyped-decorator,unused-ignore]
    def undo(self, line: str) -> Any:
        """``%undo 2``: takes the last steps back, one without a number."""
        return self._used.undo(count("%undo", line))

    @line_magic     # type: ignore[untyped-decorator,unused-ignore]
    def redo(self, line: str) -> Any:
        """``%redo 2``: takes undone steps up again, one without a number."""
        return self._used.redo(count("%redo", line))


def parted(line: str) -> tuple[str, dict[str, Any]]:
    """The address and the fields in ``bank:deposit/account/<id> amount=10 note='two words'``; raises Invalid."""
    try:
        address, *words = shlex.split(line) or [""]
    except ValueError as error:
        raise Invalid("%issue", [Problem(None, line, f"a quote is opened and not closed ({error})")]) from error
    faults = [] if address else [
        Problem(None, line, "names no command; as in %issue bank:deposit/account/<id> amount=10")]
    fields: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.isidentifier():
            faults.append(Problem(None, word, f"{word!r} is no field; write name=value, with quotes around spaces"))
        elif name in fields:
            faults.append(Problem(name, value, "stands there twice; say it once"))
        fields[name] = value
    if faults:
        raise Invalid("%issue", faults)
    return address, fields


def _read(fields: dict[str, Any], address: str, wb: Workbench) -> dict[str, Any]:
    """The fields of a line, those read as JSON that hold a list, an object or a record, as in ``authors='["Ada"]'``.

    Raises Invalid for one of them that is not JSON, and for ``on=``, which is the end of the address."""
    registry = wb.session.registry
    registry.refresh()
    try:
        _, command = registry.command_named(address.partition("/")[0])
    except UnknownName:     # which issue tells
        return fields
    declared = command.cls._fields
    if "on" in fields and "on" not in declared and "/" not in address:
        where = f"{address}/{fields['on']}"
        raise Invalid("%issue", [Problem("on", fields["on"], (
            f"what it is on is the end of the address: %issue {where}"))])
    return {name: _value(name, text, declared[name].kind.bare) if name in declared else text
            for name, text in fields.items()}


def _value(name: str, text: Any, kind: Kind) -> Any:
    nests = isinstance(kind, ListKind | RecordKind) or kind.annotation is dict
    if not nests or not isinstance(text, str) or not text.lstrip().startswith(("[", "{")):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        example = '["a", "b"]' if isinstance(kind, ListKind) else '{"a": "b"}'
        if isinstance(kind, RecordKind):
            example = f'{{"{next(iter(kind.annotation._public), "a")}": "…"}}'
        raise Invalid("%issue", [Problem(name, text, (
            f"{text!r} is not JSON: {error}; write {name}='{example}', or use %%issue"))]) from error


def body(text: str) -> dict[str, Any]:
    """The fields in a cell's body: a JSON object where it begins with a brace or bracket, else TOML; raises Invalid."""
    form = "JSON" if text.lstrip().startswith(("{", "[")) else "TOML"
    try:
        fields = json.loads(text) if form == "JSON" else tomllib.loads(text)
    except ValueError as error:
        raise Invalid("%%issue", [Problem(None, text, (
            f'the body is not {form}: {error}; write amount = "10" or {{"amount": "10"}}'))]) from error
    if not isinstance(fields, dict):
        raise Invalid("%%issue", [Problem(None, fields, 'the body is a list; write an object: {"amount": "10"}')])
    return fields


def count(magic: str, line: str) -> int:
    """The number after a magic, 1 where there is none; raises Invalid."""
    text = line.strip() or "1"
    if not text.isdecimal():
        raise Invalid(magic, [Problem(None, text, f"{text!r} is no number of steps; as in {magic} 2")])
    return int(text)


def nothing(magic: str, line: str) -> None:
    """Raises Invalid for words after a magic that takes none, rather than to do more than was meant."""
    if line.strip():
        raise Invalid(magic, [Problem(None, line, f"it takes no words; {magic} alone is about all that is pending")])
