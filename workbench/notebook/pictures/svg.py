"""SVG: a Diagram as a picture of our own, which shows where Mermaid does not, offline and in a saved file.

It is XML by itself and may stand in HTML: no ``id``, no style sheet and no script that could meet another's. Hovering
tells a node's note; a reader of the screen is told the title and, as description, the whole diagram in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from re import compile as pattern

from workbench.notebook.pictures.diagram import Diagram, Edge, Node
from workbench.notebook.pictures.layout import layout
from workbench.notebook.pictures.paint import FILLS, LINE, TEXT

_WIDE, _HIGH = 196, 40          # of a node
_RIGHT, _DOWN = 284, 56         # from one rank, and from one row, to the next
_MARGIN, _TEXT_LINE = 16, 18
_LETTERS = 23                   # that fit on a node
_FONT = 'font-family="ui-monospace, monospace" font-size="13"'
_NO_XML = pattern("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")

_Point = tuple[float, float]


def svg(diagram: Diagram) -> str:
    """The picture, as one ``<svg>`` element."""
    laid = layout(diagram)
    nodes = {node.key: node for node in diagram.nodes}
    down = laid.down
    places = {key: _point(place, down) for key, place in laid.places.items()}
    ways = [[_point(place, down) for place in way] for way in laid.ways]
    parts = [_edge(edge, nodes, way, down) for edge, way in zip(diagram.edges, ways, strict=True)]
    parts += [_node(nodes[key], point) for key, point in places.items()]
    points = [*places.values(), *(point for way in ways for point in way)]
    wide = max((x for x, _ in points), default=0) + _WIDE / 2 + _MARGIN
    high = max((y for _, y in points), default=0) + _HIGH / 2 + _MARGIN
    for remark in (diagram.title, *diagram.remarks):
        high += _TEXT_LINE
        parts.append(f'<text x="{_MARGIN}" y="{high - 8:g}" fill="{LINE}">{_text(remark)}</text>')
        wide = max(wide, 8 * len(remark) + 2 * _MARGIN)
    size = f'width="{wide:g}" height="{high:g}" viewBox="0 0 {wide:g} {high:g}"'
    return (f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {_FONT}>'
            f"<title>{_text(diagram.title)}</title><desc>{_text(repr(diagram))}</desc>{''.join(parts)}</svg>")


def _point(place: tuple[int, float], down: bool) -> _Point:
    """The middle of a node that stands at a rank and a row."""
    rank, row = place
    x, y = (row * (_WIDE + _MARGIN), rank * (_HIGH + 2 * _TEXT_LINE)) if down else (rank * _RIGHT, row * _DOWN)
    return _MARGIN + _WIDE / 2 + x, _MARGIN + _HIGH / 2 + y


def _node(node: Node, middle: _Point) -> str:
    x, y = middle
    border = f' stroke="{LINE}" stroke-width="3" stroke-dasharray="6 3"' if node.mark else ""
    round_ = {"event": 20, "resource": 0, "response": 0, "branch": 0}.get(node.kind, 6)
    word = f"{node.kind}, {node.mark}" if node.mark else node.kind
    label = node.told if len(node.told) <= _LETTERS else f"{node.told[:_LETTERS - 1]}…"
    told = f"{node.told} ({word}){chr(10) if node.note else ''}{node.note}"
    return (f"<g><title>{_text(told)}</title>"
            f'<rect x="{x - _WIDE / 2:g}" y="{y - _HIGH / 2:g}" width="{_WIDE}" height="{_HIGH}" rx="{round_}" '
            f'fill="{FILLS[node.mark or node.kind]}"{border}/>'
            f'<text x="{x:g}" y="{y - 3:g}" text-anchor="middle" font-weight="600" fill="{TEXT}">{_text(label)}</text>'
            f'<text x="{x:g}" y="{y + 13:g}" text-anchor="middle" font-size="11" fill="{TEXT}">{word}</text></g>')


def _edge(edge: Edge, nodes: dict[str, Node], way: Sequence[_Point], down: bool) -> str:
    """A curve along the points of a way, and a point at its end."""
    half = (_HIGH if down else _WIDE) / 2
    if edge.source == edge.target:
        (x, y), _ = way
        top = y - _HIGH / 2
        steps = [f"M{x - 20:g} {top:g}C{x - 20:g} {top - 14:g} {x + 20:g} {top - 14:g} {x + 20:g} {top - 4:g}"]
        tip, heading = (x + 20, top), (0, 1)
        here = (x + 20, top - 14)
    else:
        ahead = 1 if way[-1][1 if down else 0] > way[0][1 if down else 0] else -1
        heading = (0, ahead) if down else (ahead, 0)
        steps, here = [], _moved(way[0], heading, half)
        tip = _moved(way[-1], heading, -half)
        for number, middle in enumerate(way[1:], 1):
            last = number == len(way) - 1
            inward, outward = _moved(middle, heading, -half), _moved(middle, heading, half)
            steps.append(_curve(here, _moved(tip, heading, -6) if last else inward, down))
            if not last:
                steps.append(f"L{outward[0]:g} {outward[1]:g}")
            here = here if last else outward
        start = _moved(way[0], heading, half)
        steps.insert(0, f"M{start[0]:g} {start[1]:g}")
    dashes = ' stroke-dasharray="6 4"' if edge.dashed else ""
    told = f"{nodes[edge.source].label} to {nodes[edge.target].label}"
    return (f"<g><title>{_text(f'{told}: {edge.label}' if edge.label else told)}</title>"
            f'<path d="{"".join(steps)}" fill="none" stroke="{LINE}" stroke-width="1.5"{dashes}/>'
            f'<path d="{_arrow(tip, heading)}" fill="{LINE}"/>{_words(edge, here, tip, down)}</g>')


def _words(edge: Edge, start: _Point, end: _Point, down: bool) -> str:
    """An edge's label, a little behind the middle of its last curve: there the edges that begin at one node, those
    that end at one, and those that cross are apart."""
    if not edge.label:
        return ""
    along, across = 0.564, 0.648        # of the curve at six tenths of its way
    right, below = (across, along) if down else (along, across)
    x, y = start[0] + right * (end[0] - start[0]), start[1] + below * (end[1] - start[1])
    anchor = "start" if down else "middle"
    return (f'<text x="{x + 4:g}" y="{y - 3:g}" text-anchor="{anchor}" font-size="11" '
            f'fill="{LINE}">{_text(edge.label)}</text>')


def _curve(start: _Point, end: _Point, down: bool) -> str:
    (x, y), (to_x, to_y) = start, end
    bends = ((x, (y + to_y) / 2), (to_x, (y + to_y) / 2)) if down else (((x + to_x) / 2, y), ((x + to_x) / 2, to_y))
    return f"C{bends[0][0]:g} {bends[0][1]:g} {bends[1][0]:g} {bends[1][1]:g} {to_x:g} {to_y:g}"


def _arrow(tip: _Point, heading: tuple[int, int]) -> str:
    (x, y), (right, down) = tip, heading
    back_x, back_y = x - 8 * right, y - 8 * down
    return (f"M{x:g} {y:g}L{back_x + 4 * down:g} {back_y + 4 * right:g}"
            f"L{back_x - 4 * down:g} {back_y - 4 * right:g}Z")


def _moved(point: _Point, heading: tuple[int, int], by: float) -> _Point:
    return point[0] + heading[0] * by, point[1] + heading[1] * by


def _text(text: str) -> str:
    """A text as XML takes it: escaped, and a sign for what XML cannot hold."""
    return _NO_XML.sub("�", escape(text))
