"""ShownCheck: what ``wb.plan().check()`` gives, to look at as HTML, text or a DataFrame."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from workbench.done import Done
from workbench.notebook.frames.check import check_frame
from workbench.notebook.html.box import safely
from workbench.notebook.html.called import Names
from workbench.notebook.html.check import check_html
from workbench.notebook.slips import Slips
from workbench.postgres.trial.violation import Checked, Violation

if TYPE_CHECKING:
    import pandas as pd


class ShownCheck(Slips, Done):
    """What a check found, to look at; ``checked`` is the value itself. It is true when nothing is in the way.

    ``called`` tells what items are called."""

    _noun = "a check"

    def __init__(self, checked: Checked, called: Names | None = None) -> None:
        self.checked, self._called = checked, called

    @property
    def ok(self) -> bool:
        """Whether the plan could have been committed at that time."""
        return self.checked.ok

    @property
    def violations(self) -> tuple[Violation, ...]:
        """All that was found, in the order of the statements."""
        return self.checked.violations

    @property
    def caveats(self) -> str:
        """What the check cannot promise."""
        return self.checked.caveats

    @property
    def at(self) -> datetime:
        """When it was tried (aware, UTC)."""
        return self.checked.at

    def frame(self) -> pd.DataFrame:
        """The violations as a DataFrame, one a row; see ``frames.check.check_frame`` for its columns."""
        return check_frame(self.checked)

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        return f"{self.checked!r}\n{self.caveats}"

    def _repr_html_(self) -> str:
        return safely(check_html, self.checked, self._called)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}
