"""Sessions of one domain: none sees anything of another, and each caller gets its own response."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.state.domains import RecordingReader, Write, manage, note, notes, stored
from workbench import Rejected, Target, Update
from workbench.examples.bank import Account, OpenAccount, bank

A, B = Target("notes", "note", "a"), Target("notes", "note", "b")


async def test_two_sessions_share_nothing() -> None:
    """Two sessions of the same domain over the same rows see nothing of each other, and neither changes the rows."""
    reader = RecordingReader(stored("notes", "note", note("a", "stored")))
    domain = notes(written=lambda event, context: Update(A, text=event.text))
    one, two = manage(domain, reader=reader), manage(domain, reader=reader)
    await one.issue(Write(text="one"), on=A)
    assert [item.text for item in await two.fetch(A)] == ["stored"]
    await two.issue(Write(text="two"), on=A)
    assert [item.text for item in [*await one.fetch(A), *await two.fetch(A)]] == ["one", "two"]
    one.history.undo()
    assert (len(one.plan()), len(two.plan()), reader.items[A].text) == (0, 1, "stored")     # type: ignore[attr-defined]
    assert one.cache.items is not two.cache.items


async def test_nothing_is_kept_on_classes() -> None:
    """What one session did is not seen by another that is opened afterwards."""
    await manage(bank).issue(OpenAccount(owner="Ada"))
    fresh = manage(bank)
    assert await fresh.find(Account) == []
    assert (fresh.items("account"), fresh.state.number) == ([], 0)


async def test_each_caller_has_its_own_response() -> None:
    """Of many commands issued at once, refused ones among them, each caller gets the response to its own."""
    async def write(command: Any, context: Any) -> Any:
        for _ in range(int(command.text) % 4):
            await asyncio.sleep(0)
        yield context.respond(mine=command.text)
        await asyncio.sleep(0)
        if command.text.endswith("7"):
            raise Rejected(command.text)

    manager = manage(notes(write=write))
    outcomes = await asyncio.gather(
        *(manager.issue(Write(text=str(n))) for n in range(50)), return_exceptions=True)
    for n, outcome in enumerate(outcomes):
        if str(n).endswith("7"):
            assert str(outcome) == str(n)
        else:
            assert not isinstance(outcome, BaseException)
            assert outcome.output == {"mine": str(n)}
            assert outcome.command == Write(text=str(n))
