"""Plan as HTML: a summary line, ``+ ~ -`` with old -> new per column grouped by resource; causes and SQL are folded.

It is made of a Plan, its statements and the last check of it; or of a saved plan, of which there is what ``PlanToShow``
has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any, Protocol

from workbench.domain.resource import Resource, Target
from workbench.domain.sameness import same
from workbench.notebook.html.box import box
from workbench.notebook.html.called import Names, field_html, named_html
from workbench.notebook.html.sql import sql_html
from workbench.notebook.labels import label_in
from workbench.postgres.trial.violation import Checked, Violation
from workbench.postgres.writing.statements import Statement
from workbench.state.planning.change import Change
from workbench.state.saved.change import SavedChange
from workbench.wording import LIMIT, counted, visible

CAUSES = 90     # lines of what led to a change that are folded under it: about thirty mutations
FIRST = 30      # changes of a plan that are seen at once; more of them fold out
PLAIN = 2       # values of a row that say little and are listed with the others; more of them fold out
RANGES = 12     # of steps that are named beside a change
TOLD = 1000     # changes of a plan whose causes are folded under each: finding them takes a look at all, for each


AnyChange = Change | SavedChange


class PlanToShow(Protocol):
    """What is shown of a plan, whether it is a Plan or was saved."""

    @property
    def summary(self) -> str: ...
    @property
    def changes(self) -> Sequence[AnyChange]: ...
    @property
    def warnings(self) -> Sequence[str]: ...
    @property
    def idle(self) -> Sequence[Target]: ...
    @property
    def reads(self) -> Mapping[Target, str | None]: ...
    def __len__(self) -> int: ...


def plan_html(
    plan: PlanToShow, statements: Sequence[str], *, checked: Checked | None = None, ago: float = 0.0,
    why: Callable[[Any], str] | None = None, called: Names | None = None, changes: Sequence[AnyChange] | None = None,
) -> str:
    """A plan to look at: ``checked`` is what the last check of it found, ``ago`` how many seconds before.

    ``why`` tells in words what led to a change; ``called`` what the items are called that others refer to. ``changes``
    are its first ones, where it takes long to have all."""
    blamed: dict[Target | None, list[Violation]] = {}
    for violation in checked.violations if checked is not None else ():
        blamed.setdefault(violation.target, []).append(violation)
    parts = [f"<div><b>Plan: {escape(plan.summary)}</b>{_facts(statements, checked, ago)}</div>"]
    told = why if len(plan) <= TOLD else None
    changes = plan.changes if changes is None else changes
    first, rest = changes[:FIRST], changes[FIRST:LIMIT]
    opened = " open" if any(change.target in blamed for change in rest) else ""
    parts += _table(first, blamed, told, called)
    parts += [f"<details{opened}><summary>{len(rest)} more</summary>{table}</details>"
              for table in _table(rest, blamed, told, called)]
    parts[1:1] = [_violation(violation) for violations in blamed.values() for violation in violations[:LIMIT]]
    if len(plan) > LIMIT:
        parts.append(f'<div class="dim">… and {len(plan) - LIMIT} more; plan.frame() has them all</div>')
    if why is not None and told is None:
        parts.append('<div class="dim">what led to a change: plan.why(item)</div>')
    if not len(plan):
        parts.append('<div class="dim">Nothing to do.</div>')
    parts += [f'<div><span class="update">!</span> {escape(warning)}</div>' for warning in plan.warnings]
    if idle := plan.idle:
        parts.append(f'<div class="dim">{len(idle)} touched, but the values are as they were</div>')
    if reads := plan.reads:
        read = f"{len(reads)} read and not changed; the commit verifies that they did not move"
        parts.append(f'<div class="dim">{read}</div>')
    if statements:
        sql = "\n".join([*statements, "-- with all values, for psql: plan.sql()"])
        parts.append(f"<details><summary>SQL</summary><pre>{sql_html(sql)}</pre></details>")
    return box(*parts)


def _table(
    changes: Iterable[AnyChange], blamed: dict[Target | None, list[Violation]], why: Callable[[Any], str] | None,
    called: Names | None,
) -> list[str]:
    """Changes by resource in one table, so that what is told of each resource begins at one place; none of none. What
    of ``blamed`` is told there is taken out."""
    groups: dict[str, list[AnyChange]] = {}
    for change in changes:
        groups.setdefault(f"{change.target.domain}:{change.target.resource}", []).append(change)
    rows = []
    for resource, some in groups.items():
        rows.append(f'<tr><th colspan=2 scope="colgroup">{escape(visible(resource))}</th></tr>')
        rows += [change_row(change, blamed.pop(change.target, []), why, called) for change in some]
    return [f"<table>{''.join(rows)}</table>"] if rows else []


def _facts(statements: Sequence[str], checked: Checked | None, ago: float) -> str:
    """``; 2 statements; checked 12 s ago: 1 violation``."""
    count = len(statements)
    facts = f'<span class="dim">; {counted(count, "statement")}</span>' if count else ""
    if checked is not None:
        found = len(checked.violations)
        sign, kind = ("✓", "insert") if checked.ok else ("✗", "delete")
        facts += (f'<span class="dim">; checked {_span(ago)} ago:</span> <span class="{kind}">{sign} {found or "no"} '
                  f'violation{"" if found == 1 else "s"}</span>')
    return facts


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def change_row(
    change: AnyChange, violations: Sequence[Violation] = (), why: Callable[[Any], str] | None = None,
    called: Names | None = None,
) -> str:
    """A change as a row of a table, not yet in a ``box``."""
    old, new, target = change.old, change.new, change.target
    item = change.before if change.after is None else change.after

    def value_html(name: str, value: Any, *beside: Any) -> str:
        return field_html(called, target, name, value, beside)

    if change.kind == "update":
        told = [_column(name, f'<span class="dim">{value_html(name, old[name], value)} →</span> '
                        f"{value_html(name, value, old[name])}")
                for name, value in new.items()]
    else:
        values = new or old
        plain = {name for name, value in values.items() if _is_plain(item, name, value)}
        plain = plain if len(plain) > PLAIN else set()
        told = [_column(name, value_html(name, value)) for name, value in values.items() if name not in plain]
        if plain:
            rest = "".join(_column(name, value_html(name, values[name])) for name in values if name in plain)
            told.append('<details><summary class="dim">'
                        f"{len(plain)} more are empty or as they are at first</summary>{rest}</details>")
    told += map(_violation, violations)
    steps = escape(f"step{'' if len(change.steps) == 1 else 's'} {_ranges(change.steps)}")
    if why is not None:
        steps = f"<details><summary>{steps}</summary><pre>{escape(_behind_the_first(why(change)))}</pre></details>"
    label = called.label_from(target, item) if called is not None else (
        label_in(item) if isinstance(item, Resource) else None)     # of a saved plan there are mappings
    return (f'<tr><td class="who {change.kind}">{change.sign} {named_html(target.identifier, label)}</td>'
            f'<td class="told">{"".join(told)}<div class="dim">{steps}</div></td></tr>')


def _is_plain(item: Any, name: str, value: Any) -> bool:
    """Whether a value says little: it is empty, or what the field of an item has at first."""
    if value is None or (isinstance(value, str | Sequence | Mapping) and not value):
        return True
    field = item._fields.get(name) if isinstance(item, Resource) else None      # of a saved plan there are mappings
    return field is not None and field.has_initial and not field.generates and same(value, field.initial)


def _column(name: str, value: str) -> str:
    return f"<div>{escape(name)}: {value}</div>"


def _violation(violation: Violation) -> str:
    name = f' "{violation.constraint}"' if violation.constraint else ""
    return f'<div class="delete">✗ {escape(f"{violation.kind}{name}: {violation.detail}")}</div>'


def _behind_the_first(why: str) -> str:
    """The causes alone: the first line is the change itself, which stands beside them."""
    lines = [line.removeprefix("  ") for line in why.splitlines()[1:]]
    more = len(lines) - CAUSES
    return "\n".join([*lines[:CAUSES], f"… and {more:,} lines more: plan.why(item)"] if more > 0 else lines) or why


def _ranges(numbers: Sequence[int]) -> str:
    """``1, 3–7, 9``: ascending numbers, three or more in a row as their ends; of very many ranges the first and last
    ones, and how many numbers there are."""
    rows: list[list[int]] = []
    for number in numbers:
        if rows and rows[-1][-1] == number - 1:
            rows[-1].append(number)
        else:
            rows.append([number])
    told = [f"{row[0]}–{row[-1]}" if len(row) > 2 else ", ".join(map(str, row)) for row in rows]
    if len(told) > RANGES:
        return f"{', '.join(told[:RANGES - 2])}, … {told[-1]} ({len(numbers):,} in all)"
    return ", ".join(told)


def outline(statements: Iterable[Statement]) -> list[str]:
    """Compiled statements as they are shown: with the parameters ``$1`` … in place of values, which may be many."""
    return [f"-- {statement.kind} {len(statement.changes)} of {statement.table.name}\n{statement.sql};"
            for statement in statements]

