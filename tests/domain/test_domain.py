"""A Domain: registering, cells that run twice, rivals, forgetting, and what is missing."""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from workbench.domain.datadef import Datadef, field, invariant
from workbench.domain.domain import Domain, kebab
from workbench.domain.entity import Command, Event
from workbench.domain.handler import Handler
from workbench.domain.resource import Resource, Target
from workbench.errors import DefinitionError, Invalid, UnknownName

CELL = """
from workbench.domain.datadef import field
from workbench.domain.entity import Command, Event, Response
from workbench.domain.resource import Resource

@bank.resource
class Account(Resource):
    owner = field(str)

@bank.command(on=Account)
class OpenAccount(Command):
    owner = field(str)

@bank.event
class AccountOpened(Event):
    owner = field(str)

@bank.response
class Receipt(Response):
    text = field(str)

@bank.command_handler(OpenAccount)
async def open_account(command, context):
    yield AccountOpened(owner=command.owner).on(command.target)

@bank.event_handler(AccountOpened)
async def account_opened(event, context):
    yield None

@bank.response_handler(Receipt)
def receipt_as_text(response, context):
    return response.text

@bank.policy(AccountOpened)
async def welcome(event, context):
    yield None
"""


def tables(bank):
    return (bank.resources, bank.commands, bank.events, bank.responses, bank.command_handlers, bank.event_handlers,
            bank.response_handlers, bank.policies)


def run(cell, bank, **names):
    """Runs a cell as a notebook does: in the module ``__main__``."""
    namespace = {"__name__": "__main__", "bank": bank, **names}
    exec(cell, namespace)
    return namespace


def refused(call, *arguments, **given):
    with pytest.raises(DefinitionError) as caught:
        call(*arguments, **given)
    return str(caught.value)


# ------------------------------------------------------------------------------------------------ registering

def test_a_domain_is_made_of_plain_tables():
    """The decorators give back what they take, and put it into tables under kebab-case keys."""
    bank = Domain("bank")
    cell = run(CELL, bank)
    assert [list(table) for table in tables(bank)] == [
        ["account"], ["open-account"], ["account-opened"], ["receipt"], ["open-account"], ["account-opened"],
        ["receipt"], [("__main__", "welcome")]]
    assert bank.commands["open-account"].cls is cell["OpenAccount"]
    assert bank.commands["open-account"].on is cell["Account"]
    assert bank.command_handlers["open-account"].function is cell["open_account"]
    assert bank.faults() == []
    assert repr(bank) == "<domain bank: 1 resource, 1 command, 1 event, 1 policy>"


@pytest.mark.parametrize("name, key", [
    ("OpenAccount", "open-account"), ("HTTPServer", "http-server"), ("Account", "account"), ("A1B", "a1-b"),
    ("already_small", "already_small"), ("OrderV2", "order-v2")])
def test_keys_are_kebab_case(name, key):
    """A class's key is its name in kebab-case."""
    assert kebab(name) == key


def test_a_key_may_be_given():
    """A key, a model and a table may be given; two classes of different kinds may have the same key."""
    bank = Domain("bank")
    model = object()

    @bank.resource(key="acc", model=model, table="accounts")
    class Account(Resource):
        """An account."""

    @bank.command(key="acc")
    class Open(Command):
        """Open one."""

    assert bank.resources["acc"][1:] == (Account, model, "accounts", None)
    assert bank.commands["acc"].cls is Open


@pytest.mark.parametrize("key", ["", "Bank", "my bank", "a/b", "a:b", "-a", "a--b", "ä", 5])
def test_a_key_must_stand_in_an_address(key):
    """A key that could not be part of an address is refused."""
    assert refused(Domain, key) == (
        f'{key!r} cannot be the key of a domain: it takes small letters, digits, "_" and "-", as in "open-account"')


def test_the_wrong_class_is_refused():
    """Each decorator takes its own kind of class, and says which."""
    bank = Domain("bank")
    assert refused(bank.command, Event) == f"@bank.command takes a subclass of Command, not {Event!r}"
    assert refused(bank.resource, Datadef) == f"@bank.resource takes a subclass of Resource, not {Datadef!r}"
    assert refused(bank.event(key="x"), 5) == "@bank.event takes a subclass of Event, not 5"
    assert refused(bank.command, on="account") == (
        "on= takes a Resource class, as in @bank.command(on=Account), not 'account'")
    assert refused(Domain, "shop", uses=bank) == (
        f'uses= takes a list, as in Domain("shop", uses=[Account]), not {bank!r}')
    assert refused(bank.command_handler) == "name the Command classes to handle, as in @bank.command_handler(…)"
    assert refused(bank.policy, Command) == f"{Command!r} is not a subclass of Event; only those can be handled here"
    assert tables(bank) == ({},) * 8
    assert bank.version == 0


def test_a_decorator_without_its_classes_says_so():
    """A decorator of a handler that is used without parentheses is told what to give it."""
    bank = Domain("bank")
    for decorator, kind in ((bank.command_handler, "Command"), (bank.policy, "Event")):
        with pytest.raises(DefinitionError) as caught:
            @decorator
            def pay(command, context):
                pass
        assert str(caught.value) == (
            f"the decorator above pay does not say what that handles; give it the {kind} classes, in parentheses")


@pytest.mark.parametrize("function", [
    lambda: None, lambda command: None, lambda command, context, more: None, lambda command, *, context: None])
def test_a_handler_takes_a_message_and_a_context(function):
    """A function that cannot be called with two arguments is refused where it is registered."""
    with pytest.raises(DefinitionError, match="^the handler <lambda> of bank is called with two arguments, what it "
                                              r"handles and a context, as in def .*, and it takes others: "):
        Handler(function, "bank")
    assert Handler(lambda command, context, more=1: None, "bank").name == "<lambda>"
    assert Handler(max, "bank").name == "max"


def test_an_annotation_where_a_field_was_meant_is_refused():
    """A type that is only annotated, as in a dataclass, would be no field, and nobody could give it a value: the
    class is not registered. What has a value or a field, or is said to be of the class, is left."""
    domain = Domain("shop")

    class Dated(Command):
        due: date

    class Pay(Dated):
        amount: Decimal
        note: "str | None"
        how: field(str)
        tags: list[str]
        most: ClassVar[int]
        limit: "ClassVar[int]"
        times: int = 5
        given: Any = field(object)

    with pytest.raises(DefinitionError) as caught:
        domain.command(Pay)
    assert str(caught.value) == (
        "Pay cannot be registered: a type alone makes no field\n"
        "  amount: Decimal - write amount = field(Decimal)\n"
        "  note: str | None - write note = field(str | None)\n"
        "  how: field(…) - write how = field(…)\n"
        "  tags: list[str] - write tags = field(list[str])\n"
        "  due: date - write due = field(date)")
    assert not domain.commands

    class Article(Resource):
        _deleted: datetime | None

    with pytest.raises(DefinitionError, match=r"write _deleted = field\(datetime.datetime \| None\)"):
        domain.resource(Article)


def test_an_annotation_of_what_is_there_is_none_that_was_forgotten():
    """What a base annotates may be a field further down, and what a base has may be annotated: both are registered."""
    domain = Domain("shop")

    class Dated(Event):
        due: date

        @property
        def day(self):
            return self.due.day

    @domain.event
    class Paid(Dated):
        due = field(date)
        day: int

    @domain.event
    class Late(Paid):
        due: date

    assert list(Late._fields) == ["_target", "due"]


def test_a_label_that_names_no_field_is_refused():
    """A ``_label`` is looked at when the resource is registered, not only when a form asks for it."""
    class Book(Resource):
        title = field(str)
        _label = "titel"

    domain = Domain("library")
    with pytest.raises(DefinitionError, match='^Book cannot be registered: there is no field "titel" in Book._label; '
                                              'did you mean "title"[?]'):
        domain.resource(Book)
    assert not domain.resources


def test_a_handler_needs_a_registered_class():
    """A handler for a class that the domain does not have is refused with the line to write."""
    class Wave(Event):
        """Not registered."""

    assert refused(Domain("bank").event_handler, Wave) == (
        "Wave is no event of bank yet; put @bank.event above its class")


@pytest.mark.parametrize("name", ["on", "target", "set"])
def test_a_name_of_every_message_is_refused(name):
    """A field of a command cannot take the name of something that every message has."""
    with pytest.raises(DefinitionError, match=f'"{name}" is a name that every Command has for itself'):
        type(Command)("Move", (Command,), {name: field(str)})


def test_a_message_may_be_on_an_item():
    """``on`` gives the same message on an item; without one, ``target`` says what to write."""
    class Move(Command):
        by = field(int)

    target = Target("bank", "account", 5)
    move = Move(by="3")
    assert repr(move) == "Move(by=3)"
    assert repr(move.on(target)) == "Move(by=3).on(bank:account/5)"
    assert move.on(target).target is target
    with pytest.raises(AttributeError, match=re.escape("this Move is on no item; say .on(target) where it is made")):
        _ = move.target


def test_a_message_put_on_an_item_is_made_as_set_makes_it() -> None:
    """``on`` keeps all other fields, shows the message to its rules again, and leaves a class's own ``set`` its say."""
    class Plain(Command):
        by = field(int)
        note = field(str | None)

    class Ruled(Plain):
        @invariant
        def not_on_the_moon(self):
            """nothing moves on the moon"""
            return self._target != "moon"

    class Noted(Plain):
        def set(self, *pair, **given):
            return super().set(*pair, **given, note="set")

    assert Plain(by=3, note="x").on("earth") == Plain(by=3, note="x", _target="earth")
    assert Ruled(by=3).on("earth") == Ruled(by=3, _target="earth")
    with pytest.raises(Invalid, match="nothing moves on the moon"):
        Ruled(by=3).on("moon")
    assert Noted(by=3).on("earth") == Noted(by=3, note="set", _target="earth")
    assert type(Noted(by=3).on("earth")) is Noted
    assert Plain.on.__module__ == __name__


def test_an_on_that_was_written_goes_before_one_that_was_compiled() -> None:
    """A class's own ``on`` has its say also behind another base."""
    seen = []

    class Audited(Command):
        def on(self, target):
            seen.append(target)
            return super().on(target)

    class Move(Command):
        by = field(int, initial=0)

    class AuditedMove(Move, Audited):
        pass

    class Fast(AuditedMove):
        pass

    assert Fast(by=3).on("earth") == Fast(by=3, _target="earth")
    assert seen == ["earth"]


# ------------------------------------------------------------------------------------------------ a cell run twice

def test_a_cell_that_runs_twice_replaces():
    """Every registration of a cell that runs again is replaced by the new one, and nothing is there twice."""
    bank = Domain("bank")
    first = run(CELL, bank)
    keys, version = [list(table) for table in tables(bank)], bank.version
    second = run(CELL, bank)
    assert [list(table) for table in tables(bank)] == keys
    assert bank.resources["account"].cls is second["Account"] is not first["Account"]
    assert bank.command_handlers["open-account"].function is second["open_account"]
    assert [handler.function for _, handler in bank.policies.values()] == [second["welcome"]]
    assert bank.version == 2 * version
    assert bank.faults() == []


def test_a_class_may_change_its_key_and_its_kind():
    """A cell that runs again with another key, or as another kind of class, leaves nothing of the first."""
    bank = Domain("bank")
    run("@bank.command\nclass Moved(Command):\n    pass", bank, Command=Command)
    run("@bank.command(key='move')\nclass Moved(Command):\n    pass", bank, Command=Command)
    assert list(bank.commands) == ["move"]
    run("@bank.event\nclass Moved(Event):\n    pass", bank, Event=Event)
    assert (list(bank.commands), list(bank.events)) == ([], ["moved"])


def test_a_handler_may_change_what_it_handles():
    """A handler's cell that runs again for other commands no longer handles the earlier ones."""
    bank = Domain("bank")
    cell = run("@bank.command\nclass A(Command):\n    pass\n\n@bank.command\nclass B(Command):\n    pass\n", bank,
               Command=Command)
    both = "@bank.command_handler(A, B)\ndef handle(command, context):\n    pass\n"
    run(both, bank, A=cell["A"], B=cell["B"])
    assert list(bank.command_handlers) == ["a", "b"]
    run(both.replace("A, ", ""), bank, B=cell["B"])
    assert list(bank.command_handlers) == ["b"]
    assert bank.faults() == [
        'the command "a" (A) has no handler; write one with @bank.command_handler(A)']


def test_a_rival_is_refused():
    """Another class for a key, or another function for a command, is refused; both are named, and the way out."""
    bank = Domain("bank")
    cell = run(CELL, bank)
    before = [dict(table) for table in tables(bank)]
    assert refused(run, "@bank.event(key='account-opened')\nclass Other(Event):\n    pass", bank, Event=Event) == (
        'the event "account-opened" of bank is already __main__.AccountOpened, and __main__.Other is another class; '
        'give one of them a key of its own (@bank.event(key="…")), or bank.forget(AccountOpened) first')
    rival = "@bank.command_handler(OpenAccount)\ndef another(command, context):\n    pass"
    words = refused(run, rival, bank, OpenAccount=cell["OpenAccount"])
    assert words == (
        'the command "open-account" of bank already has the handler __main__.open_account (<string>:22); '
        "__main__.another (<string>:1) would be a second one. Keep one of them, or bank.forget(open_account) first")
    assert [dict(table) for table in tables(bank)] == before


def test_several_policies_may_react_to_one_event():
    """Several policies may react to one event: they are no rivals."""
    bank = Domain("bank")
    cell = run(CELL, bank)
    run("@bank.policy(Opened)\ndef greet(event, context):\n    pass", bank, Opened=cell["AccountOpened"])
    assert list(bank.policies) == [("__main__", "welcome"), ("__main__", "greet")]


# ------------------------------------------------------------------------------------------------ the whole

def test_all_that_is_missing_is_said():
    """Commands and events without a handler, and handlers without their class, are all listed."""
    bank = Domain("bank")
    cell = run(CELL, bank)
    for name in ("open_account", "account_opened", "Receipt"):
        bank.forget(cell[name])
    assert bank.faults() == [
        'the command "open-account" (OpenAccount) has no handler; write one with @bank.command_handler(OpenAccount)',
        'the event "account-opened" (AccountOpened) has no handler; write one with @bank.event_handler(AccountOpened)',
        'the handler receipt_as_text is for the response "receipt", which is no longer registered; '
        "bank.forget(receipt_as_text)"]


def test_everything_can_be_forgotten():
    """``forget`` takes back each registration, also by a class of an earlier run, and counts as a change."""
    bank = Domain("bank")
    first = run(CELL, bank)
    run(CELL, bank)
    version = bank.version
    for name in ("Account", "OpenAccount", "AccountOpened", "Receipt", "open_account", "account_opened",
                 "receipt_as_text", "welcome"):
        bank.forget(first[name])
    assert tables(bank) == ({},) * 8
    assert bank.version == version + 8


def test_forgetting_what_is_not_there_is_an_error():
    """``forget`` of something that is not registered says what is."""
    bank = Domain("bank")
    run(CELL, bank)

    class Acount(Resource):
        """Misspelt."""

    with pytest.raises(UnknownName) as caught:
        bank.forget(Acount)
    assert str(caught.value) == (
        'there is no definition "Acount" in bank; did you mean "Account"? '
        "There is: Account, AccountOpened, OpenAccount, Receipt")


def test_domains_share_nothing():
    """Two domains, even of one key, have tables of their own."""
    bank, other = Domain("bank"), Domain("bank")
    run(CELL, bank)
    assert tables(other) == ({},) * 8
