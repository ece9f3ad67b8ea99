"""Described: a datadef as the help text that ``?`` shows."""

from __future__ import annotations

from inspect import signature

from IPython.core.oinspect import getdoc

from workbench import Command, Resource, field
from workbench.domain.described import help_of
from workbench.examples.bank import Pay


class Plain(Command):
    """Does it."""

    how = field(str, choices=["fast", "well"], doc="which way")
    often = field(int, initial=1, least=1, most=9)


def test_the_help_of_a_command() -> None:
    """The call with what it must have, the docstring, and each field with its type, whether required, doc, choices."""
    assert help_of(Plain) == """\
Plain(how=…)

Does it.

    how    text, required, one of fast, well: which way
    often  a whole number, initially 1, 1 to 9"""


def test_the_signature_has_the_fields_alone() -> None:
    """Shift-Tab, and whoever else asks for the signature of a class, gets the fields with types and initial values: no
    stamps but the identifier that an item must have, and no target; a class that is made otherwise tells how."""
    class Item(Resource):
        name = field(str)
        tags = field(list[str], initial=list)

    class Own(Command):
        how = field(str)

        def __new__(cls, how: str) -> Own:
            return super().__new__(cls, how=how)

    assert str(signature(Plain)) == "(*, how: str, often: int = 1)"
    assert str(signature(Item)) == "(*, _id: uuid.UUID, name: str, tags: list[str] = …)"
    assert str(signature(Own)) == "(how: 'str') -> 'Own'"
    assert not hasattr(Plain(how="well"), "__signature__")


def test_ipython_shows_it() -> None:
    """IPython asks for the text by the name that it knows; the class's own docstring stays what it is."""
    assert getdoc(Pay) == help_of(Pay)
    assert Pay.__doc__ == "Sends money to another account."
