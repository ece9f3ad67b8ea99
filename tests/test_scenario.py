"""given / when / then: domain tests without a database, and what they say when something is otherwise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given as hypothesis_given
from hypothesis import settings
from hypothesis import strategies as st

from workbench import Command, Delete, Domain, Event, Insert, Invalid, Rejected, Target, Update, given
from workbench.errors import DefinitionError, NotFound
from workbench.examples.bank import (
    Account,
    AccountClosed,
    AccountOpened,
    CloseAccount,
    Deposit,
    Deposited,
    MoneySent,
    OpenAccount,
    Pay,
    Withdraw,
    Withdrawn,
    bank,
)
from workbench.expectation import paired
from workbench.state.retelling.trial import BEGINNING

ADA = Account(_id=UUID(int=100), owner="Ada", balance=10)
BOB = Account(_id=UUID(int=200), owner="Bob")


def difference(test: Callable[..., Any], **expected: Any) -> str:
    """The words of the AssertionError."""
    with pytest.raises(AssertionError) as failed:
        test(**expected)
    return str(failed.value)


def test_events_plan_and_response() -> None:
    """What was expected happened: nothing is said; values are converted as the fields take them."""
    given(bank, ADA).when(Withdraw(amount=4), on=ADA).then(
        events=[Withdrawn(amount=4)], plan=[Update(ADA, balance="6")], response={"balance": 6})


def test_what_is_new() -> None:
    """A new item is named by its class; the fields that are not named may have any value."""
    given(bank).when(OpenAccount(owner="Ada")).then(
        events=[AccountOpened(owner="Ada")], plan=[Insert(Account, owner="Ada")], response={"account": UUID(int=1)})
    given(bank).when(OpenAccount(owner="Ada"), on="account").then(
        plan=[Insert(Target("bank", "account", UUID(int=1)), owner="Ada", balance=0)])


def test_policies_and_deletions() -> None:
    """Events that followed by policies are among the events, and the plan is in any order."""
    given(bank, ADA, BOB).when(Pay(amount=4, to=BOB.identifier), on=ADA).then(
        events=[MoneySent(amount=4, to=BOB.identifier).on(ADA), Deposited(amount=4).on(BOB)],
        plan=[Update(BOB, balance=4), Update(ADA, balance=6)])
    given(bank, BOB).when(CloseAccount(), on=BOB).then(events=[AccountClosed()], plan=[Delete(BOB)])


def test_commands_that_ran_before() -> None:
    """Commands are given as well: what they did is stored before, and not in the plan."""
    given(bank, BOB, Deposit(amount=10).on(BOB), Withdraw(amount=3).on(BOB)).when(Deposit(amount=1), on=BOB).then(
        plan=[Update(BOB, balance=8)], response={"balance": 8})


@pytest.mark.parametrize("refused", [
    Rejected, "less than 50", Rejected("Ada has 10 EUR, less than 50", balance=10, amount=50)])
def test_refusals(refused: Any) -> None:
    """A refusal is expected by its class, a part of its words, or both; it came to no event and no plan."""
    given(bank, ADA).when(Withdraw(amount=50), on=ADA).then(refused=refused, events=[], plan=[])


def test_an_outcome_can_be_looked_at() -> None:
    """then gives the outcome back, with its step, plan and error."""
    outcome = given(bank, ADA).when(Deposit(amount=1), on=ADA).then(response={"balance": 11})
    assert outcome.step is not None
    assert (outcome.step.number, outcome.plan.summary, outcome.error) == (1, "0 to add, 1 to change, 0 to delete", None)
    assert repr(outcome) == f"{outcome.step!r}\n{outcome.plan!r}"
    refused = given(bank, ADA).when(Withdraw(amount=50), on=ADA)
    assert repr(refused) == f"{refused.command!r} was refused: Rejected: Ada has 10 EUR, less than 50"


def test_what_is_otherwise_is_said_line_by_line() -> None:
    """All that differs is said at once: expected lines with -, those that happened with +, those that fit unmarked."""
    pay = given(bank, ADA, BOB).when(Pay(amount=4, to=BOB.identifier), on=ADA)
    assert difference(pay.then, events=[MoneySent(amount=4, to=BOB.identifier), Withdrawn(amount=4)],
                      plan=[Update(ADA, balance=6)], response={"balance": 5}) == f"""\
{pay.command!r} came to something else (- expected, + happened)
events
    MoneySent(amount=Decimal('4'), to=UUID('{BOB.identifier}')).on(bank:account/{ADA.identifier})
  - Withdrawn(amount=Decimal('4'))
  + Deposited(amount=Decimal('4')).on(bank:account/{BOB.identifier})
plan
    update bank:account/{ADA.identifier} balance=Decimal('6')
  + update bank:account/{BOB.identifier} balance=Decimal('4')
response
  - {{'balance': 5}}
  + {pay.step.output!r}"""      # type: ignore[union-attr]  # it has one


def test_an_item_that_is_not_asked_for_is_no_difference() -> None:
    """Of two events that differ in a value alone that is seen: the item is told only where the expected one says it."""
    deposit = given(bank, ADA).when(Deposit(amount=1), on=ADA)
    for item in ("", f".on(bank:account/{ADA.identifier})"):
        expected = Deposited(amount=2).on(Target("bank", "account", ADA.identifier)) if item else Deposited(amount=2)
        assert difference(deposit.then, events=[expected]).splitlines()[1:] == [
            "events", f"  - Deposited(amount=Decimal('2')){item}", f"  + Deposited(amount=Decimal('1')){item}"]


def test_both_sides_of_a_plan_have_the_same_words() -> None:
    """What was expected names its item and has its values as what happened does, and nothing else differs."""
    address = f"bank:account/{ADA.identifier}"
    deposit = given(bank, ADA).when(Deposit(amount=1), on=ADA)
    for on in (ADA, Target("bank", "account", ADA.identifier)):
        assert difference(deposit.then, plan=[Update(on, balance=12)]).splitlines()[2:] == [
            f"  - update {address} balance=Decimal('12')", f"  + update {address} balance=Decimal('11')"]
    opened = given(bank).when(OpenAccount(owner="Ada"))
    assert "  - insert bank:account owner='Bob'\n" in difference(opened.then, plan=[Insert(Account, owner="Bob")])
    assert "  - insert bank:account ownr='Bob' balance='x'\n" in difference(
        opened.then, plan=[Insert(Account, ownr="Bob", balance="x")])


def test_another_refusal_than_expected() -> None:
    """No refusal where one was expected, another one, and one where none was: each says what happened."""
    deposit = given(bank, ADA).when(Deposit(amount=1), on=ADA)
    assert "refusal\n  - Rejected\n  + it was not refused" in difference(deposit.then, refused=Rejected)
    withdraw = given(bank, ADA).when(Withdraw(amount=50), on=ADA)
    assert "  - NotFound\n  + Rejected: Ada has 10 EUR, less than 50" in difference(withdraw.then, refused=NotFound)
    assert "Withdraw(amount=Decimal('50')) was refused: Rejected: Ada has 10 EUR" in difference(
        withdraw.then, events=[Withdrawn(amount=50)])
    failing = given(bank, ADA, Withdraw(amount=99).on(ADA))
    assert "which was refused: Rejected: Ada has 10 EUR, less than 99" in difference(
        failing.when, command=Deposit(amount=1), on=ADA)


def test_scenarios_that_cannot_be_tried() -> None:
    """A domain that is not whole, something that is no domain, item or command, and no expectation: each in words."""
    broken = Domain("broken")
    broken.command(type("Lost", (Command,), {"__module__": __name__}))
    with pytest.raises(DefinitionError, match='the command "lost"'):
        given(broken)
    with pytest.raises(Invalid, match="'Ada' is no domain, no item and no command"):
        given(bank, "Ada")      # type: ignore[arg-type]
    with pytest.raises(Invalid, match="say what is expected"):
        given(bank, ADA).when(Deposit(amount=1), on=ADA).then()


def test_what_is_expected_is_a_list() -> None:
    """One event or mutation in place of a list of them, and what is neither, is told what would do."""
    deposit = given(bank, ADA).when(Deposit(amount=1), on=ADA)
    with pytest.raises(Invalid, match=(
            r"events: Deposited\(amount=Decimal\('1'\)\) is no list; give \[Deposited\(amount=Decimal\('1'\)\)\]")):
        deposit.then(events=Deposited(amount=1))       # type: ignore[arg-type]
    with pytest.raises(Invalid, match=r"plan: Update\(.* is no list; give \[Update\("):
        deposit.then(plan=Update(ADA, balance=11))      # type: ignore[arg-type]
    with pytest.raises(Invalid, match=r"events: Update\(.* is none; events= takes events"):
        deposit.then(events=[Update(ADA, balance=11)])      # type: ignore[list-item]
    with pytest.raises(Invalid, match=r"plan: Deposited\(.* is none; plan= takes mutations: Insert\(…\), "):
        deposit.then(plan=[Deposited(amount=1)])        # type: ignore[list-item]


def test_two_go_on_from_one_outcome() -> None:
    """Each command that is issued on an outcome finds it as it was, whatever else was issued on it: the same items, the
    same clock, the same identifiers."""
    opened = given(bank).when(OpenAccount(owner="Ada"))
    assert opened.step is not None
    ada = opened.step.target
    for _ in range(2):
        opened.when(Deposit(amount=1), on=ada).then(response={"balance": 1})
        opened.when(Deposit(amount=2), on=ada).when(Withdraw(amount=5), on=ada).then(
            refused="less than 5", plan=[Insert(ada, owner="Ada", balance=2)])
        bob = opened.when(OpenAccount(owner="Bob")).then(response={"account": UUID(int=3)})
        assert bob.step is not None
        assert bob.step.at == BEGINNING + timedelta(seconds=1)
        bob.then(plan=[Insert(ada, balance=0), Insert(Account, owner="Bob")])
    opened.then(plan=[Insert(ada, owner="Ada", balance=0)])


def test_who_and_when() -> None:
    """A command is issued by a user and at a moment of its own, which the next one has not; a naive one is refused."""
    noon = datetime(2020, 1, 1, 12, tzinfo=UTC)
    sara = given(bank, user="ada").when(OpenAccount(owner="Sara"), user="bob", at=noon)
    tara = sara.when(OpenAccount(owner="Tara"))
    assert sara.step is not None
    assert tara.step is not None
    assert [(step.user, step.at) for step in (sara.step, tara.step)] == [("bob", noon), ("ada", BEGINNING)]
    with pytest.raises(Invalid, match="at: .*zone"):
        sara.when(OpenAccount(owner="Tara"), at=datetime(2020, 1, 1))


@pytest.mark.parametrize("expected", [*permutations([{}, {"owner": "Ada"}, {"owner": "Ada", "balance": 5}])])
def test_the_plan_is_expected_in_any_order(expected: Any) -> None:
    """What fits several changes is taken for one that nothing else fits, in whatever order they are named; what is too
    much is told."""
    outcome = given(bank)
    for owner in ("Ada", "Bob", "Ada"):
        outcome = outcome.when(OpenAccount(owner=owner))
    outcome = outcome.when(Deposit(amount=5), on=outcome.step.target)
    outcome.then(plan=[Insert(Account, **values) for values in expected])
    with pytest.raises(AssertionError, match="  - insert bank:account owner='Eve'"):
        outcome.then(plan=[Insert(Account, owner="Eve"), *(Insert(Account, **values) for values in expected)])


@settings(max_examples=100, deadline=None)
@hypothesis_given(fits=st.lists(st.lists(st.booleans(), min_size=4, max_size=4), max_size=4))
def test_as_many_are_paired_as_can_be(fits: list[list[bool]]) -> None:
    """No other way to pair what was expected with what happened pairs more of it."""
    pairs = paired(list(range(len(fits))), list(range(4)), lambda one, other: fits[one][other])
    assert all(fits[one][other] for one, other in pairs.items())
    assert len(set(pairs.values())) == len(pairs)
    assert len(pairs) == max(sum(fits[one][other] for one, other in enumerate(places[:len(fits)]))
                             for places in permutations(range(4)))


async def test_within_a_running_loop() -> None:
    """A scenario runs where a loop runs already, as in a cell; an error that is no refusal comes out as it is."""
    given(bank, ADA).when(Deposit(amount=1), on=ADA).then(response={"balance": 11})
    faulty = Domain("faulty")

    class Divide(Command):
        pass

    faulty.command(Divide)

    @faulty.command_handler(Divide)
    def divide(command: Divide, context: Any) -> Event:
        raise ZeroDivisionError("by nothing")

    with pytest.raises(ZeroDivisionError, match="by nothing"):
        given(faulty).when(Divide())
