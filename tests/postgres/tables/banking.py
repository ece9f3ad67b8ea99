"""Owners, accounts and the Models of a bank: what the tests of derived and of given models share."""

from __future__ import annotations

from enum import Enum
from typing import Any
from uuid import UUID

from workbench.domain.datadef import field
from workbench.domain.domain import Domain
from workbench.domain.registry import Registry
from workbench.domain.resource import Resource
from workbench.postgres.tables.model import Models
from workbench.state.planning.table import Table


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Owner(Resource):
    email = field(str, unique=True)


class Account(Resource):
    owner = field(UUID, references=Owner)
    parent = field(UUID | None, references="self")


def models_of(*domains: Domain) -> Models:
    return Models(Registry(domains))


def bank(**resources: Any) -> Domain:
    """A domain with some resources, or with ``(resource, arguments)``, under the given keys."""
    domain = Domain("bank")
    for key, cls in resources.items():
        cls, arguments = cls if isinstance(cls, tuple) else (cls, {})
        domain.resource(key=key.replace("_", "-"), **arguments)(cls)
    return domain


def types_of(table: Table) -> dict[str, str]:
    return {column.field: column.type for column in table.columns}
