"""ShownComparison: a Comparison as ``wb.compare()`` gives it, to look at: as HTML, text, or a DataFrame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.done import Done
from workbench.notebook.frames.time import comparison_frame
from workbench.notebook.html.box import safely
from workbench.notebook.html.called import Called
from workbench.notebook.html.comparison import comparison_html
from workbench.notebook.slips import Slips
from workbench.state.history.comparison import Comparison

if TYPE_CHECKING:
    import pandas as pd


class ShownComparison(Slips, Done):
    """Where two branches differ; ``comparison`` is the value itself. True when they do.

    ``called`` tells what the items are called."""

    _noun = "a comparison"

    def __init__(self, comparison: Comparison, called: Called | None = None) -> None:
        self.comparison, self._called = comparison, called

    def frame(self) -> pd.DataFrame:
        """What differs, one column of an item a row; see ``frames.time.comparison_frame`` for its columns."""
        return comparison_frame(self.comparison)

    def __len__(self) -> int:
        return len(self.comparison)

    def __repr__(self) -> str:
        return repr(self.comparison)

    def _repr_html_(self) -> str:
        return safely(comparison_html, self.comparison, self._called)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}
