"""Two sessions over the desk of rivals.py, on one database; tests with another domain have fixtures of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.editing import desk
from tests.postgres.rivals import KINDS
from workbench import Session
from workbench.postgres.engine import Engine, connect


@pytest.fixture
async def session(dsn: str) -> AsyncIterator[Session]:
    """Ada's session."""
    async with Session(desk(*KINDS), dsn=dsn, user="ada") as opened:
        yield opened


@pytest.fixture
async def rival(session: Session, dsn: str) -> AsyncIterator[Session]:
    """Bob's, opened after Ada's."""
    async with Session(desk(*KINDS), dsn=dsn, user="bob") as opened:
        yield opened


@pytest.fixture
async def engine(dsn: str) -> AsyncIterator[Engine]:
    """An engine of two connections at most."""
    async with await connect(dsn, max_size=2) as opened:
        yield opened
