"""Called: an item is named by its label and the beginning of its identifier, from what is at hand."""

from __future__ import annotations

from html import unescape
from re import sub
from uuid import UUID

import pytest

from tests.notebook.markup import words
from workbench import Command, Domain, Event, Resource, Target, field
from workbench.domain.registry import Registry
from workbench.examples.bank import Deposit, OpenAccount, Pay, bank
from workbench.notebook.html.called import Called, named_html, target_html
from workbench.notebook.html.plan import plan_html
from workbench.notebook.html.step import step_html
from workbench.notebook.panels.status_view import Caveat, StatusView
from workbench.state.manager import StateManager
from workbench.state.reader import MemoryReader

ID = UUID("cbe0f4de-6a30-41c1-b6c7-2f09f711beb6")


def test_an_identifier_is_cut_by_the_style_alone() -> None:
    """Of a UUID the beginning is seen; the whole is what is copied and what the tooltip says. Text is told as it is."""
    assert named_html(ID, None) == f'<span class="id" title="{ID}">{ID}</span>'
    assert named_html("UA", "United <&>") == "United &lt;&amp;&gt; · UA"


def test_a_long_label_is_cut_and_whole_in_the_tooltip() -> None:
    """A long label is cut, and whole in the tooltip."""
    html = named_html("a", "x" * 99)
    assert unescape(sub("<[^>]*>", "", html)) == f"{'x' * 39}… · a"
    assert f'title="{"x" * 99}"' in html


async def test_items_are_named_where_they_are_at_hand() -> None:
    """A pending item has its label in the plan and in the step; one of which nothing is known, its identifier alone."""
    manager = StateManager(Registry([bank]), MemoryReader())
    step = await manager.issue(OpenAccount(owner="Ada"))
    identifier, called = step.target.identifier, Called(manager)
    assert f"+ Ada · {identifier} owner: 'Ada'" in words(plan_html(manager.plan(), [], called=called))
    assert f"bank:open-account/account Ada · {identifier}" in words(step_html(step, called))
    assert f"bank:open-account/account/ {identifier}" in words(step_html(step))
    assert words(target_html(Target("bank", "account", ID), called)) == f"bank:account/ {ID}"


async def test_an_event_names_what_its_command_refers_to() -> None:
    """A field of an event that does not say that it refers to an item names the one to which a field of the same step
    leads that does."""
    manager = StateManager(Registry([bank]), MemoryReader())
    ada, bob = [await manager.issue(OpenAccount(owner=owner)) for owner in ("Ada", "Bob")]
    await manager.issue(Deposit(amount=5), on=ada.target)
    step = await manager.issue(Pay(amount=5, to=bob.target.identifier), on=ada.target)
    called = Called(manager)
    assert f"MoneySent amount= 5 , to=Bob · {bob.target.identifier}" in words(step_html(step, called))


class Author(Resource):
    name = field(str)


class Book(Resource):
    _label = "author"
    author = field(UUID | None, references="author")


class Copy(Resource):
    _label = "book"
    book = field(UUID | None, references=Book)
    twin = field(UUID | None, references="self")


async def test_an_identifier_that_two_items_have() -> None:
    """An event's field is named after what a reference of its step leads to, unless it leads to two of one identifier.
    """
    library = Domain("library")
    library.resource(Author)
    library.resource(Book)

    @library.command
    class Link(Command):
        book = field(UUID | None, references=Book)
        author = field(UUID | None, references=Author)

    @library.event
    class Linked(Event):
        it = field(UUID)

    @library.command_handler(Link)
    def link(command: Link, context: object) -> Linked:
        return Linked(it=command.author)

    @library.event_handler(Linked)
    def linked(event: Linked, context: object) -> tuple[()]:
        return ()

    manager = StateManager(Registry([library]), MemoryReader())
    manager.cache.take(Target("library", "author", ID), Author(_id=ID, name="Eve"))
    for book, told in ((UUID(int=2), f"Linked it=Eve · {ID}"), (ID, f"Linked it= {ID}")):
        step = await manager.issue(Link(book=book, author=ID))
        assert told in words(step_html(step, Called(manager)))


def test_a_label_that_is_a_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    """An item is called as the one is to which its label leads, over several; where that one is not at hand, by the
    beginning of its identifier, and rings end."""
    library = Domain("library")
    for resource in (Author, Book, Copy):
        library.resource(resource)
    manager = StateManager(Registry([library]), MemoryReader())
    called = Called(manager)
    eve, book, copy = Author(_id=UUID(int=1), name="Eve"), Book(_id=UUID(int=2), author=UUID(int=1)), Copy(
        _id=ID, book=UUID(int=2))
    target = Target("library", "copy", ID)
    assert called.label_from(target, copy) == "00000000"
    for key, item in (("book", book), ("author", eve), ("copy", copy)):
        manager.cache.take(Target("library", key, item._id), item)
    assert called.label(target) == "Eve"
    assert called.label_from(target, copy.set(book=None)) is None
    manager.cache.take(Target("library", "author", UUID(int=1)), None)
    assert called.label(target) == "00000000"
    monkeypatch.setattr(Copy, "_label", "twin")
    assert called.label_from(target, copy.set(twin=ID)) == "cbe0f4de"


def test_a_caveat_has_no_tick() -> None:
    """What went, but not wholly, is told with a mark of its own, and is no error."""
    status = StatusView()
    assert status.run(lambda: Caveat("one was refused"))
    assert words(status.line.value) == "! one was refused"
    assert status.run(lambda: "all went")
    assert words(status.line.value) == "✓ all went"
