"""ShownDiagram: a Diagram as ``wb.map()`` and ``wb.diagram(step)`` give it, to look at and to save."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.errors import Invalid, Problem
from workbench.notebook.pictures.diagram import Diagram
from workbench.notebook.pictures.mermaid import mermaid
from workbench.notebook.pictures.svg import svg


class ShownDiagram:
    """A picture of ``diagram``: 300 of its nodes at most, with a remark that says how many are left out."""

    def __init__(self, diagram: Diagram) -> None:
        self.diagram = diagram

    def mermaid(self) -> str:
        """The diagram as Mermaid text, for a page that draws it."""
        return mermaid(self.diagram.capped())

    def svg(self) -> str:
        """The diagram as an ``<svg>`` element, which is XML by itself and may stand in HTML."""
        return svg(self.diagram.capped())

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Writes it to a file whose name ends in .svg or .mmd; returns the path.

        Raises Invalid for another ending, and where there is a file, unless ``overwrite``."""
        path = Path(path)
        ways = {".svg": self.svg, ".mmd": self.mermaid}
        problems = []
        if path.suffix.lower() not in ways:
            problems.append(Problem("path", str(path), (
                f'{path.name} says no kind of picture; end it in .svg, or in .mmd for Mermaid, as in "map.svg"')))
        if path.exists() and not overwrite:
            problems.append(Problem("path", str(path), (
                f"{path} is there already; give another name, or overwrite=True")))
        if problems:
            raise Invalid("save", problems)
        path.write_text(ways[path.suffix.lower()](), encoding="utf-8")
        return path

    def __eq__(self, other: object) -> bool:
        return self.diagram == other.diagram if isinstance(other, ShownDiagram) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.diagram)

    def __repr__(self) -> str:
        return repr(self.diagram.capped())

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """Mermaid where it is drawn, else the SVG; HTML or Markdown beside them would win over both."""
        return {"text/vnd.mermaid": self.mermaid(), "image/svg+xml": self.svg(), "text/plain": repr(self)}
