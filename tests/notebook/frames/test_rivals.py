"""Frames of what rivals did, as they are shown."""

from __future__ import annotations

import pytest

from tests.notebook.clicking import with_rival
from workbench import Workbench
from workbench.errors import Conflict
from workbench.examples.bank import Deposit, OpenAccount


def test_items_are_named_as_plans_name_them(wb: Workbench) -> None:
    """Drift and conflict show an item by what it is called and the beginning of its identifier, and hold the whole; a
    side without the item is told as None, for an empty cell would be an empty text."""
    ada = wb.issue(OpenAccount(owner="Ada <b>"))
    wb.commit()
    with_rival(wb, ada)
    identifier = ada.target.identifier
    wb.issue(Deposit(amount=1), on=ada)
    with pytest.raises(Conflict):
        wb.commit()
    for frame in (wb.conflict, wb.drift()):
        assert frame["identifier"].tolist() == [identifier]
        html = frame._repr_html_()
        assert f"Ada &lt;b&gt; · {str(identifier)[:8]}<" in html
        assert str(identifier) not in html
    wb.close()
    assert wb.conflict["identifier"].tolist() == [identifier]       # which can be looked at after closing too
    gone = wb.conflict
    gone["mine"] = [None]
    assert "<td>None</td>" in gone._repr_html_()
