"""Commit: from State to committed (plan, order, rows, JSON, sent, etags checked), beside the same by other means.

The others start from the same items in memory, or from rows that are ready, and give the same guarantees: by_hand.py.
SQLAlchemy's unit of work runs in its own interpreter, on the same server, and measures itself: unit_of_work.py.
"""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from by_hand import Work, one_by_one, pairs
from table import Peer, Table, peers_python
from things import Mix, bench, pend, seed

from workbench import Session, Update
from workbench.postgres.server.embedded import EmbeddedPostgres

SQLALCHEMY = ("sqlalchemy>=2,<3", "asyncpg", "greenlet")
BY_HAND = "asyncpg by hand, from the same items"
ONE = ('UPDATE bench_thing SET price = $3, _updated = $4, _etag = $5 WHERE _id = $1 AND _etag = $2 RETURNING _id')


async def mixed(table: Table, session: Session) -> None:
    """The mixed commit, at all sizes."""
    async def pending(size: int) -> list[Any]:
        await pend(session, size)
        return pairs(session)

    async def ready(size: int) -> Work:
        return Work(await pending(size))

    async def ours(_: Any) -> None:
        await session.commit()

    python = peers_python(*SQLALCHEMY)
    for size in table.sizes(1000, 10_000, 100_000):
        others = [
            Peer(BY_HAND, lambda items: Work(items).write(session),
                 partial(pending, size), session.undo, "<= 1.05"),
            Peer("asyncpg by hand, rows ready", lambda work: work.write(session),
                 partial(ready, size), session.undo, "<= 1.30")]
        if size <= 1000:
            others.append(Peer("one gino statement an item", partial(one_by_one, session),
                               partial(pending, size), session.undo, ">= 30"))
        if python is not None and size <= 10_000:
            others.append(Peer("SQLAlchemy 2, async unit of work", partial(unit_of_work, python, session.dsn, size),
                               goal=">= 8"))
        what = f"mixed commit, {size:,}"
        rows = await table.race(what, Peer("workbench", ours, partial(pending, size)), *others,
                                runs=5 if size > 10_000 else 15)
        best = {row.beside: row.theirs for row in rows}
        for slow in rows:       # for scale: what the best shape known comes to
            if slow.goal.startswith(">="):
                table.add(f"by hand, {size:,}", slow.beside, best[BY_HAND] or 0.0, slow.theirs or 0.0, faster=True)
        if python is None:
            table.skip(what, "SQLAlchemy 2, async unit of work", "it could not be installed")


def unit_of_work(python: Path, dsn: str, size: int) -> float:
    done = subprocess.run([python, Path(__file__).with_name("unit_of_work.py"), dsn, str(size)],
                          capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise RuntimeError(f"unit_of_work.py ended with {done.returncode}:\n{done.stderr.strip()}")
    return float(done.stdout)


async def read_set(table: Table, session: Session) -> None:
    """A commit that verifies as many items as it writes, beside the same without."""
    async def pending(size: int) -> tuple[list[Any], Any]:
        await pend(session, size, size)
        return pairs(session), session.plan().reads

    async def verified(_: Any) -> None:
        await session.commit()

    async def unverified(_: Any) -> None:
        await session.commit(verify_reads=False)

    async def by_hand(given: Any) -> None:
        await Work(*given).write(session)

    async def by_hand_unverified(given: Any) -> None:
        await Work(given[0]).write(session)

    for size in table.sizes(1000, 10_000):
        what, given = f"mixed commit of {size:,}, {size:,} others read", partial(pending, size)
        _, hand, bare = await table.race(
            what, Peer("with", verified, given), Peer("without verifying", unverified, given, goal="<= 1.25"),
            Peer("asyncpg by hand, verified", by_hand, given, session.undo),
            Peer("asyncpg by hand, without verifying", by_hand_unverified, given, session.undo), runs=9)
        # For scale, as beside the others: what the best shape known comes to.
        table.add(f"by hand, {size:,} others read", "without verifying", hand.theirs or 0.0, bare.theirs or 0.0)


async def one_item(table: Table, session: Session) -> None:
    """One changed item, beside its three statements by hand."""
    (target,) = await seed(session, 1)

    async def pending() -> Any:
        await session.issue(Mix(mutations=[Update(target, price=Decimal(session.manager.state.number))]))
        for branch in session.branches:
            if not branch.named:        # a run by hand left it behind, and each commit would look at all of them
                await session.drop(branch)
        return pairs(session)[0]

    async def ours(_: Any) -> None:
        await session.commit()

    async def by_hand(items: Any) -> None:
        before, after = items
        async with session.engine.acquire() as connection:
            await connection.execute("BEGIN")
            found = await connection.fetch(ONE, before._id, before._etag, after.price, after._updated, before._etag)
            assert len(found) == 1
            await connection.execute("COMMIT")

    await table.race("one changed item", Peer("workbench", ours, pending),
                     Peer("BEGIN, UPDATE … RETURNING, COMMIT", by_hand, pending, session.undo, "<= 1.20"), runs=101)


async def main() -> None:
    table = Table("commits")
    for subject in (one_item, read_set, mixed):     # each on a server of its own, as the peers' tables are their own
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            server = EmbeddedPostgres.start(Path(folder) / "data")
            try:
                async with Session(bench, dsn=server.dsn) as session:
                    await subject(table, session)
            finally:
                server.stop()
    table.close()


if __name__ == "__main__":
    asyncio.run(main())
