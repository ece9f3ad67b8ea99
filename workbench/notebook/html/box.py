"""Box: the frame, the colours and the values of all HTML that is shown.

Every text that comes from a domain or the database is escaped. Colours are JupyterLab's own variables, mixed with the
colour of its text (its orange alone is too pale on white), with fixed ones where there is no JupyterLab; every colour
has a sign beside it. What is long is folded with ``<details>``: it opens by mouse, by keyboard, and without a kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from html import escape
from traceback import format_exc
from typing import Any
from uuid import UUID

from workbench.domain.datadef import MISSING
from workbench.domain.resource import Identifier
from workbench.domain.sameness import same
from workbench.notebook.written import repr_of, written
from workbench.wording import parting, visible

# .wb.wb counts more than JupyterLab's own rules for tables in outputs: to the right, every second row grey.
STYLE = """<style>
.wb {--wb-text: var(--jp-content-font-color1, currentColor); color: var(--wb-text); overflow-x: auto; line-height: 1.5;
     font-family: var(--jp-code-font-family, monospace); font-size: var(--jp-code-font-size, 13px)}
.wb.wb table {border-collapse: collapse; margin: .3em 0 .5em; font-size: inherit}
.wb.wb tr:nth-child(n) {background: none; border: 0}
.wb.wb tr:nth-child(n) > * {padding: 1px 1.2em 1px 0; text-align: left; vertical-align: top; border: 0; max-width: none;
     white-space: nowrap; font-size: inherit; line-height: 1.5}
.wb.wb tr > .told {white-space: normal; overflow-wrap: anywhere; min-width: 12em}
.wb.wb tr > .who {white-space: normal; overflow-wrap: anywhere; min-width: 12ch}
.wb.wb tr > .cell {white-space: normal; overflow-wrap: break-word; max-width: 32ch}
.wb .id {display: inline-block; max-width: 8ch; overflow: hidden; vertical-align: bottom; white-space: nowrap;
     user-select: all}
.wb .insert {color: color-mix(in srgb, var(--jp-success-color1, #2e7d32) 75%, var(--wb-text))}
.wb .update {color: color-mix(in srgb, var(--jp-warn-color1, #b26a00) 65%, var(--wb-text))}
.wb .delete {color: color-mix(in srgb, var(--jp-error-color1, #c62828) 75%, var(--wb-text))}
.wb .dim {opacity: .75} .wb b {font-weight: 600} .wb summary {cursor: pointer}
.wb .in {margin-left: 1.4em} .wb.wb pre {margin: .2em 0 .2em 1.4em; padding: 0; white-space: pre-wrap; background: none;
     color: inherit; font-size: inherit; font-family: inherit}
.wb.wb pre {overflow-wrap: anywhere; word-break: normal} .wb.wb pre.words {margin-left: 0}
.wb.wb ul {list-style: none; margin: 0; padding-left: 1.4em} .wb.wb li {margin: 0}
.wb details.long {display: inline-block; vertical-align: top; max-width: 100%}
.wb details.long > pre {margin-left: 0; max-height: 20em; overflow: auto}
.wb .word {color: var(--jp-mirror-editor-keyword-color, inherit); font-weight: 600}
.wb .text {color: var(--jp-mirror-editor-string-color, inherit)}
.wb.wb img, .wb.wb svg {max-width: 100%; height: auto}
</style>"""
NO_FORMULAS = "mathjax_ignore tex2jax_ignore"      # the names that MathJax 3 and 2 have for it
WHOLE = 4000    # characters of a long value; a picture of it is no place for more


def box(*parts: str) -> str:
    """Parts of HTML as one output of a cell, in which JupyterLab's MathJax takes nothing between dollars for a formula.
    """
    return f'{STYLE}<div class="wb {NO_FORMULAS}">{"".join(parts)}</div>'


def scrolled(html: str, name: str) -> str:
    """Tall HTML in a frame that scrolls, by keyboard as well; ``name`` tells a screen reader what is in it."""
    frame = 'style="max-height: 36em; overflow: auto" tabindex="0" role="region"'
    return f'<div {frame} aria-label="{escape(name)}">{html}</div>'


def identifier_html(identifier: Identifier) -> str:
    """An identifier. Of a UUID only the beginning is seen, by style alone: whoever copies it, or has it read, gets all.
    """
    text = escape(visible(str(identifier)))
    return f'<span class="id" title="{text}">{text}</span>' if isinstance(identifier, UUID) else text


def value_html(value: Any, beside: Iterable[Any] = ()) -> str:
    """A value as one would write it. A long one is folded; else the tooltip has the repr, where that says more.

    Of a long one that begins as another ``beside`` it is seen from where they part."""
    if isinstance(value, UUID):
        return identifier_html(value)
    whole, text = repr_of(value), written(value)
    if len(text) > 60:
        start = parting(text, map(written, beside), 59)
        begin = text[start:start + 59]
        more = "…" if len(text) > start + 59 else ""
        summary = f"<summary>{'…' if start else ''}{escape(begin)}{more}</summary>"
        return f'<details class="long">{summary}<pre>{escape(_cut(text))}</pre></details>'
    return escape(text) if text == whole else f'<span title="{escape(_cut(whole))}">{escape(text)}</span>'


def values_html(values: Mapping[str, Any]) -> str:
    """Named values in a line."""
    return ", ".join(f"{escape(str(name))}={value_html(value)}" for name, value in values.items())


def _cut(text: str) -> str:
    return text if len(text) <= WHOLE else f"{text[:WHOLE]}… and {len(text) - WHOLE:,} characters more"


def colour_of(base: Any, side: Any) -> str:
    """The class that colours a value by what a side made of the one at the base; MISSING where there is none."""
    return "dim" if same(base, side) else "delete" if side is MISSING else "insert" if base is MISSING else "update"


def safely(render: Callable[..., str], *values: Any, **named: Any) -> str:
    """What ``render`` gives, or its traceback: IPython swallows the error of a formatter and would show nothing."""
    try:
        return render(*values, **named)
    except Exception:
        return box(f"<pre>{escape(format_exc())}</pre>")
