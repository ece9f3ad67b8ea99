"""The States whose plans were saved, while a cell saves more of them or a click the same one."""

from __future__ import annotations

from itertools import count
from uuid import UUID

from tests.state.domains import START
from workbench.state.saved.document import Made
from workbench.state.saved.states import SavedStates
from workbench.state.state import State


def test_a_plan_that_is_saved_twice_at_the_same_time() -> None:
    """It has one nonce, which both saved plans have: else one of them could be applied after the other."""
    state = State.empty()

    def make() -> Made:
        number = next(numbers)
        if not number:      # a click comes in between
            clicked.append(saved.made(state))
        return Made(UUID(int=number), START, None)

    numbers, clicked = count(), list[Made]()
    saved = SavedStates(make)
    assert saved.made(state) is clicked[0] is saved.made(state)
    assert saved.nonce(state) == str(clicked[0].nonce)
    assert next(numbers) == 2


def test_a_plan_is_saved_while_another_is_committed() -> None:
    """A commit finds the nonces of those plans that were saved before it looked."""

    class Looked(State):
        """A State at whose steps the commit looks when a cell saves another plan."""

        def pending(self) -> list[object]:  # type: ignore[override]
            saved.made(State.empty())
            return []

    saved = SavedStates(lambda: Made(UUID(int=1), START, None))
    first = Looked.empty()
    saved.made(first)
    saved.made(State.empty())
    assert saved.nonces(first) == []
