"""ShownSource: Python that was written for the user, as text that shows itself as it is read."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from workbench.errors import Invalid, Problem
from workbench.notebook.html.box import box


class ShownSource(str):
    """A source; a str in all else."""

    __slots__ = ()

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Writes it to a file; returns the path. Raises Invalid where there is one, unless ``overwrite``."""
        path = Path(path)
        if path.exists() and not overwrite:
            raise Invalid("save", [Problem("path", path, (
                f"{path} is there already; give another name, or overwrite=True"))])
        path.write_text(self, encoding="utf-8")
        return path

    def __repr__(self) -> str:
        return str(self)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": box(f"<pre>{escape(self)}</pre>")}
