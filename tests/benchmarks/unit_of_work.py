"""Unit of work: a mixed commit by SQLAlchemy 2's async ORM, with a version_id_col; run by the interpreter of the peers.

    python unit_of_work.py DSN SIZE         # prints the seconds from the first change of an object to committed
"""

from __future__ import annotations

import asyncio
import gc
import sys
from datetime import UTC, datetime
from decimal import Decimal
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Base(DeclarativeBase):
    pass


class Thing(Base):
    __tablename__ = "peer_thing"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    created: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    updated: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    etag: Mapped[str] = mapped_column()
    name: Mapped[str]
    price: Mapped[Decimal]
    stock: Mapped[int]
    sold: Mapped[bool]
    facts: Mapped[Any] = mapped_column(JSONB)
    seen: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    owner: Mapped[UUID]
    maker: Mapped[UUID]
    __mapper_args__ = {  # noqa: RUF012  # as SQLAlchemy reads it
        "version_id_col": etag, "version_id_generator": lambda version: uuid4().hex}


def thing(number: int) -> Thing:
    return Thing(id=uuid4(), created=NOW, updated=NOW, name=f"thing {number}", price=Decimal(number), stock=number,
                 sold=number % 2 == 0, facts={"a": number}, seen=NOW, owner=uuid4(), maker=uuid4())


async def main(dsn: str, size: int) -> float:
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(dsn))
    try:
        async with engine.begin() as connection:
            await connection.execute(text("DROP TABLE IF EXISTS peer_thing"))
            await connection.run_sync(Base.metadata.create_all)
        async with AsyncSession(engine, expire_on_commit=False) as session:
            there = [thing(number) for number in range(size * 4 // 10)]
            session.add_all(there)
            await session.commit()
            cut = size * 3 // 10
            fresh = [thing(number) for number in range(size * 6 // 10)]
            gc.collect()
            begun = perf_counter()
            session.add_all(fresh)
            for number, one in enumerate(there[:cut]):
                one.price, one.stock, one.facts, one.updated = Decimal(1), -number, {"b": number}, datetime.now(UTC)
            for one in there[cut:]:
                await session.delete(one)
            await session.commit()
            return perf_counter() - begun
    finally:
        await engine.dispose()


if __name__ == "__main__":
    import asyncpg

    print(asyncio.run(main(sys.argv[1], int(sys.argv[2]))))
