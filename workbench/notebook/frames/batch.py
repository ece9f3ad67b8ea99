"""Batch frames: a DataFrame as the rows of ``issue_many``, and what came of a Batch as a DataFrame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from workbench.domain.entity import Command
from workbench.errors import Invalid, Problem
from workbench.notebook.frames.state import frame_of, is_frame
from workbench.state.batch import Batch

_EXACT = 2.0**53       # from here on a float may stand for another whole number than was meant
_DIGITS = 15            # so many of any decimal number survive in a float

if TYPE_CHECKING:
    import pandas as pd


def rows_of(commands: Iterable[Any], of: type[Command] | None) -> Iterable[Any]:
    """A DataFrame as what ``issue_many`` takes: a dict for each row, by column: the fields, and ``on`` for the item.

    What is missing (NaN, NA, NaT, None) is left out: there the field's ``initial`` holds, and a row without ``on`` is
    issued on what is given for all. What pandas has no type for, as it comes out of ``read_csv``, becomes what the
    field is: whole numbers that are floats because others are missing, Decimals as far as a float tells them, and dates
    that are moments without a time of day. Anything but a DataFrame is returned as it is. Raises Invalid where two
    columns have one name."""
    if not is_frame(commands):
        return commands
    if not commands.columns.is_unique:
        twice = commands.columns[commands.columns.duplicated()].unique().tolist()
        raise Invalid("issue_many", [
            Problem(str(name), None, "several columns have this name; leave one, or rename the others")
            for name in twice])
    rows: list[dict[str, Any]] = [{} for _ in range(len(commands))]
    for place, name in enumerate(commands.columns):
        column = commands.iloc[:, place]
        meant = _MEANT.get((column.dtype.kind, _type_of(of, name)))
        for row, value, present in zip(rows, column.tolist(), column.notna().tolist(), strict=True):
            if present:
                row[name] = value if meant is None else meant(value)
    return rows


def _type_of(of: type[Command] | None, name: Any) -> Any:
    """The type of a command's field, None where there is no such field; of ``on`` int, as no identifier is a float."""
    if name == "on":
        return int
    declared = of._fields.get(name) if isinstance(of, type) and issubclass(of, Command) else None
    return None if declared is None else declared.kind.bare.annotation


def _whole(value: float) -> float:
    return int(value) if value.is_integer() and abs(value) < _EXACT else value


def _decimal(value: float) -> float | Decimal:
    """The number of few enough digits that each other such number is another float; else the float, to be refused."""
    if isinstance(whole := _whole(value), int):
        return Decimal(whole)
    decimal = Decimal(repr(value))
    return decimal if decimal.is_finite() and len(decimal.as_tuple().digits) <= _DIGITS else value


def _day(value: pd.Timestamp) -> pd.Timestamp | date:
    return value.date() if value.tzinfo is None and value == value.normalize() else value


# By the kind of a column's dtype and the type of the field: what makes one value of it what was meant.
_MEANT: Mapping[tuple[str, Any], Callable[[Any], Any]] = {
    ("f", int): _whole, ("f", Decimal): _decimal, ("M", date): _day}


def refusals_frame(batch: Batch) -> pd.DataFrame:
    """What a batch refused, one a row; the index is the ``place`` in what was given, from 0, as ``DataFrame.iloc``.

    Columns: ``command`` (missing where what was given names none), ``error`` and ``message``, ``given``."""
    return frame_of(
        [(None if one.command is None and one.of is None else one.named, one.error, one.message, one.given)
         for one in batch.refusals],
        {"command": str | None, "error": str, "message": str, "given": object},
        index=("place", [one.place for one in batch.refusals], int))


def causes_frame(batch: Batch) -> pd.DataFrame:
    """What a batch refused by cause, the most frequent first.

    Columns: ``times``, ``command``, ``error``, ``words`` (with … for names and figures), ``place`` and ``example``, the
    first one's place in what was given and its own words. The index counts from 1."""
    return frame_of(
        [(cause.times, cause.command, cause.error, cause.words, cause.first.place, cause.first.message)
         for cause in batch.causes],
        {"times": int, "command": str, "error": str, "words": str, "place": int, "example": str})
