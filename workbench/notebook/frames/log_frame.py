"""LogFrame: a DataFrame of what happened, which is shown for people to read and holds what programs want.

Where nobody said who it was, or no policy was at work, pandas writes NaN or <NA>, which reads as a fault of ours. In
the frame it stays missing, as in every other (see columns.py): ``isna`` finds it; shown is an empty cell. As HTML,
items are named as plans name them, moments end with the second (where all are of one day, it is said once, below), and
values are written as in steps, so that a row fits into a notebook; the frame has all of it whole. ``attrs["note"]`` is
shown below.

As columns.py, this module brings pandas: it is imported when the first frame is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from html import escape
from typing import Any, ClassVar
from uuid import UUID

import pandas as pd

from workbench.domain.resource import Identifier, Target
from workbench.notebook.labels import named, shortened
from workbench.notebook.written import written

_LONGEST = 24       # letters of a label that are shown: a frame has many columns


class ItemNames:
    """What the items of a frame are called when it is shown; a frame that is pickled or copied deeply forgets it.

    ``targets`` are the items, which stand in the columns ``target`` as texts, or ``identifier`` beside ``resource``;
    ``label`` tells what one is called."""

    def __init__(
        self, targets: Iterable[Target] = (), label: Callable[[Target], str | None] | None = None,
    ) -> None:
        self._label, self._texts, self._identifiers = label, dict[str, Target](), dict[Identifier, Target | None]()
        for target in targets:
            self._texts[str(target)] = target
            if self._identifiers.setdefault(target.identifier, target) != target:
                self._identifiers[target.identifier] = None     # which of two resources it is of, its cell cannot tell

    def __reduce__(self) -> tuple[type[ItemNames], tuple[()]]:
        return ItemNames, ()

    def text(self, value: str) -> str:
        """The text of an item with what it is called in place of its identifier, ``bank:account Ada · 12345678``."""
        target = self._texts.get(value)
        if target is None:
            return value
        label = self._label_of(target)
        return f"{target.domain}:{target.resource}{' ' if label else '/'}{named(label, target.identifier)}"

    def identifier(self, value: Identifier) -> str:
        """An identifier beside its resource, ``Ada · 12345678``."""
        target = self._identifiers.get(value)
        return shortened(value) if target is None else named(self._label_of(target), value)

    def _label_of(self, target: Target) -> str | None:
        label = None if self._label is None else self._label(target)
        return label if label is None or len(label) <= _LONGEST else f"{label[:_LONGEST - 1]}…"


class LogFrame(pd.DataFrame):       # type: ignore[misc]  # we have no types of pandas
    """A DataFrame, as is what one takes of it; only shown otherwise."""

    _metadata: ClassVar = ["_item_names", "_missing"]       # pandas hands on what is named here
    _item_names = ItemNames()
    _missing = ""       # where a value may be an empty text, None is written out

    @property
    def _constructor(self) -> type[LogFrame]:
        return LogFrame

    def __repr__(self) -> str:
        note = self.attrs.get("note")
        return f"{self._shown()!r}\n{note}" if note else repr(self._shown())

    def _repr_html_(self) -> str | None:
        if not pd.get_option("display.notebook_repr_html"):
            return None
        days = self._days()
        rows, fewer = pd.get_option("display.max_rows"), pd.get_option("display.min_rows")
        html: str = self._shown().to_html(
            max_rows=min(rows, fewer or rows) if rows and len(self) > rows else None,
            max_cols=pd.get_option("display.max_columns"), show_dimensions=pd.get_option("display.show_dimensions"),
            notebook=True, formatters=[
                _time if place in days else partial(self._told, column) if dtype in _TOLD or dtype.kind == "M" else None
                for place, (column, dtype) in enumerate(self.dtypes.items())])
        notes = [*dict.fromkeys(f"All of it on {f'{day:%Y-%m-%d %Z}'.rstrip()}." for day in days.values()),
                 *filter(None, [self.attrs.get("note")])]
        return html + "".join(f"<p>{escape(note)}</p>" for note in notes)

    def _days(self) -> dict[int, datetime]:
        """The columns of moments that are all of one day, by their places, each with the day: it is said once, and
        beside it is room for more columns."""
        found = {}
        for place, dtype in enumerate(self.dtypes):
            if dtype.kind == "M":
                days = list(self.iloc[:, place].dropna().dt.normalize().unique())
                if len(days) == 1:
                    found[place] = days[0]
        return found

    def _told(self, column: Any, value: Any) -> str:
        """A value in a cell of a column, as HTML."""
        match column, value:
            case "target", str():
                return self._item_names.text(value)
            case "identifier", UUID() | str() | int():
                return self._item_names.identifier(value)
        match value:
            case str():
                return value
            case UUID():
                return shortened(value)
            case datetime():
                return "" if value is pd.NaT else f"{value:%Y-%m-%d %H:%M:%S %Z}".rstrip()
            case dict():
                return ", ".join(f"{name}={self._within(one)}" for name, one in value.items())
            case list() | tuple():
                return ", ".join(map(self._within, value))
        return written(value)

    def _within(self, value: Any) -> str:
        return shortened(value) if isinstance(value, UUID) else value if type(value) is str else written(value)

    def _shown(self) -> pd.DataFrame:
        """The frame with empty texts in place of what is missing; columns by their places: names may repeat."""
        shown = pd.DataFrame(self.copy(deep=False))
        for place, dtype in enumerate(self.dtypes):
            if dtype in _EMPTY:
                shown.isetitem(place, _filled(shown.iloc[:, place], self._missing if dtype == "object" else ""))
        if self.index.dtype in _EMPTY and self.index.hasnans:
            shown.index = pd.Index(_filled(self.index.to_series()), dtype=object, name=self.index.name)
        return shown


_TOLD = ("object", "str")
_EMPTY = ("str", "Int64", "boolean", "object")      # dtypes whose missing values are shown as empty cells


def _time(value: Any) -> str:
    return "" if value is pd.NaT else f"{value:%H:%M:%S}"


def _filled(column: pd.Series, missing: str = "") -> pd.Series:
    return column.astype(object).where(column.notna(), missing) if column.hasnans else column
