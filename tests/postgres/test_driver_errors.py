"""Which of ours an error of the driver becomes; those that only a server gives are in test_engine.py."""

from __future__ import annotations

import asyncpg
import pytest

from workbench.errors import ConnectionLost, ConstraintViolated, DatabaseError
from workbench.postgres.driver_errors import translate


@pytest.mark.parametrize("error", [
    asyncpg.InterfaceError("cannot perform operation: connection is closed"),
    asyncpg.InterfaceError("cannot call Connection.fetch(): connection has been released back to the pool"),
    asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
    asyncpg.AdminShutdownError("terminating connection"), asyncpg.CannotConnectNowError("starting up"),
    ConnectionResetError("reset"), OSError("no route"),
])
def test_lost_connections_are_told_apart(error: Exception) -> None:
    """All the driver's ways of saying that a connection is gone are one: ConnectionLost."""
    lost = translate(error, doing="committing", committed=None)
    assert isinstance(lost, ConnectionLost)
    assert str(lost) == ("the connection to the database was lost while committing: "
                         "it is not known whether the commit was done")


def test_a_busy_connection_is_not_a_lost_one() -> None:
    """Two tasks on one connection is a fault of the program, and is told as such."""
    told = translate(asyncpg.InterfaceError("cannot perform operation: another operation is in progress"))
    assert type(told) is DatabaseError
    assert "another operation is in progress" in str(told)


@pytest.mark.parametrize(("detail", "columns"), [
    ("Key (name)=(w) already exists.", ("name",)), ('Key (a, "b c")=(1, (2)) already exists.', ("a", "b c")),
    ("Schlüssel »(name)=(w)« existiert bereits.", ("name",)), ("キー (name)=(w) はすでに存在します。", ("name",)),
    ("La llave (name)=(w) ya existe.", ("name",)), ("something else", ())])
def test_columns_are_told_in_every_language(detail: str, columns: tuple[str, ...]) -> None:
    """The columns of a violated constraint are read off the server's words, whatever language it speaks."""
    error = asyncpg.PostgresError.new({"C": "23505", "M": "…", "D": detail, "n": "some", "t": "things"})
    told = translate(error)
    assert isinstance(told, ConstraintViolated)
    assert told.columns == columns
