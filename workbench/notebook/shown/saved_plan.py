"""ShownSavedPlan: a saved plan to look at in a notebook, and the history of commits as a DataFrame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from workbench.notebook.frames.plan import changes_frame
from workbench.notebook.frames.state import frame_of
from workbench.notebook.html.box import box, safely, value_html
from workbench.notebook.html.plan import plan_html
from workbench.postgres.writing.commit import Commit
from workbench.state.saved.plan import SavedPlan

if TYPE_CHECKING:
    import pandas as pd


class ShownSavedPlan(SavedPlan):
    """A saved plan as ``wb.load_plan(path)`` gives it: as HTML, text or a DataFrame; it can be applied as it is.

    ``differences`` has in what the definitions of the workbench that shows it differ from those it was made for."""

    def __init__(
        self, document: Mapping[str, Any], faults: Sequence[str] = (), differences: Sequence[str] = (),
    ) -> None:
        super().__init__(document, faults)
        self.differences = list(differences)

    @property
    def warnings(self) -> list[str]:
        other = f"OTHER DEFINITIONS: it is not applied here ({'; '.join(self.differences)})"
        return super().warnings + ([other] if self.differences else [])

    def frame(self) -> pd.DataFrame:
        """The changes as a DataFrame, one item a row; see ``plan_frame`` for its columns."""
        return changes_frame(self.changes)

    def _repr_html_(self) -> str:
        return safely(self._html)

    def _html(self) -> str:
        looks_like_one: Any = self
        loud = "".join(f'<div class="delete"><b>⚠ {escape(warning)}</b></div>' for warning in self.warnings)
        rows = "".join(
            f"<tr><td>{value_html(command.get('step'))}</td><td>{escape(str(command.get('address')))}</td>"
            f"<td>{_values(command.get('data'))}</td>"
            f'<td class="dim">{escape(str(command.get("user") or ""))}</td></tr>' for command in self.commands)
        log = f"<details><summary>Commands</summary><table>{rows}</table></details>" if rows else ""
        return box(loud, f'<div class="dim">{escape(self.signature)}</div>') + plan_html(looks_like_one, []) + box(log)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


def _values(data: Any) -> str:
    values = data.items() if isinstance(data, dict) else ()
    return ", ".join(f"{escape(name)}={value_html(value)}" for name, value in values)


def history_frame(commits: Sequence[Commit]) -> pd.DataFrame:
    """The commits of a session, one a row; the index is their ``number``, from 1, as ``revert`` takes it.

    Columns: ``at``, ``user``, ``added``, ``changed``, ``deleted`` (items), ``statements``, ``attempts``, ``steps``
    (numbers), ``nonce`` (of the saved plan, where it was one)."""
    rows = [(done.at, done.user, *done.plan.counts.values(), done.statements, done.attempts,
             [step.number for step in done.plan.steps], done.nonce) for done in commits]
    frame = frame_of(rows, {"at": datetime, "user": str | None, "added": int, "changed": int, "deleted": int,
                            "statements": int, "attempts": int, "steps": object, "nonce": str | None})
    frame.index.name = "number"
    return frame
