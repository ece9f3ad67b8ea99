"""SavedNames: a saved plan names its items by itself, in another process and where its domain is not defined."""

from __future__ import annotations

import json
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.notebook.markup import words
from tests.state.domains import manage, stored
from workbench import Command, Context, Datadef, Domain, Event, Insert, Resource, Update, field, values_of
from workbench.notebook.html.called import Called
from workbench.notebook.html.plan import plan_html
from workbench.notebook.html.saved_plan import saved_plan_html
from workbench.notebook.html.saved_values import as_live
from workbench.notebook.html.step import step_html
from workbench.notebook.shown.plan import ShownPlan
from workbench.notebook.shown.saved_plan import ShownSavedPlan
from workbench.notebook.written import written
from workbench.state.manager import StateManager
from workbench.state.reader import MemoryReader
from workbench.state.saved.plan import SavedPlan

library = Domain("library")
EVE, TOM, BOOK = UUID(int=1), UUID(int=2), UUID(int=3)


@library.resource
class Author(Resource):
    name = field(str)


@library.resource
class Book(Resource):
    title = field(str)
    author = field(UUID, references=Author)


@library.command(on=Book)
class Ascribe(Command):
    author = field(UUID, references=Author)


@library.event
class Ascribed(Event):
    author = field(UUID)


@library.command_handler(Ascribe)
async def ascribe(command: Ascribe, context: Context) -> Any:
    await context.fetch(Author, command.author)
    yield Ascribed(author=command.author).on(context.target)


@library.event_handler(Ascribed)
async def ascribed(event: Ascribed, context: Context) -> Any:
    book = await context.fetch(event.target)
    yield Update(book, **values_of(event))


async def ascribing() -> StateManager:
    """A book that goes from Eve to Tom; both are cached, and only Tom was read."""
    reader = MemoryReader(stored("library", "author", Author(_id=EVE, name="Eve", _etag="1"),
                                 Author(_id=TOM, name="Tom", _etag="1"))
                          | stored("library", "book", Book(_id=BOOK, title="Faust", author=EVE, _etag="1")))
    manager = manage(library, reader=reader)
    await manager.find(Author)
    await manager.issue(Ascribe(author=TOM), on=f"book/{BOOK}")
    return manager


def shown(manager: StateManager) -> ShownPlan:
    return ShownPlan(manager.plan(), called=Called(manager))


async def test_a_saved_plan_reads_like_the_live_one(tmp_path: Path) -> None:
    """Items and references are named as when it was saved, in the plan and in the line of a command, by the file
    alone."""
    manager = await ascribing()
    shown(manager).save(tmp_path / "x.plan.json")
    told = words(ShownSavedPlan.load(tmp_path / "x.plan.json")._repr_html_())
    line = f"~ Faust · {BOOK} author: Eve · {EVE} → Tom · {TOM}"
    assert line in words(plan_html(manager.plan(), [], called=Called(manager)))
    assert line in told
    assert f"library:ascribe/book Faust · {BOOK}" in told


class Kind(Enum):
    HOME = "home"
    WORK = "at work"


class Address(Datadef):
    street = field(str)
    kind = field(Kind)
    since = field(date | None, initial=None)


async def test_the_values_of_a_saved_plan_read_like_the_live_ones(tmp_path: Path) -> None:
    """Choices have no quotes and nested records no braces, at any depth; a mapping and a text have theirs."""
    domain = Domain("people")

    @domain.resource
    class Person(Resource):
        name = field(str)
        home = field(Address | None)
        others = field(list[Address])
        kinds = field(list[Kind])
        kind = field(Kind)
        more = field(dict)

    @domain.command(on=Person)
    class Come(Command):
        pass

    @domain.event
    class Came(Event):
        pass

    @domain.command_handler(Come)
    async def come(command: Come, context: Context) -> Any:
        yield Came().on(context.target)

    home = Address(street="High, (2)", kind=Kind.WORK, since=date(2013, 1, 1))
    given = {"home": home, "others": [home, home], "kinds": [Kind.WORK], "kind": Kind.HOME, "more": {"a": [1]}}

    @domain.event_handler(Came)
    async def came(event: Came, context: Context) -> Any:
        yield Insert(event.target, name="work", **given)

    manager = manage(domain, reader=MemoryReader({}))
    await manager.issue(Come())
    live = words(plan_html(manager.plan(), [], called=Called(manager)))
    shown(manager).save(tmp_path / "x.plan.json")
    saved = words(ShownSavedPlan.load(tmp_path / "x.plan.json")._repr_html_())
    there = "street 'High, (2)', kind at work, since 2013-01-01"
    for line in (f"name: 'work' home: {there} others: [", f"[({there}), ({there})]",
                 "kinds: [at work] kind: home more: {'a': [1]}"):
        assert line in live
        assert line in saved


QUOTED = "a', b: 'c"


@pytest.mark.parametrize(("spelled", "value", "told"), [
    ("Kind(home)", QUOTED, f'"{QUOTED}"'), ("Kind(home)", 3, "3"), ("Kind(home", "home", "'home'"),
    ("Address(street: str)", "High", "High"), ("Address(: ]], )", {"street": "High"}, "street 'High'"),
    ("list[Kind(home)]", "home", "'home'"), ("", {"a": 1}, "{'a': 1}")])
def test_saved_values_that_fit_no_type(spelled: str, value: Any, told: str) -> None:
    """In a file that was changed by hand a value is shown as it stands, and nothing passes for another value."""
    assert written(as_live(spelled, value)) == told


async def test_the_commands_of_a_saved_plan_name_what_they_lead_to(tmp_path: Path) -> None:
    """The fields of a command have the names that the plan above has, and nested values no braces; an identifier that
    the plan does not name is cut by its style, and what only looks like one is text."""
    manager, path = await ascribing(), tmp_path / "x.plan.json"
    shown(manager).save(path)
    assert f"author=Tom · {TOM}" in words(ShownSavedPlan.load(path)._repr_html_())
    document = json.loads(path.read_text())
    document["commands"][0]["data"] = {
        "by": str(BOOK), "other": str(UUID(int=9)), "like": UUID(int=9).hex, "at": {"street": "<High>", "zip": 1}}
    html = ShownSavedPlan(document)._repr_html_()
    told = words(html)
    assert '<td class="told">by=' in html     # it wraps, and does not run off the edge
    assert f"by=Faust · {BOOK}" in told
    assert f'other=<span class="id" title="{UUID(int=9)}">' in html
    assert f"like='{UUID(int=9).hex}'" in told
    assert "at=street '<High>', zip 1" in told


async def test_the_line_of_a_command_names_what_it_leads_to() -> None:
    """A command or event of a step is told with the names of the items that references of the step lead to."""
    manager = await ascribing()
    [step] = manager.state.steps()
    told = words(step_html(step, Called(manager)))
    assert f"Ascribe author=Tom · {TOM} → Ascribed author=Tom · {TOM}" in told
    assert f"Ascribe author= {TOM}" in words(step_html(step))


async def test_names_are_no_part_of_what_is_planned(tmp_path: Path) -> None:
    """The same plan, saved when other items are at hand, is the same; names that were changed by hand are seen as any
    change is; a file without names, or with odd ones, is shown without them."""
    manager, path = await ascribing(), tmp_path / "x.plan.json"
    bare = manager.plan().saved()
    named = shown(manager).save(path)
    assert "names" not in bare.document
    assert (bare == named, hash(bare) == hash(named), bare.nonce == named.nonce) == (True, True, True)
    assert shown(manager).save(path) == named
    assert manager.plan().save(path) == bare
    shown(manager).save(path)
    path.write_text(path.read_text().replace('"Tom"', '"Eva"'))
    tampered = ShownSavedPlan.load(path)
    assert tampered.doubts != []
    assert tampered != named
    for names in (None, [], {"labels": 3, "references": {"library:book": 5}},
                  {"labels": {f"library:book/{BOOK}": ["x"]}, "references": {"library:book": {"author": ["x"]}}},
                  {"references": {"library:book": {"author": "no kindred"}}}):
        odd = ShownSavedPlan(json.loads(json.dumps({**named.document, "names": names})))
        assert f"~ {BOOK} author: {EVE} → {TOM}" in words(odd._repr_html_())


async def test_what_is_known_here_is_told_of_references(tmp_path: Path) -> None:
    """Whom an identifier means is told as it is known where the plan is read, and only else as the file has it; a file
    without names is read with what is at hand."""
    manager = await ascribing()
    saved = shown(manager).save(tmp_path / "x.plan.json")
    document = {**saved.document, "names": {
        **saved.document["names"], "labels": dict.fromkeys(saved.document["names"]["labels"], "Somebody")}}
    told = words(ShownSavedPlan(document, called=Called(manager))._repr_html_())
    assert f"author: Eve · {EVE} → Tom · {TOM}" in told
    bare = ShownSavedPlan(manager.plan().saved().document, called=Called(manager))
    assert f"~ Faust · {BOOK} author: Eve · {EVE} → Tom · {TOM}" in words(bare._repr_html_())


def test_a_command_that_is_nested_deep() -> None:
    """A field of a command that the file nests hundreds deep is told as far as one would read it."""
    deep: Any = 0
    for _ in range(600):
        deep = {"a": deep}
    saved = SavedPlan({"commands": [{"step": 1, "address": "desk:edit", "data": {"facts": deep}}]})
    assert "facts=a a a a a" in saved_plan_html(saved)
