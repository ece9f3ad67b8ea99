"""Definitions that are made again: a Domain whose cell runs twice, and the session that holds the first one."""

import sys
import threading
from types import ModuleType

import pytest

from workbench.domain.place import place_of
from workbench.domain.registry import Registry
from workbench.errors import DefinitionError

DOMAIN = """
from workbench import Command, Domain, Event, Resource, field

library = Domain("library")
"""
CLASSES = """
@library.resource
class Book(Resource):
    title = field(str)

@library.command(on=Book)
class AddBook(Command):
    title = field(str)

@library.event
class BookAdded(Event):
    title = field(str)
"""
HANDLERS = """
@library.command_handler(AddBook)
def add_book(command, context):
    yield "first"

@library.event_handler(BookAdded)
def book_added(event, context):
    pass
"""
POLICY = """
@library.policy(BookAdded)
def praise(event, context):
    pass
"""


@pytest.fixture
def cells(monkeypatch):
    """Runs cells in one module, as a notebook does; returns its names."""
    module = ModuleType("cells_of_a_test")
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def run(*sources):
        for source in sources:
            exec(source, vars(module))
        return vars(module)

    return run


def handled(registry, key="add-book"):
    return next(registry.domains["library"].command_handlers[key].function(None, None))


def test_a_domain_made_again_is_followed(cells):
    """When all cells run again, from that of the Domain on, an open registry has the later handlers and classes."""
    names = cells(DOMAIN, CLASSES, HANDLERS)
    registry = Registry([names["library"]])
    cells(DOMAIN, CLASSES, HANDLERS.replace("first", "second"))
    assert registry.refresh()
    assert (handled(registry), registry.known(names["AddBook"]).cls) == ("second", names["AddBook"])
    cells(HANDLERS.replace("first", "third"))
    assert registry.refresh()
    assert handled(registry) == "third"
    assert not registry.refresh()


def test_what_was_not_made_again_stays(cells):
    """After the cell of the Domain alone, or of the Domain and some classes, the others are as they were."""
    names = cells(DOMAIN, CLASSES, HANDLERS)
    registry = Registry([names["library"]])
    cells(DOMAIN)
    assert not registry.refresh()
    cells(CLASSES.replace("title = field(str)", "title, year = field(str), field(int)", 1))
    assert registry.refresh()
    assert ("year" in registry.resource(("library", "book"))._fields, handled(registry)) == (True, "first")


def test_a_click_follows_at_the_same_time(cells, monkeypatch):
    """What a cell defines while a click takes over what was defined before is found, too, whoever is the faster."""
    names = cells(DOMAIN, CLASSES, HANDLERS)
    registry, book = Registry([names["library"]]), names["Book"]
    cells(DOMAIN, CLASSES)

    def defines():
        cells('@library.resource\nclass Shelf(Resource):\n    room = field(str)\n')
        registry.refresh()

    cell = threading.Thread(target=defines)

    def looked(definition):
        if definition is book and cell.ident is None:       # what was there is about to be taken over
            cell.start()
            cell.join(0.2)
        return place_of(definition)

    monkeypatch.setattr("workbench.domain.definitions.place_of", looked)
    registry.refresh()
    cell.join()
    registry.refresh()
    assert registry.known(names["Shelf"]).key == "shelf"


def test_made_again_and_again(cells):
    """A third Domain takes the place of the second; messages of all runs are of the present class."""
    names = cells(DOMAIN, CLASSES, HANDLERS)
    registry, commands = Registry([names["library"]]), [names["AddBook"](title="Emma")]
    for word in ("second", "third"):
        cells(DOMAIN, CLASSES, HANDLERS.replace("first", word))
        registry.refresh()
        assert handled(registry) == word
        commands.append(names["AddBook"](title="Emma"))
    assert [type(registry.current(command)) for command in commands] == [names["AddBook"]] * 3


def test_what_is_forgotten_again_is_gone(cells):
    """What the later Domain defined and forgot is not left behind."""
    names = cells(DOMAIN, CLASSES, HANDLERS)
    registry = Registry([names["library"]])
    cells(DOMAIN, CLASSES, HANDLERS, POLICY)
    registry.refresh()
    assert len(registry.policies(names["BookAdded"])) == 1
    names["library"].forget(names["praise"])
    registry.refresh()
    assert registry.policies(names["BookAdded"]) == []


def test_a_renamed_policy_does_not_react_twice(cells):
    """A policy that goes by another name in the second run replaces that of the first run for its event."""
    names = cells(DOMAIN, CLASSES, HANDLERS, POLICY)
    registry = Registry([names["library"]])
    cells(DOMAIN, CLASSES, HANDLERS, POLICY.replace("praise", "laud"))
    registry.refresh()
    assert [policy.name for policy in registry.policies(names["BookAdded"])] == ["laud"]


def test_a_registry_opened_later_follows_as_well(cells):
    """A second registry on the Domain that an earlier one holds, as a rival's, sees what is defined from then on."""
    names = cells(DOMAIN, CLASSES, HANDLERS)
    first = Registry([names["library"]])
    cells(DOMAIN, CLASSES, HANDLERS)
    first.refresh()
    second = Registry(first.domains.values())
    cells(HANDLERS.replace("first", "second"))
    for registry in (first, second):
        assert registry.refresh()
        assert handled(registry) == "second"


def test_a_domain_that_keeps_a_name_is_not_replaced(cells):
    """Two Domains of one key under two names stay apart, and a class of the other one is refused, not mistaken."""
    names = cells(DOMAIN, CLASSES, HANDLERS)
    registry = Registry([cells("kept = library")["kept"]])
    cells(DOMAIN, CLASSES, HANDLERS.replace("first", "second"))
    assert not registry.refresh()
    assert handled(registry) == "first"
    with pytest.raises(DefinitionError, match='AddBook is of another Domain "library" by now than the "library" that '
                                              'is open here'):
        registry.known(names["AddBook"])


def test_a_domain_made_again_under_another_key(cells):
    """A class that moved to a Domain of another key is not handled by what the first one had for it."""
    names = cells(DOMAIN, CLASSES, HANDLERS)
    registry = Registry([names["library"]])
    cells(DOMAIN.replace('"library"', '"books"'), CLASSES, HANDLERS)
    registry.refresh()
    with pytest.raises(DefinitionError, match='another Domain "books" by now than the "library"'):
        registry.known(names["AddBook"])
