"""Pickers: items are found by what they are called, cached or not, and what means none says what would do."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.editing import Account as Child
from tests.editing import Edit, Note, at, desk
from workbench import Command, Domain, Event, Insert, Resource, Session, Target, Workbench, field
from workbench.domain.resource import label_of
from workbench.errors import UnknownName
from workbench.examples.bank import Account, CloseAccount, Deposit, OpenAccount, Pay, bank
from workbench.examples.flights import Flight, RegisterAirline, RegisterAirport, ScheduleFlight, flights
from workbench.notebook.forms import picker
from workbench.notebook.forms.finder import OFFERED, Finder, Found
from workbench.notebook.forms.picker import Reference

ACCOUNT = ("bank", "account")


async def stored(dsn: str, *owners: str) -> list[UUID]:
    """The identifiers of accounts that somebody else has stored."""
    async with Session(bank, dsn=dsn) as session:
        made = [(await session.issue(OpenAccount(owner=owner))).target.identifier for owner in owners]
        await session.commit()
        return made


def labels(wb: Workbench, text: str) -> list[str | None]:
    return [one.label for one in Finder(wb).find(ACCOUNT, text).items]


async def test_cached_and_stored_ones(wb: Workbench, dsn: str) -> None:
    """What is cached comes first, with all that is pending; then what is only stored; nothing is cached by looking."""
    await stored(dsn, "Ada", "Adam", "Eve")
    [eve] = wb.find(Account, owner="Eve")
    wb.issue(CloseAccount(), on=eve)
    wb.issue(OpenAccount(owner="Adele"))
    assert labels(wb, "AD") == ["Adele", "Ada", "Adam"]
    assert labels(wb, "eve") == []
    assert labels(wb, "") == ["Adele", "Ada", "Adam"]
    assert len(wb.items("account")) == 2


def test_found_by_what_a_reference_leads_to(dsn: str) -> None:
    """Where the label is a reference, an item is found and offered by what that other item is called; one that is in
    the database alone is offered so where the other is at hand."""
    class Article(Resource):
        name = field(str)

    class Order(Resource):
        _label = "article"
        article = field(UUID, references=Article)

    lamp, chair, order = (UUID(begun + "0" * 24) for begun in ("1a3b55e0", "c4a10e70", "0bde4f10"))
    kindred, shop = ("desk", "order"), desk(Article, Order)
    with Workbench(shop, dsn=dsn) as wb:
        wb.issue(Edit(mutations=[Insert(at(Article, lamp), name="Lamp"), Insert(at(Article, chair), name="Chair"),
                                 Insert(at(Order, order), article=lamp)]))
        assert Finder(wb).find(kindred, "lam").items == [Found(at(Order, order), "Lamp")]
        assert Finder(wb).find(kindred, "chair").items == []
        wb.commit()
        with Workbench(shop, dsn=dsn) as later:
            [found] = Finder(later).find(kindred, "").items
            assert found == Found(at(Order, order), "1a3b55e0")
            later.fetch(at(Article, lamp))
            [found] = Finder(later).find(kindred, "").items
            assert found.text == "Lamp · 0bde4f10"


async def test_no_more_than_can_be_looked_through(wb: Workbench, dsn: str) -> None:
    """Only so many are offered, and that there are more is known, whether they are cached or stored."""
    await stored(dsn, *(f"a{number}" for number in range(OFFERED + 5)))
    found = Finder(wb).find(ACCOUNT, "a")
    assert (len(found.items), found.more) == (OFFERED, True)
    wb.find(Account)
    found = Finder(wb).cached(ACCOUNT, "a")
    assert (len(found.items), found.more) == (OFFERED, True)
    assert [one.label for one in Finder(wb).find(ACCOUNT, "a24").items] == ["a24"]


def test_what_an_item_is_called_by() -> None:
    """The label is the field that the resource names, else its first text that is no reference, else there is none."""
    class Named(Resource):
        _label = "number"
        text = field(str)
        number = field(int)

    class Wrong(Resource):
        _label = "nme"
        name = field(str)

    assert [label_of(one) for one in (Account, Note, Named, Child, Flight)] == ["owner", "text", "number", None, None]
    with pytest.raises(UnknownName, match='no field "nme" in Wrong._label; did you mean "name"'):
        label_of(Wrong)


async def test_a_reference(wb: Workbench, dsn: str) -> None:
    """A field that refers to an account is filled in by the owner's name; what is typed in part is not wrong yet."""
    ada, adam = await stored(dsn, "Ada", "Adam")
    form = wb.form(Pay, on=f"account/{adam}", amount=1)
    to = form.controls["to"]
    assert isinstance(to, Reference)
    to.input.value = "ad"
    assert (to.problem, "2 found: Ada · " in to.beneath.widget.value) == ("", True)
    assert to.input.options == (f"Ada · {str(ada)[:8]}", f"Adam · {str(adam)[:8]}")
    assert not to.check()
    assert "'ad' is not the whole of it; choose one: Ada · " in to.problem
    for text in (f"Ada · {str(ada)[:8]}", " ada ", str(ada), str(ada).upper()):
        to.input.value = "x"
        to.input.value = text
        assert (to.value, to.problem) == (ada, "")
    to.input.value = "nobody"
    assert to.problem == "no account has 'nobody' in its owner; type a part of it, or the whole identifier"
    to.input.value = ""
    assert to.problem == "is required"
    to.set(adam)
    assert to.input.value == f"Adam · {str(adam)[:8]}"


async def test_enter_takes_the_first(wb: Workbench, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enter takes the first item found; the Enter that chose from the list does nothing more, the next one issues."""
    now = [0.0]
    monkeypatch.setattr(picker, "monotonic", lambda: now[0])
    _, bob = await stored(dsn, "Ada", "Bobby")
    form = wb.form(Pay, on=f"account/{bob}")
    to = form.controls["to"]

    def enter() -> None:
        to.input._handle_custom_msg({"event": "submit"}, [])

    to.input.value = "ad"
    enter()
    assert (to.input.value.startswith("Ada · "), form.controls["amount"].problem) == (True, "")
    enter()
    assert form.controls["amount"].problem == ""
    now[0] += 1
    enter()
    assert form.controls["amount"].problem == "is required"


def test_a_long_name_is_cut_where_it_is_told(wb: Workbench) -> None:
    """Beneath the line a long label is told without its middle, before and after it is chosen; it is offered whole."""
    step = wb.issue(OpenAccount(owner="x" * 100_000))
    aim = wb.form(Deposit).aim
    aim.input.value = "xx"
    told = f"{'x' * 40}…{'x' * 8} · {str(step.target.identifier)[:8]}"
    assert f"1 found: {told}; Enter takes the first" in aim.beneath.widget.value
    aim.input.value = "x" * 100_000
    assert f">{told}<" in aim.beneath.widget.value
    assert len(aim.input.options[0]) > 100_000
    assert aim.target == step.target


async def test_a_name_that_two_have(wb: Workbench, dsn: str) -> None:
    """A name that two items have means neither; each can be chosen by what it is offered as."""
    one, other = await stored(dsn, "Ada", "Ada")
    to = wb.form(Pay).controls["to"]
    to.input.value = "Ada"
    assert not to.check()
    assert len(to.input.options) == 2
    for text in to.input.options:
        to.input.value = text
        assert to.value in (one, other)


def test_identifiers_that_begin_alike(dsn: str) -> None:
    """Items whose label and short identifier are the same are told apart by the whole identifier."""
    keys = iter(map(UUID, (f"00000000-0000-0000-0000-{number:012}" for number in range(9))))
    with Workbench(bank, dsn=dsn, identifiers=lambda: next(keys)) as wb:
        for _ in range(2):
            wb.issue(OpenAccount(owner="Ada"))
        to = wb.form(Pay).controls["to"]
        to.input.value = "Ada"
        assert [text.rpartition(" · ")[2] for text in to.input.options] == [
            str(step.target.identifier) for step in reversed(wb.session.steps)]
        to.input.value = to.input.options[1]
        assert to.value == wb.session.steps[0].target.identifier


@pytest.mark.parametrize("pending", [False, True])
async def test_names_with_blanks_and_line_breaks(wb: Workbench, dsn: str, pending: bool) -> None:
    """An item whose name has blanks at its ends, or a line break, is offered in one line, as a browser keeps it, and is
    chosen by that, also when others are offered by then."""
    names = (" lead", "two\nlines", "CRLF\r\nq", "ends · ", "a  b")
    made = ([wb.issue(OpenAccount(owner=name)).target.identifier for name in names] if pending
            else await stored(dsn, *names))
    for name, identifier in zip(names, made, strict=True):
        label, short = " ".join(name.split()), str(identifier)[:8]
        to = wb.form(Pay).controls["to"]
        to.input.value = short
        assert to.input.options == (f"{label} · {short}",)
        to.input.value = "x"
        to.input.value = f"{label} · {short}"
        assert (to.value, to.check()) == (identifier, True)
        if pending:
            to.input.value = label
            assert to.value == identifier
    assert Found(Target("bank", "account", 7), " \n ").text == "7"


def test_natural_keys(dsn: str) -> None:
    """Items under a key of letters are found by their name and by the key; an optional one may be left empty."""
    with Workbench(flights, dsn=dsn) as wb:
        wb.issue(RegisterAirline(name="United"), on="airline/UA")
        wb.issue(RegisterAirport(name="John F Kennedy", zone="America/New_York"), on="airport/JFK")
        form = wb.form(ScheduleFlight, origin="JFK")
        assert form.controls["origin"].input.value == "John F Kennedy · JFK"
        form.controls["destination"].input.value = "jfk"
        form.controls["airline"].input.value = "united"
        assert (form.controls["destination"].value, form.controls["airline"].value) == ("JFK", "UA")
        form.controls["destination"].input.value = "LAX"
        assert "no airport has 'LAX' in its name" in form.controls["destination"].problem
        assert form.controls["plane"].check()
        aim = wb.form(RegisterAirline).aim
        assert aim is not None
        aim.input.value = "AA"
        assert (aim.value, aim.problem) == ("flights:airline/AA", "")
        assert "nobody has it yet" in aim.beneath.widget.value


@pytest.mark.parametrize("cached", [(), range(1, 61), range(10, 61)], ids=["none", "all", "others"])
async def test_a_whole_identifier_of_a_number(dsn: str, cached: Sequence[int]) -> None:
    """An item is meant by its whole identifier, cached or stored, however many others have it in their label or begin
    with it."""
    hall = Domain("hall")

    @hall.resource
    class Seat(Resource):
        _id = field(int)
        title = field(str)

    make_all(hall)

    @hall.command(on=Seat)
    class Swap(Command):
        seat = field(int, references=Seat)

    @hall.command_handler(Swap)
    async def swap(command: Swap, context: Any) -> None:
        await context.fetch(context.target)

    async with Session(hall, dsn=dsn) as session:
        for number in range(1, 61):
            await session.issue("hall:make", on=f"seat/{number}", title=f"row {61 - number}")
        await session.commit()
    with Workbench(hall, dsn=dsn) as wb:
        for number in cached:
            wb.fetch(f"seat/{number}")
        form = wb.form(Swap, on="seat/5", seat=1)
        assert (form.on, form.controls["seat"].value) == ("hall:seat/5", 1)
        for number in (1, 2, 5):
            form.controls["seat"].input.value = f"{number}"
            assert (form.controls["seat"].value, form.controls["seat"].problem) == (number, "")


def test_identifiers_in_small_and_large(dsn: str) -> None:
    """Of two identifiers that differ in the case of a letter each is meant by itself."""
    shop = Domain("shop")

    @shop.resource
    class Toy(Resource):
        _id = field(str)
        title = field(str)

    make_all(shop)
    with Workbench(shop, dsn=dsn) as wb:
        for key in ("B", "b"):
            wb.issue("shop:make", on=f"toy/{key}", title="Ball")
        aim = wb.form("shop:make").aim
        assert aim is not None
        for key in ("B", "b"):
            aim.input.value = key
            assert aim.value == f"shop:toy/{key}"


def test_what_a_command_is_aimed_at(wb: Workbench) -> None:
    """It may be said as ``wb.issue`` takes it, too: an item, a resource for a new one, an address, a UUID alone."""
    ada = wb.issue(OpenAccount(owner="Ada"))
    identifier = ada.target.identifier
    for on in (ada, ada.target, wb.fetch(ada), f"account/{identifier}", f"bank:account/{identifier}", identifier):
        assert wb.form(Deposit, on=on).on == str(ada.target)
    for on in (Account, "account", "bank:account"):
        assert wb.form(OpenAccount, on=on).on == "bank:account"
    aim = wb.form(Deposit).aim
    assert aim is not None
    aim.input.value = "account/7"
    assert not aim.check()
    assert "is not a UUID" in aim.problem
    aim.input.value = f"account/{UUID(int=7)}"
    assert aim.value == f"bank:account/{UUID(int=7)}"


def test_one_of_several_resources(dsn: str) -> None:
    """Where a command may be on items of several resources, each item is offered with its resource."""
    shop = Domain("shop")

    @shop.resource
    class Book(Resource):
        title = field(str)
        price = field(Decimal, initial=Decimal(1))

    @shop.resource
    class Toy(Resource):
        title = field(str)

    make_all(shop)
    with Workbench(shop, dsn=dsn) as wb:
        wb.issue("shop:make", on="book", title="Ball games")
        wb.issue("shop:make", on="toy", title="Ball")
        aim = wb.form("shop:make").aim
        assert aim is not None
        aim.input.value = "ball"
        assert [text.partition(" · ")[0] for text in aim.input.options] == ["book: Ball games", "toy: Ball"]
        assert aim.value == str(wb.session.steps[1].target)
        aim.input.value = "none such"
        assert aim.problem == ("no book has 'none such' in its title and no toy has 'none such' in its title; "
                               "type a part of it, or the whole identifier")


def make_all(shop: Domain) -> None:
    """One command of the domain that makes an item of whatever it is on."""
    @shop.command
    class Make(Command):
        title = field(str)

    @shop.event
    class Made(Event):
        title = field(str)

    @shop.command_handler(Make)
    async def make(command: Make, context: Any) -> Any:
        yield Made(title=command.title).on(context.target)

    @shop.event_handler(Made)
    async def made(event: Made, context: Any) -> Any:
        yield Insert(event.target, title=event.title)


async def test_a_list_of_references(wb: Workbench, dsn: str) -> None:
    """A list of references has a picker in each row."""
    [ada] = await stored(dsn, "Ada")

    @bank.command(key="thank")
    class Thank(Command):
        whom = field(list[UUID], references=Account)

    try:
        whom = wb.form(Thank).controls["whom"]
        whom.adder.click()
        whom.rows[0].control.input.value = "ada"
        assert whom.check()
        assert whom.value == [ada]
    finally:
        bank.forget(Thank)
