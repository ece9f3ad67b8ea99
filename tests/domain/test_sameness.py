"""Sameness: which values of a field are the same."""

from decimal import Decimal

import pytest

from workbench.domain.datadef import Datadef, field
from workbench.domain.frozen import FrozenList
from workbench.domain.sameness import same


class Measured(Datadef):
    at = field(float)


@pytest.mark.parametrize("one, other, equal", [
    (Decimal("NaN"), Decimal("NaN"), True), (float("nan"), float("nan"), True), (Decimal("NaN"), Decimal(1), False),
    (Decimal("1.0"), Decimal(1), True), (None, 0, False), ("1", 1, False), ([1], [1], True),
    (Measured(at=float("nan")), Measured(at=float("nan")), True), (Measured(at=1.0), Measured(at=2.0), False),
    (FrozenList([Measured(at=float("nan"))]), FrozenList([Measured(at=float("nan"))]), True)])
def test_same_holds_a_nan_equal_to_itself(one, other, equal):
    """``same`` is equality, except that a NaN equals a NaN."""
    assert same(one, other) is equal
    assert same(other, one) is equal
