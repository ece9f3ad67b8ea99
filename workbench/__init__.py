"""workbench: a domain written in Python as a local database inside a notebook.

The public names, one by one. Each is imported when it is first asked for, and brings what it needs: a Datadef brings
pyrsistent, a Session or a Workbench gino and asyncpg, and the first DataFrame pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.domain.datadef import Datadef as Datadef
    from workbench.domain.datadef import field as field
    from workbench.domain.datadef import invariant as invariant
    from workbench.domain.datadef import values_of as values_of
    from workbench.domain.domain import Domain as Domain
    from workbench.domain.entity import Command as Command
    from workbench.domain.entity import Event as Event
    from workbench.domain.entity import Response as Response
    from workbench.domain.file import File as File
    from workbench.domain.mutation import Delete as Delete
    from workbench.domain.mutation import Insert as Insert
    from workbench.domain.mutation import Update as Update
    from workbench.domain.resource import Resource as Resource
    from workbench.domain.resource import Target as Target
    from workbench.errors import Conflict as Conflict
    from workbench.errors import Invalid as Invalid
    from workbench.errors import NotFound as NotFound
    from workbench.errors import Rejected as Rejected
    from workbench.errors import WorkbenchError as WorkbenchError
    from workbench.notebook.workbench import Workbench as Workbench
    from workbench.scenario import given as given
    from workbench.session import Session as Session
    from workbench.state.context import Context as Context

__version__ = "0.1.0"
# For `from workbench import *`, as it is typed in cells: the star alone would not ask for them.
__all__ = [
    "Command",
    "Conflict",
    "Context",
    "Datadef",
    "Delete",
    "Domain",
    "Event",
    "File",
    "Insert",
    "Invalid",
    "NotFound",
    "Rejected",
    "Resource",
    "Response",
    "Session",
    "Target",
    "Update",
    "Workbench",
    "WorkbenchError",
    "field",
    "given",
    "invariant",
    "values_of",
]
_HOMES = {
    "Command": "workbench.domain.entity",
    "Conflict": "workbench.errors",
    "Context": "workbench.state.context",
    "Datadef": "workbench.domain.datadef",
    "Delete": "workbench.domain.mutation",
    "Domain": "workbench.domain.domain",
    "Event": "workbench.domain.entity",
    "File": "workbench.domain.file",
    "Insert": "workbench.domain.mutation",
    "Invalid": "workbench.errors",
    "NotFound": "workbench.errors",
    "Rejected": "workbench.errors",
    "Resource": "workbench.domain.resource",
    "Response": "workbench.domain.entity",
    "Session": "workbench.session",
    "Target": "workbench.domain.resource",
    "Update": "workbench.domain.mutation",
    "Workbench": "workbench.notebook.workbench",
    "WorkbenchError": "workbench.errors",
    "field": "workbench.domain.datadef",
    "given": "workbench.scenario",
    "invariant": "workbench.domain.datadef",
    "load_ipython_extension": "workbench.notebook.magics",
    "values_of": "workbench.domain.datadef",
}


def __getattr__(name: str) -> Any:
    """Imports a name that is asked for the first time; ``load_ipython_extension`` is, by ``%load_ext workbench``."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
