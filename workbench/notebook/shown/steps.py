"""ShownSteps: the steps that an undo or redo gives, to look at as HTML or text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from workbench.done import Done
from workbench.notebook.html.box import safely
from workbench.notebook.html.called import Called
from workbench.notebook.html.steps import steps_html
from workbench.notebook.slips import Slips
from workbench.state.step import Step
from workbench.wording import counted, listed, visible


class ShownSteps(Slips, Done, list[Step]):
    """A list that says what was done with its steps: ``verb`` is "undone" or "redone"."""

    _noun = "a list of steps"

    def __init__(self, steps: Iterable[Step], verb: str, called: Called) -> None:
        super().__init__(steps)
        self.verb, self._called = verb, called

    def __repr__(self) -> str:
        return listed(f"{self.verb}: {counted(len(self), 'step')}",
                      (f"step {step.number}: {visible(step.address)}" for step in self))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": safely(steps_html, self, self.verb, self._called)}
