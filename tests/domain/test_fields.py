"""Fields: what checks, factories, limits, choices and initial values admit, and which declarations are refused."""

from datetime import date
from decimal import Decimal
from functools import partial

import numpy
import pandas
import pytest

from tests.domain.refusals import problems
from tests.strategies import Address
from workbench.domain.datadef import Datadef, field, invariant
from workbench.errors import DefinitionError


@pytest.mark.parametrize("check, reason", [
    (lambda n: n > 5, "1 failed its check: small"),
    (lambda n: (False, "must be above 5"), "1 failed its check: must be above 5"),
    (lambda n: int("no"), "1 failed its check: invalid literal for int() with base 10: 'no'"),
    (lambda n: 1 / 0, "1 could not be checked, the check raised ZeroDivisionError('division by zero')"),
    *((lambda n, odd=odd: odd, f"1 could not be checked, the check raised TypeError('{shown} is no answer; give True, "
                               'False or (False, "why")\')')
      for odd, shown in [((True,), "(True,)"), ((False,), "(False,)"), ((True, "a", "b"), "(True, \\'a\\', \\'b\\')"),
                         (pandas.NA, "<NA>"), (numpy.array([1, 2]), "array([1, 2])")]),
])
def test_a_check_says_why(check, reason):
    """A check answers, answers with a reason, or raises ValueError; one that breaks is said to be broken."""
    class Numbered(Datadef):
        number = field(int, check=check, doc="small")

    for build in (Numbered, lambda number: Numbered._checked({"number": number})):
        for number in (1, "1"):
            assert [problem.reason for problem in problems(build, number=number).problems] == [reason]


async def is_later(value):
    return False


def is_one_by_one(value):
    yield False


async def is_both(value):
    yield False


class Later:
    async def __call__(self, value):
        return False


@pytest.mark.parametrize("rule", [is_later, is_one_by_one, is_both, partial(is_later), Later()])
def test_a_rule_that_answers_later_is_refused(rule):
    """A check or an invariant that is async or yields would hold always: it is refused where it is written."""
    with pytest.raises(DefinitionError, match="a check answers at once, and .* is async or yields; give a plain"):
        field(int, check=rule)
    with pytest.raises(DefinitionError, match="an invariant answers at once, and .* is async or yields; give a plain"):
        invariant(rule)


@pytest.mark.parametrize("declare", [lambda: field(int, check=5), lambda: invariant(5), lambda: invariant(property())])
def test_a_rule_that_cannot_be_called_is_refused(declare):
    """A check or an invariant that is no function is refused."""
    with pytest.raises(DefinitionError, match="is a function that returns whether it holds, not "):
        declare()


def test_a_factory_comes_before_the_type():
    """A factory is applied to what was given; its failure is a problem of the field; the type's conversion follows."""
    class Price(Datadef):
        amount = field(Decimal, factory=lambda text: text.replace(",", "."))

    assert Price(amount="1,5").amount == Decimal("1.5")
    assert problems(Price, amount=5).problems[0].reason == (
        "5 could not be converted: 'int' object has no attribute 'replace'")


def test_a_factory_may_change_what_it_is_given():
    """A factory has a list or dict of its own, also where the record's values come frozen from another one."""
    def stamped(meta):
        meta.setdefault("tags", []).append("new")
        return meta

    class Doc(Datadef):
        meta = field(dict, factory=stamped)

    doc = Doc(meta={"tags": ["old"]})
    assert doc.meta == {"tags": ["old", "new"]}
    assert Doc(meta=doc.meta).meta == {"tags": ["old", "new", "new"]}
    assert doc.meta == {"tags": ["old", "new"]}


class Booking(Datadef):
    seats = field(int, least=1, most=9)
    price = field(Decimal | None, least="0.50", check=lambda price: price != 13, doc="not thirteen")
    day = field(date, initial=date(2013, 1, 1), most="2013-12-31")


@pytest.mark.parametrize("name, value, words", [
    ("seats", 0, "0 failed its check: only 1 to 9 will do"), ("seats", 10, "10 failed its check: only 1 to 9 will do"),
    ("price", "0.49", "Decimal('0.49') failed its check: only 0.50 or more will do"),
    ("day", "2014-01-01", "datetime.date(2014, 1, 1) failed its check: only 2013-12-31 or less will do"),
    ("price", "NaN", "Decimal('NaN') failed its check: only 0.50 or more will do")])
def test_limits(name, value, words):
    """A number, day or time below the least or above the most is refused, and the error says what lies between."""
    [problem] = problems(Booking, **{"seats": 1, name: value}).problems
    assert words in str(problem)
    [problem] = problems(Booking(seats=1).set, **{name: value}).problems
    assert words in str(problem)


def test_what_lies_between_the_limits():
    """The limits themselves will do, None is not asked, and the field's own check is asked as well."""
    booking = Booking(seats=9, price="0.50", day="2013-12-31")
    assert (booking.seats, booking.price, booking.day) == (9, Decimal("0.50"), date(2013, 12, 31))
    assert Booking(seats=1, price=None).price is None
    [problem] = problems(Booking, seats=1, price=13).problems
    assert str(problem) == "price: Decimal('13') failed its check: not thirteen"


@pytest.mark.parametrize("type, limits, words", [
    (str, {"least": "a"}, "least and most are for numbers, days and times, not for text; use check="),
    (int, {"most": "many"}, "a limit does not fit the field's own type"),
    (int, {"least": 2, "most": 1}, "nothing lies between the limits: least is 2, and most is 1"),
    (Decimal, {"least": Decimal("NaN"), "most": 1}, "a limit is NaN, which nothing is above or below"),
    (float, {"most": float("nan")}, "a limit is NaN, which nothing is above or below")])
def test_limits_that_are_none(type, limits, words):
    """Limits that no value can be within, or that are none for the type, are refused where they are written."""
    with pytest.raises(DefinitionError, match=words):
        field(type, **limits)


def test_choices_are_typed_and_near_ones_offered():
    """Choices are converted by the field's type, and a value near one of them gets it as a hint."""
    class Cup(Datadef):
        size = field(str, choices=["small", "large"])
        price = field(Decimal | None, choices=["1.5", 2])

    assert Cup(size="small", price=Decimal("2.0")).price == 2
    assert [problem.reason for problem in problems(Cup, size="lage", price=3).problems] == [
        """'lage' is not among the choices; did you mean "large"? There is: small, large""",
        "Decimal('3') is not among the choices; there is: 1.5, 2"]


def test_an_initial_value_may_be_made_for_each_record():
    """A callable initial is called for every record, and what it makes is checked like anything given."""
    counter = iter([1, 2, "x"])

    class Numbered(Datadef):
        number = field(int, initial=lambda: next(counter))

    assert (Numbered().number, Numbered().number) == (1, 2)
    assert problems(Numbered).problems[0].reason == """'x' is not a whole number; give 10 or "10\""""


@pytest.mark.parametrize("declare, words", [
    (lambda: field(int, initial="x"), "the initial value does not fit the field's own type: 'x' is not a whole number"),
    (lambda: field(str, initial=None), "the initial value does not fit the field's own type: None is not text"),
    (lambda: field(int, initial=0, check=lambda n: n > 0), "does not fit the field's own type: 0 failed its check"),
    (lambda: field(int, choices=[1, "x"]), "a choice does not fit the field's own type: 'x' is not a whole number"),
    (lambda: field(Address, initial={"city": 1}), "the initial value does not fit .*\n  city: 1 is not text"),
    (lambda: field(Address, choices=[{}]), "a choice does not fit .*\n  city: is missing"),
    (lambda: field(int, choices=5), r"choices are several values, such as \[1, 2\], not 5"),
])
def test_a_field_that_contradicts_itself_is_refused(declare, words):
    """An initial value or a choice that the field would refuse is refused where the field is written."""
    with pytest.raises(DefinitionError, match=words):
        declare()
