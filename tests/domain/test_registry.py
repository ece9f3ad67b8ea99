"""A Registry: several domains looked up by class, key and address; grants; and classes of earlier runs."""

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import datadef_classes, records
from workbench.domain.datadef import field
from workbench.domain.domain import Domain
from workbench.domain.entity import Command, Event, Response
from workbench.domain.registry import Registry
from workbench.domain.resource import Resource, Target
from workbench.errors import DefinitionError, Invalid, NotGranted, UnknownName

BANK = """
from workbench.domain.datadef import field
from workbench.domain.entity import Command, Event
from workbench.domain.resource import Resource

@bank.resource
class Account(Resource):
    owner = field(str)

@bank.command(on=Account)
class Deposit(Command):
    amount = field(int)

@bank.event
class Deposited(Event):
    amount = field(int)

@bank.command_handler(Deposit)
def deposit(command, context):
    pass

@bank.event_handler(Deposited)
def deposited(event, context):
    pass
"""


def run(cell, **names):
    namespace = {"__name__": "__main__", **names}
    exec(cell, namespace)
    return namespace


@pytest.fixture
def bank():
    return Domain("bank")


@pytest.fixture
def cell(bank):
    return run(BANK, bank=bank)


def words(error, call, *arguments, **given_values):
    with pytest.raises(error) as caught:
        call(*arguments, **given_values)
    return str(caught.value)


# ------------------------------------------------------------------------------------------------ opening

def test_only_domains_are_opened(bank):
    """A session takes at least one domain, and no two of one key; the same one may be named twice."""
    assert words(DefinitionError, Registry, []) == (
        "at least one Domain is needed, as in Workbench(bank) or Session(bank)")
    assert words(DefinitionError, Registry, ["bank"]) == (
        "'bank' is no Domain; give one, as in Workbench(bank) or Session(bank) with bank = Domain(\"bank\")")
    assert words(DefinitionError, Registry, [bank, Domain("bank")]) == (
        'two domains have the key "bank"; give one of them another')
    assert list(Registry([bank, bank]).domains) == ["bank"]


def test_a_class_belongs_to_one_domain(bank, cell):
    """A class that two domains registered is refused, with the way to share it."""
    shop = Domain("shop")
    shop.resource(cell["Account"])
    assert words(DefinitionError, Registry, [bank, shop]) == (
        "a class belongs to one domain\n  Account is registered in bank and in shop; keep one, and grant it to the "
        "other domain: uses=[…]")


def test_all_faults_of_all_domains_are_said(bank, cell):
    """Missing handlers, grants of and commands on what is not opened, policies on unknown events: all at once."""
    shop = Domain("shop", uses=[cell["Account"], bank])

    @shop.command(on=cell["Account"])
    class Buy(Command):
        """Buy something."""

    @shop.policy(cell["Deposited"])
    def thank(event, context):
        """Say thanks."""

    assert Registry([shop]).faults() == [
        'shop: the command "buy" (Buy) has no handler; write one with @shop.command_handler(Buy)',
        "shop: it uses Account, whose domain is not opened here; open it in the same session",
        "shop: it uses bank, whose domain is not opened here; open it in the same session",
        'shop: the command "buy" is issued on Account, which is no resource of an opened domain',
        "shop: the policy thank reacts to Deposited, which is no event of an opened domain"]
    shop.command_handler(Buy)(lambda command, context: None)
    assert Registry([shop, bank]).faults() == []


def test_policies_of_another_domain_react(bank, cell):
    """A policy of one domain reacts to an event of another, in the order of registration."""
    shop = Domain("shop")

    @shop.policy(cell["Deposited"])
    def thank(event, context):
        """Say thanks."""

    registry = Registry([bank, shop])
    assert [(it.name, it.domain) for it in registry.policies(cell["Deposited"])] == [("thank", "shop")]
    assert Registry([bank]).policies(cell["Deposited"]) == []
    assert registry.policies(Event) == []


# ------------------------------------------------------------------------------------------------ grants

def test_a_domain_touches_its_own_and_what_it_was_given(bank, cell):
    """A resource of another domain is refused, with the way to grant it; a class or a whole domain may be granted."""
    kindred = ("bank", "account")
    registry = Registry([bank, Domain("shop"), Domain("one", uses=[cell["Account"]]), Domain("all", uses=[bank])])
    for domain in ("bank", "one", "all"):
        assert kindred in registry.granted(domain)
        registry.check_granted(domain, kindred)
    assert registry.granted("shop") == frozenset()
    with pytest.raises(NotGranted) as caught:
        registry.check_granted("shop", kindred)
    assert str(caught.value) == (
        'the domain "shop" may not touch bank:account: it is not its own. To grant it: Domain("shop", uses=[Account])')
    assert (caught.value.domain, caught.value.resource) == ("shop", "bank:account")


def test_a_grant_outlives_a_second_run_of_its_cell(bank, cell):
    """A grant of a class holds for the class that the cell makes when it runs again."""
    registry = Registry([bank, Domain("shop", uses=[cell["Account"]])])
    run(BANK, bank=bank)
    assert registry.refresh()
    assert ("bank", "account") in registry.granted("shop")


def test_a_grant_of_a_domain_is_of_all_that_is_open_of_it(bank, cell):
    """Where the cell of a domain ran again, and not yet those of all its resources, these are granted as before."""
    shop = Domain("shop", uses=[Domain("bank")])
    registry = Registry([bank, shop])
    assert ("bank", "account") in registry.granted("shop")


# ------------------------------------------------------------------------------------------------ a cell run twice

def test_the_registry_looks_again_after_a_change(bank, cell):
    """A registry sees later registrations once refreshed, and says whether anything changed."""
    registry = Registry([bank])
    assert not registry.refresh()

    @bank.event
    class Closed(Event):
        """A new one."""

    assert words(UnknownName, registry.known, Closed) == (
        'there is no definition "Closed" in the domains bank; there is: Account, Deposit, Deposited. '
        "To register it, put @bank.event above its class")
    assert registry.refresh()
    assert registry.known(Closed)[:1] == ("bank",)
    assert registry.known(Closed).key == "closed"
    bank.forget(Closed)
    assert registry.refresh()
    assert "Closed" in words(UnknownName, registry.known, Closed)


def test_a_click_looks_while_a_cell_defines(bank, cell):
    """What a click on a thread of its own looks up is there, and whole, while a cell defines more."""
    registry, ended, interval = Registry([bank]), threading.Event(), sys.getswitchinterval()

    def clicking():
        found = []
        while not ended.is_set():
            registry.refresh()
            kindreds = registry.known(cell["Account"]).kindred, registry.route(cell["Deposit"]).kindred
            found.append((*kindreds, bank.faults(), [key for key in bank.commands if key == "deposit"]))
        return found

    sys.setswitchinterval(1e-6)     # else the threads hardly ever meet
    try:
        with ThreadPoolExecutor(2) as pool:
            clicks = [pool.submit(clicking) for _ in range(2)]
            try:
                for number in range(60):
                    defined = bank.response(type(f"Response{number}", (Response,), {"__module__": "__main__"}))
                    registry.refresh()
                    assert registry.known(defined).key == f"response{number}"
            finally:
                ended.set()
            found = [one for click in clicks for one in click.result()]
    finally:
        sys.setswitchinterval(interval)
    assert found
    assert all(one == (("bank", "account"), ("bank", "deposit"), [], ["deposit"]) for one in found)


def test_a_registry_that_could_not_look_says_so_again(bank, cell):
    """A fault of the definitions is said at every refresh until it is mended."""
    shop = Domain("shop")
    registry = Registry([bank, shop])
    shop.command(cell["Deposit"])
    for _ in range(2):
        assert words(DefinitionError, registry.refresh).startswith("a class belongs to one domain")
    shop.forget(cell["Deposit"])
    assert registry.refresh()
    assert registry.known(cell["Deposit"]).domain == "bank"


def test_messages_of_an_earlier_run_are_carried_over(bank, cell):
    """An instance of a class whose cell ran again becomes one of the present class, with its target."""
    registry = Registry([bank])
    target = Target("bank", "account", uuid4())
    old = cell["Deposit"](amount=3).on(target)
    assert registry.current(old) is old
    new = run(BANK.replace("amount = field(int)", "amount = field(int)\n    note = field(str | None)"),
              bank=bank)["Deposit"]
    registry.refresh()
    again = registry.current(old)
    assert again == new(amount=3, note=None).on(target)
    assert type(again) is new
    assert registry.known(cell["Deposit"]).cls is new


def test_an_item_of_an_earlier_run_is_a_target(bank, cell):
    """An item of a class whose cell ran again still names its target."""
    registry = Registry([bank])
    item = cell["Account"](_id=uuid4(), owner="Ada")
    run(BANK, bank=bank)
    registry.refresh()
    assert registry.target(item) == Target("bank", "account", item._id)


# ------------------------------------------------------------------------------------------------ by key

def test_a_resource_is_named_in_three_ways(bank, cell):
    """A class, a key, or both keys name a resource; a bare key is looked for at home first."""
    shop = Domain("shop")

    @shop.resource
    class Account(Resource):
        """Another one of the same key."""

    registry = Registry([bank, shop])
    assert registry.kindred(cell["Account"]) == registry.kindred("bank:account") == ("bank", "account")
    assert registry.kindred("account", home="shop") == registry.kindred(Account) == ("shop", "account")
    assert registry.resource(("shop", "account")) is Account
    assert words(UnknownName, registry.kindred, "account").endswith("There is: bank:account, shop:account")
    assert words(UnknownName, registry.kindred, "bank:acount") == (
        'there is no resource "bank:acount"; did you mean "bank:account"? There is: bank:account, shop:account')
    assert words(UnknownName, registry.kindred, cell["Deposit"]) == (
        'there is no resource "Deposit"; there is: Account, Account')
    assert words(UnknownName, registry.resource, ("bank", "x")) == (
        'there is no resource "x" in bank; there is: account')
    assert words(UnknownName, registry.resource, ("bnk", "x")) == (
        'there is no domain "bnk"; did you mean "bank"? There is: bank, shop')


def test_a_target_is_named_in_four_ways(bank, cell):
    """An item, a Target, and an address with or without the domain name one target, its identifier typed."""
    registry = Registry([bank])
    identifier = uuid4()
    wanted = Target("bank", "account", identifier)
    for on in (wanted, Target("bank", "account", str(identifier)), cell["Account"](_id=identifier, owner="Ada"),
               f"account/{identifier}", f"bank:account/{identifier}"):
        target = registry.target(on)
        assert target == wanted
        assert type(target.identifier) is UUID
    assert '"account/<identifier>"; for a new one: context.new(Account)' in words(
        Invalid, registry.target, cell["Account"])
    assert words(Invalid, registry.target, "account/5").startswith("the identifier of a Account was refused")
    assert 'there is no resource "acount"; did you mean "account"?' in words(UnknownName, registry.target, "acount/5")
    for on in (5, None, "account"):
        assert f'{on!r} names no item; say an item, a Target, a Step or' in words(Invalid, registry.target, on)


# ------------------------------------------------------------------------------------------------ addresses

def test_a_command_is_found_at_its_address(bank, cell):
    """An address gives the command, built from its data, and the rest; errors name what is near."""
    registry = Registry([bank])
    Deposit = cell["Deposit"]
    assert registry.command_at("bank:deposit/account/5", {"amount": "3"}) == (Deposit(amount=3), "account/5")
    assert registry.command_at("deposit", {"amount": 3}) == (Deposit(amount=3), None)
    assert registry.command_named("bank:deposit") == registry.command_named("deposit") == (
        bank, bank.commands["deposit"])
    assert words(UnknownName, registry.command_at, "deposti", {}) == (
        'there is no command "deposti" in bank; did you mean "deposit"? There is: deposit')
    assert words(UnknownName, registry.command_at, "bnk:deposit", {}) == (
        'there is no domain "bnk"; did you mean "bank"? There is: bank')
    assert words(Invalid, registry.command_at, "deposit", {"amont": 3}).startswith("Deposit was refused: 2 problems")


def test_a_bare_command_key_must_be_of_one_domain(bank, cell):
    """The domain may be left out of an address only where one domain has the command."""
    shop = Domain("shop")

    @shop.command
    class Buy(Command):
        """Only here."""

    @shop.command(key="deposit")
    class Pledge(Command):
        """A second deposit."""

    registry = Registry([bank, shop])
    assert registry.command_at("buy", {}) == (Buy(), None)
    assert registry.command_at("shop:deposit", {}) == (Pledge(), None)
    assert words(UnknownName, registry.command_at, "deposit", {}) == (
        'there is no command "deposit"; did you mean "shop:deposit"? There is: bank:deposit, shop:buy, shop:deposit')


def test_data_at_an_address_cannot_set_what_is_hidden(bank, cell):
    """Names with an underscore are refused in the data of an address."""
    assert words(Invalid, Registry([bank]).command_at, "deposit", {"amount": 3, "_target": "x"}) == (
        "Deposit was refused: 1 problem\n  _target: is set by the workbench alone; leave it out")


@given(st.data())
def test_a_command_line_is_read_back(data):
    """A command on a target, written as an address and JSON, is read back as the same command on the same target."""
    bank = Domain("bank")
    bank.resource(type(Resource)("Thing", (Resource,), {"_id": field(str)}))
    cls = bank.command(data.draw(datadef_classes(Command)))
    command = data.draw(records(cls))
    target = Target("bank", "thing", data.draw(st.text(max_size=5).filter(lambda text: text.isprintable())))
    registry = Registry([bank])
    address, values = registry.command_line(command, target)
    again, rest = registry.command_at(address, json.loads(json.dumps(values)))
    assert again == command
    assert registry.target(rest) == target
    assert registry.command_line(command, None) == ("bank:generated", values)


def test_a_target_of_another_domain_is_named_whole(bank):
    """The address of a command on another domain's item names that domain."""
    shop = Domain("shop", uses=[bank])

    @shop.command
    class Charge(Command):
        amount = field(Decimal)

    registry = Registry([shop, bank])
    assert registry.command_line(Charge(amount="1.50"), Target("bank", "account", 5)) == (
        "shop:charge/bank:account/5", {"amount": "1.50"})


def test_what_is_no_command_is_told_by_the_domains_own(bank, cell):
    """The error for what cannot be issued shows a command that these domains have, and how its class is called."""
    registry = Registry([bank])
    assert str(registry.no_command(3)).endswith("3 is no command; give one such as Deposit(amount=…), or its address")
    assert str(registry.no_command(cell["Deposit"])).endswith(
        "Deposit is the class of a command; give one of it: Deposit(amount=…)")
