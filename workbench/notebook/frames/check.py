"""Check frames: what a check and an explanation found, as DataFrames and as outputs of a cell.

``ShownCheck`` is what ``wb.plan().check()`` gives: the Checked of the Postgres room, to look at.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from workbench.notebook.frames.state import frame_of
from workbench.notebook.html.box import box, safely
from workbench.notebook.html.called import Called, field_html, target_html
from workbench.postgres.trial.explain import Explained
from workbench.postgres.trial.violation import Checked, Violation

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 200        # violations in an output; the frame has them all


def check_frame(checked: Checked) -> pd.DataFrame:
    """All violations, one a row.

    Columns: ``kind``, ``constraint`` (its name or ""), ``resource`` and ``identifier`` (None where no one item is to
    blame), ``columns`` (a list), ``values`` (a dict), ``detail`` (the reason in words); and of the mutation that caused
    it: ``step``, ``event``, ``command`` (names of classes), ``cell``. The index counts from 1."""
    rows = []
    for violation in checked.violations:
        target, cause = violation.target, violation.cause
        rows.append((
            violation.kind, violation.constraint, None if target is None else f"{target.domain}:{target.resource}",
            None if target is None else target.identifier, list(violation.columns), dict(violation.values),
            violation.detail, None if cause is None else cause.step,
            None if cause is None or cause.event is None else type(cause.event).__name__,
            None if cause is None else type(cause.command).__name__, None if cause is None else cause.cell))
    return frame_of(rows, {"kind": str, "constraint": str, "resource": str | None, "identifier": object,
                         "columns": object, "values": object, "detail": str, "step": int | None, "event": str | None,
                         "command": str | None, "cell": int | None})


def explain_frame(explained: Iterable[Explained]) -> pd.DataFrame:
    """Postgres' estimates, one statement a row, in the order in which they run.

    Columns: ``operation`` ("Insert", "Update", "Delete"), ``table``, ``items`` (of the plan), ``rows`` (expected),
    ``startup_cost`` and ``total_cost`` (in pages read one after the other), ``runs`` (in chunks), ``nodes`` (the
    server's way to the rows, a list of lines), ``statement`` (SQL). The index counts from 1."""
    rows = [(one.operation, one.table, one.items, one.rows, one.startup_cost, one.total_cost, one.runs,
             list(one.nodes), one.statement) for one in explained]
    return frame_of(rows, {"operation": str, "table": str, "items": int, "rows": int, "startup_cost": float,
                         "total_cost": float, "runs": int, "nodes": object, "statement": str})


class ShownCheck:
    """What a check found, to look at; ``checked`` is the value itself. It is true when nothing is in the way.

    ``called`` tells what items are called."""

    def __init__(self, checked: Checked, called: Called | None = None) -> None:
        self.checked, self._called = checked, called

    @property
    def ok(self) -> bool:
        """Whether the plan could have been committed at that time."""
        return self.checked.ok

    @property
    def violations(self) -> tuple[Violation, ...]:
        """All that was found, in the order of the statements."""
        return self.checked.violations

    @property
    def caveats(self) -> str:
        """What the check cannot promise."""
        return self.checked.caveats

    @property
    def at(self) -> datetime:
        """When it was tried (aware, UTC)."""
        return self.checked.at

    def frame(self) -> pd.DataFrame:
        """The violations as a DataFrame, one a row; see ``check_frame`` for its columns."""
        return check_frame(self.checked)

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        return f"{self.checked!r}\n{self.caveats}"

    def _repr_html_(self) -> str:
        return safely(check_html, self.checked, self._called)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


def check_html(checked: Checked, called: Called | None = None) -> str:
    """A check's outcome in a line, its violations as a table, and folded what it cannot promise."""
    sign, kind = ("✓", "insert") if checked.ok else ("✗", "delete")
    head = escape(repr(checked).splitlines()[0])
    parts = [f'<div><b class="{kind}">{sign}</b> {head} <span class="dim">{checked.at:%H:%M:%S} UTC, '
             f"{checked.duration:.2f} s</span></div>"]
    if checked.violations:
        rows = "".join(_row(violation, called) for violation in checked.violations[:_SHOWN])
        heads = "".join(f'<th scope="col">{head}</th>' for head in ("item", "what is wrong", "values"))
        parts.append(f"<table><tr>{heads}</tr>{rows}</table>")
    if len(checked.violations) > _SHOWN:
        parts.append(f'<div class="dim">… and {len(checked.violations) - _SHOWN} more; .frame() has them all</div>')
    caveats = "<br>".join(escape(line) for line in checked.caveats.splitlines())
    parts.append("<details><summary>What a check cannot promise</summary>"
                 f'<div class="in dim">{caveats}</div></details>')
    return box(*parts)


def _row(violation: Violation, called: Called | None) -> str:
    """What is wrong stands beside the item: where there is little room, the values are what one scrolls to."""
    cause, target = violation.cause, violation.target
    constraint = f' <span class="dim">{escape(violation.constraint)}</span>' if violation.constraint else ""
    values = "".join(f"<div>{escape(str(name))}: {field_html(called, target, str(name), value)}</div>"
                     for name, value in violation.values.items())
    source = ""
    if cause is not None:
        cell = f", cell {cause.cell}" if cause.cell is not None else ""
        event = f" → {type(cause.event).__name__}" if cause.event is not None else ""
        told = escape(f"step {cause.step}: {type(cause.command).__name__}{event}{cell}")
        source = f'<div class="dim">{told}</div>'
    item = "" if target is None else target_html(target, called)
    return (f'<tr><td class="who">{item}</td>'
            f'<td class="told"><div><span class="delete">✗ {escape(violation.kind)}</span>{constraint}</div>'
            f'<div>{escape(violation.detail)}</div>{source}</td><td class="told">{values}</td></tr>')
