"""Controls: which control a field has, in one table by the kind of its values.

    ==================================  ======================================================
    a Datadef                           Nested: its own fields, indented
    list[…]                             Rows: a row for each member
    an identifier with ``references=``  Reference: found by what the item is called
    anything else                       Line: one input, see ``forms.inputs``
    ==================================  ======================================================

Where leaving a value out differs from an empty value, an Absent is around the control.
"""

from __future__ import annotations

from collections.abc import Callable

from workbench.domain.datadef import Field
from workbench.domain.kinds import ListKind, OptionalKind, RecordKind
from workbench.domain.registry import Kindred
from workbench.errors import UnknownName
from workbench.notebook.forms.absent import Absent
from workbench.notebook.forms.desk import Control, Desk
from workbench.notebook.forms.group import Nested
from workbench.notebook.forms.line import Line
from workbench.notebook.forms.picker import Reference
from workbench.notebook.forms.rows import Rows


def control_of(field: Field, desk: Desk) -> Control:
    """The control of a field; what a Desk calls to make one."""
    kind = field.kind.bare
    kindred = _referenced(field, desk)
    if isinstance(kind, RecordKind):
        return _may_be_absent(field, desk, lambda within, desk: Nested(within, desk, kind.annotation))
    if isinstance(kind, ListKind):
        return _may_be_absent(field, desk, lambda within, desk: Rows(within, desk, kind.inner))
    if kindred is not None:
        return Reference(field, desk, kindred)
    if kind.annotation is str and field.choices is None:
        return _may_be_absent(field, desk, lambda within, desk: Line(within, desk, empty=within is not field))
    return Line(field, desk)


def _may_be_absent(field: Field, desk: Desk, make: Callable[[Field, Desk], Control]) -> Control:
    if isinstance(field.kind, OptionalKind) or field.generates:
        return Absent(field, desk, lambda desk: make(_within(field), desk))
    return make(field, desk)


def _within(field: Field) -> Field:
    """The same field for a value that is not left out."""
    within = Field(field.kind.bare, check=field.check, factory=field.factory, choices=field.choices, doc=field.doc,
                   references=field.references)
    within.name, within.limits = field.name, field.limits       # which its check asks already
    return within


def _referenced(field: Field, desk: Desk) -> Kindred | None:
    """The resource whose items a field refers to; None where it names none, or one of a domain that is not open."""
    if not isinstance(field.references, type | str) or field.references == "self":
        return None
    try:
        return desk.finder.registry.kindred(field.references, home=desk.home)
    except UnknownName:
        return None
