"""workbench: a domain written in Python as a local database inside a notebook.

The public names, one by one. Importing this loads no pandas, gino or IPython: those wait until a Session or a Workbench
is opened.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from workbench.domain.datadef import Datadef as Datadef
from workbench.domain.datadef import field as field
from workbench.domain.datadef import invariant as invariant
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
from workbench.state.context import Context as Context

if TYPE_CHECKING:
    from workbench.notebook.workbench import Workbench as Workbench
    from workbench.scenario import given as given
    from workbench.session import Session as Session

__version__ = "0.1.0"
# For `from workbench import *`, as it is typed in cells: the star alone would not ask for the heavy names.
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
]
_HEAVY = {"Session": "workbench.session", "Workbench": "workbench.notebook.workbench", "given": "workbench.scenario",
          "load_ipython_extension": "workbench.notebook.magics"}


def __getattr__(name: str) -> Any:
    """These are imported when they are first asked for: Session and Workbench bring gino, asyncpg and pandas.

    ``load_ipython_extension`` is what ``%load_ext workbench`` asks for."""
    if name in _HEAVY:
        return getattr(import_module(_HEAVY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HEAVY])
