"""ShownBatch: what came of many commands, to look at: how many were issued, and what was refused, counted by cause."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.done import Done
from workbench.notebook.frames.batch import causes_frame, refusals_frame
from workbench.notebook.html.batch import batch_html
from workbench.notebook.html.box import safely
from workbench.notebook.slips import Slips
from workbench.state.batch import Batch
from workbench.state.step import Step

if TYPE_CHECKING:
    import pandas as pd


class ShownBatch(Slips, Done):
    """The outcome of ``wb.issue_many``; ``batch`` is the value itself."""

    _noun = "a batch"

    def __init__(self, batch: Batch) -> None:
        self.batch = batch

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps, in order; ``wb.undo(len(outcome.steps))`` takes them back."""
        return self.batch.steps

    def frame(self) -> pd.DataFrame:
        """What was refused, one command a row; see ``frames.batch.refusals_frame`` for its columns."""
        return refusals_frame(self.batch)

    def causes(self) -> pd.DataFrame:
        """What was refused by cause, the most frequent first; see ``frames.batch.causes_frame`` for its columns."""
        return causes_frame(self.batch)

    def __repr__(self) -> str:
        return repr(self.batch)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": safely(batch_html, self.batch)}
