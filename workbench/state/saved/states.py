"""SavedStates: of which States of a session the plan was saved, and under which nonce each is known since.

A commit that writes the steps of a saved plan carries it out: then nobody may apply it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from workbench.errors import SavedPlanError
from workbench.state.saved.document import Made
from workbench.state.state import State
from workbench.state.step import Step


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

    def nonces(self, steps: Iterable[Step]) -> list[str]:
        """The nonces of all saved plans that a commit of some steps carries out: of those steps, or of some of them."""
        written = set(steps)
        return [str(made.nonce) for state, made in self._made.items()
                if not state.root and written.issuperset(state.pending())]

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
                f"the steps of the saved plan {nonce} are pending here, with {later} later "
                f"step{'' if later == 1 else 's'} on top: nothing was written. commit() writes them all; or "
                f"undo({later}), apply the plan, and issue the later ones again")
