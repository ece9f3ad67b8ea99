"""Saved plans without a database: there and back, what a reader sees, what was changed by hand, what fits no more."""

from __future__ import annotations

import asyncio
import difflib
import json
import os
import sys
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.editing import Edit, at, desk, edit
from tests.state.domains import held, manage
from tests.strategies import Colour, Leg, items, resource_classes, values
from workbench import Delete, Domain, Insert, Invalid, Resource, Target, Update, field
from workbench.domain.registry import Registry
from workbench.domain.sameness import same
from workbench.errors import OtherDefinition, SavedPlanError, TamperedPlan, UnknownName, UnreadablePlan
from workbench.state.manager import StateManager
from workbench.state.planning.plan import Plan
from workbench.state.saved.document import retyped, spelled
from workbench.state.saved.file import hash_of
from workbench.state.saved.plan import SavedPlan
from workbench.state.saved.restored import differences, restored


class Note(Resource):
    """A text under a natural key."""

    _id = field(str)
    text = field(str, initial="")
    number = field(int, initial=0)


async def pending(*names: str) -> StateManager:
    """A manager in which the notes "a" and "b" were committed; then "a" is changed, "b" deleted, others added."""
    manager = manage(desk(Note))
    await edit(manager, Insert(at(Note, "a"), number=1), Insert(at(Note, "b"), number=2))
    held(manager).settle(manager.plan())
    await edit(manager, Update(at(Note, "a"), number=7))
    await edit(manager, Delete(at(Note, "b")), *(Insert(at(Note, name)) for name in names))
    return manager


# ------------------------------------------------------------------------------------------------ there and back

@st.composite
def histories(draw: st.DrawFn) -> Any:
    """A Resource class, items of it to insert, then for some of them the fields to set, or None to delete."""
    cls = draw(resource_classes())
    made = draw(st.lists(items(cls), min_size=1, max_size=4, unique_by=lambda item: item._id))
    public = {name: declared for name, declared in cls._fields.items() if not name.startswith("_")}
    change = st.none() | st.fixed_dictionaries(
        {}, optional={name: values(declared.kind.annotation) for name, declared in public.items()})
    return cls, made, draw(st.lists(change, min_size=len(made), max_size=len(made)))


async def saved_and_restored(history: Any) -> list[tuple[Plan, Plan]]:
    """The plans of inserting some items and of changing them, each beside what comes back of its text."""
    cls, made, changes = history
    domain = desk(cls)
    manager, pairs = manage(domain), []
    targets = [Target("desk", next(iter(domain.resources)), item._id) for item in made]
    inserts = [Insert(target, **{name: getattr(item, name) for name in cls._fields if not name.startswith("_")})
               for target, item in zip(targets, made, strict=True)]
    later = [Delete(target) if change is None else Update(target, **change)
             for target, change in zip(targets, changes, strict=True)]
    for mutations in (inserts, later):
        await manager.issue(Edit(mutations=mutations))
        plan = manager.plan()
        read = SavedPlan.read(plan.saved().text)
        assert read == plan.saved()
        assert read.faults == []
        pairs.append((plan, restored(read, manager.registry, {})))
        held(manager).settle(plan)
    return pairs


@settings(max_examples=100, deadline=None)
@given(histories())
def test_there_and_back(history: Any) -> None:
    """A plan over items of any type is the same after it was text: changes, values, stamps, etags, steps, order."""
    for plan, back in asyncio.run(saved_and_restored(history)):
        assert [it.target for rank in back.ranks for it in rank] == [it.target for rank in plan.ranks for it in rank]
        for one, other in zip(plan.changes, back.changes, strict=True):
            assert (one.kind, one.target, one.columns, one.etag, one.steps) == (
                other.kind, other.target, other.columns, other.etag, other.steps)
            for item, again in ((one.before, other.before), (one.after, other.after)):
                assert type(item) is type(again)
                assert item is None or all(
                    same(getattr(item, name), getattr(again, name)) and type(getattr(item, name)) is type(
                        getattr(again, name)) for name in type(item)._fields)
        assert (back.idle, back.reads, back.summary) == (tuple(sorted(plan.idle, key=str)), plan.reads, plan.summary)
        assert [step.number for step in back.steps] == [step.number for step in plan.steps]


async def test_what_json_has_not() -> None:
    """NaN and infinities, a quote, a backslash and a letter of another alphabet come back as they were."""
    class Odd(Resource):
        real = field(float)
        exact = field(Decimal)
        text = field(str)

    manager = manage(desk(Odd))
    for place, (real, exact) in enumerate([(float("nan"), "NaN"), (float("-inf"), "-Infinity"), (-0.0, "1E+5")]):
        await edit(manager, Insert(Target("desk", "odd", f"00000000-0000-0000-0000-00000000000{place}"), real=real,
                                   exact=exact, text='"\\\u2028\N{GREEK SMALL LETTER ALPHA}\n'))
    saved = manager.plan().saved()
    text = saved.text
    assert "\N{GREEK SMALL LETTER ALPHA}" in text
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    back = restored(SavedPlan.read(text), manager.registry, {})
    assert [(repr(it.after.real), str(it.after.exact), it.after.text) for it in back.changes if it.after] == [
        ("nan", "NaN", '"\\\u2028α\n'), ("-inf", "-Infinity", '"\\\u2028α\n'), ("-0.0", "1E+5", '"\\\u2028α\n')]


async def test_what_was_read_and_left() -> None:
    """The items that were read and the ones left as they were are in the plan as well, with their etags."""
    manager = await pending()
    await edit(manager, Insert(at(Note, "c")))
    held(manager).settle(manager.plan())
    await edit(manager, Update(at(Note, "a"), number=7), Insert(at(Note, "d")), reads=[at(Note, "c")])
    plan = manager.plan()
    back = restored(SavedPlan.read(plan.saved().text), manager.registry, {})
    assert back.reads == plan.reads
    assert set(back.reads) == {at(Note, "a"), at(Note, "c")}


async def test_saved_twice() -> None:
    """A plan is the same each time it is saved while nothing moves on; after another step it is another one."""
    manager = await pending()
    first, again = manager.plan().saved(), manager.plan().saved()
    assert first == again
    await edit(manager, Insert(at(Note, "z")))
    other = manager.plan().saved()
    assert other.nonce != first.nonce
    manager.history.undo()
    assert manager.plan().saved() == first


# ------------------------------------------------------------------------------------------------ to look at

async def test_the_file(tmp_path: Path) -> None:
    """A file is indented JSON of one member a line, whose changes come first and in the order of the steps."""
    path = tmp_path / "x.plan.json"
    (await pending("c")).plan().save(path)
    lines = path.read_text().splitlines()
    assert lines[:12] == [
        "{", '  "format": "workbench plan",', '  "version": 1,', '  "summary": "1 to add, 1 to change, 1 to delete",',
        '  "changes": [', "    {", '      "change": "update",', '      "item": "desk:note/a",',
        '      "columns": ["_updated", "_etag", "number"],', '      "before": {"text": "", "number": 1},',
        '      "after": {"text": "", "number": 7},',
        '      "causes": [{"step": 2, "event": "Edited", "place": 0, "mutation": "update", "values": {"number": 7}}],']
    assert max(map(len, lines)) < 200
    assert [line.strip() for line in lines if '"item"' in line] == [
        '"item": "desk:note/a",', '"item": "desk:note/b",', '"item": "desk:note/c",']
    assert lines[-2].startswith('  "hash": "sha256:')
    assert os.listdir(tmp_path) == ["x.plan.json"]


async def test_an_event_is_told_once() -> None:
    """However many changes an event leads to, its data stands in the file once, beside its command's."""
    text = (await pending(*(f"n{number}" for number in range(50)))).plan().saved().text
    assert text.count("Insert(desk:note/n7)") == 2
    assert "Insert(desk:note/n7)" in SavedPlan.read(text).changes[-1].causes[0].data["mutations"]


async def test_a_readable_diff() -> None:
    """Between two plans that differ in one value, that value is a line of the diff, and other changes are not in it."""
    texts = []
    for number in (7, 8):
        manager = manage(desk(Note))
        await edit(manager, Insert(at(Note, "a"), number=1), Insert(at(Note, "b"), number=2))
        held(manager).settle(manager.plan())
        await edit(manager, Update(at(Note, "a"), number=number), Update(at(Note, "b"), text="same"))
        texts.append([line for line in manager.plan().saved().text.splitlines() if '"hash"' not in line])
    moved = [line for line in difflib.unified_diff(*texts, lineterm="", n=0) if line[0] in "+-" and line[1] == " "]
    assert '-      "after": {"text": "", "number": 7},' in moved
    assert '+      "after": {"text": "", "number": 8},' in moved
    assert not [line for line in moved if "same" in line and "mutations" not in line]


async def test_without_its_classes() -> None:
    """A plan is read, told and explained where nothing is defined; simple values have their types."""
    saved = SavedPlan.read((await pending("c")).plan().saved().text)
    assert repr(saved) == (
        "saved plan: 1 to add, 1 to change, 1 to delete\n"
        f"  saved at 2013-01-01 00:00:03 UTC by ada, nonce {saved.nonce}\n"
        "  ~ desk:note/a  number: 1 -> 7\n"
        "  - desk:note/b  text='', number=2\n"
        "  + desk:note/c  text='', number=0")
    assert saved.why("note/a") == (
        "~ desk:note/a  number: 1 -> 7\n"
        "  step 2: desk:edit by ada at 2013-01-01 00:00:01 UTC\n"
        '''    event Edited mutations=['Update(desk:note/a, number=7)']\n'''
        "    update number=7")
    assert saved.changes[0].before is not None
    assert saved.changes[0].before["_created"] == datetime.fromisoformat("2013-01-01T00:00:00+00:00")
    assert [(it["step"], it["address"], it["user"]) for it in saved.commands] == [
        (2, "desk:edit", "ada"), (3, "desk:edit", "ada")]
    assert (len(saved), saved.faults, saved.doubts, saved.warnings, saved.user) == (3, [], [], (), "ada")
    with pytest.raises(UnknownName, match='there is no change of "note/x" in this plan'):
        saved.why("note/x")


async def test_pending_and_saved_are_told_alike() -> None:
    """A plan has the same words before and after it is saved: its summary, each change, and what led to it."""
    manager = await pending("c")
    await edit(manager, Update(at(Note, "c"), text="it's"), Update(at(Note, "a"), number=8))
    plan = manager.plan()
    saved = SavedPlan.read(plan.saved().text)
    assert saved.summary == plan.summary == "1 to add, 1 to change, 1 to delete"
    assert list(map(repr, saved.changes)) == list(map(repr, plan.changes))
    for name in "ac":
        words, again = ([line for line in one.why(f"note/{name}").splitlines() if not line.startswith("    event")]
                        for one in (plan, saved))       # the data of Edited are of no simple type
        assert words == again
        assert len(words) == 5


def test_types_in_words() -> None:
    """A type's words change when what it admits does, and simple ones can be read back without a class."""
    class Many(Resource):
        a = field(list[int] | None)
        b = field(Colour | None)
        c = field(Leg)

    assert {name: spelled(it.kind) for name, it in Many._fields.items() if name in "abc"} == {
        "a": "list[int] | None", "b": "Colour(red, dark green) | None",
        "c": "Leg(to: Address(city: str, house: int | None), took: timedelta, stops: list[str])"}
    assert retyped("list[Decimal] | None", ["1.50", "2"]) == [Decimal("1.50"), Decimal(2)]
    assert retyped("list[Decimal] | None", None) is None
    assert retyped("Decimal", "no number") == "no number"
    assert retyped("Colour(red)", "red") == "red"


# ------------------------------------------------------------------------------------------------ files

async def test_another_plan_is_not_overwritten(tmp_path: Path) -> None:
    """A file with another plan, or with anything else, stays unless overwrite says that it may go."""
    manager, path = await pending(), tmp_path / "x.plan.json"
    saved = manager.plan().save(path)
    assert manager.plan().save(path) == saved
    await edit(manager, Insert(at(Note, "z")))
    with pytest.raises(SavedPlanError) as caught:
        manager.plan().save(path)
    assert str(caught.value) == (
        f"{path} holds another plan already (0 to add, 1 to change, 1 to delete; {saved.signature}); give another "
        "name, or overwrite=True if that one may go")
    assert SavedPlan.load(path) == saved
    assert manager.plan().save(path, overwrite=True) == Plan.load(path)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SavedPlanError, match=r"notes.txt is there already, and is no saved plan; give another name"):
        manager.plan().save(tmp_path / "notes.txt")
    with pytest.raises(SavedPlanError, match="the plan could not be written to .*: No such file or directory"):
        manager.plan().save(tmp_path / "nowhere" / "x.plan.json")
    assert sorted(os.listdir(tmp_path)) == ["notes.txt", "x.plan.json"]


@pytest.mark.parametrize("raw, words", [
    (b"not JSON", "this is no saved plan, for it is no JSON"),
    (b"\xff\xfe", "this is no saved plan, for it is no JSON"),
    (b"[" * 100_000, "this is no saved plan, for it is no JSON"),
    (b"[1, 2]", "this is JSON, but no saved plan; give a file that plan.save"),
    (b'{"format": "other"}', "this is JSON, but no saved plan"),
])
def test_no_plan_at_all(tmp_path: Path, raw: bytes, words: str) -> None:
    """A file that holds no plan is refused in words that name it."""
    path = tmp_path / "x.json"
    path.write_bytes(raw)
    with pytest.raises(UnreadablePlan, match=words) as caught:
        SavedPlan.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert caught.value.path == path
    with pytest.raises(UnreadablePlan, match=r"gone.json: the file cannot be read \(No such file or directory\)"):
        SavedPlan.load(tmp_path / "gone.json")


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes")
async def test_what_is_no_file(tmp_path: Path) -> None:
    """A pipe, a device and what no path can hold are refused in words, and nothing waits for them to end."""
    os.mkfifo(tmp_path / "pipe")
    plan = (await pending()).plan()
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(UnreadablePlan, match="cannot be read .it is a pipe, a device or the like"):
            SavedPlan.load(path)
        with pytest.raises(SavedPlanError, match="is there already, and is no saved plan"):
            plan.save(path)
    with pytest.raises(UnreadablePlan, match="cannot be read .*embedded null"):
        SavedPlan.load(tmp_path / "x\0")
    for name, words in (("x\0", "embedded null"), ("x" * 300, "File name too long"), ("\ud800", "not allowed")):
        with pytest.raises(SavedPlanError, match=f"could not be written to .*: .*{words}"):
            plan.save(tmp_path / name)
    assert os.listdir(tmp_path) == ["pipe"]


# ------------------------------------------------------------------------------------------------ changed by hand

def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each scalar, and to each empty list or dict, of a document."""
    if isinstance(value, dict | list) and value:
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        return [found for key, member in pairs for found in leaves(member, (*path, key))]
    return [path]


def put(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The document with another value at the end of a way."""
    if not path:
        return value
    changed = document.copy()
    changed[path[0]] = put(document[path[0]], path[1:], value)
    return changed


async def test_tampering_each_part_is_noticed() -> None:
    """Whatever single value is changed by hand, the plan is refused, and shown loudly all the same."""
    manager = await pending("c")
    await edit(manager, reads=[at(Note, "a")])
    document = manager.plan().saved().document
    ways = leaves(document)
    assert len(ways) > 60
    for way in ways:
        if way in (("format",), ("version",)):
            continue
        for value in ("forged", 5, ["x"], {"y": {}}):
            saved = SavedPlan.read(SavedPlan(put(document, way, value)).text)
            assert saved.faults
            assert repr(saved).startswith("TAMPERED: it was changed after it was saved (its hash is not that")
            assert saved.changes is not None
            for change in saved.changes:
                assert saved.why(change)
            with pytest.raises(TamperedPlan, match="was changed after it was saved: nothing was written"):
                restored(saved, manager.registry, {})


@pytest.mark.parametrize("change", [
    lambda text: text.replace('"number": 7}', '"number": 70}'),
    lambda text: text.replace('"change": "delete"', '"change": "delete", "x": 1'),
    lambda text: text.replace('"version": 1,', '"version": 1, "version": 1,'),
    lambda text: text.replace('"number": 7}', '"number": 9, "number": 7}'),
    lambda text: text.replace('"number": 7}', '"number": NaN}'),
])
async def test_tampering_the_text_is_noticed(change: Callable[[str], str]) -> None:
    """A value changed, a member added, one said twice (of which a reader may see the other) are all noticed."""
    manager = await pending()
    text = manager.plan().saved().text
    assert change(text) != text
    with pytest.raises(TamperedPlan):
        SavedPlan.read(change(text)).verify()


async def test_other_line_ends_are_no_tampering() -> None:
    """What git or an editor does to ends of lines, indentation or the order of members changes nothing."""
    saved = (await pending()).plan().saved()
    for text in (saved.text.replace("\n", "\r\n"), "\ufeff" + saved.text, json.dumps(saved.document, sort_keys=True)):
        read = SavedPlan.read(text.encode())
        assert read.faults == []
        assert read == saved


@pytest.mark.parametrize("way, value, words", [
    (("changes", 0, "stamps", "before", "_id"), "x", "holds another item"),
    (("changes", 0, "etag"), "x", "is not the way from before to after"),
    (("changes", 0, "columns"), ["text"], "is not the way from before to after"),
    (("changes", 0, "change"), "insert", "is not the way from before to after"),
    (("changes", 0, "causes"), [], "nothing caused the change"),
    (("changes", 0, "causes", 0, "step"), 99, "KeyError"),
    (("changes",), 5, "TypeError"),
    (("changes", 0, "causes", 0, "place"), 99, "IndexError"),
    (("changes", 0, "causes", 0, "place"), 10**30, "IndexError"),
])
async def test_a_forged_hash(way: tuple[Any, ...], value: Any, words: str) -> None:
    """A hash made to fit does not help: a change must be the way from before to after, and have a cause."""
    manager = await pending()
    document = put(manager.plan().saved().document, way, value)
    forged = SavedPlan({**document, "hash": hash_of(document)})
    assert forged.faults == []
    with pytest.raises(TamperedPlan, match=words):
        restored(forged, manager.registry, {})


# ------------------------------------------------------------------------------------------------ other times

async def test_a_type_that_goes_on_for_ever() -> None:
    """A plan whose types were made long by hand can be looked at."""
    document = (await pending()).plan().saved().document
    long = f"int{' | None' * 10_000}"
    types = {name: dict.fromkeys(fields, long) for name, fields in document["definitions"].items()}
    assert repr(SavedPlan({**document, "definitions": types})).startswith("TAMPERED: ")


async def test_of_a_later_version() -> None:
    """A plan of a later format is shown as far as it goes, says so, and is not applied."""
    manager = await pending()
    document = manager.plan().saved().document | {"version": 2, "more": True}
    document["made"] = {**document["made"], "workbench": "9.1"}
    saved = SavedPlan({**document, "hash": hash_of(document)})
    assert repr(saved).startswith(
        "OF ANOTHER VERSION: its format is version 2, of workbench 9.1, and this workbench reads version 1; what is "
        "shown may not be all of it\nsaved plan: 0 to add, 1 to change, 1 to delete\n")
    with pytest.raises(UnreadablePlan, match=f"the saved plan {saved.nonce} is not applied: its format is version 2"):
        restored(saved, manager.registry, {})


def other_note(**fields: Any) -> type[Resource]:
    cls: Any = type(Resource)("Note", (Resource,), {"_id": field(str), **fields})
    return cls  # type: ignore[no-any-return]


async def test_of_another_definition() -> None:
    """Each field that is defined otherwise is named; nothing is restored, and the plan can still be looked at."""
    saved = (await pending()).plan().saved()
    here = Registry([desk(other_note(text=field(str | None), colour=field(str, initial="")))])
    with pytest.raises(OtherDefinition) as caught:
        restored(saved, here, {})
    assert caught.value.differences == (
        "desk:note: the field text was str and is str | None now", "desk:note: the field colour (str) is new",
        "desk:note: the field number (int) is not there any more")
    assert str(caught.value).startswith(f"the saved plan {saved.nonce} was made for other definitions: nothing was ")
    assert differences(saved, Registry([Domain("desk")])) == ["desk:note is not defined here"]
    idle = SavedPlan({**saved.document, "idle": ["shop:sale/1"]})
    assert "shop:sale is not defined here" in differences(idle, here)
    assert "number: 1 -> 7" in repr(saved)


async def test_a_check_that_is_stricter_now() -> None:
    """A value that the same field no longer admits is told with its item."""
    saved = (await pending()).plan().saved()
    strict = other_note(text=field(str, initial=""), number=field(int, initial=0, check=lambda n: n < 5, doc="small"))
    with pytest.raises(OtherDefinition, match="desk:note/a after: number: 7 failed its check: small") as caught:
        restored(saved, Registry([desk(strict)]), {})
    assert isinstance(caught.value.__cause__, Invalid)


# ------------------------------------------------------------------------------------------------ very much of it

async def test_very_many_faults(tmp_path: Path) -> None:
    """Of a file that is wrong in thousands of places the words name the first, and one that stands often but once."""
    text = (await pending()).plan().saved().text
    saved = SavedPlan.read(text.replace('"version": 1,', '"version": 1, ' + '"version": 1, ' * 3000))
    assert saved.faults == ['"version" stands twice in one place']
    many = "".join(f'"{place}": 1, "{place}": 1, ' for place in range(3000))
    saved = SavedPlan.read(text.replace('"version": 1,', f'"version": 1, {many}'))
    assert len(saved.faults) == 3001
    assert saved.doubts[0].endswith('; "9" stands twice in one place; and 2,991 more); it is not applied')
    with pytest.raises(TamperedPlan) as caught:
        saved.verify()
    assert str(caught.value).endswith("  … and 2,991 more; .faults of this error has them all")
    with pytest.raises(UnreadablePlan) as unreadable:
        SavedPlan(saved.document | {"version": "x" * 10_000, "made": {"workbench": "y" * 10_000}}).verify()
    assert len(str(unreadable.value)) < 500


async def test_nested_too_deep_to_be_written(tmp_path: Path) -> None:
    """A plan with a value that is nested too deep for its text is refused in words when it is saved again."""
    deep: Any = 0
    for _ in range(3 * sys.getrecursionlimit()):
        deep = [deep]
    saved = SavedPlan((await pending()).plan().saved().document | {"names": deep})
    with pytest.raises(SavedPlanError, match="could not be written to .*x.json: a value in it is nested too deep"):
        saved.save(tmp_path / "x.json")
    assert os.listdir(tmp_path) == []


async def test_of_very_many_changes_the_first_are_told() -> None:
    """The repr tells the first two hundred changes, and how many more there are; the first are read alone as they are
    among all, with the data of their events."""
    saved = (await pending(*(f"n{number}" for number in range(300)))).plan().saved()
    assert saved.beginning(2) == saved.changes[:2]
    assert saved.beginning(2)[0].causes[0].data
    assert saved.beginning(1000) == saved.changes
    lines = repr(saved).splitlines()
    assert lines[2:202] == [f"  {change!r}" for change in saved.changes[:200]]
    assert lines[202:] == ["  … and 102 more; .changes has them all"]
