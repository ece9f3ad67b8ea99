"""Picker: an input that finds an item by a part of what it is called, and offers it as ``Ada · 12345678``.

It is a line of text with a list, which the browser opens as one types; Enter takes the first item that was found.
A Reference is the control of a field with ``references=``, whose value is an identifier; ``forms.aim`` has the Picker
for what a command is issued on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import Any
from uuid import UUID

import ipywidgets as widgets

from workbench.domain.convert import Refused, shown
from workbench.domain.datadef import MISSING, Field
from workbench.domain.kinds import OptionalKind
from workbench.domain.registry import Kindred
from workbench.domain.resource import Identifier, Target, identify, label_of
from workbench.errors import Invalid, WorkbenchError
from workbench.notebook.forms.desk import NAMES, Beneath, ControlDraft, Desk, hint_of, name_of
from workbench.notebook.forms.finder import OFFERED, Finds, Found, is_called
from workbench.notebook.labels import in_line

NAMED = 3       # of those that are found, how many an error names
_LONGEST = 60   # letters of a name beneath the line
CHOOSING = 0.3  # seconds within which Enter is the one that chose from the list: not all browsers keep it to themselves


class Picker:
    """A line of text for an item of one of several resources; ``target`` is the item that is meant."""

    body = None

    def __init__(
        self, kindreds: Sequence[Kindred], desk: Desk, name: str, hint: Sequence[Any], placeholder: str,
    ) -> None:
        self.kindreds, self._desk = list(kindreds), desk
        self.input = widgets.Combobox(placeholder=placeholder).add_class("wb-picker")
        self.rename(name, NAMES)
        self.problem = ""
        self.beneath = Beneath()
        self._offered: dict[str, Found] = {}
        self._chosen = float("-inf")    # when one was chosen from the list
        self.head = widgets.HBox([self.input]).add_class("wb-line")
        self.widget = widgets.VBox([self.head, *hint, self.beneath.widget])
        self.refresh()
        self.input.observe(lambda _: desk.run(self._typed), "value")
        self.input.on_msg(replace(desk, entered=self._entered).heard)

    @property
    def target(self) -> Target | None:
        """The item that is meant by what is typed; None where nothing is. Raises Refused, and what the search for it
        raises."""
        text = self.input.value.strip()
        if not text:
            return None
        offered = offered_as(text, self._offered)
        return self._meant(text, self._find(text)) if offered is None else offered.target

    def refresh(self) -> None:
        """Offers the items that were made last, unless something is typed."""
        if not self.input.value:
            self._offer([one for kindred in self.kindreds for one in self._desk.finder.cached(kindred).items])

    def check(self) -> bool:
        """Whether what is typed means an item; if not, the reason is shown beneath."""
        try:
            self._judge()
        except (Refused, WorkbenchError) as refusal:        # such as of a database that is gone
            self.problem = str(refusal)
        else:
            told, self.problem = self.problem, ""
            if not told:        # what is good to know may stay
                return True
        self.beneath.tell(self.problem)
        return not self.problem

    def quiet(self) -> None:
        self.problem = ""
        self.beneath.tell("")

    def draft(self) -> ControlDraft:
        return ControlDraft("line", (self.input.value,))

    def redraft(self, draft: ControlDraft) -> None:
        typed = draft.within("line")
        if typed is not None and len(typed) == 1 and isinstance(typed[0], str):
            self.input.value = typed[0]

    def rename(self, name: str, width: str) -> None:
        self.input.description = name
        self.input.style.description_width = width

    def focus(self) -> None:
        self.input.focus()

    def show(self, target: Target) -> None:
        """Fills in an item, by what it is called where that is known."""
        found = [one for one in self._desk.finder.find(target[:2], str(target.identifier)).items
                 if one.target == target]
        self._offered |= self._texts(found)
        self.input.value = next(iter(self._texts(found)), str(target.identifier))

    def _judge(self) -> None:
        _ = self.target

    def _typed(self) -> None:
        """Offers what fits, and tells what is meant; what fits in part is not wrong yet."""
        text = self.input.value.strip()
        self.quiet()
        if not text:
            self.refresh()
            self.check()
        elif offered_as(text, self._offered) is None:
            finds = self._find(text)
            self._offer(finds.items)
            try:
                target = self._meant(text, finds)
            except Refused:
                if finds.items:
                    count = f"more than {OFFERED}" if finds.more else f"{len(finds.items)}"
                    self.beneath.note(f"{count} found: {self._some(finds.items)}; Enter takes the first")
                else:
                    self.check()
            else:
                self.beneath.note(next((_cut(text) for text, one in self._offered.items() if one.target == target),
                                       "nobody has it yet; it is taken as it is"))
        else:
            self._chosen = monotonic()
        self._desk.changed()

    def _entered(self) -> None:
        """Enter takes the first item that was found, where what is typed does not mean one yet."""
        if monotonic() - self._chosen < CHOOSING:
            return
        if self.input.value.strip() and self._offered and not self.check():
            self.input.value = next(iter(self._offered))
        else:
            self._desk.entered()

    def _find(self, text: str) -> Finds:
        """The items that fit a text; for one that was offered before, the item that it stood for then."""
        _, dot, end = text.rpartition(" · ")
        if dot:
            offered = offered_as(text, self._texts(self._find(end).items))
            if offered is not None:
                return Finds([offered], False)
        finds = [self._desk.finder.find(kindred, text) for kindred in self.kindreds]
        return Finds([one for found, _ in finds for one in found], any(more for _, more in finds))

    def _meant(self, text: str, finds: Finds) -> Target:
        """The item that a text means among those that were found: the one of that identifier, else the one offered as
        that text, else the only one of that label."""
        meant = ([one for one in finds.items if str(one.target.identifier) == text]
                 or [one for one in finds.items if is_called(one, text)]
                 or [one for one in [offered_as(text, self._texts(finds.items))] if one is not None]
                 or [one for one in finds.items if not finds.more
                     and in_line(one.label or "").casefold() == in_line(text).casefold()])
        if len(meant) == 1:
            return meant[0].target
        for kindred in self.kindreds if not finds.items else ():
            with suppress(Invalid):
                identifier = identify(self._desk.finder.registry.resource(kindred), text)
                if self._unseen(identifier):
                    return Target(*kindred, identifier)
        raise Refused(self._unknown(text, finds.items))

    def _unseen(self, identifier: Identifier) -> bool:
        """Whether an identifier is taken though no item is found by it, as a UUID is: nobody types one by chance."""
        return isinstance(identifier, UUID)

    def _offer(self, found: list[Found]) -> None:
        self._offered = self._texts(found)
        if self.input.options != tuple(self._offered):
            self.input.options = tuple(self._offered)

    def _texts(self, found: list[Found]) -> dict[str, Found]:
        """The items by what they are offered as: with their resource where there are several to choose from, and
        with the whole identifier where two would look the same."""
        texts = [one.text if len(self.kindreds) == 1 else f"{one.target.resource}: {one.text}" for one in found]
        return {text if texts.count(text) == 1 else f"{text} · {one.target.identifier}": one
                for text, one in zip(texts, found, strict=True)}

    def _some(self, found: list[Found]) -> str:
        named = [_cut(one) for one in list(self._texts(found))[:NAMED]]
        return f"{', '.join(named)}{' …' if len(found) > NAMED else ''}"

    def _unknown(self, text: str, found: list[Found]) -> str:
        if found:
            return f"{shown(text)} is not the whole of it; choose one: {self._some(found)}"
        named = []
        for kindred in self.kindreds:
            label = label_of(self._desk.finder.registry.resource(kindred))
            named.append(f"{kindred[1]} has {shown(text)} in its {label}" if label else
                         f"{kindred[1]} is called {shown(text)}")
        return f"no {' and no '.join(named)}; type a part of it, or the whole identifier"


def _cut(text: str) -> str:
    """What an item is offered as, where it is only named: without the middle of a long label."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST - 20]}…{text[-19:]}"


def offered_as(text: str, offered: Mapping[str, Found]) -> Found | None:
    """The item that is offered as a text, with any blanks between its words."""
    return offered.get(text) or offered.get(in_line(text))


class Reference(Picker):
    """The Control of a field that holds the identifier of an item of another resource."""

    def __init__(self, field: Field, desk: Desk, kindred: Kindred) -> None:
        self.field = field
        label = label_of(desk.finder.registry.resource(kindred))
        super().__init__([kindred], desk, name_of(field), hint_of(field), f"a part of its {label or 'identifier'}")
        self.input.tooltip = field.doc or f"the {kindred[1]}"
        self.widget.add_class(f"wb-field-{field.name}")
        if field.has_initial:
            self.set(field.initial)

    @property
    def value(self) -> Any:
        target = self.target
        if target is not None:
            return target.identifier
        optional = isinstance(self.field.kind, OptionalKind)
        return None if optional and self.field.initial is not None else MISSING

    def set(self, value: Any) -> None:
        identifier = self.field.accept(value)
        if identifier is None:
            self.input.value = ""
        else:
            self.show(Target(*self.kindreds[0], identifier))

    def _judge(self) -> None:
        if self.value is not MISSING:
            self.field.accept(self.value)
        elif self.field.required:
            raise Refused("is required")
