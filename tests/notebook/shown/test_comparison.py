"""A comparison as it is shown: what marks a value that changed, what is cut, and what a display does that fails."""

from __future__ import annotations

from typing import Any

from tests.notebook.html.test_saved_names import BOOK, EVE, TOM, ascribing
from tests.notebook.markup import words
from workbench import Target
from workbench.notebook.html.called import Called
from workbench.notebook.shown.comparison import ShownComparison
from workbench.state.history.comparison import Comparison, Difference


def shown(*differences: Difference) -> ShownComparison:
    """These differences between main and "what if"."""
    return ShownComparison(Comparison("main", "what if", differences))


def card(number: int, base: Any, left: Any, right: Any) -> Difference:
    """An item of one column; None for a side where it is not there."""
    sides = [None if side is None else {"a": side} for side in (base, left, right)]
    return Difference(Target("desk", "card", number), sides[0], sides[1], sides[2], ("a",))


def test_a_change_has_a_colour_and_a_sign() -> None:
    """The item and each value that is not as at the base say by colour and by sign what was done; the rest is dim."""
    html = shown(card(1, 0, 0, 5), card(2, None, None, 7), card(3, 8, None, 8))._repr_html_()
    assert '<td class="who update">~ desk:card/1</td><td>a</td><td class="cell dim">0</td>' \
           '<td class="cell dim"> 0</td><td class="cell update">~ 5</td>' in html
    assert '<td class="who insert">+ desk:card/2</td><td>a</td><td class="cell dim">–</td>' \
           '<td class="cell dim"> –</td><td class="cell insert">+ 7</td>' in html
    assert '<td class="who insert">+ desk:card/3</td><td>a</td><td class="cell dim">8</td>' \
           '<td class="cell delete">- –</td><td class="cell dim"> 8</td>' in html


async def test_a_reference_is_named() -> None:
    """The value of a column that leads to an item has that item's name, as in a plan."""
    manager = await ascribing()
    difference = Difference(Target("library", "book", BOOK), {"author": EVE}, {"author": EVE}, {"author": TOM},
                            ("author",))
    told = words(ShownComparison(Comparison("main", "what if", (difference,)), Called(manager))._repr_html_())
    assert f"Eve · {EVE}" in told
    assert f"~ Tom · {TOM}" in told


def test_nothing_differs() -> None:
    """An empty comparison is false, shows its sentence and no table."""
    nothing = shown()
    assert not nothing
    assert "no item differs between &#x27;main&#x27; and &#x27;what if&#x27;" in nothing._repr_html_()
    assert "<table" not in nothing._repr_html_()


def test_what_is_long_is_cut() -> None:
    """Beyond 200 items it is said how many more there are; the frame has them all."""
    long = shown(*(card(number, 0, 0, 1) for number in range(203)))
    html = long._repr_html_()
    assert "desk:card/199<" in html
    assert "desk:card/200<" not in html
    assert "… and 3 more; .frame() has them all" in html
    assert len(long.frame()) == 203


def test_a_value_that_cannot_be_shown() -> None:
    """A value whose repr fails is told as such, and everything else is shown."""
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    html = shown(card(1, 0, 0, Broken()), card(2, 0, 0, "<i>"))._repr_html_()
    assert "&lt;Broken that cannot be shown&gt;" in html
    assert "~ &#x27;&lt;i&gt;&#x27;" in html
