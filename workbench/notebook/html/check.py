"""Check as HTML: whether a plan could be committed, and each violation with the item and the mutation behind it."""

from __future__ import annotations

from html import escape

from workbench.notebook.html.box import box
from workbench.notebook.html.called import Names, field_html, target_html
from workbench.postgres.trial.violation import Checked, Violation
from workbench.wording import LIMIT


def check_html(checked: Checked, called: Names | None = None) -> str:
    """A check's outcome in a line, its violations as a table, and folded what it cannot promise."""
    sign, kind = ("✓", "insert") if checked.ok else ("✗", "delete")
    head = escape(checked.headline)
    parts = [f'<div><b class="{kind}">{sign}</b> {head} <span class="dim">{checked.at:%H:%M:%S} UTC, '
             f"{checked.duration:.2f} s</span></div>"]
    if checked.violations:
        rows = "".join(_row(violation, called) for violation in checked.violations[:LIMIT])
        heads = "".join(f'<th scope="col">{head}</th>' for head in ("item", "what is wrong", "values"))
        parts.append(f"<table><tr>{heads}</tr>{rows}</table>")
    if len(checked.violations) > LIMIT:
        parts.append(f'<div class="dim">… and {len(checked.violations) - LIMIT} more; .frame() has them all</div>')
    parts += [f'<div class="told"><span class="update">!</span> {escape(line)}</div>' for line in checked.besides]
    caveats = "<br>".join(escape(line) for line in checked.caveats.splitlines())
    parts.append("<details><summary>What a check cannot promise</summary>"
                 f'<div class="in dim">{caveats}</div></details>')
    return box(*parts)


def _row(violation: Violation, called: Names | None) -> str:
    """A row; what is wrong stands beside the item: where there is little room, one scrolls to the values."""
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
