"""Deposits elsewhere: the deposit of our bank in other CQRS packages; run by the interpreter of the peers.

    python deposits_elsewhere.py lato       # tells its release, then seconds a deposit for each count that it reads

Each `Bank` is written as the package's own documentation would: a command, validated where the package validates, whose
handler reads the account, tells an event and answers with the balance; the event's handler, or the account itself where
the package has accounts, changes the balance, in memory. These were the last releases in November 2026: python-cqrs
5.3.0 (with dataclasses, which are its default, and with pydantic), lato 0.13.0, eventsourcing 9.5.6, protean 0.18.0,
and diator 0.1.2, which is of 2023.
"""

# Annotations are not postponed here: lato and protean read them, and the classes are local.
import asyncio
import gc
import json
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from time import process_time
from typing import Annotated, Any
from uuid import UUID, uuid4


class Accounts(dict[UUID, Decimal]):
    """What each account has, where the package does not say how that is kept."""


@dataclass(frozen=True)
class Bank:
    """One account: ``deposit`` pays into it and may have to be awaited, ``balance`` tells what came of that."""

    deposit: Callable[[Decimal], Any]
    balance: Callable[[], Decimal]


def python_cqrs(*, pydantic: bool) -> Bank:
    """Both its kinds of messages: pydantic models, and dataclasses, which take anything."""
    import cqrs
    import di
    from cqrs.bootstrap import requests
    from di.dependent import Dependent
    from pydantic import Field

    if pydantic:
        request, event, response = cqrs.PydanticRequest, cqrs.PydanticDomainEvent, cqrs.PydanticResponse
    else:
        request, event, response = cqrs.Request, cqrs.DomainEvent, cqrs.Response

    class Balance(response):
        amount: Decimal

    class Deposit(request[Balance]):
        account: UUID
        amount: Annotated[Decimal, Field(gt=0)]

    class Deposited(event):
        account: UUID
        amount: Decimal

    class DepositHandler(cqrs.RequestHandler[Deposit]):
        def __init__(self, accounts: Accounts) -> None:
            self._accounts = accounts
            self._events: list[cqrs.DomainEvent] = []

        @property
        def events(self) -> list[cqrs.DomainEvent]:
            return self._events

        async def handle(self, request: Deposit) -> Balance:
            balance = self._accounts[request.account]
            self._events.append(Deposited(account=request.account, amount=request.amount))
            return Balance(amount=balance + request.amount)

    class DepositedHandler(cqrs.EventHandler[Deposited]):
        def __init__(self, accounts: Accounts) -> None:
            self._accounts = accounts

        async def handle(self, event: Deposited) -> None:
            self._accounts[event.account] += event.amount

    ada = uuid4()
    accounts = Accounts({ada: Decimal(0)})
    container = di.Container()
    container.bind(di.bind_by_type(Dependent(lambda: accounts, scope="request"), Accounts))
    mediator = requests.bootstrap(
        di_container=container,
        commands_mapper=lambda mapper: mapper.bind(Deposit, DepositHandler),
        domain_events_mapper=lambda mapper: mapper.bind(Deposited, DepositedHandler))

    return Bank(lambda amount: mediator.send(Deposit(account=ada, amount=amount)), lambda: accounts[ada])


def lato() -> Bank:
    """One call within a transaction context, which brings what the handlers ask for."""
    from lato import Application, Command, Event, TransactionContext
    from pydantic import Field

    ada = uuid4()
    accounts = Accounts({ada: Decimal(0)})
    app = Application("bank", accounts=accounts)

    class Deposit(Command):
        account: UUID
        amount: Decimal = Field(gt=0)

    class Deposited(Event):
        account: UUID
        amount: Decimal

    @app.handler(Deposit)
    def deposit(command: Deposit, ctx: TransactionContext, accounts: Accounts) -> Decimal:
        balance = accounts[command.account]
        ctx.publish(Deposited(account=command.account, amount=command.amount))
        return balance + command.amount

    @app.handler(Deposited)
    def deposited(event: Deposited, accounts: Accounts) -> None:
        accounts[event.account] += event.amount

    return Bank(lambda amount: app.execute(Deposit(account=ada, amount=amount)), lambda: accounts[ada])


@cache      # it refuses a second class of the same name
def branches() -> Any:
    """An application with an aggregate, as eventsourcing has them."""
    from eventsourcing.application import Application
    from eventsourcing.domain import Aggregate, event

    class Account(Aggregate):
        @event("Opened")
        def __init__(self, owner: str) -> None:
            self.owner = owner
            self.balance = Decimal(0)

        @event("Deposited")
        def deposit(self, amount: Decimal) -> None:
            self.balance += amount

    class Branch(Application[UUID]):
        def open(self, owner: str) -> UUID:
            account = Account(owner)
            self.save(account)
            return account.id

        def deposit(self, identifier: UUID, amount: Decimal) -> Decimal:
            account: Account = self.repository.get(identifier)
            account.deposit(amount)
            self.save(account)
            return account.balance

    return Branch


def eventsourcing() -> Bank:
    """With its cache on: without it every deposit replays all those before it."""
    branch = branches()(env={"AGGREGATE_CACHE_MAXSIZE": "1000"})
    ada = branch.open("Ada")
    return Bank(lambda amount: branch.deposit(ada, amount), lambda: branch.repository.get(ada).balance)


def protean() -> Bank:
    """An aggregate in a domain that runs at once. Its memory copies all that it holds, several times a deposit: what
    one costs grows with those before it, so measure few."""
    from protean import Domain, current_domain, fields, handle

    domain = Domain(name="bank")

    @domain.aggregate
    class Account:
        owner: fields.String(required=True)
        balance: fields.Decimal(default=Decimal(0))

        def deposit(self, amount: Decimal) -> None:
            self.balance += amount
            self.raise_(Deposited(account=self.id, amount=amount))

    @domain.event(part_of=Account)
    class Deposited:
        account: fields.Identifier(required=True)
        amount: fields.Decimal(required=True)

    @domain.command(part_of=Account)
    class Deposit:
        account: fields.Identifier(required=True)
        amount: fields.Decimal(required=True, min_value=Decimal("0.01"))

    @domain.command_handler(part_of=Account)
    class AccountHandler:
        @handle(Deposit)
        def deposit(self, command: Deposit) -> Decimal:
            repository = current_domain.repository_for(Account)
            account = repository.get(command.account)
            account.deposit(command.amount)
            repository.add(account)
            return account.balance

    domain.config["command_processing"] = domain.config["event_processing"] = "sync"
    domain.init(traverse=False)
    domain.domain_context().push()
    ada = Account(owner="Ada")
    domain.repository_for(Account).add(ada)
    return Bank(lambda amount: domain.process(Deposit(account=ada.id, amount=amount)),
                lambda: domain.repository_for(Account).get(ada.id).balance)


def diator() -> Bank:
    """What python-cqrs grew out of."""
    import di
    from di.dependent import Dependent
    from diator.container.di import DIContainer
    from diator.events import DomainEvent, EventEmitter, EventMap
    from diator.mediator import Mediator
    from diator.requests import Request, RequestMap
    from diator.response import Response

    @dataclass(frozen=True, kw_only=True)
    class Balance(Response):
        amount: Decimal

    @dataclass(frozen=True, kw_only=True)
    class Deposit(Request):
        account: UUID
        amount: Decimal

    @dataclass(frozen=True, kw_only=True)
    class Deposited(DomainEvent):
        account: UUID
        amount: Decimal

    class DepositHandler:
        def __init__(self, accounts: Accounts) -> None:
            self._accounts = accounts
            self.events: list[DomainEvent] = []

        async def handle(self, request: Deposit) -> Balance:
            balance = self._accounts[request.account]
            self.events.append(Deposited(account=request.account, amount=request.amount))
            return Balance(amount=balance + request.amount)

    class DepositedHandler:
        def __init__(self, accounts: Accounts) -> None:
            self._accounts = accounts

        async def handle(self, event: Deposited) -> None:
            self._accounts[event.account] += event.amount

    ada = uuid4()
    accounts = Accounts({ada: Decimal(0)})
    external = di.Container()
    external.bind(di.bind_by_type(Dependent(lambda: accounts, scope="request"), Accounts))
    container = DIContainer()
    container.attach_external_container(external)
    requests, events = RequestMap(), EventMap()
    requests.bind(Deposit, DepositHandler)
    events.bind(Deposited, DepositedHandler)
    mediator = Mediator(requests, container, EventEmitter(events, container))

    return Bank(lambda amount: mediator.send(Deposit(account=ada, amount=amount)), lambda: accounts[ada])


BANKS: dict[str, Callable[[], Bank]] = {
    "python-cqrs": lambda: python_cqrs(pydantic=False),
    "python-cqrs[pydantic]": lambda: python_cqrs(pydantic=True),
    "lato": lato,
    "eventsourcing": eventsourcing,
    "protean": protean,
    "diator": diator,
}


async def deposits(bank: Bank, count: int, amount: Decimal = Decimal(1)) -> float:
    """Seconds of the processor that one deposit takes, of so many."""
    begun = process_time()
    for _ in range(count):
        made = bank.deposit(amount)
        if asyncio.iscoroutine(made):
            await made
    return (process_time() - begun) / count


async def main(name: str) -> None:
    """Tells the release of a package and whether it refuses a deposit below zero, then what a deposit takes, of as many
    as each line asks for, in a new bank."""
    refuses = False
    try:
        await deposits(BANKS[name](), 1, Decimal(-1))
    except Exception:       # each package has its own
        refuses = True
    print(json.dumps({"version": version(name.partition("[")[0]), "refuses": refuses}), flush=True)
    for line in sys.stdin:
        bank, count = BANKS[name](), int(line)
        warm = count // 5
        await deposits(bank, warm)
        gc.collect()        # of what was before, as for us: table.measured
        taken = await deposits(bank, count)
        if bank.balance() != warm + count:
            raise RuntimeError(f"{name}: {warm + count} deposits of 1 left a balance of {bank.balance()}")
        print(taken, flush=True)


if __name__ == "__main__":
    logging.disable(logging.INFO)       # protean tells every command
    asyncio.run(main(sys.argv[1]))
