"""Paint: the colours of all diagrams, legible on light and on dark, for a picture does not know where it is shown.

Boxes are filled with tones of the middle that carry white text; lines, and text outside of boxes, are of a grey that
stands out from both white and black.
"""

from __future__ import annotations

from typing import Final

from workbench.notebook.pictures.diagram import Kind, Mark

FILLS: Final[dict[Kind | Mark, str]] = {
    "command": "#2372b8", "event": "#a8611a", "policy": "#8a5bb5", "resource": "#2f7f4f", "response": "#64748b",
    "branch": "#0f766e",
    "unhandled": "#c43a31", "unreachable": "#737373"}
MARKED: Final[tuple[Mark, ...]] = ("unhandled", "unreachable")
TEXT: Final = "#ffffff"     # on a box
LINE: Final = "#7d7d7d"     # on whatever is behind the picture
