"""The order of changes: whatever is written rank by rank, no constraint is ever broken on the way.

`write` is a database of plain dicts that checks foreign keys and unique values after every row, as Postgres does.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import permutations
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.state.domains import START
from workbench import Event, Resource, Target, Update, field
from workbench.domain.kinds import kind_of
from workbench.state.planning.block import Rank
from workbench.state.planning.change import Change, Shape
from workbench.state.planning.order import Order, ordered
from workbench.state.planning.table import Column, ForeignKey, Table, Unique
from workbench.state.state import Entry


class Folder(Resource):
    """A tree: a folder may lie inside another one. Its ``code`` is unique, and may change."""

    _id = field(str)
    inside = field(str | None)
    also = field(str | None)        # in a second one
    code = field(str | None)


class Paper(Resource):
    """Lies in a folder, and may be filed under a folder's code. Papers are deleted softly."""

    _id = field(str)
    _deleted = field(datetime | None)
    folder = field(str | None)
    filed = field(str | None)


FOLDER, PAPER = ("office", "folder"), ("office", "paper")
KEYS = {FOLDER: (ForeignKey("inside", ("inside",), FOLDER), ForeignKey("also", ("also",), FOLDER)),
        PAPER: (ForeignKey("folder", ("folder",), FOLDER), ForeignKey("filed", ("filed",), FOLDER, ("code",)))}
UNIQUE = {FOLDER: (Unique("code", ("code",)),), PAPER: ()}
Rows = dict[Target, Any]


def tables(*, nullable: bool = True, deferrable: Iterable[str] = ()) -> dict[Any, Table]:
    """The tables of folders and papers, their foreign keys NULL or not, some of the constraints deferrable."""
    return {kindred: Table(
        kindred, kindred[1], None,
        tuple(Column(name, name, "text", kind_of(str), nullable) for name in cls._fields if not name.startswith("_")),
        tuple(key._replace(deferrable=key.name in deferrable) for key in KEYS[kindred]),
        tuple(unique._replace(deferrable=unique.name in deferrable) for unique in UNIQUE[kindred]),
    ) for kindred, cls in ((FOLDER, Folder), (PAPER, Paper))}


def ranks_of(changes: list[Change]) -> list[list[Change]]:
    return [list(rank) for rank in ordered(Rank.of(changes), tables()).ranks]


def change(before: Any, after: Any) -> Change:
    """The change from one item to another one; None where there is none."""
    item = after if before is None else before
    target = Target(*(FOLDER if isinstance(item, Folder) else PAPER), item.identifier)
    gone = after is None or getattr(after, "_deleted", None) is not None
    kind = "insert" if before is None else "delete" if gone else "update"
    return Change(kind, target, before, after, Shape(target[:2], kind, ()),
                  Entry(before, after, Update(target), Event(), 1, 1))


def changes_between(before: Rows, after: Rows) -> list[Change]:
    return [change(before.get(target), after.get(target)) for target in {**before, **after}
            if before.get(target) != after.get(target)]


def broken(rows: Rows, deferred: frozenset[str] = frozenset()) -> list[str]:
    """The constraints that do not hold, those that are deferred left out."""
    folders = [row for target, row in rows.items() if target[:2] == FOLDER]
    there = {"_id": {row._id for row in folders}, "code": {row.code for row in folders}}
    faults = [f"{target} names {key.name} {value}" for target, row in rows.items() for key in KEYS[target[:2]]
              if (value := getattr(row, key.fields[0])) is not None and value not in there[key.parent_fields[0]]
              and key.name not in deferred]
    codes = [row.code for row in folders if row.code is not None]
    return faults + [f"{code} twice" for code in set(codes) if codes.count(code) > 1 and "code" not in deferred]


def write(rows: Rows, order: Order, random: Random | None = None) -> Rows:
    """The rows after all changes, one after the other, those of a rank in any order if there is a random one; fails
    where one of them breaks a constraint."""
    rows = dict(rows)
    ranks = [list(rank) for rank in order.ranks]
    for rank in ranks if random is not None else ():
        random.shuffle(rank)
    for one in (one for rank in ranks for one in rank):
        if one.part == "park":
            rows[one.target] = rows[one.target].set(**one.parked)       # type: ignore[arg-type]  # a park has them
        elif one.part == "fill":
            rows[one.target] = rows[one.target].set(**{name: getattr(one.after, name) for name in one.columns})
        elif one.after is None:
            del rows[one.target]
        else:
            rows[one.target] = one.after.set(**dict.fromkeys(one.shape.withheld))
        assert not broken(rows, order.deferred), f"{one!r} {one.part} was too early or too late"
    assert not broken(rows)
    return rows


@st.composite
def offices(draw: st.DrawFn) -> Rows:
    """Rows that hold together: a forest of folders, some inside themselves, and papers in them."""
    names = draw(st.permutations("abcdef"))[:draw(st.integers(0, 6))]
    rows: Rows = {}
    for place, name in enumerate(names):
        inside = draw(st.none() | st.sampled_from([*names[:place], name]))
        rows[Target(*FOLDER, name)] = Folder(_id=name, inside=inside, _created=START)
    for name in draw(st.sets(st.sampled_from("uvwxyz"), max_size=6)):
        folder = draw(st.none() | st.sampled_from(names)) if names else None
        rows[Target(*PAPER, name)] = Paper(_id=name, folder=folder, _created=START,
                                           _deleted=draw(st.none() | st.just(START)))
    return rows


def depth(rows: Rows, target: Target) -> int:
    """How many folders a row is inside of."""
    row = rows[target]
    up = row.inside if target[:2] == FOLDER else row.folder
    return 0 if up is None or (up == row.identifier and target[:2] == FOLDER) else 1 + depth(rows, Target(*FOLDER, up))


@settings(max_examples=300, deadline=None)
@given(offices(), offices(), st.randoms(use_true_random=False))
def test_no_foreign_key_is_broken_on_the_way(before: Rows, after: Rows, random: Any) -> None:
    """From any forest to any other each change is written once, and keeps every foreign key, in whatever order a rank
    is written."""
    changes = changes_between(before, after)
    random.shuffle(changes)
    order = ordered(Rank.of(changes), tables(nullable=False))
    assert (order.tangles, order.deferred) == ((), frozenset())
    assert sorted(map(repr, (one for rank in order.ranks for one in rank))) == sorted(map(repr, changes))
    assert write(before, order, random) == after


STRANGERS: Rows = {     # neither of them names the other
    Target(*FOLDER, "a"): Folder(_id="a", _created=START), Target(*PAPER, "u"): Paper(_id="u", _created=START)}


@settings(max_examples=200, deadline=None)
@given(offices(), offices(), st.sets(st.sampled_from([FOLDER, PAPER])), st.randoms(use_true_random=False))
@example(STRANGERS, {}, {PAPER}, Random(0))
def test_what_is_only_guessed(before: Rows, after: Rows, children: set[Any], random: Any) -> None:
    """Deletions of what may refer to others go first, unless what is known speaks against it."""
    changes = changes_between(before, after)
    some = {kindred: table._replace(above=frozenset({FOLDER, PAPER} - {kindred} if kindred in children else ()))
            for kindred, table in tables(nullable=False).items()}
    order = ordered(Rank.of(changes), some)
    assert (order.tangles, order.deferred) == ((), frozenset())
    assert sorted(map(repr, (one for rank in order.ranks for one in rank))) == sorted(map(repr, changes))
    assert all(order.ranks)
    assert write(before, order, random) == after
    gone = [one.target[:2] for rank in order.ranks for one in rank if one.after is None]
    if children == {PAPER}:
        assert gone == sorted(gone, reverse=True)       # papers, then folders


@st.composite
def webs(draw: st.DrawFn) -> Rows:
    """Folders that name each other in whatever way, rings and double names included, some with codes."""
    names = draw(st.lists(st.sampled_from("abcd"), unique=True, max_size=4))
    codes = draw(st.permutations([*"1234", None]))
    other = st.none() | st.sampled_from(names) if names else st.none()
    return {Target(*FOLDER, name): Folder(_id=name, inside=draw(other), also=draw(other), code=codes[place],
                                          _created=START) for place, name in enumerate(names)}


@settings(max_examples=400, deadline=None)
@given(webs(), webs(), st.randoms(use_true_random=False))
def test_rings_are_opened(before: Rows, after: Rows, random: Any) -> None:
    """Where columns may be NULL any web of rows becomes any other: rings are opened, swaps work, nothing breaks."""
    order = ordered(Rank.of(changes_between(before, after)), tables())
    assert (order.tangles, order.deferred) == ((), frozenset())
    assert write(before, order, random) == after


@settings(max_examples=300, deadline=None)
@given(webs(), webs(), st.sets(st.sampled_from(["inside", "also", "code"]), min_size=1),
       st.randoms(use_true_random=False))
def test_rings_with_deferrable_constraints(before: Rows, after: Rows, deferrable: set[str], random: Any) -> None:
    """Only what is deferrable is deferred, and all other constraints hold after every row."""
    order = ordered(Rank.of(changes_between(before, after)), tables(deferrable=deferrable))
    assert order.tangles == ()
    assert order.deferred <= deferrable
    assert write(before, order, random) == after


@settings(max_examples=100, deadline=None)
@given(offices())
def test_ranks_are_as_few_as_can_be(rows: Rows) -> None:
    """A forest is written and taken away in as many ranks as it is deep."""
    deep = max((1 + depth(rows, target) for target in rows), default=0)
    assert len(ranks_of(changes_between({}, rows))) == deep
    assert len(ranks_of(changes_between(rows, {}))) == deep


def test_changes_without_foreign_keys_are_one_rank() -> None:
    """Where nothing depends on anything all changes are one rank, in the order they were given."""
    papers = [change(None, Paper(_id=name)) for name in "cab"]
    assert ranks_of(papers) == [papers]
    assert [list(rank) for rank in ordered(Rank.of(papers), {}).ranks] == [papers]
    assert ranks_of([]) == []


def test_a_chain() -> None:
    """Parents come before children and go after them, within one table too."""
    chain = [Folder(_id=name, inside=inside) for name, inside in (("c", "b"), ("b", "a"), ("a", None))]
    assert [[one.target.identifier for one in rank] for rank in ranks_of([change(None, it) for it in chain])] == [
        ["a"], ["b"], ["c"]]
    assert [[one.target.identifier for one in rank] for rank in ranks_of([change(it, None) for it in chain])] == [
        ["c"], ["b"], ["a"]]


def test_a_row_inside_itself() -> None:
    """A row that names itself depends on nothing."""
    itself = Folder(_id="a", inside="a")
    assert [len(rank) for rank in ranks_of([change(None, itself)])] == [1]
    assert [len(rank) for rank in ranks_of([change(itself, None)])] == [1]


def test_moving_out_of_a_folder_that_goes() -> None:
    """A paper moves to a new folder after it is made and before its old one goes."""
    moves = [change(Folder(_id="old"), None), change(Paper(_id="p", folder="old"), Paper(_id="p", folder="new")),
             change(None, Folder(_id="new"))]
    assert [[repr(one)[0] for one in rank] for rank in ranks_of(moves)] == [["+"], ["~"], ["-"]]


@pytest.mark.parametrize("deleted", [None, START])
def test_a_softly_deleted_row_still_names_its_parent(deleted: datetime | None) -> None:
    """A row that is moved to a new parent and softly deleted in one change comes after that parent all the same."""
    moves = [change(Paper(_id="p"), Paper(_id="p", folder="new", _deleted=deleted)), change(None, Folder(_id="new"))]
    assert write({Target(*PAPER, "p"): Paper(_id="p")}, ordered(Rank.of(moves), tables()))


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_key_that_changes(order: Any) -> None:
    """Where a parent's own key changes, those that leave the old one come first, those that take the new one last."""
    folder, leaves = Folder(_id="f", code="old"), Paper(_id="l", filed="old")
    comes = Paper(_id="c", filed="new")
    changes = [change(folder, Folder(_id="f", code="new")), change(leaves, Paper(_id="l")), change(None, comes)]
    before = {Target(*FOLDER, "f"): folder, Target(*PAPER, "l"): leaves}
    assert len(write(before, ordered(Rank.of([changes[place] for place in order]), tables()))) == 3


def ring() -> list[Change]:
    """Two new folders, each inside the other."""
    return [change(None, Folder(_id="a", inside="b")), change(None, Folder(_id="b", inside="a"))]


def test_a_ring_that_cannot_be_opened() -> None:
    """Rows that must name each other come together in a last rank, and it is said in words what holds them."""
    plain = [change(None, Folder(_id="c")), change(None, Folder(_id="d", inside="c"))]
    order = ordered(Rank.of([*ring(), *plain]), tables(nullable=False))
    assert [[one.target.identifier for one in rank] for rank in order.ranks] == [["c"], ["d"], ["a", "b"]]
    (tangle,) = order.tangles
    assert "after office:folder/a, which makes the row that it names (foreign key inside)" in tangle


def test_a_ring_that_is_deferred() -> None:
    """Where the constraint is deferrable, it is deferred, and nothing is written twice."""
    order = ordered(Rank.of(ring()), tables(nullable=False, deferrable=["inside"]))
    assert (order.deferred, [len(rank) for rank in order.ranks]) == (frozenset({"inside"}), [2])


def test_a_ring_that_is_filled_in() -> None:
    """Where the column may be NULL, one row is inserted without its parent and filled in afterwards."""
    order = ordered(Rank.of(ring()), tables())
    assert [[(one.kind, one.part) for one in rank] for rank in order.ranks] == [
        [("insert", "")], [("insert", "")], [("update", "fill")]]
    assert write({}, order)
