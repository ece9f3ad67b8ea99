"""The driver's errors, and the one place where they become ours.

``DRIVER_ERRORS`` are all that asyncpg raises; ``LOST`` are those after which a connection, or the server, is no more.
``translate`` gives our error for one of them, ``unreachable`` for one that came while a connection was made, and
``said`` its words.
"""

from __future__ import annotations

import re

import asyncpg

from workbench.errors import ConnectionLost, ConstraintViolated, DatabaseError
from workbench.postgres.dsn import masked

# InternalClientError: a connection that broke while its protocol was at work; asyncpg's state machine says no more.
DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, ConnectionError)
LOST = (
    asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError, asyncpg.IdleInTransactionSessionTimeoutError, asyncpg.InternalClientError, OSError)
_KINDS = {
    asyncpg.UniqueViolationError: "unique", asyncpg.ForeignKeyViolationError: "foreign key",
    asyncpg.CheckViolationError: "check", asyncpg.NotNullViolationError: "not null",
    asyncpg.ExclusionViolationError: "exclusion"}


def translate(
    error: Exception, *, doing: str = "working with the database", committed: bool | None = False,
) -> DatabaseError:
    """Our error for one of the driver's, to be raised ``from`` it.

    ``committed`` is what is known should the connection have gone: None when a COMMIT was on its way."""
    if isinstance(error, LOST) or is_closed(error):
        return ConnectionLost(doing, committed=committed)
    detail = getattr(error, "detail", None) or ""
    for violation, kind in _KINDS.items():
        if isinstance(error, violation):
            columns = [error.column_name] if error.column_name else _columns(detail)
            return ConstraintViolated(
                kind, error.constraint_name or "", error.table_name or "", detail or str(error), columns=columns)
    return DatabaseError(f"the database refused while {doing}: {said(error)}")


def said(error: Exception) -> str:
    """What the server says, with its detail and hint, in one line."""
    text = getattr(error, "message", None) or str(error)     # str() of asyncpg's has all in it, in lines
    parts = [text or type(error).__name__, getattr(error, "detail", None), getattr(error, "hint", None)]
    return "; ".join(str(part).replace("\n", " ") for part in parts if part)


def unreachable(dsn: str, error: Exception) -> DatabaseError:
    """What to say when no connection could be made, and what to try."""
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
        hint = "look at the user and the password in the DSN"
    elif isinstance(error, asyncpg.InvalidCatalogNameError):
        hint = "make that database first (createdb), or name another one in the DSN"
    elif isinstance(error, asyncpg.TooManyConnectionsError):
        hint = "close other sessions, or raise max_connections of the server"
    else:
        hint = "is the server running, and do the host and the port in the DSN name it?"
    return DatabaseError(f"could not connect to {masked(dsn)}: {str(error) or type(error).__name__}; {hint}")


def is_closed(error: Exception) -> bool:
    """Whether asyncpg says that the connection is no more: that InterfaceError has no class of its own."""
    return isinstance(error, asyncpg.InterfaceError) and re.search(
        r"connection (is|was|has been) (closed|released)", str(error)) is not None


def _columns(detail: str) -> list[str]:
    """The columns named by ``Key (a, "b c")=(1, 2) already exists.``, in the language that the server speaks."""
    match = re.search(r"\((.*?)\)=\(", detail)
    return [name.strip().strip('"') for name in match[1].split(",")] if match else []
