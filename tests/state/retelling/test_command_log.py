"""CommandLog: kept as JSON lines, read back whole or refused with all its faults, and issued again."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.state.domains import Identifiers, held, manage
from tests.strategies import datadef_classes, records
from workbench import Command, Domain, Rejected
from workbench.errors import AlreadyExists, LogError
from workbench.examples.bank import Deposit, OpenAccount, Pay, Withdraw, bank
from workbench.state.manager import StateManager
from workbench.state.retelling.command_log import CommandLog, LoggedCommand


async def a_day() -> StateManager:
    """A bank after a payment by Bob, one undone deposit, one refusal."""
    manager = manage(bank)
    ada = (await manager.issue(OpenAccount(owner="Ada"), cell=3)).target
    manager.user = "bob"
    bob = (await manager.issue(OpenAccount(owner="Bob"))).target
    await manager.issue(Deposit(amount="10.50"), on=ada)
    with pytest.raises(Rejected):
        await manager.issue(Withdraw(amount=99), on=ada)
    await manager.issue(Pay(amount=4, to=bob.identifier), on=ada)
    return manager


def log_of(manager: StateManager) -> CommandLog:
    return CommandLog.of(manager.state.steps(), manager.registry)


async def test_a_log_is_kept_and_issued_again(tmp_path: Path) -> None:
    """A saved log, loaded in another session, leads to the same items there: the same users, the same identifiers."""
    first = await a_day()
    log_of(first).save(tmp_path / "day.jsonl")
    second = manage(bank, identifiers=Identifiers())
    loaded = log_of(second).load(tmp_path / "day.jsonl")
    assert [(one.number, one.address, one.user, one.cell) for one in loaded] == [
        (step.number, step.address, step.user, step.cell) for step in first.state.steps()]
    replayed = await held(second).again(loaded, "replayed")
    assert (replayed.refused, replayed.verb) == ((), "replayed")
    assert [repr(change) for change in second.plan().changes] == [repr(change) for change in first.plan().changes]
    assert [step.user for step in second.state.steps()] == ["ada", "bob", "bob", "bob"]
    assert repr(replayed).startswith("replayed: 2 to add, 0 to change, 0 to delete (before: 0 to add")


async def test_a_replay_on_another_state_tells_what_is_refused() -> None:
    """Commands that do not fit the state they are issued on are told, each with its words; the others are issued."""
    first = await a_day()
    log = log_of(first)
    replayed = await held(first).again(log, "replayed")
    assert [(refusal.step.number, type(refusal.error)) for refusal in replayed.refused] == [
        (1, AlreadyExists), (2, AlreadyExists)]
    assert [step.address.partition("/")[0] for step in first.state.steps()[4:]] == ["bank:deposit", "bank:pay"]


async def test_what_a_line_holds(tmp_path: Path) -> None:
    """Each line is a command with all that is needed to issue it again, in plain JSON."""
    manager = await a_day()
    log_of(manager).save(tmp_path / "day.jsonl")
    head, first, *_ = map(json.loads, (tmp_path / "day.jsonl").read_text().splitlines())
    assert head == {"format": "workbench log", "version": 1, "domains": ["bank"], "commands": 4, "notes": 0}
    account = manager.state.steps()[0].target
    assert first == {"number": 1, "issue": f"bank:open-account/account/{account.identifier}", "data": {"owner": "Ada"},
                     "user": "ada", "at": "2013-01-01T00:00:00+00:00", "cell": 3, "made": [str(account)]}


async def test_a_file_is_not_lost(tmp_path: Path) -> None:
    """A file that is there is kept, unless it is to be overwritten; a place that cannot be written says why."""
    log = log_of(await a_day())
    (tmp_path / "day.jsonl").write_text("mine")
    with pytest.raises(LogError, match="it is there already; give another name, or overwrite=True"):
        log.save(tmp_path / "day.jsonl")
    assert (tmp_path / "day.jsonl").read_text() == "mine"
    log.save(tmp_path / "day.jsonl", overwrite=True)
    assert len(log.load(tmp_path / "day.jsonl")) == 4
    with pytest.raises(LogError, match="it cannot be written .No such file or directory."):
        log.save(tmp_path / "nowhere" / "day.jsonl")


@pytest.mark.parametrize(("text", "words"), [
    ("", "it is no log of commands; give a file that log.save"), ("[]", "it is no log of commands"),
    ('{"format": "workbench plan"}', "it is no log of commands"),
    ('{"format": "workbench log", "version": 9}', "it is of version 9, and this workbench reads version 1"),
])
async def test_files_that_are_no_log(tmp_path: Path, text: str, words: str) -> None:
    """Whatever else is in a file, it is refused in words."""
    (tmp_path / "x.jsonl").write_text(text)
    with pytest.raises(LogError, match=words):
        log_of(manage(bank)).load(tmp_path / "x.jsonl")


async def test_no_file(tmp_path: Path) -> None:
    """A file that is not there, or no text, is refused in words."""
    log = log_of(manage(bank))
    with pytest.raises(LogError, match="it cannot be read .No such file or directory."):
        log.load(tmp_path / "x.jsonl")
    (tmp_path / "x.jsonl").write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(LogError, match="it cannot be read .it is no UTF-8."):
        log.load(tmp_path / "x.jsonl")


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes")
async def test_no_file_at_all(tmp_path: Path) -> None:
    """A pipe and what no path can hold are refused in words, and nothing waits for a pipe to end."""
    log = log_of(await a_day())
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(LogError, match="cannot be read .it is a pipe, a device or the like"):
        log.load(tmp_path / "pipe")
    with pytest.raises(LogError, match="cannot be read .*embedded null"):
        log.load(tmp_path / "x\0")
    with pytest.raises(LogError, match="cannot be written .*embedded null"):
        log.save(tmp_path / "x\0")


async def test_all_faults_of_a_log_at_once(tmp_path: Path) -> None:
    """All lines that hold no command are told together, by their numbers, each as issue would refuse it."""
    manager = await a_day()
    path = tmp_path / "day.jsonl"
    log_of(manager).save(path)
    head, one, two, three, four = path.read_text().splitlines()
    path.write_text("\n".join([
        head, one.replace("open-account", "open-acount"), "{", three.replace('"10.50"', '"ten"'),
        json.dumps({key: value for key, value in json.loads(four).items() if key != "user"}), two]))
    with pytest.raises(LogError) as refused:
        log_of(manager).load(path)
    faults = refused.value.faults
    assert [fault.partition(":")[0] for fault in faults] == ["line 2", "line 3", "line 4", "line 5"]
    assert "open-account" in faults[0]
    assert "this is no line of a log" in faults[1]
    assert "amount" in faults[2]
    assert faults[3] == "line 5: 'user' is missing"


async def test_a_file_that_was_cut(tmp_path: Path) -> None:
    """A file that ends too early, even at the end of a line, says how much is missing; what an earlier workbench wrote,
    without the numbers, is loaded as it is; so is what was taken out on purpose, with another number."""
    manager = await a_day()
    with manager.history.branch("other"):
        await manager.issue(OpenAccount(owner="Eve"))
    held(manager).merge("other", {})
    path = tmp_path / "day.jsonl"
    log_of(manager).save(path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:3]))
    with pytest.raises(LogError) as refused:
        log_of(manager).load(path)
    assert [fault.partition(":")[0] for fault in refused.value.faults] == ["2 of 4 commands missing",
                                                                            "1 of 1 notes missing"]
    head = {name: value for name, value in json.loads(lines[0]).items() if name not in ("commands", "notes")}
    path.write_text("".join([json.dumps(head) + "\n", *lines[1:3]]))
    assert len(log_of(manager).load(path)) == 2
    path.write_text("".join([json.dumps({**head, "commands": 2}) + "\n", *lines[1:3]]))
    assert len(log_of(manager).load(path)) == 2


async def test_half_a_surrogate_pair(tmp_path: Path) -> None:
    """What is no character in UTF-8 is written as JSON escapes it, and read back."""
    manager = manage(bank, user="x\ud800é")
    await manager.issue(OpenAccount(owner="Ada"))
    log_of(manager).save(tmp_path / "day.jsonl")
    assert '"user": "x\\ud800é"' in (tmp_path / "day.jsonl").read_text()
    (loaded,) = log_of(manager).load(tmp_path / "day.jsonl")
    assert loaded.user == "x\ud800é"


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\u0085"])
async def test_line_ends_within_a_text(tmp_path: Path, end: str) -> None:
    """What Unicode calls the end of a line, and JSON does not, is kept within a text."""
    manager = manage(bank)
    await manager.issue(OpenAccount(owner=f"A{end}da"))
    log_of(manager).save(tmp_path / "day.jsonl")
    (loaded,) = log_of(manager).load(tmp_path / "day.jsonl")
    assert loaded.command == OpenAccount(owner=f"A{end}da")


@pytest.mark.parametrize(("name", "value", "words"), [
    ("user", 5, "user is 5"), ("cell", "x", "cell is 'x'"), ("number", float("inf"), "cannot convert float infinity"),
])
async def test_a_line_with_a_wrong_value(tmp_path: Path, name: str, value: Any, words: str) -> None:
    """Who, where and which number are checked as the command is, and told with the number of the line."""
    manager = await a_day()
    path = tmp_path / "day.jsonl"
    log_of(manager).save(path)
    head, one, *_ = path.read_text().splitlines()
    path.write_text(f"{head}\n{json.dumps({**json.loads(one), name: value})}\n")
    with pytest.raises(LogError, match=f"line 2: this is no line of a log .{words}"):
        log_of(manager).load(path)


async def test_decisions_are_noted(tmp_path: Path) -> None:
    """A merge is a decision about items as they were: it is noted in the log, and not issued again."""
    manager = await a_day()
    with manager.history.branch("other"):
        await manager.issue(OpenAccount(owner="Eve"))
    held(manager).merge("other", {})
    log = log_of(manager)
    log.save(tmp_path / "day.jsonl")
    loaded = log.load(tmp_path / "day.jsonl")
    assert (len(loaded), loaded.notes) == (4, ("step 5: merge branch other",))
    assert repr(loaded).splitlines()[-1] == (
        "  step 5: merge branch other (a decision, which is not issued again)")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_command_is_kept(data: st.DataObject) -> None:
    """A command of any field types is the same when it comes back from a file."""
    cls: Any = data.draw(datadef_classes(Command))
    domain = Domain("kept")
    domain.command(key="do")(cls)
    domain.command_handler(cls)(lambda command, context: context.respond())
    manager = manage(domain)
    command = data.draw(records(cls))
    with tempfile.TemporaryDirectory() as folder:
        step_log = CommandLog([log_line(command, manager)], [], manager.registry)
        step_log.save(Path(folder) / "log")
        (loaded,) = step_log.load(Path(folder) / "log")
    assert loaded.command == command


def log_line(command: Any, manager: StateManager) -> Any:
    """A command as a log has it."""
    return LoggedCommand(1, "kept:do", command, None, None, manager.clock(), None, ())
