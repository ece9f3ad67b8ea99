"""Text that was written for the user and shows itself as it is read, not as a quoted str: words, Python, SQL."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from workbench.errors import Invalid, Problem
from workbench.notebook.html.box import box
from workbench.notebook.html.sql import sql_html

LINES = 2000    # of a text that are shown; it has them all


class ShownText(str):
    """Words; a str in all else."""

    __slots__ = ()

    def _html(self, text: str) -> str:
        """A part of it as HTML."""
        return escape(text)

    def __repr__(self) -> str:
        return str(self)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        shown = "\n".join(self.split("\n", LINES)[:LINES])
        more = self.rstrip("\n").count("\n", len(shown))
        told = f'<div class="dim">… and {more:,} lines more; print it to see all</div>' if more else ""
        return {"text/plain": str(self), "text/html": box(f"<pre>{self._html(shown)}</pre>", told)}


class ShownSource(ShownText):
    """A source, to be saved."""

    __slots__ = ()

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Writes it to a file; returns the path. Raises Invalid where there is one, unless ``overwrite``."""
        path = Path(path)
        if path.exists() and not overwrite:
            raise Invalid("save", [Problem("path", path, (
                f"{path} is there already; give another name, or overwrite=True"))])
        path.write_text(self, encoding="utf-8")
        return path


class ShownSql(ShownSource):
    """A script for psql, highlighted where it is shown."""

    __slots__ = ()

    def _html(self, text: str) -> str:
        return sql_html(text)
