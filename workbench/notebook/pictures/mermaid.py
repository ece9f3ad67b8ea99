"""Mermaid: a Diagram as text that JupyterLab, Notebook 7 and many sites draw, in the theme of the moment.

Labels are written in quotes, and all but letters, digits and a few harmless signs as Mermaid's own ``#60;``: no label
can end its quotes, be taken for markup or for a list, or begin a directive.
"""

from __future__ import annotations

from itertools import pairwise

from workbench.notebook.pictures.diagram import Diagram, Kind, Mark
from workbench.notebook.pictures.layout import layout
from workbench.notebook.pictures.paint import FILLS, LINE, MARKED

_SHAPES: dict[Kind, tuple[str, str]] = {
    "command": ("[", "]"), "event": ("([", "])"), "policy": ("{{", "}}"), "resource": ("[[", "]]"),
    "response": ("[/", "/]"), "branch": (">", "]")}


def mermaid(diagram: Diagram) -> str:
    """A flowchart, from left to right or, when it is deep, down, with a legend: the kinds of its nodes, if there are
    several, and its remarks, which JupyterLab tells to readers of the screen alone."""
    names = {node.key: f"n{number}" for number, node in enumerate(diagram.nodes, 1)}
    direction = "TD" if layout(diagram).down else "LR"
    lines = [f"flowchart {direction}", f"  accTitle: {_plain(diagram.title)}"]
    if diagram.remarks:
        lines.append(f"  accDescr: {_plain('. '.join(diagram.remarks))}")
    for node in diagram.nodes:
        left, right = _SHAPES[node.kind]
        lines.append(f'  {names[node.key]}{left}"{_label(node.told)}"{right}:::{node.mark or node.kind}')
    for edge in diagram.edges:
        arrow = "-.->" if edge.dashed else "-->"
        told = f'|"{_label(edge.label)}"|' if edge.label else ""
        lines.append(f"  {names[edge.source]} {arrow}{told} {names[edge.target]}")
    lines += _legend(diagram)
    used: list[Kind | Mark] = sorted({node.mark or node.kind for node in diagram.nodes})
    lines += [f"  classDef {name} {_style(name)}" for name in used]
    if diagram.edges:       # JupyterLab's dark theme would leave them as good as black
        lines.append(f"  linkStyle default stroke:{LINE}")
    return "\n".join([*lines, ""])


def _legend(diagram: Diagram) -> list[str]:
    """A row of outlines, one of each kind, with the remarks at its end: one a rank, so that it takes little room."""
    kinds = [kind for kind in _SHAPES if any(node.kind == kind for node in diagram.nodes)]
    row = [f'k{number}{_SHAPES[kind][0]}"{kind}"{_SHAPES[kind][1]}:::legend'
           for number, kind in enumerate(kinds, 1) if len(kinds) > 1]
    styles = [f"  style k{number} stroke:{FILLS[kind]}" for number, kind in enumerate(kinds, 1) if row]
    if diagram.remarks:
        row.append(f'k0["{_label(". ".join(diagram.remarks))}"]:::remark')
    links = [f"  {one[:2]} ~~~ {other[:2]}" for one, other in pairwise(row)]
    looks = [f"  classDef legend fill:none,stroke-width:3px,color:{LINE}",
             f"  classDef remark fill:none,stroke:none,color:{LINE}"] if row else []
    return [*(f"  {node}" for node in row), *links, *styles, *looks]


def _style(name: Kind | Mark) -> str:
    fill = FILLS[name]
    return f"fill:{fill},stroke:{LINE if name in MARKED else fill},color:#fff{',stroke-width:3px' * (name in MARKED)}"


def _label(text: str) -> str:
    """A label for the inside of quotes; an empty one would be an error."""
    written = "".join(
        sign if sign.isalnum() or sign in " ,/=" or (sign == "-" and place > 0) else f"#{ord(sign)};"
        for place, sign in enumerate(" ".join(text.split())))
    return written or " "


def _plain(text: str) -> str:
    """A title or description: it ends with its line and knows no ``#60;``, so what is not plain is left out."""
    written = "".join(sign if sign.isalnum() or sign in ",.:'?✗+~×-/" else "," if sign == ";" else " " for sign in text)
    return " ".join(written.split()) or "-"
