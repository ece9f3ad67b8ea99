"""A database whose tables are as resources were defined at first, beside what is defined by now.

``Tables`` is what the tests of ddl_plan, column_changes and constraint_changes stand on: it makes tables and rows, and
plans and applies what has been defined since.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

import asyncpg
from gino import Gino
from sqlalchemy.dialects import postgresql as pg

from workbench.domain.datadef import field
from workbench.domain.domain import Domain
from workbench.domain.registry import Registry
from workbench.domain.resource import Resource
from workbench.postgres.engine import Engine
from workbench.postgres.tables.ddl_plan import Altered, TablesPlan, alter, tables_plan
from workbench.postgres.tables.model import Models
from workbench.postgres.tables.schema import prepare


class Owner(Resource):
    email = field(str, unique=True)


class Colour(Enum):
    RED = "red"
    ODD = "it's"


class Wider(Enum):
    RED = "red"
    ODD = "it's"
    BLUE = "blue"


def card(**fields: Any) -> type[Resource]:
    """A resource of these fields, as a cell defines it another time."""
    return named("Card", **fields)


def named(cls_name: str, /, **fields: Any) -> type[Resource]:
    """A resource of any name, likewise."""
    return type(cls_name, (Resource,), {"__module__": __name__, "__qualname__": cls_name, **fields})


def gino_model(db: Gino, **columns: Any) -> Any:
    """A gino model of these columns and the stamps, for a table called ``Items``."""
    return type("Row", (db.Model,), {
        "__tablename__": "Items", "_id": db.Column("id", pg.UUID(), primary_key=True),
        "_created": db.Column(db.DateTime(timezone=True)), "_updated": db.Column(db.DateTime(timezone=True)),
        "_etag": db.Column(db.String(40)), **columns})


class Tables:
    """A database whose tables are as the resources were defined at first, and the models of what is defined now."""

    def __init__(self, engine: Engine, admin: asyncpg.Connection) -> None:
        self.engine, self.admin, self.domain = engine, admin, Domain("bank")
        self.models = Models(Registry([self.domain]))

    async def made(self, *resources: Any, **arguments: Any) -> Tables:
        """Defines resources and makes their tables."""
        self.define(*resources, **arguments)
        await prepare(self.admin, self.renewed())
        return self

    def define(self, *resources: Any, **arguments: Any) -> Tables:
        """Defines resources, as a cell does; a second time replaces the first."""
        for cls in resources:
            self.domain.resource(**arguments)(cls)
        return self

    def renewed(self) -> Models:
        """The models of what is defined now."""
        self.models.registry.refresh()
        self.models.refresh()
        return self.models

    async def rows(self, count: int, *, table: str = "bank_card", **values: str) -> None:
        """Inserts rows with values that are SQL; ``n`` in it is the row's number."""
        names = ", ".join(f'"{name}"' for name in ("_id", *values))
        made = ", ".join(["gen_random_uuid()", *values.values()])
        await self.admin.execute(f"INSERT INTO {table} ({names}) SELECT {made} FROM generate_series(1, {count}) n")

    async def plan(self, **renamed: str) -> TablesPlan:
        """The plan for what is defined now; columns of ``bank_card`` may be ``renamed``."""
        return await tables_plan(self.engine, self.renewed(), renamed={
            f"bank_card.{old}": new for old, new in renamed.items()})

    async def told(self, **renamed: str) -> list[str]:
        """The lines of the plan."""
        return [str(one) for one in (await self.plan(**renamed)).alterations]

    async def apply(self, plan: TablesPlan | None = None, *, all: bool = False) -> Altered:
        """Applies a plan, or the one of now."""
        return await alter(self.engine, self.renewed(), plan or await self.plan(), all=all)

    async def fits(self) -> bool:
        """Whether nothing is left to do, for the plan as for those who open the domain."""
        await prepare(self.admin, self.renewed())
        return not await self.plan()

    async def values(self, sql: str, table: str = "bank_card") -> list[Any]:
        """What an expression gives in each row, sorted."""
        return [row[0] for row in await self.admin.fetch(f"SELECT {sql} FROM {table} ORDER BY 1")]
