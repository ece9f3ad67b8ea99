"""SavedStates: of which States of a session the plan was saved, and under which nonce each is known since.

A commit that writes the steps of a saved plan carries it out: then nobody may apply it again.
"""

from __future__ import annotations

from collections.abc import Callable

from workbench.errors import SavedPlanError
from workbench.state.saved.document import Made
from workbench.state.state import State
from workbench.wording import counted


class SavedStates:
    """What the saved plans of States are known by; ``make`` makes a new nonce."""

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make
        self._made: dict[State, Made] = {}

    def made(self, state: State) -> Made:
        """What a saved plan of a State is known by: the same each time it is saved."""
        if state not in self._made:
            self._made[state] = self._make()
        return self._made[state]

    def nonces(self, state: State) -> list[str]:
        """The nonces of all saved plans that a commit of what is pending in a State carries out: of those steps or of
        some of them, and perhaps of others that were committed before."""
        if not self._made:
            return []
        pending, line = (frozenset(step.handling for step in steps) for steps in (state.pending(), state.steps()))
        saved = {str(made.nonce): {step.handling for step in one.pending()} for one, made in self._made.items()}
        return [nonce for nonce, handlings in saved.items() if handlings & pending and handlings <= line]

    def nonce(self, state: State) -> str | None:
        """The nonce of the saved plan of a State itself, if it was saved."""
        return str(self._made[state].nonce) if state in self._made else None

    def check_apart(self, nonce: str, state: State) -> None:
        """Raises SavedPlanError for a saved plan of steps that are pending in a State under later ones."""
        walk, later = state, 0
        while walk.parent is not None and not walk.root and self.nonce(walk) != nonce:
            walk, later = walk.parent, later + 1
        if later and self.nonce(walk) == nonce and not walk.root:
            raise SavedPlanError(
                f"the steps of the saved plan {nonce} are pending here, with {counted(later, 'later step')} on "
                f"top: nothing was written. commit() writes them all; or undo({later}), apply the plan, and issue the "
                "later ones again")
