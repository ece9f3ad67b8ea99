"""Held: what moves a branch while a verb has the State Manager to itself."""

from __future__ import annotations

import asyncio

import pytest

from tests.state.domains import Write, manage, notes
from workbench.errors import LoopError, StalePlan
from workbench.state.held import hold


async def test_one_verb_after_the_other() -> None:
    """Who holds a manager has it alone: the next one waits, and nobody moves in time meanwhile."""
    manager, order = manage(notes()), list[str]()

    async def verb(name: str) -> None:
        async with hold(manager, name):
            order.append(f"{name} begins")
            await asyncio.sleep(0)
            with pytest.raises(LoopError, match="a command or a commit is at work; await it, then undo"):
                manager.travel("undo")
            order.append(f"{name} ends")

    await asyncio.gather(verb("commit"), verb("rebase"))
    assert order == ["commit begins", "commit ends", "rebase begins", "rebase ends"]


async def test_what_moves_another_branch() -> None:
    """What is issued again on another branch is pending there, and we stay where we are."""
    manager = manage(notes())
    other = manager.history.branch("other")
    step = await manager.issue(Write(text="x"), on="note/a")
    manager.history.undo()
    async with hold(manager, "replay") as held:
        there = held.on("other")
        rebased = await there.again([step], "replayed")
        assert (there.state, rebased.plan.summary) == (other.state, "1 to add, 0 to change, 0 to delete")
        assert (held.branch, held.plan().summary) == (manager.here, "0 to add, 0 to change, 0 to delete")
    assert manager.here.name == "main"


async def test_a_part_is_settled_by_who_made_it() -> None:
    """The plan of a part can be settled while the manager is held, and not by another who holds it later."""
    manager = manage(notes())
    for key in "ab":
        await manager.issue(Write(text=key), on=f"note/{key}")
    async with hold(manager, "commit") as held:
        part = held.part(["note/a"])
    async with hold(manager, "commit") as held:
        with pytest.raises(StalePlan, match="the pending steps are others"):
            held.settle(part)
        held.settle(held.part(["note/a"]))
    assert [change.target.identifier for change in manager.plan().changes] == ["b"]
