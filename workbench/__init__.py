"""workbench: a domain written in Python as a local database inside a notebook.

The public names, one by one. Importing this loads no pandas, gino or IPython: those wait until a Session or a Workbench
is opened.
"""

from workbench.domain.datadef import Datadef as Datadef
from workbench.domain.datadef import field as field
from workbench.domain.datadef import invariant as invariant
from workbench.domain.domain import Domain as Domain
from workbench.domain.entity import Command as Command
from workbench.domain.entity import Event as Event
from workbench.domain.entity import Response as Response
from workbench.domain.mutation import Delete as Delete
from workbench.domain.mutation import Insert as Insert
from workbench.domain.mutation import Update as Update
from workbench.domain.resource import Resource as Resource
from workbench.domain.resource import Target as Target
from workbench.errors import Rejected as Rejected
from workbench.state.context import Context as Context

__version__ = "0.1.0"
