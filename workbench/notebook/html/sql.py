"""SQL as HTML: the compiler's statements with their keywords, texts and comments told apart.

A tokenizer for what our own compiler writes, keywords in capitals; nothing else is meant to pass through it, and what
it does not know is plain text.
"""

from __future__ import annotations

import re
from html import escape

_TOKEN = re.compile(r"""(?P<dim>--[^\n]*)|(?P<text>'(?:[^']|'')*')|(?P<name>"(?:[^"]|"")*")|(?P<word>\b[A-Z]{2,}\b)""")


def sql_html(sql: str) -> str:
    """A statement or script, highlighted; its text is as it was."""
    parts, end = [], 0
    for token in _TOKEN.finditer(sql):
        kind, text = token.lastgroup, escape(token.group())
        parts.append(escape(sql[end:token.start()]))
        parts.append(text if kind == "name" else f'<span class="{kind}">{text}</span>')
        end = token.end()
    return "".join([*parts, escape(sql[end:])])
