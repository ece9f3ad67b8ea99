"""Explain: Postgres' estimates of every statement, and nothing is run."""

from __future__ import annotations

import pytest

from tests.postgres.shelf import book, issue, owner, shelf
from workbench import Delete, Insert, Session, Update
from workbench.errors import DatabaseError
from workbench.notebook.frames.check import explain_frame
from workbench.postgres.trial.explain import explain


async def test_every_statement_is_explained(dsn: str) -> None:
    """COPY, chunks of updates, row by row and single statements have rows and costs; nothing is written."""
    async with Session(shelf(), dsn=dsn) as session:
        await issue(session, *(Insert(book(n), owner=None) for n in range(250)), Insert(owner("a"), name="a"))
        first = await explain(session.engine, session.plan())
        assert sorted((one.operation, one.table, one.items, one.rows, one.runs) for one in first) == [
            ("Insert", "shelf_book", 250, 250, 1), ("Insert", "shelf_owner", 1, 1, 1)]
        async with session.engine.acquire() as connection:
            assert await connection.fetchval("SELECT count(*) FROM shelf_book") == 0
            await session.commit()
            await connection.execute("ANALYZE shelf_book")
        await issue(session, *(Update(book(n), copies=2) for n in range(230)), Delete(book(240)),
                    *(Update(book(n), tags=["x"]) for n in range(241, 245)))
        explained = await explain(session.engine, session.plan())
        by_items = {one.items: one for one in explained}
        assert {items: (one.operation, one.runs) for items, one in by_items.items()} == {
            230: ("Update", 3), 4: ("Update", 4), 1: ("Delete", 1)}
        assert by_items[1].rows == 1
        assert by_items[1].nodes == ("Index Scan using shelf_book_pkey on shelf_book",)
        assert all(one.total_cost > one.startup_cost >= 0 for one in explained)
        assert repr(by_items[230]).startswith("Update shelf_book: 230 items, ")
        assert "in 3 runs" in repr(by_items[230])
        assert (await session.commit()).statements == 3


async def test_estimates_as_a_frame(dsn: str) -> None:
    """The frame has a row for each statement, in their order, with the documented columns."""
    async with Session(shelf(), dsn=dsn) as session:
        await issue(session, Insert(owner("a"), name="a"), Insert(book(1), owner="a"))
        frame = explain_frame(await explain(session.engine, session.plan()))
    assert list(frame) == ["operation", "table", "items", "rows", "startup_cost", "total_cost", "runs", "nodes",
                           "statement"]
    assert frame["table"].tolist() == ["shelf_owner", "shelf_book"]
    assert frame["total_cost"].dtype == "float64"
    assert frame["statement"].str.startswith("INSERT INTO").all()
    assert explain_frame([]).empty


async def test_a_table_that_is_gone_is_told(dsn: str) -> None:
    """What the server says no to comes out as our error, in its words."""
    async with Session(shelf(), dsn=dsn) as session:
        await issue(session, Insert(book(1), owner=None))
        async with session.engine.acquire() as connection:
            await connection.execute("DROP TABLE shelf_book")
        with pytest.raises(DatabaseError, match='explaining the plan: relation "shelf_book" does not exist'):
            await explain(session.engine, session.plan())
