"""ShownBatch: what came of many commands, to look at: how many were issued, and what was refused, counted by cause."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from workbench.notebook.frames.batch import causes_frame, refusals_frame
from workbench.notebook.html.box import LIMIT, box, safely
from workbench.state.batch import Batch
from workbench.state.step import Step

if TYPE_CHECKING:
    import pandas as pd


class ShownBatch:
    """The outcome of ``wb.issue_many``; ``batch`` is the value itself."""

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


def batch_html(batch: Batch) -> str:
    """A batch in a line, and a table of the causes of refusals, each with its first example."""
    parts = [f"<b>{escape(repr(batch).splitlines()[0])}</b>"]
    if batch.refusals:
        rows = "".join(
            f'<tr><td class="delete">✗ {cause.times:,}</td><td>{escape(cause.command)}</td>'
            f'<td>{escape(cause.error)}</td><td class="told">{escape(cause.first.message)}</td>'
            f'<td class="dim">number {cause.first.place}</td></tr>' for cause in batch.causes[:LIMIT])
        parts.append("<table><tr><th>times</th><th>command</th><th>refused by</th><th>the first</th><th></th></tr>"
                     f"{rows}</table>")
    return box(*parts)
