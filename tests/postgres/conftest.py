"""Two sessions over the desk of rivals.py, on one database; tests with another domain have fixtures of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.editing import desk
from tests.postgres.rivals import KINDS
from workbench import Session


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
