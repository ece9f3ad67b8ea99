"""SavedNames: what the items of a saved plan are called, by what was known where it was saved.

The file has the labels of the items that its first changes are on or lead to, and which fields lead to what. They are
only shown: whoever wrote the file may have called an item as he liked, so one that is led to is named as it is known
where the plan is read, if it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from workbench.domain.resource import Target
from workbench.notebook.html.called import Called
from workbench.notebook.html.saved_values import as_live
from workbench.state.planning.change import Change
from workbench.state.saved.change import as_mapping, as_text, target_of
from workbench.state.saved.document import retyped
from workbench.state.saved.plan import SavedPlan
from workbench.wording import LIMIT


def names_of(changes: Sequence[Change], called: Called) -> dict[str, Any]:
    """What a plan that is saved says of the names in it; of its first changes only, as no more are shown."""
    labels: dict[str, str] = {}
    references: dict[str, dict[str, str]] = {}

    def keep(target: Target, label: str | None) -> None:
        if label:
            labels[str(target)] = label

    for change in islice(changes, LIMIT):
        target, item = change.target, change.before if change.after is None else change.after
        assert item is not None     # on one side there is one
        keep(target, called.label_from(target, item))
        for name, value in [*change.old.items(), *change.new.items()]:
            leads = called.leads(target, name, value)
            if leads is not None:
                references.setdefault(_kindred(target), {})[name] = _kindred(leads)
                keep(leads, called.label(leads))
    return {"labels": labels, "references": references}


class SavedNames:
    """Tells what the items of a saved plan are called; ``called`` what those are called that are known here."""

    def __init__(self, saved: SavedPlan, called: Called | None) -> None:
        names = as_mapping(saved.document.get("names"))
        self._labels, self._references = as_mapping(names.get("labels")), as_mapping(names.get("references"))
        self._definitions, self._called = saved.definitions, called

    def label(self, target: Target) -> str | None:
        """What an item is called to which the plan leads."""
        return (None if self._called is None else self._called.label(target)) or self._stored(target)

    def label_from(self, target: Target, item: Any) -> str | None:
        """What an item is called that the plan changes, which may be called otherwise here."""
        return self._stored(target) or self.label(target)

    def leads(self, target: Target, name: str, value: Any) -> Target | None:
        """The item to which the value of a field of an item leads; None where the field is no reference."""
        to = as_mapping(self._references.get(_kindred(target))).get(name)
        if isinstance(to, str) and value is not None:
            return target_of(to)._replace(identifier=value)
        return None if self._called is None else self._called.leads(target, name, value)

    def value(self, target: Target, name: str, value: Any) -> Any:
        """The value of a field, to be shown as that of a live plan."""
        return as_live(as_text(as_mapping(self._definitions.get(_kindred(target))).get(name)), value)

    def on(self, text: Any) -> Target | None:
        """The item that a command was on, its identifier of its own type."""
        if not isinstance(text, str):
            return None
        target = target_of(text)
        fields: Mapping[str, str] = self._definitions.get(_kindred(target), {})
        return target._replace(identifier=retyped(str(fields.get("_id")), target.identifier))

    def _stored(self, target: Target) -> str | None:
        label = self._labels.get(str(target))
        return label if isinstance(label, str) else None


def _kindred(target: Target) -> str:
    return f"{target.domain}:{target.resource}"
