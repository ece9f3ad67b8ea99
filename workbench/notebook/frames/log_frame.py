"""LogFrame: a DataFrame of what happened, in which a text that is missing is shown as an empty cell.

Where nobody said who it was, or no policy was at work, pandas writes NaN, which reads as a fault of ours. In the frame
it stays missing, as in every other (see columns.py): ``isna`` finds it. ``attrs["note"]`` is shown below.

As columns.py, this module brings pandas: it is imported when the first frame is asked for.
"""

from __future__ import annotations

from html import escape

import pandas as pd


class LogFrame(pd.DataFrame):       # type: ignore[misc]  # we have no types of pandas
    """A DataFrame, as is what one takes of it; only shown otherwise."""

    @property
    def _constructor(self) -> type[LogFrame]:
        return LogFrame

    def __repr__(self) -> str:
        note = self.attrs.get("note")
        return f"{self._shown()!r}\n{note}" if note else repr(self._shown())

    def _repr_html_(self) -> str | None:
        html: str | None = self._shown()._repr_html_()
        note = self.attrs.get("note")
        return f"{html}<p>{escape(note)}</p>" if html and note else html

    def _shown(self) -> pd.DataFrame:
        """The frame with empty texts in place of those that are missing; columns by their places: names may repeat."""
        shown = pd.DataFrame(self.copy(deep=False))
        for place, dtype in enumerate(self.dtypes):
            if dtype == "str":
                shown.isetitem(place, shown.iloc[:, place].fillna(""))
        return shown
