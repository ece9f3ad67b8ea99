"""Merge of branches: what is taken over, what is a conflict, what a commit changes of it, and that a merge is right."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.editing import Edit, at, desk
from tests.state.domains import RecordingReader, held, manage, stored
from tests.state.history.cards import A, B, C, Card, cards, edit, parted
from workbench import Delete, Insert, Resource, Target, Update, field
from workbench.domain.mutation import Mutation
from workbench.errors import Conflict, Invalid, NothingTo, UnknownName
from workbench.state.manager import StateManager
from workbench.state.step import NOT_THERE


async def test_a_merge_takes_over_what_only_the_other_changed() -> None:
    """Columns and items that only the other branch changed are taken over, in one step that is undone as one."""
    manager = await parted([Update(A, a=1)], [Update(A, b=2), Delete(B), Insert(C, c=3)], "a", "b")
    plan = held(manager).merge("other", {})
    assert [repr(change) for change in plan.changes] == [
        "~ desk:card/a  a: 0 -> 1, b: 0 -> 2", "- desk:card/b  a=0, b=0, c=0", "+ desk:card/c  a=0, b=0, c=3"]
    assert manager.state.steps()[-1].address == "merge branch other"
    assert "event BranchMerged branch='other'" in plan.why(B)
    manager.history.undo()
    assert [repr(change) for change in manager.plan().changes] == ["~ desk:card/a  a: 0 -> 1"]


async def test_a_merge_that_must_ask() -> None:
    """Both sides changed a column, or one deleted what the other changed: a Conflict with base, mine and theirs of all,
    and nothing is changed; ways decide each."""
    manager = await parted([Update(A, a=1), Delete(B), Insert(C, a=1)],
                           [Update(A, a=2, b=2), Update(B, a=2), Insert(C, a=2)], "a", "b")
    state = manager.state
    with pytest.raises(Conflict) as conflict:
        held(manager).merge("other", {})
    assert [(clash.target, clash.kind) for clash in conflict.value.items] == [
        (A, "update-update"), (B, "delete-update"), (C, "insert-insert")]
    assert manager.state is state
    assert conflict.value.branch == "other"
    assert str(conflict.value).splitlines()[0] == (
        "conflict on 3 items: nothing was merged; decide each: "
        "merge('other', ways={item: \"mine\", \"theirs\" or values})")
    with pytest.raises(Conflict) as conflict:
        held(manager).merge("other", {A: "mine", B: "theirs"})
    assert [clash.target for clash in conflict.value.items] == [C]
    plan = held(manager).merge("other", {A: {"a": 9}, B: "theirs", C: "mine"})
    assert {change.target: change.new for change in plan.changes} == {
        A: {"a": 9, "b": 2}, B: {"a": 2}, C: {"a": 1, "b": 0, "c": 0}}


async def test_ways_that_do_not_fit() -> None:
    """A way for an item that is in no conflict, and one that is no way, are refused in words."""
    manager = await parted([Update(A, a=1)], [Update(A, a=2)], "a", "b")
    with pytest.raises(UnknownName, match="desk:card/b"):
        held(manager).merge("other", {A: "mine", B: "mine"})
    with pytest.raises(Invalid, match="'hers' is no way out"):
        held(manager).merge("other", {A: "hers"})
    with pytest.raises(Invalid, match="z: there is no such field"):
        held(manager).merge("other", {A: {"z": 1}})


async def test_what_a_merge_comes_to_is_validated() -> None:
    """A merge whose outcome a check refuses changes nothing, and says the item and the field."""
    manager = await parted([Update(A, a=1)], [Update(A, a=2)], "a")
    state = manager.state
    with pytest.raises(Invalid, match="desk:card/a: c: -1 failed its check: not negative"):
        held(manager).merge("other", {A: {"a": 1, "c": -1}})
    assert manager.state is state


async def test_merging_again() -> None:
    """What was merged is here: a second merge finds nothing to do."""
    manager = await parted([], [Update(A, a=2)], "a")
    held(manager).merge("other", {})
    with pytest.raises(NothingTo, match="what 'other' changed is here already"):
        held(manager).merge("other", {})


async def test_what_the_other_branch_read_is_verified() -> None:
    """The merge stands on what the steps of the other branch have read: the plan verifies it."""
    manager = cards("a", "b")
    with manager.history.branch("other"):
        await manager.issue(Edit(mutations=[Update(A, a=1)], reads=[A, B]))
    assert dict(held(manager).merge("other", {}).reads) == {B: "stored"}


async def overtaken(*reads: Target) -> StateManager:
    """A manager on main that has seen a rival's change of A and B, and a branch that read some items before it."""
    items = [Card(_id=identifier, _etag="stored") for identifier in "ab"]
    reader = RecordingReader(stored("desk", "card", *items))
    manager = manage(desk(Card), reader=reader)
    with manager.history.branch("other"):
        await manager.issue(Edit(mutations=[Update(A, b=1)], reads=reads))
    for target in (A, B):
        reader.items[target] = reader.items[target].set(c=5, _etag="rival")
    await edit(manager, Update(A, a=1), Update(B, a=1))
    for target in (A, B):
        manager.cache.take(target, reader.items[target])
    await held(manager).rebase()
    return manager


async def test_what_a_rival_wrote_is_not_merged_away() -> None:
    """Where this branch knows a later version of an item than the other one changed, it is asked, and what the rival
    wrote is no change of mine; the merge of both keeps it."""
    manager = await overtaken(A)
    assert manager.compare("other").differences[0].sides("c") == (0, 5, 0)
    with pytest.raises(Conflict) as conflict:
        held(manager).merge("other", {})
    assert [(clash.target, clash.kind) for clash in conflict.value.items] == [(A, "update-update")]
    plan = held(manager).merge("other", {A: "merge"})
    assert {change.target: change.new for change in plan.changes} == {A: {"a": 1, "b": 1}, B: {"a": 1}}
    assert {change.target: change.etag for change in plan.changes} == {A: "rival", B: "rival"}
    assert plan.reads == {}


async def test_what_the_other_branch_read_is_past() -> None:
    """An item that the other branch only read, and that this one knows in a later version, is a conflict too; "mine"
    and "theirs" accept it and leave my change of it alone, values are refused."""
    manager = await overtaken(A, B)
    with pytest.raises(Conflict) as conflict:
        held(manager).merge("other", {A: "merge"})
    assert [(clash.target, clash.kind) for clash in conflict.value.items] == [(B, "read-update")]
    with pytest.raises(Invalid, match="it was only read here"):
        held(manager).merge("other", {A: "merge", B: {"a": 3}})
    plan = held(manager).merge("other", {A: "merge", B: "theirs"})
    assert {change.target: change.new for change in plan.changes} == {A: {"a": 1, "b": 1}, B: {"a": 1}}
    assert plan.reads == {}


# ------------------------------------------------------------------------------------------------ merge after a commit

D = at(Card, "d")


def settled(manager: StateManager, *only: Target) -> None:
    """Takes what is pending, or a part of it, as written."""
    here = held(manager)
    here.settle(here.part(only) if only else here.plan())


def pending(manager: StateManager) -> dict[Target, str]:
    """What the plan does, by item."""
    return {change.target: change.kind for change in manager.plan().changes}


async def three(manager: StateManager) -> None:
    """Shared steps that add A and D; a branch "adds" that adds C, and one "deletes" that deletes A."""
    await edit(manager, Insert(D))
    await edit(manager, Insert(A, a=1))
    manager.history.branch("adds")
    with manager.history.branch("deletes"):
        await edit(manager, Delete(A))
    with manager.branches["adds"]:
        await edit(manager, Insert(C))


@pytest.mark.parametrize("only", [D, A, None])
async def test_a_merge_brings_nothing_back_after_a_commit(only: Target | None) -> None:
    """What one of two branches has deleted stays so in a merge of the other, whatever of their common steps was
    committed meanwhile, and wherever; and nothing is in conflict."""
    manager = cards()
    await three(manager)
    settled(manager, *([] if only is None else [only]))
    manager.history.switch("deletes")
    assert pending(manager) == {**({D: "insert"} if only is A else {}), **({A: "delete"} if only in (A, None) else {})}
    held(manager).merge("adds", {})
    assert pending(manager) == {**({D: "insert"} if only is A else {}), **({A: "delete"} if only in (A, None) else {}),
                                C: "insert"}


async def test_a_merge_after_the_commit_of_an_earlier_step() -> None:
    """What both branches share and neither has committed is no change of either."""
    manager = cards("a", "b")
    await edit(manager, Update(B, a=1))
    manager.history.checkpoint("early")
    await edit(manager, Update(A, a=2))
    manager.history.branch("one")
    with manager.history.branch("other"):
        await edit(manager, Update(A, a=3))
    manager.history.undo()
    settled(manager)
    manager.history.switch("one")
    assert manager.compare("other").differences[0].sides("a") == (2, 2, 3)
    held(manager).merge("other", {})
    assert repr(manager.plan().changes) == "(~ desk:card/a  a: 0 -> 3,)"


async def test_a_merge_with_a_branch_that_the_commit_left_alone() -> None:
    """A commit carries one branch and leaves the other, which shares another step with it: that is still shared."""
    manager = cards()
    await edit(manager, Insert(A, a=1))
    with manager.history.branch("left alone"):
        await edit(manager, Insert(C))
    await edit(manager, Insert(D))
    with manager.history.branch("deletes"):
        await edit(manager, Delete(A))
    settled(manager, D)
    manager.history.switch("deletes")
    held(manager).merge("left alone", {})
    assert pending(manager) == {C: "insert"}


@pytest.mark.parametrize("rebased", ["main", "other"])
async def test_a_merge_after_a_rebase(rebased: str) -> None:
    """The steps that a rebase issues again are shared as before: what one deleted stays so, what one changed is no
    conflict."""
    manager = cards("a")
    await edit(manager, Insert(C))
    await edit(manager, Update(A, a=1))
    with manager.history.branch("other"):
        await edit(manager, Update(A, a=2))
    await edit(manager, Delete(C))
    with manager.branches[rebased]:
        await held(manager).rebase()
    held(manager).merge("other", {})
    assert repr(manager.plan().changes) == "(~ desk:card/a  a: 0 -> 2,)"


async def test_a_merge_of_the_same_branch_again() -> None:
    """A merge takes over what the other branch did since the last one: what was done here in between stays; what was
    decided is not asked again."""
    manager = await parted([Update(B, a=1)], [Update(A, a=5), Insert(C), Update(B, a=2)], "a", "b")
    held(manager).merge("other", {B: "mine"})
    await edit(manager, Update(A, a=0), Delete(C))
    with manager.branches["other"]:
        await edit(manager, Update(A, b=9))
    held(manager).merge("other", {})
    assert repr(manager.plan().changes) == "(~ desk:card/b  a: 0 -> 1, ~ desk:card/a  b: 0 -> 9)"
    manager.history.undo(3)
    held(manager).merge("other", {B: "mine"})
    assert pending(manager) == {B: "update", A: "update", C: "insert"}


async def test_branches_that_are_merged_with_each_other() -> None:
    """What came from here and comes back in a merge is no change of the other branch."""
    manager = await parted([Update(A, a=5)], [], "a")
    with manager.branches["other"]:
        held(manager).merge("main", {})
        await edit(manager, Update(A, b=1))
    await edit(manager, Update(A, a=6))
    held(manager).merge("other", {})
    assert repr(manager.plan().changes) == "(~ desk:card/a  a: 0 -> 6, b: 0 -> 1,)"


async def test_a_decision_is_a_change_of_its_own() -> None:
    """What was decided in a merge on the other branch is asked about here, though all that it decided is here."""
    manager = await parted([Update(A, a=5)], [Update(A, a=6)], "a")
    held(manager).merge("other", {A: {"a": 4}})
    with manager.branches["other"]:
        held(manager).merge("main", {A: {"a": 7}})
    with pytest.raises(Conflict) as conflict:
        held(manager).merge("other", {})
    (clash,) = conflict.value.items
    assert [side["a"] for side in (clash.base, clash.mine, clash.theirs)] == [6, 4, 7]     # type: ignore[index]


class Paper(Resource):
    """A card whose deletion is soft."""

    _id = field(str)
    _deleted = field(datetime | None)
    a = field(int, initial=0)


@pytest.mark.parametrize("cls", [Card, Paper])
async def test_an_item_whose_deletion_was_committed_comes_back(cls: type[Resource]) -> None:
    """Decided for "theirs", an item that was deleted and committed here is written again: a new one, or on the row of
    the one that was deleted softly; it is verified that it is as the commit left it."""
    target = at(cls, "p")
    reader = RecordingReader(stored("desk", cls.__name__.lower(), cls(_id="p", _etag="stored")))
    manager = manage(desk(cls), reader=reader)
    with manager.history.branch("other"):
        await edit(manager, Update(target, a=1))
    await edit(manager, Delete(target))
    (deleted,) = manager.plan().changes
    settled(manager)
    with pytest.raises(Conflict) as conflict:
        held(manager).merge("other", {})
    assert [(clash.target, clash.kind) for clash in conflict.value.items] == [(target, "delete-update")]
    plan = held(manager).merge("other", {target: "theirs"})
    row = deleted.after
    assert [(change.kind, change.etag, dict(plan.reads)) for change in plan.changes] == [
        ("insert", None, {}) if row is None else ("update", row._etag, {})]
    assert (await manager.fetch(target))[0].a == 1


async def test_what_was_read_and_is_deleted_is_asked() -> None:
    """An item that the other branch only read, and whose deletion was committed here, is a conflict of the merge."""
    manager = cards("a", "b")
    with manager.history.branch("other"):
        await manager.issue(Edit(mutations=[Update(A, a=1)], reads=[A, B]))
    await edit(manager, Delete(B))
    settled(manager)
    with pytest.raises(Conflict) as conflict:
        held(manager).merge("other", {})
    assert [(clash.target, clash.kind) for clash in conflict.value.items] == [(B, "read-delete")]
    assert dict(held(manager).merge("other", {B: "theirs"}).reads) == {B: NOT_THERE}


@pytest.mark.parametrize("ways", ["mine", 3, ["mine"]])
async def test_ways_that_are_no_mapping(ways: Any) -> None:
    """Ways are given by item; a way that is neither a text nor values is no way out."""
    manager = await parted([Update(A, a=1)], [Update(A, a=2)], "a")
    with pytest.raises(Invalid, match="is no mapping; give a way for each item, as in {account"):
        held(manager).merge("other", ways)
    with pytest.raises(Invalid, match='desk:card/a was refused.*\n.*is no way out; say "mine", "theirs", "merge"'):
        held(manager).merge("other", {A: 3})      # type: ignore[dict-item]


VALUES = st.dictionaries(st.sampled_from("abc"), st.integers(0, 3), min_size=1)
async def test_a_merge_in_which_all_stays_as_it_is_here() -> None:
    """To decide every conflict for "mine" is a merge, too: a step that changes nothing, and nothing is asked again."""
    manager = await parted([Update(A, a=1)], [Update(A, a=2)], "a")
    plan = held(manager).merge("other", {A: "mine"})
    assert [repr(change) for change in plan.changes] == ["~ desk:card/a  a: 0 -> 1"]
    assert manager.state.steps()[-1].address == "merge branch other"
    with pytest.raises(NothingTo, match="what 'other' changed is here already"):
        held(manager).merge("other", {})
    manager.history.undo()
    with pytest.raises(Conflict):
        held(manager).merge("other", {})


DONE = st.dictionaries(st.sampled_from([A, B, C]), st.none() | VALUES, max_size=3)


def mutations(done: dict[Any, dict[str, int] | None]) -> list[Mutation]:
    """A deletion for None, and an update else."""
    return [Delete(target) if values is None else Update(target, **values) for target, values in done.items()]


@settings(max_examples=150, deadline=None)
@given(mine=DONE, theirs=DONE)
async def test_a_merge_is_the_naive_merge(mine: dict[Any, Any], theirs: dict[Any, Any]) -> None:
    """A merge equals the three-way merge of plain dicts, column by column; it conflicts exactly where that one does."""
    manager = await parted(mutations(mine), mutations(theirs), "a", "b", "c")
    base = {"a": 0, "b": 0, "c": 0}
    wanted: dict[Any, Any] = {}
    clashing = set()
    for target in (A, B, C):
        one, other = (None if side.get(target, {}) is None else base | side.get(target, {}) for side in (mine, theirs))
        if one == other or other == base:
            wanted[target] = one
        elif one == base:
            wanted[target] = other
        elif one is None or other is None:
            clashing.add(target)
        else:
            wanted[target] = {name: other[name] if one[name] == 0 else one[name] for name in base}
            if any(one[name] != other[name] and one[name] and other[name] for name in base):
                clashing.add(target)
    try:
        held(manager).merge("other", {})
    except Conflict as conflict:
        assert {clash.target for clash in conflict.items} == clashing
        return
    except NothingTo:
        pass
    assert not clashing
    items = {target: item for _, target, item in manager.items("card") if manager.state.changed.get(target) is None
             or manager.state.changed[target].current is not None}
    for target, values in wanted.items():
        item = items.get(target)
        assert (None if item is None else {name: getattr(item, name) for name in base}) == values or (
            item is None and values == base)     # it was never fetched
