"""What a rebase, a pick or a replay came to: a Rebased in all, that shows its items by what they are called."""

from __future__ import annotations

from copy import copy

from tests.notebook.markup import words
from tests.state.domains import manage
from workbench.examples.bank import OpenAccount, bank
from workbench.notebook.html.called import Called
from workbench.notebook.shown.rebased import ShownRebased
from workbench.state.replay import Rebased


async def test_a_copy_is_shown_as_it_is() -> None:
    """A copy, and one with a part replaced, are shown as the first is."""
    manager = manage(bank)
    before = manager.plan()
    step = await manager.issue(OpenAccount(owner="Ada"))
    shown = ShownRebased.of(Rebased(manager.plan(), before, ()), Called(manager))
    for one in (shown, copy(shown), shown._replace(verb="picked")):
        assert (one.plan, one.before) == (shown.plan, before)
        html = words(one._repr_mimebundle_()["text/html"])
        assert f"now + Ada · {step.target.identifier}" in html
