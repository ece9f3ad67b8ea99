"""ShownSavedPlan: a saved plan to look at in a notebook, as HTML, text or a DataFrame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.notebook.frames.plan import changes_frame
from workbench.notebook.html.box import safely
from workbench.notebook.html.saved_plan import saved_plan_html
from workbench.state.saved.plan import SavedPlan
from workbench.wording import visible

if TYPE_CHECKING:
    import pandas as pd


class ShownSavedPlan(SavedPlan):
    """A saved plan as ``wb.load_plan(path)`` gives it: as HTML, text or a DataFrame; ``wb.apply`` takes it as it is.

    ``differences`` says where the definitions of this workbench differ from those that the plan was made for."""

    def __init__(
        self, document: Mapping[str, Any], faults: Sequence[str] = (), differences: Sequence[str] = (),
    ) -> None:
        super().__init__(document, faults)
        self.differences = list(differences)

    @property
    def doubts(self) -> list[str]:
        other = visible(f"OTHER DEFINITIONS: it is not applied here ({'; '.join(self.differences)})")
        return super().doubts + ([other] if self.differences else [])

    def frame(self) -> pd.DataFrame:
        """The changes as a DataFrame, one item a row; see ``frames.plan.plan_frame`` for its columns."""
        return changes_frame(self.changes)

    def _repr_html_(self) -> str:
        return safely(saved_plan_html, self)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}
