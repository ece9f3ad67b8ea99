"""Nothing hides in what is shown: no line of a plan is forged or taken away by what an item is called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from workbench import Command, Domain, Event, Insert, Rejected, Resource, Target, Workbench, field
from workbench.errors import WorkbenchError
from workbench.notebook.shown.saved_plan import ShownSavedPlan
from workbench.state.saved.file import hash_of

# A line of its own, what takes away the line above in a terminal, and what turns the writing behind it around.
FORGED = "x\n  + desk:card/y  title='fine'\r\n\x1b[1A\x1b[2K\u202e\u2028z"
HIDING = re.compile("[\x00-\x09\x0b-\x1f\x7f\u2028\u202e]")


def desk() -> Domain:
    domain = Domain("desk")

    @domain.resource
    class Card(Resource):
        _id = field(str)
        title = field(str)

    @domain.command(on=Card)
    class Write(Command):
        title = field(str)

    @domain.event
    class Written(Event):
        title = field(str)

    @domain.command_handler(Write)
    async def write(command: Any, context: Any) -> Any:
        if command.title == "no":
            raise Rejected(f"no {context.target}")
        yield Written(title=command.title).on(context.target)

    @domain.event_handler(Written)
    async def written(event: Any, context: Any) -> Any:
        yield Insert(event.target, title=event.title)

    return domain


@pytest.fixture
def wb(dsn: str) -> Iterator[Workbench]:
    with Workbench(desk(), dsn=dsn, user=FORGED) as opened:
        yield opened


def test_no_line_is_forged(wb: Workbench, tmp_path: Path) -> None:
    """Whatever an identifier and a user hold, steps, plans, saved ones too, and their causes have a line for each thing
    that they tell, and no code in it."""
    step = wb.issue("desk:write", on=Target("desk", "card", FORGED), title=FORGED)
    wb.plan().save(tmp_path / "x.plan.json")
    read = wb.load_plan(tmp_path / "x.plan.json")
    texts = {"step": repr(step), "plan": repr(wb.plan()), "why": wb.plan().why(step), "saved": repr(read),
             "saved why": read.why(read.changes[0]), "mutation": repr(step.mutations[0]), "log": repr(wb.log),
             "item": repr(wb.plan().changes[0].after), "map": repr(wb.diagram(step)), "undone": repr(wb.undo()),
             "workbench": repr(wb)}
    assert {name: HIDING.findall(text) for name, text in texts.items()} == {name: [] for name in texts}
    assert {name: len(text.splitlines()) for name, text in texts.items()} == {
        "step": 3, "plan": 2, "why": 4, "saved": 3, "saved why": 4, "mutation": 1, "log": 2, "item": 1, "map": 6,
        "undone": 2, "workbench": 1}


def test_a_forged_warning_hides_nothing(wb: Workbench) -> None:
    """The warnings of a saved plan, which anybody may have written with a hash that fits, have one line each."""
    wb.issue("desk:write", on=Target("desk", "card", "x"), title="x")
    document = {**wb.session.plan().saved().document, "warnings": [FORGED]}
    saved = ShownSavedPlan({**document, "hash": hash_of(document)})
    assert saved.doubts == []
    assert HIDING.findall(repr(saved)) == []
    assert len(repr(saved).splitlines()) == 4
    assert "\u202e" not in saved._repr_html_()


def test_no_mark_turns_the_writing(wb: Workbench, tmp_path: Path) -> None:
    """In HTML no label, identifier, address or user turns the direction of what stands behind it."""
    wb.issue("desk:write", on=Target("desk", "card", FORGED), title=FORGED)
    wb.plan().save(tmp_path / "x.plan.json")
    for shown in (wb.plan(), wb.load_plan(tmp_path / "x.plan.json"), wb.undo()):
        html = shown._repr_mimebundle_()["text/html"]
        assert "\u202e" not in html
        assert r"x\n  + desk:card/y" in html


def test_an_errors_codes_are_not_obeyed(wb: Workbench) -> None:
    """What IPython prints of an error of ours has the lines of its words, and no code but that which makes it bold."""
    with pytest.raises(WorkbenchError) as refused:
        wb.issue("desk:write", on=Target("desk", "card", "x\x1b[2Ky"), title="no")
    refused.value.add_note("a\nb\x1b[0m")
    head, note, *_ = refused.value._render_traceback_()
    assert (head, note) == ("\x1b[1mRejected\x1b[0m: no desk:card/x\\x1b[2Ky", "a\nb\\x1b[0m")
