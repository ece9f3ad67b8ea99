"""ShownRebased: what a rebase, a pick or a replay came to, to look at as HTML or text."""

from __future__ import annotations

from typing import Any, Self

from workbench.done import Done
from workbench.notebook.html.box import safely
from workbench.notebook.html.called import Called
from workbench.notebook.html.rebased import rebased_html
from workbench.notebook.slips import Slips
from workbench.state.replay import Rebased


class ShownRebased(Slips, Done, Rebased):
    """A Rebased that tells its items by what they are called."""

    _noun = "a rebase"
    _called: Called | None = None

    @classmethod
    def of(cls, rebased: Rebased, called: Called) -> Self:
        """The same, with what its items are called."""
        self = cls(*rebased)
        self._called = called
        return self

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": safely(rebased_html, self, self._called)}
