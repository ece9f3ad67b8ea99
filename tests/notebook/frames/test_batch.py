"""A DataFrame as commands, and what a batch refused as a DataFrame."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from tests.state.domains import RecordingReader, manage, stored
from workbench import Command, field
from workbench.errors import Invalid
from workbench.examples.bank import Account, Deposit, bank
from workbench.notebook.frames.batch import causes_frame, refusals_frame, rows_of
from workbench.state.batch import issue_many


class Order(Command):
    """A field of each type that pandas has a dtype of its own for."""

    name = field(str)
    count = field(int, initial=1)
    weight = field(float | None)
    at = field(datetime | None)
    paid = field(bool | None)
    rest = field(int | None)


def test_what_is_missing_is_left_out() -> None:
    """NaN, NA, NaT and None are no values: the field's own initial holds; whole numbers stay whole beside them."""
    frame = pd.DataFrame({
        "name": ["a", "b"], "count": [2.0, np.nan], "weight": [np.nan, 2.0],
        "at": pd.to_datetime(["2026-01-01T00:00:00Z", None]), "paid": pd.array([None, True], dtype="boolean"),
        "rest": pd.array([None, 3], dtype="Int64"), "on": [None, "order/b"]})
    first, second = rows_of(frame, Order)
    assert first == {"name": "a", "count": 2, "at": pd.Timestamp("2026-01-01", tz="UTC")}
    assert type(first["count"]) is int
    assert second == {"name": "b", "weight": 2.0, "paid": True, "rest": 3, "on": "order/b"}
    assert (type(second["weight"]), type(second["rest"]), type(second["paid"])) == (float, int, bool)
    assert Order(**first).at == datetime(2026, 1, 1, tzinfo=UTC)
    half = pd.DataFrame({"name": ["a"], "count": [2.5]})
    assert list(rows_of(half, Order)) == [{"name": "a", "count": 2.5}]      # refused by the field, not rounded here


def test_whole_numbers_that_name_items() -> None:
    """Identifiers beside missing ones are whole numbers again."""
    first, second = rows_of(pd.DataFrame({"name": ["a", "b"], "on": [3, None]}), Order)
    assert (first["on"], type(first["on"]), "on" in second) == (3, int, False)


class Price(Command):
    """Fields of types that pandas has no dtype for."""

    amount = field(Decimal)
    since = field(date | None)


def test_what_pandas_has_no_type_for() -> None:
    """Numbers and days out of ``read_csv`` are Decimals and dates as they stand in the file."""
    frame = pd.read_csv(StringIO("amount,since\n1,1999-01-01\n2.5,\n-0.10,1999-12-31\n"), parse_dates=["since"])
    assert [Price(**row) for row in rows_of(frame, Price)] == [
        Price(amount="1", since="1999-01-01"), Price(amount="2.5"), Price(amount="-0.1", since="1999-12-31")]


@pytest.mark.parametrize("name, value", [
    ("amount", 0.1 + 0.2), ("amount", float("inf")), ("amount", 2.0**53), ("since", pd.Timestamp("1999-01-01 12:00")),
    ("since", pd.Timestamp("1999-01-01", tz="UTC")), ("amount", np.float32(0.1))])
def test_what_pandas_does_not_tell_is_not_guessed(name: str, value: Any) -> None:
    """A float of more digits than it keeps, and a moment with a time or a zone, are left to be refused by the field."""
    [row] = rows_of(pd.DataFrame({"amount": [1.5], "since": [pd.Timestamp("1999-01-01")], name: [value]}), Price)
    assert type(row[name]) is type(pd.Series([value]).tolist()[0])
    with pytest.raises(Invalid, match=f"{name}: "):
        Price(**row)


def test_columns_of_one_name_are_refused() -> None:
    """Two columns of one name are refused: which of them is meant is not guessed."""
    frame = pd.DataFrame([["a", 1, 2]], columns=["name", "count", "count"])
    with pytest.raises(Invalid, match="count: several columns have this name; leave one, or rename the others"):
        rows_of(frame, Order)


def test_numbers_that_a_float_cannot_tell_apart_stay_floats() -> None:
    """From 2**53 on a float beside missing ones may have been another whole number: the field refuses it."""
    [row, _] = rows_of(pd.DataFrame({"name": ["a", "b"], "rest": [2**53 + 1, None]}), Order)
    assert type(row["rest"]) is float
    with pytest.raises(Invalid, match="rest: "):
        Order(**row)


def test_other_rows_are_left_alone() -> None:
    """Whatever is no DataFrame is what it was; an empty frame has no rows."""
    commands: list[Any] = [Deposit(amount=1)]
    assert rows_of(commands, None) is commands
    assert rows_of(pd.DataFrame({"name": []}), Order) == []


async def test_a_frame_of_deposits() -> None:
    """The rows are issued in their order, the column `on` names the item; refusals are a frame, and so are causes."""
    ids = [UUID(int=n) for n in (1, 2)]
    reader = RecordingReader(stored("bank", "account", *(Account(_id=one, owner="Ada") for one in ids)))
    manager = manage(bank, reader=reader)
    frame = pd.DataFrame({"amount": [Decimal("1.5"), Decimal(2), Decimal(-1), Decimal(4), Decimal(5)],
                          "on": [ids[0], str(ids[1]), ids[0], UUID(int=3), UUID(int=4)]})
    batch = await issue_many(manager, rows_of(frame, Deposit), of=Deposit, stop=False)
    assert len(reader.loads) == 3       # all at once; and each of those that are not there, by its own command
    assert [step.command.amount for step in batch.steps] == [Decimal("1.5"), 2]     # type: ignore[attr-defined]
    refusals = refusals_frame(batch)
    assert list(refusals.index) == [2, 3, 4]
    assert refusals["error"].tolist() == ["Invalid", "NotFound", "NotFound"]
    assert refusals["command"].tolist() == ["Deposit"] * 3      # also of the row that became none
    assert refusals.loc[3, "given"] == {"amount": 4, "on": UUID(int=3)}
    causes = causes_frame(batch)
    assert causes[["times", "command", "error", "place"]].values.tolist() == [
        [2, "Deposit", "NotFound", 3], [1, "Deposit", "Invalid", 2]]


async def test_nothing_refused() -> None:
    """Without refusals the frames have their columns and no rows."""
    batch = await issue_many(manage(bank), [])
    assert [len(refusals_frame(batch)), len(causes_frame(batch))] == [0, 0]
    assert list(refusals_frame(batch).columns) == ["command", "error", "message", "given"]
