"""Frames: their columns, the dtype of each, their order; empty ones, None, nested values, many rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from time import perf_counter
from typing import Any
from uuid import UUID

import pandas as pd
import pytest

from tests.editing import Edit, at, desk, edit
from tests.state.domains import START, Copy, Note, Write, Written, manage, note, notes, stored
from workbench import Datadef, Delete, Insert, Resource, Session, Target, Update, field
from workbench.domain.frozen import FrozenDict, FrozenList
from workbench.domain.registry import Registry
from workbench.notebook.frames import columns
from workbench.notebook.frames import state as frames
from workbench.notebook.frames.batch import causes_frame, refusals_frame
from workbench.notebook.frames.check import explain_frame
from workbench.notebook.frames.plan import changes_frame, plan_frame
from workbench.notebook.frames.rivals import conflict_frame, drift_frame
from workbench.notebook.frames.state import items_frame, pending_frame
from workbench.notebook.frames.time import branches_frame, comparison_frame, events_frame, history_frame, steps_frame
from workbench.postgres.tables.model import Models
from workbench.state.batch import Batch
from workbench.state.planning.table import Unique
from workbench.state.reader import MemoryReader


class Folder(Resource):
    """In another one; no two have the same code."""

    _id = field(str)
    inside = field(str | None, references="self")
    code = field(str, unique=True)


class File(Resource):
    """In a folder; deleted softly."""

    _id = field(int)
    folder = field(str, references=Folder)
    note = field(str | None)
    _deleted = field(datetime | None)


class Colour(Enum):
    RED = "red"


class Size(Datadef):
    width = field(int)


class Thing(Resource):
    """One field of every kind, each once more as optional."""

    text = field(str)
    text_or = field(str | None)
    whole = field(int)
    whole_or = field(int | None)
    flag = field(bool)
    flag_or = field(bool | None)
    real = field(float)
    real_or = field(float | None)
    moment = field(datetime)
    moment_or = field(datetime | None)
    money = field(Decimal)
    money_or = field(Decimal | None)
    link = field(UUID)
    day = field(date)
    clock = field(time)
    span = field(timedelta)
    raw = field(bytes)
    colour = field(Colour)
    size = field(Size)
    sizes = field(list[Size])
    facts = field(dict)


DTYPES = {
    "state": "str", "text": "str", "text_or": "str", "whole": "int64", "whole_or": "Int64", "flag": "bool",
    "flag_or": "boolean", "real": "float64", "real_or": "float64", "moment": "datetime64[us, UTC]",
    "moment_or": "datetime64[us, UTC]", "money": "object", "money_or": "object", "link": "object", "day": "object",
    "clock": "object", "span": "object", "raw": "object", "colour": "object", "size": "object", "sizes": "object",
    "facts": "object", "_created": "datetime64[us, UTC]", "_updated": "datetime64[us, UTC]", "_etag": "str"}
MOMENT = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)       # beyond what nanoseconds can say


def thing(number: int, **values: Any) -> Thing:
    return Thing(**{
        "_id": UUID(int=number), "text": "a", "whole": 2**62, "flag": True, "real": 1.5, "moment": MOMENT,
        "money": Decimal("1.10"), "link": UUID(int=7), "day": date(2013, 1, 1), "clock": time(5),
        "span": timedelta(1), "raw": b"\0", "colour": Colour.RED, "size": {"width": 1}, "sizes": [{"width": 2}],
        "facts": {"a": [1, {"b": None}]}, "_created": START, **values})


def frame_of(*items: Resource, cls: type[Resource] = Thing, state: str = "new") -> pd.DataFrame:
    return items_frame(cls, [(state, Target("shop", "thing", item._id), item) for item in items])


def dtypes(frame: pd.DataFrame) -> dict[str, str]:
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_columns_of_items(count: int) -> None:
    """State, fields, stamps, each with the dtype of its kind, however many rows there are, none included."""
    frame = frame_of(*map(thing, range(count)))
    assert dtypes(frame) == DTYPES
    assert (frame.index.name, frame.index.dtype, len(frame)) == ("_id", "object", count)


def test_values_are_what_they_were() -> None:
    """None is missing, a far moment is exact, and what pandas has no type for is the very Python object."""
    full = {"text_or": "b", "whole_or": -(2**62) - 1, "flag_or": False, "real_or": 0.1, "moment_or": MOMENT,
            "money_or": Decimal("0.00")}
    item = thing(2, **full)
    frame = frame_of(thing(1), item)
    first, second = frame.iloc[0], frame.iloc[1]
    assert first[[*full, "_updated", "_etag"]].isna().all()
    assert {name: second[name] for name in full} == full
    assert frame["whole"].tolist() == [2**62] * 2
    assert second["moment"].to_pydatetime() == MOMENT
    assert first["money_or"] is None
    for name in ("money", "link", "day", "clock", "span", "raw", "colour", "size", "sizes", "facts"):
        assert second[name] is getattr(item, name)
    assert (type(second["facts"]), type(second["sizes"])) == (FrozenDict, FrozenList)


def test_a_row_is_found_by_its_identifier() -> None:
    """The index holds the identifiers as the resource types them: `.loc` takes a UUID, a text or a number."""
    assert frame_of(thing(1), thing(2, text="b")).loc[UUID(int=2), "text"] == "b"
    assert frame_of(note("a"), note("b", text="B"), cls=Note).loc["b", "text"] == "B"

    class Numbered(Resource):
        _id = field(int)
        text = field(str)

    numbered = frame_of(Numbered(_id=7, text="seven"), Numbered(_id=3, text="three"), cls=Numbered)
    assert (numbered.loc[3, "text"], numbered.index.dtype, list(numbered.index)) == ("three", "int64", [7, 3])


def test_a_field_may_be_called_state() -> None:
    """A resource's own field named `state` is not lost to the column that says new, changed, deleted or clean."""

    class Country(Resource):
        _id = field(str)
        state = field(str)

    frame = frame_of(Country(_id="a", state="republic"), cls=Country, state="clean")
    assert "republic" in frame.iloc[0].tolist()
    assert "clean" in frame.iloc[0].tolist()


PENDING = {"mutation": "str", "resource": "str", "identifier": "object", "values": "object", "event": "str",
           "command": "str", "policy": "str", "step": "int64", "cell": "Int64", "user": "str",
           "at": "datetime64[us, UTC]"}
PLAN = {"change": "str", "resource": "str", "identifier": "object", "columns": "object", "old": "object",
        "new": "object", "etag": "str", "steps": "object"}


def test_empty_frames() -> None:
    """With nothing pending each frame has its columns and dtypes and no row."""
    manager = manage(notes())
    frames = [pending_frame(manager.state), plan_frame(manager.plan())]
    assert [(dtypes(frame), len(frame)) for frame in frames] == [(PENDING, 0), (PLAN, 0)]


async def test_a_story() -> None:
    """Insert, update, delete, a commit, a response: the rows of each frame, in the order in which they came about."""

    def written(event: Any, context: Any) -> Any:
        verbs = {"insert": Insert(event.target, text="x"), "delete": Delete(event.target)}
        return verbs.get(event.text) or Update(event.target, text=event.text, number=3)

    async def write(command: Any, context: Any) -> Any:
        yield Written(text=command.text).on(context.target)
        yield context.respond(text=command.text)

    reader = MemoryReader(stored("notes", "note", note("old", etag="e1"), note("gone", text="bye", etag="e2")))
    manager = manage(notes(write=write, written=written), reader=reader, user=None)
    for place, (name, identifier) in enumerate([("insert", "new"), ("y", "old"), ("delete", "gone")], 4):
        await manager.issue(Write(text=name), on=f"note/{identifier}", cell=None if name == "y" else place)
    frame = pending_frame(manager.state)
    assert (dtypes(frame), list(frame.index)) == (PENDING, [1, 2, 3])
    assert frame[["mutation", "resource", "identifier", "values", "event", "command", "step"]].values.tolist() == [
        ["insert", "notes:note", "new", {"text": "x"}, "Written", "Write", 1],
        ["update", "notes:note", "old", {"text": "y", "number": 3}, "Written", "Write", 2],
        ["delete", "notes:note", "gone", {}, "Written", "Write", 3]]
    assert frame["cell"].tolist() == [4, pd.NA, 6]
    assert frame[["policy", "user"]].isna().all(axis=None)
    assert frame["at"].is_monotonic_increasing
    plan = plan_frame(manager.plan()).set_index("identifier")
    assert dtypes(plan_frame(manager.plan())) == PLAN
    assert plan.loc["old"].tolist() == [
        "update", "notes:note", ("text", "number"), {"text": "", "number": 0}, {"text": "y", "number": 3}, "e1", (2,)]
    assert plan.loc["gone", "old"] == {"text": "bye", "number": 0}
    assert (plan.loc["gone", "new"], pd.isna(plan.loc["new", "etag"])) == ({}, True)


async def test_a_plan_is_the_same_frame_by_its_columns_and_by_its_changes() -> None:
    """Whatever is changed, of several resources, in rings and by several steps: the rows stand as they are written."""
    folders = [Folder(_id=name, inside=inside, code=name, _etag=f"of {name}")
               for name, inside in (("a", None), ("b", "a"), ("c", "b"), ("d", None))]
    files = [File(_id=number, folder="a", _etag=f"of {number}") for number in range(4)]
    domain = desk(Folder, File)
    tables = {kindred: table._replace(
        foreign_keys=tuple(key._replace(deferrable=False) for key in table.foreign_keys),
        uniques=tuple(unique._replace(deferrable=False) for unique in table.uniques))
        for kindred, table in Models(Registry([domain])).tables.items()}
    manager = manage(domain, tables=tables, reader=MemoryReader(
        {**stored("desk", "folder", *folders), **stored("desk", "file", *files)}))
    for mutations in (
        [Insert(at(File, 5), folder="e"), Insert(at(Folder, "e"), inside="f", code="e")],
        [Insert(at(Folder, "f"), inside="e", code="x"), Delete(at(File, 1))],
        [Update(at(Folder, "b"), code="c"), Update(at(Folder, "c"), code="b"), Update(at(File, 0), folder="b")],
        [Update(at(File, 0), note="x"), Update(at(File, 2), folder="d"), Update(at(File, 3), note=None)],
        [Delete(at(File, 5)), Insert(at(File, 6), folder="e", note="y"), Delete(at(Folder, "d"))],
    ):
        await manager.issue(Edit(mutations=mutations))
        plan = manager.plan()
        pd.testing.assert_frame_equal(plan_frame(plan), changes_frame(plan.changes))
    assert [part for rank in plan.ranks for part in rank if part.part]      # not all was done at once
    assert {len(steps) for steps in plan_frame(plan)["steps"]} == {1, 2}


async def test_what_a_swap_sets_and_sets_back_is_not_told() -> None:
    """A swap within a unique constraint of two fields may give a field up that stays: the statement sets it again, but
    neither the plan's lines nor its frame tell it as changed."""
    domain = desk(Folder)
    (kindred, table), = Models(Registry([domain])).tables.items()
    table = table._replace(foreign_keys=(), uniques=(Unique("both", ("inside", "code")),))
    manager = manage(domain, tables={kindred: table}, reader=MemoryReader(stored(
        "desk", "folder", *(Folder(_id=name, inside="d", code=name, _etag="stored") for name in "ab"))))
    await manager.issue(Edit(mutations=[Update(at(Folder, "a"), code="b"), Update(at(Folder, "b"), code="a")]))
    plan = manager.plan()
    assert ("inside", "code") in [change.columns[-2:] for change in plan.changes]
    assert sorted(map(repr, plan.changes)) == ["~ desk:folder/a  code: 'a' -> 'b'", "~ desk:folder/b  code: 'b' -> 'a'"]
    frame = plan_frame(plan).sort_values("identifier")
    assert frame[["columns", "old", "new"]].values.tolist() == [
        [("code",), {"code": "a"}, {"code": "b"}], [("code",), {"code": "b"}, {"code": "a"}]]


async def test_what_comes_back_is_told(dsn: str) -> None:
    """Of an item that was deleted softly and comes back, the frame of the plan tells it as the plan does."""
    async with Session(desk(Folder, File), dsn=dsn) as session:
        await edit(session, Insert(at(Folder, "a"), code="a"), Insert(at(File, 1), folder="a"))
        await session.commit()
        await edit(session, Delete(at(File, 1)))
        assert changes_frame(session.plan().changes).loc[1, ["columns", "old", "new"]].tolist() == [
            (), {"folder": "a", "note": None}, {}]
        done = await session.commit()
        plan = await session.revert(-1)
        frame = plan_frame(plan)
        assert frame.loc[1, ["change", "columns", "old", "new"]].tolist() == [
            "update", ("_deleted",), {"_deleted": done.plan.changes[0].after._deleted}, {"_deleted": None}]
        pd.testing.assert_frame_equal(frame, changes_frame(plan.changes))


async def test_what_policies_issued_is_among_the_pending() -> None:
    """A mutation that followed by a policy stands after the one it reacts to, with the policy's name."""

    async def by_policy(event: Any, context: Any) -> Any:
        return Copy(text="y").on(Target("notes", "note", "copy"))

    manager = manage(notes(policies=[by_policy]))
    await manager.issue(Write(text="x"), on="note/a", cell=2)
    frame = pending_frame(manager.state)
    assert frame[["identifier", "event", "command", "step", "cell"]].values.tolist() == [
        ["a", "Written", "Write", 1, 2], ["copy", "Copied", "Copy", 1, 2]]
    assert (pd.isna(frame.loc[1, "policy"]), frame.loc[2, "policy"]) == (True, "by_policy")


def documented(of: Callable[..., Any]) -> set[str]:
    """The names in a docstring that stand as code."""
    return set(re.findall(r"``(\w+)``", of.__doc__ or ""))


def test_columns_are_documented() -> None:
    """The docstring of whatever makes a frame names its columns, all of them."""
    manager = manage(notes())
    main = manager.here
    assert set(pending_frame(manager.state)) <= documented(pending_frame)
    assert set(plan_frame(manager.plan())) <= documented(plan_frame)
    assert set(steps_frame(main)) <= documented(steps_frame)
    assert set(branches_frame([], main)) <= documented(branches_frame)
    assert set(comparison_frame(manager.compare("main"))) <= documented(comparison_frame)
    empty: tuple[Any, ...] = ()
    for of in (events_frame, conflict_frame, drift_frame, explain_frame, history_frame):
        assert set(of(empty)) <= documented(of)
    batch = Batch([])
    for of in (refusals_frame, causes_frame):
        assert set(of(batch)) <= documented(of)
    assert "state" in documented(items_frame)
    assert set(DTYPES.values()) - {"object"} <= set(re.findall(r"``(.+?)``", columns.__doc__ or ""))


def test_values_of_any_kind_stay_what_they_are() -> None:
    """A column that may hold anything, as what a comparison or a conflict tells of, holds the very objects."""
    values = {"money": Decimal("1.10"), "link": UUID(int=7), "moment": MOMENT, "facts": FrozenDict({"a": 1})}
    rows = [tuple(values.values()), (None,) * 4]
    frame = frames.frame_of(rows, dict.fromkeys(values, object))
    assert [frame.loc[1, name] is value for name, value in values.items()] == [True] * 4
    assert frame.loc[2].tolist() == [None] * 4
    assert set(dtypes(frame).values()) == {"object"}


def test_a_frame_is_known_as_one() -> None:
    """Only a DataFrame is one; a column or a list of rows is none."""
    frame = frames.frame_of([(1,)], {"a": int})
    assert [frames.is_frame(value) for value in (frame, frame["a"], [{"a": 1}], None)] == [True, False, False, False]


def test_many_rows() -> None:
    """A hundred thousand items make a frame as a few do, and a page of it is shown; how long it took is printed, not
    judged."""
    items = [note(str(number), text="t", number=number) for number in range(100_000)]
    rows = [("clean", Target("notes", "note", item._id), item) for item in items]
    begun = perf_counter()
    frame = items_frame(Note, rows)
    print(f"{(perf_counter() - begun) * 1000:.0f} ms for {len(frame):,} items")  # noqa: T201  # to be seen with -s
    assert frame["number"].sum() == sum(range(100_000))
    assert frame.loc["99999", "number"] == 99_999
    html = frame._repr_html_()      # type: ignore[operator]  # pandas' own
    assert html.count("<tr") < 100
    assert "100000 rows" in html
    assert len(repr(frame)) < 20_000
