"""ShownSavedPlan: a saved plan to look at in a notebook, as HTML, text or a DataFrame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from workbench.domain.resource import Target
from workbench.done import Done
from workbench.errors import WorkbenchError
from workbench.notebook.frames.plan import changes_frame
from workbench.notebook.html.box import safely
from workbench.notebook.html.called import Called
from workbench.notebook.html.saved_names import SavedNames
from workbench.notebook.html.saved_plan import saved_plan_html
from workbench.notebook.shown.check import ShownCheck
from workbench.notebook.shown.source import ShownText
from workbench.notebook.slips import Slips
from workbench.postgres.trial.violation import Checked
from workbench.state.saved.change import SavedChange
from workbench.state.saved.plan import SavedPlan
from workbench.state.step import Step
from workbench.wording import visible

if TYPE_CHECKING:
    import pandas as pd


class ShownSavedPlan(Slips, Done, SavedPlan):
    """A saved plan as ``wb.load_plan(path)`` gives it: as HTML, text or a DataFrame; ``wb.apply`` takes it as it is.

    ``differences`` says where the definitions of this workbench differ from those that the plan was made for; ``check``
    is the session's, called with the plan, and ``called`` tells what items are called here."""

    _noun = "a saved plan"
    _instead = MappingProxyType(dict.fromkeys(("sql", "statements", "explain"), (
        "its SQL is made when it is applied, as the tables are then; .check() tries it, and wb.plan().sql() gives that "
        "of what is pending")))

    def __init__(
        self, document: Mapping[str, Any], faults: Sequence[str] = (), differences: Sequence[str] = (), *,
        check: Callable[..., Checked] | None = None, called: Called | None = None,
    ) -> None:
        super().__init__(document, faults)
        self.differences = list(differences)
        self._check, self._called = check, called

    @property
    def doubts(self) -> list[str]:
        other = visible(f"OTHER DEFINITIONS: it is not applied here ({'; '.join(self.differences)})")
        return super().doubts + ([other] if self.differences else [])

    def check(self, *, verify_reads: bool = True, timeout: float = 10.0) -> ShownCheck:
        """Tries the saved plan as ``wb.plan().check()`` tries a live one: what moved since, and whether it was applied.

        Raises UnreadablePlan, TamperedPlan and OtherDefinition as ``wb.apply`` does."""
        if self._check is None:
            raise WorkbenchError("this plan was read without a database to try it on; read it with wb.load_plan(path)")
        checked = self._check(self, verify_reads=verify_reads, timeout=timeout)
        return ShownCheck(checked, SavedNames(self, self._called))

    def why(self, item: SavedChange | Target | Step | str) -> ShownText:
        """In words, what led to a change: each mutation with its event, command and step; or why there is no change.

        The item may also be given as text, ``"account/<id>"``, or as a Step on it. Raises UnknownName."""
        return ShownText(super().why(item))

    def frame(self) -> pd.DataFrame:
        """The changes as a DataFrame, one item a row; see ``frames.plan.plan_frame`` for its columns."""
        return changes_frame(self.changes)

    def _repr_html_(self) -> str:
        return safely(saved_plan_html, self, self._called)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}
