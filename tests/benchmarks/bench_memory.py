"""Memory: what a process needs at most to commit 1,000,000 pending changes of twelve columns.

The process issues insertions, 10,000 a step, and commits them at once; the server is another process, and not counted.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from uuid import uuid4

from table import Table, told_by
from things import Mix, bench, values

from workbench import Insert, Session, Target
from workbench.postgres.server.embedded import EmbeddedPostgres

STEP = 10_000
HERE = Path(__file__).parent
CHILD = f"""
import asyncio, json, sys
sys.path[:0] = [{str(HERE)!r}, {str(HERE.parents[1])!r}]
from bench_memory import committed
print(json.dumps(asyncio.run(committed(sys.argv[1], int(sys.argv[2])))))
"""


async def committed(dsn: str, size: int) -> tuple[float, int, int]:
    """Seconds of the commit, and the peak of resident bytes before it and after it."""
    async with Session(bench, dsn=dsn) as session:
        for start in range(0, size, STEP):
            numbers = range(start, min(start + STEP, size))
            await session.issue(Mix(mutations=[
                Insert(Target("bench", "thing", uuid4()), **values(number)) for number in numbers]))
        pending, begun = peak(), perf_counter()
        await session.commit()
        return perf_counter() - begun, pending, peak()


def peak() -> int:
    """The most bytes that this process ever had in memory."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def main() -> None:
    table = Table("memory", runs=1)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        server = EmbeddedPostgres.start(Path(folder) / "data")
        try:
            for size in table.sizes(1_000_000):
                seconds, before, after = told_by(sys.executable, CHILD, server.dsn, str(
                    10_000 if table.quick else size))
                what = f"{size:,} changes"
                table.report(f"{what} committed: time", seconds)
                table.report(f"{what} pending: peak memory", before, unit="B")
                table.add(f"{what} committed: peak memory", "2 GB", after, 2e9, goal="<= 1", unit="B")
        finally:
            server.stop()
    table.close()


if __name__ == "__main__":
    main()
