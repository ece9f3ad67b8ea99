"""What a user's mypy sees: the types of fields, of classes that decorators give back, and of what is fetched."""

import subprocess
import sys
from pathlib import Path

import pytest

PREAMBLE = """
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, assert_type
from uuid import UUID

from workbench.domain.datadef import Datadef, field, invariant
from workbench.domain.domain import Domain
from workbench.domain.entity import Command, Event
from workbench.domain.mutation import Update
from workbench.domain.resource import Resource, Target
from workbench.state.context import Context

bank = Domain("bank")


class Mood(Enum):
    GOOD = "good"


class Address(Datadef):
    city = field(str)


@bank.resource
class Account(Resource):
    owner = field(str, check=lambda owner: owner.strip() != "", doc="not empty")
    balance = field(Decimal, initial=Decimal(0))
    tags = field(list[str], initial=[])
    data = field(dict[str, Any], initial={})
    mood = field(Mood, choices=[Mood.GOOD], initial=Mood.GOOD)
    address = field(Address)
    note = field(str | None, check=lambda note: note.strip() != "")

    @invariant
    def covered(self) -> bool:
        return self.balance >= 0


@bank.command(on=Account)
class OpenAccount(Command):
    owner = field(str)
"""
RIGHT = PREAMBLE + """

def seen(account: Account) -> None:
    assert_type(account.owner, str)
    assert_type(account.balance, Decimal)
    assert_type(account.tags, list[str])
    assert_type(account.data, dict[str, Any])
    assert_type(account.mood, Mood)
    assert_type(account.address.city, str)
    note: str | None = account.note
    assert_type(account.etag, str | None)
    assert_type(OpenAccount(owner="x"), OpenAccount)
    assert_type(OpenAccount(owner="x").owner, str)
    assert_type(OpenAccount(owner="x").on(account), OpenAccount)
    assert_type(OpenAccount(owner="x").target, Target)


@bank.command_handler(OpenAccount)
async def open_account(command: OpenAccount, context: Context) -> Any:
    account = await context.fetch(Account, command.target.identifier)
    assert_type(account, Account)
    assert_type(await context.find(Account, owner="Ada"), list[Account])
    yield Update(account, balance=account.balance + 1)
"""
WRONG = PREAMBLE + """

def seen(account: Account) -> None:
    account.balance + account.owner
    account.ownr
    account.tags.append(5)


class Broken(Command):
    amount = field(Decimal, check=lambda amount: amount.strip())


@bank.command(on="account")
class Close(Command):
    pass
"""


def mypy(code: str, folder: Path) -> list[str]:
    """The errors of a strict mypy over a file of a user, as ``line: words``."""
    file = folder / "cell.py"
    file.write_text(code)
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context", "--no-pretty",
         "--no-color-output", "--follow-imports=silent", "--cache-dir", str(folder.parent / "mypy_cache"), str(file)],
        cwd=root, capture_output=True, text=True, timeout=170)
    assert done.stderr == ""
    lines = code.splitlines()
    errors = [line.split(":", 2)[1:] for line in done.stdout.splitlines() if ": error: " in line]
    return [f"{lines[int(number) - 1].strip()} -> {words.removeprefix(' error: ')}" for number, words in errors]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("types")


def test_fields_have_the_types_that_were_declared(folder):
    """A strict mypy finds nothing wrong with a domain as the README writes it, and sees each field's own type."""
    assert mypy(RIGHT, folder) == []


def test_mistakes_are_seen_by_mypy(folder):
    """A wrong operand, a misspelt field, a wrong member, a check and an ``on=`` of the wrong type are errors."""
    found = mypy(WRONG, folder)
    assert [error.partition(" -> ")[0] for error in found] == [
        "account.balance + account.owner", "account.ownr", "account.tags.append(5)",
        "amount = field(Decimal, check=lambda amount: amount.strip())", '@bank.command(on="account")']
    assert '"Account" has no attribute "ownr"' in found[1]
    assert '"Decimal" has no attribute "strip"' in found[3]
