"""Domain.check: what it finds, what it leaves alone, and how it says it."""

from typing import Any, ClassVar
from uuid import UUID

import workbench as wb
from workbench import Command, Domain, Event, Insert, Resource, Response, Update, field
from workbench import Update as Wish
from workbench.domain.findings import in_past_tense
from workbench.domain.mentions import mentions
from workbench.examples.bank import bank


def shop() -> tuple[Domain, type[Event]]:
    """A domain with a resource, a command on it and an event, nothing handled yet."""
    domain = Domain("shop")

    @domain.resource
    class Article(Resource):
        name = field(str)

    @domain.event
    class Price(Event):
        amount = field(int)

    @domain.command(on=Article)
    class SetPrice(Command):
        amount = field(int)

    return domain, Price


def found(domain: Domain) -> list[str]:
    return [f"{finding.where}: {finding.what}" for finding in domain.check()]


def test_the_bank_is_clean() -> None:
    """A whole domain has no findings, and its check says so."""
    assert bank.check() == []
    assert repr(bank.check()) == "nothing found"


def test_everything_at_once() -> None:
    """All findings come together, each with its place and its reason."""
    domain, _ = shop()
    assert found(domain) == [
        'command "set-price": has no handler',
        'event "price": has no handler',
        'event "price": seems unused: no command handler names it',
        'event "price": seems not to be in the past tense',
        'resource "article": has neither an invariant nor a field with check=, choices= or limits']
    assert repr(domain.check()).startswith(
        'command "set-price": has no handler\n    it cannot be issued; a session does not open such a domain\n')


def test_an_event_made_by_a_helper_is_used() -> None:
    """An event that only a function called by the handler names is not taken for unused."""
    domain, price = shop()

    def made(amount):
        return price(amount=amount)

    @domain.command_handler(domain.commands["set-price"].cls)
    def set_price(command, context):
        return made(command.amount)

    assert not [line for line in found(domain) if "unused" in line]


def test_a_local_import_silences_what_only_seems() -> None:
    """Where a handler imports as it runs, nothing is said to be unused."""
    domain, _ = shop()

    @domain.command_handler(domain.commands["set-price"].cls)
    def set_price(command, context):
        from workbench.examples.bank import Deposited
        return Deposited(amount=command.amount)

    assert not [line for line in found(domain) if "unused" in line]


def test_a_command_on_a_stranger() -> None:
    """A command on a resource of another domain is told, unless uses= grants it."""
    account = bank.resources["account"].cls
    for uses, told in (([], True), ([account], False), ([bank], False)):
        domain = Domain("shop", uses=uses)
        domain.command(on=account)(type("Charge", (Command,), {}))
        assert ("is on Account, which is no resource of shop nor granted by uses="
                in " ".join(found(domain))) is told


def test_unused_resource_and_response() -> None:
    """A resource no command is on and no handler names, and a response no handler yields, are told."""
    domain, price = shop()
    domain.response(type("Receipt", (Response,), {}))
    domain.resource(type("Shelf", (Resource,), {}))

    @domain.command_handler(domain.commands["set-price"].cls)
    def set_price(command, context):
        return price(amount=command.amount)

    @domain.event_handler(price)
    def priced(event, context):
        return Update(event.target)

    assert [line for line in found(domain) if "unused" in line] == [
        'response "receipt": seems unused: no command handler names it',
        'resource "shelf": seems unused: no command is on it and no handler names it']


def test_past_tense() -> None:
    """Regular and irregular participles pass, anywhere in the key; nouns and imperatives do not."""
    assert all(map(in_past_tense, ["deposited", "money-sent", "account-opened", "withdrawn", "paid_out"]))
    assert not any(map(in_past_tense, ["open-account", "feed", "need-stock", "red", "price"]))


def test_a_type_that_is_no_field() -> None:
    """A type as a class attribute, where field(…) was forgotten, is found; a class within a class is not."""
    shop = Domain("shop")

    @shop.resource
    class Article(Resource):
        name = str
        tags = list[str]
        note = str | None
        price = field(int, least=0)

        class Sizes:
            pass

    assert [finding for finding in found(shop) if "no field" in finding] == [
        'resource "article": name = str is no field',
        'resource "article": tags = list[str] is no field',
        'resource "article": note = str | None is no field']
    assert "name = field(str) was probably meant" in repr(shop.check())


def test_an_annotation_that_is_no_field() -> None:
    """A type that is annotated beside a value, as in a dataclass, is found; what is said to be of the class is not."""
    shop = Domain("shop")

    @shop.command
    class Buy(Command):
        times: int = 5
        most: ClassVar[int] = 3
        given: Any = field(object)

    assert [finding for finding in found(shop) if "no field" in finding] == [
        'command "buy": times: int is no field']


def test_a_forgotten_yield() -> None:
    """What a handler makes and drops is found, by itself or under a name; what it yields, returns or keeps is not."""
    domain, price = shop()

    @domain.command_handler(domain.commands["set-price"].cls)
    async def set_price(command, context):
        """price(amount=1) is what it is about."""
        price(amount=command.amount).on(context.target)

    @domain.event_handler(price)
    def priced(event, context):
        wish = Update(event.target)     # noqa: F841  # the slip that is to be found
        others = [Update(event.target)]
        others.append(Update(event.target))
        last = Update(event.target)
        return [last, *others]

    @domain.policy(price)
    async def again(event, context):
        yield domain.commands["set-price"].cls(amount=1)

    told = [line for line in domain.check() if "yield" in line.what]
    assert list(map(repr, told)) == [
        "command handler set_price: seems to make Price and neither to yield nor to return it\n"
        "    nothing comes of it; yield Price(…) was probably meant",
        "event handler priced: seems to make Update and neither to yield nor to return it\n"
        "    nothing comes of it; yield Update(…) was probably meant"]


def test_a_forgotten_yield_under_other_names() -> None:
    """What is dropped is found under a name with a type, and where the class is called otherwise or by its module."""
    domain, price = shop()

    @domain.command_handler(domain.commands["set-price"].cls)
    async def set_price(command, context):
        made: object = price(amount=command.amount)     # noqa: F841  # the slip that is to be found
        later: object
        later = price(amount=2)
        return later

    @domain.event_handler(price)
    def priced(event, context):
        wb.Delete(event.target)
        Wish(event.target)

    told = [line.what for line in domain.check() if "yield" in line.what]
    assert told == [f"seems to make {made} and neither to yield nor to return it"
                    for made in ("Price", "Delete", "Update")]


def test_a_mutation_is_mentioned_under_any_name() -> None:
    """Which mutations a handler makes is seen whatever it calls their classes."""
    def renamed(event, context):
        return Wish(event.target)

    def of_the_module(event, context):
        return wb.Update(event.target)

    for handler in (renamed, of_the_module):
        read = mentions([handler])
        assert (read.name(Update), read.name(Insert), read.partly) == (True, False, False)


def test_without_a_source_no_yield_is_missed() -> None:
    """Of a handler whose source is not there nothing is said."""
    domain, price = shop()
    space = {"price": price}
    exec("def set_price(command, context):\n    price(amount=1)", space)
    domain.command_handler(domain.commands["set-price"].cls)(space["set_price"])
    assert not [line for line in found(domain) if "yield" in line]


def test_a_reference_to_nothing() -> None:
    """A text in references= that is no resource is found, with the nearest one; those that can be meant are not."""
    library = Domain("library", uses=[bank, bank.resources["account"].cls])

    @library.resource
    class Book(Resource):
        sequel_of = field(UUID | None, references="self")
        paid_by = field(UUID, references="bank:account")

    @library.resource
    class Fee(Resource):
        book = field(UUID, references="bok")
        again = field(UUID, references="library:book")
        of = field(UUID, references="account")

    @library.command(on=Fee)
    class Charge(Command):
        book = field(UUID, references="library:bok")

    told = [repr(one) for one in library.check() if "references" in one.what]
    assert told == [
        'command "charge": book references "library:bok", which is no resource of library nor of its uses=; '
        'did you mean "library:book"? There is: bank:account, book, fee, library:book, library:fee\n'
        "    a form offers no items for it, and any identifier is taken",
        'resource "fee": book references "bok", which is no resource of library nor of its uses=; '
        'did you mean "book"? There is: bank:account, book, fee, library:book, library:fee\n'
        "    a session opens it only beside a domain that has it"]


def test_policies_that_go_round() -> None:
    """A policy whose command leads back to the event to which it reacts, over others or not, is told, and no other."""
    domain = Domain("pass")
    for name in ("Ping", "Pong", "End"):
        domain.command(type(name, (Command,), {"__module__": __name__}))
    pinged, ponged, ended = (domain.event(type(name, (Event,), {"__module__": __name__}))
                             for name in ("Pinged", "Ponged", "Ended"))
    ping, pong, end = (domain.commands[key].cls for key in ("ping", "pong", "end"))
    domain.command_handler(ping)(lambda command, context: pinged())
    domain.command_handler(pong)(lambda command, context: ponged())
    domain.command_handler(end)(lambda command, context: ended())

    @domain.policy(pinged)
    def answer(event: Any, context: Any) -> Command:
        return pong()

    @domain.policy(pinged)
    def finish(event: Any, context: Any) -> Command:
        return end()

    assert not [line for line in found(domain) if "policy" in line]

    @domain.policy(ponged)
    def again(event: Any, context: Any) -> Command:
        return ping()

    assert [line for line in found(domain) if "policy" in line] == [
        f"policy {name}: seems to lead back to an event to which it reacts" for name in ("answer", "again")]
