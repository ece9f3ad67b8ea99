"""Errors as HTML: a refusal or an error in a short box, its traceback folded.

The box says what was refused, each field with the value that was given and what would do, and then the facts or the
further lines of the error. A form and a panel show it under their button. It never stands in for raising: an error that
leaves a cell is IPython's ``error`` output as ever, so that tests and ``except`` see it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from traceback import format_exception

from workbench.errors import Conflict, Invalid, Problem, Rejected, WorkbenchError
from workbench.notebook.html.box import box, value_html, values_html
from workbench.notebook.html.conflict import conflict_html
from workbench.postgres.dsn import masked
from workbench.wording import visible_lines

_DSN = re.compile(r"(?<![\w+.-])[\w+.-]++://\S+")      # a line of the traceback can be the one that names the database


def error_html(error: BaseException) -> str:
    """What went wrong, what was given and the way out; of an error that is not ours the class as well."""
    ours = isinstance(error, WorkbenchError)
    head, *lines = (_words(error) or type(error).__name__).splitlines()
    kind = "" if isinstance(error, Rejected) else f"<b>{escape(type(error).__name__)}</b> "
    parts = [f'<div role="alert"><span class="delete">✗</span> {kind}{escape(head)}</div>']
    if isinstance(error, Invalid):
        parts.append(_problems(error.problems))
    elif isinstance(error, Conflict):
        parts.append(conflict_html(error.items, branch=error.branch, ways=error.ways))
    else:
        parts += [f'<div class="in">{escape(line)}</div>' for line in lines]
    if isinstance(error, Rejected) and error.facts:
        parts.append(f'<div class="in dim">{values_html(error.facts)}</div>')
    parts += [f'<div class="in">{escape(_hidden(note))}</div>' for note in getattr(error, "__notes__", ())]
    if error.__traceback__ is not None:
        whole = _hidden("".join(format_exception(error)))
        opened = "" if ours else " open"        # a fault in a handler is mended by its author, who needs the line
        parts.append(f'<details{opened}><summary class="dim">traceback</summary><pre>{escape(whole)}</pre></details>')
    return box(*parts)


def _problems(problems: Iterable[Problem]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(field or "as a whole")}</th><td>{value_html(value)}</td>'
        f'<td class="told">{escape(visible_lines(reason))}</td></tr>' for field, value, reason in problems)
    return (f'<table class="in"><thead><tr class="dim"><th scope="col">field</th><th scope="col">given</th>'
            f'<th scope="col">why not</th></tr></thead><tbody>{rows}</tbody></table>')


def _words(error: BaseException) -> str:
    try:
        return _hidden(str(error))
    except Exception:       # a class of somebody else whose __str__ fails
        return ""


def _hidden(text: str) -> str:
    """A text without the passwords of the DSNs in it, in which all else can be seen."""
    return visible_lines(_DSN.sub(lambda dsn: masked(dsn[0]), text))
