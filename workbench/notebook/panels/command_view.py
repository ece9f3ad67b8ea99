"""CommandView: the commands of all domains, found by typing a part of their name, and the form of the one chosen."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from workbench.notebook.closing import close, show
from workbench.notebook.html.box import box
from workbench.notebook.panels.status_view import StatusView

EVERY = "every domain"


class CommandView:
    """A chooser of commands and, under it, the form of the one chosen."""

    def __init__(self, wb: Any, status: StatusView) -> None:
        self._wb, self._status = wb, status
        self._own = False       # whether the chooser is being filled, not chosen from
        self._form: Any = None
        self.domain = widgets.Dropdown(options=[EVERY], description="domain").add_class("wb-domain")
        self.search = widgets.Text(description="search", placeholder="part of a command's name").add_class("wb-search")
        self.command = widgets.Dropdown(description="command").add_class("wb-command")
        self.form = widgets.VBox()
        for control in (self.domain, self.search):
            control.observe(self._narrowed, "value")
        self.command.observe(self._chosen, "value")
        self.widget = widgets.VBox([self.domain, self.search, self.command, self.form])
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
                meant = [address for address in found if wanted in (address, address.rpartition(":")[2])]
                likely = [*meant, *[address for address in found if address == chosen], *found]
                self.command.value = likely[0] if likely else None
        finally:
            self._own = False
        if self.command.value != chosen:
            self._show()
        elif self._form is not None:
            self._form.refresh()

    def close(self) -> None:
        """Closes its widgets, and the form."""
        if self._form is not None:
            self._form.close()
        close(self.widget)

    def _narrowed(self, _: Any) -> None:
        with self._status.drawing:      # where it is another thread that fills, this is chosen
            if not self._own:
                self._status.run(self.refresh)

    def _chosen(self, _: Any) -> None:
        with self._status.drawing:
            if not self._own:
                self._status.run(self._show)

    def _show(self) -> None:
        earlier = self._form
        self._form = self._wb.form(self.command.value) if self.command.value else None
        told = box('<div class="dim">no command is called so</div>')
        show(self.form, [widgets.HTML(told) if self._form is None else self._form.widget])
        if earlier is not None:
            earlier.close()
