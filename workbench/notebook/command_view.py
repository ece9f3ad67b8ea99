"""CommandView: the commands of all domains, found by typing a part of their name, and the form of the one chosen.

Under the chooser stands the item that the command is issued on: one of those cached, or, left empty, a new one.
"""

from __future__ import annotations

from itertools import chain, islice
from operator import itemgetter
from typing import Any

import ipywidgets as widgets

from workbench.domain.registry import Kindred
from workbench.domain.resource import Resource, Target, is_deleted
from workbench.notebook.box import box
from workbench.notebook.status_view import StatusView
from workbench.state.manager import StateManager

EVERY = "every domain"
OFFERED = 200       # items to choose from; any other can be typed


class CommandView:
    """A chooser and, under it, a form that issues."""

    def __init__(self, wb: Any, status: StatusView) -> None:
        self._wb, self._status = wb, status
        self._own = False       # whether the chooser is being filled, not chosen from
        self._form: Any = None
        self._offered: dict[str, str] = {}      # what is chosen from, and the item that it means
        self.domain = widgets.Dropdown(options=[EVERY], description="domain").add_class("wb-domain")
        self.search = widgets.Text(description="search", placeholder="part of a command's name").add_class("wb-search")
        self.command = widgets.Select(description="command", rows=6).add_class("wb-command")
        self.on = widgets.Combobox(description="on", placeholder="a new item").add_class("wb-on")
        self.form = widgets.VBox()
        for control in (self.domain, self.search):
            control.observe(self._narrowed, "value")
        self.command.observe(self._chosen, "value")
        self.on.observe(self._aimed, "value")
        self.widget = widgets.VBox([self.domain, self.search, self.command, self.on, self.form])
        self.widget.add_class("wb-commands")

    def refresh(self) -> None:
        """Offers the commands and items as they are now; the form stays while its command does."""
        domains = self._wb.session.registry.domains
        wanted = self.search.value.strip().casefold()
        addresses = [f"{domain.key}:{key}" for domain in domains.values() if self.domain.value in (EVERY, domain.key)
                     for key in domain.commands]
        found = [address for address in addresses if wanted in address.casefold()]
        chosen = self.command.value
        self._own = True
        try:
            if list(self.domain.options) != [EVERY, *domains]:
                self.domain.options = [EVERY, *domains]
            if list(self.command.options) != found:
                self.command.options = found
                self.command.value = chosen if chosen in found else found[0] if found else None
        finally:
            self._own = False
        if self.command.value != chosen:
            self._show()
        self._offer()

    def _offer(self) -> None:
        """The items that the command may be issued on, each with its first field; the last ones come first."""
        on = self._definition().on if self.command.value else None
        self.on.layout.display = "none" if on is None else ""
        if on is None:
            return
        manager = self._wb.session.manager
        label = next((name for name in manager.registry.known(on).cls._fields if not name.startswith("_")), "")
        texts = [(f"{target.resource}/{target.identifier}", getattr(item, label, ""))
                 for target, item in last_made(manager, manager.registry.kindred(on))]
        self._offered = {f"{text}  {str(called)[:60]}": text for text, called in texts}
        if self.on.options != tuple(self._offered):
            self.on.options = tuple(self._offered)

    def _definition(self) -> Any:
        domain, _, key = self.command.value.partition(":")
        return self._wb.session.registry.domains[domain].commands[key]

    def _narrowed(self, _: Any) -> None:
        if not self._own:
            self._status.run(self.refresh)

    def _chosen(self, _: Any) -> None:
        if not self._own:
            self._status.run(self._show)
            self._status.run(self._offer)

    def _aimed(self, _: Any) -> None:
        if self._form is not None:
            self._form.on = self._offered.get(self.on.value, self.on.value.strip()) or None

    def _show(self) -> None:
        address = self.command.value
        self._form = self._wb.form(address) if address else None
        self._aimed(None)
        if self._form is not None:
            self.form.children = [self._form.widget]
        else:
            self.form.children = [widgets.HTML(box('<div class="dim">no command is called so</div>'))]


def last_made(manager: StateManager, kindred: Kindred) -> list[tuple[Target, Resource | None]]:
    """The items of a resource that there are, some of them: those that are changed here, then those fetched last.

    Not manager.items: to put 100,000 in order takes longer than one wants to wait after each command."""
    changed = sorted(((entry.place, target, entry.current) for target, entry in manager.state.changed.items()
                      if target[:2] == kindred), key=itemgetter(0), reverse=True)
    fetched = ((target, item) for target, item in reversed(manager.cache.items.items())
               if target[:2] == kindred and target not in manager.state.changed)
    there = chain(((target, item) for _, target, item in changed), fetched)
    return list(islice(((target, item) for target, item in there if not is_deleted(item)), OFFERED))
