"""A bank, small: accounts that are opened, paid into, drawn from, paid between and closed; the README's domain, whole.

A payment is two accounts in one step: the event that money was sent lets a policy issue the deposit at the other one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from uuid import UUID

from workbench import Command, Context, Delete, Domain, Event, Insert, Rejected, Resource, Target, Update, field

bank = Domain("bank")


def positive(amount: Decimal) -> bool:
    """An amount is above zero, and is one."""
    return amount > 0 and amount.is_finite()


@bank.resource
class Account(Resource):
    """What somebody owns at the bank."""

    owner = field(str, check=lambda name: name.strip() != "", doc="not empty")
    balance = field(Decimal, initial=Decimal(0), check=lambda b: b >= 0, doc="EUR; never below zero")


@bank.command(on=Account)
class OpenAccount(Command):
    owner = field(str)


@bank.event
class AccountOpened(Event):
    owner = field(str)


@bank.command(on=Account)
class Deposit(Command):
    amount = field(Decimal, check=positive, doc="EUR, above zero")


@bank.event
class Deposited(Event):
    amount = field(Decimal)


@bank.command(on=Account)
class Withdraw(Command):
    amount = field(Decimal, check=positive, doc="EUR, above zero")


@bank.event
class Withdrawn(Event):
    amount = field(Decimal)


@bank.command(on=Account)
class Pay(Command):
    """Sends money to another account."""

    amount = field(Decimal, check=positive, doc="EUR, above zero")
    to = field(UUID, doc="the account that gets it", references=Account)


@bank.event
class MoneySent(Event):
    amount = field(Decimal)
    to = field(UUID)


@bank.command(on=Account)
class CloseAccount(Command):
    pass


@bank.event
class AccountClosed(Event):
    pass


@bank.command_handler(OpenAccount)
async def open_account(command: OpenAccount, context: Context) -> AsyncIterator[Any]:
    yield AccountOpened(owner=command.owner).on(context.target)
    yield context.respond(account=context.target.identifier)


@bank.event_handler(AccountOpened)
async def opened(event: AccountOpened, context: Context) -> AsyncIterator[Insert]:
    yield Insert(event.target, owner=event.owner)


@bank.command_handler(Deposit)
async def deposit(command: Deposit, context: Context) -> AsyncIterator[Any]:
    account = await context.fetch(context.target)
    yield Deposited(amount=command.amount).on(account)
    yield context.respond(balance=account.balance + command.amount)


@bank.command_handler(Withdraw, Pay)
async def take(command: Withdraw | Pay, context: Context) -> AsyncIterator[Any]:
    account = await context.fetch(context.target)
    if account.balance < command.amount:
        raise Rejected(f"{account.owner} has {account.balance} EUR, less than {command.amount}",
                       balance=account.balance, amount=command.amount)
    if isinstance(command, Pay):
        if command.to == account.identifier:
            raise Rejected(f"{account.owner} cannot pay into the account the money comes from")
        yield MoneySent(amount=command.amount, to=command.to).on(account)
    else:
        yield Withdrawn(amount=command.amount).on(account)
    yield context.respond(balance=account.balance - command.amount)


@bank.event_handler(Deposited)
async def deposited(event: Deposited, context: Context) -> AsyncIterator[Update]:
    account = await context.fetch(event.target)
    yield Update(account, balance=account.balance + event.amount)


@bank.event_handler(Withdrawn, MoneySent)
async def taken(event: Withdrawn | MoneySent, context: Context) -> AsyncIterator[Update]:
    account = await context.fetch(event.target)
    yield Update(account, balance=account.balance - event.amount)


@bank.policy(MoneySent)
def money_arrives(event: MoneySent, context: Context) -> Deposit:
    return Deposit(amount=event.amount).on(Target("bank", "account", event.to))


@bank.command_handler(CloseAccount)
async def close_account(command: CloseAccount, context: Context) -> AsyncIterator[Any]:
    account = await context.fetch(context.target)
    if account.balance:
        raise Rejected(f"{account.owner} still has {account.balance} EUR; withdraw it first", balance=account.balance)
    yield AccountClosed().on(account)


@bank.event_handler(AccountClosed)
async def closed(event: AccountClosed, context: Context) -> Delete:
    return Delete(event.target)
