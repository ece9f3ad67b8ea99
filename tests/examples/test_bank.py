"""The bank: its rules in memory, and its money on a real Postgres."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from workbench import Conflict, Invalid, NotFound, Rejected, Session
from workbench.domain.registry import Registry
from workbench.errors import UnknownName
from workbench.examples.bank import Account, CloseAccount, Deposit, OpenAccount, Pay, Withdraw, bank
from workbench.state.manager import StateManager
from workbench.state.reader import MemoryReader
from workbench.state.step import Step

NOBODY = UUID(int=7)


@pytest.fixture
def manager() -> StateManager:
    """The domain in memory."""
    return StateManager(Registry([bank]), MemoryReader())


@pytest.fixture
async def ada(manager: StateManager) -> Step:
    """The step that opened Ada's account, which has 100 EUR now."""
    step = await manager.issue(OpenAccount(owner="Ada"))
    await manager.issue(Deposit(amount=100), on=step)
    return step


async def balance(manager: StateManager, step: Step) -> Decimal:
    (account,) = await manager.fetch(step.target)
    amount: Decimal = account.balance
    return amount


async def test_an_account_is_opened_empty(manager: StateManager) -> None:
    """It gets a new identifier, which the response says."""
    step = await manager.issue(OpenAccount(owner="Ada"))
    (account,) = await manager.fetch(step.target)
    assert step.output == {"account": account.identifier}
    assert (account.owner, account.balance) == ("Ada", Decimal(0))


async def test_an_account_has_an_owner(manager: StateManager) -> None:
    """A blank name is refused by the resource, and no account is left of it."""
    with pytest.raises(Invalid, match="owner: '  ' failed its check: not empty"):
        await manager.issue(OpenAccount(owner="  "))
    assert manager.items("account") == []


@pytest.mark.parametrize("command", [Deposit, Withdraw, Pay])
@pytest.mark.parametrize("amount, words", [
    (0, "amount: Decimal('0') failed its check: EUR, above zero"),
    (-5, "amount: Decimal('-5') failed its check: EUR, above zero"),
    ("Infinity", "amount: Decimal('Infinity') failed its check: EUR, above zero"),
    ("ten", "amount: 'ten' is not")])
def test_an_amount_is_above_zero(command: Any, amount: Any, words: str) -> None:
    """Another amount is refused as the command is made."""
    extra = {"to": NOBODY} if command is Pay else {}
    with pytest.raises(Invalid) as refused:
        command(amount=amount, **extra)
    assert words in str(refused.value)


async def test_money_is_paid_in_and_drawn(manager: StateManager, ada: Step) -> None:
    """Both responses say the new balance; the last cent can be drawn."""
    paid = await manager.issue(Deposit(amount="2.50"), on=ada)
    drawn = await manager.issue(Withdraw(amount="102.50"), on=ada)
    assert (paid.output, drawn.output) == ({"balance": Decimal("102.50")}, {"balance": Decimal("0.00")})
    assert await balance(manager, ada) == 0


@pytest.mark.parametrize("command", [Withdraw(amount="100.01"), Pay(amount="100.01", to=NOBODY)])
async def test_nobody_draws_more_than_there_is(manager: StateManager, ada: Step, command: Any) -> None:
    """It is refused with both amounts, and nothing moves."""
    with pytest.raises(Rejected, match=r"Ada has 100 EUR, less than 100\.01") as refused:
        await manager.issue(command, on=ada)
    assert refused.value.facts == {"balance": Decimal(100), "amount": Decimal("100.01")}
    assert await balance(manager, ada) == 100


async def test_a_payment_is_two_accounts_in_one_step(manager: StateManager, ada: Step) -> None:
    """The deposit comes by the policy; undo takes back both sides."""
    bob = await manager.issue(OpenAccount(owner="Bob"))
    step = await manager.issue(Pay(amount=30, to=bob.target.identifier), on=ada)
    assert [type(event).__name__ for event in step.events] == ["MoneySent", "Deposited"]
    assert (await balance(manager, ada), await balance(manager, bob)) == (70, 30)
    manager.history.undo()
    assert (await balance(manager, ada), await balance(manager, bob)) == (100, 0)


async def test_money_sent_to_nobody_stays(manager: StateManager, ada: Step) -> None:
    """When the policy's deposit fails, the whole payment does."""
    with pytest.raises(NotFound, match=f"bank:account/{NOBODY} was not found"):
        await manager.issue(Pay(amount=30, to=NOBODY), on=ada)
    assert await balance(manager, ada) == 100


async def test_nobody_pays_himself(manager: StateManager, ada: Step) -> None:
    """An account that would pay into itself is refused."""
    with pytest.raises(Rejected, match="Ada cannot pay into the account the money comes from"):
        await manager.issue(Pay(amount=30, to=ada.target.identifier), on=ada)


async def test_only_an_empty_account_is_closed(manager: StateManager, ada: Step) -> None:
    """One with money is refused; a closed one is not found any more."""
    with pytest.raises(Rejected, match="Ada still has 100 EUR; withdraw it first"):
        await manager.issue(CloseAccount(), on=ada)
    await manager.issue(Withdraw(amount=100), on=ada)
    await manager.issue(CloseAccount(), on=ada)
    with pytest.raises(NotFound, match="was not found"):
        await manager.issue(Deposit(amount=1), on=ada)


async def test_a_mistyped_address_is_helped(dsn: str) -> None:
    """An address that is mistyped is refused, and the command that is nearest named."""
    async with Session(bank, dsn=dsn) as session:
        with pytest.raises(UnknownName, match='there is no command "deposti" in bank; did you mean "deposit"'):
            await session.issue("bank:deposti/account/" + str(NOBODY), amount="10")


async def test_a_payment_is_written_to_both_rows(dsn: str) -> None:
    """After a commit another session reads both balances; a closed account has no row."""
    async with Session(bank, dsn=dsn) as session:
        ada, bob, eve = [await session.issue(OpenAccount(owner=owner)) for owner in ("Ada", "Bob", "Eve")]
        await session.issue(f"bank:deposit/account/{ada.target.identifier}", amount="100.25")
        await session.commit()
        await session.issue(Pay(amount="0.25", to=bob.target.identifier), on=ada)
        await session.issue(CloseAccount(), on=eve)
        done = await session.commit()
    assert "0 added, 2 changed, 1 deleted" in repr(done)
    async with Session(bank, dsn=dsn) as other:
        stored = {account.owner: account.balance for account in await other.find(Account)}
    assert stored == {"Ada": Decimal(100), "Bob": Decimal("0.25")}


async def test_two_tellers_cannot_spend_the_same_money(dsn: str) -> None:
    """Who commits second gets a Conflict with what is stored now; the money went out once."""
    async with Session(bank, dsn=dsn) as one, Session(bank, dsn=dsn) as two:
        ada = await one.issue(OpenAccount(owner="Ada"))
        await one.issue(Deposit(amount=100), on=ada)
        await one.commit()
        await one.issue(Withdraw(amount=80), on=ada)
        await two.issue(Withdraw(amount=80), on=ada.target)
        await one.commit()
        with pytest.raises(Conflict, match="conflict on 1 item: nothing was written") as conflict:
            await two.commit()
        (clash,) = conflict.value.items
        assert (clash.base["balance"], clash.mine["balance"], clash.theirs["balance"]) == (100, 20, 20)
        assert len(two.manager.state.pending()) == 1
