"""Timeline: every step once, where branches part, what was undone, and where one is."""

from __future__ import annotations

from workbench.domain.registry import Registry
from workbench.examples.bank import Deposit, OpenAccount, Withdraw, bank
from workbench.notebook.pictures.diagram import Diagram
from workbench.notebook.pictures.timeline import DRAWN, timeline_of
from workbench.state.manager import StateManager
from workbench.state.reader import MemoryReader


def arrows(diagram: Diagram) -> set[str]:
    """The edges by the labels of their nodes."""
    labels = {node.key: node.label for node in diagram.nodes}
    return {f"{labels[edge.source]} {'- ->' if edge.dashed else '-->'} {labels[edge.target]}"
            for edge in diagram.edges}


async def test_branches_share_what_they_share() -> None:
    """The common steps are there once; each branch is at the end of its own, and what was undone is dashed."""
    manager = StateManager(Registry([bank]), MemoryReader())
    ada = await manager.issue(OpenAccount(owner="Ada"))
    manager.history.branch("trial")
    await manager.issue(Deposit(amount=10), on=ada)
    await manager.issue(Withdraw(amount=1), on=ada)
    manager.history.undo(1)
    manager.history.switch("trial")
    await manager.issue(Deposit(amount=5), on=ada)
    diagram = timeline_of(manager.branches.values(), manager.here)
    assert arrows(diagram) == {
        "1 OpenAccount --> 2 Deposit", "2 Deposit - -> 3 Withdraw", "2 Deposit --> main",
        "2 Deposit --> trial, here"}
    assert [node.label for node in diagram.nodes].count("1 OpenAccount") == 1
    assert len(diagram.nodes) == 6
    assert diagram.remarks == ("dashed: undone, redo leads there",)
    notes = {node.label: node.note for node in diagram.nodes}
    assert notes["trial, here"] == "forked from main, 2 steps pending"
    assert notes["3 Withdraw"].endswith(", undone")


async def test_of_a_long_session_the_newest_steps_are_drawn() -> None:
    """Of a long session the newest steps are drawn, and the others told in words."""
    manager = StateManager(Registry([bank]), MemoryReader())
    for _ in range(DRAWN + 5):
        await manager.issue(OpenAccount(owner="Ada"))
    diagram = timeline_of(manager.branches.values(), manager.here)
    assert len(diagram.nodes) == DRAWN + 1
    assert diagram.nodes[0].label == "6 OpenAccount"
    assert diagram.remarks == ("the oldest 5 of 65 steps are not drawn; wb.steps has them",)


def test_a_session_in_which_nothing_happened_yet() -> None:
    """A session in which nothing happened is drawn as its branch alone."""
    manager = StateManager(Registry([bank]), MemoryReader())
    diagram = timeline_of(manager.branches.values(), manager.here)
    assert [node.label for node in diagram.nodes] == ["main, here"]
    assert diagram.edges == ()
