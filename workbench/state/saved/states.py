"""SavedStates: the States of a session whose plans were saved, each with the nonce of its saved plan.

A commit that writes the steps of a saved plan carries that plan out: nobody may apply it afterwards.
"""

from __future__ import annotations

from collections.abc import Callable

from workbench.errors import SavedPlanError
from workbench.state.saved.document import Made
from workbench.state.state import State
from workbench.wording import counted


class SavedStates:
    """The nonces of the saved plans, by State; ``make`` makes a new one."""

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make
        self._made: dict[State, Made] = {}

    def made(self, state: State) -> Made:
        """The nonce of a State's plan, with when and by whom it was first saved: the same each time it is saved."""
        made = self._made.get(state)
        # Of a cell and a click that save at the same time the first one counts, and has it written by both.
        return self._made.setdefault(state, self._make()) if made is None else made

    def nonces(self, state: State) -> list[str]:
        """The nonces of all saved plans that are carried out when what is pending in a State is committed: all steps of
        such a plan are pending or were committed before, and at least one is pending."""
        if not self._made:
            return []
        pending, line = (frozenset(step.handling for step in steps) for steps in (state.pending(), state.steps()))
        saved = {str(made.nonce): {step.handling for step in one.pending()}
                 for one, made in list(self._made.items())}     # a list: a cell may save another one meanwhile
        return [nonce for nonce, handlings in saved.items() if handlings & pending and handlings <= line]

    def nonce(self, state: State) -> str | None:
        """The nonce of this very State's plan; None if it was not saved."""
        return str(self._made[state].nonce) if state in self._made else None

    def check_apart(self, nonce: str, state: State) -> None:
        """Raises SavedPlanError if the steps of a saved plan are pending in a State and later steps follow them."""
        walk, later = state, 0
        while walk.parent is not None and not walk.root and self.nonce(walk) != nonce:
            walk, later = walk.parent, later + 1
        if later and self.nonce(walk) == nonce and not walk.root:
            raise SavedPlanError(
                f"the steps of the saved plan {nonce} are pending here, with {counted(later, 'later step')} on "
                f"top: nothing was written. commit() writes them all; or undo({later}), apply the plan, and issue the "
                "later ones again")
