"""Undo and redo: pending steps are taken back and up again, one by one or several, never past a commit."""

from __future__ import annotations

from typing import Any

import pytest

from tests.state.domains import Copy, Note, Write, held, manage, notes
from workbench import Target
from workbench.errors import Invalid, NothingTo
from workbench.examples.bank import bank
from workbench.state.manager import StateManager

A, B = Target("notes", "note", "a"), Target("notes", "note", "b")


async def texts(manager: StateManager) -> list[tuple[str, str]]:
    return [(item.identifier, item.text) for item in await manager.find(Note)]


async def test_undo_and_redo() -> None:
    """Undo takes steps back, the last first; redo takes them up again in their order; numbers go on from there."""
    manager = manage(notes())
    for key in "abc":
        await manager.issue(Write(text=key), on=f"note/{key}")
    states = manager.state
    assert [step.number for step in manager.history.undo(2)] == [3, 2]
    assert await texts(manager) == [("a", "a")]
    assert [step.number for step in manager.history.redo()] == [2]
    assert [step.number for step in manager.history.redo()] == [3]
    assert manager.state is states
    manager.history.undo(3)
    assert await texts(manager) == []
    assert [step.number for step in manager.history.redo(3)] == [1, 2, 3]
    assert [step.number for step in manager.state.steps()] == [1, 2, 3]


async def test_issuing_after_undo_clears_redo() -> None:
    """A new command after an undo takes the place of what was undone."""
    manager = manage(notes())
    await manager.issue(Write(), on=A)
    manager.history.undo()
    step = await manager.issue(Copy(), on=A)
    assert step.number == 1
    with pytest.raises(NothingTo, match="there is nothing to redo; no step was undone since"):
        manager.history.redo()


@pytest.mark.parametrize("count, words", [
    (0, "say how many, from 1"), (-1, "say how many, from 1"), (3, "there are 2 steps to undo, not 3")])
async def test_more_steps_than_there_are(count: int, words: str) -> None:
    """Undoing none, or more than there are, is refused and undoes nothing."""
    manager = manage(notes())
    await manager.issue(Write(), on=A)
    await manager.issue(Write(), on=B)
    with pytest.raises(NothingTo, match=words):
        manager.history.undo(count)
    assert manager.state.number == 2


async def test_nothing_is_undone_past_a_commit() -> None:
    """After a commit there is nothing to undo or redo; the log keeps its steps, numbers go on."""
    manager = manage(notes())
    await manager.issue(Write(), on=A)
    await manager.issue(Write(), on=B)
    manager.history.undo()
    held(manager).settle(manager.plan())
    with pytest.raises(NothingTo, match=(
            r"what is committed is not undone; revert\(-1\) makes the inverse of the last commit pending$")):
        manager.history.undo()
    with pytest.raises(NothingTo, match="there is nothing to redo"):
        manager.history.redo()
    assert (await manager.issue(Copy(), on=B)).number == 2
    assert [step.number for step in manager.state.steps()] == [1, 2]
    assert [step.number for step in manager.state.pending()] == [2]
    manager.history.undo()
    with pytest.raises(NothingTo):
        manager.history.undo()
    manager.history.redo()
    assert [step.number for step in manager.state.pending()] == [2]


@pytest.mark.parametrize("n", ["x", None, True, 1.5])
def test_undo_and_redo_take_a_number(n: Any) -> None:
    """What is no number of steps is refused in words."""
    manager = manage(bank)
    with pytest.raises(Invalid, match=r"undo was refused: 1 problem\n  n: .* is no number of steps; as in "
                                      r"undo\(2\), or goto\(step\)"):
        manager.history.undo(n)
    with pytest.raises(Invalid, match=r"as in redo\(2\)"):
        manager.history.redo(n)
