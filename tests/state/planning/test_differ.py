"""Differ and Block: what many entries amount to, found column by column, is what a comparison one by one finds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from workbench import Event, Resource, Target, Update, field
from workbench.domain.sameness import same
from workbench.state.planning.block import PIECE, Block, Rank
from workbench.state.planning.differ import Differ
from workbench.state.state import Entry

KINDRED = ("things", "thing")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Thing(Resource):
    """Values that are equal and yet not the same, and the other way round."""

    _id = field(int)
    name = field(str, initial="")
    share = field(float | None)
    price = field(Decimal | None)
    facts = field(dict, initial={})
    anything = field(object, initial=None)
    shares = field(list[float], initial=[])


class Gone(Thing):
    """Things that are deleted softly."""

    _deleted = field(datetime | None)


class Happened(Event):
    pass


class Way(NamedTuple):
    """What becomes of one item: its public values before and after, None where there is none."""

    before: dict[str, Any] | None
    after: dict[str, Any] | None
    stamped: bool       # whether it has got another etag
    deleted: bool       # whether it is marked as deleted, where it can be


VALUES = st.fixed_dictionaries({}, optional={
    "name": st.sampled_from(["a", "b"]),
    "share": st.sampled_from([0.0, 1.0, float("nan"), None]),
    "price": st.sampled_from([Decimal("1"), Decimal("1.0"), Decimal("2"), Decimal("NaN"), None]),
    "facts": st.sampled_from([{}, {"a": 1}, {"a": 1.0}, {"a": True}, {"a": [1, {"b": 2}]}, {"a": [1.0, {"b": 2}]}]),
    "anything": st.sampled_from([1, 1.0, float("nan"), Decimal("NaN"), "a"]),
    "shares": st.sampled_from([[], [1.0], [1.0, float("nan")]]).map(lambda shares: [share + 0 for share in shares])})
WAYS = st.lists(st.builds(Way, st.none() | VALUES, st.none() | VALUES, st.booleans(), st.booleans()), max_size=12)


def item(cls: type[Thing], number: int, values: dict[str, Any], *, etag: str, deleted: bool) -> Thing:
    marked = {"_deleted": NOW} if deleted and cls is Gone else {}
    return cls(_id=number, _etag=etag, _updated=NOW + timedelta(etag == "new"), **marked, **values)


def entries_of(cls: type[Thing], ways: list[Way]) -> list[tuple[Target, Entry]]:
    """An entry for each way, of one mutation that names the values after."""
    found = []
    for number, way in enumerate(ways):
        target = Target(*KINDRED, number)
        before = None if way.before is None else item(cls, number, way.before, etag="old", deleted=False)
        after = None if way.after is None else item(
            cls, number, way.after, etag="new" if way.stamped else "old", deleted=way.deleted)
        found.append((target, Entry(before, after, Update(target, **(way.after or {})), Happened(), 1, number)))
    return found


def naive(target: Target, entry: Entry) -> tuple[str, Target, tuple[str, ...]] | None:
    """The kind of a change and the columns that it sets, by comparing each field with ``same``; None for no change."""
    before, after = entry.origin, entry.current
    gone = after is None or getattr(after, "_deleted", None) is not None
    if before is None:
        return None if after is None or gone else ("insert", target, tuple(type(after)._fields))
    if after is None:
        return "delete", target, ()
    columns = tuple(name for name in type(after)._fields if not same(getattr(before, name), getattr(after, name)))
    return None if set(columns) <= {"_updated", "_etag"} else ("delete" if gone else "update", target, columns)


def blocks_of(cls: type[Thing], entries: list[tuple[Target, Entry]]) -> tuple[list[Block], list[Target]]:
    return Differ(KINDRED, cls).blocks([pair for pair in entries if pair[1].origin is None],
                                       [pair for pair in entries if pair[1].origin is not None])


@given(cls=st.sampled_from([Thing, Gone]), ways=WAYS)
def test_columns_tell_what_items_tell(cls: type[Thing], ways: list[Way]) -> None:
    """The blocks of any entries hold the changes that each entry alone is, in their order; the others are idle."""
    entries = entries_of(cls, ways)
    blocks, idle = blocks_of(cls, entries)
    wanted = {target: naive(target, entry) for target, entry in entries}
    changes = list(Rank(blocks))
    assert [(change.kind, change.target, change.columns) for change in changes] == list(filter(None, wanted.values()))
    assert sorted(idle) == [target for target, change in wanted.items() if change is None]
    for change in changes:
        [alone] = filter(None, [Differ(KINDRED, cls).change(change.target, change.entry)])
        assert (alone.kind, alone.shape, alone.before, alone.after, alone.etag) == (
            change.kind, change.shape, change.before, change.after, change.etag)


@given(cls=st.sampled_from([Thing, Gone]), ways=WAYS)
def test_what_can_share_a_statement(cls: type[Thing], ways: list[Way]) -> None:
    """Parted by what they set, blocks hold the same changes, each of one shape, in the same order, none twice."""
    blocks, _ = blocks_of(cls, entries_of(cls, ways))
    for block in blocks:
        parts = [part for part in block.alike() if part is not None]
        assert len({part.shape for part in parts}) == len(parts)
        for part in parts:
            assert {change.shape for change in part} == {part.shape}
            assert list(part.targets) == [change.target for change in block if change.shape == part.shape]
            assert part.etags() == [change.etag for change in part]
        assert sum(map(len, parts)) == len(block)


def test_others_have_turns() -> None:
    """A long block lets others have a turn after each piece of it, and puts together what the pieces hold alike."""
    ways = [Way({"name": "a"}, {"name": "b"} if number % 2 else {"facts": {"a": 1}}, True, False)
            for number in range(2 * PIECE + 1)]
    [block], _ = blocks_of(Thing, entries_of(Thing, ways))
    parts = list(block.alike())
    assert [part and len(part) for part in parts] == [None, None, None, PIECE + 1, PIECE]
