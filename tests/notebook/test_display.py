"""Display: everything is escaped and well-formed, values read as one writes them, and what fails says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from html import unescape
from re import findall, sub
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from tests.notebook.markup import EVIL, Tags, text, words
from tests.state.domains import START, Copy, Write, Written, manage, note, notes, stored
from workbench import Datadef, Delete, Insert, Rejected, Resource, Target, Update, field
from workbench.domain.datadef import values_of
from workbench.errors import Invalid, WorkbenchError
from workbench.notebook.display import cell, register
from workbench.notebook.html.box import STYLE, WHOLE, box, value_html
from workbench.notebook.html.box import safely as shown_safely
from workbench.notebook.html.commit import commit_html
from workbench.notebook.html.conflict import conflict_html
from workbench.notebook.html.plan import CAUSES, FIRST, TOLD, change_row, plan_html
from workbench.notebook.html.sql import sql_html
from workbench.notebook.html.step import step_html
from workbench.notebook.shown.plan import ShownPlan
from workbench.postgres.trial.violation import Checked, Violation
from workbench.postgres.writing.commit import Commit
from workbench.state.clash import Clash
from workbench.state.manager import StateManager
from workbench.state.planning.change import SIGNS
from workbench.state.reader import MemoryReader
from workbench.wording import LIMIT


class Tone(Enum):
    LOUD = "loud"


class Line(Datadef):
    tone = field(Tone)
    text = field(str)


async def changed(**arguments: Any) -> StateManager:
    """Three items inserted, changed and deleted, and by a policy a fourth, with an evil text in every place."""

    def written(event: Any, context: Any) -> Any:
        verbs = {"insert": Insert(event.target, text=EVIL), "delete": Delete(event.target)}
        return verbs.get(event.text) or Update(event.target, text=event.text)

    async def write(command: Any, context: Any) -> Any:
        yield Written(text=command.text).on(context.target)
        yield context.respond(**{EVIL: EVIL})

    def policy(event: Any, context: Any) -> Any:
        return Copy(text=EVIL).on(Target("notes", "note", "copy")) if event.text == "insert" else None

    reader = MemoryReader(stored("notes", "note", note("old", text=EVIL), note("gone", text=EVIL)))
    manager = manage(notes(write=write, written=written, policies=[policy]), reader=reader,
                     **{"user": EVIL, **arguments})
    for name, identifier in [("insert", EVIL), (EVIL + "!", "old"), ("delete", "gone")]:
        await manager.issue(Write(text=name), on=Target("notes", "note", identifier), cell=7)
    return manager


async def test_everything_is_escaped() -> None:
    """A script in a text, an identifier, a user, a response, the SQL or an error is shown as text, in every display."""
    manager = await changed()
    plan = manager.plan()
    for html in (
        *map(step_html, manager.state.steps()), commit_html(Commit(plan, 1, START)), sql_html(EVIL),
        plan_html(plan, [EVIL], checked=checked(plan), why=plan.why),
        conflict_html([Clash(Target("notes", "note", EVIL), "update-update", {EVIL: 1}, {EVIL: EVIL}, {EVIL: "x"})]),
        shown_safely(lambda: int(EVIL)),    # type: ignore[arg-type, return-value]
        box(value_html(EVIL), value_html([EVIL]), value_html({EVIL: EVIL * 30})),
    ):
        tags = Tags(html)
        assert tags.open == []
        assert tags.seen <= {"style", "div", "span", "b", "ul", "li", "table", "tr", "th", "td", "details", "summary",
                             "pre"}
        assert "'&'" not in html.replace(STYLE, "")


async def test_a_plan() -> None:
    """A plan groups its changes by resource, signs each, tells old and new of what changed, and folds the SQL away."""
    plan = (await changed()).plan()
    shown = plan_html(plan, ["UPDATE a < b"])
    assert words(shown) == (
        "Plan: 2 to add, 1 to change, 1 to delete ; 1 statement notes:note "
        "+ EVIL · EVIL text: 'EVIL' number: 0 step 1 + EVIL · copy text: 'EVIL' number: 0 step 1 "
        "~ EVIL! · old text: 'EVIL' → 'EVIL!' step 2 - EVIL · gone text: 'EVIL' number: 0 step 3 "
        "SQL UPDATE a < b -- with all values, for psql: plan.sql()")
    assert findall('class="who (insert|update|delete)">(.)', shown) == [
        ("insert", "+"), ("insert", "+"), ("update", "~"), ("delete", "-")]
    assert "<details><summary>" in shown


async def test_a_step() -> None:
    """A step is its address, time, user and cell, and a tree of command, events, mutations, policies and response."""
    step = (await changed(user="ada")).state.steps()[0]
    assert words(step_html(step)) == (
        "step 1 notes:write/note/EVIL 00:00:00 UTC, by ada, cell 7 Write text='insert' → Written text='insert' "
        "+ notes:note/EVIL text='EVIL' policy policy: Copy text='EVIL' on notes:note/copy "
        "→ Copied text='EVIL' + notes:note/copy text='EVIL' = EVIL='EVIL'")


async def test_a_step_of_which_nothing_came() -> None:
    """A command whose handler yields nothing is shown with a word on that, and so is an event."""
    step = await manage(notes(write=lambda command, context: None)).issue(Write(text="x"), on="note/a")
    assert words(step_html(step)).endswith("Write text='x' nothing came of it")
    step = await manage(notes(written=lambda event, context: None)).issue(Write(text="x"), on="note/a")
    assert words(step_html(step)).endswith("→ Written text='x' nothing came of it")
    step = await manage(notes(write=lambda command, context: context.respond(a=1))).issue(Write(), on="note/a")
    assert words(step_html(step)).endswith("no event, so nothing changed = a=1")


async def test_what_a_plan_does_not_write_is_told() -> None:
    """An empty plan says so; items touched in vain and items only read are counted; beyond a limit a frame is named."""

    async def write(command: Any, context: Any) -> Any:
        await context.fetch(Target("notes", "note", "read"))
        yield Written(text=command.text).on(context.target)

    reader = MemoryReader(stored("notes", "note", note("read"), note("same", text="x")))
    manager = manage(notes(write=write, written=lambda event, context: Update(event.target, text=event.text)),
                     reader=reader)
    assert words(plan_html(manager.plan(), [])) == "Plan: 0 to add, 0 to change, 0 to delete Nothing to do."
    for there_and_back in ("y", "x"):
        await manager.issue(Write(text=there_and_back), on="note/same")
    assert words(plan_html(manager.plan(), [])) == (
        "Plan: 0 to add, 0 to change, 0 to delete Nothing to do. 1 touched, but the values are as they were "
        "2 read and not changed; the commit verifies that they did not move")
    many = manage(notes())
    for number in range(LIMIT + 2):
        await many.issue(Write(), on=f"note/{number}")
    shown = plan_html(many.plan(), [])
    assert shown.count('<td class="who insert">') == LIMIT
    assert "… and 2 more; plan.frame() has them all" in text(shown)
    first, _, rest = shown.partition(f"<details><summary>{LIMIT - FIRST} more</summary>")
    assert (first.count('class="who insert"'), rest.count('class="who insert"')) == (FIRST, LIMIT - FIRST)
    blamed = Checked((Violation("check", "c", many.plan().changes[FIRST].target, (), {}, ""),), 1, START, 0.1, "")
    assert f"<details open><summary>{LIMIT - FIRST} more</summary>" in plan_html(many.plan(), [], checked=blamed)


async def test_values_that_say_little_fold_out() -> None:
    """Of an item that is added or deleted, fields that are empty or as they are at first are counted where there are
    many, and fold out; what is changed is always listed."""
    class Wide(Resource):
        title = field(str)
        note = field(str | None)
        tags = field(list[str], initial=[])
        facts = field(dict, initial={})
        size = field(int, initial=3)

    def row(before: Any, after: Any) -> str:
        old, new = (values_of(item) if item is not None else {} for item in (before, after))
        kind = "insert" if not old else "update" if new else "delete"
        if kind == "update":
            new = {name: value for name, value in new.items() if value != old[name]}
        change: Any = SimpleNamespace(kind=kind, sign=SIGNS[kind], target=Target("wide", "wide", "a"), before=before,
                                      after=after, old=old, new=new, steps=())
        return words(change_row(change))

    wide = Wide(_id=UUID(int=1), title="x")
    assert row(None, wide) == (
        "+ x · a title: 'x' 4 more are empty or as they are at first note: None tags: [] facts: {} size: 3 steps")
    assert row(wide, None).startswith("- x · a title: 'x' 4 more are")
    assert "more" not in row(None, wide.set(size=4).set(note="y"))
    assert row(Wide(_id=UUID(int=1), title="x", note="y", tags=["z"], size=1), wide) == (
        "~ x · a note: 'y' → None tags: ['z'] → [] size: 1 → 3 steps")


@pytest.mark.parametrize("value, expected", [
    (Decimal("1.50"), "1.50"), (UUID(int=1), "00000000-0000-0000-0000-000000000001"), (None, "None"), ("1", "'1'"),
    (datetime(2013, 1, 1, tzinfo=UTC), "2013-01-01 00:00:00 UTC"), (timedelta(hours=2), "2:00:00"), (True, "True"),
    (["'"], '["\'"]'), ([Decimal(1)], "[1]"), (Tone.LOUD, "loud"),
    (Line(tone="loud", text="x"), "tone loud, text 'x'"), ([Line(tone="loud", text="x")], "[(tone loud, text 'x')]"),
    pytest.param(10**5000, "<int that cannot be shown>", id="huge"),
])
def test_a_value(value: object, expected: str) -> None:
    """A value reads as one writes it, a text in quotes, a record by its fields; one that has no repr does no harm."""
    assert words(value_html(value)) == expected


def test_a_long_value_folds_out() -> None:
    """A long value is cut and folds out whole, without a kernel; a very long one up to a screenful, and says so."""
    html = value_html("<" * 100)
    assert words(html) == f"'{'<' * 58}… {'<' * 100!r}"
    assert html.startswith('<details class="long"><summary>')
    assert words(value_html("x" * 10**6)).endswith(f"x… and {10**6 + 2 - WHOLE:,} characters more")
    assert "<" not in value_html("short")
    assert unescape(value_html(Decimal(1)).split('"')[1]) == "Decimal('1')"


def checked(plan: Any) -> Checked:
    """A check that found one fault of the first change, and one of no item."""
    faults = [Violation("check", EVIL, target, ("text",), {"text": EVIL}, EVIL)
              for target in (plan.changes[0].target, None)]
    return Checked(tuple(faults), 1, START, 0.1, "")


async def test_a_checked_plan() -> None:
    """A plan that was checked says when and with what outcome; a violation stands with its change, or on top."""
    plan = (await changed()).plan()
    shown = words(plan_html(plan, [], checked=checked(plan), ago=12.3))
    assert shown.startswith("Plan: 2 to add, 1 to change, 1 to delete ; checked 12 s ago: ✗ 2 violations "
                            '✗ check "EVIL": EVIL notes:note + EVIL · EVIL text: \'EVIL\' number: 0 '
                            '✗ check "EVIL": EVIL step 1')
    fine = Checked((), 1, START, 0.1, "")
    assert "checked 5 min ago: ✓ no violations" in words(plan_html(plan, [], checked=fine, ago=300))
    assert "checked" not in words(plan_html(plan, []))


@pytest.mark.parametrize("steps, told", [
    ([1, 2, 3, 5, 7, 8, 10, 11, 12, 13], "steps 1–3, 5, 7, 8, 10–13"), ([2], "step 2"), ([1, 2], "steps 1, 2"),
    ([*range(1, 100, 2)], "steps 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, … 99 (50 in all)")])
async def test_the_steps_of_a_change(steps: list[int], told: str) -> None:
    """Steps in a row are told by the first and the last one, and of very many the first and the last ones."""
    manager = manage(notes(written=lambda event, context: Update(event.target, text=event.text)),
                     reader=MemoryReader(stored("notes", "note", note("a"), note("b"))))
    for number in range(1, steps[-1] + 1):
        await manager.issue(Write(text=str(number)), on=f"note/{'a' if number in steps else 'b'}")
    plan = manager.plan()
    assert f"→ '{steps[-1]}' {told} " in f"{words(plan_html(plan, []))} "
    behind = words(plan_html(plan, [], why=plan.why))
    assert (f"… and {3 * len(steps) - CAUSES} lines more: plan.why(item)" in behind) == (3 * len(steps) > CAUSES)


async def test_the_cause_of_a_change_folds_out() -> None:
    """Under each change its steps fold out into why; a plan too large for that names what tells it."""
    plan = (await changed(user="ada")).plan()
    html = plan_html(plan, [], why=plan.why)
    assert html.count("<details><summary>step ") == len(plan)
    assert "step 2 step 2: notes:write/note/old by ada at 2013-01-01 00:00:01 UTC, cell 7 event Written" in words(html)
    many = manage(notes())
    for number in range(TOLD + 1):
        await many.issue(Write(), on=f"note/{number}")
    shown = plan_html(many.plan(), [], why=many.plan().why)
    assert "<details><summary>step" not in shown
    assert "what led to a change: plan.why(item)" in text(shown)


def test_sql_is_highlighted() -> None:
    """Keywords, texts and comments of SQL are told apart, a keyword within a text is none; the text stays as it was."""
    sql = """-- SELECT\nUPDATE "FROM" SET a = 'it''s SET' WHERE b < $1"""
    html = sql_html(sql)
    assert unescape(sub(r"<[^>]*>", "", html)) == sql
    assert findall(r'<span class="(\w+)">([^<]*)</span>', html) == [
        ("dim", "-- SELECT"), ("word", "UPDATE"), ("word", "SET"), ("text", "&#x27;it&#x27;&#x27;s SET&#x27;"),
        ("word", "WHERE")]


def test_a_conflict() -> None:
    """Base, mine and theirs stand side by side for each column that differs; what each side changed is marked, and
    where both did; an item that is gone has dashes; of one that was only read there is the sentence alone."""
    on = Target("notes", "note", "a")
    both = Clash(on, "update-update", {"text": "x", "number": 1, "_etag": "1"},
                 {"text": "y", "number": 1, "_etag": "2"}, {"text": "z", "number": 2, "_etag": "3"})
    html = conflict_html([both])
    assert words(html) == (
        "Conflict on 1 item; nothing was written, everything pending is kept notes:note/a: here a step changed it, "
        "meanwhile another changed it column base mine theirs ✗ text 'x' 'y' 'z' number 1 1 2")
    assert findall(r'<td class="told (\w+)">([^<]*)', html) == [
        ("dim", "&#x27;x&#x27;"), ("update", "&#x27;y&#x27;"), ("update", "&#x27;z&#x27;"), ("dim", "1"), ("dim", "1"),
        ("update", "2")]
    gone = Clash(on, "update-delete", {"text": "x"}, {"text": "y"}, None)
    assert words(conflict_html([gone], ways="ways out: <b>")).endswith("'x' 'y' – ways out: <b>")
    assert words(conflict_html([gone])).endswith("column base mine theirs ✗ text 'x' 'y' –")
    read = Clash(on, "read-update", None, None, {"text": "z"})
    assert words(conflict_html([read])).endswith("notes:note/a: here a step read it, meanwhile another changed it")
    assert "… and 1 more; wb.conflict has them all" in words(conflict_html([both] * (LIMIT + 1)))


async def test_a_bundle_has_text_and_html() -> None:
    """A shown plan is text and HTML; the text is its repr, honest and without markup."""
    shown = ShownPlan((await changed()).plan())
    bundle = shown._repr_mimebundle_()
    assert sorted(bundle) == ["text/html", "text/plain"]
    assert bundle["text/plain"] == repr(shown)
    assert repr(shown).splitlines()[:2] == [
        "plan: 2 to add, 1 to change, 1 to delete", f"  + notes:note/{EVIL}  text={EVIL!r}, number=0"]


def test_a_display_that_fails_shows_its_traceback() -> None:
    """What a render raises is shown as its traceback: IPython would show nothing."""
    def broken(value: object) -> str:
        raise ValueError("<b>no</b>")

    shown = shown_safely(broken, 1)
    assert "ValueError: &lt;b&gt;no&lt;/b&gt;" in shown
    assert "<b>" not in shown


def test_colours_have_a_fallback_that_can_be_read() -> None:
    """Each colour of JupyterLab's has one of ours beside it, for elsewhere; it has 4.5 to 1 against white."""
    names = findall(r"var\(--jp-(?:success|warn|error)-color1, #(\w{6})\)", STYLE)
    assert len(names) == STYLE.count("-color1, #") == 3
    for name in names:
        red, green, blue = (int(name[place:place + 2], 16) / 255 for place in (0, 2, 4))
        # Mixed with a quarter of black it is darker still: this is the colour before.
        light = sum(weight * ((part + 0.055) / 1.055) ** 2.4
                    for weight, part in zip((0.2126, 0.7152, 0.0722), (red, green, blue), strict=True))
        assert 1.05 / (light + 0.05) > 4


def test_outside_of_ipython() -> None:
    """Without a running IPython there is no cell, and registering the displays does nothing."""
    register()
    assert cell() is None


def raising(error: Callable[[], Exception], depth: int = 0) -> WorkbenchError:
    def deeper(left: int) -> None:
        if left:
            deeper(left - 1)
        raise error()

    with pytest.raises(WorkbenchError) as raised:
        deeper(depth)
    return raised.value


def test_an_error_in_few_lines() -> None:
    """An error of ours renders as its words and the lines of the user's modules, the middle of a long way left out."""
    name, *lines = raising(lambda: Rejected("no <b>"))._render_traceback_()
    assert name == "\x1b[1mRejected\x1b[0m: no <b>"
    assert [line.rpartition(": ")[2] for line in lines] == ["", "deeper(depth)", "raise error()"]
    assert lines[1].startswith(f"{__name__}, line ")
    assert ", in deeper: raise" in lines[2]
    assert raising(lambda: Rejected("no"), 50)._render_traceback_()[5] == "…"
    assert len(raising(lambda: Rejected("no"), 50)._render_traceback_()) == 9
    assert Rejected("never raised")._render_traceback_() == ["\x1b[1mRejected\x1b[0m: never raised"]


def test_an_errors_lines_are_not_the_librarys() -> None:
    """The frames of the library, below the user's, are left out of what is shown."""
    with pytest.raises(Invalid) as raised:
        Write(txt="x")
    lines = raised.value._render_traceback_()
    assert lines[0].startswith("\x1b[1mInvalid\x1b[0m: Write was refused")
    assert [line.rpartition(": ")[2] for line in lines[2:]] == ['Write(txt="x")']


def test_dollars_are_no_formulas() -> None:
    """MathJax is told to let all of an output be, or it would make formulas of amounts in dollars."""
    assert 'class="wb mathjax_ignore tex2jax_ignore"' in box("owes $5, not $6")
