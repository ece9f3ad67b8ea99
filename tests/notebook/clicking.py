"""What the tests of the panel do with it: find a widget by its class, press it, go to a tab, read the status line."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets
import pytest

from tests.notebook.markup import words
from workbench import Workbench
from workbench.examples.bank import Deposit
from workbench.notebook.panels.panel import TABS, Panel


def found(panel: Panel, name: str) -> list[Any]:
    """The widgets of a class, in the order in which they stand."""
    inside: list[Any] = []

    def walk(widget: Any) -> None:
        if name in getattr(widget, "_dom_classes", ()):
            inside.append(widget)
        for child in getattr(widget, "children", ()):
            walk(child)

    walk(panel.widget)
    return inside


def click(panel: Panel, name: str) -> None:
    found(panel, name)[0].click()


def go(panel: Panel, tab: str) -> None:
    panel.tabs.selected_index = TABS.index(tab)


def focused(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The widgets that are given the keyboard from now on."""
    given: list[Any] = []
    monkeypatch.setattr(widgets.DOMWidget, "focus", lambda widget: given.append(widget))
    return given


def status(panel: Panel) -> str:
    return words(panel.status.line.value)


def visible(widget: Any) -> bool:
    return widget.layout.display != "none"


def with_rival(wb: Workbench, step: Any, amount: int = 5) -> None:
    """Somebody else pays into the account of a step."""
    rival = wb.rival("Bob")
    rival.issue(Deposit(amount=amount), on=str(step.target).partition(":")[2])
    rival.commit()
